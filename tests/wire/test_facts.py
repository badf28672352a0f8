#!/usr/bin/python3
"""What the daemon records, replay decides again in the same way.

Sessions of every kind are played against mailreeved, which records facts (log.facts). Then mailreeve replay plays the
facts under the same policy, and what it says of each transaction must be what the daemon said.

A transaction that the client did not finish is recorded with "aborted": true. It is played up to where it stopped, and
its verdict is again one without an outcome: what the rest of the message would have been, nobody knows. So replay must
neither end it (a size that nobody told, a From that never came) nor leave it out.
What a mail server never does (an end of message without a recipient that was taken) is not played here: test_odd.py.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import json
import os
import random
import re
import signal

from runner import main, tap, test, validate_events, verdicts
from daemon import wait_for
import milterclient as mc

LISTS = {
    "accounts": "alice@victim.example\nbob@victim.example\nuser@victim.example\nnews@victim.example\n",
    "aliases": "sales@victim.example: alice@victim.example\nteam@victim.example: bob@victim.example\n"
               "away@victim.example: someone@gone.example\n",
    "senders": "alice: @project.example\nbob: bob@victim.example\nnews: news@letters.example\n",
    "key": "0123456789abcdef0123456789abcdef\n",
}

SITE = """
domains = [ "victim.example", "bücher.example" ]
relays = [ "backup.example" ]
hostnames = [ "mx.victim.example" ]
own_addresses = [ "192.0.2.25" ]
accounts = "file:accounts"
aliases = "file:aliases"
networks: { office: { addresses = [ "192.0.2.128/25", "2001:db8:1::/48" ]  except = [ "192.0.2.129" ] } }
login: { default_domain = "victim.example" }
"""

EXEMPTIONS = """
exemptions: ( { name = "news"  login = "news@victim.example"  rules = [ "sender", "limits" ]
                owner = "press"  reason = "letters"  expires = "2099-12-31" },
              { name = "abuse"  recipient = "abuse@victim.example"  rules = [ "exists", "relay" ]
                owner = "postmaster"  reason = "always heard"  expires = "2099-12-31" },
              { name = "old"  network = "203.0.113.66"  rules = [ "access" ]
                owner = "nobody"  reason = "over"  expires = "2001-01-01" } )
"""

POLICIES = {
    "all rules refuse": SITE + EXEMPTIONS + """
access: { mode = "enforce"  deny = [ "203.0.113.66/32", "2001:db8:66::/48" ] }
relay: { mode = "enforce"  networks = [ "office" ] }
auth: { mode = "enforce"  required_for = [ "local-senders", "local-networks", "roles", "listeners" ]
        networks = [ "192.0.2.192/26" ]  listeners = [ "submission" ] }
shield: ( { mode = "enforce"  domains = [ "@local" ]  networks = [ "office" ]  header_from = true },
          { mode = "enforce"  domains = [ "bank.example" ]  networks = [ "198.51.100.0/24" ] } )
sender: { mode = "enforce"  logins = "file:senders"  header_from = true  header_sender = true }
exists: { mode = "enforce" }
helo: { mode = "enforce" }
limits: { mode = "enforce"  recipients = 4  size = "10K" }
""",
    "all rules watch": SITE + EXEMPTIONS + """
mode = "observe"
access: { deny = [ "203.0.113.66/32" ] }
relay: { networks = [ "office" ] }
auth: { mode = "enforce"  required_for = [ "local-senders", "roles", "listeners" ]  listeners = [ "submission" ] }
shield: { mode = "enforce"  domains = [ "@local", ".example" ]  networks = [ "office" ]  header_from = true }
sender: { mode = "enforce"  logins = "file:senders"  header_from = true }
helo: { mode = "enforce"  cannot_tell = "tempfail" }
limits: { recipients = 2  size = "3K"  size_from = "mta"  cannot_tell = "reject" }
""",
    "strict when unsure": SITE + """
access: { mode = "enforce"  deny = [ "203.0.113.66/32" ]  action = "tempfail"  cannot_tell = "tempfail" }
relay: { mode = "enforce"  networks = [ "office" ]  logins = [ "alice@victim.example" ]  local_submission = false
         routing_characters = "allow"  cannot_tell = "tempfail" }
auth: { mode = "enforce"  required_for = [ "roles" ]  cannot_tell = "reject" }
shield: { mode = "enforce"  domains = [ "@local" ]  networks = [ "office" ]  header_from = true  except_logins = false
          action = "hold"  cannot_tell = "tempfail" }
sender: { mode = "enforce"  logins = "file:senders"  own = false  plus = false  null_sender = false
          header_sender = true  cannot_tell = "reject"  action = "hold" }
exists: { mode = "enforce"  except_logins = false  plus = false  cannot_tell = "reject"  action = "tempfail" }
helo: { mode = "enforce"  cannot_tell = "reject"  action = "tempfail" }
limits: { mode = "enforce"  recipients = 4  size = "3K"  size_from = "mta"  cannot_tell = "reject" }
""",
    "only these clients": SITE + EXEMPTIONS + """
access: { mode = "enforce"  allow = [ "203.0.113.0/24", "192.0.2.0/24", "127.0.0.0/8", "2001:db8::/32" ] }
relay: { mode = "enforce"  networks = [ "office" ]  local_mailers = [ "local", "cyrus" ] }
auth: { mode = "enforce"  required_for = [ "local-senders" ]  except_local_recipients = true  action = "hold" }
shield: { mode = "enforce"  domains = [ "*" ]  networks = [ "203.0.113.0/24", "office" ]
          except_local_recipients = true }
sender: { mode = "observe" }
exists: { mode = "observe" }
helo: { mode = "observe" }
limits: { mode = "enforce"  recipients = 3  size = "10K" }
""",
    "the mail server says who we are": """
domains = [ "victim.example" ]
helo: { mode = "enforce" }
relay: { mode = "observe" }
limits: { mode = "off" }
""",
    "nothing but relay, hashed": 'domains = [ "victim.example" ]\nrelay: { mode = "enforce" }\n',
}

# What the rules can find; relay-open is an alert beside it, internal and stopping need a daemon in trouble.
REASONS = """
mta-refused access-denied access-not-allowed access-unknown-client relay-denied relay-routed relay-malformed
relay-control-character auth-local-sender auth-local-network auth-role auth-listener auth-cannot-tell shield-envelope
shield-header shield-cannot-tell sender-envelope sender-header sender-cannot-tell exists-sender exists-recipient
exists-cannot-tell helo-our-name helo-our-address helo-cannot-tell limits-recipients limits-size
limits-cannot-tell""".split()

LOCAL = {"address": "127.0.0.1", "port": 0, "name": "localhost",
         "macros": {"j": "mx.victim.example", "{daemon_port}": "0", "{client_port}": "0"}}
UNKNOWN = {"address": None, "family": "U", "name": "unknown", "macros": {"j": "mx.victim.example"}}
SUBMISSION = {"macros": {"j": "mx.victim.example", "{daemon_name}": "submission", "{daemon_addr}": "192.0.2.25"}}
CLIENTS = [{}, {}, {"address": "203.0.113.66"}, {"address": "198.51.100.7"}, {"address": "192.0.2.200"},
           {"address": "192.0.2.140"}, {"address": "192.0.2.129"}, {"address": "192.0.2.25"},
           {"address": "2001:db8:1::9"}, {"address": "::ffff:203.0.113.66"}, {"address": "2001:db8:66::1"},
           {"name": b"caf\xe9.example"}, LOCAL, UNKNOWN, SUBMISSION]
HELOS = ["client.example", "client.example", "client.example", "mx.victim.example", "MX.Victim.Example.",
         "[192.0.2.25]", "[IPv6:2001:db8::1]", "203.0.113.9", "", b"\xff\xfe", "bad name", "x" * 300,
         "\u202egpj.exe", b"a\"b\\c"]
LOGINS = [None, None, None, "alice", "bob@victim.example", "news", "ALICE@VICTIM.EXAMPLE", "stranger", "",
          b"caf\xe9", "jose\u0301", "x" * 400]
SENDERS = ["<sender@elsewhere.example>", "<sender@elsewhere.example>", "<alice@victim.example>", "<>",
           "<bob@victim.example>", "<alice+x@victim.example>", "<sales@victim.example>", "<away@victim.example>",
           "<nobody@victim.example>", "<postmaster@victim.example>", "<postmaster>", "<x@bank.example>",
           "<boss@xn--bcher-kva.example>", "<boss@b\u00fccher.example>", "<a@project.example>",
           "<news@letters.example>", "broken@@x@", "<a b@c>", b"<caf\xe9@elsewhere.example>",
           b"<\xc3\xa9t\xc3\xa9@victim.example>", "<\u202eevil@victim.example>", "<a@[192.0.2.25]>",
           "<a@mx.victim.example>", "<@relay.example:alice@victim.example>", "<\"a\\\"b\"@elsewhere.example>",
           "<a\tb\x01c@victim.example>", "<" + "y" * 700 + "@elsewhere.example>", b"<\x80\xbf\xed\xa0\x80@x.example>"]
RECIPIENTS = ["<user@victim.example>", "<user@victim.example>", "<bob@victim.example>", "<alice+shop@victim.example>",
              "<team@victim.example>", "<nobody@victim.example>", "<abuse@victim.example>", "<postmaster>",
              "<someone@foreign.example>", "<x@backup.example>", "<a%b.example@victim.example>",
              "<a!b@victim.example>", "<\"a@b.example\"@victim.example>", "<@x.example:user@victim.example>",
              "<user@[192.0.2.25]>", "<user@[203.0.113.9]>", "<broken", "<>", "<a@b@c.example>", "<x y@z.example>",
              "<a\x01b@victim.example>", b"<caf\xe9@victim.example>", b"<\xff\xfe\x80@foreign.example>",
              "<\u65e5\u672c@victim.example>", "<a\u2028b@foreign.example>", "<q\"\\/<script>@foreign.example>",
              "<" + "z" * 300 + "@victim.example>"]
FROMS = [("From", "sender@elsewhere.example"), ("From", "Alice <alice@victim.example>"),
         ("from", "bob@victim.example, sender@elsewhere.example"), ("From", "undisclosed:;"),
         ("From", "\"alice@victim.example\" <x@evil.example>"), ("From", "<<broken"), ("From ", "bob@victim.example"),
         ("From", b"=?utf-8?q?x?= caf\xe9 <caf\xe9@elsewhere.example>"), ("Sender", "bob@victim.example"),
         ("Sender", "alice@victim.example"), ("Subject", "tab\there"), ("Message-ID", " <1@elsewhere.example> "),
         ("FROM", "folded\n <alice@victim.example>"), ("From", "")]
VIEWS = [{}, {}, {}, {"macros": {"j": "mx.victim.example"}}, {"mailer": "local"}, {"mailer": "cyrus"},
         {"addr": "user", "mailer": "local"}, {"addr": "bob", "mailer": "smtp"},
         {"addr": "someone@foreign.example", "mailer": "smtp"},
         {"addr": "550 5.1.1 <x>... User unknown", "mailer": "error", "host": "5.1.1"},
         {"addr": b"\xe9@foreign.example".decode("latin-1"), "mailer": "smtp"}]
ENDS = ["end"] * 7 + ["reset", "reset after header", "drop", "helo", "mail", "quit"]


class Player:
    """Plays transactions as a mail server does, and counts those that the filter saw."""

    def __init__(self, path):
        self.path = path
        self.sessions = self.count = 0

    def session(self, helo="client.example", **client):
        self.sessions += 1
        session = mc.Session(self.path).negotiate()
        if session.connect(**client) not in (None, "continue"):
            session.quit()
            return None
        if helo:
            session.helo(helo)
        return session

    def message(self, s, sender="<sender@elsewhere.example>", to=(("<user@victim.example>", {}),), login=None,
                headers=(("From", "sender@elsewhere.example"),), size=None, told=None, body=b"hello\r\n", end="end"):
        """One transaction. to: paths with what rcpt() takes; size: SIZE=; told: {msg_size}. False: it was a drop."""
        self.count += 1
        parameters = [] if size is None else [f"SIZE={size}"]
        if s.mail(sender, *parameters, login=login) != "continue":
            return True
        taken = 0
        for path, view in to:
            answer = s.rcpt(path, **view)
            taken += answer == "continue" and view.get("mailer") != "error"
        return self.finish(s, taken, headers, told, body, end)

    def finish(self, s, taken, headers, told, body, end):
        if end == "drop":
            s.drop()
            return False
        if end == "quit":
            s.quit()
            return False
        if end == "helo":
            s.helo("again.example")
        elif end == "mail":
            pass  # the next MAIL comes without RSET
        elif end == "reset" or not taken:
            s.abort()
        else:
            for name, value in headers:
                s.header(name, value)
            if end == "reset after header":
                s.abort()
                return True
            s.end_of_headers()
            if body:
                s.body(body)  # a mail server sends no empty part
            s.end_of_message(f"4Q{self.count}", message_id=f"<{self.count}@mx.victim.example>", size=told)
        return True

    def alone(self, client=None, helo="client.example", **message):
        """A session with one message."""
        s = self.session(helo, **(client or {}))
        if s and self.message(s, **message):
            s.quit()


def each_thing_once(player):
    """Every client, HELO, login, sender, recipient, view, header and end, each in a message that is plain else."""
    for client in CLIENTS:
        player.alone(client)
        player.alone(client, to=[("<someone@foreign.example>", {})])
    for helo in HELOS:
        player.alone(helo=helo)
    for login in LOGINS:
        player.alone(login=login, sender="<alice@victim.example>", to=[("<someone@foreign.example>", {})])
    for sender in SENDERS:
        player.alone(sender=sender)
        player.alone(sender=sender, login="alice")
        player.alone({"address": "192.0.2.140"}, sender=sender)
    for path in RECIPIENTS:
        player.alone(to=[(path, {})])
        player.alone(to=[("<bob@victim.example>", {}), (path, {"macros": {"j": "mx"}})], login="bob@victim.example")
        player.alone(LOCAL, to=[(path, {}), ("<user@victim.example>", {})])
    for view in VIEWS:
        player.alone(to=[("<user@victim.example>", view), ("<bob@victim.example>", {})])
        player.alone(to=[("<someone@foreign.example>", view)])
    for header in FROMS:
        player.alone(headers=[header])
        player.alone(headers=[header, ("From", "alice@victim.example")], login="alice", sender="<alice@victim.example>")
    player.alone(headers=[("From", f"u{n}@elsewhere.example") for n in range(30)])
    for end in dict.fromkeys(ENDS):
        player.alone(end=end)
        player.alone(end=end, to=[("<someone@foreign.example>", {})])
        player.alone(LOCAL, end=end, to=[("<someone@foreign.example>", {}), ("<user@victim.example>", {})])
    for size, told, body in ((None, None, b"x" * 20000), (20000, None, b""), (5000, 5000, b"x" * 5000),
                             (0, 20000, b"x"), (None, 4000, b"x" * 4000), (None, 1, b"x" * 9000)):
        player.alone(size=size, told=told, body=body)
        player.alone(size=size, told=told, body=body, login="news", sender="<news@victim.example>")
    player.alone(to=[(f"<user+{n}@victim.example>", {}) for n in range(30)])
    player.alone(LOCAL, to=[(f"<user+{n}@victim.example>", {}) for n in range(8)])


def by_chance(player, chance, count):
    """Sessions of one to four transactions of everything mixed."""
    for _ in range(count):
        s = player.session(chance.choice(HELOS), **chance.choice(CLIENTS))
        for _ in range(chance.randrange(1, 5)):
            if s is None:
                break
            going = player.message(
                s, chance.choice(SENDERS),
                [(chance.choice(RECIPIENTS), chance.choice(VIEWS)) for _ in range(chance.choice((1, 1, 1, 2, 3, 6)))],
                chance.choice(LOGINS), chance.sample(FROMS, chance.randrange(0, 4)),
                chance.choice((None, None, 100, 20000)), chance.choice((None, None, 50, 4000)),
                b"x" * chance.choice((0, 10, 2000, 12000)), chance.choice(ENDS))
            if not going:
                break
        else:
            s.quit()


def view_of(event):
    """What must be the same: of a verdict all that was decided, of a line about one recipient what it says of it."""
    own = event["mailreeve"]
    rcpt = own.get("rcpt", {})
    email = event.get("email", {})
    if event["event"]["action"] != "verdict":
        email.pop("local_id", None)  # replay knows the queue id before the mail server does
    return {"action": event["event"]["action"], "verdict": own.get("verdict"), "reason": own.get("reason"),
            "rule": event.get("rule", {}).get("id"), "stage": own.get("stage"), "mode": own.get("mode"),
            "accepted": rcpt.get("accepted"), "refused": rcpt.get("refused"), "count": rcpt.get("count"),
            "by the mail server": rcpt.get("rejected_by_mta"), "would": own.get("would"),
            "would_reason": own.get("would_reason"), "cannot_tell": own.get("cannot_tell"),
            "exemptions": own.get("exemptions"), "code": event["event"].get("code"),
            "outcome": event["event"].get("outcome"), "email": email, "user": event.get("user"),
            "source": event.get("source"), "related": event.get("related")}


def by_transaction(events, name_of):
    """The lines of each transaction. What is refused at CONNECT belongs to none."""
    lines = {}
    for event in events:
        name = name_of(event)
        if name and event["mailreeve"].get("stage") != "connect":
            lines.setdefault(name, []).append(view_of(event))
    return lines


def differences(live, again):
    """Where replay says something else, in words."""
    found = []
    for name, lines in live.items():
        others = again.get(name, [])
        for number in range(max(len(lines), len(others))):
            one = lines[number] if number < len(lines) else {}
            other = others[number] if number < len(others) else {}
            found += [f"{name} line {number + 1} {field}: live {one.get(field)!r}, replay {other.get(field)!r}; "
                      f"{one.get('stage')} {one.get('reason')}"
                      for field in (one or other) if one.get(field) != other.get(field)]
    return found


def facts_in(paths):
    lines = []
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        assert not data or data.endswith(b"\n"), path
        lines += [json.loads(line) for line in data.splitlines()]
    return lines


def prepare(d, rules, addresses=""):
    """Writes the lists, and starts the daemon with facts recorded. Returns the path of the facts."""
    for name, text in LISTS.items():
        path = os.path.join(d.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600 if name == "key" else 0o644)
    facts = os.path.join(d.folder, "log", "facts.ndjson")
    for path in (facts, d.events_file):
        if os.path.exists(path):
            os.unlink(path)
    d.start(rules, log=f'{{ events = "{d.events_file}"  facts = "{facts}"{addresses} }}')
    return facts


def messages_in(paths):
    """The facts about messages; those about connections have no transaction."""
    return [fact for fact in facts_in(paths) if fact["fact"] == "message"]


def compare(d, name, facts, count):
    """Replays the facts and compares; returns the events of the daemon."""
    live_events = d.events()
    live = by_transaction(live_events, lambda e: e["mailreeve"].get("transaction"))
    tap.equal(len(live), count, f"{name}: a transaction for each MAIL")
    recorded = messages_in([facts])
    tap.equal(sorted(fact["id"] for fact in recorded), sorted(live), f"{name}: one fact for each transaction")
    done = d.mailreeve("replay", "-c", d.policy_file, facts)
    tap.equal((done.returncode, re.sub(r".*time went back.*\n", "", done.stderr)), (0, ""),
              f"{name}: replay takes every line")
    problems = validate_events.check_lines(done.stdout.encode(), "replay")
    problems += validate_events.validate(d.events_file)
    tap.ok(not problems, f"{name}: every line holds to the schema", *problems[:3])
    again = by_transaction(map(json.loads, done.stdout.splitlines()), lambda e: e.get("labels", {}).get("fact_id"))
    wrong = differences(live, again)
    tap.ok(not wrong, f"{name}: replay says what the daemon said", f"{len(wrong)} differences", *wrong[:8])
    return live_events


@test
def replay_agrees(d):
    chance = random.Random(2)
    seen, passed, sessions, transactions = set(), set(), 0, 0
    for name, rules in POLICIES.items():
        hashed = '  addresses = "hashed"  key = "file:key"' if "hashed" in name else ""
        facts = prepare(d, rules, hashed)
        player = Player(d.socket)
        each_thing_once(player)
        by_chance(player, chance, 150)
        wait_for(f"{player.count} verdicts", lambda: len(verdicts(d)) >= player.count)
        d.stop()
        for event in compare(d, name, facts, player.count):
            own = event["mailreeve"]
            seen.update((own.get("reason"), own.get("would_reason")))
            if own.get("verdict") == "accept":
                passed.add(name)
        sessions += player.sessions
        transactions += player.count
    print(f"# {sessions} sessions, {transactions} transactions")
    tap.ok(sessions >= 200, "200 sessions at least", sessions)
    tap.equal([reason for reason in REASONS if reason not in seen], [], "every reason was met")
    tap.equal(sorted(passed), sorted(POLICIES), "under every policy something passed")


@test
def turned_over(d):
    """USR1 while facts come: none is lost, none comes twice, and no file has a torn line."""
    facts = prepare(d, POLICIES["all rules refuse"])
    player = Player(d.socket)
    files = []
    for turn in range(8):
        for _ in range(10):
            player.alone()
        files.append(f"{facts}.{turn}")
        wait_for("the facts file", lambda: os.path.exists(facts))
        os.rename(facts, files[-1])
        d.send(signal.SIGUSR1)
        for _ in range(10):
            player.alone(sender="<alice@victim.example>", end="reset")
    wait_for("the new facts file", lambda: os.path.exists(facts))
    wait_for(f"{player.count} verdicts", lambda: len(verdicts(d)) >= player.count)
    tap.equal(d.stop(), 0, "it ends in good order")
    recorded = [fact["id"] for fact in messages_in([*files, facts])]
    tap.equal(len(recorded), len(set(recorded)), "no fact twice")
    tap.equal(sorted(recorded), sorted(e["mailreeve"]["transaction"] for e in verdicts(d)),
              "every transaction is there")
    tap.ok(os.path.getsize(facts) > 0 and os.stat(facts).st_mode & 0o777 == 0o640, "the last file is new, mode 0640")


main()
