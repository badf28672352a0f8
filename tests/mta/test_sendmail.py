#!/usr/bin/python3
"""Every rule through a real Sendmail that relays for everybody: one message refused and one accepted, the SMTP answer
and the event line checked; hold. Sendmail conflicts with Postfix in Debian: contrib/check unpacks it beside."""

import sys

import cases
import mailserver
from mailserver import Folder, Mailreeved, Sendmail, Trouble, running
from scene import GROUPS, PASSWORDS, Scene, policy
from smtpclient import Client
from tap import Tap, skip_all


class SendmailScene(Scene):
    """Sendmail has no XCLIENT: addresses of loopback play the clients, and logins are real."""

    address = {"outside": "127.3.0.66", "trusted": "127.1.0.7", "other": "127.3.0.67"}
    listener = "MTA"
    groups = {**GROUPS, "networks": ': { trusted: { addresses = [ "127.1.0.0/16" ] } }'}

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


def main():
    root = mailserver.sendmail_root()
    reason = mailserver.why_not("m4", "unshare") or (None if root else
                                                     "Sendmail is not unpacked here; contrib/check does it")
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
        daemon.write(policy(SendmailScene.groups))
        server = Sendmail(folder, root, daemon.milter, PASSWORDS, relays=("relayed.example",), open_relay=True)
        with running(daemon, server):
            scene = SendmailScene(tap, daemon, server)
            for part in cases.EVERY:
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
