#!/usr/bin/python3
"""Adds up what `make check` left in a build folder: test cases, not programs.

usage: summary.py BUILD. Reads every .trs and .log: TAP lines, or Check's own count, or one case for a program that
says neither. Prints a line per program, why things were skipped, and last "N passed, N failed, N skipped"."""

import collections
import os
import re
import sys

TAP = re.compile(r"^(not )?ok\b(?:[^#]|#(?! ?SKIP))*(# ?SKIP\b ?(.*))?$", re.IGNORECASE)
CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)")
FAILED_CHECK = re.compile(r"^\S+:\d+:[FE]:")
WHOLE = re.compile(r"^1\.\.0 # ?SKIP ?(.*)$", re.IGNORECASE)


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.reasons = collections.Counter()
        self.failures = []

    def any(self):
        return self.passed + self.failed + self.skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons

    def skip(self, reason):
        self.skipped += 1
        self.reasons[reason or "no reason given"] += 1


def read_log(path):
    count = Count()
    with open(path, encoding="utf-8", errors="backslashreplace") as log:
        for line in log:
            line = line.rstrip("\n")
            check, tap, whole = CHECK.match(line), TAP.match(line), WHOLE.match(line)
            if check:
                checks, failures, errors = map(int, check.groups())
                count.passed += checks - failures - errors
                count.failed += failures + errors
            elif FAILED_CHECK.match(line):
                count.failures.append(line)
            elif whole:
                count.skip(whole.group(1))
            elif tap and tap.group(1):
                count.failed += 1
                count.failures.append(line)
            elif tap and tap.group(2):
                count.skip(tap.group(3))
            elif tap:
                count.passed += 1
    return count


def read_program(trs):
    with open(trs, encoding="utf-8") as file:
        results = re.findall(r"^:test-result: (\S+)", file.read(), re.MULTILINE)
    log = trs[:-len(".trs")] + ".log"
    count = read_log(log) if os.path.exists(log) else Count()
    for result in results[:1]:
        if result == "SKIP" and not count.any():
            count.skip(last_line(log))
        elif result == "PASS" and not count.any():
            count.passed += 1
        elif result in ("FAIL", "ERROR", "XPASS") and not count.failed:
            count.failed += 1
            count.failures.append(f"ended with {result}; its log ends: {last_line(log)}")
    return count


def last_line(path):
    with open(path, encoding="utf-8", errors="backslashreplace") as log:
        lines = [line.strip() for line in log if line.strip() and " exit status: " not in line]
    return lines[-1] if lines else ""


def main():
    build = sys.argv[1]
    total = Count()
    found = sorted(os.path.join(folder, name) for folder, _, names in os.walk(build) for name in names
                   if name.endswith(".trs"))
    for trs in found:
        count = read_program(trs)
        name = os.path.relpath(trs, build)[:-len(".trs")]
        print(f"  {name:44} {count.passed:5} passed {count.failed:3} failed {count.skipped:3} skipped")
        for line in count.failures[:20]:
            print(f"      {line}")
        total.add(count)
    for reason, times in total.reasons.most_common():
        print(f"  skipped {times}: {reason}")
    if not found:
        print("  no test was run")
        total.failed += 1
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
