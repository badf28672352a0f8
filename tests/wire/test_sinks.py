#!/usr/bin/python3
"""Event lines to syslog, to the journal and to standard output: whole, once each, and mail never waits for them.

The sockets of syslog (/dev/log) and of the journal are the test's own, in a mount namespace of its own: nothing of the
host is touched. Needs root and unshare, and the built programs (MAILREEVE_BUILD, or the current folder).
TAP on standard output. Arguments: names of tests.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from runner import await_verdicts, main, tap, test, validate_events
from daemon import POLICY, wait_for
from tap import skip_all
import milterclient as mc

INSIDE = "MAILREEVE_TEST_SINKS"
DEVICES = ("null", "zero", "full", "random", "urandom")
# Twenty lines about single recipients, each near the longest: some of these fill the daemon's memory for lines.
BULKY = ["<" + "x" * 900 + "@foreign.example>"] * 20
ODD = ["<a\x1b[31mb@foreign.example>", b"<\xff\xfe\x80@foreign.example>", "<q\"\\/%s%n@foreign.example>",
       "<\u202e\u2028@foreign.example>", "<a\rPRIORITY=0\r@foreign.example>"]


def enter_namespace():
    """Starts this program again where /dev and /run are private."""
    if os.geteuid() != 0:
        skip_all("only root may mount a /dev/log of its own")
    apart = ["unshare", "--mount", "--propagation", "private"]
    try:
        done = subprocess.run([*apart, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        skip_all("there is no unshare")
    if done.returncode != 0:
        skip_all("no mount namespace to be had: " + done.stderr.strip())
    os.environ[INSIDE] = "yes"
    os.execvp(apart[0], [*apart, sys.executable, *sys.argv])


def make_private():
    def mount(*arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            skip_all("mount says: " + done.stderr.strip())
    own = tempfile.mkdtemp(prefix="mailreeve-dev-")
    mount("-t", "tmpfs", "tmpfs", own)
    for name in DEVICES:
        open(os.path.join(own, name), "w").close()
        mount("--bind", "/dev/" + name, os.path.join(own, name))
    os.makedirs(os.path.join(own, "shm"))
    mount("--rbind", own, "/dev")
    subprocess.run(["umount", "-l", own], check=False)
    os.rmdir(own)
    mount("-t", "tmpfs", "tmpfs", "/run")
    os.makedirs("/run/systemd/journal")


def parse(line):
    try:
        return json.loads(line)
    except ValueError as why:
        raise AssertionError(f"a line is not whole: {why}: {line[:200]}") from why


class Logger:
    """The other end of a datagram socket. Keeps what came, and the event line in each datagram."""

    def __init__(self):
        self.socket = None
        self.datagrams, self.lines = [], []

    def listen(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        return self

    def leave(self):
        """Takes what is there, and goes; the name stays, as after a crash."""
        if self.socket:
            self.read()
            self.socket.close()
            self.socket = None

    def remove(self):
        self.leave()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def read(self):
        while True:
            try:
                datagram = self.socket.recv(1 << 17)
            except BlockingIOError:
                return self.lines
            self.datagrams.append(datagram)
            self.lines.append(self.line_of(datagram))

    def events(self):
        return [parse(line) for line in self.read()]


class Syslog(Logger):
    name, path = "syslog", "/dev/log"
    form = re.compile(rb"<22>[A-Z][a-z]{2} [ 1-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} mailreeved\[[0-9]+\]: (\{.*\})", re.S)

    def line_of(self, datagram):
        found = self.form.fullmatch(datagram)
        assert found, datagram
        return found.group(1)


class Journal(Logger):
    name, path = "journal", "/run/systemd/journal/socket"
    fields = [b"MESSAGE", b"PRIORITY", b"SYSLOG_FACILITY", b"SYSLOG_IDENTIFIER", b"MAILREEVE_EVENT"]

    def line_of(self, datagram):
        pairs = [field.split(b"=", 1) for field in datagram[:-1].split(b"\n")]
        assert datagram.endswith(b"\n") and [pair[0] for pair in pairs] == self.fields, datagram
        assert pairs[1][1] == b"6" and not re.search(rb"[\x00-\x1f\x7f]", pairs[0][1]), datagram
        return pairs[4][1]


class Pipe:
    """The reader of a pipe, which does not read unless it is told to."""

    def __init__(self, end):
        self.end = end
        os.set_blocking(end, False)
        self.data = b""

    def read(self):
        while True:
            try:
                part = os.read(self.end, 1 << 16)
            except BlockingIOError:
                return self.data.split(b"\n")[:-1]
            self.data += part
            if not part:
                return self.data.split(b"\n")[:-1]

    def events(self):
        return [parse(line) for line in self.read()]

    def close(self):
        os.close(self.end)


class Stdout(Pipe):
    """The daemon's standard output is a pipe."""
    name = "stdout"

    def __init__(self, running):
        end, self.other = os.pipe()
        super().__init__(end)
        running.before_exec = lambda: os.dup2(self.other, 1)


class Fifo(Pipe):
    """The log is a FIFO."""
    name = "FIFO"

    def __init__(self, running):
        self.path = os.path.join(running.folder, "log", "fifo")
        os.mkfifo(self.path)
        super().__init__(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))


def check_lines(logger, what, dropped=0):
    """All that came is valid, and no line is missing but those that were dropped, and none came twice."""
    lines = logger.read()
    problems = validate_events.check_lines(b"".join(line + b"\n" for line in lines), logger.name)
    tap.ok(not problems, f"{logger.name}, {what}: all {len(lines)} lines hold to the schema", *problems[:3])
    numbers = [json.loads(line)["event"]["sequence"] for line in lines]
    tap.equal(len(set(numbers)), len(numbers), f"{logger.name}, {what}: no line twice")
    tap.equal(max(numbers) - len(numbers), dropped, f"{logger.name}, {what}: lines missing")


def message(running, queue_id, to=("<user@victim.example>",)):
    """A message through a new session; the answers."""
    session = mc.opened(running.socket)
    answers = session.message(queue_id=queue_id, to=to)
    session.quit()
    return answers


def await_queue_id(logger, queue_id):
    def found():
        return any(e.get("email", {}).get("local_id") == queue_id for e in logger.events())
    wait_for("the line of " + queue_id, found, 30)


def fill(running, until):
    """Plays bulky messages until until(); they take no longer than others."""
    end = time.monotonic() + 60
    session = mc.opened(running.socket)
    count = 0
    while not until(count) and time.monotonic() < end:
        session.message(to=BULKY)
        count += 1
    session.quit()
    return count


def arrives_whole(d, logger):
    d.start(events=logger.name)
    tap.equal(message(d, "4FIRST"), ["continue"] * 3, f"{logger.name}: a message passes")
    message(d, "4ODD", [*ODD, "<user@victim.example>"])
    message(d, "4BULK", [*BULKY, "<user@victim.example>"])
    for number in range(300):  # more than a socket holds
        message(d, f"4N{number}")
        if number % 50 == 0:
            logger.read()
    await_queue_id(logger, "4N299")
    tap.equal(d.stop(), 0, f"{logger.name}: it ends in good order")
    tap.ok(any(e["event"]["action"] == "stopping" for e in logger.events()), f"{logger.name}: the last lines come too")
    check_lines(logger, "at work")
    tap.ok("written" not in d.messages(), f"{logger.name}: no trouble was said", d.messages())


def starts_without(d, logger):
    """Nobody listens at the start, then somebody does: nothing is lost."""
    d.start(events=logger.name)
    wait_for("a word about it", lambda: "cannot be reached" in d.messages())
    tap.equal(message(d, "4ALONE"), ["continue"] * 3, f"{logger.name}: without a listener mail goes on")
    logger.listen()
    wait_for("recovered", lambda: any(e["event"]["action"] == "recovered" for e in logger.events()), 30)
    check_lines(logger, "late listener")
    tap.ok(any(e.get("email", {}).get("local_id") == "4ALONE" for e in logger.events()),
           f"{logger.name}: the line waited for the listener")


def comes_back(d, logger):
    """The listener dies and a new one takes its place, three times."""
    d.start(events=logger.name)
    for turn in range(3):
        await_count = len(logger.read())
        message(d, f"4HERE{turn}")
        await_queue_id(logger, f"4HERE{turn}")
        wait_for("the lines so far", lambda: len(logger.read()) > await_count)
        logger.leave()
        tap.equal(message(d, f"4AWAY{turn}"), ["continue"] * 3, f"{logger.name}: mail goes on without it")
        wait_for("a word about it", lambda: d.messages().count("cannot be written") > turn)
        logger.listen()
        await_queue_id(logger, f"4AWAY{turn}")
        wait_for("recovered", lambda: sum(e["event"]["action"] == "recovered" for e in logger.events()) > turn)
    d.stop()
    check_lines(logger, "new listeners")
    recovered = [e for e in logger.events() if e["event"]["action"] == "recovered"]
    tap.equal(len(recovered), 3, f"{logger.name}: each return is told")


def nobody_reads(d, logger):
    """The reader is there and does not read: lines wait, then are dropped and counted; then it reads again."""
    d.start(events=logger.name)
    wait_for("the first line", lambda: logger.read())

    def drops(count):
        return count >= 200 and (logger.name == "stdout" or "does not keep up" in d.messages())
    count = fill(d, drops)  # the memory for lines holds those of a hundred
    tap.ok(logger.name == "stdout" or "does not keep up" in d.messages(), f"{logger.name}: a stuck reader is said")
    tap.equal(message(d, "4STUCK"), ["continue"] * 3, f"{logger.name}: mail goes on, {count} bulky messages by now")
    wait_for("recovered", lambda: any(e["event"]["action"] == "recovered" for e in logger.events()), 60)
    message(d, "4AFTER")
    await_queue_id(logger, "4AFTER")
    recovered = [e for e in logger.events() if e["event"]["action"] == "recovered"]
    dropped = sum(e["mailreeve"].get("counter", {}).get("dropped", 0) for e in recovered)
    tap.ok(dropped > 0, f"{logger.name}: {dropped} lines were dropped and counted", recovered)
    check_lines(logger, "reading again", dropped)
    fill(d, lambda count: count >= 20)
    tap.equal(d.stop(), 0, f"{logger.name}: it ends in good order while nobody reads")


def with_logger(function, kind, listening=True):
    def run(d):
        logger = kind()
        logger.remove()
        try:
            function(d, logger.listen() if listening else logger)
        finally:
            d.stop()
            logger.remove()
    run.__name__ = f"{kind.name}_{function.__name__}"
    return test(run)


for each in (Syslog, Journal):
    with_logger(arrives_whole, each)
    with_logger(starts_without, each, listening=False)
    with_logger(comes_back, each)
    with_logger(nobody_reads, each)


@test
def stdout_arrives_whole(d):
    arrives_whole(d, Stdout(d))


@test
def stdout_nobody_reads(d):
    nobody_reads(d, Stdout(d))


@test
def stdout_reader_goes(d):
    """The reader of standard output ends: mail goes on, and it is said."""
    out = Stdout(d)
    d.start(events="stdout")
    wait_for("the first line", lambda: out.read())
    os.close(out.other)
    out.close()
    message(d, "4GONE")
    wait_for("a word about it", lambda: "Broken pipe" in d.messages())
    tap.equal(message(d, "4ON"), ["continue"] * 3, "stdout: without a reader mail goes on")
    tap.equal(d.stop(), 0, "stdout: it ends in good order without a reader")


@test
def fifo_turned_over(d):
    """USR1 while a line stands half in a full FIFO: its other half follows."""
    fifo = Fifo(d)
    d.start(events=fifo.path)
    wait_for("the first line", lambda: fifo.read())
    fill(d, lambda count: count >= 20)
    wait_for("a word about it", lambda: "does not keep up" in d.messages())
    for turn in range(3):
        d.send(signal.SIGUSR1)
        message(d, f"4TURN{turn}")
    await_queue_id(fifo, "4TURN2")
    wait_for("recovered", lambda: any(e["event"]["action"] == "recovered" for e in fifo.events()))
    d.stop()
    check_lines(fifo, "turned over")


@test
def syslog_as_a_stream(d):
    """A logger that listens on a stream gets the lines as syslog(3) sends them."""
    if os.path.exists("/dev/log"):
        os.unlink("/dev/log")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("/dev/log")
    listener.listen(8)
    listener.settimeout(20)
    d.start(events="syslog")
    stream = listener.accept()[0]
    stream.settimeout(20)
    message(d, "4STREAM")
    got = b""
    while b"4STREAM" not in got or not got.endswith(b"\0"):
        got += stream.recv(1 << 16)
    d.stop()
    lines = [entry.split(b"]: ", 1)[1] + b"\n" for entry in got.split(b"\0")[:-1]]
    problems = validate_events.check_lines(b"".join(lines), "stream")
    tap.ok(not problems and len(lines) >= 2, f"syslog as a stream: {len(lines)} whole lines", *problems[:3], got[:300])
    stream.close()
    listener.close()
    os.unlink("/dev/log")


@test
def other_sink_at_reload(d):
    """The event log changes from the journal to a file and back, without a line lost."""
    journal = Journal().listen()
    d.start(events="journal")
    message(d, "4JOURNAL")
    await_queue_id(journal, "4JOURNAL")
    d.write(POLICY)
    tap.equal(d.mailreeve("reload", "-c", d.policy_file).returncode, 0, "reload to a file")
    message(d, "4FILE")
    await_verdicts(d, 1)
    d.write(POLICY, events="journal")
    tap.equal(d.mailreeve("reload", "-c", d.policy_file).returncode, 0, "reload to the journal")
    message(d, "4AGAIN")
    await_queue_id(journal, "4AGAIN")
    d.stop()
    numbers = [e["event"]["sequence"] for e in journal.events() + d.events()]
    tap.equal(sorted(numbers), list(range(1, len(numbers) + 1)), "every line is in one of both, once")
    journal.remove()


if INSIDE not in os.environ:
    enter_namespace()
make_private()
main()
