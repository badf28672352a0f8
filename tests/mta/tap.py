"""Test output in the Test Anything Protocol, with a last line of counts.

Used by every script of tests/mta and tests/scenario that plays many cases; knows nothing of mail.
"""

import sys


class Tap:
    """Counts and prints results; finish() prints the plan and returns the exit status."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def _number(self):
        return self.passed + self.failed + self.skipped

    def ok(self, good, name, *why):
        """One result. why: what was seen, printed only when the test failed."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if good else 'not ok'} {self._number()} - {_plain(name)}")
        if not good:
            for part in why:
                for line in str(part).splitlines() or [""]:
                    print(f"#   {line}")
        sys.stdout.flush()
        return bool(good)

    def equal(self, seen, wanted, name, *why):
        return self.ok(seen == wanted, name, f"seen   {seen!r}", f"wanted {wanted!r}", *why)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"ok {self._number()} - {_plain(name)} # SKIP {reason}")
        sys.stdout.flush()

    def finish(self):
        print(f"1..{self._number()}")
        print(f"# {self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.stdout.flush()
        return 1 if self.failed else 0


def _plain(name):
    """A name that a TAP reader cannot take for a directive."""
    return name.encode("ascii", "backslashreplace").decode().replace("#", "No.")


def skip_all(reason):
    """For a script that cannot run here: automake's exit status for skipped."""
    print(f"1..0 # SKIP {reason}")
    print("# 0 passed, 0 failed, 1 skipped")
    sys.exit(77)
