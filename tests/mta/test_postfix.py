#!/usr/bin/python3
"""Every rule through a real Postfix: one message refused and one accepted, the SMTP answer and the event line checked.
Then what SMTP sessions do besides: logins through Dovecot, STARTTLS, RSET, pipelining, the sendmail command, hold.

One Postfix, one Dovecot, one mailreeved: policies are put in force by `mailreeve reload`."""

import sys

import cases
import mailserver
from mailserver import Dovecot, Folder, Mailreeved, Postfix, Trouble, get, running, wait_for
from scene import FOREIGN, PASSWORDS, Message, Scene, policy, send
from smtpclient import Client
from tap import Tap, skip_all


class PostfixScene(Scene):
    """Clients and logins are played by XCLIENT."""

    address = {"outside": "203.0.113.66", "trusted": "198.51.100.7", "other": "203.0.113.67"}
    listener = "ORIGINATING"

    def __init__(self, tap, daemon, postfix):
        super().__init__(tap, daemon, "Postfix")
        self.postfix = postfix

    def connect(self, message):
        client = Client(getattr(self.postfix, message.port))
        client.ehlo()
        answer = client.xclient(address=self.address[message.client], login=message.login)
        if answer.code != 220:
            client.close()
            raise Trouble(f"XCLIENT: {answer}")
        client.ehlo(message.helo)
        return client

    def greeting_of_outside(self):
        with Client(self.postfix.open_port) as client:
            client.ehlo()
            answers = [client.xclient(address=self.address["outside"])]
            for words in ("EHLO client.outside.example", "MAIL FROM:<sender@outside.example>"):
                if answers[-1].code < 500:
                    answers.append(client.command(words))
            client.quit()
        return answers

    def held_sender(self, queue_id):
        held = [m for m in self.postfix.queue() if m["queue_name"] == "hold" and m["queue_id"] == queue_id]
        return held[0]["sender"] if held else f"not held; the queue has {self.postfix.queue()}"


def refused_by_postfix(scene):
    scene.use()
    scene.check("recipients that the mail server refuses itself are counted",
                Message(port="port", to=FOREIGN + ["<nobody-here@victim.example>", "<bob@victim.example>"]), "accepted",
                mailreeve__verdict="accept", mailreeve__rcpt__count=3, mailreeve__rcpt__accepted=1,
                mailreeve__rcpt__rejected_by_mta=2)
    _, _, lines = scene.check("nothing but recipients that the mail server refuses",
                              Message(port="port", to=FOREIGN), ("rcpt", 554, "5.7.1"), mailreeve__verdict="reject",
                              mailreeve__reason="mta-refused", mailreeve__rcpt__rejected_by_mta=1) or (0, 0, [])
    scene.tap.ok(not any(get(line, "event.action") == "alert" for line in lines),
                 "Postfix: a mail server that is closed is no alert", *lines)


def login_cases(scene):
    """Logins through Dovecot, and what makes Mailreeve forget them."""
    scene.use(sender=': { mode = "enforce" }')
    daemon, tap = scene.daemon, scene.tap
    for tls in (False, True):
        name = "Postfix: login by PLAIN " + ("over STARTTLS" if tls else "without TLS")
        for sender, code in (("alice", 250), ("bob", 553)):
            mark = daemon.mark()
            with Client(scene.postfix.login_port) as client:
                client.ehlo()
                if tls:
                    client.starttls()
                    client.ehlo()
                login = client.login("alice@victim.example", PASSWORDS["alice@victim.example"])
                answers = send(client, Message(sender=f"<{sender}@victim.example>", to=FOREIGN))
                client.quit()
            event = daemon.verdict(mark, user__name="alice@victim.example")
            good = login.code == 235 and answers.last.code == code and \
                get(event, "mailreeve.listener") == "ORIGINATING" and bool(get(event, "tls.version")) == tls
            tap.ok(good, f"{name}, sender {sender}", login, answers, event)
    forgotten_login(scene)


def forgotten_login(scene):
    mark = scene.daemon.mark()
    with Client(scene.postfix.open_port) as client:
        client.ehlo()
        client.login("alice@victim.example", PASSWORDS["alice@victim.example"])
        client.starttls()
        client.ehlo()
        answers = send(client, Message(sender="<alice@victim.example>", to=FOREIGN))
        client.quit()
    event = scene.daemon.verdict(mark)
    scene.tap.ok(answers.last.code == 550 and get(event, "user.name") is None and get(event, "rule.id") == "relay",
                 "Postfix: STARTTLS forgets the login", answers, event)


def command_cases(scene):
    """Mail by the sendmail command: refused at the end of the message, bounced to its sender, not stuck."""
    scene.use(relay=': { networks = [ "trusted" ]  local_submission = false }')
    tap, postfix = scene.tap, scene.postfix
    for to, verdict in (("bob@victim.example", "accept"), ("u@other.example", "reject")):
        mark = scene.daemon.mark()
        postfix.sendmail(["-f", "web@victim.example", to], "From: web@victim.example\nSubject: by command\n\nA line.\n")
        event = scene.daemon.verdict(mark, email__sender__address="web@victim.example")
        tap.equal(get(event, "mailreeve.verdict"), verdict, f"Postfix: the sendmail command to {to}", event)
        tap.equal(get(event, "mailreeve.stage"), "end", "Postfix: it is decided at the end of the message")
    wait_for("a queue without it", lambda: not [m for m in postfix.queue() if m["queue_name"] != "hold"])
    log = postfix.maillog()
    tap.ok("milter-reject: END-OF-MESSAGE" in log and "can't reject recipient" not in log,
           "Postfix: a refused message of the command is bounced and does not stay in the queue", log[-1500:])
    scene.use(mode='= "observe"', relay=': { networks = [ "trusted" ] }')
    scene.accepted("mode = observe: no rule refuses", Message(to=FOREIGN), mailreeve__would=["relay"])


def main():
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    tap = Tap()
    folder = Folder()
    try:
        daemon = Mailreeved(folder)
        daemon.write(policy())
        dovecot = Dovecot(folder, PASSWORDS)
        postfix = Postfix(folder, daemon.milter, dovecot.socket, relays=("relayed.example",),
                          networks=("198.51.100.0/24", "[2001:db8:1::]/48"), own_addresses=("192.0.2.25",))
        with running(dovecot, daemon, postfix):
            scene = PostfixScene(tap, daemon, postfix)
            for part in (*cases.EVERY, refused_by_postfix, login_cases, command_cases):
                try:
                    part(scene)
                except (Trouble, OSError) as trouble:
                    tap.ok(False, f"{part.__name__} can be played", repr(trouble))
        mailserver.check_event_lines(tap, daemon)
    except Trouble as trouble:
        tap.ok(False, "the servers start", trouble)
    finally:
        folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
