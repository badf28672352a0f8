"""The mail server's side of the milter protocol, for tests: speaks to a filter as Postfix or Sendmail do, or as badly
as a test wants. Python standard library only.

A Session is one connection. Each step sends what the protocol asks for and returns the answer as text:
"continue", "reject", "tempfail", "550 5.7.1 words", or None when no answer was agreed or the step is left out.
"""

import socket
import struct

PROTOCOL = 6

# What the filter may do (SMFIF_*).
QUARANTINE, SETSYMLIST = 0x20, 0x100
ALL_ACTIONS = 0x1FF

# Steps left out, and steps without an answer (SMFIP_*).
NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40
NR_HDR, NOUNKNOWN, NODATA, SKIP, RCPT_REJ = 0x80, 0x100, 0x200, 0x400, 0x800
NR_CONN, NR_HELO, NR_MAIL, NR_RCPT = 0x1000, 0x2000, 0x4000, 0x8000
NR_DATA, NR_UNKN, NR_EOH, NR_BODY, HDR_LEADSPC = 0x10000, 0x20000, 0x40000, 0x80000, 0x100000
ALL_STEPS = 0x1FFFFF
OLD_STEPS = 0x7F  # protocol 2

OURS = "@victim.example"  # what the mail server that is played here delivers itself

ANSWERS = {b"c": "continue", b"r": "reject", b"t": "tempfail", b"a": "accept", b"d": "discard", b"s": "skip"}


def text(value):
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


class Gone(Exception):
    """The filter closed the connection."""


class Session:
    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.actions = self.steps = 0
        self.symbols = {}
        self.held = None

    # Packets

    def send(self, command, data=b""):
        self.socket.sendall(struct.pack(">I", len(data) + 1) + text(command) + data)

    def _exactly(self, n):
        got = b""
        while len(got) < n:
            part = self.socket.recv(n - len(got))
            if not part:
                raise Gone()
            got += part
        return got

    def receive(self):
        length = struct.unpack(">I", self._exactly(4))[0]
        packet = self._exactly(length)
        return packet[:1], packet[1:]

    def answer(self):
        """The final answer of a step; a quarantine order on the way is kept in self.held."""
        while True:
            code, data = self.receive()
            if code == b"q":
                self.held = data.rstrip(b"\0").decode()
                continue
            if code == b"y":
                return data.rstrip(b"\0").decode()
            return ANSWERS.get(code, "unknown answer %r" % code)

    def _step(self, command, data, left_out=0, no_answer=0):
        if self.steps & left_out:
            return None
        self.send(command, data)
        return None if self.steps & no_answer else self.answer()

    def macros(self, stage, values):
        """values: name to value; {} sends an empty packet, None sends none."""
        if values is not None:
            self.send("D", text(stage) + b"".join(text(n) + b"\0" + text(v) + b"\0" for n, v in values.items()))

    # Steps

    def negotiate(self, version=PROTOCOL, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.send("O", struct.pack(">III", version, actions, steps))
        code, data = self.receive()
        assert code == b"O", code
        _, self.actions, self.steps = struct.unpack(">III", data[:12])
        rest = data[12:]
        while rest:
            stage = struct.unpack(">I", rest[:4])[0]
            names, rest = rest[4:].split(b"\0", 1)
            self.symbols[stage] = names.decode()
        return self

    def connect(self, name="client.example", address="203.0.113.9", port=40000, family=None, macros=None):
        family = family or ("6" if ":" in (address or "") else "4")
        data = text(name) + b"\0" + text(family)
        if family != "U":
            data += struct.pack(">H", port) + (b"IPv6:" if family == "6" else b"") + text(address) + b"\0"
        self.macros("C", {"j": "mx.victim.example", "{daemon_name}": "smtpd", "{daemon_addr}": "192.0.2.25",
                          "{daemon_port}": "25", "{client_addr}": address or "unknown", "{client_port}": str(port)}
                    if macros is None else macros or None)
        return self._step("C", data, NOCONNECT, NR_CONN)

    def helo(self, name="client.example", macros=None):
        self.macros("H", macros)
        return self._step("H", text(name) + b"\0", NOHELO, NR_HELO)

    def mail(self, path="<sender@elsewhere.example>", *parameters, login=None, macros=None):
        if macros is None:
            macros = {"j": "mx.victim.example"}
            if login is not None:
                macros.update({"{auth_type}": "PLAIN", "{auth_authen}": login})
        self.macros("M", macros or None)
        return self._step("M", b"\0".join(text(p) for p in (path, *parameters)) + b"\0", NOMAIL, NR_MAIL)

    def rcpt(self, path="<user@victim.example>", addr=None, host=None, mailer=None, macros=None):
        if macros is None:
            path = path.decode("latin-1") if isinstance(path, bytes) else path
            macros = {"j": "mx.victim.example", "{rcpt_addr}": addr if addr is not None else path.strip("<>"),
                      "{rcpt_mailer}": mailer or ("local" if OURS in path else "smtp"),
                      "{rcpt_host}": host or path.strip("<>").rpartition("@")[2]}
        self.macros("R", macros or None)
        return self._step("R", text(path) + b"\0", NORCPT, NR_RCPT)

    def header(self, name, value):
        return self._step("L", text(name) + b"\0" + text(value) + b"\0", NOHDRS, NR_HDR)

    def end_of_headers(self):
        return self._step("N", b"", NOEOH, NR_EOH)

    def body(self, chunk):
        return self._step("B", text(chunk), NOBODY, NR_BODY)

    def end_of_message(self, queue_id="4TEST", message_id=None, size=None, macros=None):
        if macros is None:
            macros = {"i": queue_id}
            if message_id:
                macros["{msg_id}"] = message_id
            if size is not None:
                macros["{msg_size}"] = str(size)
        self.macros("E", macros or None)
        return self._step("E", b"")

    def abort(self):
        """RSET: never answered."""
        self.send("A")

    def quit(self):
        self.send("Q")
        self.socket.close()

    def drop(self):
        """The mail server goes away in the middle."""
        self.socket.close()

    # A whole message

    def message(self, sender="<sender@elsewhere.example>", to=("<user@victim.example>",), login=None, queue_id="4TEST",
                headers=(("From", "sender@elsewhere.example"),), body=b"hello\r\n"):
        """MAIL to end of message; returns the answers as a list: MAIL, each RCPT, and the end if it was reached."""
        answers = [self.mail(sender, login=login)]
        if answers[0] != "continue":
            return answers
        answers += [self.rcpt(path) for path in to]
        if "continue" not in answers[1:]:
            self.abort()
            return answers
        for name, value in headers:
            self.header(name, value)
        self.end_of_headers()
        self.body(body)
        answers.append(self.end_of_message(queue_id))
        return answers


def opened(path, address="203.0.113.9", **more):
    """A session that has said HELO."""
    session = Session(path).negotiate()
    session.connect(address=address, **more)
    session.helo()
    return session
