#!/usr/bin/python3
"""The short day that contrib/try plays: a private Postfix, Dovecot and mailreeved on loopback, some mail, and what
became of each, first with the policy as it ships (mode = "observe"), then with mode = "enforce".

usage: day.py [--keep] --build FOLDER --policy FILE FOLDER
       day.py --stop FOLDER"""

import argparse
import json
import os
import re
import shutil
import sys
import textwrap

from mailserver import Dovecot, Folder, Mailreeved, Postfix, Trouble, end_process, get, read, running, write
from scene import Message, send
from smtpclient import Client

DOMAIN = "example.com"
LOGINS = {"alice@example.com": "alice-secret", "bob@example.com": "bob-secret"}
OUTSIDE = "203.0.113.66"
FRIEND = "<friend@example.net>"
OURS = "From: Alice <alice@example.com>\nTo: A friend <friend@example.net>\nSubject: lunch?\n"
INBOUND = "From: A friend <friend@example.net>\nTo: Alice <alice@example.com>\nSubject: lunch!\n"
SPAM = "From: Prizes <prizes@spam.example>\nSubject: you have won\n"
FORGED = "From: The boss <boss@example.com>\nTo: Alice <alice@example.com>\nSubject: please pay this bill\n"

# The day: (what happens, how). Everybody outside comes from OUTSIDE; "login" comes through Dovecot.
GOOD = [
    ("a friend outside writes to alice", {"sender": FRIEND, "to": ["<alice@example.com>"], "headers": INBOUND}),
    ("alice logs in and writes to a friend outside",
     {"login": "alice@example.com", "sender": "<alice@example.com>", "to": [FRIEND], "headers": OURS}),
    ("alice logs in and writes to bob",
     {"login": "alice@example.com", "sender": "<alice@example.com>", "to": ["<bob@example.com>"], "headers": OURS}),
]
BAD = [
    ("open relay: a stranger to another stranger", {"to": ["<victim@example.org>"]}),
    ("open relay: with a percent sign", {"to": ["<victim%example.org@example.com>"]}),
    ("open relay: with a source route", {"to": ["<@example.com:victim@example.org>"]}),
    ("open relay: hidden in quotes", {"to": ["<\"victim@example.org\"@example.com>"]}),
    ("open relay: with a bang path", {"to": ["<example.org!victim@example.com>"]}),
    ("open relay: as if it came from us", {"sender": "<alice@example.com>", "to": ["<victim@example.org>"]}),
    ("a stranger as boss@example.com, to alice",
     {"sender": "<boss@example.com>", "to": ["<alice@example.com>"], "headers": FORGED}),
    ("alice logs in and writes as bob",
     {"login": "alice@example.com", "sender": "<bob@example.com>", "to": [FRIEND], "headers": OURS}),
]


class Paper:
    """Output: a table, in colour only on a terminal that wants it."""

    WIDTHS = (44, 42)
    COLOURS = {"accept": "32", "reject": "31", "tempfail": "33", "hold": "33"}

    def __init__(self):
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def say(self, text=""):
        print("\n".join(textwrap.wrap(text, 110, break_on_hyphens=False, break_long_words=False)) if text else "")
        sys.stdout.flush()

    def row(self, step, answer, verdict, why):
        word = verdict
        if self.colour and verdict in self.COLOURS:
            word = f"\033[{self.COLOURS[verdict]}m{verdict}\033[0m"
        print(f"  {step:{self.WIDTHS[0]}} {answer:{self.WIDTHS[1]}} {word}{why}")
        sys.stdout.flush()

    def head(self):
        print(f"  {'what happens':{self.WIDTHS[0]}} {'what the client is told':{self.WIDTHS[1]}} Mailreeve's verdict")


def adapt(text, changes):
    """The shipped policy with these settings. changes: pattern of a line -> the line instead."""
    for pattern, line in changes:
        text, count = re.subn(pattern, lambda _: line, text, count=1, flags=re.MULTILINE)
        if count != 1:
            raise Trouble(f"the shipped policy has no line like {pattern}: tests/mta/day.py must learn its new form")
    return text


def play(paper, postfix, daemon, steps):
    """Plays the steps. Returns how many were refused."""
    refused = 0
    paper.head()
    for name, parts in steps:
        message = Message(**{"sender": "<prizes@spam.example>", "headers": SPAM, **parts})
        mark = daemon.mark()
        answers = send_one(postfix, message)
        event = daemon.verdict(mark)
        refused += answers.last.code >= 400
        paper.row(name, told(answers), get(event, "mailreeve.verdict"), why(event))
    return refused


def send_one(postfix, message):
    port = postfix.login_port if message.login else postfix.open_port
    with Client(port) as client:
        client.ehlo()
        client.xclient(address=OUTSIDE)
        client.ehlo("client.example.net")
        if message.login:
            client.starttls()
            client.ehlo("client.example.net")
            answer = client.login(message.login, LOGINS[message.login])
            if answer.code != 235:
                raise Trouble(f"{message.login} could not log in: {answer}")
        answers = send(client, message)
        client.quit()
        return answers


def told(answers):
    if answers.last.code == 250:
        return "250 taken"
    words = re.sub(r"^[245]\.\d+\.\d+ |\s*\([^()]*\)$", "", answers.last.text)
    return f"{answers.last.code} {words}"[:Paper.WIDTHS[1]]


def why(event):
    """The rule that decided, or those that would have."""
    if get(event, "mailreeve.verdict") != "accept":
        return f" by the rule {get(event, 'rule.id')}"
    would = get(event, "mailreeve.would", [])
    return f", would refuse: {', '.join(would)}" if would else ""


def show_events(paper, daemon, since):
    paper.say()
    paper.say(f"The event log of this round, {daemon.events_file}, in short:")
    alerted = False
    for event in daemon.events(since):
        action = get(event, "event.action")
        if action != "verdict" and (alerted or action != "alert"):
            continue
        alerted = alerted or action == "alert"
        word, rule = get(event, "mailreeve.verdict") if action == "verdict" else action, get(event, "rule.id", "-")
        said = get(event, "message", "").removeprefix(word + ": ").removesuffix(f" ({rule})")
        print(textwrap.fill(said, 118, initial_indent=f"  {get(event, '@timestamp', '')[11:19]}  {word:8} {rule:7} ",
                            subsequent_indent=" " * 29, break_on_hyphens=False, break_long_words=False))
    paper.say("The log has one JSON object a line. The last one, with a line for each of its members:")
    for name, value in daemon.events(since)[-1].items():
        print(f"  {json.dumps(name)}: {json.dumps(value)}")


def day(paper, postfix, daemon, shipped):
    paper.say()
    paper.say("This Postfix is set up badly on purpose: its relay settings let everybody send everywhere. Mailreeve "
              "has its shipped policy, with mode = \"observe\": it refuses nothing and says what it would have "
              "refused.")
    play(paper, postfix, daemon, GOOD + BAD)
    paper.say()
    paper.say("Now every mode = \"observe\" in the policy becomes \"enforce\". `mailreeve reload` checks the policy "
              "and puts it in force:")
    write_policy(daemon, shipped, "enforce")
    print(textwrap.indent(daemon.reload().strip(), "  "))
    mark = daemon.mark()
    refused = play(paper, postfix, daemon, GOOD + BAD)
    show_events(paper, daemon, mark)
    if refused != len(BAD):
        raise Trouble(f"{refused} messages were refused and {len(BAD)} should have been: please report this")


def write_policy(daemon, shipped, mode):
    """The shipped policy with the paths of this folder. To enforce: every mode that says observe says enforce."""
    text = adapt(shipped, [
        (r"^milter =.*$", f'milter = "{daemon.milter}"'),
        (r"^# milter_group =.*$", f'milter_group = "{daemon.group}"'),
        (r"^control =.*$", f'control = "unix:{daemon.run_folder}/control.sock"'),
        (r"^user =.*$", f'user = "{daemon.user}"'),
        (r"^  events =.*$", f'  events = "{daemon.events_file}"'),
        (r"^  # directory =.*$", '  directory = "none"'),
    ])
    if mode == "enforce":
        text = re.sub(r'^( *mode = )"observe"', r'\1"enforce"', text, flags=re.MULTILINE)
    write(daemon.policy, text)


def remember(folder, pids):
    """Writes down which processes --stop has to end. The start time tells them from later ones of the same number."""
    with open(os.path.join(folder, "processes"), "w", encoding="utf-8") as out:
        for pid in pids:
            out.write(f"{pid} {start_time(pid)}\n")


def start_time(pid):
    text = read(f"/proc/{pid}/stat")
    return text[text.rindex(")") + 2:].split()[19] if ")" in text else None


def stop(folder):
    lines = read(os.path.join(folder, "processes")).splitlines()
    if not lines:
        print(f"nothing runs in {folder}: it has no file \"processes\"", file=sys.stderr)
        return 1
    for pid, started in (line.split() for line in lines):
        if start_time(int(pid)) == started:
            end_process(int(pid))
    os.unlink(os.path.join(folder, "processes"))
    print(f"Stopped. {folder} has the logs; remove it when you are done.")
    return 0


def keep_running(paper, folder, postfix, dovecot, daemon):
    remember(folder, [postfix.pid(), daemon.process.pid, dovecot.process.pid])
    mailreeve = os.path.join(daemon.build, "milter/ctl/mailreeve")
    try_ = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "try")
    paper.say()
    paper.say("Everything goes on running. To send mail by hand (clients on this host are strangers to the policy):")
    if shutil.which("swaks"):
        print(f"  swaks --server 127.0.0.1:{postfix.open_port} --from me@example.net --to someone@example.org")
        print(f"  swaks --server 127.0.0.1:{postfix.login_port} --tls --auth-user alice@example.com "
              "--auth-password alice-secret --from bob@example.com --to someone@example.org")
    else:
        print(f"  openssl s_client -quiet -starttls smtp -connect 127.0.0.1:{postfix.open_port}")
        print("    then type: EHLO me   MAIL FROM:<me@example.net>   rcpt to:<someone@example.org>   QUIT")
        print(f"  port {postfix.login_port} is for logins: alice@example.com, password alice-secret")
    print("To see what became of it, to change the policy and put it in force, to stop:")
    print(f"  tail -f {daemon.events_file}")
    print(f"  editor {daemon.policy}")
    print(f"  {mailreeve} reload -c {daemon.policy}")
    print(f"  {os.path.normpath(try_)} --stop {folder}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--build")
    parser.add_argument("--policy")
    parser.add_argument("folder")
    arguments = parser.parse_args()
    if arguments.stop:
        return stop(arguments.folder)
    paper = Paper()
    try:
        play_in(paper, arguments)
    except (Trouble, OSError) as trouble:
        print(f"\nThis did not work: {trouble}\nThe logs are in {arguments.folder}: mailreeve/messages, "
              "postfix/maillog, dovecot/log", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: everything has been stopped.", file=sys.stderr)
        return 130
    return 0


def play_in(paper, arguments):
    folder = Folder(arguments.folder)
    daemon = Mailreeved(folder, arguments.build)
    shipped = read(arguments.policy)
    write_policy(daemon, shipped, "observe")
    dovecot = Dovecot(folder, LOGINS)
    postfix = Postfix(folder, daemon.milter, dovecot.socket, domains=(DOMAIN,), hostname="mail.example.com")
    with running(dovecot, daemon, postfix) as leave:
        paper.say(f"Started: Postfix, Dovecot and mailreeved, on 127.0.0.1, ports {postfix.open_port} (mail) and "
                  f"{postfix.login_port} (logins).")
        day(paper, postfix, daemon, shipped)
        if arguments.keep:
            keep_running(paper, folder.path, postfix, dovecot, daemon)
            leave()
            return
    paper.say()
    paper.say(f"Everything has been stopped. {folder.path} is all that is left: the policy ({daemon.policy}), the "
              "event log, the logs of the servers, and the build.")


if __name__ == "__main__":
    sys.exit(main())
