#!/usr/bin/python3
"""Plays tests/corpus/policy through `mailreeve check`: the faults, their places, the exit status. Needs a built tree."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mta"))
from tap import Tap, skip_all

CORPUS = os.path.join(HERE, "..", "corpus", "policy")


class CannotBeMade(Exception):
    """This user may not do what a case needs."""


def find_program():
    """The built mailreeve, or None."""
    for folder in (os.environ.get("MAILREEVE_BUILD"), os.environ.get("top_builddir"), os.getcwd()):
        path = os.path.join(folder or "/nowhere", "milter", "ctl", "mailreeve")
        if os.path.exists(path):
            return os.path.abspath(path)
    return None


def change(command):
    """One line of a case's setup, in the current folder."""
    what, *words = command.split()
    if what == "chmod":
        os.chmod(words[1], int(words[0], 8))
    elif what == "chown":
        if os.geteuid() != 0:
            raise CannotBeMade("only root can give a file away")
        os.chown(words[1], int(words[0]), -1)
    elif what == "symlink":
        os.symlink(words[0], words[1])
    elif what == "rename":
        os.rename(words[0], words[1])
    elif what == "remove":
        os.unlink(words[0])
    elif what == "fifo":
        os.mkfifo(words[0])
    elif what == "folder":
        os.mkdir(words[0])
    elif what == "append-nul":
        with open(words[0], "ab") as file:
            file.write(b"\0")
    else:
        raise ValueError(f"setup cannot do {command!r}")


def copy_case(source, place):
    """A copy whose files have safe modes, whatever the checkout gave them."""
    shutil.copytree(source, place)
    for folder, _, names in os.walk(place):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    setup = os.path.join(place, "setup")
    if os.path.exists(setup):
        before = os.getcwd()
        os.chdir(place)
        try:
            with open(setup, encoding="utf-8") as lines:
                for line in lines:
                    change(line)
        finally:
            os.chdir(before)


def check(program, place, *options):
    host = "host" if os.path.exists(os.path.join(place, "host")) else "/dev/null"
    return subprocess.run([program, "check", "--host-facts", host, *options, "policy.conf"], cwd=place, capture_output=True,
                          text=True, check=False, timeout=60)


def status_of(wanted):
    if any(line.startswith("error ") for line in wanted):
        return 2
    return 1 if wanted else 0


def play(tap, program, name, folder):
    place = os.path.join(folder, name)
    try:
        copy_case(os.path.join(CORPUS, name), place)
    except CannotBeMade as why:
        tap.skip(name, str(why))
        return
    with open(os.path.join(CORPUS, name, "expect"), encoding="utf-8") as file:
        wanted = sorted(file.read().splitlines())
    done = check(program, place, "--json")
    faults = [json.loads(line) for line in done.stdout.splitlines()]
    seen = sorted(f"{f['level']} {f['id']} {f['file']}:{f['line']}" for f in faults)
    texts = all(f["what"] and f["cure"] for f in faults)
    tap.ok(seen == wanted and done.returncode == status_of(wanted) and texts and not done.stderr, name,
           f"seen   {seen}", f"wanted {wanted}", f"exit status {done.returncode}", done.stdout, done.stderr)
    words = check(program, place)
    shown = [line for line in words.stdout.splitlines() if ": error: " in line or ": warning: " in line]
    tap.ok(len(shown) == len(faults) and words.returncode == done.returncode and "\033" not in words.stdout,
           f"{name} in words", words.stdout, words.stderr)


def play_growing(tap, program, folder):
    """A list that another process writes all the while is not read."""
    place = os.path.join(folder, "growing")
    os.mkdir(place, 0o755)
    path = os.path.join(place, "accounts")
    with open(os.path.join(place, "policy.conf"), "w", encoding="utf-8") as file:
        file.write('domains = "example.com"\naccounts = "file:accounts"\n')
    with open(path, "wb") as file:
        file.write(b"alice@example.com\n" * 2000000)
    for one in ("accounts", "policy.conf"):
        os.chmod(os.path.join(place, one), 0o644)
    writer = subprocess.Popen([sys.executable, "-c", "import os, sys\nfd = os.open(sys.argv[1], os.O_WRONLY)\n"
                               "os.pwrite(fd, b'a', 0)\nprint(flush=True)\nwhile True: os.pwrite(fd, b'a', 0)\n", path],
                              stdout=subprocess.PIPE)
    try:
        writer.stdout.readline()
        done = check(program, place, "--json")
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    faults = [json.loads(line) for line in done.stdout.splitlines()]
    ids = [fault["id"] for fault in faults if fault["level"] == "error"]
    tap.ok(ids == ["changed-while-read"] and done.returncode == 2, "a list that is written while it is read", done.stdout,
           done.stderr)


def main():
    program = find_program()
    if program is None:
        skip_all("milter/ctl/mailreeve is not built: run make, or set MAILREEVE_BUILD to the build folder")
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(os.listdir(CORPUS)):
            if os.path.isdir(os.path.join(CORPUS, name)):
                play(tap, program, name, folder)
        play_growing(tap, program, folder)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
