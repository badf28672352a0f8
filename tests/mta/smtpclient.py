"""An SMTP client that types what it is told, byte by byte.

Not smtplib: tests need malformed commands, raw bytes, pipelining and every line of an answer. Used by tests/mta and by
contrib/try.
"""

import base64
import socket
import ssl


class Answer:
    """One SMTP answer: code, and its lines without the codes."""

    def __init__(self, code, lines):
        self.code = code
        self.lines = lines

    @property
    def text(self):
        return " ".join(self.lines)

    def __str__(self):
        return f"{self.code} {self.text}"

    __repr__ = __str__


class Gone(Exception):
    """The server closed the connection."""


class Client:
    """One connection. Addresses and lines may be text (sent as UTF-8) or bytes."""

    def __init__(self, port, source=None, host="127.0.0.1", timeout=30):
        self.socket = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        self.buffer = b""
        self.greeting = self.answer()
        self.features = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise Gone(self.buffer.decode("latin-1"))
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def answer(self):
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return Answer(int(line[:3]), lines)

    def command(self, line):
        self.send(_bytes(line) + b"\r\n")
        return self.answer()

    def ehlo(self, name="client.outside.example"):
        reply = self.command(b"EHLO " + _bytes(name))
        self.features = reply.lines[1:]
        return reply

    def helo(self, name):
        return self.command(b"HELO " + _bytes(name))

    def mail(self, path, *parameters):
        """path: with its angle brackets."""
        return self.command(b" ".join([b"MAIL FROM:" + _bytes(path)] + [_bytes(p) for p in parameters]))

    def rcpt(self, path):
        return self.command(b"RCPT TO:" + _bytes(path))

    def data(self, headers="", body="A short text.\n"):
        """DATA and the message. Returns the last answer; the first one when that was a refusal."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        text = (headers.rstrip("\n") + "\n\n" if headers else "Subject: a test\n\n") + body
        lines = [b"." + line if line.startswith(b".") else line for line in _bytes(text).split(b"\n")]
        self.send(b"\r\n".join(lines) + b"\r\n.\r\n")
        return self.answer()

    def rset(self):
        return self.command("RSET")

    def quit(self):
        try:
            return self.command("QUIT")
        except (Gone, OSError):
            return None
        finally:
            self.close()

    def starttls(self):
        reply = self.command("STARTTLS")
        if reply.code == 220:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        return reply

    def login(self, name, password):
        token = base64.b64encode(b"\0" + _bytes(name) + b"\0" + _bytes(password))
        return self.command(b"AUTH PLAIN " + token)

    def xclient(self, *, address=None, login=None, name=None):
        """Plays another client. Login first: after ADDR the right to XCLIENT is usually gone."""
        words = []
        if login is not None:
            words.append("LOGIN=" + (login or "[UNAVAILABLE]"))
        if name is not None:
            words.append("NAME=" + name)
        if address is not None:
            words.append("ADDR=" + ("IPV6:" + address if ":" in address else address))
        return self.command("XCLIENT " + " ".join(words))

    def pipelined(self, lines):
        """Sends all lines in one packet, then reads as many answers."""
        self.send(b"".join(_bytes(line) + b"\r\n" for line in lines))
        return [self.answer() for _ in lines]


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")
