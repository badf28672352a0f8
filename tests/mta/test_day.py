#!/usr/bin/python3
"""contrib/try's short day with the policy that ships: each step has its verdict, and nothing is left running.
Installing and building are not played here."""

import os
import re
import subprocess
import sys

import mailserver
from mailserver import Folder, Trouble, read
from tap import Tap, skip_all

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "..", "etc", "mailreeve.conf")
STEPS, REFUSED = 11, 8


def still_running(folder):
    """Command lines of processes that work in this folder."""
    lines = [read(f"/proc/{pid}/cmdline").replace("\0", " ") for pid in os.listdir("/proc") if pid.isdigit()]
    return [line for line in lines if folder in line]


def day(folder, *options):
    return subprocess.run([sys.executable, os.path.join(HERE, "day.py"), *options, folder], capture_output=True,
                          text=True, check=False)


def play(tap, folder, build):
    done = day(folder, "--build", build, "--policy", SHIPPED)
    tap.equal(done.returncode, 0, "the day ends well", done.stdout[-2000:], done.stderr)
    first, _, second = done.stdout.partition("every mode = \"observe\"")
    tap.equal(len(re.findall(r" 250 taken ", first)), STEPS, "in observe mode all is taken", first)
    tap.equal(len(re.findall(r"would refuse: ", first)), REFUSED, "and what would be refused is named", first)
    tap.equal(len(re.findall(r"reject by the rule ", second)), REFUSED, "in enforce mode that is refused", second)
    tap.ok("\033" not in done.stdout, "there is no colour when it is not a terminal")
    tap.equal(still_running(folder), [], "nothing is left running")

    done = day(folder, "--keep", "--build", build, "--policy", SHIPPED)
    tap.equal((done.returncode, bool(still_running(folder))), (0, True), "--keep leaves the servers running",
              done.stderr)
    done = day(folder, "--stop")
    tap.equal((done.returncode, still_running(folder)), (0, []), "--stop stops them", done.stdout, done.stderr)


def main():
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    tap = Tap()
    folder = Folder()
    try:
        play(tap, folder.path, mailserver.build_folder())
    except Trouble as trouble:
        skip_all(trouble)
    finally:
        day(folder.path, "--stop")
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
