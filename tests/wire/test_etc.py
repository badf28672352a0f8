#!/usr/bin/python3
"""The files of etc/ that other programs read: units, logrotate, Sendmail's m4, completion.

TAP on standard output. Each check is skipped where its program is missing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mta"))
from tap import Tap

ETC = os.path.join(HERE, "..", "..", "etc")
tap = Tap()


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def unit(folder):
    """The unit as make installs it under /usr, with programs that exist, so that systemd-analyze can look at it."""
    with open(os.path.join(ETC, "systemd", "mailreeved.service.in")) as file:
        text = file.read()
    for name, value in {"sbindir": "/bin", "bindir": "/bin", "sysconfdir": "/etc", "localstatedir": "/var"}.items():
        text = text.replace(f"@{name}@", value)
    text = re.sub(r"/bin/mailreeved?\b", "/bin/true", text)
    tap.ok(not re.search(r"@[a-z]+@", text), "every path is filled in")
    path = os.path.join(folder, "mailreeved.service")
    with open(path, "w") as file:
        file.write(text)
    return path


def systemd(folder):
    path = unit(folder)
    if not shutil.which("systemd-analyze"):
        tap.skip("systemd", "systemd-analyze is not installed")
        return
    done = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", path)
    if "unrecognized option" in done.stderr:
        tap.skip("exposure of the unit", "this systemd-analyze is too old")
    else:
        seen = re.search(r"Overall exposure level.*: ([0-9.]+)", done.stdout)
        tap.ok(seen and float(seen.group(1)) <= 1.5, f"exposure of the unit: {seen and seen.group(1)}, at most 1.5",
               done.stdout[-300:], done.stderr)
    done = run("systemd-analyze", "verify", "--man=no", path)
    said = [line for line in done.stderr.splitlines() if "mailreeved.service" in line]
    tap.ok(not said, "systemd finds no fault in the unit", *said)


def sendmail():
    if not shutil.which("m4"):
        tap.skip("Sendmail's m4", "m4 is not installed")
        return
    done = run("m4", "-", os.path.join(ETC, "sendmail", "mailreeve.m4"),
               input="define(`INPUT_MAIL_FILTER', `filter <$1> <$2>')dnl\n")
    wanted = r"filter <mailreeve> <S=local:/run/mailreeve/milter\.sock, F=T, T=[CSREms0-9:;]+>\s*"
    tap.ok(re.fullmatch(wanted, done.stdout), "Sendmail puts mail off while mailreeved is away", done.stdout, done.stderr)


def logrotate():
    path = os.path.join(ETC, "logrotate.d", "mailreeve")
    with open(path) as file:
        text = file.read()
    tap.ok("USR1" in text and not re.search(r"(kill|signal).*HUP", text), "logrotate sends USR1 and never HUP")
    if shutil.which("logrotate"):
        done = run("logrotate", "-d", path)
        tap.ok("error" not in done.stderr.lower(), "logrotate reads it", done.stderr)
    else:
        tap.skip("logrotate reads it", "logrotate is not installed")


def completion():
    script = """. "$1"; COMP_WORDS=(mailreeve "${@:2}"); COMP_CWORD=$(($# - 1)); _mailreeve; echo "${COMPREPLY[@]}" """
    path = os.path.join(ETC, "bash-completion", "mailreeve")

    def complete(*words):
        done = run("bash", "--norc", "-c", script, "bash", path, *words)
        return done.stdout.split()
    tap.equal(complete("re"), ["release", "reload", "replay"], "commands are completed")
    tap.equal(complete("check", "--j"), ["--json"], "so are their options")
    tap.equal(complete("show", "or"), ["orders"], "so is what can be shown")
    tap.equal(complete("show", "accounts", "--state", "f"), ["frozen"], "so are states")


def main():
    with tempfile.TemporaryDirectory(prefix="mailreeve-etc-") as folder:
        systemd(folder)
    sendmail()
    logrotate()
    completion()
    sys.exit(tap.finish())


main()
