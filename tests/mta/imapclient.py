"""As much of an IMAP client (RFC 3501) as a login needs. Not imaplib: it cannot choose its own address."""

import socket


class ImapClient:
    """One connection to IMAP on loopback, from an address of our choice."""

    def __init__(self, port, source=None, timeout=30):
        host = "::1" if source and ":" in source else "127.0.0.1"
        self.socket = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        self.input = self.socket.makefile("rb")
        self.count = 0
        self.greeting = self._line()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()

    def _line(self):
        line = self.input.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("IMAP: the server closed the connection")
        return line.decode("utf-8", "backslashreplace").rstrip("\r\n")

    def command(self, text):
        """(whether it was OK, the last line without its tag)."""
        self.count += 1
        tag = f"c{self.count}"
        self.socket.sendall(f"{tag} {text}\r\n".encode())
        while True:
            line = self._line()
            if line.startswith(tag + " "):
                rest = line[len(tag) + 1:]
                return rest.startswith("OK"), rest

    def login(self, name, password):
        return self.command(f"LOGIN {_quoted(name)} {_quoted(password)}")


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
