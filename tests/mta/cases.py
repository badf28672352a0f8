"""The cases that every mail server plays: each rule with a message refused and one accepted, and what sessions do.

Clients are named, not numbered: "outside", "trusted" (in the network that may relay) and "other" (outside too, not the
same). scene.address says which address plays each.
"""

from mailserver import get
from scene import FOREIGN, Message, policy, send


def relay_cases(scene):
    scene.use()
    _, _, lines = scene.refused("relay: a foreign recipient at an open relay", Message(to=FOREIGN), "rcpt", 550,
                                "5.7.1", "relay", "relay-denied", mailreeve__rcpt__refused=FOREIGN,
                                source__ip=scene.address["outside"]) or (0, 0, [])
    scene.finds("relay: an open mail server is an alert", lines, event__action="alert", event__kind="alert")
    scene.finds("relay: the refused recipient has a line", lines, event__action="refused",
                mailreeve__recipient=FOREIGN[0], event__code="5.7.1")
    scene.accepted("relay: mail for us", Message(), email__direction="inbound",
                   email__to__address=lambda to: len(to) == 1 and to[0] in ("bob@victim.example", scene.short_bob))
    scene.accepted("relay: a network that may", Message(client="trusted", to=FOREIGN), email__direction="outbound")
    scene.accepted("relay: a login", Message(login="alice@victim.example", sender="<alice@victim.example>", to=FOREIGN))
    scene.accepted("relay: a backup MX domain", Message(to=["<x@relayed.example>"]))
    scene.check("relay: one recipient refused, the others delivered",
                Message(to=["<bob@victim.example>"] + FOREIGN + ["<alice@victim.example>"]), "accepted",
                mailreeve__verdict="accept", mailreeve__rcpt__count=3, mailreeve__rcpt__accepted=2,
                mailreeve__rcpt__refused=FOREIGN)
    scene.use(relay=': { mode = "observe"  networks = [ "trusted" ] }')
    scene.accepted("relay: observe lets it pass and says so", Message(to=FOREIGN), mailreeve__would=["relay"],
                   mailreeve__mode="observe")
    scene.use(relay=': { networks = [ "trusted" ]  action = "tempfail" }')
    scene.check("relay: action = tempfail", Message(to=FOREIGN), ("rcpt", 451, "4.7.1"), mailreeve__verdict="tempfail",
                rule__id="relay")


def access_cases(scene):
    outside = scene.address["outside"]
    scene.use(access=f': {{ deny = [ "{outside}/32" ] }}')
    scene.refused("access: a denied client at MAIL", Message(), "mail", 554, "5.7.1", "access", "access-denied")
    scene.accepted("access: another client", Message(client="other"))
    scene.use(access=': { allow = [ "trusted" ] }')
    scene.refused("access: not on the allow list", Message(), "mail", 554, "5.7.1", "access", "access-not-allowed")
    scene.accepted("access: on the allow list", Message(client="trusted"))
    scene.use(access=f': {{ deny = [ "{outside}/32" ]  at = "connect" }}')
    connect_case(scene)
    scene.accepted("access: another client at CONNECT", Message(client="other"))


def connect_case(scene):
    """The mail server says the refusal in its greeting, or at the next command."""
    mark = scene.daemon.mark()
    answers = scene.greeting_of_outside()
    scene.tap.ok(answers[-1].code in (550, 554), f"{scene.name}: access: a denied client at CONNECT", *answers)
    event = scene.daemon.wait_event(mark, lambda e: get(e, "event.action") == "refused")
    scene.finds("access: the refused connection has a line", [event], mailreeve__stage="connect", rule__id="access",
                source__ip=scene.address["outside"], event__code="5.7.1")


def exists_cases(scene):
    accounts = scene.daemon.file("accounts", "alice@victim.example\nbob@victim.example\npostmaster@victim.example\n")
    aliases = scene.daemon.file("aliases", "sales@victim.example: alice@victim.example\n")
    scene.use(accounts=f'= "file:{accounts}"', aliases=f'= "file:{aliases}"')
    scene.refused("exists: an unknown recipient", Message(to=["<zoe@victim.example>"]), "rcpt", 550, "5.1.1", "exists",
                  "exists-recipient")
    scene.refused("exists: an unknown local sender", Message(sender="<zoe@victim.example>"), "mail", 550, "5.1.0",
                  "exists", "exists-sender")
    scene.accepted("exists: an account", Message())
    scene.accepted("exists: an alias, and a plus part",
                   Message(to=["<sales@victim.example>", "<bob+x@victim.example>"]))


def shield_cases(scene):
    outside = scene.address["outside"]
    ours, theirs = "From: Boss <boss@victim.example>\n", "From: Boss <boss@outside.example>\n"
    entry = 'domains = [ "@local" ]  networks = [ "trusted" ]'
    scene.use(shield=f': ( {{ mode = "enforce"  {entry} }} )')
    scene.refused("shield: our domain from outside", Message(sender="<boss@victim.example>"), "mail", 550, "5.7.1",
                  "shield", "shield-envelope", email__sender__address="boss@victim.example")
    scene.accepted("shield: our domain from its network", Message(client="trusted", sender="<boss@victim.example>"))
    scene.accepted("shield: our domain with a login", Message(login="alice@victim.example",
                                                              sender="<alice@victim.example>"))
    scene.accepted("shield: the null sender", Message(sender="<>"))
    scene.use(shield=f': ( {{ mode = "enforce"  {entry}  header_from = true }} )')
    scene.refused("shield: our domain in From", Message(headers=ours), "data", 550, "5.7.1", "shield", "shield-header",
                  email__from__address=["boss@victim.example"])
    scene.accepted("shield: a foreign domain in From", Message(headers=theirs))
    scene.use(shield=f': ( {{ mode = "observe"  {entry} }} )')
    scene.accepted("shield: observe", Message(sender="<boss@victim.example>"), mailreeve__would=["shield"])
    scene.use(shield=f': ( {{ mode = "enforce"  {entry} }} )', exemptions=f''': ( {{ name = "partner"
      network = [ "{outside}/32" ]  rules = [ "shield" ]
      owner = "me"  reason = "a test"  expires = "2099-12-31" }} )''')
    _, _, lines = scene.accepted("shield: an exemption", Message(sender="<boss@victim.example>"),
                                 mailreeve__exemptions=["partner=yes"]) or (0, 0, [])
    scene.finds("shield: the exemption has a line", lines, event__action="exemption-used",
                mailreeve__exemption="partner")
    scene.refused("shield: the exemption is for its network only",
                  Message(client="other", sender="<boss@victim.example>"), "mail", 550, "5.7.1", "shield",
                  "shield-envelope", mailreeve__exemptions=["partner=no"])


def auth_cases(scene):
    scene.use(auth=': { mode = "enforce"  required_for = [ "local-senders" ] }')
    scene.refused("auth: a local sender without a login", Message(sender="<alice@victim.example>"), "mail", 530,
                  "5.7.0", "auth", "auth-local-sender")
    scene.accepted("auth: a local sender with a login", Message(sender="<alice@victim.example>",
                                                                login="alice@victim.example"))
    scene.use(auth=': { mode = "enforce"  required_for = [ "local-networks" ]  networks = [ "trusted" ] }')
    scene.refused("auth: a local network without a login", Message(client="trusted"), "mail", 530, "5.7.0", "auth",
                  "auth-local-network")
    scene.accepted("auth: a foreign network without a login", Message())
    scene.use(auth=': { mode = "enforce"  required_for = [ "roles" ] }')
    scene.refused("auth: a role without a login", Message(sender="<abuse@victim.example>"), "mail", 530, "5.7.0",
                  "auth", "auth-role")
    scene.accepted("auth: no role", Message(sender="<alice@victim.example>"))
    scene.use(auth=': { mode = "enforce"  required_for = [ "listeners" ]  listeners = [ "' + scene.listener + '" ] }')
    scene.refused("auth: a listener without a login", Message(port="login_port"), "mail", 530, "5.7.0", "auth",
                  "auth-listener", mailreeve__listener=scene.listener)
    scene.accepted("auth: the listener with a login", Message(port="login_port", login="alice@victim.example",
                                                              sender="<alice@victim.example>"))


def sender_cases(scene):
    as_alice = {"login": "alice@victim.example", "to": FOREIGN}
    logins = scene.daemon.file("senders", "alice: news@victim.example, @list.example\n")
    scene.use(sender=f': {{ mode = "enforce"  logins = "file:{logins}" }}')
    scene.refused("sender: somebody else's address", Message(sender="<bob@victim.example>", **as_alice), "mail", 553,
                  "5.7.1", "sender", "sender-envelope")
    scene.accepted("sender: one's own address", Message(sender="<alice@victim.example>", **as_alice))
    scene.accepted("sender: an address of the map", Message(sender="<news@victim.example>", **as_alice))
    scene.use(sender=': { mode = "enforce"  header_from = true  header_sender = true }')
    own, other = "From: alice@victim.example\n", "From: bob@victim.example\n"
    scene.refused("sender: somebody else in From", Message(sender="<alice@victim.example>", headers=other, **as_alice),
                  "data", 550, "5.7.1", "sender", "sender-header")
    scene.refused("sender: somebody else in Sender",
                  Message(sender="<alice@victim.example>", headers=own + "Sender: bob@victim.example\n", **as_alice),
                  "data", 550, "5.7.1", "sender", "sender-header")
    scene.accepted("sender: oneself in From", Message(sender="<alice@victim.example>", headers=own, **as_alice))
    hold_case(scene, as_alice)


def hold_case(scene, as_alice):
    scene.use(sender=': { mode = "enforce"  action = "hold" }')
    played = scene.check("hold: the client is told that it was taken",
                         Message(sender="<bob@victim.example>", **as_alice), "accepted",
                         mailreeve__verdict="hold", rule__id="sender")
    if not played:
        return
    queue_id = get(played[1], "email.local_id")
    scene.tap.equal(scene.held_sender(queue_id), "bob@victim.example",
                    f"{scene.name}: hold: it waits in the hold queue", f"queue id {queue_id}")


def helo_cases(scene):
    scene.use(helo=': { mode = "enforce" }')
    scene.refused("helo: our name", Message(helo="mx.victim.example"), "mail", 550, "5.7.1", "helo", "helo-our-name")
    scene.refused("helo: our address", Message(helo="[192.0.2.25]"), "mail", 550, "5.7.1", "helo", "helo-our-address")
    scene.accepted("helo: another name", Message())


def limit_cases(scene):
    scene.use(limits=': { recipients = 2  size = "2K" }')
    three = ["<alice@victim.example>", "<bob@victim.example>", "<carol@victim.example>"]
    answers, _, _ = scene.check("limits: the third recipient of two", Message(to=three), "accepted",
                                mailreeve__rcpt__accepted=2, mailreeve__rcpt__refused=three[2:]) or (None, 0, 0)
    scene.tap.ok(answers and answers.rcpt[2].code == 452 and answers.rcpt[2].text.startswith("4.5.3"),
                 f"{scene.name}: limits: its answer is 452 4.5.3", answers)
    scene.accepted("limits: two recipients", Message(to=three[:2]))
    scene.refused("limits: a declared size", Message(parameters=["SIZE=4000"]), "mail", 552, "5.3.4", "limits",
                  "limits-size")
    scene.refused("limits: a size that shows at the end", Message(body="0123456789abcde\n" * 200), "data", 552, "5.3.4",
                  "limits", "limits-size")
    scene.accepted("limits: a small message", Message(parameters=["SIZE=400"]))


def session_cases(scene):
    scene.use()
    for part in (abandoned_messages, several_messages, pipelined_commands, vanished_client, generation_case):
        part(scene)


def abandoned_messages(scene):
    """RSET and a second EHLO end a message."""
    mark = scene.daemon.mark()
    with scene.connect(Message()) as client:
        client.mail("<one@outside.example>")
        client.rcpt("<bob@victim.example>")
        client.rset()
        client.mail("<two@outside.example>")
        client.rcpt("<bob@victim.example>")
        client.ehlo("again.outside.example")
        last = send(client, Message(sender="<three@outside.example>"))
        client.quit()
    events = [scene.daemon.verdict(mark, email__sender__address=f"{n}@outside.example")
              for n in ("one", "two", "three")]
    scene.tap.equal([get(e, "event.outcome") for e in events], ["unknown", "unknown", "success"],
                    f"{scene.name}: RSET and a second EHLO end a message without a verdict of ours", *events)
    scene.tap.ok(last.last.code == 250 and get(events[2], "mailreeve.helo") == "again.outside.example",
                 f"{scene.name}: the message after them is judged with the new EHLO", last, events[2])


def several_messages(scene):
    """Good and bad messages in one session, each with a verdict and an id of its own."""
    mark = scene.daemon.mark()
    message = Message()
    with scene.connect(message) as client:
        answers = [send(client, Message(sender=f"<m{n}@outside.example>", to=FOREIGN if n % 2 else message.to))
                   for n in range(6)]
        client.quit()
    events = [scene.daemon.verdict(mark, email__sender__address=f"m{n}@outside.example") for n in range(6)]
    scene.tap.equal([a.last.code for a in answers], [250, 550] * 3,
                    f"{scene.name}: six messages in a session, the answers")
    scene.tap.equal([get(e, "mailreeve.verdict") for e in events], ["accept", "reject"] * 3,
                    f"{scene.name}: six messages in a session, the verdicts")
    scene.tap.equal(len({get(e, "mailreeve.transaction") for e in events}), 6,
                    f"{scene.name}: each has an id of its own")


def pipelined_commands(scene):
    mark = scene.daemon.mark()
    with scene.connect(Message()) as client:
        answers = client.pipelined(["MAIL FROM:<p@outside.example>", "RCPT TO:<bob@victim.example>",
                                    "RCPT TO:<u@other.example>", "RCPT TO:<alice@victim.example>", "DATA"])
        client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        answers.append(client.answer())
        client.quit()
    event = scene.daemon.verdict(mark)
    good = [a.code for a in answers] == [250, 250, 550, 250, 354, 250] and get(event, "mailreeve.rcpt.accepted") == 2
    scene.tap.ok(good, f"{scene.name}: pipelined commands", *answers, event)


def vanished_client(scene):
    mark = scene.daemon.mark()
    with scene.connect(Message()) as client:
        client.mail("<gone@outside.example>")
        client.rcpt("<bob@victim.example>")
    event = scene.daemon.verdict(mark)
    scene.tap.equal(get(event, "event.outcome"), "unknown",
                    f"{scene.name}: a client that goes away in the middle", event)


def generation_case(scene):
    """A message that has begun ends under the policy it began with; the next one has the new policy."""
    outside = scene.address["outside"]
    old = scene.generation
    mark = scene.daemon.mark()
    with scene.connect(Message()) as client:
        client.mail("<old@outside.example>")
        scene.use(access=f': {{ deny = [ "{outside}/32" ] }}')
        rcpt = client.rcpt("<bob@victim.example>")
        done = client.data()
        refused = client.mail("<new@outside.example>")
        client.quit()
    first = scene.daemon.verdict(mark, email__sender__address="old@outside.example")
    second = scene.daemon.verdict(mark, email__sender__address="new@outside.example")
    scene.tap.equal((rcpt.code, done.code, refused.code), (250, 250, 554),
                    f"{scene.name}: reload in the middle of a message")
    scene.tap.equal((get(first, "rule.version"), get(second, "rule.version")), (old, scene.generation),
                    f"{scene.name}: each verdict names the generation that decided")
    scene.daemon.write("relay: { networks = [ \"0.0.0.0\" }\n")
    done = scene.daemon.command("reload", "-c", scene.daemon.policy)
    scene.tap.equal(done.returncode, 2, "a bad policy is refused at reload", done.stdout, done.stderr)
    scene.refused("the old policy is still in force after that", Message(), "mail", 554, "5.7.1", "access",
                  "access-denied")


def restart_case(scene):
    """Without the daemon mail is put off, never let through unjudged; when it is back, so is mail."""
    scene.daemon.stop()
    with scene.connect(Message()) as client:
        answers = send(client, Message(to=FOREIGN))
        client.quit()
    scene.tap.ok(answers.last.code == 451, f"{scene.name}: without mailreeved mail is put off", answers)
    mark = scene.daemon.mark()
    scene.daemon.start(policy(scene.groups))
    started = scene.daemon.wait_event(mark, lambda e: get(e, "event.action") == "started")
    scene.generation = get(started, "rule.version")
    scene.accepted("mail is taken again when mailreeved is back", Message())


EVERY = (relay_cases, access_cases, exists_cases, shield_cases, auth_cases, sender_cases, helo_cases, limit_cases,
         session_cases, restart_case)
