#!/usr/bin/python3
"""mailreeve passwords: check, audit, the list that ships, and the hooks. Needs a built tree; Dovecot's doveadm for a part.

No password may ever come out: all that the command prints, everywhere in this test, is searched for them.
"""

import base64
import ctypes
import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "mta"), os.path.join(HERE, "..", "wire")]
from tap import Tap, skip_all
from daemon import Daemon, wait_for

COMMON = os.path.join(TOP, "etc", "passwords.txt")
tap = Tap()
secrets = set()


def build_folder():
    for folder in (os.environ.get("MAILREEVE_BUILD"), os.environ.get("top_builddir"), os.getcwd()):
        if folder and os.path.exists(os.path.join(folder, "milter", "ctl", "mailreeve")):
            return os.path.abspath(folder)
    return skip_all("mailreeve is not built here")


BUILD = build_folder()
PROGRAM = os.path.join(BUILD, "milter", "ctl", "mailreeve")


def run(what, *arguments, feed=b"", common=COMMON):
    """(status, output, errors). feed: standard input."""
    argv = [PROGRAM, "passwords", what] + (["--common", common] if common else []) + list(arguments)
    done = subprocess.run(argv, input=feed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    text = done.stdout.decode(), done.stderr.decode()
    for secret in secrets:
        if secret in text[0] or secret in text[1]:
            tap.ok(False, "no password is printed", secret, *text)
    return done.returncode, text[0], text[1]


def crypt(password, prefix, cost=0, library=[]):
    if not library:
        library.append(ctypes.CDLL("libcrypt.so.1"))
        library[0].crypt.restype = library[0].crypt_gensalt.restype = ctypes.c_char_p
    salt = library[0].crypt_gensalt(prefix.encode(), ctypes.c_ulong(cost), None, 0)
    return library[0].crypt(password.encode(), salt).decode()


def smd5(password):
    salt = os.urandom(4)
    return base64.b64encode(hashlib.md5(password.encode() + salt).digest() + salt).decode()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


# ---- check ----

def reasons(password, *arguments):
    status, out, errors = run("check", "--json", *arguments, feed=password.encode() + b"\n")
    line = json.loads(out) if out else {"reasons": [errors]}
    return status, line["reasons"]


def judged():
    cases = [
        ("sunshine", 1, "listed", []),
        ("SUNSHINE", 1, "near-listed", []),
        ("Sunsh1ne99!", 1, "near-listed", []),
        ("enihsnus", 1, "near-listed", []),
        ("xk9#Q", 1, "short", []),
        ("Roswitha-xk9#Q2v", 1, "login", ["--login", "roswitha@bakery.example"]),
        ("ahtiwsor-xk9#Q2v", 1, "login", ["--login", "roswitha@bakery.example"]),
        ("my-B4kery-xk9#Q2v", 1, "domain", ["--login", "roswitha@bakery.example"]),
        ("asdfghjkl;poiuytr", 1, "keyboard-walk", ["--score", "4"]),
        ("zzzzzzzzzzzz", 1, "repeats", []),
        ("bcdefghijk", 1, "sequence", []),
        ("17.03.1974", 1, "date", []),
        ("house1984", 1, "guessable", []),
    ]
    for password, status, reason, more in cases:
        secrets.add(password)
        seen = reasons(password, *more)
        tap.ok(seen[0] == status and reason in seen[1], f"check: {reason}", seen)
    for password in ("xK9#mQ2vLw", "correct horse battery staple", "kitten-Volvo-7-rain", "Äpfel im grünen Wald"):
        secrets.add(password)
        tap.equal(reasons(password), (0, []), "check: strong enough")
    tap.equal(reasons("kitten-Volvo-7-rain", "--length", "20")[0], 1, "check: --length")
    tap.equal(reasons("17.03.1974", "--score", "0")[0], 0, "check: --score")
    tap.equal(reasons("xK9#mQ2vLw", "--login", "a@b.c")[0], 0, "check: a login of one letter is in no password")


def check_files(folder):
    words = write(folder, "words", "Gugelhupf\n")
    bad = write(folder, "bad", "qv7-Lk2-own-word\n")
    secrets.update(["my-gugelhupf-Q7x#", "qv7-Lk2-own-word"])
    tap.equal(reasons("my-gugelhupf-Q7x#", "--words", words), (1, ["word"]), "check: --words")
    tap.equal(reasons("qv7-Lk2-own-word", "--list", bad)[1], ["listed"], "check: --list")
    tap.equal(reasons("qv7-Lk2-own-word")[0], 0, "check: and without it")
    candidates = write(folder, "candidates", "xK9#mQ2vLw\r\nsunshine\n")
    status, out, _ = run("check", candidates)
    tap.ok(status == 1 and out.startswith("line 1: strong") and "\nline 2: weak" in out, "check: a file", status, out)
    status, out, _ = run("check", "-", feed=b"xK9#mQ2vLw\n")
    tap.ok(status == 0 and out.startswith("line 1: strong"), "check: standard input as a list", status, out)
    status, out, errors = run("check", "-", feed=b"xK9#mQ2vLw\nx\0y\n" + b"z" * 5000 + b"\nsunshine\n")
    tap.ok(status == 2 and "input:2:" in errors and "input:3:" in errors and "line 4: weak" in out,
           "check: faulty lines are named, the others judged", status, out, errors)
    os.symlink(candidates, os.path.join(folder, "link"))
    tap.equal(run("check", os.path.join(folder, "link"))[0], 2, "check: no symbolic link")


def check_usage():
    tap.equal(run("check")[0], 2, "check: nothing on standard input")
    tap.equal(run("check", feed=b"one\ntwo\n")[0], 2, "check: two lines where one is meant")
    tap.equal(run("check", "one", "two")[0], 2, "check: two files")
    tap.equal(run("check", "--score", "5")[0], 2, "check: a score that is none")
    tap.equal(run("check", feed=b"xK9#mQ2vLw\n", common="/nonexistent/list")[0], 2, "check: without its list it judges nothing")
    tap.equal(run("check", feed=b"xK9#mQ2vLw")[0], 0, "check: a line without an end")
    tap.equal(run("check", feed=b"x" * 1024)[0], 1, "check: 1,024 bytes are read")
    tap.equal(run("check", feed=b"x" * 1025)[0], 2, "check: more are too long")


def check_prompt():
    """On a terminal the password is asked for and does not show."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(PROGRAM, [PROGRAM, "passwords", "check", "--common", COMMON])
    seen = b""
    while b"Password: " not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"sunshine\n")
    try:
        while True:
            more = os.read(terminal, 1000)
            if not more:
                break
            seen += more
    except OSError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    tap.ok(status == 1 and b"weak" in seen and b"sunshine" not in seen, "check: the prompt has no echo", status, seen)


# ---- audit ----

def result_lines(out):
    lines = [json.loads(line) for line in out.splitlines()]
    return {line["account"]: line for line in lines if "account" in line}, lines[-1]["summary"]


def doveadm_schemes(folder):
    """Dovecot's own hashes of a variation of the login: each is guessed."""
    doveadm = shutil.which("doveadm")
    if not doveadm:
        tap.skip("audit: Dovecot's schemes", "doveadm is not installed")
        return
    password = "Bakery"  # one of the first that are tried: some schemes are slow
    known = subprocess.run([doveadm, "pw", "-l"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    wanted = ("PLAIN CLEAR CLEARTEXT SHA SHA1 SSHA SHA256 SSHA256 SHA512 SSHA512 LDAP-MD5 PLAIN-MD5 PLAIN-MD4 SMD5 MD5 MD5-CRYPT "
              "CRYPT DES-CRYPT SHA256-CRYPT SHA512-CRYPT BLF-CRYPT ARGON2I ARGON2ID PBKDF2 SCRAM-SHA-1 SCRAM-SHA-256").split()
    tried = [(scheme + suffix) for scheme in wanted if scheme in known for suffix in ("", ".b64", ".hex")]
    lines = []
    for scheme in tried:
        argv = [doveadm, "pw", "-s", scheme, "-p", password]
        if scheme.startswith(("BLF", "ARGON2I")):
            argv += ["-r", "5"]
        made = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        stored = made.stdout.decode().strip()
        if made.returncode == 0 and "." in scheme and not scheme.startswith(("PLAIN", "CLEAR", "S", "LDAP", "CLEARTEXT")):
            continue  # encoded once more, which no site does
        if made.returncode == 0 and "." in scheme and scheme.startswith(("SCRAM", "SHA256-C", "SHA512-C")):
            continue
        if made.returncode == 0:
            lines.append(f"{scheme.lower()}@bakery.example:{stored}:1:1::/h::\n")
    path = write(folder, "dovecot", "".join(lines))
    small = write(folder, "small", "dragon\n")
    status, out, errors = run("audit", "--json", path, common=small)
    accounts, summary = result_lines(out)
    tap.equal(status, 1, "audit: guessed accounts give the exit status 1", errors)
    for line in lines:
        login = line.split(":", 1)[0]
        seen = accounts[login]
        tap.ok(seen["result"] == "guessed" and seen.get("source") == "a word of the domain",
               f"audit: {login.split('@')[0].upper()}", seen)
    tap.ok(all("weak_scheme" in accounts[name + "@bakery.example"] for name in ("plain", "sha", "ssha256", "md5-crypt")),
           "audit: weak schemes are named")
    tap.equal((summary["guessed"], summary["not_tried"], summary["complete"]), (len(lines), 0, True), "audit: the summary", summary)


def crypt_schemes(folder):
    rows = [("md5", "$1$", 0), ("sha256", "$5$", 1000), ("sha512", "$6$", 1000), ("bcrypt", "$2y$", 4), ("yescrypt", "$y$", 1),
            ("scrypt", "$7$", 6), ("gost", "$gy$", 1), ("bsdi", "_", 1), ("sha1", "$sha1", 40), ("nt", "$3$", 0)]
    path = write(folder, "shadow", "".join(f"{name}:{crypt('Bakery1', prefix, cost)}:19000:0:99999:7:::\n"
                                           for name, prefix, cost in rows))
    _, out, errors = run("audit", "--json", "--domain", "bakery.example", path, common=write(folder, "small", "dragon\n"))
    accounts, _ = result_lines(out)
    for name, _, _ in rows:
        tap.ok(accounts[name]["result"] == "guessed" and accounts[name]["source"] == "a word of the domain",
               f"audit: crypt's {name}", accounts[name], errors)


def audit_results(folder):
    secrets.update(["trustno1", "Anna1975", "Summer@2025", "Obermaier77", "9vX-something-else", "own-Word-77"])
    path = write(folder, "mixed", f"""# a comment
listed@x.example:{crypt("trustno1", "$2y$", 4)}:1:1::/h::
anna@x.example:{{PLAIN}}Anna1975
u7:{{SHA256-CRYPT}}{crypt("Obermaier77", "$5$", 1000)}:1:1:Karl Obermaier,Room 5:/h
good@x.example:{{SSHA512.b64}}{"A" * 96}
own@x.example:{{PLAIN}}own-Word-77
season@x.example:{{SMD5}}{smd5("Summer@2025")}
locked:!:19000::::::
no colon here
unknown@x.example:{{ROT13}}frperg
cut@x.example:$2y$04$tooshort
empty:

bad\x1b[31mlogin:{{PLAIN}}x
""")
    own = write(folder, "ownlist", "own-Word-77\n")
    status, out, errors = run("audit", "--json", "--list", own, path)
    accounts, summary = result_lines(out)
    tap.equal(status, 1, "audit: exit status")
    tap.equal({name: line["result"] for name, line in accounts.items()},
              {"listed@x.example": "guessed", "anna@x.example": "guessed", "u7": "guessed", "good@x.example": "not-guessed",
               "own@x.example": "guessed", "season@x.example": "guessed", "locked": "locked", "unknown@x.example": "not-tried", "cut@x.example": "not-tried",
               "empty": "not-tried"}, "audit: each account's result")
    with open(COMMON, encoding="utf-8") as file:
        rank = file.read().split("\n").index("trustno1") + 1
    tap.equal((accounts["listed@x.example"]["list"], accounts["listed@x.example"]["rank"]), ("passwords.txt", rank), "audit: the rank")
    tap.equal((accounts["own@x.example"]["list"], accounts["own@x.example"]["rank"]), ("ownlist", 1), "audit: a list of one's own")
    tap.equal([accounts["anna@x.example"].get(key) for key in ("source", "form", "ending")],
              ["the login", "with a capital letter", "a year"], "audit: how a variation was made")
    tap.equal(accounts["season@x.example"]["source"], "a word that many use", "audit: seasons and years")
    tap.equal(accounts["u7"]["source"], "a name of the person", "audit: the person's name")
    tap.ok(f"{path}:9:" in errors and f"{path}:14:" in errors and summary["faulty_lines"] == 2, "audit: faulty lines are named", errors)
    tap.ok("\x1b" not in errors + out, "audit: nothing steers the terminal")
    status, out, _ = run("audit", "--list", own, path)
    tap.ok(status == 1 and f"anna@x.example ({path}:3): the login with a capital letter, and a year behind it" in out and
           f"at rank {rank}\n" in out and "readable" in out, "audit: the same in words", out)
    tap.equal(run("audit", "--threads", "7", "--json", "--list", own, path)[1].splitlines()[:-1],
              run("audit", "--threads", "1", "--json", "--list", own, path)[1].splitlines()[:-1], "audit: threads change nothing")
    status, out, _ = run("audit", "--json", write(folder, "fine", f"a@x.example:{{SSHA512.b64}}{'B' * 96}\nb:*\n"))
    tap.equal((status, result_lines(out)[1]["guessed"]), (0, 0), "audit: nothing found gives 0")


def audit_usage(folder):
    path = write(folder, "one", "a:{PLAIN}x\n")
    link, pipe = os.path.join(folder, "a-link"), os.path.join(folder, "a-pipe")
    os.symlink(path, link)
    os.mkfifo(pipe)
    for what, arguments in (("no file", []), ("two files", [path, path]), ("a file that is not there", [path + "-"]),
                            ("a symbolic link", [link]), ("a pipe", [pipe]), ("a folder", [folder]),
                            ("no threads", ["--threads", "0", path]), ("a list that is not there", ["--list", path + "-", path])):
        status, out, errors = run("audit", *arguments)
        tap.ok(status == 2 and out == "" and errors != "", f"audit: {what}", status, errors)


def audit_resumes(folder):
    """Ended by a signal, and gone on with: the same result, with no secret in the state and none in a core file."""
    secrets.update(["killer", "zzzzzz"])
    path = write(folder, "slow", "".join(f"s{i}@x.example:{crypt(word, '$2y$', 7)}\n" for i, word in
                                         enumerate(["killer", "zzzzzz", "no-such-word-on-it", "none-either-0"])))
    state, same = os.path.join(folder, "state"), ["--json", "--only-lists", "--limit", "600", "--threads", "2"]
    argv = [PROGRAM, "passwords", "audit", "--common", COMMON, "--resume", state] + same + [path]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    # The signals are held before the threads are made.
    wait_for("the threads", lambda: len(os.listdir(f"/proc/{process.pid}/task")) >= 3)
    with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
        core = next(line for line in file if line.startswith("Max core file size")).split()[4:6]
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    tap.equal(core, ["0", "0"], "audit: no core file")
    tap.equal(process.returncode, 4, "audit: a signal ends it early", errors.decode())
    with open(state, encoding="ascii") as file:
        text = file.read()
    tap.equal(os.stat(state).st_mode & 0o777, 0o600, "audit: the state is its owner's")
    tap.ok("killer" not in text and "$2y$" not in text and "s0@" not in text, "audit: no secret and no login in the state", text)
    first = json.loads(text)
    status, out, errors = run("audit", "--resume", state, *same, path)
    accounts, summary = result_lines(out)
    tap.ok(status == 1 and summary["complete"] and not os.path.exists(state), "audit: it goes on to the end", status, out, errors)
    whole, all_of_it = result_lines(run("audit", *same, path)[1])
    tap.equal(accounts, whole, "audit: and finds the same as in one piece")
    tap.ok(all_of_it["tries"] <= summary["tries"] <= all_of_it["tries"] + 100 and first["tries"] < all_of_it["tries"],
           "audit: little is tried twice", first, summary, all_of_it)
    with open(state, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(state, 0o600)
    with open(path, "a", encoding="ascii") as file:
        file.write("new:*\n")
    tap.equal(run("audit", "--resume", state, *same, path)[0], 2, "audit: a state of another file is refused")
    with open(state, "w", encoding="ascii") as file:
        file.write('{"mailreeve_audit":1,"unit":-7')
    tap.equal(run("audit", "--resume", state, *same, path)[0], 2, "audit: a damaged state is refused")


def audit_marks(folder):
    secrets.update(["Anna1975"])
    path = write(folder, "marks", f"anna@victim.example:{{PLAIN}}Anna1975\nbob@victim.example:{{SSHA512.b64}}{'A' * 96}\nloc:*\n")
    daemon = Daemon(BUILD)
    try:
        daemon.start()
        status, out, errors = run("audit", "--mark", "--socket", daemon.control, path)
        tap.ok(status == 1, "audit: --mark", status, out, errors)
        shown = {}
        for name in ("anna", "bob"):
            text = daemon.mailreeve("show", "account", name + "@victim.example", "--json", "--socket", daemon.control).stdout
            shown[name] = json.loads(text).get("logins") or {}
        tap.ok(shown["anna"].get("weak_password") is True, "audit: the daemon knows the weak one", shown["anna"])
        tap.ok(not shown["bob"].get("weak_password"), "audit: and not another", shown["bob"])
    finally:
        daemon.stop()
        daemon.remove()
    status, out, errors = run("audit", "--mark", "--policy", "/nonexistent/policy", "--socket", os.path.join(folder, "nobody"), path)
    tap.ok(status == 3 and "1 guessed" in out, "audit: a daemon that does not answer", status, out, errors)


# ---- hooks and the list ----

def hooks(folder):
    env = dict(os.environ, MAILREEVE=PROGRAM, MAILREEVE_PASSWORDS=f"--common {COMMON} --length 10", SCHEME="SSHA512")
    check = os.path.join(TOP, "contrib", "hooks", "password-check")
    change = os.path.join(TOP, "contrib", "hooks", "dovecot-change-password")

    def hook(script, feed, *arguments):
        done = subprocess.run(["sh", script] + list(arguments), input=feed, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, timeout=120)
        return done.returncode, done.stdout.decode()

    tap.equal(hook(check, b"xK9#mQ2vLw\n", "anna@x.example")[0], 0, "hook: taken")
    status, out = hook(check, b"anna-2024-x\n", "anna@x.example")
    tap.ok(status == 1 and out.startswith("weak: ") and "login" in out, "hook: refused, with the reason", status, out)
    tap.equal(hook(check, b"", "anna@x.example")[0], 2, "hook: nothing came")
    if not shutil.which("doveadm"):
        tap.skip("hook: Dovecot's file", "doveadm is not installed")
        return
    path = write(folder, "users", "bob@x.example:{PLAIN}b:1:1::/b::\nanna@x.example:{PLAIN}old:5:6:Anna:/h::x=y\n")
    os.chmod(path, 0o640)
    before = open(path, encoding="ascii").read()
    tap.equal(hook(change, b"anna-2024-x\n", "anna@x.example", path)[0], 1, "hook: Dovecot: refused")
    tap.equal(hook(change, b"xK9#mQ2vLw\n", "carl@x.example", path)[0], 2, "hook: Dovecot: nobody of that name")
    tap.equal(open(path, encoding="ascii").read(), before, "hook: Dovecot: and nothing was changed")
    status, out = hook(change, rb"xK9#m\nQ2v'$HOME " + b"\n", "anna@x.example", path)
    lines = open(path, encoding="ascii").read().splitlines()
    tap.ok(status == 0 and lines[0] == before.splitlines()[0] and lines[1].startswith("anna@x.example:{SSHA512}") and
           lines[1].endswith(":5:6:Anna:/h::x=y"), "hook: Dovecot: changed", status, out, lines)
    tap.equal(os.stat(path).st_mode & 0o777, 0o640, "hook: Dovecot: the file's mode stays")
    stored = lines[1].split(":")[1]
    fits = subprocess.run(["doveadm", "pw", "-t", stored], input=rb"xK9#m\nQ2v'$HOME " + b"\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    tap.ok(fits.returncode == 0, "hook: Dovecot: and Dovecot takes it", fits.stdout)


def shipped_list():
    with open(COMMON, "rb") as file:
        words = file.read().split(b"\n")
    tap.ok(words[-1] == b"" and len(words) - 1 == len(set(words)) - 1 == 49233, "list: 49,233 words, none twice", len(words))
    tap.ok(all(0 < len(word) <= 64 and word.isascii() for word in words[:-1]), "list: plain words")
    with open(os.path.join(TOP, "etc", "passwords.README"), encoding="ascii") as file:
        tap.ok("Permission is hereby granted" in file.read(), "list: its licence is beside it")


def main():
    folder = tempfile.mkdtemp(prefix="mailreeve-passwords-")
    try:
        judged()
        check_files(folder)
        check_usage()
        check_prompt()
        doveadm_schemes(folder)
        crypt_schemes(folder)
        audit_results(folder)
        audit_usage(folder)
        audit_resumes(folder)
        audit_marks(folder)
        hooks(folder)
        shipped_list()
    finally:
        shutil.rmtree(folder)
    sys.exit(tap.finish())


main()
