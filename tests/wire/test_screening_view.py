#!/usr/bin/python3
"""What operators see of screening: blocks for people and for packet filters, sources, logins, one incident as one story, and
blocks that are handed on to nftables.

Needs the built programs (MAILREEVE_BUILD, or the current folder), and for some tests nft, ipset and root. TAP on standard
output. Arguments: names of tests.
"""

import ctypes
import json
import os
import shutil
import subprocess
import time

from runner import RULES, main, tap, test
from daemon import wait_for

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCREEN = 'screen: { mode = "enforce" }\nhijack: { mode = "enforce" }\nlogin: { default_domain = "victim.example" }\n'
ANN, JOE = "ann@victim.example", "joe@victim.example"
SPRAYER, THIEF, OFFICE = "203.0.113.9", "198.51.100.7", "192.0.2.200"
CLONE_NEWNET = 0x40000000


# ---- The past ----

def login(when, address, name, success=False, password="x", protocol="imap"):
    return {"time": when, "fact": "login", "client": {"ip": address}, "login": name, "protocol": protocol, "success": success,
            "pwhash": password}


def message(when, address, name, number, recipients=20):
    return {"time": when, "fact": "message", "client": {"ip": address}, "login": name, "mail_from": f"<{name}>",
            "helo": "x.example", "queue_id": f"4Q{number}", "size": 2000 + number,
            "rcpt": [f"<s{number}x{i}@other{i}.example>" for i in range(recipients)]}


def good_days(now, name, address):
    return [login(now - 3 * 86400 + day * 40000, address, name, True, "right") for day in range(6)]


def spraying(now, address=SPRAYER, count=30):
    """One password for many logins."""
    return [login(now - 2200 + 5 * i, address, f"user{i}@victim.example", False, "spring") for i in range(count)]


def guessing(now, failures=9, messages=4):
    """Wrong passwords, then the right one, then mail."""
    past = good_days(now, JOE, OFFICE)
    past += [login(now - 3000 + 10 * i, THIEF, JOE, False, f"w{i}") for i in range(failures)]
    past += [login(now - 2800, THIEF, JOE, True, "right")]
    return past + [message(now - 2740 + 20 * i, THIEF, JOE, i) for i in range(messages)]


def botnet(now, count=25):
    """One try from each of many addresses."""
    return good_days(now, ANN, OFFICE) + [login(now - 1500 + 5 * i, f"203.{i}.113.9", ANN, False, f"b{i}")
                                          for i in range(count)]


def prepare(d, facts, screen=SCREEN):
    """The daemon's policy, and its state and event log as they are after facts."""
    folder = os.path.join(d.folder, "state")
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o700)
    d.write(RULES + screen, state=f'{{ directory = "{folder}" }}')
    text = "".join(json.dumps(fact) + "\n" for fact in sorted(facts, key=lambda fact: fact["time"]))
    done = d.mailreeve("replay", "-c", d.policy_file, "--state", folder, input=text)
    tap.equal(done.returncode, 0, "the past is played", done.stderr)
    with open(d.events_file, "a") as file:
        file.write(done.stdout)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run(d, command, *arguments, status=0, **more):
    done = d.mailreeve(command, "-c", d.policy_file, *arguments, **more)
    tap.equal(done.returncode, status, " ".join((command,) + arguments) + f": exit status {status}",
              done.stdout[-1500:], done.stderr[-1500:])
    return done


def answer(d, command, *arguments, status=0):
    return json.loads(run(d, command, "--json", *arguments, status=status).stdout)


def of(events, action, **fields):
    return [e for e in events if e["event"]["action"] == action
            and all(e["mailreeve"].get(name) == value for name, value in fields.items())]


# ---- Looking ----

@test
def blocks(d):
    now = time.time()
    events = prepare(d, spraying(now))
    line = of(events, "source-blocked")[0]
    tap.equal((line["mailreeve"]["reason"], line["mailreeve"]["prefix"], line["source"]["ip"], line["rule"]["id"],
               line["threat"]["technique"]["id"], line["mailreeve"]["limit"]["logins_tried.1h"]),
              ("screen-logins-tried", SPRAYER + "/32", SPRAYER, "screen", ["T1110.003"], 20), "the event of the block", line)
    for way in ("stored", "live"):
        rows = answer(d, "show", "blocks")
        tap.equal([(r["source"], r["state"], r["rule"], r["reason"], r["offences"]) for r in rows],
                  [(SPRAYER + "/32", "blocked", "screen", "screen-logins-tried", 1)], f"{way}: the list", rows)
        tap.ok(rows and rows[0]["since"].startswith("20") and rows[0]["until"].startswith("20"), "since and until", rows)
        text = run(d, "show", "blocks").stdout
        tap.ok("different logins that failed" in text and "screen" in text and "(in " in text, "in words", text)
        if way == "stored":
            d.start()
    run(d, "block", "--time", "2h", "--reason", "scanner", "198.51.100.0/24")
    run(d, "block", "2001:db8::/48")
    rows = {r["source"]: r for r in answer(d, "show", "blocks")}
    tap.equal((rows["198.51.100.0/24"]["rule"], rows["198.51.100.0/24"]["note"], rows["2001:db8::/48"]["until"]),
              ("block", "scanner", None), "what operators ordered, and why; a block without an end", rows)
    tap.ok(rows["198.51.100.0/24"].get("operator", "") != "", "and who", rows)
    text = run(d, "show", "blocks").stdout
    tap.ok("scanner" in text and "no end" in text, "the same in words", text)
    tap.ok("nothing" not in run(d, "show", "blocks", "--limit", "1").stdout, "a limit")
    tap.equal(len(answer(d, "show", "blocks", "--limit", "1")), 1, "holds")
    seen = answer(d, "status")
    tap.equal((seen["state"]["blocked"], seen["state"]["would_block"], seen["screen"]["mode"]), (3, 0, "enforce"), "status",
              seen["state"])
    text = run(d, "status").stdout
    tap.ok("3 sources blocked" in text and "Screening" in text and "logins in 24 h" in text, "status in words", text)


@test
def unblock_forgives(d):
    now = time.time()
    prepare(d, spraying(now))
    tap.equal(answer(d, "show", "source", SPRAYER)["records"][0]["offences_now"], 1, "one offence")
    done = run(d, "unblock", SPRAYER + "/32")
    tap.ok("it was blocked" in done.stdout and "one offence is forgiven, 0 left" in done.stdout, "an unblock forgives one",
           done.stdout)
    seen = answer(d, "show", "source", SPRAYER)
    tap.equal((seen["state"], seen["records"][0]["offences_now"]), ("free", 0), "it is free", seen)
    tap.ok("lifted" in seen["records"][0], "since when", seen["records"])
    tap.equal([o["order"] for o in seen["orders"]], ["unblock", "block"], "the journal of this source")
    text = run(d, "show", "source", SPRAYER).stdout
    tap.ok("is not blocked" in text and "unblock" in text, "in words", text)
    run(d, "block", "--time", "1h", SPRAYER)
    result = answer(d, "unblock", SPRAYER)["results"][0]
    tap.equal((result["forgiven"], result["offences"], result["before"]), (True, 0, "frozen"), "the same in JSON", result)
    done = run(d, "unblock", SPRAYER)
    tap.ok("forgiven" not in done.stdout, "what is not blocked is not forgiven", done.stdout)


@test
def a_source(d):
    now = time.time()
    prepare(d, spraying(now) + botnet(now))
    seen = answer(d, "show", "source", SPRAYER)
    tap.equal((seen["source"], seen["state"], seen["mode"], seen["block"]["reason"]),
              (SPRAYER + "/32", "blocked", "enforce", "screen-logins-tried"), "how it stands", seen)
    counters = {(c["of"], c["limit"]): c for c in seen["counters"]}
    narrow, wide = counters[(SPRAYER + "/32", "logins_tried.1h")], counters[("203.0.113.0/24", "logins_tried.1h")]
    tap.ok(narrow["value"] > narrow["most"] == 20, "what is counted now", narrow)
    tap.ok(wide["most"] == 100 and wide["value"] == narrow["value"], "and for the wider network", wide)
    tap.equal(seen["block"]["next_block_seconds"], 86400, "the next block is longer")
    text = run(d, "show", "source", SPRAYER).stdout
    for word in ("is blocked since", "too many different logins that failed", "ends by itself", "Offence 1", "24 h",
                 f"mailreeve unblock {SPRAYER}/32", "screen.except"):
        tap.ok(word in text, f"in words: {word}", text)
    seen = answer(d, "show", "source", OFFICE)
    tap.equal((seen["state"], seen["records"][0]["good_logins"]), ("free", 1), "an office with one good login", seen)
    seen = answer(d, "show", "source", "203.0.113.0/24")
    tap.equal((seen["source"], seen["state"]), ("203.0.113.0/24", "free"), "the network around it is free", seen)
    run(d, "block", "203.0.113.0/25")
    seen = answer(d, "show", "source", "203.0.113.77")
    tap.equal((seen["state"], seen["block"]["source"], seen["block"]["rule"]), ("blocked", "203.0.113.0/25", "block"),
              "a neighbour is blocked with its network", seen)
    text = run(d, "show", "source", "203.0.113.77").stdout
    tap.ok("as part of 203.0.113.0/25" in text and "ordered by" in text and "does not end" in text, "in words", text)
    seen = answer(d, "show", "source", "2001:db8::1")
    tap.equal((seen["state"], seen["records"]), ("free", []), "one that was never seen", seen)
    for bad in ("203.0.113.9/24", "joe", "", "203.0.113.9/33", "1.2.3", "::1::2"):
        done = d.mailreeve("show", "-c", d.policy_file, "source", bad)
        tap.equal(done.returncode, 3, f"not an address: {bad!r}", done.stdout)


@test
def observed(d):
    """Screening that only observes blocks nobody, and shows whom it would block."""
    now = time.time()
    events = prepare(d, spraying(now), 'screen: { mode = "observe" }\n')
    tap.equal(of(events, "source-blocked"), [], "no block")
    alerts = [e for e in of(events, "alert") if e["mailreeve"].get("would_reason", "").startswith("screen-")
              or e["mailreeve"].get("reason", "").startswith("screen-")]
    tap.ok(alerts and "would be blocked" in alerts[0]["message"], "an alert", events[:3])
    tap.equal(answer(d, "show", "blocks"), [], "the list is empty")
    rows = answer(d, "show", "blocks", "--would")
    tap.equal([(r["source"], r["state"]) for r in rows], [(SPRAYER + "/32", "would-block")], "but for who would be blocked")
    tap.ok("would be blocked" in run(d, "show", "blocks", "--would").stdout, "in words")
    tap.equal(run(d, "show", "blocks", "--format", "cidr").stdout, "", "a packet filter gets none of it")
    tap.equal(run(d, "show", "blocks", "--would", "--format", "cidr").stdout, SPRAYER + "/32\n", "unless it is asked for")
    text = run(d, "show", "source", SPRAYER).stdout
    tap.ok("would be blocked since" in text and "mode observe" in text, "the source", text)
    seen = answer(d, "status", status=1)
    tap.equal((seen["state"]["blocked"], seen["state"]["would_block"]), (0, 1), "status")
    tap.ok("would be" in run(d, "status", status=1).stdout, "status in words")


@test
def an_account(d):
    now = time.time()
    stranger = [login(now - 900 + i, f"203.{i}.113.9", "new@victim.example", False, f"b{i}") for i in range(25)]
    prepare(d, guessing(now) + botnet(now) + stranger)
    seen = answer(d, "show", "account", "joe")["logins"]
    places = {p["network"]: p for p in seen["places"]}
    tap.equal((places["192.0.2.0/24"]["well"], places["192.0.2.0/24"]["guessed"], places["198.51.100.0/24"]["well"],
               places["198.51.100.0/24"]["guessed"]), (True, False, False, True), "places, used well or after guessing", seen)
    tap.ok(places["192.0.2.0/24"]["days"] >= 3 and places["192.0.2.0/24"]["first"] < places["192.0.2.0/24"]["last"],
           "for how long", places)
    tap.equal((seen["guess"]["failures"], seen["guarded"], seen["weak_password"]), (9, False, False), "the guess", seen)
    text = run(d, "show", "account", "joe").stdout
    tap.ok("1 of 2 networks used well" in text and "not trusted" in text and "9 different wrong passwords" in text,
           "in words", text)
    seen = answer(d, "show", "account", "ann")["logins"]
    tap.equal(seen["guarded"], True, "a login under attack", seen)
    tap.ok(any(c["limit"] == "guard_sources.1d" and c["value"] > c["most"] for c in seen["counters"]), "by which limit",
           seen["counters"])
    text = run(d, "show", "account", "ann").stdout
    tap.ok("under attack" in text and "different sources that failed" in text, "in words", text)
    seen = answer(d, "show", "account", "new", status=1)
    tap.equal((seen["account"], seen["logins"]["guarded"]), (None, True), "one that never got in, too", seen)
    tap.ok("under attack" in run(d, "show", "account", "new", status=1).stdout, "in words")
    tap.equal(answer(d, "show", "account", "nobody", status=1).get("logins"), None, "of nobody nothing is told")


# ---- Explaining ----

@test
def one_story(d):
    now = time.time()
    events = prepare(d, guessing(now))
    alert = of(events, "alert", reason="screen-guessed")[0]
    tap.equal((alert["source"]["ip"], alert["user"]["name"], alert["network"]["protocol"],
               alert["mailreeve"]["counter"]["guessed"], alert["threat"]["technique"]["id"]),
              (THIEF, JOE, "imap", 9, ["T1078", "T1110.001"]), "the event of the guess", alert)
    frozen = of(events, "account-frozen")[0]
    tap.ok(frozen["mailreeve"]["evidence"]["guessed"] > 0, "it speaks against the account", frozen["mailreeve"]["evidence"])
    for what in ("joe", frozen["event"]["id"], alert["event"]["id"]):
        text = run(d, "explain", what).stdout
        for words in (f"9 different wrong passwords for {JOE} from {THIEF} or its neighbours, then a login at", " by imap",
                      "then 4 messages from there to ", "1 accepted, 3 not", "is frozen"):
            tap.ok(words in text, f"explain {what}: {words}", text)
    story = answer(d, "explain", "joe")["story"]
    tap.equal((story["failures"], story["source"], story["messages"], story["accepted"], story["refused"]),
              (9, THIEF, 4, 1, 3), "the same in JSON", story)
    tap.equal([e["action"] for e in story["events"]][0], "alert", "beginning with the guess", story["events"])
    text = run(d, "explain", alert["event"]["id"]).stdout
    tap.ok("What to do" in text and f"mailreeve freeze {JOE}" in text, "the alert says what to do", text)
    with open(d.events_file, "a") as file:
        file.write(json.dumps({**of(events, "verdict")[0], "source": {"ip": OFFICE}}) + "\n")
    tap.equal(answer(d, "explain", "joe")["story"]["elsewhere"], 1, "the owner's own mail is told apart")
    os.unlink(d.events_file)
    text = run(d, "explain", "joe").stdout
    tap.ok(f"9 different wrong passwords for {JOE}, then a login at" in text, "without the log the record tells of it", text)


@test
def a_login_under_attack(d):
    now = time.time()
    events = prepare(d, botnet(now))
    guarded, refused = of(events, "login-guarded")[0], of(events, "login-refused")[-1]
    tap.equal((guarded["event"]["outcome"], guarded["user"]["name"], guarded["threat"]["technique"]["id"]),
              ("failure", ANN, ["T1110.001"]), "the event of the guard", guarded)
    tap.equal((refused["event"]["outcome"], refused["event"]["category"][0], refused["network"]["protocol"]),
              ("failure", "authentication", "imap"), "the event of a refused login", refused)
    text = run(d, "explain", guarded["event"]["id"]).stdout
    for words in ("under attack", "guard_sources.1d: 21 of at most 20", "it ends by itself", "logins were refused, from",
                  "What to do", "the guard ends when the attack ends"):
        tap.ok(words in text, f"explain: {words}", text)
    text = run(d, "explain", refused["event"]["id"]).stdout
    tap.ok("login refused" in text and "guard_sources.1d" in text and "What to do" in text, "a refused login", text)
    story = answer(d, "explain", "ann")["story"]
    tap.ok(story["logins_refused"] > 1 and story["addresses_refused"] > 1, "the account's story", story)


@test
def a_blocked_source(d):
    now = time.time()
    events = prepare(d, spraying(now))
    line, refused = of(events, "source-blocked")[0], of(events, "login-refused")[0]
    text = run(d, "explain", line["event"]["id"]).stdout
    for words in ("logins_tried.1h: 21 of at most 20", "it ends by itself", "is blocked since", "mailreeve unblock"):
        tap.ok(words in text, f"explain: {words}", text)
    text = run(d, "explain", refused["event"]["id"]).stdout
    tap.ok("login refused" in text and f"mailreeve show source {SPRAYER}" in text, "a login that it tried", text)
    run(d, "unblock", SPRAYER)
    text = run(d, "explain", line["event"]["id"]).stdout
    tap.ok("is not blocked" in text, "after it was lifted, this is told", text)
    os.unlink(d.events_file)
    text = run(d, "explain", line["event"]["id"]).stdout
    tap.ok("block of" in text and "by screen" in text and "is not blocked" in text, "from the journal, without the log", text)


@test
def hostile_names(d):
    """What attackers call themselves never steers a terminal."""
    now = time.time()
    evil = "evil\u202egro.elpmaxe\u009b31m@victim.example"
    past = [login(now - 3000 + 10 * i, THIEF, evil, False, f"w{i}", "im\u202eap") for i in range(12)]
    past += [login(now - 2800, THIEF, evil, True, "right", "im\u202eap"), message(now - 2700, THIEF, evil, 1)]
    past += [login(now - 1500 + 5 * i, f"203.{i}.113.9", evil, False, f"b{i}", "x\x1b]0;y") for i in range(40)]
    events = prepare(d, past)
    run(d, "block", "--reason", "a\u202eb\u009b31m", "203.0.113.0/24")
    commands = [("show", "blocks"), ("show", "source", "203.0.113.9"), ("show", "account", evil), ("explain", evil)]
    commands += [("explain", e["event"]["id"]) for e in events if e["event"]["action"] in ("login-refused", "login-guarded",
                                                                                          "alert")][:4]
    for command in commands:
        done = run(d, *command)
        name = " ".join(command).encode("ascii", "backslashreplace").decode()
        tap.ok(not any(c in done.stdout for c in "\u202e\u009b\x1b"), name + ": nothing steers the terminal",
               ascii(done.stdout))
        tap.ok("\\u202e" in done.stdout.lower(), name + ": it is shown escaped", ascii(done.stdout))


# ---- Packet filters ----

BLOCKED = ("203.0.113.0/24", "203.0.113.9/32", "198.51.100.7/32", "2001:db8:5::/48", "2001:db8:5:1::/64", "2001:db8::7/128")
KEPT = ["198.51.100.7/32", "203.0.113.0/24", "2001:db8::7/128", "2001:db8:5::/48"]


def block_many(d):
    prepare(d, [])
    run(d, "block", *BLOCKED[:2])
    run(d, "block", "--time", "1h", *BLOCKED[2:])


@test
def plain_list(d):
    block_many(d)
    lines = run(d, "show", "blocks", "--format", "cidr").stdout.split()
    tap.equal(lines, KEPT, "sorted, IPv4 first, and none inside another")
    text = run(d, "show", "blocks", "--format", "nft").stdout
    tap.ok("198.51.100.7/32 timeout 3" in text and "203.0.113.0/24,\n" in text.replace("203.0.113.0/24\n", "203.0.113.0/24,\n"),
           "times that are left, and none where there is no end", text)
    for bad in (("--format", "pf"), ("--format",)):
        run(d, "show", "blocks", *bad, status=2)
    run(d, "show", "orders", "--format", "nft", status=2)
    run(d, "show", "accounts", "--would", status=2)
    for number in range(0, 1200, 50):
        run(d, "block", "--time", "1h", *(f"10.{i // 250}.{i % 250}.1" for i in range(number, number + 50)))
    tap.equal(len(run(d, "show", "blocks", "--format", "cidr").stdout.split()), 1200 + len(KEPT), "a list has no limit")
    os.rename(os.path.join(d.folder, "state"), os.path.join(d.folder, "elsewhere"))
    done = run(d, "show", "blocks", "--format", "nft", status=3)
    tap.equal(done.stdout, "", "when nothing can be asked, nothing is printed that would empty a filter")


class Net:
    """A network namespace of its own; programs run in it by run()."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready && exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def run(self, *command, **more):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", *command], capture_output=True, text=True,
                              timeout=60, check=False, **more)

    def enter(self):
        """For preexec_fn."""
        descriptor = os.open(f"/proc/{self.process.pid}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
            os._exit(99)
        os.close(descriptor)

    def elements(self, name):
        """The set's elements: prefix -> seconds left, or None."""
        done = self.run("nft", "-j", "list", "set", "inet", "mailreeve", name)
        found = {}
        for part in json.loads(done.stdout)["nftables"] if done.returncode == 0 else []:
            for element in part.get("set", {}).get("elem", []):
                inner = element["elem"] if isinstance(element, dict) and "elem" in element else {"val": element}
                value = inner["val"]
                if isinstance(value, dict):
                    value = "%s/%d" % (value["prefix"]["addr"], value["prefix"]["len"])
                found[value] = inner.get("timeout")
        return found


def can_filter(*programs):
    """Whether packet filters can be tried here; says why not."""
    missing = [name for name in ("unshare", "nsenter") + programs if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        tap.skip("packet filters", "needs root" if not missing else "needs " + ", ".join(missing))
        return False
    with Net() as net:
        tries = [net.run("nft", "add", "table", "inet", "try") if name == "nft" else net.run("ipset", "create", "try",
                 "hash:net") for name in programs]
    for done in tries:
        if done.returncode != 0:
            tap.skip("packet filters", "the kernel lets us not: " + done.stderr.strip()[:100])
            return False
    return True


@test
def nft(d):
    if not can_filter("nft"):
        return
    block_many(d)
    text = run(d, "show", "blocks", "--format", "nft").stdout
    table = os.path.join(SOURCE, "contrib", "hooks", "nft-table.nft")
    with Net() as net:
        for _ in range(2):
            done = net.run("nft", "-f", "-", input=text)
            tap.equal(done.returncode, 0, "nft reads the list, and reads it again", done.stderr)
            done = net.run("nft", "-f", table)
            tap.equal(done.returncode, 0, "and the table of contrib goes with it", done.stderr)
        four, six = net.elements("blocked4"), net.elements("blocked6")
        tap.equal((sorted(four), sorted(six)), (["198.51.100.7", "203.0.113.0/24"], ["2001:db8:5::/48", "2001:db8::7"]),
                  "the sets hold it")
        tap.ok(3000 < four["198.51.100.7"] <= 3600 and four["203.0.113.0/24"] is None, "with the time that is left", four)
        run(d, "unblock", "198.51.100.7", "203.0.113.0/24")
        net.run("nft", "-f", "-", input=run(d, "show", "blocks", "--format", "nft").stdout)
        tap.equal(sorted(net.elements("blocked4")), ["203.0.113.9"], "a new list takes the place of the old one")


@test
def ipset(d):
    if not can_filter("ipset"):
        return
    block_many(d)
    run(d, "block", "0.0.0.0/0")
    text = run(d, "show", "blocks", "--format", "ipset").stdout
    with Net() as net:
        for _ in range(2):
            done = net.run("ipset", "restore", input=text)
            tap.equal(done.returncode, 0, "ipset reads the list, and reads it again", done.stderr)
        listed = net.run("ipset", "list", "-o", "save").stdout
        tap.ok("add mailreeve4 0.0.0.0/1 timeout 0" in listed and "add mailreeve4 128.0.0.0/1 timeout 0" in listed,
               "all of IPv4 is two halves", listed)
        tap.ok("add mailreeve6 2001:db8::7 timeout 3" in listed and ".new" not in listed, "the rest", listed)


def hook_line(action, prefix, **own):
    return json.dumps({"event": {"action": action}, "mailreeve": {"account": prefix, **own}})


@test
def hook_program(d):
    """contrib/hooks/nft-block alone."""
    program = os.path.join(SOURCE, "contrib", "hooks", "nft-block")
    bad = ("", "x", "[]", "{}", '{"event":{}}', hook_line("source-blocked", "joe@victim.example"),
           hook_line("source-blocked", "203.0.113.9; flush ruleset"), hook_line("source-blocked", "203.0.113.9/24"),
           hook_line("source-blocked", "203.0.113.9/32", until="soon"), "[" * 20000)
    for line in bad:
        done = subprocess.run([program], input=line, capture_output=True, text=True, check=False)
        tap.equal((done.returncode, "Traceback" in done.stderr), (2, False), f"not an event line: {line[:50]}", done.stderr)
    for line in (hook_line("account-frozen", "joe"), hook_line("source-blocked", "203.0.113.9/32", mode="observe"),
                 hook_line("source-blocked", "203.0.113.9/32", until=int(time.time()) - 5)):
        done = subprocess.run([program], input=line, capture_output=True, text=True, check=False)
        tap.equal(done.returncode, 0, f"nothing to do: {line[:60]}", done.stderr)
    if not can_filter("nft"):
        return
    until = int(time.time()) + 600
    with Net() as net:
        net.run("nft", "-f", os.path.join(SOURCE, "contrib", "hooks", "nft-table.nft"))

        def hook(action, prefix, status=0, **own):
            done = net.run(program, input=hook_line("source-" + action, prefix, **own))
            tap.equal(done.returncode, status, f"{action} {prefix}", done.stderr)

        hook("blocked", "203.0.113.9/32")
        hook("blocked", "203.0.113.9/32", until=until)
        seen = net.elements("blocked4")
        tap.ok(list(seen) == ["203.0.113.9"] and 500 < seen["203.0.113.9"] <= 600, "blocked again: it has the new time", seen)
        hook("blocked", "2001:db8::/48", until=until)
        tap.equal(list(net.elements("blocked6")), ["2001:db8::/48"], "IPv6 has a set of its own")
        hook("blocked", "203.0.113.0/24", until=until)
        tap.equal(list(net.elements("blocked4")), ["203.0.113.0/24"], "a network takes the place of its addresses")
        hook("blocked", "203.0.113.77/32")
        tap.equal(list(net.elements("blocked4")), ["203.0.113.0/24"], "an address in it is kept out already")
        hook("unblocked", "203.0.113.0/24")
        hook("unblocked", "192.0.2.1/32")
        tap.equal(list(net.elements("blocked4")), [], "lifted; also what is not there")
        for prefix in ("0.0.0.0/0", "127.0.0.1/32", "2000::/3", "::1/128"):
            hook("blocked", prefix, status=1)
        tap.equal(list(net.elements("blocked4")), [], "nobody locks all out, or this host itself")


@test
def hook_of_the_daemon(d):
    """A block goes from the daemon through its hook into the set, and out again when it is lifted."""
    if not can_filter("nft"):
        return
    program = os.path.join(d.folder, "nft-block")
    shutil.copy(os.path.join(SOURCE, "contrib", "hooks", "nft-block"), program)
    os.chmod(program, 0o755)
    prepare(d, [], SCREEN + f'notices: {{ hook = "{program}"  events = [ "source-blocked", "source-unblocked" ] }}\n')
    with Net() as net:
        net.run("nft", "-f", os.path.join(SOURCE, "contrib", "hooks", "nft-table.nft"))
        d.before_exec = net.enter
        d.spawn()  # its note that it is ready stays in the other namespace
        wait_for("an answer", lambda: d.mailreeve("status", "-c", d.policy_file).returncode == 0)
        run(d, "block", "--time", "1h", "203.0.113.9", "2001:db8::/48")
        wait_for("both in the sets", lambda: net.elements("blocked4") and net.elements("blocked6"))
        tap.ok(3000 < net.elements("blocked4")["203.0.113.9"] <= 3600, "an order is in the set, with its time")
        run(d, "unblock", "203.0.113.9")
        wait_for("it is taken out", lambda: not net.elements("blocked4"))
        tap.equal(list(net.elements("blocked6")), ["2001:db8::/48"], "and the other stays")
        d.stop()
        d.before_exec = None


main()
