#!/usr/bin/python3
"""Attackers before they get in: a real Postfix and a real Dovecot, whose logins mailreeved judges through its login feed.
Who is blocked, who is not, and what the event lines say.

Every client has its own address, in a network of this process's own. The owners have a past (screening.py). A wrong
password takes Dovecot half a second, so that attackers try many at once. What takes a day is played by mailreeve replay.
Arguments: names of scenes."""

import datetime
import json
import os
import re
import signal
import sys
import time

import mailserver
from mailserver import Folder, Trouble, get, running, wait_for, write
from owners import HOME, OFFICE
from scene import compare_event, send
from screening import (BOTS, NEIGHBOURS_V6, SIBLING, STRANGER, STRANGER_V6, THIEF, Site, documentation_network, letter,
                       wrong)
from tap import Tap, skip_all

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "geo"))
from make_mmdb import make  # noqa: E402

COUNTRIES = (("192.0.2.0/24", "DE"), ("198.51.100.0/24", "DE"), ("203.0.113.0/24", "BR"))
FRIEND = "<alice@victim.example>"
BLOCKS = ("source-blocked", "login-refused", "login-guarded", "alert")


def refused_at_mail(site, answers, name):
    return site.ok(answers.stage == "mail" and (answers.last.code, answers.last.text[:5]) == (554, "5.7.1"),
                   f"{name}: mail without a login is refused with 554 5.7.1", answers)


# ---- A: wrong passwords from one address ----

def many_wrong_passwords(site):
    """50 at once, for five logins: the source is blocked, told of once, and stays blocked over a restart."""
    victims = [site.people[name] for name in ("alice", "bob", "carol", "dora", "emil")]
    with site.day() as mark:
        site.try_all([one for owner in victims for one in wrong(THIEF, owner.login, 10)])
        line = site.wait(mark, "source-blocked")
        site.line(line, "50 wrong passwords: the source is blocked", source__ip=THIEF, mailreeve__reason="screen-login-failures",
                  rule__id="screen", mailreeve__mode="enforce", mailreeve__prefix=THIEF + "/32",
                  mailreeve__limit=lambda limit: limit["login_failures.1h"] == 20,
                  mailreeve__counter=lambda counter: counter["login_failures.1h"] == 21)
        site.shut_out(site.imap, site.people["frida"], THIEF, "blocked", "screen-blocked", since=mark)
        site.shut_out(site.smtp, site.people["gerd"], THIEF, "blocked", "screen-blocked", since=mark)
        refused_at_mail(site, site.deliver(THIEF, [FRIEND]), "blocked")
        site.works(victims[0], OFFICE, "the owners notice nothing")
        site.works(victims[0], HOME, "the owners notice nothing")
        shown = site.mailreeve("show", "blocks")
        site.ok(shown.returncode == 0 and THIEF in shown.stdout, "show blocks has it", shown.stdout, shown.stderr)
        site.equal(len(site.of(mark, "source-blocked")), 1, "it is told once")
        site.daemon.stop()
        site.start()
        site.shut_out(site.imap, site.people["hanna"], THIEF, "after a restart", "screen-blocked", since=mark)
        done = site.mailreeve("unblock", THIEF)
        site.equal(done.returncode, 0, "unblock", done.stdout, done.stderr)
        site.wait(mark, "source-unblocked")
        site.equal(site.deliver(THIEF, [FRIEND]).last.code, 250, "then its mail passes")


def one_login_only(site):
    """One after the other, by IMAP and submission: the pair of login and source is refused; nobody else is."""
    alice, bob = site.people["alice"], site.people["bob"]
    with site.day('tarpit = "0s"  pair_failures = "4/1h"') as mark:
        for number, one in enumerate(wrong(THIEF, alice.login, 12)):
            way = (site.imap, site.smtp)[number % 2]
            way(*one)
            if site.of(mark, "login-refused"):
                break
        site.ok(number >= 5, "one login: the first five wrong passwords are looked at", number)
        site.line(site.wait(mark, "login-refused"), "one login: then the pair is refused", source__ip=THIEF,
                  user__name=alice.login, mailreeve__reason="screen-pair-failures",
                  mailreeve__limit=lambda limit: limit["pair_failures.1h"] == 4)
        site.equal(site.imap(THIEF, alice.login, alice.password)[0], False, "one login: the right password is too late")
        site.equal(site.imap(SIBLING, alice.login, alice.password)[0], True, "one login: from elsewhere it works")
        site.equal(site.imap(THIEF, bob.login, bob.password)[0], True, "one login: another login from there works")
        site.works(alice, OFFICE, "one login")
        site.quiet(mark, "one login: no source is blocked, no login guarded", "source-blocked", "login-guarded")


# ---- B ----

def spraying(site):
    """One password for each of 100 logins, most of which nobody has."""
    logins = [owner.login for owner in site.people.values()] + [f"user{n}@victim.example" for n in range(84)]
    with site.day('tarpit = "0s"  login_failures = "500/1h"') as mark:
        site.try_all([(THIEF, login, "Summer2026") for login in logins])
        site.line(site.wait(mark, "source-blocked"), "spraying: the source is blocked", source__ip=THIEF,
                  mailreeve__reason="screen-logins-tried", threat__technique__id=lambda ids: "T1110.003" in ids,
                  mailreeve__counter=lambda counter: counter["logins_tried.1h"] == 21)
        site.shut_out(site.smtp, site.new, THIEF, "spraying", "screen-blocked", since=mark)
        site.works(site.people["bob"], OFFICE, "spraying")
        site.quiet(mark, "spraying: no login is guarded", "login-guarded")


def whole_network(site):
    """Each host below its limit, all of a network together above the one of the network; and IPv6 hosts of one /64."""
    with site.day('tarpit = "0s"  login_failures = "8/1h"  wide_factor = 3') as mark:
        site.try_all([(address, f"nobody{number % 7}@victim.example", f"guess-{number}") for number, address in
                      enumerate([f"203.0.113.{host}" for host in range(10, 17)] * 4)])
        site.line(site.wait(mark, "source-blocked"), "network: the /24 is blocked", mailreeve__prefix="203.0.113.0/24",
                  mailreeve__reason="screen-login-failures", mailreeve__counter=lambda counter: counter["login_failures.1h"] == 25)
        site.shut_out(site.smtp, site.people["alice"], SIBLING, "network, a host that did nothing", "screen-blocked")
        site.try_all([(address, f"nobody{number}@victim.example", "x") for number, address in enumerate(NEIGHBOURS_V6 * 3)])
        site.line(site.wait(mark, "source-blocked", mailreeve__prefix=NEIGHBOURS_V6[0][:-1] + "/64"),
                  "IPv6: a /64 is one source", mailreeve__counter=lambda counter: counter["login_failures.1h"] == 9)
        site.works(site.people["alice"], OFFICE, "network")


def ladder(site):
    """The same attacker again and again: an hour, a day, a week; each block ends by itself."""
    nobody = site.new
    start = time.time()
    site.daemon.write(site.rules(site.base, screen='login_failures = "5/1h"  forget = "30d"'))
    facts = []
    for attack, begin in enumerate((0, 2 * 3600, 30 * 3600)):
        facts += [{**login_fact(start + begin + n, THIEF, nobody, False, f"{n:04x}"), "login": f"nobody{attack}-{n}@victim.example"}
                  for n in range(6)]
        facts.append(login_fact(start + begin + 60, THIEF, site.people["alice"], True))
    for hours, name in ((1.5, "bob"), (27, "carol"), (30 + 24 * 6, "dora"), (30 + 24 * 8, "emil")):
        facts.append(login_fact(start + hours * 3600, THIEF, site.people[name], True))
    facts.sort(key=lambda fact: fact["time"])
    path = write(os.path.join(site.folder.path, "ladder.ndjson"), "".join(json.dumps(fact) + "\n" for fact in facts))
    events = site.replay(path, site.copy_of_base())
    blocked = [event for event in events if get(event, "event.action") == "source-blocked"]
    hours = [round((get(event, "mailreeve.until") - seconds_of(event)) / 3600) for event in blocked]
    site.equal(hours, [1, 24, 168], "ladder: an hour, a day, a week", *blocked)
    refused = [(get(event, "user.name").split("@")[0], round((seconds_of(event) - start) / 3600)) for event in events
               if get(event, "event.action") == "login-refused"]
    site.equal(refused, [("alice", 0), ("alice", 2), ("alice", 30), ("dora", 174)], "ladder: refused while it lasts, let in after it")


def seconds_of(event):
    return datetime.datetime.fromisoformat(get(event, "@timestamp").replace("Z", "+00:00")).timestamp()


def exempted(site):
    """An office that is excused, but only for the logins of its own domain."""
    excuse = (f'( {{ name = "branch"  network = [ "{THIEF}/32" ]  login = [ "*@victim.example" ]  rules = [ "screen" ]'
              '  owner = "postmaster"  reason = "test"  expires = "2099-12-31" } )')
    with site.day('tarpit = "0s"  login_failures = "8/1h"  pair_failures = "8/1h"', exemptions=f"= {excuse}") as mark:
        site.try_all([(THIEF, "zoe@victim.example", f"guess-{n}") for n in range(20)])
        site.equal(site.imap(THIEF, site.new.login, site.new.password)[0], True, "exempted: many wrong passwords do no harm")
        site.quiet(mark, "exempted: nobody is blocked", "source-blocked", "login-refused")
        site.try_all([(THIEF, f"nobody{n}@elsewhere.example", f"guess-{n}") for n in range(20)])
        site.line(site.wait(mark, "source-blocked"), "exempted: for logins of another domain it is not", source__ip=THIEF)


# ---- C ----

def botnet(site):
    """48 addresses, IPv4 and IPv6, one wrong password each, for one login: it is guarded, and its owner goes on."""
    alice, bob = site.people["alice"], site.people["bob"]
    with site.day() as mark:
        with site.log_in(alice, HOME) as before:
            site.try_all([(address, alice.login, f"guess-{number}") for number, address in enumerate(BOTS)])
            site.line(site.wait(mark, "login-guarded"), "botnet: the login is guarded", user__name=alice.login,
                      mailreeve__limit=lambda limit: limit["guard_sources.1d"] == 20,
                      mailreeve__counter=lambda counter: counter["guard_sources.1d"] == 21)
            for way, address in ((site.imap, SIBLING), (site.smtp, STRANGER), (site.imap, STRANGER_V6)):
                site.shut_out(way, alice, address, "botnet, from a place that did nothing", "screen-guard-sources")
            site.equal([one[0] for one in site.try_all([(address, alice.login, alice.password) for address in BOTS]) if one[0]],
                       [], "botnet: not one of its hosts gets in with the right password")
            answers = send(before, letter(alice, alice.whom(), 3000))
            site.equal(answers.last.code, 250, "botnet: the owner's session that was open goes on", answers)
        for address in (OFFICE, HOME):
            site.works(alice, address, "botnet")
        site.equal(site.imap(SIBLING, bob.login, bob.password)[0], True, "botnet: other logins are not guarded")
        site.equal(len(site.of(mark, "login-guarded")), 1, "botnet: it is told once")
        site.quiet(mark, "botnet: no source is blocked", "source-blocked")
        site.equal([event for event in site.of(mark, "login-refused") if get(event, "source.ip") in (OFFICE, HOME)], [],
                   "botnet: no refusal of the owner")


def slow_botnet(site):
    """One wrong password an hour, each from another address, for three days; the owner reads and writes meanwhile."""
    alice = site.people["alice"]
    start = time.time()
    site.daemon.write(site.rules(site.base))
    facts = []
    for hour in range(72):
        moment = start + hour * 3600
        facts.append(login_fact(moment, f"2001:db8:{0x1000 + hour:x}::9", alice, False, f"{hour:04x}"))
        facts.append(login_fact(moment + 600, OFFICE if hour % 3 else HOME, alice, True))
        facts.append(alice.message(moment + 700, [site.people["bob"]]))
    stranger = "2001:db8:9999::1"
    facts.append(login_fact(start + 72 * 3600, stranger, alice, True))
    facts.append(login_fact(start + 99 * 3600, stranger, alice, True))
    path = write(os.path.join(site.folder.path, "slow.ndjson"), "".join(json.dumps(fact) + "\n" for fact in facts))
    events = site.replay(path, site.copy_of_base())
    guarded = [event for event in events if get(event, "event.action") == "login-guarded"]
    refused = [event for event in events if get(event, "event.action") == "login-refused"]
    site.equal(len(guarded), 1, "slow botnet: one line says that the login is guarded", *guarded)
    site.line(guarded[0], "slow botnet: because of the 21st source in 24 hours", user__name=alice.login,
              mailreeve__reason="screen-guard-sources", mailreeve__counter=lambda c: c["guard_sources.1d"] == 21)
    site.ok(any(get(event, "source.ip") == stranger for event in refused), "slow botnet: a stranger is refused even with the "
            "right password", refused[-1])
    site.equal([event for event in refused if get(event, "source.ip") in (OFFICE, HOME)], [],
               "slow botnet: no refusal of the owner in three days")
    site.equal({get(event, "mailreeve.verdict") for event in events if get(event, "event.action") == "verdict"}, {"accept"},
               "slow botnet: all her mail passes")
    last = [event for event in refused if get(event, "source.ip") == stranger]
    site.equal(len(last), 1, "slow botnet: a day after its end strangers are let in again")


def login_fact(moment, address, owner, success, pwhash=None):
    fact = {"time": round(moment, 3), "fact": "login", "client": {"ip": address}, "login": owner.login, "protocol": "imap",
            "success": success}
    return {**fact, "pwhash": pwhash} if pwhash else fact


# ---- D, E ----

def stale_phone(site):
    """A telephone that goes on with the old password, 500 times, at home and on the way."""
    alice, bob = site.people["alice"], site.people["bob"]
    with site.day() as mark:
        site.try_all([(HOME, alice.login, "old-password")] * 250 + [(THIEF, bob.login, "older-password")] * 250)
        for owner, address in ((alice, HOME), (alice, OFFICE), (bob, OFFICE)):
            site.works(owner, address, "stale telephone")
        site.equal(site.imap(THIEF, bob.login, bob.password)[0], True, "stale telephone: then the right one, where it is new")
        site.quiet(mark, "stale telephone: nobody is blocked, refused, guarded or told of", *BLOCKS)


def office(site):
    """16 people behind one address. One forgot her password, one is new and guesses, and a machine has lost its settings."""
    frida, zoe = site.people["frida"], site.new
    with site.day('tarpit = "1s"') as mark:
        site.try_all(wrong(OFFICE, frida.login, 15))
        begun = time.monotonic()
        site.equal(site.imap(OFFICE, frida.login, frida.password)[0], True, "office: who forgot her password is let in at last")
        site.ok(time.monotonic() - begun >= 0.9, "office: she only has to wait")
        site.try_all(wrong(OFFICE, zoe.login, 15) + [(OFFICE, f"scanner{n}@victim.example", "x") for n in range(25)])
        site.line(site.wait(mark, "alert", mailreeve__reason="screen-shared"),
                  "office: an alert says that it is not blocked, since it is shared", source__ip=OFFICE)
        site.shut_out(site.imap, zoe, OFFICE, "office", "screen-pair-failures", since=mark)
        for name in ("bob", "carol"):
            site.works(site.people[name], OFFICE, "office")
        site.equal(site.deliver(OFFICE, [FRIEND]).last.code, 250, "office: mail without a login passes as before")
        site.quiet(mark, "office: it is not blocked", "source-blocked")


# ---- F ----

def blocked_at_connect(site):
    alice = site.people["alice"]
    with site.day('tarpit = "0s"  at = "connect"') as mark:
        block(site, mark, THIEF)
        with site.connect(THIEF) as client:
            answer = client.login(site.new.login, site.new.password)
            site.ok(answer.code in (550, 554) and "5.7.1" in answer.text, "at connect: Postfix refuses AUTH itself", answer)
            answers = send(client, letter(site.new, [FRIEND], 100))
            site.equal((answers.stage, answers.last.code), ("mail", 554), "at connect: and MAIL", answers)
        site.line(site.wait(mark, "refused", source__ip=THIEF), "at connect: the line", mailreeve__reason="screen-blocked",
                  mailreeve__stage="connect", rule__id="screen")
        refused_at_mail(site, site.deliver(THIEF, [FRIEND]), "at connect")
        site.works(alice, OFFICE, "at connect")


def blocked_at_mail(site):
    """An attacker behind the address of two people who work from home."""
    alice, dora, bob = (site.people[name] for name in ("alice", "dora", "bob"))
    with site.day() as mark:
        with site.log_in(dora, HOME) as before:
            block(site, mark, HOME)
            answers, _ = site.write_mail(dora, dora.whom(), HOME, before)
            site.equal(answers.last.code, 250, "at mail: a session with a login that was open goes on", answers)
        site.works(alice, HOME, "at mail, behind the same address")
        site.works(dora, HOME, "at mail, behind the same address")
        refused_at_mail(site, site.deliver(HOME, [FRIEND]), "at mail")
        line = site.daemon.verdict(mark, source__ip=HOME, mailreeve__verdict="reject")
        site.line(line, "at mail: the line", rule__id="screen", mailreeve__reason="screen-blocked", event__code="5.7.1")
        site.shut_out(site.smtp, bob, HOME, "at mail, who never was there", "screen-blocked")


def block(site, mark, address):
    """Gets an address blocked, by wrong passwords of logins that nobody has."""
    site.try_all([(address, f"nobody{n % 4}@victim.example", f"guess-{n}") for n in range(32)])
    site.wait(mark, "source-blocked", source__ip=address)


def observed(site):
    """observe: nobody is refused; the lines say who would be."""
    alice = site.people["alice"]
    with site.day('mode = "observe"  tarpit = "0s"') as mark:
        site.try_all([(THIEF, f"nobody{n}@victim.example", "x") for n in range(40)])
        site.line(site.wait(mark, "alert", source__ip=THIEF), "observe: an alert says who would be blocked",
                  mailreeve__would=["screen"], mailreeve__mode="observe", mailreeve__prefix=THIEF + "/32")
        site.equal(site.deliver(THIEF, [FRIEND]).last.code, 250, "observe: its mail passes")
        site.line(site.daemon.verdict(mark, source__ip=THIEF), "observe: the verdict says what would be",
                  mailreeve__verdict="accept", mailreeve__would=["screen"])
        site.equal(site.imap(THIEF, alice.login, alice.password)[0], True, "observe: logins too")
        site.quiet(mark, "observe: nobody is blocked or refused", "source-blocked", "login-refused")


# ---- G ----

def guessed(site):
    """The same theft of two accounts, without and with guessing before it."""
    with site.day():
        without = theft(site, site.people["alice"])
    with site.day() as mark:
        alice = site.people["alice"]
        site.try_all(wrong(THIEF, alice.login, 8))
        after = theft(site, alice)
        site.line(site.wait(mark, "alert", mailreeve__reason="screen-guessed"), "guessed: an alert says so", source__ip=THIEF,
                  user__name=alice.login)
        print(f"# of the thief's messages {without[0]} pass and {without[1]} are taken when he knew the password, {after[0]} and "
              f"{after[1]} when he guessed it")
        site.ok(after[0] <= without[0] and after[1] < without[1], "guessed: he is caught earlier", after, without)
        site.ok(site.of(mark, "verdict", mailreeve__evidence=lambda e: e and e.get("guessed", 0) > 0),
                "guessed: the evidence is in the verdict lines")
        told = site.mailreeve("explain", alice.login)
        site.ok(told.returncode == 0 and "wrong passwords" in told.stdout, "guessed: explain tells the story", told.stdout,
                told.stderr)


def theft(site, owner, count=20):
    """A careful thief, who has the password: each message to one stranger, none as long as another. How many of
    them went out, and how many were taken: these may wait for an operator."""
    mark = site.daemon.mark()
    with site.log_in(owner, THIEF) as client:
        for number in range(count):
            send(client, letter(owner, [f"<x{number}@list{number}.example>"], 1000 + 700 * number))
        client.quit()
    lines = wait_for(f"{count} verdicts", lambda: (lambda seen: seen if len(seen) >= count else None)(
        site.of(mark, "verdict", source__ip=THIEF)))
    verdicts = [get(event, "mailreeve.verdict") for event in lines]
    return verdicts.count("accept"), len(verdicts) - verdicts.count("reject")


# ---- H ----

def feed_away(site):
    """Dovecot goes on when the feed is down, has another key, or hangs; then it is asked again."""
    people = iter(site.people.values())
    alice = next(people)
    with site.day() as mark:
        block(site, mark, THIEF)
        for what, rules in (("feed with another key", {"key": "other-key"}), ("feed that is off", {"login_feed": None})):
            site.change(**rules)
            for way in (site.imap, site.smtp):
                site.equal(way(THIEF, alice.login, alice.password)[0], True, f"{what}: Dovecot lets in by {way.__name__}")
            site.change()
            site.await_asked()
            site.shut_out(site.imap, next(people), THIEF, "asked again after a " + what, "screen-blocked")
        worker = worker_of(site.daemon.process.pid)
        os.kill(worker, signal.SIGSTOP)
        try:
            site.equal(site.imap(THIEF, alice.login, alice.password)[0], True,
                       "feed that hangs: Dovecot lets in after its time limit")
        finally:
            os.kill(worker, signal.SIGCONT)
        site.await_asked()
        site.shut_out(site.smtp, next(people), THIEF, "asked again after a feed that hung", "screen-blocked")
    site.equal(site.imap(THIEF, alice.login, alice.password)[0], True, "mailreeved is down: Dovecot lets in by imap")
    site.ok(re.search(r"policy.*(server|failed|HTTP|Error)", site.dovecot.said()), "Dovecot's log says that the feed does not "
            "answer", site.dovecot.said()[-500:])


def worker_of(supervisor):
    with open(f"/proc/{supervisor}/task/{supervisor}/children", encoding="ascii") as children:
        return int(children.read().split()[0])


# ---- I ----

def location(site):
    """Logins only from DE; mail from outside comes from everywhere."""
    alice = site.people["alice"]
    path = os.path.join(site.folder.path, "country.mmdb")
    with open(path, "wb") as out:
        out.write(make([(prefix, {"country": {"iso_code": code}}) for prefix, code in COUNTRIES]))
    os.chmod(path, 0o644)
    only = '( { mode = "enforce"  logins_from = [ "DE" ] } )'
    with site.day(geo=f': {{ country = "{path}" }}') as mark:
        with site.log_in(alice, THIEF) as early:
            site.change(geo=f': {{ country = "{path}" }}', location=f": {only}")
            site.shut_out(site.imap, alice, THIEF, "location", "location-country", source__geo__country_iso_code="BR")
            site.shut_out(site.smtp, site.people["bob"], THIEF, "location", "location-country")
            answers = send(early, letter(alice, alice.whom(), 1000))
            site.equal((answers.stage, answers.last.code), ("mail", 550), "location: who had logged in before is refused at MAIL",
                       answers)
        site.line(site.daemon.verdict(mark, source__ip=THIEF, mailreeve__verdict="reject"), "location: the line",
                  rule__id="location", mailreeve__reason="location-country", event__code="5.7.1", user__name=alice.login)
        site.equal(site.deliver(THIEF, [FRIEND]).last.code, 250, "location: mail from there still comes in")
        site.works(alice, OFFICE, "location")
        site.equal(site.imap(BOTS[-1], alice.login, alice.password)[0], True, "location: what is not known is not foreign")


# ---- J ----

def frozen(site):
    alice = site.people["alice"]
    with site.day():
        site.mailreeve("freeze", "--reason", "test", alice.login)
        site.shut_out(site.smtp, alice, OFFICE, "frozen", "account-frozen")
        with_imap(site, alice, True, "frozen: she reads her mail")
        site.change(hijack='frozen_logins = "all"')
        with_imap(site, alice, False, "frozen_logins all: not even that")
        site.change(hijack='frozen_logins = "none"')
        site.equal(site.smtp(OFFICE, alice.login, alice.password)[0], True, "frozen_logins none: AUTH is let in")
        answers, _ = site.write_mail(alice, alice.whom(), OFFICE)
        site.equal(answers.last.code, 550, "and MAIL or RCPT refused as before", answers)
        site.change()
        site.works(site.people["bob"], OFFICE, "frozen is one account only")
        site.mailreeve("thaw", alice.login)
        site.works(alice, OFFICE, "thawed")


def with_imap(site, owner, wanted, name):
    site.equal(site.imap(OFFICE, owner.login, owner.password)[0], wanted, name)


# ---- What the milter sees itself ----

def harvesting(site):
    """Recipients that nobody has, from one address, through Postfix alone."""
    refuse = "unknown{n}@victim.example"
    with site.day() as mark:
        with site.connect(THIEF, "mx.outside.example", site.postfix.port) as client:
            client.mail("<harvester@outside.example>")
            for n in range(31):
                client.rcpt("<" + refuse.format(n=n) + ">")
            client.quit()
        site.line(site.wait(mark, "source-blocked"), "harvesting: the source is blocked", source__ip=THIEF,
                  mailreeve__reason="screen-unknown-recipients",
                  mailreeve__counter=lambda counter: counter["unknown_recipients.1h"] == 31)
        refused_at_mail(site, site.deliver(THIEF, [FRIEND]), "harvesting")


def rubbish(site):
    """RSET after RSET, and commands that are none."""
    with site.day('tarpit = "0s"  resets = "10/1h"  syntax_errors = "10/1h"') as mark:
        with site.connect(THIEF, "mx.outside.example", site.postfix.port) as client:
            for _ in range(13):  # libmilter may lose the last before QUIT
                client.mail("<a@outside.example>")
                client.rset()
            client.quit()
        site.line(site.wait(mark, "source-blocked", source__ip=THIEF), "RSETs: the source is blocked",
                  mailreeve__reason="screen-resets")
        with site.connect(BOTS[0], "mx.outside.example", site.postfix.port) as client:
            for n in range(11):
                client.command(f"RUBBISH{n}")
            client.quit()
        site.line(site.wait(mark, "source-blocked", source__ip=BOTS[0]), "commands that are none: the source is blocked",
                  mailreeve__reason="screen-syntax-errors")


SCENES = (many_wrong_passwords, one_login_only, spraying, whole_network, ladder, exempted, botnet, slow_botnet, stale_phone, office, blocked_at_connect,
          blocked_at_mail, observed, guessed, feed_away, location, frozen, harvesting, rubbish)


def play(site, names):
    with running(site.dovecot, site.postfix):
        site.learn_the_past()
        for scene in SCENES:
            if names and scene.__name__ not in names:
                continue
            begun = time.monotonic()
            try:
                scene(site)
            except (Trouble, OSError, IndexError, KeyError, TypeError) as trouble:
                site.ok(False, f"{scene.__name__} can be played", repr(trouble))
            print(f"# {scene.__name__}: {time.monotonic() - begun:.1f} s")
    mailserver.check_event_lines(site.tap, site.daemon)


def main():
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    if not documentation_network():
        skip_all("needs a network of its own (unshare)")
    tap = Tap()
    folder = Folder()
    try:
        play(Site(tap, folder), sys.argv[1:])
    except Trouble as trouble:
        tap.ok(False, "the servers start", trouble)
    finally:
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
