"""The bench part "passwords": mailreeve passwords audit beside John the Ripper, same hashes, same words, same threads.

Debian's john has md5crypt, DES and bcrypt of its own and calls the system's crypt(3) for the rest; it has no rules here
and one process a core. None of the passwords is on the list, so both try everything. A round runs both in turn; tries a
second are counted over the whole run of each program, start and end too.
"""
import ctypes
import json
import os
import shutil
import subprocess
import tempfile
import time

JOHN = "/usr/sbin/john"
ACCOUNTS = 20
# name, prefix for crypt_gensalt, cost, john's format, words. The words make a run last some seconds.
SCHEMES = [
    ("md5crypt", "$1$", 0, "md5crypt", 3000),
    ("sha512crypt", "$6$", 5000, "crypt", 100),
    ("bcrypt-8", "$2y$", 8, "bcrypt", 20),
    ("bcrypt-10", "$2y$", 10, "bcrypt", 6),
    ("yescrypt", "$y$", 5, "crypt", 16),
]


def crypt(password, prefix, cost, library=[]):
    if not library:
        library.append(ctypes.CDLL("libcrypt.so.1"))
        library[0].crypt.restype = library[0].crypt_gensalt.restype = ctypes.c_char_p
    salt = library[0].crypt_gensalt(prefix.encode(), ctypes.c_ulong(cost), None, 0)
    return library[0].crypt(password.encode(), salt).decode()


def write_words(source, path, count):
    """Whole words of a list, and the same for both programs: not such as only one of them would change or skip."""
    with open(source) as file, open(path, "w") as out:
        words = [line.rstrip("\n") for line in file][:count]
        out.write("\n".join(words) + "\n")
    return len(words)


def audit(program, words, accounts, threads):
    """Tries a second, and the whole time."""
    begun = time.monotonic()
    result = subprocess.run([program, "passwords", "audit", "--json", "--only-lists", "--common", words, "--threads", str(threads), accounts],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    lasted = time.monotonic() - begun
    summary = json.loads(result.stdout.splitlines()[-1])["summary"]
    if not summary["complete"] or summary["guessed"] or summary["not_tried"]:
        raise SystemExit("bench: the audit did something else: %s" % summary)
    return summary["tries"] / lasted, lasted


def john(words, accounts, form, threads, tries, home):
    """Tries a second. john wants a terminal's worth of quiet and keeps its files in its home."""
    for name in os.listdir(home):
        shutil.rmtree(os.path.join(home, name), ignore_errors=True)
    argv = [JOHN, "--wordlist=" + words, "--session=" + os.path.join(home, "session"), "--format=" + form]
    if threads > 1:
        argv.append("--fork=%d" % threads)
    begun = time.monotonic()
    result = subprocess.run(argv + [accounts], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=dict(os.environ, HOME=home), check=False)
    lasted = time.monotonic() - begun
    if result.returncode != 0:
        raise SystemExit("bench: john failed: %s" % result.stdout.decode(errors="replace"))
    return tries / lasted, lasted


def compare(bench, figure, say):
    program, threads = bench.program("milter/ctl/mailreeve"), len(os.sched_getaffinity(0))
    list_file = os.path.join(bench.here, "..", "..", "etc", "passwords.txt")
    beside = os.path.exists(JOHN)
    if not beside:
        say("passwords: john is not installed: no comparison (apt-get install john)")
    folder = tempfile.mkdtemp(dir=bench.folder)
    home = os.path.join(folder, "john")
    os.mkdir(home)
    for name, prefix, cost, form, count in SCHEMES:
        say("passwords: %s" % name)
        accounts, words = os.path.join(folder, name + ".passwd"), os.path.join(folder, name + ".words")
        count = write_words(list_file, words, count)
        with open(accounts, "w") as file:
            for i in range(ACCOUNTS):
                file.write("u%02d:%s:1:1::/:\n" % (i, crypt("not-on-%d-any-list" % i, prefix, cost)))
        ours, theirs = [], []
        for turn in range(min(3, bench.options.rounds)):
            for mine in (True, False) if turn % 2 == 0 else (False, True):
                if mine:
                    ours.append(audit(program, words, accounts, threads)[0])
                elif beside:
                    theirs.append(john(words, accounts, form, threads, count * ACCOUNTS, home)[0])
        figure("passwords.%s.tries_per_second" % name, ours, "1/s", digits=1, threads=threads)
        if theirs:
            figure("passwords.%s.john_tries_per_second" % name, theirs, "1/s", digits=1, threads=threads)
            slow = name not in ("md5crypt",)
            figure("passwords.%s.rate_to_john" % name, [a / b for a, b in zip(ours, theirs)], "ratio",
                   (">=", 0.1) if slow else None, digits=2)
    shutil.rmtree(folder)
