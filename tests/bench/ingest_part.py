"""The part of the benchmark about logs: lines a second of "mailreeve ingest". Used by bench.py."""
import json
import os
import subprocess
import time

import policies

LINES = 400000
FOLLOWED = 100000  # told to the daemon: all of them are logins

# What a busy server writes for a message, and what an attacker makes it write.
MAIL = ("postfix/smtpd[71]: connect from mail-7.example.net[198.51.100.7]",
        "postfix/smtpd[71]: 4ZkX0v2Bz9z1Y: client=mail-7.example.net[198.51.100.7]",
        "postfix/cleanup[72]: 4ZkX0v2Bz9z1Y: message-id=<20261122@example.net>",
        "postfix/qmgr[2]: 4ZkX0v2Bz9z1Y: from=<a@example.net>, size=4711, nrcpt=1 (queue active)",
        "postfix/lmtp[9]: 4ZkX0v2Bz9z1Y: to=<b@bench.example>, relay=x[private/lmtp], delay=1, dsn=2.0.0, status=sent (ok)",
        "postfix/qmgr[2]: 4ZkX0v2Bz9z1Y: removed",
        "postfix/smtpd[71]: disconnect from mail-7.example.net[198.51.100.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
        "dovecot: lmtp(b)<9><aGVsbG8>: msgid=<20261122@example.net>: saved mail to INBOX",
        "dovecot: imap-login: Login: user=<b@bench.example>, method=PLAIN, rip=198.51.100.%d, lip=192.0.2.25, mpid=9, TLS, "
        "session=<kX8b2q7+AbDAAAIH>")
BAD = ("postfix/submission/smtpd[71]: warning: unknown[203.0.113.%d]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, "
       "sasl_username=user@bench.example",
       "dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<user@bench.example>, "
       "method=PLAIN, rip=203.0.113.%d, lip=192.0.2.25, TLS, session=<kX8b2q7+AbDAAAIH>")


def write_log(path, texts, lines):
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime())
    with open(path, "w", encoding="ascii") as file:
        for i in range(lines):
            text = texts[i % len(texts)]
            file.write("%s mx1 %s\n" % (stamp, text % (i // len(texts) % 250) if "%d" in text else text))
    return path


def read(bench, *arguments):
    """The summary, and seconds of the wall clock."""
    begun = time.monotonic()
    result = subprocess.run([bench.program("milter/ctl/mailreeve"), "ingest", "--json", *arguments],
                            stdout=subprocess.PIPE if "--facts" not in arguments else subprocess.DEVNULL,
                            stderr=subprocess.PIPE, check=True)
    said = result.stderr if "--facts" in arguments else result.stdout
    return json.loads(said), time.monotonic() - begun


def run(bench, figure, say):
    logs = {"mail": write_log(os.path.join(bench.folder, "mail.log"), MAIL, LINES),
            "attack": write_log(os.path.join(bench.folder, "attack.log"), BAD, LINES)}
    for name, path in logs.items():
        say("ingest: %d lines, %s" % (LINES, name))
        rounds = [read(bench, "--facts", path) for _ in range(min(5, bench.options.rounds))]
        wanted = LINES if name == "attack" else LINES // len(MAIL)
        if any(abs(said["logins"] + said["failures"] - wanted) > 1 for said, _ in rounds):
            raise SystemExit("bench: ingest found %r" % (rounds[0][0],))
        figure("ingest.%s.lines_per_second" % name, [LINES / seconds for _, seconds in rounds], "lines/s", (">=", 100000),
               digits=0)
    told(bench, figure, say)


def told(bench, figure, say):
    """Logins told to a daemon that screens."""
    say("ingest: %d failed logins told to mailreeved" % FOLLOWED)
    file = policies.write(os.path.join(bench.folder, "ingest"), 1000)
    with open(file, "a", encoding="ascii") as policy:
        policy.write('screen: { mode = "enforce" }\nlogin_feed: { listen = "" }\n')
    path = write_log(os.path.join(bench.folder, "told.log"), BAD, FOLLOWED)
    rates = []
    for number in range(min(3, bench.options.rounds)):
        server = bench.serve("ingest-%d" % number, file)
        said, seconds = read(bench, "-c", file, path)
        if said["refused"] or said["not_told"] or said["old"]:
            raise SystemExit("bench: mailreeved did not take all: %r" % (said,))
        rates.append(FOLLOWED / seconds)
        server.stop()
    bench.stop_servers()
    figure("ingest.told.logins_per_second", rates, "logins/s", digits=0)
