#!/usr/bin/env python3
"""mailreeved over the milter protocol: what it asks for, answers and logs, and how it starts, reloads and ends.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import os
import re
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "mta"), os.path.join(HERE, "..", "scenario")]
import daemon
import milterclient as mc
from daemon import Daemon, wait_for
from mailserver import Trouble, build_folder
from tap import Tap, skip_all

try:
    import validate_events
except ImportError:
    validate_events = None

RULES = daemon.POLICY
OBSERVE_ALL = 'mode = "observe"\n'
tap = Tap()
BUILD = None
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def verdicts(running):
    return [e for e in running.events() if e["event"]["action"] == "verdict"]


def await_verdicts(running, count):
    return wait_for(f"{count} verdicts", lambda: (lambda v: v if len(v) >= count else None)(verdicts(running)))


def verdict(event):
    return event["mailreeve"]["verdict"]


def sanitizer(pid):
    """Which sanitizer a program was built with: "asan", "tsan" or None."""
    for name in ("asan", "tsan"):
        if subprocess.run(["grep", "-qa", f"__{name}_init", f"/proc/{pid}/exe"], check=False).returncode == 0:
            return name
    return None


# ---- Conversation ----

@test
def negotiation(d):
    """Only what is needed is asked for, and never what is not offered."""
    d.start(RULES + 'limits: { size_from = "mta" }\nshield: ( { mode = "off" } )\nsender: { mode = "off" }\n')
    s = mc.Session(d.socket).negotiate()
    tap.equal(s.actions, mc.QUARANTINE | mc.SETSYMLIST, "quarantine and macro lists are the only actions asked for")
    wanted = (mc.RCPT_REJ | mc.NR_CONN | mc.NR_HELO | mc.NOHDRS | mc.NOEOH | mc.NOBODY | mc.NODATA | mc.NOUNKNOWN)
    tap.equal(hex(s.steps), hex(wanted), "steps that no rule needs are left out or not answered")
    tap.ok(len(s.symbols) == 5 and "{auth_authen}" in s.symbols[2] and "{rcpt_mailer}" in s.symbols[3]
           and "{client_addr}" in s.symbols[0], "macros are asked for at every stage", s.symbols)
    tap.ok("j" in s.symbols[2].split(), "the packet of MAIL is never empty", s.symbols)
    s.quit()
    s = mc.Session(d.socket).negotiate(version=2, actions=0x3F, steps=mc.OLD_STEPS)
    tap.equal(s.actions, mc.QUARANTINE, "protocol 2: no macro lists where there are none")
    tap.equal(s.steps & ~mc.OLD_STEPS, 0, "protocol 2: no step beyond it")
    tap.equal(s.connect(macros={}), "continue", "protocol 2: CONNECT is answered")
    tap.equal(s.helo(), "continue", "protocol 2: HELO is answered")
    answers = s.message()
    tap.equal(answers, ["continue"] * 3, "protocol 2: a message passes")
    s.quit()
    # Without any step offered libmilter takes the mail server for one of the first protocol.
    s = mc.Session(d.socket).negotiate(version=6, actions=0, steps=mc.SKIP)
    tap.equal((s.actions, s.steps), (0, 0), "nothing of use offered, nothing asked for")
    answers = [s.connect(), s.helo(), s.mail(), s.rcpt(), s.header("From", "x@y.example"), s.end_of_headers(),
               s.body("x"), s.end_of_message()]
    tap.equal(answers, ["continue"] * 8, "nothing offered: every step is answered")
    s.quit()


@test
def negotiation_with_headers_and_body(d):
    """A rule that looks at From gets header fields, without an answer to each; sizes come from the body."""
    d.start(RULES + 'shield: ( { mode = "enforce"  domains = [ "@local" ]  networks = [ "office" ]  header_from = true } )\n'
            'limits: { mode = "enforce"  size = "1M"  size_from = "body" }\n')
    s = mc.Session(d.socket).negotiate()
    tap.ok(not s.steps & mc.NOHDRS and s.steps & mc.NR_HDR, "header fields come, unanswered", hex(s.steps))
    tap.ok(s.steps & mc.NOEOH, "the end of the header is left out", hex(s.steps))
    tap.ok(not s.steps & mc.NOBODY and s.steps & mc.NR_BODY, "the body comes, unanswered", hex(s.steps))
    s.connect()
    s.helo()
    tap.equal(s.message(headers=[("From", "Boss <boss@victim.example>")])[-1][:9], "550 5.7.1",
              "a forged From is refused at the end of the message")
    tap.equal(s.message(headers=[("From", "ok@elsewhere.example")])[-1], "continue", "another From passes")
    answers = [s.mail(), s.rcpt(), s.header("From", "ok@elsewhere.example")]
    for _ in range(20):
        s.body(b"x" * 65000)
    answers.append(s.end_of_message("4BIG"))
    tap.equal(answers[-1][:9], "552 5.3.4", "a message beyond the limit is refused", answers)
    s.quit()


@test
def relay_and_recipients(d):
    d.start()
    s = mc.opened(d.socket)
    tap.equal(s.mail(), "continue", "MAIL from outside")
    tap.equal(s.rcpt("<user@victim.example>"), "continue", "our recipient is taken")
    relay = s.rcpt("<someone@foreign.example>", mailer="smtp", host="foreign.example")
    tap.ok(re.match(r"550 5\.7\.1 .*", relay or ""), "a relay attempt is refused for its recipient alone", relay)
    tap.equal(s.rcpt("<other@victim.example>"), "continue", "the recipient after it is taken")
    tap.equal(s.end_of_message("4REST"), "continue", "the message goes on for the others")
    event = await_verdicts(d, 1)[0]
    tap.equal(verdict(event), "accept", "its verdict", event)
    tap.equal(event["mailreeve"]["rcpt"]["accepted"], 2, "two recipients accepted", event)
    tap.equal(event["email"].get("local_id"), "4REST", "the queue id is kept", event)
    refused = d.await_action("refused")[0]
    tap.equal(refused["rule"]["name" if False else "id"], "relay", "the refusal names its rule", refused)
    tap.ok(refused["event"]["id"] in relay, "the client was told the event id", relay, refused["event"])
    tap.ok("foreign.example" not in relay, "the answer echoes nothing", relay)
    answers = s.message(to=["<a@foreign.example>"], login="alice")
    tap.equal(answers, ["continue"] * 3, "a login may relay")
    answers = s.message(to=["<a@foreign.example>"])
    tap.equal(answers[1][:9], "550 5.7.1", "the login is gone with its message")
    s.mail(login="")
    tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp")[:9], "550 5.7.1", "an empty login is no login")
    s.abort()
    s.quit()
    s = mc.opened(d.socket, address="192.0.2.200")
    tap.equal(s.message(to=["<a@foreign.example>"]), ["continue"] * 3, "a network of the policy may relay")
    s.quit()


@test
def login_and_macros(d):
    """The login is read at MAIL only; an empty macro packet must not bring an older one back."""
    d.start()
    s = mc.opened(d.socket)
    s.mail(login="alice")
    tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp"), "continue", "logged in")
    s.abort()
    s.mail()
    tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp")[:9], "550 5.7.1", "after RSET, no login is told: none")
    s.abort()
    s.mail(macros={"j": "mx.victim.example", "{auth_type}": "PLAIN"})
    tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp")[:9], "550 5.7.1", "{auth_type} alone is no login")
    s.abort()
    s.helo("again.example")
    s.mail()
    tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp")[:9], "550 5.7.1", "after a second HELO, no login")
    s.quit()


@test
def transactions(d):
    """RSET, several messages, a second HELO, and going away: one verdict line for each message."""
    d.start()
    s = mc.opened(d.socket)
    s.mail("<one@elsewhere.example>")
    s.rcpt()
    s.abort()
    for number in range(3):
        tap.equal(s.message(queue_id=f"4M{number}"), ["continue"] * 3, f"message {number + 1} of a session")
    s.mail("<two@elsewhere.example>")
    s.rcpt()
    s.helo("again.example")
    tap.equal(s.message(queue_id="4M9"), ["continue"] * 3, "a message after a second HELO in a transaction")
    s.mail("<three@elsewhere.example>")
    s.rcpt()
    s.drop()
    seen = await_verdicts(d, 7)
    tap.equal([e["email"]["sender"]["address"].split("@")[0] for e in seen],
              ["one", "sender", "sender", "sender", "two", "sender", "three"], "one line each, in order")
    tap.equal(len({e["mailreeve"]["transaction"] for e in seen}), 7, "each has its own transaction")


@test
def pipelining(d):
    """All packets of three messages at once; the answers come in order."""
    d.start()
    s = mc.opened(d.socket)
    burst = b""

    def packet(command, data=b""):
        return struct.pack(">I", len(data) + 1) + command + data
    for number in range(3):
        burst += packet(b"D", b"Mj\0mx\0") + packet(b"M", b"<p@elsewhere.example>\0")
        burst += packet(b"D", b"R{rcpt_addr}\0user@victim.example\0") + packet(b"R", b"<user@victim.example>\0")
        burst += packet(b"D", b"R{rcpt_addr}\0x@foreign.example\0{rcpt_mailer}\0smtp\0") + packet(b"R", b"<x@foreign.example>\0")
        burst += packet(b"D", b"Ei\0" + b"4P%d\0" % number) + packet(b"E")
    s.socket.sendall(burst)
    answers = [s.answer()[:9] for _ in range(12)]
    tap.equal(answers, ["continue"[:9], "continue", "550 5.7.1", "continue"] * 3, "pipelined messages")
    s.quit()
    tap.equal([e["email"]["local_id"] for e in await_verdicts(d, 3)], ["4P0", "4P1", "4P2"], "three verdicts")


@test
def local_submission(d):
    """Postfix plays such mail with port 0; a recipient must not be refused, since that leaves it in the queue for good."""
    d.start(RULES.replace('networks = [ "office" ] }', 'networks = [ "office" ]  local_submission = false }'))
    s = mc.Session(d.socket).negotiate()
    macros = {"j": "mx.victim.example", "{client_addr}": "127.0.0.1", "{client_port}": "0", "{daemon_port}": "0",
              "{daemon_addr}": "127.0.0.1", "{daemon_name}": "mx.victim.example"}
    s.connect("localhost", "127.0.0.1", 0, macros=macros)
    s.helo("localhost")
    tap.equal(s.mail("cron@victim.example", macros={"j": "mx.victim.example", "i": "4LOCAL"}), "continue", "MAIL")
    answer = s.rcpt("a@foreign.example", macros={"j": "mx", "{rcpt_addr}": "a@foreign.example"})
    tap.equal(answer, "continue", "no recipient is refused for local submission")
    answer = s.end_of_message("4LOCAL")
    tap.equal(answer[:9], "550 5.7.1", "it is refused at the end of the message instead")
    s.quit()
    s = mc.opened(d.socket, address="127.0.0.1", port=41000)
    s.mail()
    tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp")[:9], "550 5.7.1", "a client on the loopback is not that")
    s.quit()


@test
def recipients_that_the_mta_refused(d):
    d.start()
    s = mc.opened(d.socket)
    s.mail()
    tap.equal(s.rcpt("<x@foreign.example>", "550 5.7.1 relaying denied", "5.7.1", "error"), "continue",
              "what the mail server refused is not refused again")
    s.rcpt()
    s.end_of_message("4REJ")
    s.quit()
    event = await_verdicts(d, 1)[0]
    tap.equal(event["mailreeve"]["rcpt"].get("rejected_by_mta"), 1, "it is counted", event["mailreeve"])


@test
def addresses(d):
    """Every family of client address."""
    d.start()
    for address, seen in (("203.0.113.9", "203.0.113.9"), ("2001:db8::25", "2001:db8::25"),
                          ("::ffff:203.0.113.9", "203.0.113.9")):
        s = mc.opened(d.socket, address=address)
        s.message()
        s.quit()
        d.await_event(lambda e: e.get("source", {}).get("ip") == seen and "email" in e)
        tap.ok(True, f"{address} is logged as {seen}")
    count = len(await_verdicts(d, 3))
    for family, address in (("U", None), ("L", "/var/run/some.socket")):
        s = mc.Session(d.socket).negotiate()
        s.connect("somewhere", address, family=family)
        s.helo()
        s.mail()
        tap.equal(s.rcpt("<a@foreign.example>", mailer="smtp")[:9], "550 5.7.1", f"family {family} may not relay")
        tap.equal(s.rcpt(), "continue", f"family {family} may send to us")
        tap.equal(s.end_of_message(), "continue", f"family {family}: end of message")
        s.quit()
    new = await_verdicts(d, count + 2)[count:]
    tap.ok(all("ip" not in e.get("source", {}) for e in new), "no address is made up", new)


@test
def access_at_mail_and_connect(d):
    d.start()
    s = mc.opened(d.socket, address="203.0.113.66")
    tap.equal(s.mail()[:9], "554 5.7.1", "a denied address is refused at MAIL")
    s.quit()
    d.stop()
    d.start(RULES.replace("deny = [", 'at = "connect"  deny = ['))
    s = mc.Session(d.socket).negotiate()
    tap.ok(not s.steps & mc.NR_CONN, "CONNECT is answered when a rule needs it", hex(s.steps))
    tap.ok((s.connect(address="203.0.113.66") or "")[:3] in ("554", "rej"), "a denied address is refused at CONNECT")
    s.quit()
    s = mc.Session(d.socket).negotiate()
    tap.equal(s.connect(), "continue", "another address is not")
    s.quit()


@test
def hold(d):
    d.start(RULES + 'shield: ( { mode = "enforce"  action = "hold"  domains = [ "@local" ]  networks = [ "office" ] } )\n')
    s = mc.opened(d.socket)
    answers = s.message("<boss@victim.example>", queue_id="4HOLD")
    tap.equal(answers[-1], "continue", "a held message continues", answers)
    tap.ok(s.held, "after an order to put it on hold", s.held)
    s.quit()
    event = await_verdicts(d, 1)[0]
    tap.equal(verdict(event), "hold", "the verdict says hold", event)
    s = mc.Session(d.socket).negotiate(actions=mc.SETSYMLIST)
    s.connect()
    s.helo()
    answers = s.message("<boss@victim.example>", queue_id="4HOLD2")
    tap.ok(answers[-1] == "tempfail" or answers[-1][:1] == "4",
           "a mail server without a hold queue gets a temporary failure", answers)
    s.quit()


@test
def odd_mail_servers(d):
    """Nonsense ends at most its own connection."""
    d.start()
    worker = d.worker()
    for garbage in (b"", b"G", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0\0\0\0",
                    b"\xff\xff\xff\xffO", b"\0\0\0\x01Q", b"\0\0\0\x01A", b"\0\0\0\x05O\0\0\0\6"):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(d.socket)
            raw.sendall(garbage)
    s = mc.Session(d.socket)
    s.send("Q")
    s.drop()
    s = mc.Session(d.socket).negotiate()
    s.drop()
    s = mc.Session(d.socket).negotiate()
    s.connect(macros={})
    s.quit()
    # RCPT without MAIL: libmilter gives no answer, so the session is left.
    s = mc.opened(d.socket)
    s.send("R", b"<user@victim.example>\0")
    s.drop()
    # MAIL before CONNECT and HELO.
    s = mc.Session(d.socket, timeout=2).negotiate()
    try:
        answer = s.mail()
        tap.ok(answer in ("continue", "tempfail"), "MAIL without CONNECT", answer)
    except (mc.Gone, OSError):
        tap.ok(True, "MAIL without CONNECT ends the connection")
    s.drop()
    # No macros at all.
    s = mc.Session(d.socket).negotiate(actions=mc.QUARANTINE)
    s.connect(macros={})
    s.helo()
    tap.equal(s.mail(macros={}), "continue", "no macros: MAIL")
    tap.equal(s.rcpt("<a@foreign.example>", macros={})[:9], "550 5.7.1", "no macros: relay is refused by the path")
    tap.equal(s.rcpt("<user@victim.example>", macros={}), "continue", "no macros: our recipient is taken")
    tap.equal(s.end_of_message(macros={}), "continue", "no macros: end of message")
    s.quit()
    # Control bytes, bad UTF-8, format strings and very long texts.
    s = mc.opened(d.socket)
    for path in (b"<a\x1b[31m@x.example>", b"<%n%s%s@x.example>", b"<\xff\xfe@x.example>", b"<" + b"a" * 50000 + b"@x>", b"", b"<>"):
        s.mail(path, login="%s%n\x07")
        s.rcpt(path)
        s.abort()
    s.quit()
    s = mc.Session(d.socket).negotiate()
    s.connect(name=b"\xff" * 3000, macros={"{daemon_port}": "99999999999999999999", "{client_port}": "-1", "j": "%n"})
    s.helo(b"%s\r\n{\"forged\":1}")
    tap.equal(s.message(queue_id="%n\x01\"")[-1], "continue", "hostile macro values are only text")
    s.quit()
    await_verdicts(d, 8)
    tap.equal(d.worker(), worker, "the worker is still the same")


@test
def connect_and_close(d):
    """10,000 connections that say nothing cost no memory and no descriptor."""
    d.start()
    pid = d.worker()

    def burst(count):
        for _ in range(count):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(d.socket)
        mc.opened(d.socket).quit()

    def resident():
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * 4096
    burst(2000)
    before = resident()
    burst(10000)
    tap.ok(wait_for("descriptors closed", lambda: len(os.listdir(f"/proc/{pid}/fd")) < 40), "no descriptor is left open")
    grown = resident() - before
    if sanitizer(pid):
        tap.skip("memory after 10,000 more connections", "a sanitizer keeps freed memory")
    else:
        tap.ok(grown < 2 << 20, "memory after 10,000 more connections", f"{grown} bytes more")
    tap.equal(d.worker(), pid, "the worker is still the same")


@test
def many_sessions_at_once(d):
    d.start()
    sessions = [mc.opened(d.socket) for _ in range(200)]
    answers = [s.message(queue_id=f"4N{i}") for i, s in enumerate(sessions)]
    tap.equal(sum(a == ["continue"] * 3 for a in answers), 200, "200 sessions, a message each")
    for s in sessions:
        s.quit()
    seen = await_verdicts(d, 200)
    tap.equal(len({e["email"]["local_id"] for e in seen}), 200, "200 verdicts")


# ---- Reload ----

@test
def reload_by_signal(d):
    d.start()
    d.await_action("started")
    s = mc.opened(d.socket)
    s.mail()
    d.write(RULES.replace("office", "house"))
    d.send(signal.SIGHUP)
    loaded = d.await_action("policy-loaded")[-1]
    tap.equal(loaded["rule"]["version"], "2", "the second generation is in force", loaded)
    s.rcpt()
    s.end_of_message("4OLD")
    s.message(queue_id="4NEW")
    s.quit()
    seen = {e["email"]["local_id"]: e["rule"]["version"] for e in await_verdicts(d, 2)}
    tap.equal(seen, {"4OLD": "1", "4NEW": "2"}, "a message keeps the generation that it began with")
    d.write("domains = [ \"victim.example\" ]\nrelai: { }\nrelay: { mode = \"maybe\" }\n")
    d.send(signal.SIGHUP)
    refused = d.await_action("policy-refused")[-1]
    tap.ok(d.policy_file + ":" in refused["event"]["reason"], "a refused policy is an event with file and line", refused)
    wait_for("messages", lambda: "relai" in d.messages() and "maybe" in d.messages())
    tap.ok(True, "every fault is said")
    s = mc.opened(d.socket)
    tap.equal(s.message(queue_id="4STILL"), ["continue"] * 3, "mail goes on")
    s.quit()
    tap.equal(d.await_event(lambda e: e.get("email", {}).get("local_id") == "4STILL")["rule"]["version"], "2",
              "under the policy before")
    tap.ok(any(n.startswith("RELOADING=1") for n in d.read_notes()), "the service manager is told of a reload", d.notes)


@test
def reload_by_command(d):
    d.start()
    done = d.mailreeve("reload", "-c", d.policy_file)
    tap.equal(done.returncode, 0, "a good policy: exit status 0", done)
    tap.ok("generation 2" in done.stdout, "the generation is printed", done)
    os.chmod(d.policy_file, 0o666)
    done = d.mailreeve("reload", "-c", d.policy_file, "--json")
    tap.equal(done.returncode, 2, "a policy that everybody may write: exit status 2", done)
    tap.ok('"refused"' in done.stdout, "the daemon's answer as JSON", done)
    os.chmod(d.policy_file, 0o644)
    d.write("domains = [ \"victim.example\"\n")
    done = d.mailreeve("reload", "-c", d.policy_file)
    tap.equal(done.returncode, 2, "a syntax error: exit status 2, though the control socket's name is in that policy", done)
    tap.ok(d.policy_file + ":" in done.stdout, "with file and line", done)
    d.write(RULES.replace("192.0.2.128/25", "0.0.0.0/0"))
    done = d.mailreeve("reload", "-s", d.control)
    tap.equal(done.returncode, 1, "a policy with a warning: exit status 1", done)
    d.write(RULES, drain='"3s"', control='"unix:%s/run/other.sock"' % d.folder)
    done = d.mailreeve("reload", "-s", d.control)
    wait_for("message", lambda: "the setting control was changed" in d.messages())
    tap.ok(True, "a setting that waits for the next start is named")
    d.stop()
    done = d.mailreeve("reload", "-s", d.control)
    tap.equal(done.returncode, 3, "no daemon: exit status 3", done)


@test
def log_setting_at_reload(d):
    d.start()
    other = os.path.join(d.folder, "log", "other.ndjson")
    d.write(events=other)
    d.send(signal.SIGHUP)
    d.await_note("generation 2")
    mc.opened(d.socket).message(queue_id="4ELSE")
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4ELSE", path=other)
    tap.ok(True, "log.events takes effect at reload")


@test
def control_channel(d):
    d.start()

    def ask(data, half=False):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(d.control)
            s.sendall(data)
            if half:
                s.shutdown(socket.SHUT_WR)
            try:
                return s.recv(65536)
            except ConnectionResetError:
                return b""
    tap.ok(b"error" in ask(b'{"command":"no such"}\n'), "an unknown command is an error")
    tap.ok(b"error" in ask(b"{]\n"), "nonsense is an error")
    tap.ok(b"error" in ask(b'{"command":7}\n'), "a command of the wrong type is an error")
    tap.equal(ask(b"x" * 70000), b"", "a line that is too long ends the connection")
    tap.equal(ask(b"half", True), b"", "half a line ends the connection")
    idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for s in idle:
        s.connect(d.control)
    last = wait_for("an answer", lambda: idle[19].recv(1000))
    tap.ok(b"too many" in last, "the seventeenth client is told to come later", last)
    tap.ok(select.select([idle[0]], [], [], 15)[0] and idle[0].recv(10) == b"", "an idle client is dropped")
    for s in idle:
        s.close()
    tap.equal(stat.S_IMODE(os.stat(d.control).st_mode), 0o600, "the control socket is for its user alone")
    if os.geteuid() == 0:
        os.chmod(d.control, 0o666)
        os.chmod(d.folder, 0o755)
        os.chmod(os.path.join(d.folder, "run"), 0o755)
        code = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                "s.sendall(b'{\"command\":\"reload\"}\\n'); print(s.recv(999).decode())")
        done = subprocess.run(["/usr/bin/env", "python3", "-c", code, d.control], user="nobody", group="nogroup",
                              extra_groups=[], capture_output=True, text=True, check=False)
        if done.returncode != 0 and "recv" not in done.stderr:
            done = subprocess.run(["/usr/bin/python3", "-c", code, d.control], user="nobody", group="nogroup",
                                  extra_groups=[], capture_output=True, text=True, check=False)
        tap.ok("only root" in done.stdout and "loaded" not in done.stdout, "another user may not reload", done)
    else:
        tap.skip("another user may not reload", "needs root")


# ---- Log ----

@test
def reopen(d):
    d.start()
    d.await_action("started")
    os.rename(d.events_file, d.events_file + ".1")
    d.send(signal.SIGUSR1)
    wait_for("a new log", lambda: os.path.exists(d.events_file))
    mc.opened(d.socket).message(queue_id="4TURN")
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4TURN")
    tap.ok(True, "after USR1 lines go to the new file")
    tap.equal(stat.S_IMODE(os.stat(d.events_file).st_mode), 0o640, "its mode")
    os.unlink(d.events_file)
    mc.opened(d.socket).message(queue_id="4GONE")
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4GONE")
    tap.ok(True, "a log that was removed is made again")


@test
def broken_logs(d):
    """A log that cannot be opened stops neither the start nor mail; it is said, and it heals."""
    target = os.path.join(d.folder, "log", "target")
    for what, make, words in (
            ("a symbolic link", lambda p: os.symlink(target, p), "symbolic link"),
            ("a link to /dev/full", lambda p: os.symlink("/dev/full", p), "symbolic link"),
            ("a folder", os.mkdir, "Is a directory"),
            ("a hard link", lambda p: (open(target, "w").close(), os.link(target, p)), "second name"),
            ("a FIFO without a reader", os.mkfifo, "nobody reads")):
        path = os.path.join(d.folder, "log", "odd-" + re.sub(r"\W", "-", what))
        make(path)
        d.start(events=path)
        wait_for("a message about it", lambda: words in d.messages().rsplit("cannot be written", 1)[-1])
        s = mc.opened(d.socket)
        tap.equal(s.message(), ["continue"] * 3, f"{what} as log: mail goes on, and it is said")
        s.quit()
        d.stop()
    tap.ok(not os.path.exists(target) or os.path.getsize(target) == 0, "nothing was written through a link")


@test
def stuck_fifo(d):
    """A reader that stops reading: mail goes on; lines wait, then are dropped and counted; no line is torn."""
    path = os.path.join(d.folder, "log", "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    d.start(events=path)
    sessions = [mc.opened(d.socket) for _ in range(4)]
    long = "<" + "x" * 200 + "@victim.example>"
    sent = 0
    end = time.monotonic() + 60
    while "reader does not keep up" not in d.messages() and time.monotonic() < end:
        for s in sessions:
            s.message(to=[long] * 5, queue_id=f"4F{sent}")
            sent += 1
    tap.ok("reader does not keep up" in d.messages(), "a stuck reader is said")
    tap.equal(sessions[0].message(queue_id="4LAST"), ["continue"] * 3, "mail goes on")
    sent += 1
    got = b""
    while b"recovered" not in got and time.monotonic() < end:
        select.select([reader], [], [], 0.1)
        try:
            got += os.read(reader, 1 << 20)
        except BlockingIOError:
            pass
    lines = got.split(b"\n")[:-1]
    bad = [line for line in lines if not is_json(line)]
    tap.equal(len(bad), 0, f"all {len(lines)} lines are whole", bad[:2])
    tap.ok(any(b'"recovered"' in line for line in lines), "the end of the trouble is an event")
    for s in sessions:
        s.quit()
    os.close(reader)
    tap.equal(d.stop(), 0, "it ends in good order without a reader")


def is_json(line):
    import json
    try:
        json.loads(line)
        return True
    except ValueError:
        return False


@test
def full_disk(d):
    """A file that cannot grow stands for a full disk: whole lines only, and the lost ones are counted."""
    d.start()
    if sanitizer(d.worker()) == "tsan":
        tap.skip("a log that cannot grow", "the thread sanitizer needs big files itself")
        return
    d.stop()
    os.unlink(d.events_file)

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50000, resource.RLIM_INFINITY))
    popen = subprocess.Popen
    try:
        daemon.subprocess.Popen = lambda *a, **k: popen(*a, preexec_fn=small, **k)
        d.spawn()
    finally:
        daemon.subprocess.Popen = popen
    d.await_note("READY=1")
    s = mc.opened(d.socket)
    count = 0
    end = time.monotonic() + 60
    while "File too large" not in d.messages() and time.monotonic() < end:
        s.message(queue_id=f"4D{count}")
        count += 1
    tap.ok("File too large" in d.messages(), f"a full log is said, after {count} messages")
    tap.equal(d.messages().count("File too large"), 1, "once")
    with open(d.events_file, "rb") as file:
        tap.ok(file.read().endswith(b"\n"), "the file ends with a whole line")
    while count < 9000:
        s.message(queue_id=f"4D{count}", to=["<user@victim.example>"] * 2)
        count += 1
    tap.equal(s.message(), ["continue"] * 3, f"mail goes on, {count} messages by now")
    resource.prlimit(d.worker(), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    recovered = d.await_action("recovered")[0]
    dropped = recovered["mailreeve"].get("counter", {}).get("dropped", 0)
    tap.ok(dropped > 0, "the lost lines are counted", recovered)
    s.message(queue_id="4AFTER")
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4AFTER")
    events = d.events()
    lost = events[-1]["event"]["sequence"] - len(events)
    tap.equal(lost, dropped, "event.sequence shows the same gap", f"{len(events)} lines")
    s.quit()


@test
def facts(d):
    path = os.path.join(d.folder, "log", "facts.ndjson")
    d.start(log=f'{{ events = "{d.events_file}"  facts = "{path}" }}')
    s = mc.opened(d.socket)
    s.message(queue_id="4FACT")
    s.quit()
    wait_for("a fact", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    with open(path) as file:
        tap.ok('"message"' in file.readline(), "facts are recorded")
    done = d.mailreeve("replay", "-c", d.policy_file, path)
    tap.ok(done.returncode == 0 and '"verdict"' in done.stdout, "and replay takes them", done)


@test
def stdout_log(d):
    d.start(events="stdout")
    mc.opened(d.socket).message(queue_id="4OUT")
    wait_for("a line", lambda: '"4OUT"' in d.messages())
    tap.ok(True, "events go to standard output")


# ---- Processes ----

@test
def worker_killed(d):
    d.start()
    s = mc.opened(d.socket)
    s.message(queue_id="4A")
    await_verdicts(d, 1)
    d.write("this is no policy\n")
    for round_number in range(2):
        pid = d.worker()
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        d.await_note("READY=1", 2 + round_number)
        took = time.monotonic() - began
        tap.ok(d.worker() not in (0, pid), f"killed, and up again after {took * 1000:.0f} ms")
    s = mc.opened(d.socket)
    tap.equal(s.message(queue_id="4B"), ["continue"] * 3, "mail goes on under the last good policy")
    s.quit()
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4B")
    events = d.events()
    numbers = [e["event"]["sequence"] for e in events]
    tap.ok(numbers == sorted(set(numbers)) and numbers[0] == 1, "event.sequence goes on, no number twice", numbers)
    tap.equal(events[-1]["rule"]["version"], "3", "each worker has its own generation", events[-1])
    d.write()
    d.send(signal.SIGHUP)
    d.await_action("policy-loaded")
    tap.ok(True, "and reload works in the new worker")


@test
def signals_to_the_worker(d):
    """pkill by name reaches both processes; the one that serves mail must not mind."""
    d.start()
    pid = d.worker()
    s = mc.opened(d.socket)
    s.mail()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM):
        os.kill(pid, number)
    d.send(signal.SIGHUP)
    d.await_action("policy-loaded")
    tap.equal(s.rcpt(), "continue", "the message in progress goes on")
    tap.equal(s.end_of_message(), "continue", "to its end")
    s.quit()
    tap.equal(d.worker(), pid, "signals to the worker are no orders")


@test
def too_many_sessions(d):
    d.start(max_sessions="16")
    sessions = [mc.opened(d.socket) for _ in range(18)]
    tap.equal([s.mail()[:9] for s in sessions], ["continue"] * 16 + ["421 4.3.2"] * 2,
              "sessions beyond max_sessions are put off")
    for s in sessions:
        s.quit()
    tap.equal(d.messages().count("more than 16 sessions"), 1, "it is said once")

    def room():
        s = mc.opened(d.socket)
        answer = s.mail()
        s.quit()
        return answer == "continue"
    tap.ok(wait_for("room", room), "when there is room again, mail passes")
    d.stop()

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
    popen = subprocess.Popen
    daemon.subprocess.Popen = lambda *a, **k: popen(*a, preexec_fn=few, **k)
    try:
        d.write(max_sessions="500", user=f'"{d.user}"')
        d.spawn()
        d.await_note("READY=1")
    finally:
        daemon.subprocess.Popen = popen
    limit = resource.prlimit(d.worker(), resource.RLIMIT_NOFILE)
    tap.ok(limit == (564, 564) or "only 80 files may be open" in d.messages(),
           "the limit on open files is raised, or that it is too low is said", limit, d.messages())


@test
def drain(d):
    d.start(drain='"8s"')
    busy, idle = mc.opened(d.socket), mc.opened(d.socket)
    busy.mail()
    d.send(signal.SIGTERM)
    d.await_action("stopping")
    answer = idle.mail()
    tap.equal(answer[:9], "451 4.3.2", "a new message is told to come later", answer)
    tap.equal(busy.rcpt(), "continue", "the message in progress goes on")
    tap.equal(busy.end_of_message("4DRAIN"), "continue", "to its end")
    tap.equal(d.process.wait(10), 0, "then mailreeved ends with 0")
    tap.equal([e["email"]["local_id"] for e in verdicts(d) if "local_id" in e["email"]], ["4DRAIN"],
              "its verdict is in the log")
    tap.ok(not os.path.exists(d.socket) and not os.path.exists(d.control), "the sockets are gone", os.listdir(d.folder + "/run"))
    tap.ok(any(n.startswith("STOPPING=1") for n in d.read_notes()), "the service manager is told")


@test
def drain_has_an_end(d):
    d.start(drain='"1s"')
    s = mc.opened(d.socket)
    s.mail()
    began = time.monotonic()
    tap.equal(d.stop(), 0, "a message that does not end does not keep mailreeved")
    tap.ok(time.monotonic() - began >= 0.9, "it was given its time")
    s.drop()
    tap.equal(d.events()[-1]["event"]["action"], "stopping", "the last line", d.events()[-1])


@test
def stop_at_once(d):
    d.start(drain='"60s"')
    s = mc.opened(d.socket)
    s.mail()
    tap.equal(d.stop(signal.SIGINT, 5), 0, "INT ends at once with 0, whatever is in progress")
    s.drop()
    d.start()
    s = mc.opened(d.socket)
    s.mail()
    d.send(signal.SIGTERM)
    d.await_action("stopping", 2)
    tap.equal(d.stop(signal.SIGINT, 5), 0, "INT ends a drain")
    s.drop()


@test
def supervisor_killed(d):
    d.start()
    pid = d.worker()
    d.process.kill()
    d.process.wait()
    wait_for("the worker ends", lambda: not os.path.exists(f"/proc/{pid}") or
             open(f"/proc/{pid}/stat").read().split()[2] == "Z")
    tap.ok(True, "without its supervisor the worker ends")
    d.start()
    tap.equal(mc.opened(d.socket).message(), ["continue"] * 3, "and mailreeved can be started again")


@test
def second_instance(d):
    d.start()
    other = Daemon(BUILD, folder=d.folder)
    other.write()
    tap.equal(other.spawn().process.wait(20), 1, "a second mailreeved is refused")
    tap.ok("another mailreeved holds" in d.messages(), "and says why", d.messages())
    other.notify.close()
    tap.equal(mc.opened(d.socket).message(), ["continue"] * 3, "the first one still serves")


@test
def foreign_sockets(d):
    """What others listen on, or keep there, is never touched."""
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(d.socket)
        foreign.listen(1)
        inode = os.stat(d.socket).st_ino
        d.write()
        tap.equal(d.spawn().process.wait(20), 1, "a path on which another process listens is refused")
        tap.ok("another process listens on" in d.messages(), "and it is said", d.messages())
        tap.equal(os.stat(d.socket).st_ino, inode, "that socket stays")
    d.notify.close()
    os.unlink(d.socket)
    with open(d.socket, "w") as file:
        file.write("precious")
    tap.equal(d.spawn().process.wait(20), 1, "a path that is a file is refused")
    tap.equal(open(d.socket).read(), "precious", "that file stays")
    d.notify.close()
    os.unlink(d.socket)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(d.socket)
    d.start()
    tap.equal(mc.opened(d.socket).message(), ["continue"] * 3, "a dead socket is replaced")
    os.unlink(d.socket)
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(d.socket)
        d.stop()
        tap.ok(os.path.exists(d.socket), "a socket that took our place is not removed at the end")
    os.unlink(d.socket)
    os.chmod(os.path.join(d.folder, "run"), 0o777)
    tap.equal(d.spawn().process.wait(20), 1, "a folder that everybody may write is refused")
    d.notify.close()


@test
def socket_mode(d):
    d.start(milter_mode='"0666"')
    tap.equal(stat.S_IMODE(os.stat(d.socket).st_mode), 0o666, "the mode of the policy")
    d.stop()
    if os.geteuid() != 0:
        tap.skip("the group of the policy", "needs root")
        return
    d.start(milter_mode='"0660"', milter_group='"mail"')
    info = os.stat(d.socket)
    import grp
    tap.equal((stat.S_IMODE(info.st_mode), info.st_gid), (0o660, grp.getgrnam("mail").gr_gid), "mode and group of the policy")
    tap.equal(sorted(n for n in os.listdir(os.path.join(d.folder, "run")) if n.startswith(".mr")), [], "no private name is left")


@test
def privileges(d):
    if os.geteuid() != 0:
        tap.skip("becoming an ordinary user", "needs root")
        return
    d.user = "nobody"
    os.chmod(d.folder, 0o755)
    os.rmdir(os.path.join(d.folder, "log"))
    os.rmdir(os.path.join(d.folder, "run"))
    d.start(milter_group='"mail"')
    import pwd
    import grp
    nobody = pwd.getpwnam("nobody").pw_uid
    mail = grp.getgrnam("mail").gr_gid
    for pid in (d.process.pid, d.worker()):
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        tap.equal(status["Uid"].split(), [str(nobody)] * 4, "all user ids are those of the ordinary user")
        tap.equal(status["NoNewPrivs"].strip(), "1", "no new privileges")
        tap.ok(str(mail) in status["Groups"].split() and "0" not in status["Groups"].split(), "groups", status["Groups"])
    run = os.stat(os.path.join(d.folder, "run"))
    tap.equal((run.st_uid, run.st_gid, stat.S_IMODE(run.st_mode)), (nobody, mail, 0o750), "the folder was made for both")
    tap.equal(os.stat(d.socket).st_gid, mail, "the socket has its group")
    tap.equal(mc.opened(d.socket).message(queue_id="4NOB"), ["continue"] * 3, "mail passes")
    d.await_event(lambda e: e.get("email", {}).get("local_id") == "4NOB")
    tap.equal(d.mailreeve("reload", "-c", d.policy_file).returncode, 0, "reload works as that user")
    pid = d.worker()
    os.kill(pid, signal.SIGKILL)
    d.await_note("READY=1", 2)
    tap.ok(d.worker() != pid, "a worker comes again as that user")
    d.stop()
    d.user = "no-such-user-here"
    d.write()
    tap.equal(d.spawn().process.wait(20), 1, "a user that does not exist is refused")
    tap.ok("useradd" in d.messages(), "with the command that makes it")
    d.notify.close()
    d.user = "nobody"
    d.write()
    os.chmod(d.policy_file, 0o600)
    tap.equal(d.spawn().process.wait(20), 2, "a policy that the user cannot read is a fault at the start")
    d.notify.close()


@test
def background(d):
    """Without -f the exit status of the process that was started tells how the start went."""
    d.write()
    command = [d.program(), "-c", d.policy_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    tap.equal(done.returncode, 0, "ready: 0", done)
    tap.equal(mc.opened(d.socket).message(queue_id="4BG"), ["continue"] * 3, "it serves from the background")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(d.control)
        worker = struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    with open(f"/proc/{worker}/stat") as file:
        supervisor = int(file.read().rsplit(")", 1)[1].split()[1])
    again = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    tap.equal(again.returncode, 1, "a second one: 1, and the reason on the terminal", again)
    tap.ok("another mailreeved" in again.stderr, "the reason", again)
    os.kill(supervisor, signal.SIGTERM)
    wait_for("its end", lambda: not os.path.exists(d.socket))
    with open(d.policy_file, "a") as file:
        file.write("nonsense\n")
    bad = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    tap.equal(bad.returncode, 2, "a faulty policy: 2", bad)
    tap.ok(d.policy_file + ":" in bad.stderr, "with file and line", bad)


@test
def command_line(d):
    d.write()

    def run(*arguments):
        return subprocess.run([d.program(), *arguments], capture_output=True, text=True, timeout=30, check=False)
    tap.equal(run("-t", "-c", d.policy_file).returncode, 0, "-t with a good policy: 0")
    version = run("-V")
    tap.ok(version.returncode == 0 and "libmilter" in version.stdout and "mailreeved " in version.stdout, "-V", version)
    tap.equal(run("-x").returncode, 2, "an unknown option: 2")
    tap.equal(run("extra").returncode, 2, "an argument too many: 2")
    tap.equal(run("-h").returncode, 0, "-h: 0")
    with open(d.policy_file, "a") as file:
        file.write("relay_it_all = true\nlimits: { recipients = -3 }\n")
    bad = run("-t", "-c", d.policy_file)
    tap.equal(bad.returncode, 2, "-t with faults: 2", bad)
    tap.ok(bad.stderr.count(d.policy_file + ":") >= 2, "all faults in one run", bad)
    tap.equal(run("-t", "-c", d.policy_file + ".none").returncode, 2, "-t without a file: 2")
    bad = run("-f", "-c", d.policy_file)
    tap.equal(bad.returncode, 2, "starting with faults: 2", bad)
    tap.equal(d.mailreeve("--help").returncode, 0, "mailreeve --help")
    tap.equal(d.mailreeve("--version").returncode, 0, "mailreeve --version")
    tap.equal(d.mailreeve("nonsense").returncode, 2, "mailreeve with an unknown command")
    for command in ("check", "replay", "reload"):
        done = d.mailreeve(command, "--help")
        tap.ok(done.returncode == 0 and done.stdout, f"mailreeve {command} --help", done)


@test
def inet_socket(d):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    d.start(milter=f'"inet:{port}@127.0.0.1"')
    with socket.create_connection(("127.0.0.1", port), 5):
        tap.ok(True, "TCP on the loopback is served")
    tap.equal(d.stop(), 0, "and it ends in good order")


def validate(running):
    """Every line of every test holds to the schema."""
    if validate_events is None:
        return
    for name in os.listdir(os.path.join(running.folder, "log")) if os.path.isdir(os.path.join(running.folder, "log")) else []:
        path = os.path.join(running.folder, "log", name)
        if name.endswith(".ndjson") and "facts" not in name and os.path.isfile(path) and os.path.getsize(path):
            problems = validate_events.validate(path)
            tap.ok(not problems, f"the lines of {name} hold to the schema", *list(problems)[:3])


def run(function):
    print(f"# {function.__name__}")
    running = Daemon(BUILD)
    try:
        function(running)
        running.stop()
        validate(running)
    except (daemon.Late, mc.Gone, OSError, AssertionError, KeyError, IndexError, TypeError, subprocess.SubprocessError) as fault:
        place = fault.__traceback__
        while place.tb_next and place.tb_next.tb_frame.f_code.co_filename == __file__:
            place = place.tb_next
        said = running.messages()[-1500:] if os.path.exists(running.messages_file) else ""
        tap.ok(False, f"{function.__name__} ended early", f"{type(fault).__name__}: {fault}, line {place.tb_lineno}", said)
    finally:
        running.remove()


def main():
    global BUILD
    try:
        BUILD = build_folder()
    except Trouble as why:
        skip_all(str(why))
    names = sys.argv[1:]
    for function in TESTS:
        if not names or function.__name__ in names:
            run(function)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
