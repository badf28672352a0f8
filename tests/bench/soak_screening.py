#!/usr/bin/python3
"""An owner under siege: 1 M wrong passwords from 10,000 addresses for one login, while its owner reads and sends mail. She
must notice nothing, and the memory must not grow.

usage: soak_screening.py [--tries N] [--addresses N] [--seconds N] [replay] [feed]
replay: all tries within one simulated day, through `mailreeve replay`.
feed:   as many as fit into the seconds, over HTTP as Dovecot asks, while the owner goes through Postfix and Dovecot.
Root is needed, and a network of its own. TAP; exit status 1 when something is not as it must be."""

import argparse
import collections
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mta"))

import mailserver  # noqa: E402
from mailserver import Folder, Trouble, get, running  # noqa: E402
from owners import HOME, OFFICE  # noqa: E402
from screening import KEY, Site, documentation_network  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

DAY = 86400
CLIENTS, REQUESTS_A_CONNECTION = 4, 900
# Both are of one process, and what it learned once it keeps: a tenth, and what a few pages more or less make.
MORE_MEMORY, SLACK_KB = 1.10, 8192


def address_of(number):
    """Half of them IPv4; each IPv6 one in a /48 of its own."""
    if number % 2:
        return f"2001:db8:{number >> 1 & 0xffff:x}::1"
    return f"100.{64 + (number >> 17 & 63)}.{number >> 9 & 255}.{number >> 1 & 255}"


def memory_kb(pid):
    """Of its own: what it has mapped of the files of its state is the system's cache."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        text = status.read()
    return int(re.search(r"^RssAnon:\s+([0-9]+)", text, re.M)[1])


def flat(tap, name, early, late):
    tap.ok(late <= early * MORE_MEMORY + SLACK_KB, f"{name}: memory is flat ({early} kB after the first fifth, {late} kB at the end)")


def unhurt(tap, name, events, owner):
    """What has to hold in the event lines, whoever attacked how."""
    hers = [event for event in events if get(event, "source.ip") in (OFFICE, HOME)]
    tap.equal([event for event in events if get(event, "event.action") in ("account-frozen", "account-held")][:2], [],
              f"{name}: no account is frozen or held")
    tap.equal([event for event in hers if get(event, "event.action") in ("login-refused", "source-blocked", "refused")][:2], [],
              f"{name}: the owner is never refused")
    verdicts = [get(event, "mailreeve.verdict") for event in hers if get(event, "event.action") == "verdict"]
    tap.equal(set(verdicts), {"accept"}, f"{name}: all {len(verdicts)} messages of the owner pass")
    tap.ok(any(get(event, "event.action") == "login-guarded" and get(event, "user.name") == owner.login for event in events),
           f"{name}: the login is guarded")


# ---- Replay ----

def siege(owner, colleague, tries, addresses, start):
    """Lines of facts: the tries, and the owner every ten minutes."""
    rng = random.Random(5)
    next_mail = start
    for number in range(tries):
        moment = start + number * DAY / tries
        if moment >= next_mail:
            next_mail += 600
            place = HOME if rng.random() < 0.3 else OFFICE
            yield json.dumps({"time": round(moment, 3), "fact": "login", "client": {"ip": place}, "login": owner.login,
                              "protocol": "imap", "success": True})
            yield json.dumps({**owner.message(moment, [colleague]), "client": {"ip": place}})
        yield (f'{{"time":{moment:.3f},"fact":"login","client":{{"ip":"{address_of(number % addresses)}"}},"login":"{owner.login}",'
               f'"protocol":"imap","success":false,"pwhash":"{number & 0xfff:04x}"}}')


def by_replay(tap, site, tries, addresses):
    owner, colleague = site.people["alice"], site.people["bob"]
    site.daemon.write(site.rules(site.base))
    state = site.copy_of_base()
    words = [os.path.join(site.daemon.build, "milter/ctl/mailreeve"), "replay", "-c", site.daemon.policy, "--state",
             state, "-"]
    path = os.path.join(site.folder.path, "siege.events")
    begun, memory = time.monotonic(), []
    with open(path, "wb") as out, subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, text=True) as replay:
        for number, line in enumerate(siege(owner, colleague, tries, addresses, time.time())):
            replay.stdin.write(line + "\n")
            if number in (tries // 5, tries - 1):
                memory.append(memory_kb(replay.pid))
        replay.stdin.close()
    seconds = time.monotonic() - begun
    with open(path, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    print("#", dict(collections.Counter(get(event, "event.action") for event in events)))
    size = sum(os.path.getsize(os.path.join(state, name)) for name in os.listdir(state)) >> 20
    print(f"# the state folder holds {size} MB")
    tap.equal(replay.returncode, 0, f"replay: {tries} wrong passwords from {addresses} addresses in {seconds:.0f} s, "
              f"{len(events)} event lines")
    unhurt(tap, "replay", events, owner)
    flat(tap, "replay", *memory)


# ---- Feed ----

class Attacker(threading.Thread):
    """One connection after the other to the feed, asking and telling as Dovecot does."""

    def __init__(self, port, owner, numbers, addresses, until):
        super().__init__(daemon=True)
        self.port, self.owner, self.numbers, self.addresses, self.until = port, owner, numbers, addresses, until
        self.tries = self.refused = 0
        self.fault = None

    def run(self):
        try:
            for number in self.numbers:
                if self.tries * 2 % REQUESTS_A_CONNECTION == 0:
                    self.connect()
                if time.monotonic() > self.until:
                    break
                self.one(number)
        except (OSError, ValueError) as fault:
            self.fault = fault

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")

    def one(self, number):
        body = {"device_id": "", "login": self.owner.login, "protocol": "imap", "pwhash": f"{number * 2654435761 >> 7 & 0xfff:04x}",
                "remote": address_of(number % self.addresses), "session_id": "s", "tls": True}
        status = self.ask("allow", body)
        self.refused += status < 0
        # Every other one is told as if Dovecot had looked at the password all the same.
        self.ask("report", {**body, "success": False, "policy_reject": status < 0 and number % 2 == 0})
        self.tries += 1

    def ask(self, command, body):
        text = json.dumps(body)
        self.socket.sendall((f"POST /?command={command} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n"
                             f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}").encode())
        head = self.input.readline()
        length = 0
        if b" 200 " not in head:
            raise ValueError(f"the feed answers {head!r}")
        while (line := self.input.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return int(json.loads(self.input.read(length))["status"])


def by_feed(tap, site, tries, addresses, seconds):
    owner = site.people["alice"]
    with site.day() as mark:
        until = time.monotonic() + seconds
        attackers = [Attacker(site.feed_port, owner, range(first, tries, CLIENTS), addresses, until) for first in range(CLIENTS)]
        worker = worker_of(site.daemon.process.pid)
        for attacker in attackers:
            attacker.start()
        sent, trouble, early = 0, [], None
        while any(attacker.is_alive() for attacker in attackers):
            place = HOME if sent % 3 == 2 else OFFICE
            inside, said = site.imap(place, owner.login, owner.password)
            answers, _ = site.write_mail(owner, owner.whom(), place)
            sent += 1
            if not inside or answers.last.code != 250:
                trouble.append((said, str(answers)))
            if early is None and time.monotonic() > until - seconds * 0.8:
                early = memory_kb(worker)
            attackers[0].join(0.25)
        late = memory_kb(worker)
        done = sum(attacker.tries for attacker in attackers)
        refused = sum(attacker.refused for attacker in attackers)
        tap.equal([attacker.fault for attacker in attackers if attacker.fault], [],
                  f"feed: {done} wrong passwords from {addresses} addresses in {seconds} s, {refused} of them refused unseen")
        tap.equal(trouble[:2], [], f"feed: {sent} times the owner reads and sends mail meanwhile")
        unhurt(tap, "feed", site.daemon.events(mark), owner)
        flat(tap, "feed", early or late, late)
        print(f"# {len(site.daemon.events(mark))} event lines")


def worker_of(supervisor):
    with open(f"/proc/{supervisor}/task/{supervisor}/children", encoding="ascii") as children:
        return int(children.read().split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tries", type=int, default=1000000)
    parser.add_argument("--addresses", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("parts", nargs="*", choices=["replay", "feed", []], default=[])
    options = parser.parse_args()
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    if not documentation_network():
        skip_all("needs a network of its own (unshare)")
    tap, folder = Tap(), Folder()
    try:
        site = Site(tap, folder)
        site.learn_the_past()
        if not options.parts or "replay" in options.parts:
            by_replay(tap, site, options.tries, options.addresses)
        if not options.parts or "feed" in options.parts:
            with running(site.dovecot, site.postfix):
                by_feed(tap, site, options.tries, options.addresses, options.seconds)
            mailserver.check_event_lines(tap, site.daemon)
    except Trouble as trouble:
        tap.ok(False, "it can be played", trouble)
    finally:
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
