#!/usr/bin/python3
"""Checks event lines: validate_events.py FILE...   ("-" is standard input)

Each line must be one JSON object that the shipped schema knows, at most 8192 bytes with its newline, without a control
byte. Other tests import it: validate(path) gives the list of problems, check_lines(bytes, name) the same for bytes.

Without jsonschema (Debian: python3-jsonschema) the form of the lines is checked, their fields are not, and that is said
once on standard error.

Exit status: 0 no problem, 1 problems, 2 usage.
"""
import json
import os
import re
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

LINE_MAX = 8192
PROBLEMS_MAX = 50
SCHEMA = os.path.join("contrib", "siem", "mailreeve-events.schema.json")
SKIP_REASON = "the fields of event lines are not checked: python3-jsonschema is not installed"

# Control bytes, C1 controls, line separators and bidirectional controls must never stand in a line as they are.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def source_folder():
    """The top of the source tree: from here, or from the variable that make check sets."""
    return os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def load_validator():
    """A validator of the shipped schema; None without jsonschema."""
    if jsonschema is None:
        return None
    with open(os.path.join(source_folder(), SCHEMA), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def no_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


def no_constant(name):
    raise ValueError(name + " is no JSON")


def parse(line):
    """The object in one line of bytes; ValueError says what is wrong with its form."""
    if not line.endswith(b"\n"):
        raise ValueError("it has no newline at its end")
    if len(line) > LINE_MAX:
        raise ValueError("it has %d bytes" % len(line))
    text = line[:-1].decode("utf-8")
    found = UNSEEN.search(text)
    if found:
        raise ValueError("U+%04X stands in it as it is" % ord(found.group()))
    event = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    if not isinstance(event, dict):
        raise ValueError("it is no object")
    return event


def check_lines(data, name="-", validator=None):
    """The problems of the event lines in data, as texts "name:line: what", the first PROBLEMS_MAX of them."""
    validator = validator or load_validator()
    problems = []
    lines = data.split(b"\n")
    rest = lines.pop()
    for number, line in enumerate([line + b"\n" for line in lines] + ([rest] if rest else []), 1):
        try:
            event = parse(line)
        except ValueError as error:
            problems.append("%s:%d: %s" % (name, number, error))
        else:
            for error in validator.iter_errors(event) if validator else ():
                where = ".".join(str(part) for part in error.absolute_path)
                problems.append("%s:%d: %s: %s" % (name, number, where, error.message[:300]))
        if len(problems) >= PROBLEMS_MAX:
            return problems[:PROBLEMS_MAX]
    return problems


def validate(path):
    """The problems of the event lines in a file."""
    with open(path, "rb") as file:
        return check_lines(file.read(), path)


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    if jsonschema is None:
        print("# " + SKIP_REASON, file=sys.stderr)
    problems = []
    for path in arguments:
        problems += check_lines(sys.stdin.buffer.read()) if path == "-" else validate(path)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
