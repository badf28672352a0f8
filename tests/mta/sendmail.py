"""A private Sendmail, out of Debian's packages, beside Postfix."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess

from base import Trouble, certificate, connects, end_process, free_port, read, run, wait_for, write


class Sendmail:
    """Sendmail out of Debian's packages, unpacked and not installed (it conflicts with Postfix).

    program_root: where they are unpacked. Passwords are checked by a stand-in for saslauthd, below.
    """

    def __init__(self, folder, program_root, milter=None, logins=None, domains=("victim.example",), relays=(),
                 open_relay=False):
        self.root = folder.make("sendmail")
        self.queue_folder = os.path.join(self.root, "queue")
        self.program = os.path.join(program_root, "usr/libexec/sendmail/sendmail")
        self.macros = os.path.join(program_root, "usr/share/sendmail/cf")
        self.milter, self.domains, self.relays = milter, domains, relays
        self.logins, self.open_relay = logins or {}, open_relay
        self.cert, self.key = certificate(self.root)
        self.password_pid = None

    def _macro_text(self):
        here = self.root
        features = ["nocanonify", "accept_unresolvable_domains", "accept_unqualified_senders", "no_default_msa",
                    "use_cw_file"] + (["promiscuous_relay"] if self.open_relay else [])
        defines = {
            "confDOMAIN_NAME": f"mx.{self.domains[0]}", "confSERVICE_SWITCH_FILE": f"{here}/service.switch",
            "QUEUE_DIR": self.queue_folder, "STATUS_FILE": f"{here}/statistics", "ALIAS_FILE": f"{here}/aliases",
            "confPID_FILE": f"{here}/pid", "confCW_FILE": f"{here}/local-host-names",
            "confDONT_BLAME_SENDMAIL": "GroupWritableDirPathSafe,GroupReadableKeyFile,TrustStickyBit",
            "confTO_IDENT": "0", "confTO_ICONNECT": "5s", "confLOG_LEVEL": "9",
            "confPRIVACY_FLAGS": "authwarnings,novrfy,noexpn", "confAUTH_OPTIONS": "A",
            "confAUTH_MECHANISMS": "LOGIN PLAIN", "confSERVER_CERT": self.cert, "confSERVER_KEY": self.key,
            "confCACERT": self.cert, "confCACERT_PATH": here, "confTLS_SRV_OPTIONS": "V",
            # By default it closes its port while the machine is busy.
            "confREFUSE_LA": "1000", "confQUEUE_LA": "1000", "confDELAY_LA": "1000",
            "confBAD_RCPT_THROTTLE": "0", "LOCAL_MAILER_PATH": "/bin/true", "LOCAL_MAILER_ARGS": "true",
            "SMART_HOST": "relay:[127.0.0.1]", "RELAY_MAILER_ARGS": "TCP $h 9",
        }
        lines = [f"include(`{self.macros}/m4/cf.m4')dnl", "VERSIONID(`private')", "OSTYPE(`linux')dnl"]
        lines += [f"define(`{name}', `{value}')dnl" for name, value in defines.items()]
        lines += ["TRUST_AUTH_MECH(`LOGIN PLAIN')dnl"]
        lines += [f"FEATURE(`{name}')dnl" for name in features]
        lines += [f"DAEMON_OPTIONS(`Family=inet, Name=MTA, Port={self.port}, Addr=127.0.0.1')dnl"]
        lines += [f"RELAY_DOMAIN(`{name}')dnl" for name in self.relays]
        if self.milter:
            lines += [f"INPUT_MAIL_FILTER(`mailreeve', `S={self.milter}, F=T, T=C:10s;S:10s;R:30s;E:60s')dnl"]
        lines += ["MAILER(`local')dnl", "MAILER(`smtp')dnl"]
        lines += ["LOCAL_CONFIG", f"ESASL_CONF_PATH={here}"]
        return "\n".join(lines) + "\n"

    def _write(self):
        self.port = free_port()
        here = self.root
        os.makedirs(self.queue_folder, 0o700, exist_ok=True)
        write(f"{here}/service.switch", "passwd files\nhosts files\naliases files\n")
        write(f"{here}/local-host-names", "\n".join(self.domains) + "\n")
        names = ["postmaster", "root", "MAILER-DAEMON", "alice", "bob", "carol", "sales", "zoe"]
        write(f"{here}/aliases", "".join(f"{name}: /dev/null\n" for name in names))
        write(f"{here}/statistics", "", 0o600)
        write(f"{here}/sendmail.mc", self._macro_text())
        done = run("m4", f"-D_CF_DIR_={self.macros}/", f"{here}/sendmail.mc")
        self.config = write(f"{here}/sendmail.cf", done.stdout)
        write(f"{here}/Sendmail.conf",
              f"pwcheck_method: saslauthd\nsaslauthd_path: {here}/mux\nmech_list: PLAIN LOGIN\n")

    def _command(self, *words, config=None):
        """Runs Sendmail where the host name has a dot, else it sleeps a minute at each start."""
        script = f"hostname mx.{self.domains[0]} && exec \"$@\""
        return ["unshare", "-u", "sh", "-c", script, "sh", self.program, f"-C{config or self.config}", *words]

    def start(self):
        for attempt in range(5):
            self._write()
            run(*self._command("-bi"))
            self._start_passwords()
            done = run(*self._command("-bd", "-q30m"), check=False, stdin=subprocess.DEVNULL)
            if done.returncode == 0:
                with contextlib.suppress(Trouble):
                    wait_for(f"Sendmail on port {self.port}", lambda: connects(self.port), 10)
                    return
            self.stop()
        raise Trouble(f"Sendmail did not start: {done.stdout}{done.stderr}")

    def _start_passwords(self):
        """saslauthd's protocol: four counted strings in, one out. A child, so that it lives as long as the server."""
        listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.root}/mux")
        listener.bind(f"{self.root}/mux")
        listener.listen(16)
        self.password_pid = os.fork()
        if self.password_pid == 0:
            with contextlib.suppress(BaseException):
                _answer_passwords(listener, self.logins)
            os._exit(0)
        listener.close()

    def stop(self):
        text = read(f"{self.root}/pid").split()
        if text and text[0].isdigit() and self.root in read(f"/proc/{text[0]}/cmdline") + " ".join(text):
            end_process(int(text[0]))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.root}/pid")
        if self.password_pid:
            os.kill(self.password_pid, signal.SIGKILL)
            os.waitpid(self.password_pid, 0)
            self.password_pid = None

    def queue(self):
        """Names and text of the control files in the queue: qf... waits, hf... is on hold."""
        return _control_files(self.queue_folder)

    def _submission_macros(self):
        """The configuration of the sendmail command: it hands mail over to the daemon by SMTP, as Debian's does."""
        here = self.root
        defines = {"confCF_VERSION": "Submit", "__OSTYPE__": "", "MSP_QUEUE_DIR": f"{here}/submit",
                   "confDOMAIN_NAME": f"mx.{self.domains[0]}", "confSERVICE_SWITCH_FILE": f"{here}/service.switch",
                   "STATUS_FILE": f"{here}/statistics", "confPID_FILE": f"{here}/submit.pid",
                   "confRUN_AS_USER": "mail:mail", "confTO_IDENT": "0", "confDELIVERY_MODE": "i",
                   "RELAY_MAILER_ARGS": f"TCP $h {self.port}",
                   "confDONT_BLAME_SENDMAIL": "GroupWritableDirPathSafe,TrustStickyBit"}
        lines = [f"include(`{self.macros}/m4/cf.m4')dnl", "VERSIONID(`private')"]
        lines += [f"define(`{name}', `{value}')dnl" for name, value in defines.items()]
        return "\n".join(lines) + "\nFEATURE(`msp', `[127.0.0.1]')dnl\n"

    def submit(self, arguments, text):
        """The sendmail command, as a web application would run it. Returns how it ended and its own queue."""
        folder = os.path.join(self.root, "submit")
        os.makedirs(folder, 0o770, exist_ok=True)
        shutil.chown(folder, "mail", "mail")
        macros = write(f"{self.root}/submit.mc", self._submission_macros())
        config = write(f"{self.root}/submit.cf", run("m4", f"-D_CF_DIR_={self.macros}/", macros).stdout)
        done = run(*self._command("-Ac", *arguments, config=config), check=False, input=text)
        return done, _control_files(folder)


def _control_files(folder):
    return {name: read(os.path.join(folder, name)) for name in os.listdir(folder) if name[:2] in ("qf", "hf")}


def _answer_passwords(listener, logins):
    def counted(peer):
        head = peer.recv(2, socket.MSG_WAITALL)
        return peer.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL).decode() if head != b"\0\0" else ""

    while True:
        peer, _ = listener.accept()
        with peer:
            login, password, _service, realm = (counted(peer) for _ in range(4))
            known = {login, f"{login}@{realm}"} & set(logins)
            good = any(logins[name] == password for name in known)
            answer = b"OK" if good else b"NO"
            peer.sendall(len(answer).to_bytes(2, "big") + answer)


def why_no_sendmail():
    """Why Sendmail cannot be tested here, or None."""
    if sendmail_root() is None:
        return "Sendmail is not unpacked here; contrib/check does it"
    if run("unshare", "-u", "true", check=False).returncode != 0:
        return "Sendmail needs a host name with a dot, and unshare(1) may not give it one here (CAP_SYS_ADMIN)"
    return None


def sendmail_root():
    """Where contrib/check unpacked Sendmail, or None."""
    cache = os.environ.get("MAILREEVE_SENDMAIL") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or "/var/cache", "mailreeve-sendmail")
    root = os.path.join(cache, "root")
    return root if os.path.exists(os.path.join(root, "usr/libexec/sendmail/sendmail")) else None


CLONE_NEWNET, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x40000000, 0x8914, 0x8916, 1


def private_network(addresses):
    """Moves this process, and what it starts, into a network of its own whose loopback has these IPv4 addresses too, so
    that they can be clients. False when the system does not allow it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        for number, address in enumerate(addresses):
            alias = f"lo:{number + 1}".encode()
            request = struct.pack("16sHH4s8x", alias, socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(control, SIOCSIFADDR, request)
    return True
