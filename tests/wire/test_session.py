#!/usr/bin/python3
"""What mailreeved asks of a mail server, answers it and logs, message by message.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import re
import struct

from runner import RULES, await_verdicts, main, tap, test
import milterclient as mc


@test
def negotiation(d):
    """Only what is needed is asked for, and never what is not offered."""
    d.start(RULES + 'limits: { size_from = "mta" }\nshield: ( { mode = "off" } )\nsender: { mode = "off" }\n')
    s = mc.Session(d.socket).negotiate()
    tap.equal(s.actions, mc.QUARANTINE | mc.SETSYMLIST, "quarantine and macro lists are the only actions asked for")
    wanted = (mc.RCPT_REJ | mc.NR_CONN | mc.NR_HELO | mc.NOHDRS | mc.NOEOH | mc.NOBODY | mc.NODATA)
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
    d.start(RULES + 'shield: { mode = "enforce"  domains = [ "@local" ]  networks = "office"  header_from = true }\n'
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
    tap.equal(event["mailreeve"]["verdict"], "accept", "its verdict", event)
    tap.equal(event["mailreeve"]["rcpt"]["accepted"], 2, "two recipients accepted", event)
    tap.equal(event["email"].get("local_id"), "4REST", "the queue id is kept", event)
    refused = d.await_action("refused")[0]
    tap.equal(refused["rule"]["id"], "relay", "the refusal names its rule", refused)
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
        burst += packet(b"D", b"R{rcpt_addr}\0x@foreign.example\0{rcpt_mailer}\0smtp\0")
        burst += packet(b"R", b"<x@foreign.example>\0")
        burst += packet(b"D", b"Ei\0" + b"4P%d\0" % number) + packet(b"E")
    s.socket.sendall(burst)
    answers = [s.answer()[:9] for _ in range(12)]
    tap.equal(answers, ["continue"[:9], "continue", "550 5.7.1", "continue"] * 3, "pipelined messages")
    s.quit()
    tap.equal([e["email"]["local_id"] for e in await_verdicts(d, 3)], ["4P0", "4P1", "4P2"], "three verdicts")


@test
def local_submission(d):
    """Postfix plays such mail with port 0; to refuse a recipient would leave it in the queue for good."""
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
    d.start(RULES + 'shield: { mode = "enforce"  action = "hold"  domains = [ "@local" ]  networks = [ "office" ] }\n')
    s = mc.opened(d.socket)
    answers = s.message("<boss@victim.example>", queue_id="4HOLD")
    tap.equal(answers[-1], "continue", "a held message continues", answers)
    tap.ok(s.held, "after an order to put it on hold", s.held)
    s.quit()
    event = await_verdicts(d, 1)[0]
    tap.equal(event["mailreeve"]["verdict"], "hold", "the verdict says hold", event)
    s = mc.Session(d.socket).negotiate(actions=mc.SETSYMLIST)
    s.connect()
    s.helo()
    answers = s.message("<boss@victim.example>", queue_id="4HOLD2")
    tap.ok(answers[-1] == "tempfail" or answers[-1][:1] == "4",
           "a mail server without a hold queue gets a temporary failure", answers)
    s.quit()


main()
