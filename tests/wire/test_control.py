#!/usr/bin/python3
"""The control commands and the command line: orders, looking, explaining, watching, with the daemon and without it.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import json
import os
import pwd
import signal
import socket
import subprocess

from runner import RULES, main, tap, test
from daemon import wait_for
import milterclient as mc

HIJACK = 'hijack: { mode = "enforce"  contact = "helpdesk, phone 100" }\n'
LOGINS = 'login: { default_domain = "victim.example" }\n'


def begin(d, rules=RULES + HIJACK + LOGINS, facts=None):
    """The daemon with its state on disk."""
    folder = os.path.join(d.folder, "state")
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o700)
    log = f'{{ events = "{d.events_file}"'
    log += f'  facts = "{facts}" }}' if facts else " }"
    d.start(rules, state=f'{{ directory = "{folder}" }}', log=log)


def run(d, command, *arguments, status=0, **more):
    """A command; its exit status is checked."""
    done = d.mailreeve(command, "-c", d.policy_file, *arguments, **more)
    tap.equal(done.returncode, status, " ".join((command,) + arguments) + f": exit status {status}",
              done.stdout[-1500:], done.stderr[-1500:])
    return done


def answer(d, command, *arguments, status=0):
    return json.loads(run(d, command, "--json", *arguments, status=status).stdout)


def send(d, login, to="<friend@elsewhere.example>", queue_id="4TEST", address="203.0.113.9", **more):
    s = mc.opened(d.socket, address=address)
    answers = s.message(f"<{login}>", to=(to,), login=login, queue_id=queue_id, **more)
    s.quit()
    return answers, s.held


@test
def freeze_and_thaw(d):
    begin(d)
    tap.equal(send(d, "alice@victim.example")[0], ["continue"] * 3, "a message passes before")
    done = run(d, "freeze", "--reason", "stolen laptop", "--for", "2h", "alice")
    tap.ok("alice@victim.example: frozen for 2 h" in done.stdout, "the login is told in full", done.stdout)
    refused = send(d, "alice@victim.example")[0]
    tap.ok(refused[-1] != "continue" and "5.7.1" in refused[-1], "a frozen account is refused", refused)
    tap.ok("helpdesk" in refused[-1], "the client is told whom to ask", refused)
    tap.equal(send(d, "bob@victim.example")[0], ["continue"] * 3, "the colleague on the same address is not")
    frozen = d.await_action("account-frozen")[-1]
    tap.ok(frozen["mailreeve"]["operator"].startswith("root") or os.geteuid() != 0, "the event names the operator", frozen)
    tap.ok("stolen laptop" in frozen["message"], "and the reason", frozen)

    listed = answer(d, "show", "accounts", "--state", "frozen")
    tap.equal([(a["name"], a["state"], a["rule"]) for a in listed], [("alice@victim.example", "frozen", "account")],
              "the list of frozen accounts")
    seen = answer(d, "show", "account", "alice")
    tap.equal(seen["account"]["cause"], "operator", "who froze it")
    tap.equal(seen["orders"][0]["reason"], "stolen laptop", "the order is shown with the account")
    tap.ok("until" in seen["account"], "and when it ends")
    tap.equal(len(seen["baseline"]["days"]), 31, "a chart of 30 days and today")
    tap.equal([p["network"] for p in seen["places"]], ["203.0.113.0/24"], "the network it sends from")
    text = run(d, "show", "account", "alice").stdout
    tap.ok("frozen since" in text and "stolen laptop" in text and "203.0.113.0/24" in text, "the same in words", text)
    text = run(d, "explain", "alice@victim.example").stdout
    tap.ok("mailreeve thaw alice@victim.example" in text, "explain says what to do next", text)
    text = run(d, "explain", seen["account"]["event_id"]).stdout
    tap.ok("stolen laptop" in text, "explain of the event finds the order", text)

    done = run(d, "thaw", "alice")
    tap.ok("it was frozen" in done.stdout, "a thaw says what was", done.stdout)
    tap.equal(send(d, "alice@victim.example")[0], ["continue"] * 3, "and mail passes again")
    orders = [o["order"] for o in answer(d, "show", "orders")]
    tap.equal(orders, ["thaw", "freeze"], "the journal, newest first")
    done = run(d, "thaw", "nobody.here", status=1)
    tap.ok("does not know" in done.stdout, "a thaw of an unknown name says so", done.stdout)
    run(d, "show", "account", "nobody.here", status=1)
    run(d, "explain", "nobody.here", status=1)


@test
def explain_a_refusal(d):
    begin(d)
    s = mc.opened(d.socket)
    refused = s.message("<x@elsewhere.example>", to=("<y@other.example>",))
    s.quit()
    event = d.await_action("refused")[0]
    tap.ok(event["event"]["id"].split("-")[0] in refused[-1], "the client is shown the event id", refused)
    text = run(d, "explain", event["event"]["id"]).stdout
    tap.ok("relay" in text and "y@other.example" in text and "why:" in text, "it is explained from the log", text)
    lines = answer(d, "explain", event["mailreeve"]["transaction"])["lines"]
    tap.equal([e["event"]["action"] for e in lines], ["alert", "refused", "verdict"], "the transaction's lines in order")
    os.rename(d.events_file, d.events_file + ".1")
    open(d.events_file, "w").close()
    text = run(d, "explain", event["event"]["id"]).stdout
    tap.ok("y@other.example" in text, "and from the log that was rotated", text)
    d.stop()
    done = run(d, "explain", event["event"]["id"])
    tap.ok("y@other.example" in done.stdout and "not running" in done.stderr, "and when the daemon is down", done.stderr)


@test
def blocks(d):
    begin(d)
    done = run(d, "block", "--for", "1h", "--reason", "scanner", "203.0.113.0/24", "2001:db8::1")
    tap.ok("203.0.113.0/24: blocked for 60 min" in done.stdout, "a network is blocked", done.stdout)
    s = mc.Session(d.socket).negotiate()
    answers = [s.connect(address="203.0.113.77"), s.helo(), s.mail()]
    s.quit()
    tap.ok(any(a and a.startswith("5") for a in answers), "nobody sends from there", answers)
    tap.equal(sorted(b["source"] for b in answer(d, "show", "blocks")), ["2001:db8::1/128", "203.0.113.0/24"], "the list")
    run(d, "block", "203.0.113.5/24", status=1)
    run(d, "unblock", "198.51.100.0/24", status=1)
    run(d, "unblock", "203.0.113.0/24", "2001:db8::1")
    tap.equal(answer(d, "show", "blocks"), [], "the list is empty again")
    tap.equal(send(d, "alice@victim.example", address="203.0.113.77")[0], ["continue"] * 3, "and mail passes")


@test
def held_and_released(d):
    begin(d)
    send(d, "carol@victim.example", queue_id="4BEFORE")
    run(d, "hold", "--reason", "odd mailing", "carol@victim.example")
    answers, held = send(d, "carol@victim.example", queue_id="4WAITS")
    tap.equal(answers[-1], "continue", "mail of a held account is accepted")
    tap.ok(held, "into the hold queue", held)
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4WAITS")
    done = run(d, "release", "carol")
    tap.ok("4WAITS" in done.stdout and "4BEFORE" not in done.stdout, "its held message is named", done.stdout)
    tap.ok("postsuper -H 4WAITS" in done.stdout or "sendmail -qQ -qI4WAITS" in done.stdout, "with the command")
    answers, held = send(d, "carol@victim.example", queue_id="4AFTER")
    tap.ok(answers[-1] == "continue" and not held, "the next message goes out", held)
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4AFTER")
    done = run(d, "release", "carol")
    tap.ok("4WAITS" not in done.stdout, "what was held before the last thaw is not named again", done.stdout)
    run(d, "release", "nobody.here", status=1)


@test
def status(d):
    begin(d)
    send(d, "alice@victim.example")
    run(d, "freeze", "alice")
    wait_for("a verdict", lambda: answer_of(d)["day"]["messages"]["accept"] == 1)
    seen = answer(d, "status")
    tap.equal((seen["running"], seen["mode"], seen["generation"]), (True, "enforce", 1), "the daemon and its policy")
    tap.equal((seen["state"]["accounts"], seen["state"]["frozen"], seen["day"]["frozen_by_hand"]), (1, 1, 1), "the counts",
              seen)
    tap.equal(seen["state"]["degraded"], False, "the state is well", seen)
    tap.ok(seen["hijack"]["freeze"] > seen["hijack"]["hold"] > 0 and seen["hijack"]["low"] <= seen["hijack"]["expected"]
           <= seen["hijack"]["high"], "thresholds and their calibration", seen["hijack"])
    text = run(d, "status").stdout
    tap.ok("1 frozen" in text and "running since" in text and "wrong freezes" in text, "in words", text)
    text = run(d, "show", "calibration").stdout
    tap.ok("false_freezes" in text, "the calibration", text)
    tap.equal(len(answer(d, "show", "calibration")["positions"]), 7, "and other positions of the knob")
    d.stop()
    seen = answer(d, "status", status=1)
    tap.equal((seen["running"], seen["state"]["frozen"]), (False, 1), "without the daemon the state still tells")


def answer_of(d):
    return json.loads(d.mailreeve("status", "--json", "-c", d.policy_file).stdout)


@test
def without_the_daemon(d):
    begin(d)
    send(d, "alice@victim.example")
    send(d, "bob@victim.example")
    d.await_action("verdict", 2)
    d.stop()
    done = run(d, "freeze", "--reason", "daemon is down", "alice")
    tap.ok("working on" in done.stderr, "it is said that the stored state is worked on", done.stderr)
    tap.ok(any(e["event"]["action"] == "account-frozen" and "daemon is down" in e["message"] for e in d.events()),
           "the event log has the order")
    tap.equal([a["name"] for a in answer(d, "show", "accounts", "--state", "frozen")], ["alice@victim.example"],
              "it is in the stored state")
    begin(d)
    tap.ok(send(d, "alice@victim.example")[0][-1].startswith("5"), "the daemon knows of it when it starts")
    tap.equal(send(d, "bob@victim.example")[0], ["continue"] * 3, "and of nobody else")
    d.process.kill()
    d.process.wait()
    wait_for("the worker to end", lambda: d.mailreeve("show", "accounts", "-c", d.policy_file).returncode == 0)
    run(d, "thaw", "alice")
    begin(d)
    tap.equal(send(d, "alice@victim.example")[0], ["continue"] * 3, "a thaw too, after the daemon was killed")


@test
def owner_of_the_state(d):
    """Root at the stored state leaves no file there that the daemon's user could not write."""
    if os.geteuid() != 0:
        tap.skip("files keep their owner", "needs root")
        return
    entry = pwd.getpwnam("nobody")
    folder = os.path.join(d.folder, "state")
    os.mkdir(folder, 0o700)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    os.chmod(d.folder, 0o755)
    d.write(RULES + LOGINS, state=f'{{ directory = "{folder}" }}')
    run(d, "freeze", "--reason", "by root", "alice")
    owners = {name: os.stat(os.path.join(folder, name)).st_uid for name in os.listdir(folder)}
    tap.ok(owners and set(owners.values()) == {entry.pw_uid}, "files keep their owner", owners)
    seen = answer(d, "show", "account", "alice")
    tap.equal((seen["account"]["state"], seen["orders"][0]["operator"]), ("frozen", "root"), "root is named")


@test
def thaw_all(d):
    begin(d)
    names = [f"user{i}@victim.example" for i in range(45)]
    run(d, "freeze", *names)
    tap.equal(len(answer(d, "show", "accounts", "--state", "frozen", "--limit", "1000")), 45, "all are listed")
    tap.equal(len(answer(d, "show", "accounts", "--limit", "7")), 7, "a limit holds")
    done = run(d, "thaw", "--all", "--yes")
    tap.ok("no such account" in done.stdout, "what operators froze stays", done.stdout)
    listed = answer(d, "thaw", "--all", "--rule", "account", "--since", "1h", "--dry-run")
    tap.equal(len(listed), 45, "--dry-run lists them")
    run(d, "thaw", "--all", "--rule", "account", status=2)
    done = run(d, "thaw", "--all", "--rule", "account", "--since", "1h", "--yes")
    tap.equal(done.stdout.count("thawed"), 45, "all are thawed", done.stdout[-300:])
    tap.equal(answer(d, "show", "accounts", "--state", "frozen"), [], "nobody is frozen")


@test
def watching(d):
    begin(d)

    def start(*arguments):
        process = subprocess.Popen([d.program("mailreeve"), "watch", "-c", d.policy_file, *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.set_blocking(process.stdout.fileno(), False)
        seen = [b""]

        def read():
            seen[0] += process.stdout.read() or b""
            return seen[0].decode()
        return process, read

    watchers = [start(), start("--account", "bob@victim.example"), start("--json", "--rule", "relay")]
    try:
        n = 0

        def all_see():
            # Each round sends one message of each kind, until all three look on.
            nonlocal n
            n += 1
            send(d, "alice@victim.example", queue_id=f"4A{n}")
            send(d, "bob@victim.example", queue_id=f"4B{n}")
            s = mc.opened(d.socket)
            s.message(to=("<y@other.example>",))
            s.quit()
            return all(read() for _, read in watchers)
        wait_for("all to look on", all_see)
        everything, bob, relay = (read() for _, read in watchers)
        tap.ok("accept" in everything and "alice@victim.example" in everything and "203.0.113.9" in everything,
               "a line per decision", everything)
        tap.ok("bob@victim.example" in bob and "alice" not in bob and "relay" not in bob, "one account alone", bob)
        events = [json.loads(line) for line in relay.splitlines()]
        tap.ok(events and all(e["rule"]["id"] == "relay" for e in events), "one rule alone, as event lines", relay)
        tap.equal(answer(d, "status")["running"], True, "others are served meanwhile")
    finally:
        for process, _ in watchers:
            process.send_signal(signal.SIGTERM)
            process.communicate()
    process, read = start()
    wait_for("a look", lambda: (send(d, "alice@victim.example"), read())[1])
    d.stop()
    tap.equal(process.wait(10), 0, "it ends with the daemon")
    process.communicate()
    run(d, "watch", status=3)


@test
def a_slow_watcher(d):
    """One that reads nothing loses lines and is told how many; mail goes on."""
    begin(d)
    with socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(20)
        slow.connect(d.control)
        slow.sendall(b'{"command":"watch"}\n')
        tap.ok(slow.recv(1000).startswith(b'{"result":"watching"}'), "it looks on")
        s = mc.opened(d.socket)
        for i in range(1500):
            s.message(queue_id=f"4S{i}")
        s.quit()
        d.await_event(lambda e: e.get("email", {}).get("local_id") == "4S1499", seconds=60)
        data = b""
        while b'"lost"' not in data:
            data += slow.recv(1 << 16)
        lost = next(json.loads(line) for line in data.split(b"\n") if line.startswith(b'{"lost"'))["lost"]
        whole = [line for line in data.split(b"\n")[:-1] if b'"event"' in line]
        tap.ok(lost > 0, "it is told how many lines were lost", lost)
        tap.ok(all(json.loads(line)["event"] for line in whole), "and every line that came is whole")
    tap.equal(answer(d, "status")["running"], True, "the daemon goes on")


@test
def exemptions(d):
    begin(d, RULES + LOGINS + 'sender: { mode = "enforce"  logins = [ "alice: alice@victim.example" ] }\n'
          'exemptions: ( { name = "newsletter"  rules = "sender"  login = "alice@victim.example"  owner = "Ann"  '
          'reason = "monthly letter" } )\n')
    seen = answer(d, "show", "exemptions")
    tap.equal([(e["name"], e["owner"], e["reason"], e.get("last_used")) for e in seen],
              [("newsletter", "Ann", "monthly letter", None)], "never used yet")
    s = mc.opened(d.socket)
    s.message("<letter@victim.example>", login="alice@victim.example")
    s.quit()
    d.await_action("exemption-used")
    seen = answer(d, "show", "exemptions")[0]
    tap.ok(seen.get("last_used", "").startswith("20"), "when it was last used", seen)
    tap.ok("newsletter" in run(d, "show", "exemptions").stdout, "in words")


@test
def completion(d):
    begin(d)
    run(d, "freeze", "alice", "albert", "bob")
    run(d, "freeze", "x y@victim.example", "$(touch z)@victim.example", "al'x@victim.example")
    done = run(d, "show", "accounts", "--names", "al")
    tap.equal(sorted(done.stdout.split()), ["albert@victim.example", "alice@victim.example"],
              "names that begin so, and none that a shell could misread")
    run(d, "thaw", "bob")
    done = run(d, "show", "accounts", "--state", "held", "--names", "")
    tap.ok("bob" not in done.stdout and "alice" in done.stdout, "names of those that can be thawed", done.stdout)


@test
def hostile_names(d):
    """What comes from outside never steers a terminal, in text or in JSON."""
    begin(d)
    run(d, "freeze", "--reason", "a\u202eb\u009b31m", "evil\u202egro.elpmaxe@victim.example")
    for command in (("show", "accounts"), ("show", "orders"), ("show", "account", "evil\u202egro.elpmaxe"),
                    ("explain", "evil\u202egro.elpmaxe@victim.example"), ("show", "orders", "--json")):
        done = run(d, *command)
        tap.ok("\u202e" not in done.stdout and "\u009b" not in done.stdout and "\x1b" not in done.stdout
               and "\\u202e" in done.stdout.lower(), " ".join(command).encode("ascii", "replace").decode() + " escapes",
               ascii(done.stdout))
    run(d, "freeze", "bad\x1b]0;x@victim.example", status=1)
    run(d, "freeze", "a" * 300, status=2)


@test
def usage(d):
    begin(d)
    for arguments in (("freeze",), ("thaw",), ("thaw", "--all", "x"), ("thaw", "--rule", "hijack", "x"), ("block",),
                      ("unblock",), ("hold",), ("release",), ("release", "a", "b"), ("show",), ("show", "nothing"),
                      ("show", "account"), ("show", "accounts", "x"), ("explain",), ("explain", "a", "b"),
                      ("watch", "x"), ("status", "x"), ("freeze", "--for", "2x", "a"), ("freeze", "--no-such", "a"),
                      ("show", "accounts", "--state", "icy"), ("show", "accounts", "--limit", "0"),
                      ("thaw", "--all", "--rule", "nothing"), ("thaw", "--all", "--since", "tomorrow"),
                      ("freeze", "--reason", "x" * 128, "a")):
        done = d.mailreeve(*arguments, "-c", d.policy_file)
        tap.equal(done.returncode, 2, " ".join(arguments)[:60] + ": wrong usage", done.stdout, done.stderr)
    for command in ("status", "show", "explain", "watch", "freeze", "hold", "thaw", "release", "block", "unblock"):
        done = d.mailreeve(command, "--help")
        tap.ok(done.returncode == 0 and done.stdout.startswith(f"usage: mailreeve {command}"), f"{command} --help")
    d.stop()
    os.rename(os.path.join(d.folder, "state"), os.path.join(d.folder, "elsewhere"))
    done = run(d, "show", "accounts", status=3)
    tap.ok("state" in done.stderr and "Traceback" not in done.stderr, "no daemon and no state: said", done.stderr)


@test
def the_line(d):
    """Requests as they may come from anybody who may connect."""
    begin(d)

    def ask(request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(d.control)
            s.sendall(json.dumps(request).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = s.recv(1 << 16)
                if not part:
                    break
                data += part
            return json.loads(data)
    names = [f"user{i:03}@victim.example" for i in range(300)]
    for at in range(0, 300, 50):
        ask({"command": "freeze", "names": names[at:at + 50], "reason": "r" * 120})
    seen, skip, pages = [], 0, 0
    while skip is not None:
        page = ask({"command": "orders", "skip": skip})
        seen += [o["subject"] for o in page["orders"]]
        skip, pages = page.get("next"), pages + 1
    tap.equal(sorted(seen), names, "all orders come, each once, in pages")
    tap.ok(pages > 1, "of bounded size", pages)
    for request in ({"command": "freeze"}, {"command": "freeze", "names": []}, {"command": "freeze", "names": "alice"},
                    {"command": "freeze", "names": ["x"] * 51}, {"command": "freeze", "names": [""]},
                    {"command": "freeze", "names": [7]}, {"command": "freeze", "names": ["a"], "seconds": -1},
                    {"command": "freeze", "names": ["a"], "seconds": "1h"}, {"command": "account"},
                    {"command": "freeze", "names": ["a"], "reason": "r" * 128}, {"command": "event", "id": 7},
                    {"command": "accounts", "state": "icy"}, {"command": "no such"}, [], {"names": []}):
        tap.ok("error" in ask(request), f"refused: {json.dumps(request)[:50]}")
    tap.equal(ask({"command": "accounts", "state": "frozen", "limit": 0})["accounts"], [], "a page of nothing")
    tap.equal(ask({"command": "freeze", "names": ["a"], "sudo_user": "ann\u202e\n"})["results"][0]["result"], "done",
              "who is behind sudo is told")
    tap.ok("(ann" in ask({"command": "orders", "limit": 1})["orders"][0]["operator"], "and kept")


@test
def recorded_orders(d):
    """Orders are facts: replay of what was recorded ends in the same verdicts."""
    facts = os.path.join(d.folder, "log", "facts.ndjson")
    begin(d, facts=facts)
    live = []
    for step in range(3):
        live.append(send(d, "alice@victim.example", queue_id=f"4L{step}")[0][-1].startswith("5"))
        if step == 0:
            run(d, "freeze", "alice", "--for", "1h")
        if step == 1:
            run(d, "thaw", "alice")
    run(d, "block", "198.51.100.0/24")
    tap.equal(live, [False, True, False], "passed, refused, passed")
    d.stop()
    with open(facts) as file:
        kinds = [json.loads(line)["fact"] for line in file]
    tap.equal(kinds.count("control"), 3, "three orders were recorded", kinds)
    done = d.mailreeve("replay", "-c", d.policy_file, facts)
    tap.equal(done.returncode, 0, "they replay", done.stderr)
    again = [json.loads(line) for line in done.stdout.splitlines()]
    verdicts = [e["mailreeve"]["verdict"] for e in again if e["event"]["action"] == "verdict"]
    wanted = [e["mailreeve"]["verdict"] for e in d.events() if e["event"]["action"] == "verdict"]
    tap.equal(verdicts, wanted, "to the same verdicts", again[-1])
    tap.ok(sum(e["event"]["action"] == "source-blocked" for e in again) == 1, "and the same block")


main()
