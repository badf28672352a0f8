#!/usr/bin/python3
"""Every line that the unit test of the writer makes must be one that the shipped schema knows, and the checker itself
must refuse what is no event line. Needs the built tests/unit/check_line; prints TAP-like lines."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import validate_events  # noqa: E402

WRITER = os.path.join(os.environ.get("top_builddir", "."), "tests", "unit", "check_line")


def good_line(**changes):
    """A line with all that every line must have."""
    event = {
        "@timestamp": "2026-11-21T22:51:07.042Z", "message": "started: the daemon takes mail",
        "ecs": {"version": "9.0.0"},
        "event": {"kind": "event", "action": "started", "category": ["process"], "type": ["start"],
                  "outcome": "success", "sequence": 1, "severity": 1, "dataset": "mailreeve.events",
                  "module": "mailreeve", "provider": "mailreeved"},
        "observer": {"product": "Mailreeve", "type": "email-gateway"},
        "service": {"name": "mailreeve", "type": "mailreeve"},
        "mailreeve": {"degraded": False, "truncated": False},
    }
    event.update(changes)
    return json.dumps(event).encode() + b"\n"


def objects(schema):
    """Every schema of an object inside a schema."""
    if schema.get("type") == "object":
        yield schema
        for below in schema["properties"].values():
            yield from objects(below)


def check_checker():
    """What the checker must let pass and what it must not."""
    good = good_line()
    bad = {
        "no newline": good[:-1],
        "two lines in one": good[:-2] + b"\n}\n",
        "a control byte": good.replace(b"started:", b"start\x1bed:"),
        "a line separator": good.replace(b"started:", "\u2028".encode()),
        "no UTF-8": good.replace(b"started:", b"\xff"),
        "a member twice": good.replace(b'"message"', b'"message": "", "message"'),
        "no number": good.replace(b'"sequence": 1', b'"sequence": NaN'),
        "too long": good_line(message="x" * validate_events.LINE_MAX),
        "an unknown member": good_line(forged=1),
        "an unknown member inside": good_line(labels={"x": "y"}),
        "a member of a wrong type": good_line(message=1),
        "an array of objects": good_line(related={"ip": [{"a": 1}]}),
        "a verdict without verdict": good.replace(b'"started", "category"', b'"verdict", "category"'),
    }
    problems = ["a good line: " + text for text in validate_events.check_lines(good)]
    return problems + [name + " passes" for name, line in bad.items() if not validate_events.check_lines(line)]


def check_schema():
    """The schema lets no unknown member pass, describes every member, and has no array of objects."""
    with open(os.path.join(validate_events.source_folder(), validate_events.SCHEMA), encoding="utf-8") as file:
        top = json.load(file)
    problems = []
    for schema in objects(top):
        if schema.get("additionalProperties") is not False:
            problems.append("unknown members pass: " + schema["description"])
        for name, below in schema["properties"].items():
            if not below.get("description"):
                problems.append(name + " has no description")
            if below.get("type") == "array" and below["items"].get("type") != "string":
                problems.append(name + " is an array of something else than strings")
    return problems


def check_writer():
    """All lines of the unit test."""
    with tempfile.TemporaryDirectory() as folder:
        kept = os.path.join(folder, "lines")
        subprocess.run([WRITER], check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, MR_KEEP_LINES=kept))
        with open(kept, "rb") as file:
            data = file.read()
    lines = data.count(b"\n")
    print("# %d lines" % lines)
    return (["only %d lines were kept" % lines] if lines < 500 else []) + validate_events.check_lines(data, "line")


def main():
    if validate_events.jsonschema is None:
        print("1..0 # SKIP " + validate_events.SKIP_REASON)
        return 77
    if not os.access(WRITER, os.X_OK):
        print("1..0 # SKIP %s is not built; run make check" % WRITER)
        return 77
    tests = [check_schema, check_checker, check_writer]
    failed = 0
    print("1..%d" % len(tests))
    for number, test in enumerate(tests, 1):
        problems = test()
        for problem in problems[:20]:
            print("# " + problem)
        print("%s %d - %s" % ("not ok" if problems else "ok", number, test.__doc__.split("\n")[0]))
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
