#!/usr/bin/python3
"""Plays tests/corpus/relay through `mailreeve replay`, each vector without and with the mail server's own view, and the
faulty policies through `mailreeve check`. Needs a built tree; no mail server."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mta"))
import vectors
from mailserver import Trouble, build_folder, get
from tap import Tap, skip_all


def recipient(vector, with_view):
    if not with_view:
        return vector["to"]
    addr, host, mailer = vector["view"]
    return {"path": vector["to"], "addr": addr, "host": host, "mailer": mailer}


def fact(vector, number, with_view):
    """The vector as a fact of mailreeve(1) replay."""
    client = {"ip": vectors.address(vector)} if vectors.address(vector) else {}
    if "client_name" in vector:
        client["name"] = vector["client_name"]
    made = {"time": 1790000000 + number, "fact": "message", "client": client,
            "id": vector["name"] + ("/view" if with_view else "/path"),
            "server": {"name": "mx.victim.example"},
            "rcpt": vector.get("before", []) + [recipient(vector, with_view)]}
    for name, member in (("helo", "helo"), ("login", "login"), ("from", "mail_from")):
        if vector.get(name) is not None:
            made[member] = vector[name]
    if vector["client"] == "command":
        made["local"] = True
    if vector.get("raw"):
        made["raw"] = True
    return made


def plays(vector):
    """With which knowledge this vector is played."""
    return [False, True] if "view" in vector else [False]


def replay(program, policy, facts):
    """Verdict lines by fact id. Every event line goes to the validator too."""
    text = "".join(json.dumps(one) + "\n" for one in facts)
    done = subprocess.run([program, "replay", "--policy", policy, "-"], input=text, capture_output=True, text=True,
                          check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    verdicts = {}
    for line in lines:
        if get(line, "event.action") == "verdict":
            verdicts.setdefault(get(line, "labels.fact_id"), []).append(line)
    return done, verdicts


def refused(verdict, vector):
    return get(verdict, "mailreeve.verdict") in ("reject", "tempfail") or \
        vector["to"] in get(verdict, "mailreeve.rcpt.refused", [])


def judge(tap, vector, with_view, lines):
    name = f"{vector['name']} {'with' if with_view else 'without'} the mail server's view: {vector['why']}"
    if len(lines) != 1:
        tap.ok(False, name, f"{len(lines)} verdict lines instead of one")
        return
    seen = "refuse" if refused(lines[0], vector) else "pass"
    tap.equal(seen, vectors.expected(vector, with_view), name, f"to {vector['to']!r}", json.dumps(lines[0]))


def validate(tap, outputs):
    try:
        import validate_events
    except ImportError:
        tap.skip("event lines against the schema", "tests/scenario/validate_events.py cannot be imported")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
        file.write("".join(outputs))
        file.flush()
        try:
            problems = validate_events.validate(file.name)
        except ImportError as missing:
            tap.skip("event lines against the schema", str(missing))
            return
    tap.equal(problems, [], "every event line is valid against the schema")


def main():
    try:
        program = os.path.join(build_folder(), "milter/ctl/mailreeve")
    except Trouble as trouble:
        skip_all(trouble)
    tap = Tap()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    every = vectors.load()
    outputs = []
    for policy in ("reference", "no-local-submission"):
        mine = [v for v in every if v.get("policy", "reference") == policy and "later" not in v]
        facts = [fact(v, number, view) for number, v in enumerate(mine) for view in plays(v)]
        done, verdicts = replay(program, vectors.policy(policy), facts)
        outputs.append(done.stdout)
        tap.equal(done.returncode, 0, f"replay under {policy}.conf ends well", done.stderr)
        for vector in mine:
            for view in plays(vector):
                judge(tap, vector, view, verdicts.get(vector["name"] + ("/view" if view else "/path"), []))
    for vector in every:
        if vector["expect"] == "policy-error":
            done = subprocess.run([program, "check", vectors.policy(vector["policy"])], capture_output=True, text=True,
                                  check=False)
            tap.equal(done.returncode, 2, f"{vector['name']}: {vector['why']}", done.stdout + done.stderr)
        elif "later" in vector:
            tap.skip(f"{vector['name']}: {vector['why']}", vector["later"])
    validate(tap, outputs)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
