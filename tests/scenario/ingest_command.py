#!/usr/bin/python3
"""mailreeve ingest as a command: what it reads, how it follows a log, and that no login it has read is lost while the
daemon is away. Most tests play against a stand-in for the daemon's control socket, the last ones against mailreeved."""
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "wire")]
from daemon import Daemon, wait_for  # noqa: E402

BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
COMMAND = os.path.join(BUILD, "milter", "ctl", "mailreeve")
CORPUS = os.path.join(HERE, "..", "corpus", "maillog")
FILES = ("postfix.txt", "sendmail.txt", "dovecot.txt", "cyrus.txt", "lines.txt")


def corpus():
    """(what is expected, line) of all lines."""
    for name in FILES:
        expected = None
        with open(os.path.join(CORPUS, name), encoding="utf-8") as file:
            for text in file.read().split("\n"):
                if text.startswith("> "):
                    yield expected, text[2:]
                elif text == "none":
                    expected = None
                elif text and not text.startswith("#"):
                    meaning, protocol, address, tries, login = text.split(" ", 4)
                    expected = {"success": meaning == "good", "protocol": protocol, "ip": address, "tries": int(tries),
                                "login": login[1:-1] if login != "-" else None,
                                "fail_type": "account" if meaning == "nouser" else None}


def bad_login(number, address="192.0.2.7"):
    """A line of now: a wrong password of login-NUMBER."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return (f"{stamp} mx1 postfix/smtpd[7]: warning: unknown[{address}]: SASL LOGIN authentication failed: x, "
            f"sasl_username=login-{number}\n")


def logins(facts):
    """The numbers of bad_login."""
    return [int(fact["login"].split("-")[1]) for fact in facts]


def run(*arguments, data=b"", folder=None):
    return subprocess.run([COMMAND, "ingest", *arguments], input=data, capture_output=True, cwd=folder, check=False,
                          timeout=60, env={**os.environ, "TZ": "UTC"})


def facts_of(data, *arguments):
    return [json.loads(line) for line in run("--facts", *arguments, data=data).stdout.splitlines()]


class StandIn:
    """The daemon's control socket: keeps the facts that it is told."""

    def __init__(self, folder, answer=None):
        self.path = os.path.join(folder, "control.sock")
        self.answer, self.facts, self.requests, self.longest, self.faults = answer, [], 0, 0, []
        self.server = self.thread = None

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(5)
        self.thread = threading.Thread(target=self.serve, args=(self.server,))
        self.thread.start()
        return self

    def serve(self, server):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client, client.makefile("rwb") as stream:
                line = stream.readline()
                try:
                    request = json.loads(line)
                    answer = self.take(request)
                except (ValueError, KeyError) as fault:
                    self.faults.append(repr(fault))
                    answer = {"error": "not understood"}
                self.longest = max(self.longest, len(line))
                self.requests += 1
                with contextlib.suppress(OSError):
                    stream.write(json.dumps(answer).encode() + b"\n")
                    stream.flush()

    def take(self, request):
        if request["command"] != "fact" or not 1 <= len(request["facts"]) <= 200:
            self.faults.append("an odd request")
        if self.answer is not None:
            return self.answer
        self.facts += request["facts"]
        return {"taken": len(request["facts"])}

    def stop(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
        os.unlink(self.path)

    def await_logins(self, wanted):
        """Waits for so many facts; the numbers of their logins."""
        with contextlib.suppress(Exception):
            wait_for(f"{wanted} facts", lambda: len(self.facts) >= wanted)
        return logins(self.facts)


@contextlib.contextmanager
def standing_in(folder, **more):
    stand_in = StandIn(folder, **more).start()
    try:
        yield stand_in
    finally:
        stand_in.stop()


class Running:
    """The command in the background. Ended by its own process id."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen([COMMAND, "ingest", *arguments], stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**os.environ, "TZ": "UTC"})
        self.said = b""

    def __enter__(self):
        return self

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def await_said(self, text):
        """Waits until it said text on standard error."""
        os.set_blocking(self.process.stderr.fileno(), False)

        def said():
            self.said += self.process.stderr.read() or b""
            return text in self.said
        wait_for(text.decode(), said)

    def end(self, number=signal.SIGTERM):
        """The exit status."""
        self.process.send_signal(number)
        return self.process.wait(20)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


TESTS = []


def test(function):
    TESTS.append(function)
    return function


@test
def prints_the_facts_of_every_line(folder):
    """The facts of the corpus, from a file and from a pipe, in the order of the lines; replay takes them all."""
    lines = list(corpus())
    path = os.path.join(folder, "log")
    append(path, "".join(line + "\n" for _, line in lines))
    wanted = [expected for expected, _ in lines if expected is not None for _ in range(expected["tries"])]
    ran = run("--facts", path)
    facts = [json.loads(line) for line in ran.stdout.splitlines()]
    yield "status", ran.returncode, 0
    yield "how many", len(facts), len(wanted)
    for fact, expected in zip(facts, wanted):
        found = {name: fact.get(name) for name in ("login", "protocol", "success", "fail_type")}
        yield "fact", {**found, "ip": fact["client"]["ip"]}, {k: v for k, v in expected.items() if k != "tries"}
    with open(path, "rb") as file:  # what has no time of its own has the pipe's
        piped = facts_of(file.read())
    yield "a pipe", [{**fact, "time": 0} for fact in piped], [{**fact, "time": 0} for fact in facts]
    played = subprocess.run([COMMAND, "replay", "-c", os.path.join(folder, "policy")], input=ran.stdout, check=False,
                            capture_output=True)
    yield "replay", (played.returncode, b":" in played.stderr.replace(b"replay:", b"")), (0, False)
    said = re.sub(r"\d+", "N", ran.stderr.decode())
    yield "what is said", said, "mailreeve ingest: N lines: N logins, N failed logins\n"


@test
def says_what_it_read(folder):
    """The summary counts lines, logins, failed ones and lines that are too long; --json has the same."""
    good = [line for expected, line in corpus() if expected and expected["success"]][0]
    data = (good + "\n" + bad_login(1) + "\n\r\nno log at all\n" + "x" * 9000 + "\n").encode()
    said = json.loads(run("--facts", "--json", data=data).stderr)
    yield "summary", said, {"lines": 4, "logins": 1, "failures": 1, "old": 0, "too_long": 1, "refused": 0,
                            "not_told": 0}


@test
def bounds_the_length_of_a_line(folder):
    """8192 bytes are read, more are counted and passed over, and the line behind is read."""
    for n, too_long in ((8192, 0), (8193, 1), (1 << 20, 1)):
        ran = run("--facts", "--json", data=b"x" * n + b"\n" + bad_login(5).encode())
        yield f"{n}", (json.loads(ran.stderr)["too_long"], ran.stdout.count(b"login-5")), (too_long, 1)
    longest = [bad_login(1).replace("login-1", "l" * n).encode() for n in (320, 321)]
    yield "a login that nobody has", [len(f.get("login", "")) for f in facts_of(b"".join(longest))], [320, 0]


def entry(message, binary=False, **fields):
    """An entry in the Journal Export Format."""
    parts = [b"__CURSOR=s=1;i=2\n", b"__REALTIME_TIMESTAMP=1795323600250000\n"]
    for name, value in {"SYSLOG_IDENTIFIER": "postfix/smtpd", **fields}.items():
        if value is not None:
            parts.append(f"{name}={value}\n".encode())
    data = message if isinstance(message, bytes) else message.encode()
    parts.append(b"MESSAGE\n" + struct.pack("<Q", len(data)) + data + b"\n" if binary else b"MESSAGE=" + data + b"\n")
    return b"".join(parts) + b"\n"


@test
def reads_the_journal(folder):
    """Fields as text and as bytes, other fields passed over, a message of more lines is none of a mail server."""
    message = "warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: x, sasl_username="
    data = b"".join((
        entry(message + "a"), entry(message + "b", binary=True),
        entry(message + "c", SYSLOG_IDENTIFIER=None, _COMM="postfix/smtpd"),
        entry(message + "d", SYSLOG_IDENTIFIER="web", _COMM="postfix/smtpd"),
        entry(message + "e\nNov 22 05:00:00 mx1 postfix/smtpd[1]: " + message + "f", binary=True),
        entry(message + "g=h=", X_LONG="y" * 100000), entry((message + "\xe9").encode("latin-1"), binary=True),
        entry("z" * 9000), entry(message + "i\n\n", binary=True), entry(message + "j", MESSAGE="one before")))
    facts = facts_of(data)
    yield "logins", [fact["login"] for fact in facts], ["a", "b", "c", "g=h=", "\xe9"]
    yield "bytes", [fact.get("raw", False) for fact in facts], [False] * 4 + [True]
    yield "time", {fact["time"] for fact in facts}, {1795323600.25}
    yield "told the format", facts_of(data, "--format", "journal"), facts
    yield "told another", facts_of(entry(message + "a"), "--format=syslog"), []
    yield "cut", json.loads(run("--facts", "-j", data=data).stderr)["too_long"], 1
    with Running("--facts", stdin=subprocess.PIPE) as running:  # byte by byte, and without the last empty line
        for i in range(len(data[:1200].rstrip())):
            running.process.stdin.write(data[i:i + 1])
            running.process.stdin.flush()
        out, _ = running.process.communicate(timeout=30)
    yield "byte by byte", [json.loads(line)["login"] for line in out.splitlines()][:3], ["a", "b", "c"]


@test
def a_hostile_length_in_the_journal(folder):
    """A field that claims more bytes than there will ever be ends the input, not the program."""
    data = entry("x")[:-1] + b"Y\n" + b"\xff" * 8 + b"z" * 100000
    ran = run("--facts", data=data)
    yield "status", ran.returncode, 0
    yield "facts", ran.stdout, b""


@test
def tells_the_daemon(folder):
    """All facts in their order, in few requests that each fit the channel."""
    with standing_in(folder) as stand_in:
        text = "".join(bad_login(i) for i in range(1000))
        ran = run("-s", stand_in.path, data=text.encode())
        yield "status", (ran.returncode, stand_in.faults), (0, [])
        yield "facts", logins(stand_in.facts), list(range(1000))
        yield "requests", 5 <= stand_in.requests <= 20, True
        yield "length", stand_in.longest <= 65536, True
        long = "".join(bad_login("9" * 300).replace("login", "\u00e9" * 8) for _ in range(400))
        yield "long ones", run("-s", stand_in.path, data=long.encode()).returncode, 0
        yield "all long ones", (len(stand_in.facts), stand_in.longest <= 65536), (1400, True)
        tries = [line for expected, line in corpus() if expected and expected["tries"] == 20][0].split(" ", 3)[3]
        run("-s", stand_in.path, data=(time.strftime("%b %e %H:%M:%S ", time.gmtime()) + tries + "\n").encode())
        yield "all tries of a session", len(stand_in.facts), 1420


@test
def old_lines_are_not_told(folder):
    """The daemon counts as of now, so a log of yesterday is no attack of today."""
    with standing_in(folder) as stand_in:
        old = [line for _, line in corpus() if "21:07:25" in line and line.startswith("2026-11-21")][0]
        ran = run("-s", stand_in.path, "--json", data=(old.replace("2026", "2025") + "\n" + bad_login(3)).encode())
        yield "facts", logins(stand_in.facts), [3]
        yield "summary", (json.loads(ran.stdout)["old"], json.loads(ran.stdout)["failures"]), (1, 2)


@test
def a_daemon_that_is_away_loses_nothing(folder):
    """Away at the start, and restarted between: every login that was read is told, once."""
    stand_in = StandIn(folder)
    with Running("-s", stand_in.path, stdin=subprocess.PIPE) as running:
        running.write("".join(bad_login(i) for i in range(300)))
        running.await_said(b"no mailreeved answers")
        stand_in.start()
        yield "first", stand_in.await_logins(300), list(range(300))
        running.await_said(b"answers again")
        stand_in.stop()
        running.write("".join(bad_login(i) for i in range(300, 350)))
        running.said = b""
        running.await_said(b"no mailreeved answers")
        running.write("".join(bad_login(i) for i in range(350, 400)))
        stand_in.start()
        yield "then", stand_in.await_logins(400), list(range(400))
        running.process.stdin.close()
        yield "status", running.process.wait(20), 0
    stand_in.stop()


@test
def holds_back_who_writes(folder):
    """While the daemon is away it stops reading, so that its memory is bounded and the pipe fills."""
    path = os.path.join(folder, "control.sock")
    with Running("-s", path, stdin=subprocess.PIPE) as running:
        os.set_blocking(running.process.stdin.fileno(), False)
        data = "".join(bad_login(i) for i in range(20000)).encode()
        written = os.write(running.process.stdin.fileno(), data[:4096])
        running.await_said(b"no mailreeved answers")
        with contextlib.suppress(BlockingIOError):
            while written < len(data):
                written += os.write(running.process.stdin.fileno(), data[written:written + 65536])
        yield "the pipe fills", written < 400000, True
        yield "status", running.end(), 3
        out = running.process.stderr.read().decode()
        yield "said", "could not be told" in out, True


@test
def ends_on_signals(folder):
    """TERM and INT end it with what it read told."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with standing_in(folder) as stand_in, Running("-s", stand_in.path, stdin=subprocess.PIPE) as running:
            running.write(bad_login(1))
            stand_in.await_logins(1)
            yield f"status of {number.name}", running.end(number), 0
            yield f"facts of {number.name}", logins(stand_in.facts), [1]


@test
def says_that_it_may_not(folder):
    """A daemon that does not trust this user is no reason to wait."""
    with standing_in(folder, answer={"error": "only root and the daemon's own user may do this"}) as stand_in:
        ran = run("-s", stand_in.path, data=bad_login(1).encode())
        yield "status", ran.returncode, 3
        yield "said", "only from root" in ran.stderr.decode(), True
        stand_in.answer = {"taken": 0}
        ran = run("-s", stand_in.path, "-j", data=bad_login(1).encode())
        yield "refused", (ran.returncode, json.loads(ran.stdout)["refused"]), (0, 1)


@test
def follows_a_log(folder):
    """From its end on, half lines, renamed, emptied, and one that is not there yet."""
    path = os.path.join(folder, "mail.log")
    append(path, bad_login(99))
    with standing_in(folder) as stand_in, Running("-s", stand_in.path, "--follow", path) as running:
        # Until it has opened the file nobody knows where its end is: the first lines come until one is seen.
        def first():
            append(path, bad_login(0))
            return stand_in.facts
        wait_for("the first line", first)
        wait_for("all first lines", lambda: len(stand_in.facts) >= 1)
        yield "from its end on", 99 in logins(stand_in.facts), False
        seen = open(path, encoding="utf-8").read().count("login-0")
        wait_for("no more of the first", lambda: len(stand_in.facts) <= seen)
        append(path, bad_login(1)[:30])
        append(path, bad_login(1)[30:] + bad_login(2))
        tail = lambda: [n for n in logins(stand_in.facts) if n != 0]  # noqa: E731
        wait_for("appended", lambda: tail() == [1, 2])
        with open(path, "a", encoding="utf-8") as writer:
            os.rename(path, path + ".1")
            append(path, "")
            writer.write(bad_login(3))  # the writer is told later that the file was renamed
            writer.flush()
            wait_for("renamed", lambda: tail() == [1, 2, 3])
        append(path, bad_login(4))
        wait_for("the new file", lambda: tail() == [1, 2, 3, 4])
        os.truncate(path, 0)
        wait_for("emptied", lambda: append(path, bad_login(5)) or 5 in tail())
        yield "all of them once", [n for n in tail() if n != 5], [1, 2, 3, 4]
        yield "status", running.end(), 0
    with standing_in(folder) as stand_in, Running("-s", stand_in.path, "-F", os.path.join(folder, "later")) as running:
        running.await_said(b"it is waited for")
        append(os.path.join(folder, "later"), bad_login(7))
        yield "a later file from its beginning", stand_in.await_logins(1), [7]
        yield "status then", running.end(), 0


@test
def goes_on_where_it_was(folder):
    """With --state: each line once over restarts, also when the log was renamed meanwhile."""
    path, state = os.path.join(folder, "mail.log"), os.path.join(folder, "state")
    append(path, bad_login(1))
    with standing_in(folder) as stand_in:
        def follow(wanted):
            with Running("-s", stand_in.path, "-F", "--state", state, path) as running:
                return stand_in.await_logins(wanted), running.end()
        yield "the beginning", follow(1), ([1], 0)
        append(path, bad_login(2))
        yield "the next", follow(2), ([1, 2], 0)
        append(path, bad_login(3))
        os.rename(path, path + ".1")
        append(path, bad_login(4))
        yield "renamed", follow(4), ([1, 2, 3, 4], 0)
        append(path, bad_login(5) + "half a line")
        yield "half a line", follow(5), ([1, 2, 3, 4, 5], 0)
        append(path, "\n" + bad_login(6))
        yield "the other half", follow(6), ([1, 2, 3, 4, 5, 6], 0)
        with open(path, "w", encoding="utf-8") as file:
            file.write(bad_login(7))
        yield "emptied", follow(7), ([1, 2, 3, 4, 5, 6, 7], 0)
        with open(state, "w", encoding="utf-8") as file:
            file.write("nonsense")
        yield "a state that is none: from the beginning", follow(8), ([1, 2, 3, 4, 5, 6, 7, 7], 0)
    # Nobody takes the facts: the place stays where it was.
    append(path, bad_login(8))
    with Running("-s", os.path.join(folder, "nobody"), "-F", "-S", state, path) as running:
        running.await_said(b"no mailreeved answers")
        yield "status without a daemon", running.end(), 3
    with standing_in(folder) as stand_in, Running("-s", stand_in.path, "-F", "-S", state, path) as running:
        yield "told after all", stand_in.await_logins(1), [8]


@test
def refuses_wrong_usage(folder):
    """Options that do not fit, two files, a file that is not there: status 2."""
    log = os.path.join(folder, "log")
    append(log, bad_login(1))
    for arguments in (["--nonsense"], ["--format", "xml"], [log, log], ["--follow"], ["--follow", "-"],
                      ["--state", "x", log], ["--facts", os.path.join(folder, "none")], ["--facts", folder]):
        ran = run(*arguments)
        yield " ".join(arguments[:1]), (ran.returncode, ran.stdout, bool(ran.stderr)), (2, b"", True)
    yield "help", run("--help").returncode, 0
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([COMMAND, "ingest", "--facts", log], stdout=full, stderr=subprocess.PIPE, check=False)
    yield "a full disk", ran.returncode, 3


SCREEN = """
domains = [ "victim.example" ]
screen: { mode = "enforce"  login_failures = [ "5/1h" ]  block = [ "1h", "1d" ] }
login_feed: { listen = "" }
"""


@test
def the_daemon_blocks(folder):
    """Six wrong passwords in a log block their source in mailreeved, five do not; one that restarts gets the rest."""
    if not os.access(os.path.join(BUILD, "milter", "mailreeved"), os.X_OK):
        yield "mailreeved", "is not built; run make", ""
        return
    running = Daemon(BUILD)
    try:
        running.start(SCREEN)
        with Running("-c", running.policy_file, stdin=subprocess.PIPE) as ingest:
            ingest.write("".join(bad_login(i, "203.0.113.7") for i in range(6)))
            ingest.write("".join(bad_login(i, "203.0.113.8") for i in range(5)))
            blocked = running.await_action("source-blocked")
            running.stop()
            ingest.write(bad_login(1, "203.0.113.9"))
            ingest.await_said(b"no mailreeved answers")
            running.start()
            ingest.write("".join(bad_login(i, "203.0.113.9") for i in range(2, 7)))
            again = running.await_action("source-blocked", 2)
            ingest.process.stdin.close()
            yield "status", ingest.process.wait(20), 0
        yield "blocked", [event["source"]["ip"] for event in blocked], ["203.0.113.7"]
        yield "blocked then", [event["source"]["ip"] for event in again], ["203.0.113.7", "203.0.113.9"]
    finally:
        running.remove()


def main():
    if not os.access(COMMAND, os.X_OK):
        print("1..0 # SKIP %s is not built; run make" % COMMAND)
        return 77
    chosen = [function for function in TESTS if not sys.argv[1:] or function.__name__ in sys.argv[1:]]
    print("1..%d" % len(chosen))
    failed = 0
    for number, function in enumerate(chosen, 1):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "policy")
            with open(path, "w", encoding="ascii") as file:
                file.write('domains = ["example.com"];\n')
            os.chmod(path, 0o644)
            try:
                wrong = ["%s: %r, not %r" % check for check in function(folder) if check[1] != check[2]]
            except Exception as fault:  # pylint: disable=broad-except
                wrong = [f"{type(fault).__name__}: {fault}, line {fault.__traceback__.tb_next.tb_lineno}"]
        for text in wrong:
            print("# " + text[:600])
        print("%s %d - %s" % ("not ok" if wrong else "ok", number, function.__doc__))
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
