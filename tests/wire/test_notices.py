#!/usr/bin/python3
"""Notices: the hook program and mail, as operators and owners get them.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import email
import email.policy
import json
import os
import re
import socket
import stat
import time

from runner import main, tap, test
from daemon import POLICY, wait_for
from smtpsink import Sink, make_certificate
import milterclient as mc

HOOK = """#!/usr/bin/python3
import os, sys
files = sorted(os.listdir("/proc/self/fd"))
text = sys.stdin.read()
open({path!r}, "a").write(text)
open({path!r} + ".seen", "a").write(repr((sorted(os.environ.items()), sys.argv, os.getcwd(),
    files)) + "\\n")
"""


def write_hook(d, text, name="hook", mode=0o755):
    """The program's path, and the file that it writes to."""
    path = os.path.join(d.folder, name)
    record = path + ".record"
    with open(path, "w") as file:
        file.write(text.format(path=record))
    os.chmod(path, mode)
    return path, record


def policy(**settings):
    """A policy with a group notices. Texts are quoted here; lists and numbers are as they stand."""
    def show(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, tuple)):
            return "[ " + ", ".join(json.dumps(v) for v in value) + " ]"
        return json.dumps(value)
    lines = "".join(f"  {name} = {show(value)}\n" for name, value in settings.items())
    return POLICY + 'hijack: { contact = "call 555-0100" }\nstate: { directory = "none" }\nnotices: {\n' + lines + "}\n"


def control(d, **request):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(d.control)
        s.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(s.makefile().readline())


def order(d, command, *names):
    return control(d, command=command, names=list(names))


def lines_of(record):
    try:
        with open(record) as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def await_lines(record, count):
    return wait_for(f"{count} lines of the hook", lambda: (lambda f: f if len(f) >= count else None)(lines_of(record)))


def await_mails(sink, count):
    return wait_for(f"{count} mails", lambda: sink.mails if len(sink.mails) >= count else None)


def parsed(mail):
    return email.message_from_bytes(mail.text, policy=email.policy.default)


def alert(d, *words):
    """The event line of an alert that has all the words."""
    return d.await_event(lambda e: e["event"]["action"] == "alert" and all(w in e["message"] for w in words), 20)


@test
def hook(d):
    path, record = write_hook(d, HOOK)
    d.start(policy(hook=path))
    order(d, "freeze", "bob@victim.example")
    line = await_lines(record, 1)[0]
    event = d.await_action("account-frozen")[0]
    tap.equal(line, event, "the hook gets the event line")
    seen = wait_for("what the hook saw", lambda: os.path.exists(record + ".seen") and open(record + ".seen").read())
    environment, arguments, folder, files = eval(seen.splitlines()[0])  # our own hook wrote it
    tap.equal([name for name, _ in environment if name != "LC_CTYPE"], ["PATH"], "nothing in its environment but PATH")
    tap.equal(folder, "/", "it starts in the root folder")
    tap.ok(set(files) <= {"0", "1", "2", "3"}, "no file or socket of the daemon is open in it", files)
    order(d, "thaw", "bob@victim.example")
    d.await_action("account-thawed")
    order(d, "freeze", "bob@victim.example")
    tap.equal(len(await_lines(record, 2)), 2, "frozen again after a thaw: told again")
    order(d, "freeze", "bob@victim.example")
    order(d, "freeze", "carol@victim.example")
    names = [e["user"]["name"] for e in await_lines(record, 3)]
    tap.equal(names, ["bob@victim.example"] * 2 + ["carol@victim.example"],
              "frozen twice without a thaw: told once; the thaw itself is not among the events by default")


@test
def which_events(d):
    path, record = write_hook(d, HOOK)
    d.start(policy(hook=path, events=["account-thawed", "source-blocked"]))
    order(d, "freeze", "bob@victim.example")
    order(d, "thaw", "bob@victim.example")
    order(d, "block", "198.51.100.7")
    actions = {e["event"]["action"] for e in await_lines(record, 2)}
    tap.equal(actions, {"account-thawed", "source-blocked"}, "only what notices.events names")


@test
def hanging_hook(d):
    path, record = write_hook(d, """#!/usr/bin/python3
import os, subprocess, sys, time
child = subprocess.Popen(["/bin/sleep", "600"])
open({path!r}, "a").write("[%d, %d]\\n" % (os.getpid(), child.pid))
time.sleep(600)
""")
    d.start(policy(hook=path, hook_time="500ms"))
    order(d, "freeze", *[f"user{i}@victim.example" for i in range(6)])
    found = alert(d, "notices.hook failed", "its time was over")
    tap.ok(True, "a hook that hangs is killed, and the log says so", found["message"])
    await_lines(record, 6)

    def gone(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True
    wait_for("the end of all of them", lambda: all(gone(p) for pair in lines_of(record) for p in pair))
    tap.ok(True, "so is what it has started")
    tap.equal(mc.opened(d.socket).message(queue_id="4A"), ["continue"] * 3, "mail goes on meanwhile")
    began = time.monotonic()
    order(d, "freeze", "last@victim.example")
    await_lines(record, 7)
    tap.equal(d.stop(), 0, "the daemon stops")
    tap.ok(time.monotonic() - began < 15, "and does not wait for a hook")


@test
def stop_in_time(d):
    path, record = write_hook(d, "#!/usr/bin/python3\nimport time\nopen({path!r}, 'a').write('1\\n')\ntime.sleep(600)\n")
    d.start(policy(hook=path, hook_time="10m"))
    order(d, "freeze", *[f"user{i}@victim.example" for i in range(9)])
    await_lines(record, 4)
    tap.equal(d.stop(), 0, "the daemon stops while hooks hang")
    left = alert(d, "were not told since the daemon stops")
    tap.ok(left["message"].startswith("9 notices"), "what is left is counted", left["message"])
    tap.equal(len(lines_of(record)), 4, "four ran at once, not more")


@test
def flooding_hook(d):
    path, _ = write_hook(d, "#!/bin/sh\nexec yes 'all work and no play'\n")
    d.start(policy(hook=path))
    order(d, "freeze", "bob@victim.example")
    found = alert(d, "notices.hook failed")
    tap.ok("all work" in found["message"] and len(found["message"]) < 1000,
           "of a hook that floods the beginning is told, and it ends", found["message"])


@test
def failing_hook(d):
    path, _ = write_hook(d, "#!/bin/sh\necho 'no \"pager\"'\nexit 3\n")
    d.start(policy(hook=path))
    order(d, "freeze", "bob@victim.example")
    found = alert(d, "ended with status 3", 'no "pager"')
    tap.ok(True, "a hook that fails is told of in the log", found["message"])
    for i in range(10):
        order(d, "freeze", f"user{i}@victim.example")
    d.await_action("account-frozen", 11)
    tap.equal(d.stop(), 0, "stop")
    alerts = [e["message"] for e in d.events() if e["event"]["action"] == "alert"]
    tap.equal(len(alerts), 2, "at most once a minute, and at the end", *alerts)
    tap.ok("failed 10 times" in alerts[-1], "with a count", alerts[-1])


@test
def unusable_hooks(d):
    for mode, words in ((0o644, "Permission denied"), (0o775, "can be written by its group")):
        path, record = write_hook(d, HOOK, name=f"hook{mode}", mode=mode)
        d.start(policy(hook=path))
        alert(d, words)
        tap.ok(not os.path.exists(record), f"mode {stat.filemode(mode | stat.S_IFREG)}: said at the start, and not run")
        d.stop()
    d.start(policy(hook=os.path.join(d.folder, "nowhere")))
    alert(d, "No such file")
    tap.ok(True, "a hook that is not there: said at the start")


@test
def mail(d):
    sink = Sink()
    d.start(policy(mail=f"smtp://127.0.0.1:{sink.port}", **{"from": "mailreeve@victim.example"},
                   to=["postmaster@victim.example", "noc@victim.example"], owner=True))
    order(d, "freeze", "bob@victim.example")
    mails = await_mails(sink, 3)
    tap.equal(sorted(m.to[0] for m in mails), ["bob@victim.example", "noc@victim.example", "postmaster@victim.example"],
              "each operator and the owner gets a mail")
    tap.equal({m.sender for m in mails}, {"<>"}, "from the null sender")
    event = d.await_action("account-frozen")[0]
    texts = {m.to[0]: parsed(m) for m in mails}
    text = texts["noc@victim.example"]
    tap.equal(text["Subject"], "[mailreeve] account frozen: bob@victim.example", "Subject")
    tap.equal(text["Auto-Submitted"], "auto-generated", "Auto-Submitted")
    tap.equal((text["From"], text["To"]), ("Mailreeve <mailreeve@victim.example>", "noc@victim.example"), "From, To")
    tap.ok(text["Message-ID"].endswith("@victim.example>") and text["Date"].datetime, "Message-ID, Date")
    tap.equal(len({m["Message-ID"] for m in texts.values()}), 3, "each has a Message-ID of its own")
    body = text.get_content()
    tap.ok(event["event"]["id"] in body and "mailreeve thaw bob@victim.example" in body, "the body says what to do", body)
    own = texts["bob@victim.example"].get_content()
    tap.ok("Change it now" in own and "call 555-0100" in own and event["event"]["id"] in own, "the owner's prompt", own)
    tap.ok(all(len(line) <= 998 + 2 for m in mails for line in m.text.splitlines(True)), "no line is too long")
    order(d, "freeze", "stranger@elsewhere.example")
    await_mails(sink, 5)
    tap.ok(all(m.to[0] != "stranger@elsewhere.example" for m in sink.mails),
           "a login of another domain gets no mail, operators do")
    sink.close()


@test
def hostile_names(d):
    """No name adds a header field, a recipient or an SMTP command."""
    sink = Sink()
    path, record = write_hook(d, HOOK)
    d.start(policy(hook=path, mail=f"smtp://127.0.0.1:{sink.port}", **{"from": "mailreeve@victim.example"},
                   to=["noc@victim.example"], owner=True))
    names = ["bob\r\nBcc: x@evil.example\r\n\r\nhi@victim.example", "a> ORCPT=x@victim.example",
             'x"; rm -rf /; "@victim.example', "=?UTF-8?Q?spoof?=@victim.example", "\u202e\u00fc\u00e9" * 60 + "@victim.example",
             "$(reboot)@victim.example", "..@victim.example", "-f@victim.example", "w " * 100 + "@victim.example"]
    for name in names:
        order(d, "freeze", name)
    count = len(d.await_action("account-frozen", 6))
    tap.ok(count >= 6, f"{count} of {len(names)} names were taken as accounts")
    order(d, "freeze", "last@victim.example")
    wait_for("the last one", lambda: any("last@" in str(parsed(m)["Subject"]) for m in sink.mails))
    count = len(d.await_action("account-frozen", 1))
    wait_for("all", lambda: len([m for m in sink.mails if m.to == ["noc@victim.example"]]) >= count)
    wanted = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
              "Content-Type", "Content-Transfer-Encoding", "X-Mailreeve-Event"}
    for m in sink.mails:
        text = parsed(m)
        tap.ok(set(text.keys()) == wanted and len(text.keys()) == len(wanted) and not text.defects and
               m.text.isascii() and all(len(line) < 100 for line in m.text.split(b"\r\n")) and b"\n" not in
               m.text.replace(b"\r\n", b""), "the fields are ours alone: " + repr(str(text["Subject"]))[:70])
        tap.ok("rm -rf" not in [w for line in text.get_content().splitlines() if "thaw" in line for w in [line]],
               "no command line with such a name")
    tap.equal({r for m in sink.mails for r in m.to if r != "noc@victim.example"} - {
        "last@victim.example", "-f@victim.example", "=?UTF-8?Q?spoof?=@victim.example",
        "=?utf-8?q?spoof?=@victim.example"}, set(), "no recipient but ours")
    verbs = {line.split(":")[0].split()[0].upper() for line in sink.lines if line}
    tap.ok(verbs <= {"EHLO", "MAIL", "RCPT", "DATA", "QUIT"}, "no SMTP command but ours", verbs)
    tap.ok(len(await_lines(record, count)) >= count, "the hook reads whole lines")
    sink.close()


@test
def login_and_tls(d):
    pem = make_certificate(d.folder, "localhost")
    if pem is None:
        tap.ok(True, "login_and_tls # SKIP no openssl")
        return
    secret = os.path.join(d.folder, "mail.password")
    with open(secret, "w") as file:
        file.write("s3cret word\n")
    os.chmod(secret, 0o600)
    sink = Sink(password=("reeve", "s3cret word"), certificate=pem)
    settings = {"from": "mailreeve@victim.example", "to": ["noc@victim.example"], "mail_user": "reeve",
                "mail_password": "file:" + secret, "mail": f"smtp://localhost:{sink.port}"}
    d.start(policy(**settings))
    order(d, "freeze", "bob@victim.example")
    m = await_mails(sink, 1)[0]
    tap.equal((m.tls, m.login, m.sender), (True, "reeve", "<mailreeve@victim.example>"),
              "STARTTLS, then AUTH; with a login the sender is notices.from")
    tap.ok("s3cret" not in d.messages() and "s3cret" not in open(d.events_file).read(), "the password is in no log")
    d.write(policy(mail_ca=pem + ".crt", **settings))
    tap.equal(control(d, command="reload").get("result"), "loaded", "reload")
    order(d, "freeze", "carol@victim.example")
    tap.ok(await_mails(sink, 2), "with notices.mail_ca the certificate is checked, and is right")
    os.mkdir(os.path.join(d.folder, "other"))
    other = make_certificate(os.path.join(d.folder, "other"), "localhost")
    d.write(policy(mail_ca=other + ".crt", **settings))
    control(d, command="reload")
    order(d, "freeze", "dave@victim.example")
    found = alert(d, "mails wait", "ertificate")
    tap.equal(len(sink.mails), 2, "with another authority's certificate nothing is sent", found["message"])
    sink.certificate = None
    d.stop()
    d.start()
    order(d, "freeze", "erin@victim.example")
    found = alert(d, "mails wait", "STARTTLS")
    tap.ok(len(sink.mails) == 2 and not any(line.startswith("AUTH") for line in sink.lines[-4:]),
           "where TLS is a must and the host has none, neither mail nor password is sent", found["message"])
    sink.close()


@test
def host_is_away(d):
    sink = Sink()
    port = sink.port
    sink.close()
    d.start(policy(mail=f"smtp://127.0.0.1:{port}", **{"from": "mailreeve@victim.example"}, to=["noc@victim.example"]))
    order(d, "freeze", "bob@victim.example")
    found = alert(d, "1 mails wait and are tried again")
    tap.ok(True, "a host that is away is told of", found["message"])
    sink = Sink(port=port)
    await_mails(sink, 1)
    tap.ok(True, "the mail comes when the host is back")
    sink.refuse = lambda line: "550 5.1.1 nobody" if line.startswith("RCPT") else None
    order(d, "freeze", "carol@victim.example")
    wait_for("RCPT", lambda: sum(line.startswith("RCPT") for line in sink.lines) == 2)
    sink.refuse = lambda line: None
    order(d, "freeze", "dave@victim.example")
    await_mails(sink, 2)
    tap.equal(str(parsed(sink.mails[1])["Subject"]), "[mailreeve] account frozen: dave@victim.example",
              "a mail that is refused for good is given up, and the next one is sent")
    sink.close()
    began = time.monotonic()
    order(d, "freeze", "erin@victim.example")
    tap.equal(d.stop(), 0, "stop")
    found = alert(d, "not told since the daemon stops")
    tap.ok(found["message"].startswith("1 notices"), "a stop counts what waits for the host", found["message"])
    tap.ok(time.monotonic() - began < 15, "and does not wait for it")
    found = alert(d, "1 mails were given up", "550")
    tap.ok(True, "the refusal was counted, with its reason", found["message"])


@test
def bounded(d):
    """More than there is room for is counted, and mail goes on."""
    path, record = write_hook(d, "#!/usr/bin/python3\nimport time\nopen({path!r}, 'a').write('1\\n')\ntime.sleep(600)\n")
    d.start(policy(hook=path, hook_time="10m", queue=5))
    order(d, "freeze", *[f"user{i:02}@victim.example" for i in range(30)])
    await_lines(record, 4)
    found = alert(d, "notices that could not be told", "too many waited" if "too many" in d.messages() else "full")
    tap.ok(True, "a full queue is told of", found["message"])
    tap.equal(len(d.await_action("account-frozen", 30)), 30, "all 30 events are in the log")
    tap.equal(mc.opened(d.socket).message(queue_id="4B"), ["continue"] * 3, "mail goes on")
    tap.equal(d.stop(), 0, "stop")
    said = " ".join(e["message"] for e in d.events() if e["event"]["action"] == "alert")
    counts = [int(n) for n in re.findall(r"(\d+) (?:events|calls of|notices were)", said)]
    tap.equal(sum(counts), 30, "each of the 30 is counted once: lost, or left at the stop", said)


@test
def reload_takes_effect(d):
    path, record = write_hook(d, HOOK)
    d.start(POLICY + 'state: { directory = "none" }\n')
    order(d, "freeze", "bob@victim.example")
    d.await_action("account-frozen")
    d.write(policy(hook=path))
    tap.equal(control(d, command="reload").get("result"), "loaded", "reload")
    order(d, "freeze", "carol@victim.example")
    tap.equal([e["user"]["name"] for e in await_lines(record, 1)], ["carol@victim.example"],
              "nobody is told before the policy asks for it, and at once afterwards")


@test
def faults(d):
    """What the policy's check says."""
    host = "smtp://mail.example.com:587"
    whole = {"mail": host, "from": "a@victim.example", "to": ["b@victim.example"]}
    bad = (({"hook": "notify"}, "a path from the root"), ({"mail": host, "to": ["b@victim.example"]}, "has no sender"),
           ({"mail": host, "from": "a@victim.example"}, "nobody to send to"), ({"to": ["b@victim.example"]}, "needs a host"),
           ({**whole, "mail": "smtp://user:pw@mail.example.com"}, "is not the URL"), ({**whole, "mail": "http://x"}, "is not the URL"),
           ({**whole, "mail": "smtp://mail.example.com:0"}, "is not the URL"), ({**whole, "mail": host + "/x"}, "is not the URL"),
           ({**whole, "to": ["a@b\r\nBcc: c"]}, "is not an address"), ({**whole, "to": ["Bob <b@x.example>"]}, "not an address"),
           ({**whole, "from": "nobody"}, "cannot be"), ({**whole, "mail_user": "x"}, "go together"),
           ({"events": ["verdict"]}, "cannot hold"), ({"events": ["acount-frozen"]}, "cannot hold"),
           ({**whole, "mail_user": "x", "mail_password": "secret"}, "does not name a file"))
    for settings, words in bad:
        d.write(policy(**settings))
        done = d.mailreeve("check", d.policy_file)
        tap.ok(done.returncode == 2 and words in done.stdout + done.stderr, f"{settings}: {words}"[:110], done.stdout, done.stderr)
    for settings in (whole, {**whole, "mail": "smtps://[2001:db8::1]"}, {**whole, "mail": "smtp://mx"}, {"hook": "/bin/true"}):
        d.write(policy(**settings))
        done = d.mailreeve("check", d.policy_file)
        tap.ok(done.returncode < 2, f"{settings} is fine"[:100], done.stdout, done.stderr)


main()
