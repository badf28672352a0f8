#!/usr/bin/python3
"""Mail servers that are odd, many, or only knock; limits on them.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import contextlib
import os
import random
import resource
import socket
import struct

from runner import await_queue_id, await_verdicts, main, sanitizer, spawn_limited, tap, test
from daemon import wait_for
import milterclient as mc


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
    for path in (b"<a\x1b[31m@x.example>", b"<%n%s%s@x.example>", b"<\xff\xfe@x.example>",
                 b"<" + b"a" * 50000 + b"@x>", b"", b"<>"):
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
def connection_used_again(d):
    """A mail server may keep the milter connection for its next client, without a new negotiation."""
    d.start()
    s = mc.opened(d.socket, address="192.0.2.200")
    s.mail(login="alice")
    s.abort()
    s.send("K")
    s.connect(address="203.0.113.9")
    s.helo()
    s.mail()
    tap.equal(s.rcpt("<a@foreign.example>")[:9], "550 5.7.1", "nothing of the client before is left")
    tap.equal(s.rcpt(), "continue", "our recipient is taken")
    tap.equal(s.end_of_message("4AGAIN"), "continue", "the message ends")
    s.quit()
    tap.equal(await_queue_id(d, "4AGAIN")["source"]["ip"], "203.0.113.9", "the address is that of the next client")


def noise(source, size):
    return bytes(source.choices(b"\0\0\0\1 <>@%:ajMRLEDCHO{}\n\xff", k=source.randrange(size)))


def one_random_session(path, source):
    """Steps of the protocol in any order, some with noise in them, some cut off."""
    s = mc.Session(path, timeout=5)
    if source.random() < 0.9:
        s.negotiate(steps=source.choice((mc.ALL_STEPS, mc.OLD_STEPS, mc.SKIP)))
    if source.random() < 0.8:
        s.send("C", b"host\0" + source.choice((b"4\x9c\x40192.0.2.7\0", b"U", b"4\0\0" + noise(source, 20) + b"\0")))
        s.send("H", noise(source, 30) + b"\0")
    for _ in range(source.randrange(12)):
        command = source.choice("DDMMRRRLNBEAQKTUX")
        data = noise(source, 60)
        if command == "D":
            # A name without a value makes libmilter itself read beyond its list (smfi_getsymval, seen in 8.17.1.9).
            data = data.replace(b"\0", b"?")
            name = source.choice((b"i", b"{auth_authen}", b"{rcpt_addr}"))
            data = source.choice((b"M", b"R", b"E", b"C", b"")) + name + b"\0" + data + b"\0"
        elif command in "MRL":
            data = b"<" + data + b">\0" + source.choice((b"", b"SIZE=99\0"))
        s.send(command, data)
    if source.random() < 0.5:
        s.socket.sendall(noise(source, 8))
    s.socket.shutdown(socket.SHUT_WR)
    while s.socket.recv(4096):
        pass
    s.drop()


@test
def random_mail_servers(d):
    """The same noise each time; MAILREEVE_NOISE says how many sessions."""
    d.start()
    worker = d.worker()
    source = random.Random(20261121)
    count = int(os.environ.get("MAILREEVE_NOISE", "1000"))
    for _ in range(count):
        with contextlib.suppress(OSError, mc.Gone, AssertionError, struct.error):
            one_random_session(d.socket, source)
    s = mc.opened(d.socket)
    tap.equal(s.message(queue_id="4QUIET"), ["continue"] * 3, f"mail passes after {count} random sessions")
    s.quit()
    await_queue_id(d, "4QUIET")
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
    tap.ok(wait_for("descriptors closed", lambda: len(os.listdir(f"/proc/{pid}/fd")) < 40),
           "no descriptor is left open")
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
    d.write(max_sessions="500")
    spawn_limited(d, few)
    limit = resource.prlimit(d.worker(), resource.RLIMIT_NOFILE)
    tap.ok(limit == (564, 564) or "only 80 files may be open" in d.messages(),
           "the limit on open files is raised, or that it is too low is said", limit, d.messages())


main()
