#!/usr/bin/python3
"""Our reading of recipients against Postfix's: generated addresses are typed into a Postfix that relays for everybody,
mailreeved (mode = "observe") records what Postfix makes of each, and `mailreeve replay` then judges the paths alone.

What must never be: we say that a recipient is ours, and Postfix sends it to somebody else.

usage: test_generated.py [COUNT [SEED]]"""

import collections
import json
import os
import random
import sys

import mailserver
import vectors
from mailserver import Folder, Mailreeved, Postfix, Trouble, get, running, wait_for
from smtpclient import Client, Gone
from tap import Tap, skip_all

COUNT, SEED, PER_MESSAGE = 3000, 20261121, 50
OURS = ("victim.example", "xn--bcher-kva.example", "mx.victim.example", "relayed.example")
LOCAL_MAILERS = ("local", "virtual", "relay")
WORDS = ["bob", "u", "a.b", "x+y", "", ".", "-", "postmaster", "\"q q\"", "\"\"", "\"a@b\"", "\"", "\\", "\\@", "\\\"",
         "(c)"]
DOMAINS = ["victim.example", "other.example", "mx.victim.example", "relayed.example", "sub.victim.example",
           "VICTIM.EXAMPLE", "victim.example.", "victim.example.other.example", "xn--bcher-kva.example",
           "localhost", "example", "",
           "[192.0.2.25]", "[198.18.0.1]", "[IPv6:2001:db8:25::25]", "[IPv6:::ffff:192.0.2.25]", "[127.0.0.1]",
           "192.0.2.25"]
GLUE = ["@", "@", "@", "%", "!", ":", ",", ";", ".", "<", ">", "(", ")", "\"", "\\", " ", "\t", "@[", "]", "@@", "%40",
        "=", "+", "/", "|", "&", "'", "\u00fc", "\x7f"]


def generate(random_):
    """A path: mostly nearly right, sometimes noise."""
    kind = random_.random()
    if kind < 0.35:
        text = random_.choice(WORDS) + "@" + random_.choice(DOMAINS)
    elif kind < 0.55:
        text = "".join(random_.choice(WORDS + DOMAINS) + random_.choice("@%!") for _ in range(random_.randint(1, 3)))
        text += random_.choice(DOMAINS)
    elif kind < 0.7:
        text = "".join("@" + random_.choice(DOMAINS) + random_.choice([",", ":", ""])
                       for _ in range(random_.randint(1, 3))) + "bob@" + random_.choice(DOMAINS)
    else:
        text = "".join(random_.choice(WORDS + DOMAINS + GLUE) for _ in range(random_.randint(2, 7)))
    if random_.random() < 0.25:
        place = random_.randint(0, len(text))
        text = text[:place] + random_.choice(GLUE) + text[place:]
    return text if random_.random() < 0.05 else f"<{text}>"


def type_all(port, paths):
    """Types the paths, PER_MESSAGE to a message, 20 messages to a connection. Returns how many Postfix took."""
    size = 20 * PER_MESSAGE
    return sum(type_some(port, paths[start:start + size]) for start in range(0, len(paths), size))


def type_some(port, paths):
    taken = 0
    with Client(port) as client:
        client.ehlo()
        client.xclient(address="203.0.113.66")
        client.ehlo()
        for start in range(0, len(paths), PER_MESSAGE):
            lines = [f"RCPT TO:{path}" for path in paths[start:start + PER_MESSAGE]]
            answers = client.pipelined(["MAIL FROM:<sender@outside.example>"] + lines + ["RSET"])
            taken += sum(answer.code == 250 for answer in answers[1:-1])
        client.quit()
    return taken


def is_foreign(recipient):
    """Postfix sends it away: to a domain that is none of ours."""
    domain = recipient["addr"].rsplit("@", 1)[-1].lower()
    return recipient["mailer"] not in LOCAL_MAILERS and domain not in OURS and not is_our_literal(domain)


def is_our_literal(domain):
    return domain in ("[192.0.2.25]", "[ipv6:2001:db8:25::25]", "[ipv6:::ffff:192.0.2.25]", "[127.0.0.1]")


def judge_paths(daemon, recipients):
    """What replay says of each path alone: accept or reject."""
    facts = "".join(json.dumps({"time": 1790000000 + n, "fact": "message", "id": n, "client": {"ip": "203.0.113.66"},
                                "mail_from": "<sender@outside.example>", "rcpt": [recipient["path"]],
                                "raw": recipient.get("raw", False)}) + "\n" for n, recipient in enumerate(recipients))
    file = daemon.file("stripped.ndjson", facts)
    done = daemon.command("replay", "--policy", vectors.policy(), file)
    if done.returncode != 0:
        raise Trouble(f"replay: {done.stderr[-1000:]}")
    verdicts = {}
    for line in map(json.loads, done.stdout.splitlines()):
        if get(line, "event.action") == "verdict":
            verdicts[int(get(line, "labels.fact_id"))] = get(line, "mailreeve.verdict")
    return [verdicts.get(n) for n in range(len(recipients))]


def recorded(path, messages):
    """The recipients that mailreeved has recorded, when all messages are there."""
    def look():
        lines = [line for line in mailserver.read(path).splitlines(keepends=True) if '"fact":"message"' in line]
        return lines if len([line for line in lines if line.endswith("\n")]) >= messages else None

    facts = [json.loads(line) for line in wait_for("the recorded facts", look)]
    return [{**r, "raw": fact.get("raw", False)} for fact in facts for r in fact["rcpt"]
            if isinstance(r, dict) and r.get("mailer") not in (None, "error")]


def play(tap, folder, count, seed):
    daemon = Mailreeved(folder)
    facts = os.path.join(daemon.log_folder, "facts.ndjson")
    with open(vectors.policy(), encoding="utf-8") as source:
        daemon.write('mode = "observe"\n' + source.read(), facts=facts)
    postfix = Postfix(folder, daemon.milter, domains=("victim.example", "xn--bcher-kva.example"),
                      relays=("relayed.example",), own_addresses=("192.0.2.25", "2001:db8:25::25"),
                      settings={"smtpd_recipient_limit": "100000"})
    random_ = random.Random(seed)
    paths = [generate(random_) for _ in range(count)]
    with running(daemon, postfix):
        taken = type_all(postfix.open_port, paths)
        recipients = recorded(facts, -(-count // PER_MESSAGE))
    verdicts = judge_paths(daemon, recipients)
    table = collections.Counter((verdict, "foreign" if is_foreign(r) else "ours")
                                for verdict, r in zip(verdicts, recipients))
    print(f"# {count} addresses, seed {seed}: Postfix took {taken}; " +
          ", ".join(f"we {verdict} and Postfix says {place}: {n}" for (verdict, place), n in sorted(table.items())))
    tap.ok(taken > count // 10 and len(recipients) == taken,
           "Postfix takes many of the addresses, and all are recorded", f"taken {taken}, recorded {len(recipients)}")
    wrong = [r for verdict, r in zip(verdicts, recipients) if verdict != "reject" and is_foreign(r)]
    tap.equal(wrong[:20], [], "no recipient that Postfix sends away is ours to us")
    tap.ok(table[("accept", "ours")] > 0 and table[("reject", "foreign")] > 0, "both kinds came", table)


def main():
    reason = mailserver.why_not("postfix")
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    count, seed = [int(n) for n in sys.argv[1:]] + [COUNT, SEED][len(sys.argv) - 1:]
    tap = Tap()
    folder = Folder()
    try:
        play(tap, folder, count, seed)
    except (Trouble, Gone, OSError) as trouble:
        tap.ok(False, "the generated addresses can be played", repr(trouble))
    finally:
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
