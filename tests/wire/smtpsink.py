"""A submission host on loopback for tests: takes mail, keeps what was said, and can offer AUTH and STARTTLS."""

import base64
import os
import socket
import ssl
import subprocess
import threading


def make_certificate(folder, name):
    """A certificate that signs itself, for that host name. Its file, which holds the key too; None without openssl."""
    path = os.path.join(folder, "sink.pem")
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2", "-keyout", path,
                        "-out", path + ".crt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    with open(path, "a") as whole, open(path + ".crt") as certificate:
        whole.write(certificate.read())
    return path


class Mail:
    def __init__(self):
        self.tls = False
        self.login = None
        self.sender = None
        self.to = []
        self.text = b""


class Session:
    def __init__(self, sink, connection):
        self.sink = sink
        self.connection = connection
        self.file = connection.makefile("rb")
        self.tls = False
        self.login = None
        self.mail = Mail()

    def say(self, line):
        self.connection.sendall(line.encode() + b"\r\n")

    def greet(self):
        words = ["sink.example", "SIZE 1000000"]
        if self.sink.certificate and not self.tls:
            words.append("STARTTLS")
        if self.sink.password and (self.tls or not self.sink.certificate):
            words.append("AUTH PLAIN")
        for word in words[:-1]:
            self.say("250-" + word)
        self.say("250 " + words[-1])

    def start_tls(self):
        self.say("220 go")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.sink.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.file = self.connection.makefile("rb")
        self.tls = True

    def authenticate(self, words):
        text = words[2] if len(words) > 2 else None
        if text is None:
            self.say("334 ")
            text = self.file.readline().decode().strip()
        _, login, password = base64.b64decode(text).decode().split("\0")
        if (login, password) == self.sink.password:
            self.login = login
            self.say("235 welcome")
        else:
            self.say("535 5.7.8 no")

    def take_text(self):
        self.say("354 go on")
        while True:
            line = self.file.readline()
            if not line:
                return
            if line == b".\r\n":
                break
            self.mail.text += line[1:] if line.startswith(b".") else line
        self.mail.tls, self.mail.login = self.tls, self.login
        self.sink.mails.append(self.mail)
        self.say("250 taken")
        self.mail = Mail()

    def answer(self, line):
        """False when the session is over."""
        self.sink.lines.append(line)
        words = line.split()
        verb = words[0].upper() if words else ""
        refusal = self.sink.refuse(line)
        if refusal:
            self.say(refusal)
        elif verb in ("EHLO", "HELO"):
            self.greet()
        elif verb == "STARTTLS" and self.sink.certificate:
            self.start_tls()
        elif verb == "AUTH":
            self.authenticate(words)
        elif verb == "MAIL":
            if self.sink.password and self.login is None:
                self.say("530 5.7.0 log in first")
            else:
                self.mail.sender = line[line.index("<"):line.index(">") + 1]
                self.say("250 ok")
        elif verb == "RCPT":
            self.mail.to.append(line[line.index("<") + 1:line.index(">")])
            self.say("250 ok")
        elif verb == "DATA":
            self.take_text()
        elif verb == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.say("250 ok")
        return True

    def run(self):
        try:
            self.say("220 sink.example")
            while True:
                line = self.file.readline()
                if not line or not self.answer(line.decode(errors="replace").rstrip("\r\n")):
                    break
        except (OSError, ValueError):
            pass
        finally:
            self.connection.close()


class Sink:
    """mails: what was taken. lines: what was said. refuse(line): an answer for a line, or None for the usual one."""

    def __init__(self, password=None, certificate=None, port=0):
        self.password = password
        self.certificate = certificate
        self.mails = []
        self.lines = []
        self.refuse = lambda line: None
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(20)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            threading.Thread(target=Session(self, connection).run, daemon=True).start()

    def close(self):
        # So that the thread in accept() wakes up and the port is free.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
