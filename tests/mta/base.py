"""What the private mail servers share: folders, ports, processes, waiting. Used by the classes of mailserver.py."""

import contextlib
import grp
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TLS_SUBJECT = "/CN=mx.victim.example"


class Trouble(Exception):
    """A server could not be started or used; the text says why, for people."""


def free_port():
    """A port that nobody listens on now. Another process may still take it: callers try again."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_ports(count):
    ports = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def wait_for(what, test, seconds=20, alive=None):
    """Polls test() until it is true and returns its value. alive: says why waiting has no sense any more, or None."""
    end = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        dead = alive() if alive else None
        if dead:
            raise Trouble(f"{what}: {dead}")
        if time.monotonic() > end:
            raise Trouble(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def connects(port=None, path=None):
    try:
        with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as probe:
            probe.settimeout(5)
            probe.connect(path or ("127.0.0.1", port))
            return True
    except OSError:
        return False


def write(path, text, mode=0o644, owner=None):
    """Writes a whole file under another name and moves it into place."""
    new = path + ".new"
    with open(new, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(new, mode)
    if owner:
        shutil.chown(new, *owner)
    os.rename(new, path)
    return path


def read(path):
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as source:
            return source.read()
    except FileNotFoundError:
        return ""


def end_process(pid, first=signal.SIGTERM, seconds=15):
    """Ends a process that is not our child (or is), and waits until it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        os.kill(pid, first)
        if not select.select([handle], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
            select.select([handle], [], [], seconds)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def run(*words, check=True, **options):
    done = subprocess.run(words, capture_output=True, text=True, errors="backslashreplace", **options)
    if check and done.returncode != 0:
        raise Trouble(f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done


def has_user(name):
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def has_group(name):
    with contextlib.suppress(KeyError):
        return grp.getgrnam(name)
    return None


def certificate(folder):
    """A self-signed certificate for this folder. Returns (certificate file, key file)."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    if not os.path.exists(cert):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", TLS_SUBJECT,
            "-keyout", key, "-out", cert)
        os.chmod(key, 0o600)
    return cert, key


class Folder:
    """A private folder that all servers of one test share. Removed at the end unless kept."""

    def __init__(self, path=None):
        base = tempfile.gettempdir()
        self.path = path or tempfile.mkdtemp(prefix="mr-", dir=base if len(base) < 30 else "/tmp")
        os.makedirs(self.path, exist_ok=True)
        os.chmod(self.path, 0o755)

    def make(self, name, mode=0o755, owner=None):
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        if owner:
            shutil.chown(path, *owner)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def why_not(*programs):
    """Why these servers cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root: mail servers change user"
    for program in programs:
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"{program} is not installed"
    return None


@contextlib.contextmanager
def running(*servers):
    """Starts all in order, stops all in the other order, whatever happens. Gives a function that lets them go on."""
    started = []
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for server in servers:
            started.append(server)
            server.start()
        yield started.clear
    finally:
        signal.signal(signal.SIGTERM, before)
        for server in reversed(started):
            try:
                server.stop()
            except Exception as fault:  # one server that cannot be stopped must not keep the others running
                print(f"# could not stop {type(server).__name__}: {fault}", file=sys.stderr)
