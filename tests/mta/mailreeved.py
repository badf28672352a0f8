"""mailreeved with a policy of the test's own, and its event log."""

import collections
import contextlib
import json
import os
import re
import select
import socket
import subprocess
import sys
import time

from base import Trouble, has_group, read, run, wait_for, write


class Mailreeved:
    """The daemon, with a policy of the test's own. @NAME@ in the policy stands for things of this folder."""

    def __init__(self, folder, build=None, user="nobody", group="postfix"):
        self.build = build or build_folder()
        self.root = folder.make("mailreeve")
        root = os.geteuid() == 0
        self.group = group if root and has_group(group) else None
        owner = (user, self.group or None) if root else None
        self.run_folder = folder.make("mailreeve/run", 0o750, owner)
        self.log_folder = folder.make("mailreeve/log", 0o755, owner)
        self.user = user if root else ""
        self.socket = os.path.join(self.run_folder, "milter.sock")
        self.milter = "unix:" + self.socket
        self.policy = os.path.join(self.root, "mailreeve.conf")
        self.events_file = os.path.join(self.log_folder, "events.ndjson")
        self.messages_file = os.path.join(self.root, "messages")
        self.process = None
        self.taken = 0
        self.seen = []
        self.rest = b""
        self.input = None

    def head(self, **more):
        """The settings that depend on this folder."""
        lines = [f'milter = "{self.milter}"', f'control = "unix:{self.run_folder}/control.sock"',
                 f'user = "{self.user}"', 'milter_mode = "0660"']
        if self.group:
            lines.append(f'milter_group = "{self.group}"')
        log = {"events": self.events_file, **more}
        lines.append("log: { " + " ".join(f'{name} = "{value}"' for name, value in log.items()) + " }")
        return "\n".join(lines) + "\n"

    def write(self, policy, **log):
        """policy: all but the settings of head(). Files that it names can be made with file()."""
        if not re.search(r"^\s*state\b", policy, re.M):
            policy += '\nstate: { directory = "none" }\n'  # tests share nothing
        if not re.search(r"^\s*hijack\b", policy, re.M):
            policy += '\nhijack: { mode = "off" }\n'  # a case after the other looks like a thief at work
        return write(self.policy, self.head(**log) + policy)

    def file(self, name, text):
        return write(os.path.join(self.root, name), text)

    def start(self, policy=None):
        if policy is not None:
            self.write(policy)
        path = os.path.join(self.root, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(self.messages_file, "ab") as messages:
            ready.bind(path)
            os.chmod(path, 0o666)
            self.process = subprocess.Popen(
                [os.path.join(self.build, "milter/mailreeved"), "-f", "-c", self.policy], stdin=subprocess.DEVNULL,
                stdout=messages, stderr=messages, start_new_session=True,
                env={**os.environ, "NOTIFY_SOCKET": path})
            self._await_ready(ready)

    def _await_ready(self, ready):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if select.select([ready], [], [], 0.1)[0] and b"READY=1" in ready.recv(65536):
                return
            if self.process.poll() is not None:
                raise Trouble(f"mailreeved ended with status {self.process.returncode}: "
                              f"{read(self.messages_file)[-2000:]}")
        raise Trouble(f"mailreeved is not ready after 30 s: {read(self.messages_file)[-2000:]}")

    def stop(self):
        """Returns the exit status."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process = None
        return status

    def command(self, *words):
        return run(os.path.join(self.build, "milter/ctl/mailreeve"), *words, check=False)

    def reload(self, policy=None, **log):
        """Puts policy in force; returns what the command said. Trouble when it was refused."""
        if policy is not None:
            self.write(policy, **log)
        done = self.command("reload", "-c", self.policy)
        if done.returncode not in (0, 1):
            raise Trouble(f"reload: exit status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def _take(self):
        """Reads the event lines that have come since the last time."""
        if self.input is None:
            try:
                self.input = open(self.events_file, "rb")
            except FileNotFoundError:
                return
        self.rest += self.input.read()
        *lines, self.rest = self.rest.split(b"\n")
        self.seen += [json.loads(line) for line in lines]

    def mark(self):
        """Everything up to here is past: returns a mark for wait_event() and events()."""
        self._take()
        return len(self.seen)

    def events(self, since=0):
        self._take()
        return self.seen[since:]

    def wait_event(self, since, test, seconds=15):
        """The first event after the mark for which test(event) is true."""
        place = since

        def look():
            nonlocal place
            self._take()
            for event in self.seen[place:]:
                place += 1
                if test(event):
                    return event
            return None

        try:
            return wait_for("event line", look, seconds)
        except Trouble as trouble:
            lines = "\n".join(json.dumps(event) for event in self.seen[since:])
            raise Trouble(f"{trouble}; came instead:\n{lines or '(nothing)'}") from None

    def verdict(self, since, **wanted):
        """The verdict line after the mark; wanted: field of get() with "__" for "." -> value."""
        wanted = {name.replace("__", "."): value for name, value in wanted.items()}
        return self.wait_event(since, lambda event: get(event, "event.action") == "verdict" and
                               all(get(event, name) == value for name, value in wanted.items()))


def get(event, path, otherwise=None):
    """A field by its dotted name."""
    for part in path.split("."):
        if not isinstance(event, dict) or part not in event:
            return otherwise
        event = event[part]
    return event


def build_folder():
    """Where the programs were built: the environment says so, or the current folder holds them."""
    for name in (os.environ.get("MAILREEVE_BUILD"), os.environ.get("top_builddir"), os.getcwd(),
                 os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")):
        if name and os.path.exists(os.path.join(name, "milter", "mailreeved")):
            return os.path.abspath(name)
    raise Trouble("milter/mailreeved is not built: run make, or set MAILREEVE_BUILD to the build folder")


def check_event_lines(tap, daemon):
    """Two tests: every event line of this daemon is valid against the schema that ships; no number of a start is missing or given twice.

    Threads take a number and then write: two lines may stand in the other order, so the numbers are counted."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario")
    sys.path.insert(0, here)
    try:
        import validate_events
        problems = validate_events.validate(daemon.events_file)
    except ImportError as missing:
        tap.skip("event lines against the schema", f"cannot import {missing.name}: install python3-jsonschema")
        return
    tap.equal(problems[:10], [], f"all {daemon.mark()} event lines are valid against the schema")
    given = collections.Counter(get(event, "event.sequence") for event in daemon.events())
    starts = sum(get(event, "event.action") == "started" for event in daemon.events())
    wrong = [n for n in range(1, max(given) + 1) if not 1 <= given[n] <= (starts if n == 1 else given[n - 1])]
    tap.equal((wrong, given[1]), ([], starts), "event.sequence counts the lines of each start from 1, with no gap")
