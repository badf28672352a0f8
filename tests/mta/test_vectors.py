#!/usr/bin/python3
"""Types every vector of tests/corpus/relay that can be typed, through real mail servers with mailreeved attached:
Postfix twice (where it relays for nobody, and where it relays for everybody, so that only the milter refuses), and a
selection through a Sendmail that relays for everybody."""

import sys

import mailserver
import vectors
from mailserver import Folder, Mailreeved, Postfix, Sendmail, Dovecot, Trouble, get, running
from smtpclient import Client, Gone
from tap import Tap, skip_all

PASSWORD = "alice-secret"
# Sendmail knows no XCLIENT: there these loopback addresses play the clients, and the policy says so.
LOOPBACK = {"outside": "127.3.0.66", "trusted": "127.1.0.7"}
OURS = ("Relaying denied", "Bad recipient address", "not owned by this login")


def policy_text(name="reference"):
    with open(vectors.policy(name), encoding="utf-8") as source:
        return source.read()


def play_as(client, vector):
    """XCLIENT for the client and the login of the vector."""
    login = vector.get("login")
    if login and "@" not in login:
        login += "@victim.example"
    answer = client.xclient(address=vectors.address(vector), login=login, name=vector.get("client_name"))
    if answer.code != 220:
        raise Trouble(f"XCLIENT: {answer}")
    if "xclient_again" in vector and client.xclient(address=vector["xclient_again"]).code < 500:
        raise Trouble("XCLIENT was not refused")


def type_message(client, vector):
    """Types the message up to the recipient. Returns the answer that decided."""
    client.ehlo(vector.get("helo", "client.outside.example"))
    if vector["from"] is not None:
        answer = client.mail(vector["from"])
        if answer.code >= 400:
            return answer
    for path in vector.get("before", []):
        client.rcpt(path)
    return client.rcpt(vectors.path_bytes(vector))


def through_postfix(port, vector):
    with Client(port) as client:
        client.ehlo()
        play_as(client, vector)
        answer = type_message(client, vector)
        client.quit()
        return answer


def is_ours(answer):
    """Mailreeve's own refusals, as lib/model/reason.def has them."""
    return any(text in answer.text for text in OURS) and "syntax" not in answer.text


def judge_closed(vector, answer):
    if vectors.expected(vector, True) == "pass" and "postfix" not in vector:
        return answer.code == 250
    return answer.code >= 500


def judge_open(vector, answer):
    if vector.get("postfix") == "refuses":
        return answer.code >= 500
    if vectors.expected(vector, True) == "pass":
        return answer.code == 250
    return answer.code >= 500 and is_ours(answer)


def postfix_part(tap, folder, every):
    daemon = Mailreeved(folder)
    daemon.write(policy_text())
    dovecot = Dovecot(folder, {"alice@victim.example": PASSWORD})
    postfix = Postfix(folder, daemon.milter, dovecot.socket, domains=("victim.example", "xn--bcher-kva.example"),
                      relays=("relayed.example",), networks=("198.51.100.0/24", "[2001:db8:1::]/48"),
                      own_addresses=("192.0.2.25", "2001:db8:25::25"))
    with running(dovecot, daemon, postfix):
        for vector in every:
            if vector["expect"] == "policy-error" or "later" in vector or vector["client"] == "command":
                continue
            for kind, port, judge in (("closed", postfix.port, judge_closed), ("open", postfix.open_port, judge_open)):
                name = f"Postfix, {kind}: {vector['name']}: {vector['why']}"
                if vector.get("typed") is False:
                    tap.skip(name, vector["untyped"])
                    continue
                try:
                    answer = through_postfix(port, vector)
                    tap.ok(judge(vector, answer), name, f"to {vector['to']!r}", f"answer {answer}")
                except (Trouble, Gone, OSError) as trouble:
                    tap.ok(False, name, repr(trouble))
        command_part(tap, daemon, postfix)
    return daemon


def command_part(tap, daemon, postfix):
    """Mail of the host itself, by the sendmail command: it may leave, or not."""
    for policy, wanted in (("reference", "accept"), ("no-local-submission", "reject")):
        daemon.reload(policy_text(policy))
        mark = daemon.mark()
        postfix.sendmail(["-f", "alice@victim.example", "u@other.example"], "Subject: by command\n\nA line.\n")
        try:
            event = daemon.verdict(mark)
            tap.equal(get(event, "mailreeve.verdict"), wanted, f"Postfix, sendmail command, under {policy}.conf")
        except Trouble as trouble:
            tap.ok(False, f"Postfix, sendmail command, under {policy}.conf", trouble)


def fits_sendmail(vector):
    return vector.get("typed") is not False and vector["client"] in LOOPBACK and "xclient_again" not in vector and \
        vector["expect"] != "policy-error" and "later" not in vector and "client_name" not in vector and \
        vector.get("login") in (None, "alice") and "policy" not in vector


def judge_sendmail(vector, answer):
    """What Sendmail lets through must be what we let through; it may refuse more by itself."""
    if "expect_with_view" in vector:
        return answer.code == 250 or answer.code >= 500
    if vector.get("sendmail", vector["expect"]) == "refuse":
        return answer.code >= 500
    return answer.code == 250 or not is_ours(answer)


def through_sendmail(server, vector):
    with Client(server.port, LOOPBACK[vector["client"]]) as client:
        client.ehlo()
        if vector.get("login"):
            answer = client.login("alice@victim.example", PASSWORD)
            if answer.code != 235:
                raise Trouble(f"AUTH: {answer}")
        answer = type_message(client, vector)
        client.quit()
        return answer


def sendmail_part(tap, folder, every):
    root, reason = mailserver.sendmail_root(), mailserver.why_no_sendmail()
    if reason:
        tap.skip("Sendmail: a selection of the vectors", reason)
        return None
    daemon = Mailreeved(folder)
    daemon.write(policy_text().replace("198.51.100.0/24", "127.1.0.0/16"))
    server = Sendmail(folder, root, daemon.milter, {"alice@victim.example": PASSWORD}, open_relay=True,
                      domains=("victim.example", "xn--bcher-kva.example"), relays=("relayed.example",))
    with running(daemon, server):
        for vector in filter(fits_sendmail, every):
            name = f"Sendmail, open: {vector['name']}: {vector['why']}"
            try:
                answer = through_sendmail(server, vector)
                tap.ok(judge_sendmail(vector, answer), name, f"to {vector['to']!r}", f"answer {answer}")
            except (Trouble, Gone, OSError) as trouble:
                tap.ok(False, name, repr(trouble))
    return daemon


def main():
    reason = mailserver.why_not("postfix", "dovecot")
    if reason:
        skip_all(reason)
    try:
        mailserver.build_folder()
    except Trouble as trouble:
        skip_all(trouble)
    tap = Tap()
    every = vectors.load()
    for part in (postfix_part, sendmail_part):
        folder = Folder()
        try:
            daemon = part(tap, folder, every)
            if daemon:
                mailserver.check_event_lines(tap, daemon)
        except Trouble as trouble:
            tap.ok(False, f"the servers of {part.__name__} work", trouble)
        finally:
            folder.remove()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
