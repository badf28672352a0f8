#!/usr/bin/env python3
"""The patient thief: one message on the first day, a little more each day, so that the account's habits grow with it.

40 owners of a made world go on as ever; in the middle of each life a thief begins, from a new network of the same
country, in office hours, to strangers, 2 % refused, 3 % flagged, and grows by a factor a day for 60 days. All lives are
played in one stream through `mailreeve replay`; a wrong freeze before the thief comes is thawed.

Usage: poison.py [--require FOUND] [--same-client] [--setting LINE]... [SET.ndjson.gz SET.meta.json] [-- COMMAND...]

Without a set it makes the world of seed 7. --require 40: exit status 1 when fewer are found at any growth.
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import play
from score import quantile

DAY = 86400
GROWTHS = (1.05, 1.15, 1.30)
DAYS, MOST = 60, 300


def lives_of(set_file, meta):
    """{account: events} of 40 ordinary owners with some history."""
    stolen = {h["account"] for h in meta["hijacks"]}
    usual = {a for cls, accounts in meta["classes"].items() if not cls.startswith(("hard:", "relay")) for a in accounts}
    fit = [a for a, life in sorted(meta["accounts"].items())
           if a in usual and a not in stolen and life["events"] >= 100 and life["last"] - life["first"] > 300 * DAY]
    chosen = set(random.Random("victims").sample(fit, min(40, len(fit))))
    lives = {}
    with play.open_set(set_file) as events:
        for line in events:
            event = json.loads(line)
            if event["account"] in chosen:
                lives.setdefault(event["account"], []).append(event)
    return lives


def ramp(rnd, account, life, growth, number):
    """The thief's messages."""
    start = life[len(life) // 2]["t"]
    country = next((e["country"] for e in life if e["country"] != "ZZ"), "CZ")
    ip = "198.18.%d.%d" % (number, rnd.randrange(1, 255))
    out = []
    for day in range(DAYS):
        for _ in range(min(MOST, int(growth ** day))):
            t = start - start % DAY + (day + 1) * DAY + rnd.uniform(8, 17) * 3600
            event = dict(t=int(t), account=account, ip=ip, country=country, asn=65500 + number,
                         size=int(math.exp(rnd.gauss(9, .5))), spam=rnd.random() < .03, label="hijack:ramp",
                         rcpt=["%010x@far%d" % (rnd.getrandbits(40), rnd.randrange(500))],
                         helo="[192.168.7.%d]" % (number + 1), listener="submission")
            if rnd.random() < .02:
                event["rejected_rcpt"] = 1
            out.append(event)
    return out


def one_growth(lives, growth, command, same_client):
    """-> (per victim: messages until the freeze or None, messages that left, of how many)."""
    rnd, everything, sent = random.Random("ramp %s" % growth), [], {}
    for number, (account, life) in enumerate(sorted(lives.items())):
        thief = ramp(rnd, account, life, growth, number)
        sent[account] = len(thief)
        everything += life + thief
    everything.sort(key=lambda e: e["t"])
    count, kept, caught, wrong = dict.fromkeys(lives, 0), dict.fromkeys(lives, 0), {}, 0
    replay = play.Replay(command)
    for number, event in enumerate(everything):
        account, thief = event["account"], event["label"] != "legit"
        if account in caught:
            continue
        decision, _ = replay.message(dict(event, id=number), same_client)
        count[account] += thief
        kept[account] += thief and decision == "hold"
        if decision == "freeze":
            if count[account]:
                caught[account] = count[account]
            else:
                wrong += 1
                replay.thaw(account, event["t"])
    replay.end()
    left = [(caught.get(a, sent[a] + 1) - 1) - kept[a] for a in sorted(lives)]
    until = [caught.get(a, sent[a]) for a in sorted(lives)]
    print("growth %.2f a day: found %d of %d; messages until the freeze %d / %d; left, those held kept back, %d / %d "
          "(50 and 95 %% of accounts); unfound, %d would have been sent; %d wrong freezes before" % (
              growth, len(caught), len(lives), quantile(until, .5), quantile(until, .95),
              quantile(left, .5), quantile(left, .95), max(sent.values()), wrong), flush=True)
    return len(caught)


def main():
    arguments, command = sys.argv[1:], None
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, command = arguments[:cut], arguments[cut + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--require", type=int, default=0)
    parser.add_argument("--same-client", action="store_true")
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("set", nargs="?")
    parser.add_argument("meta", nargs="?")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if not args.meta:
            args.set, args.meta = os.path.join(folder, "set.ndjson.gz"), os.path.join(folder, "set.meta.json")
            subprocess.run([sys.executable, os.path.join(HERE, "make_world.py"), "--seed", "7", args.set, args.meta],
                           check=True, stdout=subprocess.DEVNULL)
        with open(args.meta, encoding="ascii") as file:
            meta = json.load(file)
        policy = os.path.join(folder, "policy.conf")
        with open(policy, "w", encoding="ascii") as file:
            file.write(play.policy_text(meta["accounts"], args.setting))
        lives = lives_of(args.set, meta)
        command = command or [play.MAILREEVE, "replay", "--policy", policy, "-"]
        found = [one_growth(lives, growth, command, args.same_client) for growth in GROWTHS]
    return 1 if min(found) < args.require else 0


if __name__ == "__main__":
    sys.exit(main())
