#!/usr/bin/python3
"""Reload and death under load: 10,000 SIGHUPs in 60 s under 200 messages a second, then kill -9 of the worker.

Shown: no exit, no answer but "continue", the generation grows, memory stays flat; after a kill mail is only put off, the
worker is back within a second, at most the event lines of the last 100 ms are lost, and event.sequence shows the gap.
TAP on standard output; the figures are in the names. Needs the built programs (MAILREEVE_BUILD).
"""

import argparse
import os
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "wire"), os.path.join(HERE, "..", "mta")]
import milterclient as mc
from daemon import Daemon, wait_for
from mailserver import Trouble, build_folder
from tap import Tap, skip_all

RULES = """
domains = [ "victim.example" ]
hostnames = [ "mx.victim.example" ]
own_addresses = [ "192.0.2.25" ]
accounts = "file:accounts"
networks: { office: { addresses = [ "192.0.2.128/25" ] } }
access: { mode = "enforce"  deny = [ "203.0.113.66/32" ] }
relay: { mode = "enforce"  networks = [ "office" ] }
auth: { mode = "enforce"  required_for = [ "local-senders" ] }
shield: ( { mode = "enforce"  domains = [ "@local" ]  networks = [ "office" ]  header_from = true } )
"""


class Load:
    """Threads that send messages at a steady pace, each over a connection of its own."""

    def __init__(self, path, rate, threads=8):
        self.path, self.pause = path, threads / rate
        self.lock = threading.Lock()
        self.done = []      # (time, queue id) of messages that were accepted
        self.other = []     # (time, answers) of messages with another answer
        self.put_off = []   # (time, why) of messages that the mail server would put off
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]

    def _message(self, queue_id):
        session = mc.Session(self.path)
        try:
            session.negotiate()
            session.connect()
            session.helo()
            return session.message(queue_id=queue_id)
        finally:
            session.quit()

    def _run(self, number):
        moment = time.monotonic() + self.pause * number / len(self.threads)
        count = 0
        while not self.ending.wait(max(0, moment - time.monotonic())):
            moment += self.pause
            queue_id = f"4S{number}T{count}"
            count += 1
            try:
                answers = self._message(queue_id)
            except (OSError, mc.Gone) as why:
                with self.lock:
                    self.put_off.append((time.time(), repr(why)))
                continue
            with self.lock:
                good = answers == ["continue"] * 3
                (self.done if good else self.other).append((time.time(), queue_id if good else answers))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def storm(tap, running, options):
    pid, worker = running.process.pid, running.worker()
    sizes = []
    with Load(running.socket, options.rate) as load:
        began = time.monotonic()
        for number in range(options.hups):
            os.kill(pid, signal.SIGHUP)
            if number % (options.hups // 60 or 1) == 0:
                sizes.append(resident(worker) + resident(pid))
            time.sleep(max(0, began + (number + 1) * options.seconds / options.hups - time.monotonic()))
        took = time.monotonic() - began
    versions = [int(e["rule"]["version"]) for e in running.events() if e["event"]["action"] == "policy-loaded"]
    tap.ok(running.process.poll() is None and running.worker() == worker,
           f"{options.hups} HUPs in {took:.1f} s: the same supervisor and the same worker")
    tap.ok(not load.other and not load.put_off,
           f"{len(load.done)} messages, {len(load.done) / took:.0f} a second, each was answered with continue",
           load.other[:3], load.put_off[:3])
    tap.ok(len(versions) > 100 and versions == list(range(2, len(versions) + 2)),
           f"{len(versions)} generations were put in force, one after the other")
    half = sizes[len(sizes) // 4:]
    grown = max(half[-3:]) - max(half[:3])
    tap.ok(grown < 1 << 20, f"memory: {half[0] >> 10} KiB after a quarter, {half[-1] >> 10} KiB at the end",
           [size >> 10 for size in sizes])
    wait_for("all event lines", lambda: sum(e["event"]["action"] == "verdict" for e in running.events()) == len(load.done))
    tap.ok(True, "every message has its event line")


def one_kill(running):
    """Kills the worker; (when, how long until the next one takes mail)."""
    worker, before = running.worker(), len(running.read_notes())
    when = time.time()
    os.kill(worker, signal.SIGKILL)
    wait_for("the next worker", lambda: any("READY=1" in n for n in running.read_notes()[before:]))
    return when, time.time() - when


def kills(tap, running, options):
    old = len(running.events())
    with Load(running.socket, options.rate) as load:
        time.sleep(1)
        deaths = []
        for _ in range(options.kills):
            deaths.append(one_kill(running))
            time.sleep(5.5)
    wait_for("the last line", lambda: len(running.events()) > old and
             any(e.get("email", {}).get("local_id") == load.done[-1][1] for e in running.events()[-50:]))
    events = running.events()[old:]
    logged = {e["email"].get("local_id") for e in events if e["event"]["action"] == "verdict"}
    lost = [(when, queue_id) for when, queue_id in load.done if queue_id not in logged]
    slowest = max(took for _, took in deaths)
    tap.ok(slowest < 1, f"{len(deaths)} kills: the next worker took mail after {slowest * 1000:.0f} ms at most")
    tap.ok(not load.other, f"{len(load.done)} messages accepted, {len(load.put_off)} only put off", load.other[:3])
    late = [min(abs(death - when) for death, _ in deaths) for when, _ in lost]
    tap.ok(all(gap < 0.1 for gap in late), f"{len(lost)} lines of accepted messages lost, the oldest "
           f"{max(late, default=0) * 1000:.0f} ms before its kill")
    # Threads number their lines before they hand them over, so neighbours may change places.
    numbers = [e["event"]["sequence"] for e in events]
    gap = max(numbers) - min(numbers) + 1 - len(numbers)
    tap.ok(gap >= len(lost) and len(set(numbers)) == len(numbers),
           f"event.sequence shows a gap of {gap} and no number twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hups", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200, help="messages a second")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=1000, help="so big a policy is read at each reload")
    options = parser.parse_args()
    try:
        running = Daemon(build_folder())
    except Trouble as why:
        skip_all(str(why))
    tap = Tap()
    try:
        with open(os.path.join(running.folder, "accounts"), "w") as file:
            file.writelines(f"user{i}@victim.example\n" for i in range(options.accounts))
            file.write("user@victim.example\n")
        os.chmod(file.name, 0o644)
        running.start(RULES)
        storm(tap, running, options)
        if options.kills:
            kills(tap, running, options)
        tap.equal(running.stop(), 0, "it ends in good order")
    finally:
        running.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
