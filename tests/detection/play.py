#!/usr/bin/env python3
"""Plays a labelled set through `mailreeve replay` and writes down what was decided. The command never sees a label;
only the operator, played here, does: she thaws at once what was frozen wrongly. A thief's account that was frozen sends
no more.

Usage: play.py [--same-client] [--policy FILE] [--setting LINE]... SET.ndjson.gz SET.meta.json DECISIONS.ndjson
               [-- COMMAND...]

--same-client   every client says the same HELO on the same listener, as when the mail server does not tell them
--policy FILE   instead of the policy that is made from the domains of the set
--setting LINE  goes into the group hijack of that policy: --setting 'false_freezes = 2.0'
COMMAND         instead of `mailreeve replay --policy FILE -` of the build folder ($top_builddir)
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

MAILREEVE = os.path.abspath(os.path.join(os.environ.get("top_builddir", "."), "milter", "ctl", "mailreeve"))
FROZEN = ("account-frozen", "source-blocked")
THAWED = ("account-thawed", "source-unblocked")


def open_set(name):
    return gzip.open(name, "rt") if name.endswith(".gz") else open(name, encoding="ascii")


def address(name):
    """The mail address that stands for a name of the set, name@place."""
    local, at, place = name.partition("@")
    return local + at + place + ".example" if at else name


def policy_text(accounts, settings=()):
    """A policy under which the accounts of a set are at home."""
    domains = sorted({a.partition("@")[2] + ".example" for a in accounts if "@" in a} | {"web.example"})
    return "\n".join([
        "domains = [ %s ];" % ", ".join('"%s"' % d for d in domains),
        'networks: { webhosts: { addresses = [ "10.0.0.0/8" ] } };',
        'relay: { mode = "enforce"  networks = [ "webhosts" ] };',
        'shield: ( { mode = "off" } );',
        'hijack: { mode = "enforce"  action = "freeze"  freeze_budget = "unlimited"  %s };' % "  ".join(settings), ""])


def fact_of(event, same_client=False):
    """A message fact (mailreeve(1), replay) for an event of a set. The refused recipients stand last in an event."""
    recipients = [address(r) for r in event["rcpt"]]
    first_bad = len(recipients) - event.get("rejected_rcpt", 0)
    refused = {"addr": "no such user", "host": "5.1.1", "mailer": "error"}
    recipients = ["<%s>" % r if i < first_bad else dict(refused, path="<%s>" % r)
                  for i, r in enumerate(recipients)]
    login = event.get("auth", True)
    client = {"ip": event["ip"]}
    if event["country"] != "ZZ":
        client.update(country=event["country"], asn=event["asn"])
    told = {} if same_client else event
    fact = {"time": event["t"], "fact": "message", "id": event["id"], "client": client,
            "listener": told.get("listener", "submission" if login else "smtp"),
            "helo": told.get("helo", "client.example"),
            "mail_from": "<%s>" % address(event.get("mail_from", event["account"])), "rcpt": recipients, "size": event["size"], "spam": bool(event.get("spam"))}
    if login:
        fact["login"] = address(event["account"])
    return fact


class Replay:
    """A running command: one fact in, its event lines out."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1 << 16)

    def tell(self, fact):
        self.process.stdin.write(json.dumps(fact, separators=(",", ":")) + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the command stopped, status %s" % self.process.wait())
        return json.loads(line)

    def message(self, event, same_client=False):
        """-> "freeze", "hold" or None, and the evidence of the verdict."""
        self.tell(fact_of(event, same_client))
        frozen, evidence = False, None
        while True:
            heard = self.hear()
            action, own = heard["event"]["action"], heard.get("mailreeve", {})
            frozen, evidence = frozen or action in FROZEN, own.get("evidence", evidence)
            if action == "verdict":
                return "freeze" if frozen else "hold" if own["verdict"] == "hold" else None, evidence

    def thaw(self, account, t):
        source = account.startswith("ip:")
        self.tell({"time": t, "fact": "control", "order": "unblock" if source else "thaw",
                   "subject": account[3:] if source else address(account), "operator": "play.py",
                   "reason": "it was the owner"})
        while self.hear()["event"]["action"] not in THAWED:
            pass

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def play(replay, events, note, same_client=False):
    """Plays events; note(event, decision, evidence) hears of every freeze and hold. -> how many facts were played."""
    stolen, out_of_service, count = set(), set(), 0
    for event in events:
        account = event["account"]
        if event["label"] != "legit":
            stolen.add(account)
        if account in out_of_service:
            continue
        count += 1
        decision, evidence = replay.message(event, same_client)
        if not decision:
            continue
        note(event, decision, evidence)
        if decision == "freeze":
            if account in stolen:
                out_of_service.add(account)
            else:
                replay.thaw(account, event["t"])
    return count


def play_file(events_file, meta_file, out_file, policy=None, settings=(), command=None, same_client=False):
    """-> (facts, decisions, seconds)."""
    with open(meta_file, encoding="ascii") as file:
        accounts = json.load(file)["accounts"]
    begin, decisions = time.monotonic(), 0
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as made, open_set(events_file) as events, \
            open(out_file, "w", encoding="ascii") as out:
        made.write(policy_text(accounts, settings))
        made.flush()
        replay = Replay(command or [MAILREEVE, "replay", "--policy", policy or made.name, "-"])

        def note(event, decision, evidence):
            nonlocal decisions
            decisions += 1
            line = {"t": event["t"], "account": event["account"], "action": decision, "id": event["id"]}
            if evidence:
                line["evidence"] = evidence
            out.write(json.dumps(line) + "\n")
        facts = play(replay, map(json.loads, events), note, same_client)
        status = replay.end()
    if status:
        raise SystemExit("the command ended with status %d" % status)
    return facts, decisions, time.monotonic() - begin


def main():
    arguments, command = sys.argv[1:], None
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, command = arguments[:cut], arguments[cut + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--same-client", action="store_true")
    parser.add_argument("--policy")
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("set")
    parser.add_argument("meta")
    parser.add_argument("decisions")
    args = parser.parse_args(arguments)
    print("%d facts, %d decisions, %.1f s" % play_file(args.set, args.meta, args.decisions, args.policy, args.setting,
                                                     command, args.same_client))


if __name__ == "__main__":
    main()
