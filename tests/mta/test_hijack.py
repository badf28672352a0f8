#!/usr/bin/python3
"""A stolen account through a real Postfix with Dovecot logins: frozen within a few messages, explained, thawed; and what
must go on meanwhile. Then the same in short through Sendmail.

The owners have a past: facts of eight weeks, played into a folder for the state by `mailreeve replay --state`. Each part
starts mailreeved on a copy of that folder. Clients have addresses for documentation, in a network of this process's own,
or XCLIENT plays them where that is not allowed."""

import contextlib
import json
import os
import re
import shutil
import sys
import time

import mailserver
import owners
from mailserver import (Dovecot, Folder, Mailreeved, Postfix, Sendmail, Trouble, get, private_network, run, running,
                        wait_for, write)
from owners import HOME, OFFICE, THIEF, THIEF_TOO
from scene import Message, policy, send
from smtpclient import Client
from tap import Tap, skip_all

CONTACT = "call the helpdesk, phone 100"
HELPDESK = "<helpdesk@victim.example>"
STOLEN, LET_OUT = 200, 3
NAMES = ("alice", "bob", "carol", "dora", "emil", "frida")
# What a list that was bought holds: some of it is dead.
DEAD = r"/^gone[0-9]+@/ REJECT 5.1.1 no such user"


def rules(hijack, state):
    return policy(networks=None, relay=': { mode = "enforce" }', helpdesk=f'= [ "{HELPDESK[1:-1]}" ]',
                  hijack=f': {{ contact = "{CONTACT}"  {hijack} }}', state=f': {{ directory = "{state}" }}')


class Site:
    """A mail server, mailreeved, and the owners. The server is what a subclass makes of it."""

    def __init__(self, tap, folder, daemon, people, name):
        self.tap, self.folder, self.daemon, self.people, self.name = tap, folder, daemon, people, name
        self.base, self.state, self.facts = None, None, None

    def ok(self, good, name, *why):
        return self.tap.ok(good, f"{self.name}: {name}", *why)

    def equal(self, seen, wanted, name, *why):
        return self.tap.equal(seen, wanted, f"{self.name}: {name}", *why)

    def copy_of_base(self, name):
        """A state folder as it was when the past ended, for whoever runs mailreeved."""
        path = os.path.join(self.folder.path, f"state-{name}")
        shutil.copytree(self.base, path)
        for place in (path, *(os.path.join(path, entry) for entry in os.listdir(path))):
            shutil.chown(place, self.daemon.user or None, self.daemon.group)
        os.chmod(path, 0o750)
        return path

    def learn_the_past(self):
        self.base = self.folder.make("state-past", 0o750)
        self.daemon.write(rules('mode = "enforce"', self.base))
        lines = owners.past(self.people, time.time(), 11)
        path = write(os.path.join(self.folder.path, f"past-{self.name}"), lines)
        done = self.daemon.command("replay", "-c", self.daemon.policy, "--state", self.base, path)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        verdicts = [get(event, "mailreeve.verdict") for event in events if get(event, "event.action") == "verdict"]
        self.equal((done.returncode, len(verdicts)), (0, lines.count("\n")), "the past is played into a state", done.stderr)
        self.equal(set(verdicts), {"accept"}, "in eight weeks of ordinary mail nobody is held or frozen",
                   *[event for event in events if get(event, "event.kind") == "alert"][:5])

    @contextlib.contextmanager
    def day(self, name, hijack):
        """mailreeved on a state of its own for one part of the test."""
        self.state = self.copy_of_base(name)
        self.facts = os.path.join(self.daemon.log_folder, f"facts-{name}.ndjson")
        self.daemon.write(rules(hijack, self.state), facts=self.facts)
        mark = self.daemon.mark()
        self.daemon.start()
        self.forget_held()
        try:
            yield mark
        finally:
            self.daemon.stop()

    def log_in(self, owner, address, helo=None):
        client = self.connect(address, helo or owner.helo)
        answer = client.login(owner.login, owner.password)
        if answer.code != 235:
            client.close()
            raise Trouble(f"AUTH: {answer}")
        return client

    def write_mail(self, owner, to, address=OFFICE):
        """One message as the owner writes it: the answers."""
        with self.judged(owner, address), self.log_in(owner, address) as client:
            answers = send(client, mail(owner, to, owner.size()))
            client.quit()
        return answers

    @contextlib.contextmanager
    def judged(self, owner, address, count=1):
        """Waits at its end for the verdict lines of so many messages."""
        mark = self.daemon.mark()
        yield
        wait_for(f"{count} verdicts on mail of {owner.name}", lambda: count <= len(
            [event for event in self.of(mark, "verdict", owner) if get(event, "source.ip") == address]))

    def forget_held(self):
        """Nothing that an earlier part held is in the queue."""

    def of(self, mark, action, owner=None):
        """Event lines of an action, of one account if one is given."""
        return [event for event in self.daemon.events(mark) if get(event, "event.action") == action and
                (owner is None or get(event, "user.name") == owner.login)]

    def mailreeve(self, command, *words):
        return self.daemon.command(command, "-c", self.daemon.policy, *words)


def mail(owner, to, size):
    """A message of about so many bytes."""
    body = "".join(f"{number:06d} some words that fill a line of a letter to a friend\n" for number in range(size // 60))
    return Message(sender=owner.path, to=to, headers=f"From: {owner.login}\nSubject: {owner.name}\n", body=body)


class PostfixSite(Site):
    def __init__(self, tap, folder, daemon, people, postfix, private):
        super().__init__(tap, folder, daemon, people, "Postfix")
        self.postfix, self.private = postfix, private

    def connect(self, address, helo):
        client = Client(self.postfix.login_port, address if self.private else None)
        client.ehlo(helo)
        if not self.private:
            client.xclient(address=address)
            client.ehlo(helo)
        return client

    def delivered(self, since, owner):
        """Queue ids of mail of this owner that went to somebody outside, in what the log has gained since."""
        wait_for("a queue that waits for nothing", lambda: not [m for m in self.postfix.queue() if m["queue_name"] != "hold"])
        log = self.postfix.maillog()[since:]
        sent = set(re.findall(r"([0-9A-Za-z]+): to=<[^>]*@(?!victim\.example)[^>]*>.*status=sent", log))
        return sent & set(re.findall(rf"([0-9A-Za-z]+): from=<{re.escape(owner.login)}>", log))

    def forget_held(self):
        run("postsuper", "-c", self.postfix.config, "-d", "ALL", "hold")

    def held(self, owner):
        return [m["queue_id"] for m in self.postfix.queue() if m["queue_name"] == "hold" and m["sender"] == owner.login]


class SendmailSite(Site):
    def __init__(self, tap, folder, daemon, people, server):
        super().__init__(tap, folder, daemon, people, "Sendmail")
        self.server = server

    def connect(self, address, helo):
        client = Client(self.server.port, address)
        client.ehlo(helo)
        return client


def letters(count):
    """What the thief sends: to three people each time, every third message also to one that is dead."""
    for number in range(count):
        to = [f"<x{number}-{n}@list{(number + n) % 40}.example>" for n in range(3)]
        yield to + ([f"<gone{number}@victim.example>"] if number % 3 == 0 else [])


def steal(site, owner, count=STOLEN):
    """The thief logs in from elsewhere and sends what he can: the last answer to each message."""
    with site.judged(owner, THIEF, count), site.log_in(owner, THIEF, "[10.0.0.1]") as client:
        answers = [send(client, mail(owner, to, 3000)) for to in letters(count)]
        client.quit()
    return answers


def taken(answers):
    return [answer for answer in answers if answer.stage == "data" and answer.last.code == 250]


# ---- Enforced ----

def theft(site):
    """From the first normal message to the thaw."""
    alice, bob, carol = (site.people[name] for name in ("alice", "bob", "carol"))
    with site.day("theft", 'mode = "enforce"') as mark:
        for owner in (alice, bob):
            answers = site.write_mail(owner, owner.whom())
            site.equal(answers.last.code, 250, f"{owner.name}'s normal mail passes", answers)
        queued = site.log_in(alice, THIEF_TOO, "[10.0.0.1]")
        early = [queued.mail(alice.path), queued.rcpt("<late@list1.example>")]
        colleague = site.log_in(bob, OFFICE)
        since = len(site.postfix.maillog())
        answers = steal(site, alice)
        refused_in_time(site, alice, answers, since)
        stopped_in_flight(site, alice, early, queued)
        with site.judged(bob, OFFICE), colleague:
            answers = send(colleague, mail(bob, bob.whom(), 4000))
            colleague.quit()
        site.equal(answers.last.code, 250, "the session of a colleague that was open on the owner's address goes on")
        for owner, address in ((bob, OFFICE), (carol, THIEF)):
            answers = site.write_mail(owner, owner.whom(), address)
            site.equal(answers.last.code, 250, f"{owner.name} on {'the owner' if address == OFFICE else 'the thief'}'s "
                       "address is untouched", answers)
        still_reached(site, alice, bob)
        told(site, mark, alice)
        explained(site, mark, alice)
        thawed(site, mark, alice)
    same_again(site, mark)


def refused_in_time(site, owner, answers, since):
    out = site.delivered(since, owner)
    held = site.held(owner)
    print(f"# {site.name}: of {STOLEN} messages {len(out)} got out, {len(held)} are held")
    site.ok(len(out) <= LET_OUT, f"at most {LET_OUT} of {STOLEN} messages of the thief get out", out, answers[:12])
    site.equal(len(taken(answers)), len(out) + len(held), "what was taken is delivered or held")
    refused = [answer for answer in answers if answer not in taken(answers)]
    site.ok(len(refused) >= STOLEN - LET_OUT - 10 and refused == answers[-len(refused):], "all later ones are refused",
            len(refused))
    # A dead recipient is the mail server's own to refuse, so of a message the last answer may be that one.
    lines = [line for answer in refused for line in [answer.last, *answer.rcpt] if line.code >= 400 and "5.1.1" not in line.text]
    good = re.compile(rf"5\.7\.1 .*{re.escape(CONTACT)}.*\b[0-9A-Za-z]{{12}}(-\d+)?\b")
    site.equal([str(line) for line in lines if line.code != 550 or not good.search(line.text) or len(line.lines) != 1][:3], [],
               f"each of {len(lines)} refusals is one line with whom to ask and the event id")
    print(f"# {site.name}: {lines[-1]}")


def stopped_in_flight(site, owner, early, queued):
    with site.judged(owner, THIEF_TOO):
        answer = queued.data("Subject: late\n", "A text that was begun before.\n")
    site.equal(([a.code for a in early], answer.code), ([250, 250], 550), "a session that had passed RCPT before the "
               "freeze is stopped at its end of message", answer)
    site.ok(CONTACT in answer.text, "it is told whom to ask too", answer)
    queued.quit()


def still_reached(site, owner, other):
    answers = site.write_mail(owner, [HELPDESK])
    site.equal(answers.last.code, 250, "mail of the frozen account to the helpdesk passes", answers)
    answers = site.write_mail(owner, [HELPDESK, owner.contacts[0], other.path])
    site.equal(([a.code for a in answers.rcpt], answers.last.code), ([250, 550, 550], 250),
               "of several recipients only the helpdesk is reached", answers)
    answers = site.write_mail(owner, [owner.contacts[0]])
    site.equal(answers.last.code, 550, "the owner herself is refused elsewhere, at her own address too", answers)


def told(site, mark, owner):
    frozen = site.of(mark, "account-frozen")
    site.equal([get(event, "user.name") for event in frozen], [owner.login], "one event says that the account is frozen",
               *frozen)
    judged = [event for event in site.of(mark, "verdict", owner) if get(event, "mailreeve.reason") == "hijack-evidence"]
    site.equal(len(judged), 1, "one verdict is the one that froze it", *judged)
    evidence = get(judged[0], "mailreeve.evidence", {}) if judged else {}
    site.ok(evidence.get("total", 0) >= evidence.get("limit", 99) > 0 and evidence.get("novelty", 0) > 0,
            "it has the evidence: the channels, the total and the limit", evidence)


def channels(event):
    evidence = get(event, "mailreeve.evidence", {})
    return sorted((name for name in evidence if name not in ("total", "limit")), key=lambda name: -evidence[name])


WORDS = {"novelty": "recipients that this account never wrote to", "pace": "more messages or recipients than ever before",
         "refused": "recipients that do not exist or were refused", "size": "messages of nearly the same size",
         "place": "a network or country that is not its usual one", "persistence": "hour after hour mostly strangers"}


def explained(site, mark, owner):
    event = site.of(mark, "account-frozen")[0]
    strongest = channels(event)[:2]
    for what in (owner.login, get(event, "mailreeve.transaction")):
        done = site.mailreeve("explain", what)
        kind = "the account" if what == owner.login else "the event"
        site.equal(done.returncode, 0, f"explain of {kind} knows it", done.stdout, done.stderr)
        wanted = [owner.login, *(WORDS[name] for name in strongest if name in WORDS)]
        site.equal([word for word in wanted if word not in done.stdout], [],
                   f"explain of {kind} names it and the strongest evidence", done.stdout)
        told = re.search(r"([+-][0-9.]+) +of \+([0-9.]+) nats", done.stdout)
        total = get(event, "mailreeve.evidence.total")
        site.ok(told and abs(float(told[1]) - total) < 0.15, f"explain of {kind} tells the sum, and of how much", done.stdout)
        if kind == "the account":
            site.ok("frozen since" in done.stdout and f"mailreeve thaw {owner.login}" in done.stdout,
                    "explain says how it stands and what to do", done.stdout)
            print("".join(f"#   {line}\n" for line in done.stdout.splitlines()), end="")


def thawed(site, mark, owner):
    done = site.mailreeve("thaw", "--reason", "password changed", owner.login)
    site.equal(done.returncode, 0, "thaw", done.stdout, done.stderr)
    line = site.daemon.wait_event(mark, lambda event: get(event, "event.action") == "account-thawed")
    site.equal(get(line, "user.name"), owner.login, "an event says who was thawed", line)
    for count, address in ((1, OFFICE), (2, OFFICE), (1, HOME)):
        answers = site.write_mail(owner, owner.whom(count), address)
        site.equal(answers.last.code, 250, f"the next normal message from {address} passes", answers)
    site.equal((len(site.of(mark, "account-frozen")), len(site.of(mark, "account-thawed"))), (1, 1),
               "and freezes it not again")
    site.equal([get(event, "mailreeve.verdict") for event in site.of(mark, "verdict", owner)[-3:]], ["accept"] * 3,
               "nor is it held", *site.of(mark, "verdict", owner)[-3:])


def essence(event):
    return (get(event, "event.action"), get(event, "mailreeve.verdict"), get(event, "mailreeve.reason"),
            get(event, "rule.id"), get(event, "user.name"), get(event, "mailreeve.evidence"))


SHOWN = ("verdict", "account-frozen", "account-held", "account-watched", "account-thawed", "alert")


def same_again(site, mark):
    """The facts of the day, played on the state of its morning."""
    state = site.copy_of_base("again")
    done = site.daemon.command("replay", "-c", site.daemon.policy, "--state", state, site.facts)
    again = [essence(event) for event in map(json.loads, done.stdout.splitlines()) if get(event, "event.action") in SHOWN]
    live = [essence(event) for event in site.daemon.events(mark) if get(event, "event.action") in SHOWN]
    # An event about an account waits for the disk, so it may come after the verdict that made it.
    different = [pair for pair in zip(sorted(live, key=str), sorted(again, key=str)) if pair[0] != pair[1]]
    site.equal((done.returncode, len(again), different[:3]), (0, len(live), []),
               f"the facts played again give the same {len(live)} verdicts and changes", done.stderr)
    site.equal([line for line in live if line[0] == "verdict"], [line for line in again if line[0] == "verdict"],
               "in the same order")


# ---- Variants ----

def external_only(site):
    alice, bob = site.people["alice"], site.people["bob"]
    with site.day("external", 'mode = "enforce"  external_only = true'):
        done = site.mailreeve("freeze", "--reason", "test", alice.login)
        site.equal(done.returncode, 0, "freeze by hand", done.stdout, done.stderr)
        site.equal(site.write_mail(alice, [bob.path]).last.code, 250, "external_only: mail to a colleague goes on")
        site.equal(site.write_mail(alice, alice.whom()).last.code, 550, "external_only: mail to others does not")
    with site.day("internal", 'mode = "enforce"'):
        site.mailreeve("freeze", alice.login)
        site.equal(site.write_mail(alice, [bob.path]).last.code, 550, "without it a colleague is not reached either")


def held_and_released(site):
    """What is suspicious waits in the hold queue, whichever of the thresholds it passes."""
    alice = site.people["alice"]
    with site.day("hold", 'mode = "enforce"  action = "hold"') as mark:
        since = len(site.postfix.maillog())
        answers = steal(site, alice, 12)
        held = site.held(alice)
        site.equal((len(taken(answers)), len(site.of(mark, "account-frozen"))), (12, 0), "action hold refuses nothing")
        out = site.delivered(since, alice)
        site.ok(len(out) <= LET_OUT and len(held) == 12 - len(out), f"all but {LET_OUT} wait in the hold queue", out, held)
        lines = [event for event in site.of(mark, "verdict", alice) if get(event, "mailreeve.verdict") == "hold"]
        site.equal(sorted(get(event, "email.local_id") for event in lines), sorted(held),
                   "each held message has its verdict line with the queue id")
        site.equal(len(site.of(mark, "account-held", alice)), 1, "one event asks an operator to look")
        done = site.mailreeve("release", alice.login)
        site.equal((done.returncode, [queue_id for queue_id in held if queue_id not in done.stdout]), (0, []),
                   "release names the queue ids", done.stdout, done.stderr)
        run("postsuper", "-c", site.postfix.config, *(word for queue_id in held for word in ("-H", queue_id)))
        run("postqueue", "-c", site.postfix.config, "-f")
        out = wait_for("delivery", lambda: (lambda sent: sent if len(sent) == 12 else None)(site.delivered(since, alice)))
        site.equal(len(out), 12, "what was released is delivered")
        site.equal(site.write_mail(alice, alice.whom()).last.code, 250, "the next normal message passes")
        site.equal(get(site.of(mark, "verdict", alice)[-1], "mailreeve.verdict"), "accept", "and is not held")


def observed(site):
    alice = site.people["alice"]
    with site.day("observe", 'mode = "observe"') as mark:
        answers = steal(site, alice, 60)
        site.equal((len(taken(answers)), len(site.held(alice))), (60, 0), "observe: nothing is refused or held")
        alerts = [event for event in site.of(mark, "alert", alice)]
        frozen = [event for event in alerts if "would be frozen: evidence" in get(event, "message", "")]
        held = [event for event in alerts if "would be held: evidence" in get(event, "message", "")]
        site.ok(len(frozen) == 1 and len(held) == len(alerts) - 1 <= 1, "observe: an alert says once that the account would "
                "be frozen, and why", *alerts)
        site.ok(frozen and get(frozen[0], "mailreeve.evidence.total", 0) >= get(frozen[0], "mailreeve.evidence.limit", 99),
                "observe: it has the evidence", *frozen)
        would = [event for event in site.of(mark, "verdict", alice) if get(event, "mailreeve.would") == ["hijack"]]
        site.ok(len(would) >= 50, "observe: verdicts say that the rule would have acted", len(would))
        site.equal(site.of(mark, "account-frozen"), [], "observe: nobody is frozen")


def innocent(site):
    """An hour's mail of everybody, sent as fast as it goes."""
    with site.day("innocent", 'mode = "enforce"') as mark:
        for turn in range(4):
            for owner in site.people.values():
                address = HOME if owner.home and turn == 2 else OFFICE
                to = owner.whom(1 + turn % 2) + ([site.people["bob"].path] if turn == 3 else [])
                site.write_mail(owner, to, address)
        seen = site.of(mark, "verdict")
        site.equal([(get(event, "user.name"), get(event, "mailreeve.evidence")) for event in seen
                    if get(event, "mailreeve.verdict") != "accept"], [], "an innocent hour: all mail passes")
        site.equal((len(seen), site.of(mark, "account-frozen") + site.of(mark, "account-held")), (24, []),
                   "an innocent hour: nobody is held or frozen")


def mailing(site):
    """The owner, once, from her usual place, writes to many people whom she never wrote to."""
    alice = site.people["alice"]
    with site.day("mailing", 'mode = "enforce"') as mark:
        with site.judged(alice, OFFICE, 60), site.log_in(alice, OFFICE) as client:
            answers = [send(client, mail(alice, [f"<guest{n}@uni{n % 20}.example>"], 4000)) for n in range(60)]
            client.quit()
        site.equal((len(taken(answers)), site.of(mark, "account-frozen")), (60, []), "a mailing of 60 letters does not freeze "
                   "its author", *answers[-3:])
        print(f"# {site.name}: of 60 letters of a mailing {len(site.held(alice))} are held")
        site.mailreeve("release", alice.login)
        site.equal(site.write_mail(alice, ["<guest60@uni0.example>"]).last.code, 250, "nor does what comes after a release")
        site.equal(get(site.of(mark, "verdict", alice)[-1], "mailreeve.verdict"), "accept", "which is not held")


def sendmail_theft(site):
    alice, bob = site.people["alice"], site.people["bob"]
    with site.day("sendmail", 'mode = "enforce"') as mark:
        site.equal(site.write_mail(alice, alice.whom()).last.code, 250, "normal mail passes")
        queued = site.log_in(alice, THIEF_TOO, "[10.0.0.1]")
        early = [queued.mail(alice.path), queued.rcpt("<late@list1.example>")]
        answers = steal(site, alice, 40)
        held = [event for event in site.of(mark, "verdict", alice) if get(event, "mailreeve.verdict") == "hold"]
        site.ok(len(taken(answers)) - len(held) <= LET_OUT, f"at most {LET_OUT} of 40 messages get out", *answers[:8])
        stopped_in_flight(site, alice, early, queued)
        site.equal(site.write_mail(bob, bob.whom()).last.code, 250, "the colleague on the owner's address is untouched")
        site.equal([get(event, "user.name") for event in site.of(mark, "account-frozen")], [alice.login],
                   "one event says that the account is frozen")
        thawed(site, mark, alice)


def begin_postfix(tap, folder, people, private):
    daemon = Mailreeved(folder)
    dovecot = Dovecot(folder, {owner.login: owner.password for owner in people.values()})
    dead = write(os.path.join(folder.path, "dead-recipients"), DEAD + "\n")
    postfix = Postfix(folder, daemon.milter, dovecot.socket, networks=("127.0.0.9/32",),
                      settings={"smtpd_recipient_restrictions": f"check_recipient_access regexp:{dead}, permit",
                                "qmgr_message_active_limit": "1000"})
    return PostfixSite(tap, folder, daemon, people, postfix, private), (dovecot, postfix)


def play(site, servers, parts):
    with running(*servers):
        site.learn_the_past()
        for part in parts:
            try:
                part(site)
            except (Trouble, OSError, IndexError, KeyError) as trouble:
                site.ok(False, f"{part.__name__} can be played", repr(trouble))
    mailserver.check_event_lines(site.tap, site.daemon)


def play_sendmail(tap, private):
    why = mailserver.why_no_sendmail() or (None if private else "needs a network of its own")
    if why:
        tap.skip("Sendmail: a stolen account", why)
        return
    folder = Folder()
    owners.LISTENER = "MTA"
    people = owners.make_owners(("alice", "bob", "carol"), 5)
    try:
        daemon = Mailreeved(folder)
        server = Sendmail(folder, mailserver.sendmail_root(), daemon.milter,
                          {owner.login: owner.password for owner in people.values()})
        play(SendmailSite(tap, folder, daemon, people, server), [server], [sendmail_theft])
    finally:
        folder.remove()


def main():
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    tap = Tap()
    folder = Folder()
    try:
        private = private_network(owners.CLIENTS)
        site, servers = begin_postfix(tap, folder, owners.make_owners(NAMES, 7), private)
        play(site, servers, (theft, external_only, held_and_released, observed, innocent, mailing))
        play_sendmail(tap, private)
    except Trouble as trouble:
        tap.ok(False, "the servers start", trouble)
    finally:
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
