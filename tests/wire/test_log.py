#!/usr/bin/python3
"""The event log: opened again, broken, full, and where else it can go.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import json
import os
import re
import resource
import select
import signal
import stat
import time

from runner import await_queue_id, main, sanitizer, spawn_limited, tap, test
from daemon import wait_for
import milterclient as mc


def is_json(line):
    try:
        json.loads(line)
        return True
    except ValueError:
        return False


@test
def reopen(d):
    d.start()
    d.await_action("started")
    os.rename(d.events_file, d.events_file + ".1")
    d.send(signal.SIGUSR1)
    wait_for("a new log", lambda: os.path.exists(d.events_file))
    mc.opened(d.socket).message(queue_id="4TURN")
    await_queue_id(d, "4TURN")
    tap.ok(True, "after USR1 lines go to the new file")
    tap.equal(stat.S_IMODE(os.stat(d.events_file).st_mode), 0o640, "its mode")
    os.unlink(d.events_file)
    mc.opened(d.socket).message(queue_id="4GONE")
    await_queue_id(d, "4GONE")
    tap.ok(True, "a log that was removed is made again")


@test
def broken_logs(d):
    """A log that cannot be opened stops neither the start nor mail; it is said, and it heals."""
    target = os.path.join(d.folder, "log", "target")
    for what, make, words in (
            ("a symbolic link", lambda p: os.symlink(target, p), "symbolic link"),
            ("a link to /dev/full", lambda p: os.symlink("/dev/full", p), "symbolic link"),
            ("a folder", os.mkdir, "Is a directory"),
            ("a hard link", lambda p: (open(target, "w").close(), os.link(target, p)), "second name"),
            ("a FIFO without a reader", os.mkfifo, "nobody reads")):
        path = os.path.join(d.folder, "log", "odd-" + re.sub(r"\W", "-", what))
        make(path)
        d.start(events=path)
        wait_for("a message about it", lambda: words in d.messages().rsplit("cannot be written", 1)[-1])
        s = mc.opened(d.socket)
        tap.equal(s.message(), ["continue"] * 3, f"{what} as log: mail goes on, and it is said")
        s.quit()
        d.stop()
    tap.ok(not os.path.exists(target) or os.path.getsize(target) == 0, "nothing was written through a link")


@test
def stuck_fifo(d):
    """A reader that stops reading: mail goes on; lines wait, then are dropped and counted; no line is torn."""
    path = os.path.join(d.folder, "log", "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    d.start(events=path)
    sessions = [mc.opened(d.socket) for _ in range(4)]
    long = "<" + "x" * 200 + "@victim.example>"
    sent = 0
    end = time.monotonic() + 60
    while "reader does not keep up" not in d.messages() and time.monotonic() < end:
        for s in sessions:
            s.message(to=[long] * 5, queue_id=f"4F{sent}")
            sent += 1
    tap.ok("reader does not keep up" in d.messages(), "a stuck reader is said")
    tap.equal(sessions[0].message(queue_id="4LAST"), ["continue"] * 3, "mail goes on")
    sent += 1
    got = b""
    while b"recovered" not in got and time.monotonic() < end:
        select.select([reader], [], [], 0.1)
        try:
            got += os.read(reader, 1 << 20)
        except BlockingIOError:
            pass
    lines = got.split(b"\n")[:-1]
    bad = [line for line in lines if not is_json(line)]
    tap.equal(len(bad), 0, f"all {len(lines)} lines are whole", bad[:2])
    tap.ok(any(b'"recovered"' in line for line in lines), "the end of the trouble is an event")
    for s in sessions:
        s.quit()
    os.close(reader)
    tap.equal(d.stop(), 0, "it ends in good order without a reader")


@test
def full_disk(d):
    """A file that cannot grow stands for a full disk: whole lines only, and the lost ones are counted."""
    d.start()
    if sanitizer(d.worker()) == "tsan":
        tap.skip("a log that cannot grow", "the thread sanitizer needs big files itself")
        return
    d.stop()
    os.unlink(d.events_file)

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50000, resource.RLIM_INFINITY))
    spawn_limited(d, small)
    s = mc.opened(d.socket)
    count = 0
    end = time.monotonic() + 60
    while "File too large" not in d.messages() and time.monotonic() < end:
        s.message(queue_id=f"4D{count}")
        count += 1
    tap.ok("File too large" in d.messages(), f"a full log is said, after {count} messages")
    tap.equal(d.messages().count("File too large"), 1, "once")
    with open(d.events_file, "rb") as file:
        tap.ok(file.read().endswith(b"\n"), "the file ends with a whole line")
    while count < 9000:
        s.message(queue_id=f"4D{count}", to=["<user@victim.example>"] * 2)
        count += 1
    tap.equal(s.message(), ["continue"] * 3, f"mail goes on, {count} messages by now")
    resource.prlimit(d.worker(), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    recovered = d.await_action("recovered")[0]
    dropped = recovered["mailreeve"].get("counter", {}).get("dropped", 0)
    tap.ok(dropped > 0, "the lost lines are counted", recovered)
    s.message(queue_id="4AFTER")
    await_queue_id(d, "4AFTER")
    events = d.events()
    lost = events[-1]["event"]["sequence"] - len(events)
    tap.equal(lost, dropped, "event.sequence shows the same gap", f"{len(events)} lines")
    s.quit()


@test
def facts(d):
    path = os.path.join(d.folder, "log", "facts.ndjson")
    d.start(log=f'{{ events = "{d.events_file}"  facts = "{path}" }}')
    s = mc.opened(d.socket)
    s.message(queue_id="4FACT")
    s.quit()
    wait_for("a fact", lambda: os.path.exists(path) and '"message"' in open(path).read())
    with open(path) as file:
        kinds = [json.loads(line)["fact"] for line in file if line.endswith("\n")]
    tap.equal(kinds, ["connect", "message"], "facts are recorded")
    done = d.mailreeve("replay", "-c", d.policy_file, path)
    tap.ok(done.returncode == 0 and '"verdict"' in done.stdout, "and replay takes them", done)


@test
def stdout_log(d):
    d.start(events="stdout")
    mc.opened(d.socket).message(queue_id="4OUT")
    wait_for("a line", lambda: '"4OUT"' in d.messages())
    tap.ok(True, "events go to standard output")


main()
