#!/usr/bin/python3
"""A site without a login feed: Postfix and Dovecot write their logs, mailreeve ingest follows both, mailreeved blocks.

Clients try to name other addresses by what they give for a login. Needs root, a network of its own, Postfix, Dovecot."""

import json
import os
import subprocess
import sys

import mailserver
from imapclient import ImapClient
from mailserver import Dovecot, Folder, Mailreeved, Postfix, Trouble, end_process, get, private_network, running, wait_for
from scene import Message, policy, send
from smtpclient import Client
from tap import Tap, skip_all

THIEF, OFFICE, VICTIM = "203.0.113.66", "198.51.100.7", "192.0.2.99"
PASSWORD = "right-Horse-7"
# The victim's address in every form that a log could be misread by.
FORGED = (f"x rip={VICTIM}, ", f"a>, method=PLAIN, rip={VICTIM}, lip=127.0.0.1, session=<b", f"a]: [{VICTIM}]",
          f"b, relay=x [{VICTIM}]", f"warning: unknown[{VICTIM}]: SASL LOGIN authentication failed: x",
          f"c\nNov 22 05:00:01 mx1 postfix/smtpd[1]: warning: unknown[{VICTIM}]: SASL PLAIN authentication failed: x")


class Ingest:
    """mailreeve ingest --follow of one log, from its beginning on."""

    def __init__(self, daemon, log):
        self.daemon, self.log, self.process = daemon, log, None

    def start(self):
        program = os.path.join(self.daemon.build, "milter", "ctl", "mailreeve")
        state = os.path.join(self.daemon.root, "place-of-" + os.path.basename(os.path.dirname(self.log)))
        words = [program, "ingest", "-c", self.daemon.policy, "--follow", "--state", state, self.log]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)

    def stop(self):
        if self.process.poll() is None:
            end_process(self.process.pid)
        return self.process.wait(), self.process.stderr.read()


def facts_of(daemon, log):
    done = daemon.command("ingest", "--facts", log)
    if done.returncode != 0:
        raise Trouble(f"ingest --facts: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def smtp_login(port, source, name, password):
    with Client(port, source) as client:
        client.ehlo()
        return client.login(name, password).code


def imap_login(port, source, name, password):
    """Names may hold anything, so they go as a literal."""
    with ImapClient(port, source) as client:
        return client.command(f"LOGIN {{{len(name.encode())}+}}\r\n{name} {password}")[0]


def attack(tap, daemon, postfix, dovecot):
    tap.equal([smtp_login(postfix.open_port, OFFICE, "alice@victim.example", PASSWORD),
               imap_login(dovecot.imap_port, OFFICE, "alice@victim.example", PASSWORD)], [235, True], "the owner logs in")
    mark = daemon.mark()
    codes = [smtp_login(postfix.open_port, THIEF, name, "wrong") for name in FORGED]
    tap.equal(codes, [535] * len(FORGED), "wrong passwords by SMTP")
    smtp = daemon.wait_event(mark, lambda e: get(e, "event.action") == "source-blocked")
    tap.equal(get(smtp, "source.ip"), THIEF, "they block who gave them")
    names = [name for name in FORGED if "\n" not in name]
    tap.equal([imap_login(dovecot.imap_port, THIEF, name, "wrong") for name in names], [False] * len(names),
              "wrong passwords by IMAP")

    def told():
        facts = facts_of(daemon, os.path.join(dovecot.folder, "log"))
        return facts if sum(not fact["success"] for fact in facts) >= len(names) else None
    imap = wait_for("lines of Dovecot", told)
    bad = [fact for fact in imap + facts_of(daemon, postfix.log) if not fact["success"]]
    tap.equal({fact["client"]["ip"] for fact in bad}, {THIEF}, f"{len(bad)} failures in the logs are of the thief alone")
    tap.equal({fact["protocol"] for fact in bad}, {"smtp", "imap"}, "of both protocols")
    good = [fact for fact in imap if fact["success"]]
    tap.equal([(fact["client"]["ip"], fact["login"]) for fact in good], [(OFFICE, "alice@victim.example")],
              "and the owner's login is in Dovecot's")


def effects(tap, daemon, postfix):
    codes = []
    for source in (THIEF, OFFICE):
        with Client(postfix.open_port, source) as client:
            client.ehlo()
            codes.append(send(client, Message(to=["<alice@victim.example>"])).last.code)
    tap.equal(codes, [554, 250], "the thief's mail is refused, the office's is not")
    blocks = [event for event in daemon.events() if get(event, "event.action") == "source-blocked"]
    tap.equal([get(event, "source.ip") for event in blocks], [THIEF], "nobody else was blocked")


def play(tap, folder):
    daemon = Mailreeved(folder)
    dovecot = Dovecot(folder, {"alice@victim.example": PASSWORD}, imap=True)
    postfix = Postfix(folder, daemon.milter, dovecot.socket, networks=("127.0.0.9/32",))
    daemon.write(policy(networks=None, relay=': { mode = "enforce" }', login_feed=': { listen = "" }',
                        screen=': { mode = "enforce"  login_failures = [ "5/1h" ]  logins_tried = "unlimited" }'))
    logs = [Ingest(daemon, postfix.log), Ingest(daemon, os.path.join(dovecot.folder, "log"))]
    with running(daemon, dovecot, postfix):
        with running(*logs):
            attack(tap, daemon, postfix, dovecot)
            effects(tap, daemon, postfix)
        for log in logs:
            status, said = log.stop()
            tap.equal(status, 0, f"ingest of {os.path.basename(log.log)} ends cleanly", said)


def main():
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    if not private_network((OFFICE, THIEF)):
        skip_all("needs a network of its own (unshare)")
    tap = Tap()
    folder = Folder()
    try:
        play(tap, folder)
    except Trouble as trouble:
        tap.ok(False, "the servers start", trouble)
    finally:
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
