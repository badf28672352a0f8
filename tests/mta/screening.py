"""A site under attack: Postfix and Dovecot that ask mailreeved's login feed, owners with a past, and attackers with
addresses of documentation, all in a network of this process's own. Used by test_screening.py and tests/bench/soak_screening.py.
"""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import socket
import struct
import time

import owners
from imapclient import ImapClient
from mailserver import Dovecot, Mailreeved, Postfix, Trouble, get, private_network, wait_for, write
from owners import HOME, OFFICE
from scene import Message, compare_event, policy, send
from smtpclient import Client

KEY, OTHER_KEY = "a-key-of-this-test-0123456789abcdef", "another-key-of-this-test-0123456789"
NAMES = ("alice", "bob", "carol", "dora", "emil", "frida", "gerd", "hanna", "ivan", "jana", "karl", "lena", "marta", "nils",
         "olga", "paul")
NEW = "zoe"  # has an account and no past
THIEF, SIBLING, STRANGER = "203.0.113.66", "203.0.113.67", "203.0.113.200"
STRANGER_V6 = "2001:db8:5555::9"
NEIGHBOURS_V6 = [f"2001:db8:7777:1::{host}" for host in (1, 2, 3)]  # of one /64
# All of an IPv4 network whose first address is on the loopback is ours; of IPv6, only what is added.
BOTS_V6 = [f"2001:db8:{number:x}::1" for number in range(0x100, 0x118)]
BOTS = [f"203.0.113.{number}" for number in range(100, 124)] + BOTS_V6
NOBODY = r"/^unknown[0-9]+@victim\.example$/ REJECT 5.1.1 no such user" + "\n"
SIOCSIFADDR, LOOPBACK_INDEX = 0x8916, 1
AT_ONCE = 50


def documentation_network():
    """False where the system does not allow it."""
    if not private_network((OFFICE, HOME, THIEF)):
        return False
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        for address in (*BOTS_V6, *NEIGHBOURS_V6, STRANGER_V6):
            request = socket.inet_pton(socket.AF_INET6, address) + struct.pack("=Ii", 128, LOOPBACK_INDEX)
            fcntl.ioctl(control, SIOCSIFADDR, request)
    return True


def logins_of(people, now, seed=3):
    """Facts: each owner reads mail twice a day for six weeks, from the office, and some from home."""
    rng = random.Random(seed)
    for day in range(42, 0, -1):
        for owner in people.values():
            for _ in range(2):
                away = owner.home and rng.random() < 0.3
                yield {"time": round(now - day * 86400 + rng.uniform(-14000, 14000), 3), "fact": "login",
                       "client": {"ip": HOME if away else OFFICE}, "login": owner.login, "protocol": "imap",
                       "success": True}


def the_past(people, now):
    """Lines of facts up to yesterday: mail and logins."""
    facts = [json.loads(line) for line in owners.past(people, now, 11).splitlines()] + list(logins_of(people, now))
    return "".join(json.dumps(fact) + "\n" for fact in sorted(facts, key=lambda fact: fact["time"]))


class Site:
    """One mail server with everything. Each scene starts mailreeved on a state of its own."""

    def __init__(self, tap, folder):
        self.tap, self.folder = tap, folder
        self.people = owners.make_owners(NAMES, 7)
        self.new = owners.make_owners((NEW,), 8)[NEW]
        self.daemon = Mailreeved(folder)
        with socket.socket() as probe:  # Dovecot wants to know it before mailreeved runs
            probe.bind(("127.0.0.1", 0))
            self.feed_port = probe.getsockname()[1]
        for name, key in (("key", KEY), ("other-key", OTHER_KEY)):
            shutil.chown(write(os.path.join(folder.path, name), key + "\n", 0o640), None, self.daemon.group)
        self.dovecot = Dovecot(folder, {owner.login: owner.password for owner in (*self.people.values(), self.new)},
                               imap=True, feed=(f"http://127.0.0.1:{self.feed_port}/", KEY))
        nobody = write(os.path.join(folder.path, "nobody"), NOBODY)
        self.postfix = Postfix(folder, self.daemon.milter, self.dovecot.socket, networks=("127.0.0.9/32",), ipv6=True,
                               settings={"smtpd_recipient_restrictions": f"check_recipient_access regexp:{nobody}, permit"})
        self.base = os.path.join(folder.path, "state-past")
        self.states = 0

    # ---- The daemon ----

    def rules(self, state, key="key", **groups):
        """The policy; groups as scene.policy() takes them, and screen, hijack as what stands in their braces."""
        for name in ("screen", "hijack"):
            inside = groups.get(name, "")
            groups[name] = f': {{ {inside} }}' if "mode" in inside else f': {{ mode = "enforce"  {inside} }}'
        groups.setdefault("login_feed", f': {{ listen = "inet:{self.feed_port}@127.0.0.1"  '
                          f'keys = [ "file:{self.folder.path}/{key}" ] }}')
        return policy(networks=None, relay=': { mode = "enforce" }', state=f': {{ directory = "{state}" }}', **groups)

    def learn_the_past(self):
        self.folder.make("state-past", 0o750)
        self.daemon.write(self.rules(self.base))
        path = write(os.path.join(self.folder.path, "past.ndjson"), the_past(self.people, time.time()))
        events = self.replay(path, self.base)
        refused = [event for event in events if get(event, "event.action") not in ("verdict", "policy-loaded") or
                   get(event, "mailreeve.verdict", "accept") != "accept"]
        self.tap.equal(refused[:3], [], f"{len(events)} lines of six ordinary weeks: nobody is refused, blocked or told of")

    def replay(self, path, state=None):
        done = self.daemon.command("replay", "-c", self.daemon.policy, *(("--state", state) if state else ()), path)
        if done.returncode != 0:
            raise Trouble(f"replay: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def copy_of_base(self):
        """A state folder as it was when the past ended."""
        self.states += 1
        path = os.path.join(self.folder.path, f"state-{self.states}")
        shutil.copytree(self.base, path)
        for place in (path, *(os.path.join(path, entry) for entry in os.listdir(path))):
            shutil.chown(place, self.daemon.user or None, self.daemon.group)
        os.chmod(path, 0o750)
        return path

    @contextlib.contextmanager
    def day(self, screen='tarpit = "0s"', **groups):
        """mailreeved on a state of its own, for one scene. Gives the mark of its begin."""
        self.state = self.copy_of_base()
        self.daemon.write(self.rules(self.state, screen=screen, **groups))
        mark = self.daemon.mark()
        try:
            self.start()
            yield mark
        finally:
            self.daemon.stop()

    def start(self):
        """mailreeved, and Dovecot anew: when the feed has closed connections to it, it asks for up to a minute or two nobody,
        so that its logins go on."""
        self.daemon.start()
        self.dovecot.stop()
        self.dovecot.start()
        self.await_asked()

    def asked(self):
        """How many logins the feed was asked for and let in."""
        said = re.search(r"asked for ([0-9,]+) let in", self.mailreeve("status").stdout)
        return int(said[1].replace(",", "")) if said else 0

    def await_asked(self):
        """Until Dovecot asks the feed again."""
        carol, before = self.people["carol"], self.asked()

        def does():
            self.imap(OFFICE, carol.login, carol.password)
            return self.asked() > before
        wait_for("Dovecot asks the login feed", does, 150)

    def change(self, screen='tarpit = "0s"', **groups):
        """Another policy for the daemon that runs."""
        self.daemon.reload(self.rules(self.state, screen=screen, **groups))

    def mailreeve(self, command, *words):
        return self.daemon.command(command, "-c", self.daemon.policy, *words)

    # ---- Clients ----

    def imap(self, address, login, password):
        """(whether it logged in, what Dovecot said)."""
        with ImapClient(self.dovecot.imap_port, address) as client:
            return client.login(login, password)

    def connect(self, address, helo="[10.0.0.1]", port=None):
        client = Client(port or self.postfix.login_port, address, "::1" if ":" in address else "127.0.0.1")
        client.ehlo(helo)
        return client

    def smtp(self, address, login, password):
        """(whether it logged in, the answer to AUTH)."""
        with self.connect(address) as client:
            answer = client.login(login, password)
            client.quit()
        return answer.code == 235, str(answer)

    def try_all(self, tries, by=None):
        """Many at once: tries are (address, login, password). by: self.imap, self.smtp; None: in turn. The results."""
        ways = [by] if by else [self.imap, self.smtp]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = [pool.submit(ways[number % len(ways)], *one) for number, one in enumerate(tries)]
            return [job.result() for job in jobs]

    def log_in(self, owner, address):
        """A submission session of the owner."""
        client = self.connect(address, owner.helo)
        answer = client.login(owner.login, owner.password)
        if answer.code != 235:
            client.close()
            raise Trouble(f"AUTH of {owner.name} from {address}: {answer}")
        return client

    def write_mail(self, owner, to, address, client=None, size=3000):
        """One message of the owner, its verdict line awaited: (answers, line)."""
        mark = self.daemon.mark()
        with client or self.log_in(owner, address) as session:
            answers = send(session, letter(owner, to, size))
            session.quit()
        return answers, self.daemon.verdict(mark, source__ip=address, user__name=owner.login)

    def deliver(self, address, to, sender="<friend@outside.example>"):
        """A message from outside, without a login: answers."""
        with self.connect(address, "mx.outside.example", self.postfix.port) as client:
            answers = send(client, Message(sender=sender, to=to))
            client.quit()
        return answers

    # ---- Lines ----

    def of(self, mark, action, **wanted):
        """Event lines of an action with these fields ("__" for ".")."""
        return [event for event in self.daemon.events(mark)
                if get(event, "event.action") == action and not compare_event(event, wanted)]

    def wait(self, mark, action, **wanted):
        return self.daemon.wait_event(mark, lambda event: get(event, "event.action") == action and
                                      not compare_event(event, wanted))

    # ---- Results ----

    def ok(self, good, name, *why):
        return self.tap.ok(good, name, *why)

    def equal(self, seen, wanted, name, *why):
        return self.tap.equal(seen, wanted, name, *why)

    def line(self, event, name, **wanted):
        """The line says this."""
        wrong = compare_event(event, wanted)
        return self.tap.ok(not wrong, name, *wrong, event)

    def works(self, owner, address, name):
        """The owner reads and sends mail from there."""
        read = self.imap(address, owner.login, owner.password)
        self.ok(read[0], f"{name}: {owner.name} reads mail from {address}", read[1])
        try:
            answers, line = self.write_mail(owner, owner.whom(), address)
        except Trouble as trouble:
            self.ok(False, f"{name}: {owner.name} sends mail from {address}", trouble)
            return
        self.ok(answers.last.code == 250 and get(line, "mailreeve.verdict") == "accept",
                f"{name}: {owner.name} sends mail from {address}", answers, line)

    def shut_out(self, way, owner, address, name, reason, since=None, **wanted):
        """Whoever knows the owner's password does not get in there by self.imap or self.smtp, and a line says login-refused:
        that of this very login, or, after a flood, which is told by samples, one of this address since the mark."""
        mark = self.daemon.mark()
        inside, said = way(address, owner.login, owner.password)
        protocol = "imap" if way == self.imap else "smtp"
        name = f"{name}: {owner.name}'s right password from {address} by {protocol}"
        if not self.ok(not inside, f"{name} does not help", said):
            return
        if since is None:
            wanted.update(user__name=owner.login, network__protocol=protocol)
        self.line(self.wait(mark if since is None else since, "login-refused", source__ip=address,
                            **({"user__name": owner.login} if since is None else {"mailreeve__reason": reason})),
                  f"{name}: the line", mailreeve__reason=reason, event__outcome="failure", **wanted)

    def quiet(self, mark, name, *actions):
        """None of these actions since the mark."""
        self.equal([event for action in actions for event in self.of(mark, action)][:3], [], name)


def letter(owner, to, size):
    body = "some words that fill a line of a letter to a friend\n" * (size // 52)
    return Message(sender=owner.path, to=to, headers=f"From: {owner.login}\nSubject: {owner.name}\n", body=body)


def wrong(address, login, count, word="wrong"):
    """Different wrong passwords for one login."""
    return [(address, login, f"{word}-{number}") for number in range(count)]
