"""A private mailreeved for tests: its own folder, policy, sockets and log. Stopped by its own process id."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

POLICY = """
domains = [ "victim.example" ]
hostnames = [ "mx.victim.example" ]
own_addresses = [ "192.0.2.25" ]
networks: { office: { addresses = [ "192.0.2.128/25" ] } }
access: { mode = "enforce"  deny = [ "203.0.113.66/32" ] }
relay: { mode = "enforce"  networks = [ "office" ] }
"""


class Late(Exception):
    """Something did not happen in time."""


def wait_for(what, test, seconds=20):
    """Polls until test() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(what)
        time.sleep(0.01)


class Daemon:
    def __init__(self, build, user=None, folder=None):
        self.build = build
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="mailreeve-wire-")
        self.user = user or ("root" if os.geteuid() == 0 else "")
        self.socket = os.path.join(self.folder, "run", "milter.sock")
        self.control = os.path.join(self.folder, "run", "control.sock")
        self.events_file = os.path.join(self.folder, "log", "events.ndjson")
        self.policy_file = os.path.join(self.folder, "mailreeve.conf")
        self.messages_file = os.path.join(self.folder, "messages")
        self.process = None
        self.notes = []
        self.notify = None
        self.before_exec = None
        if self.own_folder:
            os.mkdir(os.path.join(self.folder, "run"), 0o750)
            os.mkdir(os.path.join(self.folder, "log"), 0o750)

    def write(self, rules=POLICY, events=None, **settings):
        """The policy: rules, and the settings of this folder. settings: name="value", as they stand in the file."""
        lines = {"milter": f'"unix:{self.socket}"', "control": f'"unix:{self.control}"',
                 "user": f'"{self.user}"', "log": f'{{ events = "{events or self.events_file}" }}'}
        lines.update(settings)
        if "state" not in lines and not re.search(r"^\s*state\b", rules, re.M):
            rules += '\nstate: { directory = "none" }\n'  # tests share nothing
        # A new file each time, so that no reader ever sees half of one.
        with open(self.policy_file + ".new", "w") as file:
            file.write("".join(f"{name} = {value}\n" for name, value in lines.items() if name != "log"))
            file.write(f"log: {lines['log']}\n" + rules)
        os.chmod(file.name, 0o644)
        os.rename(file.name, self.policy_file)

    def program(self, name="mailreeved"):
        return os.path.join(self.build, "milter", name if name == "mailreeved" else "ctl/" + name)

    def spawn(self, *arguments):
        """Starts the process without waiting for it."""
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.settimeout(0)
        name = "mailreeve-test-%d-%d" % (os.getpid(), id(self))
        self.notify.bind("\0" + name)
        environment = {**os.environ, "NOTIFY_SOCKET": "@" + name}
        with open(self.messages_file, "ab") as messages:
            self.process = subprocess.Popen([self.program(), "-f", "-c", self.policy_file, *arguments],
                                            stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, env=environment,
                                            preexec_fn=self.before_exec)
        self.notes = []
        return self

    def read_notes(self):
        while True:
            try:
                self.notes.append(self.notify.recv(4096).decode())
            except OSError:
                return self.notes

    def await_note(self, what, count=1):
        def seen():
            if self.process.poll() is not None:
                raise Late(f"mailreeved ended with {self.process.returncode}: {self.messages()[-1500:]}")
            return sum(what in note for note in self.read_notes()) >= count
        wait_for("note " + what, seen, 30)

    def start(self, rules=None, **settings):
        if rules is not None or settings or not os.path.exists(self.policy_file):
            self.write(POLICY if rules is None else rules, **settings)
        self.spawn()
        self.await_note("READY=1")
        return self

    def worker(self):
        """The process id of the worker."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        return int(children[0]) if children else 0

    def send(self, number):
        os.kill(self.process.pid, number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """The exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.notify.close()
        self.process = None
        return status

    def remove(self):
        self.stop()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def mailreeve(self, *arguments, seconds=60, **more):
        return subprocess.run([self.program("mailreeve"), *arguments], capture_output=True, text=True, timeout=seconds,
                              check=False, **more)

    def messages(self):
        with open(self.messages_file, errors="replace") as file:
            return file.read()

    def events(self, path=None):
        """The event lines that are whole by now."""
        try:
            with open(path or self.events_file, "rb") as file:
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def await_event(self, test, seconds=10, path=None):
        return wait_for("event", lambda: next((e for e in self.events(path) if test(e)), None), seconds)

    def await_action(self, action, count=1, seconds=10):
        return wait_for(f"{count} events {action}",
                        lambda: (lambda found: found if len(found) >= count else None)(
                            [e for e in self.events() if e["event"]["action"] == action]), seconds)
