#!/usr/bin/python3
"""Every rule through a real Sendmail that relays for everybody: one message refused and one accepted, the SMTP answer
and the event line checked; hold. Sendmail conflicts with Postfix in Debian: contrib/check unpacks it beside."""

import sys

import cases
import mailserver
from mailserver import Folder, Mailreeved, Sendmail, Trouble, get, private_network, running
from scene import FOREIGN, GROUPS, PASSWORDS, Message, Scene, policy, send
from smtpclient import Client
from tap import Tap, skip_all


# Clients, when this process may have a network of its own; else addresses of 127.0.0.0/8 play them.
CLIENTS = {"outside": "203.0.113.66", "trusted": "198.51.100.7", "other": "203.0.113.67"}
LOOPBACK_CLIENTS = {"outside": "127.3.0.66", "trusted": "127.1.0.7", "other": "127.3.0.67"}


class SendmailScene(Scene):
    """Sendmail has no XCLIENT: addresses of loopback play the clients, and logins are real."""

    address = CLIENTS
    listener = "MTA"
    short_bob = "bob"

    def __init__(self, tap, daemon, server):
        super().__init__(tap, daemon, "Sendmail")
        self.server = server

    def connect(self, message):
        client = Client(self.server.port, self.address[message.client])
        client.ehlo(message.helo)
        if message.login:
            answer = client.login(message.login, PASSWORDS[message.login])
            if answer.code != 235:
                client.close()
                raise Trouble(f"AUTH: {answer}")
        return client

    def greeting_of_outside(self):
        with Client(self.server.port, self.address["outside"]) as client:
            answers = [client.greeting]
            for words in ("EHLO client.outside.example", "MAIL FROM:<sender@outside.example>"):
                if answers[-1].code < 500:
                    answers.append(client.command(words))
            client.quit()
        return answers

    def held_sender(self, queue_id):
        queue = self.server.queue()
        text = queue.get("hf" + queue_id)
        senders = [line[1:].strip("<>") for line in (text or "").splitlines() if line.startswith("S")]
        return senders[0] if senders else f"not held; the queue has {list(queue)}"


def refused_by_sendmail(scene):
    """Sendmail tells the milter of unknown users that it refuses, not of relay attempts."""
    scene.use()
    scene.check("recipients that the mail server refuses itself are counted",
                Message(to=["<nobody-here@victim.example>", "<bob@victim.example>"]), "accepted",
                mailreeve__verdict="accept", mailreeve__rcpt__count=2, mailreeve__rcpt__accepted=1,
                mailreeve__rcpt__rejected_by_mta=1)


def tls_login(scene):
    mark = scene.daemon.mark()
    with scene.connect(Message()) as client:
        client.starttls()
        client.ehlo()
        client.login("alice@victim.example", PASSWORDS["alice@victim.example"])
        answers = send(client, Message(sender="<alice@victim.example>", to=FOREIGN))
        client.quit()
    event = scene.daemon.verdict(mark)
    scene.tap.ok(answers.last.code == 250 and get(event, "user.name") == "alice@victim.example" and
                 get(event, "tls.version"), "Sendmail: a login over STARTTLS", answers, event)
    forgotten_login(scene)


def forgotten_login(scene):
    """RFC 3207 4.2 wants the login forgotten. A Sendmail that keeps it goes on telling it to the milter."""
    with scene.connect(Message(login="alice@victim.example")) as client:
        client.starttls()
        client.ehlo()
        answers = send(client, Message(sender="<alice@victim.example>", to=FOREIGN))
        again = client.login("alice@victim.example", PASSWORDS["alice@victim.example"])
        client.quit()
    name = "Sendmail: STARTTLS forgets the login"
    if again.code == 503:
        scene.tap.skip(name, "this Sendmail keeps it (503 Already Authenticated), and a milter cannot see that")
    else:
        scene.tap.equal(answers.last.code, 550, name, answers)


def command_cases(scene):
    """Mail by the sendmail command comes to Sendmail by SMTP over loopback: refused like other mail, and bounced."""
    for networks, verdict in (('"trusted"', "reject"), ('"trusted", "@loopback"', "accept")):
        scene.use(relay=f': {{ mode = "enforce"  networks = [ {networks} ] }}')
        mark = scene.daemon.mark()
        done, left = scene.server.submit(["-f", "alice@victim.example", "u@other.example"],
                                         "From: alice@victim.example\nSubject: by command\n\nA line.\n")
        event = scene.daemon.verdict(mark, email__sender__address="alice@victim.example")
        scene.tap.equal(get(event, "mailreeve.verdict"), verdict,
                        f"Sendmail: the sendmail command, networks {networks}", event, done)
        scene.tap.equal(list(left), [], "Sendmail: nothing stays in the command's own queue", done)


def main():
    root = mailserver.sendmail_root()
    reason = mailserver.why_not("m4", "unshare") or mailserver.why_no_sendmail()
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    private = private_network(CLIENTS.values())
    if not private:
        SendmailScene.address = LOOPBACK_CLIENTS
        SendmailScene.groups = {**GROUPS, "networks": ': { trusted: { addresses = [ "127.1.0.0/16" ] } }'}
    tap = Tap()
    folder = Folder()
    try:
        daemon = Mailreeved(folder)
        daemon.write(policy(SendmailScene.groups))
        server = Sendmail(folder, root, daemon.milter, PASSWORDS, relays=("relayed.example",), open_relay=True)
        with running(daemon, server):
            scene = SendmailScene(tap, daemon, server)
            for part in (*cases.EVERY, refused_by_sendmail, tls_login, command_cases):
                if part is cases.helo_cases and not private:
                    tap.skip("Sendmail: helo", "needs a network of its own: a client on loopback is this host itself")
                    continue
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
