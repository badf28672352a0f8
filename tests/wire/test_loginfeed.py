#!/usr/bin/python3
"""The login feed: what Dovecot and clients of weakforced ask over HTTP, and what hostile clients try.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import base64
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import stat
import time

import daemon
from daemon import wait_for
from runner import RULES, main, sanitizer, tap, test

KEYS = ("the-first-key-of-the-feed-0001", "the-second-key-of-the-feed-0002")
LOGIN = {"device_id": "", "login": "joe@victim.example", "protocol": "imap", "pwhash": "0dd2", "remote": "203.0.113.7",
         "session_id": "abc", "tls": True}
ALLOW = json.dumps(LOGIN)
REPORT = json.dumps({**LOGIN, "success": False, "policy_reject": False})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def feed_text(d, keys=KEYS[:1], listen=None, **more):
    """The policy's group login_feed; the keys are in files."""
    files = []
    for i, key in enumerate(keys):
        path = os.path.join(d.folder, "key%d" % i)
        with open(path, "w") as file:
            file.write(key + "\n")
        os.chmod(path, 0o600)
        files.append('"file:%s"' % path)
    more = "".join(" %s = %s" % setting for setting in more.items())
    return 'login_feed: { listen = "%s" keys = [ %s ]%s }\n' % (listen or "inet:%d@127.0.0.1" % d.port, ", ".join(files), more)


def start(d, rules=RULES, **settings):
    d.port = free_port()
    d.start(rules + feed_text(d, **settings))
    return d


def reload(d, text, generation):
    d.write(text)
    d.send(signal.SIGHUP)
    d.await_note("generation %d" % generation)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def connect(d):
    return http.client.HTTPConnection("127.0.0.1", d.port, timeout=20)


def ask(connection, command="allow", body=ALLOW, key=KEYS[0], method="POST", target=None, **headers):
    """The HTTP status and the answer as JSON. A server that ends the connection is connected to again next time."""
    if key is not None:
        headers["X-API-Key"] = key
    connection.request(method, target or "/?command=" + command, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text else None


def basic(password, user="wforce"):
    return "Basic " + base64.b64encode((user + ":" + password).encode()).decode()


def raw(d, data, key=KEYS[0]):
    """Sends bytes and returns all that comes until the server ends the connection; None if it does not."""
    with socket.create_connection(("127.0.0.1", d.port), 20) as s:
        s.settimeout(20)
        got = b""
        try:
            s.sendall(data.replace(b"KEY", b"X-API-Key: " + key.encode()))
            while True:
                part = s.recv(65536)
                if not part:
                    return got
                got += part
        except ConnectionError:
            return got
        except socket.timeout:
            return None


def answers_in(got):
    """The HTTP status of each answer in what a server sent, as a client reads it: nothing counts behind "Connection: close"
    (where libmicrohttpd 0.9.75 says its own refusals a second time)."""
    found, closed = [], False
    while got.startswith(b"HTTP/1.") and not closed:
        head, _, got = got.partition(b"\r\n\r\n")
        found.append(int(head.split(b" ")[1]))
        closed = b"\r\nConnection: close" in head
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        got = got[int(length.group(1)) if length else 0:]
    return found


# ---- What is asked ----

@test
def dovecot_asks(d):
    start(d)
    c = connect(d)
    for name, body in (("2.3", {}), ("2.4", {"fail_type": "credentials"}), ("2.4 of a success", {"fail_type": "", "success": True})):
        tap.equal(ask(c), (200, {"status": 0, "msg": ""}), f"allow as Dovecot {name} sends it")
        said = {**LOGIN, "success": False, "policy_reject": False, **body}
        tap.equal(ask(c, "report", json.dumps(said)), (200, {"status": 0, "msg": ""}), f"report as Dovecot {name} sends it")
    tap.ok(c.sock is not None, "one connection serves them all")
    for target in ("/?command=allow", "/a/path/?command=allow", "/a?x=1&command=allow", "/?&command=allow"):
        tap.equal(ask(c, target=target)[0], 200, "target " + target)
    tap.equal(answers_in(raw(d, b"POST ?command=allow HTTP/1.1\r\nHost: x\r\nKEY\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")),
              [200], "a target without a path")
    tap.equal(answers_in(raw(d, b"POST /?command=allow HTTP/1.0\r\nKEY\r\nContent-Length: 2\r\n\r\n{}")), [200], "HTTP/1.0")
    tap.equal(answers_in(raw(d, (POST + b"Content-Length: 2\r\n\r\n{}") * 3 + HIDDEN)), [200] * 4, "requests one behind the other")
    many = {"X-%02d" % i: "y" * 50 for i in range(58)}
    tap.equal(ask(c, **many)[0], 200, "a header of 3.8 KiB in 62 fields")
    c.request("POST", "/?command=allow", ALLOW, {"X-API-Key": KEYS[0], "Expect": "100-continue"})
    tap.equal(c.getresponse().status, 200, "Expect: 100-continue")


@test
def words_of_weakforced(d):
    start(d)
    c = connect(d)
    tuple_ = json.dumps({"login": "joe", "remote": "203.0.113.8", "pwhash": "cc04", "success": False,
                         "attrs": {"a": "b", "list": ["c", "d"]}})
    tap.equal(ask(c, "allow", tuple_)[0], 200, "a login tuple with attributes: allow")
    tap.equal(ask(c, "report", tuple_)[0], 200, "and report")
    code, answer = ask(c, "getDBStats", '{"ip":"203.0.113.8"}')
    tap.equal((code, answer["blacklisted"], type(answer["status"]), answer["stats"]), (200, False, int, {}), "getDBStats", answer)
    tap.equal(ask(c, "ping", None, method="GET"), (200, {"status": "ok"}), "ping")
    tap.equal(ask(c, "ping", ""), (200, {"status": "ok"}), "ping by POST")
    code, answer = ask(c, "reset", '{"ip":"203.0.113.8"}')
    tap.ok(code == 501 and "mailreeve unblock" in answer["msg"], "reset names what to do instead", code, answer)
    for command in ("getBL", "addBLEntry", "stats", "syncDBs", "", "Allow", "allow%00", "allow%26command=report"):
        code, answer = ask(c, command)
        tap.ok(code == 404 and answer["status"] == 0, f"no command {command}: 404 and JSON", code, answer)
    tap.equal(ask(c, target="/?command=allow&command=report")[0], 404, "two commands at once")
    tap.equal(ask(c, target="/")[0], 404, "no command")
    for method, command in (("GET", "allow"), ("PUT", "allow"), ("DELETE", "report"), ("HEAD", "ping"), ("OPTIONS", "ping")):
        tap.equal(ask(c, command, method=method)[0], 405, f"{method} {command}")


@test
def keys(d):
    start(d, keys=KEYS)
    c = connect(d)
    for key in KEYS:
        tap.equal(ask(c, key=key)[0], 200, "X-API-Key")
        tap.equal(ask(c, key=None, Authorization=basic(key))[0], 200, "Basic, whoever the user is")
        tap.equal(ask(c, key=None, Authorization=basic(key, ""))[0], 200, "Basic without a user")
    refusals = set()
    for key in ("", "x", KEYS[0][:-1], KEYS[0] + "x", KEYS[0].upper(), "y" * 2000):
        refusals.add(str(ask(c, key=key)))
        refusals.add(str(ask(c, key=None, Authorization=basic(key))))
    for authorization in ("Basic", "Basic ", "Basic %%%", "Basic " + base64.b64encode(KEYS[0].encode()).decode(),
                          "Bearer " + KEYS[0], basic(KEYS[0])[6:]):
        refusals.add(str(ask(c, key=None, Authorization=authorization)))
    refusals.add(str(ask(c, key=None)))
    refusals.add(str(ask(c, key=None, command="nonsense")))
    refusals.add(str(ask(c, key=None, method="GET", command="ping", body=None)))
    tap.equal(refusals, {str((401, {"status": 0, "msg": "Unauthorized"}))}, "whatever does not fit gets the same 401")
    wait_for("message", lambda: "showed no key of login_feed.keys" in d.messages())
    tap.ok(KEYS[0][:10] not in d.messages(), "the administrator is told, without a key")


@test
def keys_change(d):
    start(d)
    old, new = connect(d), connect(d)
    ask(old)
    ask(new)
    socket_of_old = old.sock
    reload(d, RULES + feed_text(d, KEYS), 2)
    tap.equal((ask(old)[0], ask(new, key=KEYS[1])[0]), (200, 200), "both keys fit after the first reload")
    reload(d, RULES + feed_text(d, KEYS[1:]), 3)
    tap.equal(ask(new, key=KEYS[1])[0], 200, "the new key fits after the second one")
    tap.ok(old.sock is socket_of_old, "no connection was dropped")
    tap.equal(ask(old)[0], 401, "the old key fits no more")


@test
def bodies(d):
    start(d)
    c = connect(d)
    good = {
        "nothing in it": b"{}", "an empty login": b'{"login":""}', "booleans as texts": b'{"success":"true","policy_reject":"no"}',
        "a login that is a number": b'{"login":12345}', "booleans as numbers": b'{"success":1}', "null": b'{"login":null,"success":null}',
        "8-bit, no UTF-8": b'{"login":"j\xf6rg@victim.example"}', "UTF-8": '{"login":"jörg"}'.encode(),
        "cut UTF-8": b'{"login":"j\xc3"}', "overlong UTF-8": b'{"login":"\xc0\xae\xf8\x88\x80\x80\x80"}',
        "a surrogate in UTF-8": b'{"login":"\xed\xa0\x80"}', "escapes": b'{"login":"\\u00e4\\n\\t\\"\\\\"}',
        "a long login": b'{"login":"' + b"x" * 60000 + b'"}', "no address": b'{"remote":"not an address"}',
        "white space around": b" \r\n{}\r\n ", "unknown members": b'{"x":[[[1.5e3]]],"y":{"z":null}}',
        "65,536 bytes": b'{"x":"' + b"y" * (65536 - 8) + b'"}', "brackets in a text": b'{"x":"' + b"[" * 1000 + b'"}',
    }
    bad = {
        "empty": b"", "cut": b'{"login":"joe"', "no object": b"[]", "a text": b'"x"', "two objects": b"{}{}", "NUL in a text": b'{"login":"a\x00b"}',
        "NUL by escape": b'{"login":"a\\u0000b"}', "half a surrogate": b'{"login":"\\ud800"}', "a member twice": b'{"login":"a","login":"b"}',
        "levels without end": b'{"x":' + b"[" * 30000 + b"]" * 30000 + b"}", "a login that is a list": b'{"login":["a"]}',
        "success that is a word": b'{"success":"perhaps"}', "form data": b"login=joe&success=true", "only 0xff": b"\xff" * 500,
        "a number without end": b'{"login":' + b"9" * 5000 + b"}",
    }
    for command in ("allow", "report", "getDBStats"):
        for name, body in good.items():
            code, answer = ask(c, command, body)
            tap.ok(code == 200 and isinstance(answer["status"], int) and isinstance(answer["msg"], str), f"{command}, {name}: understood",
                   code, answer)
        for name, body in bad.items():
            code, answer = ask(c, command, body)
            tap.ok(code == 400 and answer["status"] == 0 and answer["msg"], f"{command}, {name}: 400 and JSON", code, answer)
    tap.equal(ask(c, body=b" " * 65537)[0], 413, "65,537 bytes")


# ---- What the engine says ----

def try_login(c, login, address, pwhash, protocol="imap"):
    """A failed login as Dovecot asks and reports it; the answer of allow."""
    body = {**LOGIN, "login": login, "remote": address, "pwhash": pwhash, "protocol": protocol}
    code, answer = ask(c, "allow", json.dumps(body))
    ask(c, "report", json.dumps({**body, "success": False, "policy_reject": answer["status"] < 0}))
    return answer["status"] if code == 200 else code


SCREEN = RULES + 'screen: { mode = "enforce" login_failures = [ "10/1h" ] tarpit = "5s" block = [ "1h" ] }\n'


@test
def wrong_passwords(d):
    start(d, SCREEN)
    c = connect(d)
    for i in range(40):
        try_login(c, "user%d@victim.example" % i, "203.0.113.8", "%04x" % i)
    blocked = d.await_action("source-blocked")[0]
    tap.ok("203.0.113.8" in json.dumps(blocked), "wrong passwords of many logins block their source", blocked)
    code, answer = ask(c, "allow", json.dumps({**LOGIN, "remote": "203.0.113.8"}))
    tap.ok(code == 200 and answer["status"] == -1 and answer["msg"], "which is refused from then on", code, answer)
    tap.ok(d.await_action("login-refused"), "with an event line")
    tap.equal(ask(c, "getDBStats", '{"ip":"203.0.113.8","login":"joe"}')[1]["blacklisted"], True, "getDBStats says so too")
    tap.equal(ask(c, "allow", json.dumps({**LOGIN, "remote": "203.0.113.9"})), (200, {"status": 0, "msg": ""}), "its neighbour is not")
    stale = [try_login(c, "phone@victim.example", "203.0.113.20", "0abc") for _ in range(60)]
    tap.ok(all(status >= 0 for status in stale), "the same wrong password 60 times harms nobody", stale)
    tap.equal(sum(e["event"]["action"] == "source-blocked" for e in d.events()), 1, "no other source is blocked")
    before = len(d.events())
    for i in range(200):
        ask(c, "allow", json.dumps({**LOGIN, "login": "x%d" % i, "remote": "203.0.113.30", "pwhash": "%04x" % i}))
    tap.equal((try_login(c, "joe@victim.example", "203.0.113.30", "0001"), len(d.events())), (0, before), "who only asks is not counted")


@test
def orders(d):
    start(d, SCREEN)
    c = connect(d)
    for command in (("block", "203.0.113.66"), ("freeze", "joe@victim.example")):
        done = d.mailreeve(*command, "-s", d.control)
        tap.equal(done.returncode, 0, "mailreeve " + command[0], done)
    code, answer = ask(c, "allow", json.dumps({**LOGIN, "login": "ann@victim.example", "remote": "203.0.113.66"}))
    tap.ok(answer["status"] == -1 and answer["msg"], "a source that the operator blocked is refused", code, answer)
    for protocol, status in (("smtp", -1), ("imap", 0)):
        code, answer = ask(c, "allow", json.dumps({**LOGIN, "protocol": protocol}))
        tap.equal(answer["status"], status, f"a frozen account by {protocol}", answer)


# ---- What hostile clients try ----

HIDDEN = b"GET /?command=ping HTTP/1.1\r\nHost: x\r\nKEY\r\n\r\n"
POST = b"POST /?command=allow HTTP/1.1\r\nHost: x\r\nKEY\r\n"

ODD = {
    "Content-Length and Transfer-Encoding": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "Transfer-Encoding and Content-Length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" + HIDDEN,
    "Transfer-Encoding: xchunked": POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "Transfer-Encoding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "Transfer-Encoding with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk longer than any number": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 40 + b"\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "two Content-Length": POST + b"Content-Length: 2\r\nContent-Length: 80\r\n\r\n{}" + HIDDEN,
    "two equal Content-Length": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a list as Content-Length": POST + b"Content-Length: 2, 2\r\n\r\n{}" + HIDDEN,
    "Content-Length: +2": POST + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
    "Content-Length: -1": POST + b"Content-Length: -1\r\n\r\n{}" + HIDDEN,
    "Content-Length: 0x2": POST + b"Content-Length: 0x2\r\n\r\n{}" + HIDDEN,
    "Content-Length without digits": POST + b"Content-Length:\r\n\r\n{}" + HIDDEN,
    "Content-Length beyond 64 bits": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}" + HIDDEN,
    "Content-Length of 1 GiB": POST + b"Content-Length: 1073741824\r\n\r\n{}" + HIDDEN,
    "white space before the colon": POST + b"Content-Length : 2\r\n\r\n{}" + HIDDEN,
    "white space before a name": POST + b"Content-Length: 2\r\n X: y\r\nTransfer-Encoding : chunked\r\n\r\n{}" + HIDDEN,
    "a folded Content-Length": POST + b"Content-Length:\r\n 2\r\n\r\n{}" + HIDDEN,
    "a Content-Length that goes on": POST + b"Content-Length: 2\r\n 0\r\n\r\n{}" + HIDDEN,
    "a folded Transfer-Encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "no Content-Length": POST + b"\r\n{}" + HIDDEN,
    "a name with a NUL": POST + b"Content\x00-Length: 2\r\n\r\n{}" + HIDDEN,
    "a bare CR in a field": POST + b"X: y\rContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "no colon": POST + b"Content-Length 2\r\n\r\n{}" + HIDDEN,
    "two keys": POST + b"KEY\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "two hosts": POST + b"Host: y\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "no host": POST.replace(b"Host: x\r\n", b"") + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "Expect: anything": POST + b"Expect: anything\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "HTTP/2.0": POST.replace(b"HTTP/1.1", b"HTTP/2.0") + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "HTTP/9.9": POST.replace(b"HTTP/1.1", b"HTTP/9.9") + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "no version": b"GET /?command=ping\r\nKEY\r\n\r\n" + HIDDEN,
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "8-bit in the target": POST.replace(b"/?", b"/\xff\xfe?") + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "a space in the target": POST.replace(b"/?", b"/a b?") + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "65 fields": POST + b"".join(b"X-%d: y\r\n" % i for i in range(63)) + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "a header of 5 KiB": POST + b"X: " + b"y" * 5000 + b"\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a header of 100 KiB": POST + b"X: " + b"y" * 100000 + b"\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a target of 20 KiB": POST.replace(b"/?", b"/" + b"y" * 20000 + b"?") + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "a GET with a body": b"GET /?command=ping HTTP/1.1\r\nHost: x\r\nKEY\r\nContent-Length: 5\r\n\r\n12345" + HIDDEN,
    "a GET whose body is hidden by folding": b"GET /?command=ping HTTP/1.1\r\nHost: x\r\nKEY\r\nContent-Length: 60\r\n x\r\n\r\n" + HIDDEN,
    "a wrong key and a request in the body": POST.replace(b"KEY", b"X-API-Key: x") + b"Content-Length: 200\r\n\r\n" + HIDDEN * 5,
    "CONNECT": b"CONNECT mail.example:25 HTTP/1.1\r\nHost: x\r\nKEY\r\n\r\n" + HIDDEN,
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: x\r\nKEY\r\n\r\n" + HIDDEN,
    "an upgrade": b"GET /?command=ping HTTP/1.1\r\nHost: x\r\nKEY\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + HIDDEN,
}
HARMLESS = ("a GET with a body", "a GET whose body is hidden by folding", "an upgrade", "a folded Content-Length",
            "white space before a name", "a Content-Length that goes on", "no version", "a bare CR in a field", "a name with a NUL")

PATHS = (b"/../../../etc/passwd", b"/%00", b"/%2e%2e/%2e%2e/", b"//evil.example/", b"http://evil.example/", b"/%", b"/%zz%u0000", b"*",
         b"/\\..\\", b"/~root/.ssh/id_rsa")


@test
def smuggling(d):
    start(d)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = dict(zip(ODD, pool.map(lambda data: raw(d, data), ODD.values())))
    for name, got in results.items():
        if got is None:
            tap.ok(False, f"{name}: the connection is ended")
            continue
        statuses = answers_in(got)
        refused = all(400 <= status < 600 for status in statuses)
        hidden = b'"ok"' in got and b"ping" not in ODD[name].partition(b"\r\n")[0]
        tap.ok(len(statuses) <= 1 and not hidden and (refused or name in HARMLESS), f"{name}: refused once, or dropped", got)
    for path in PATHS:
        c = connect(d)
        c.putrequest("POST", path.decode() + "?command=allow")
        c.putheader("X-API-Key", KEYS[0])
        c.putheader("Content-Length", "2")
        c.endheaders(b"{}")
        answer = c.getresponse()
        tap.equal((answer.status, json.loads(answer.read())), (200, {"status": 0, "msg": ""}), f"the path {path} means nothing")
        c.close()
    tap.equal(ask(connect(d))[0], 200, "the feed lives")


def dripping(d, first, then=b"x"):
    """Sends a byte each half second until the server ends the connection. False: it never did."""
    with socket.create_connection(("127.0.0.1", d.port), 20) as s:
        s.settimeout(0.5)
        end = time.monotonic() + 60
        try:
            s.sendall(first.replace(b"KEY", b"X-API-Key: " + KEYS[0].encode()))
            while time.monotonic() < end:
                try:
                    if s.recv(4096) == b"":
                        return True
                except socket.timeout:
                    s.sendall(then)
        except ConnectionError:
            return True
    return False


@test
def slow_clients(d):
    """A byte now and then keeps nobody."""
    start(d)
    kinds = {"nothing": (b"", b""), "a first line": (b"", b"P"), "a header": (POST, b"X"), "fields": (POST, b"X: y\r\n"),
             "a body": (POST + b"Content-Length: 1000\r\n\r\n", b" "),
             "a second header": (POST + b"Content-Length: 2\r\n\r\n{}" + POST, b"X"),
             "a refused body": (POST.replace(b"KEY", b"X-API-Key: x") + b"Content-Length: 60000\r\n\r\n", b" "),
             "empty lines": (b"", b"\r\n"), "empty lines between two requests": (POST + b"Content-Length: 2\r\n\r\n{}", b"\r\n")}
    with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
        ended = dict(zip(kinds, pool.map(lambda kind: dripping(d, *kind), kinds.values())))
    for name in kinds:
        tap.ok(ended[name], f"who sends {name} slowly is dropped")
    tap.equal(ask(connect(d))[0], 200, "others are served")


def is_ended(s):
    s.settimeout(0)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@test
def too_many_connections(d):
    start(d, connections=16)
    good = [connect(d) for _ in range(4)]
    for c in good:
        ask(c)
    held = [c.sock for c in good]
    strangers = [socket.create_connection(("127.0.0.1", d.port), 20) for _ in range(100)]
    for s in strangers:
        s.sendall(b"POST /?com")
    wait_for("the oldest strangers to be dropped", lambda: all(is_ended(s) for s in strangers[:80]), 20)
    tap.ok(not any(is_ended(s) for s in strangers[95:]), "the latest strangers stay")
    tap.equal([ask(c)[0] for c in good], [200] * 4, "who has shown a key is served")
    tap.ok([c.sock for c in good] == held, "on the same connections")
    tap.equal(ask(connect(d))[0], 200, "a new client is served")
    for s in strangers:
        s.close()
    clients = [connect(d) for _ in range(40)]
    tap.equal([ask(c)[0] for c in clients], [200] * 40, "40 clients with a key, one after the other")
    wait_for("message", lambda: "to make room for new ones" in d.messages())
    tap.ok(True, "the administrator is told")


@test
def many_requests_on_one_connection(d):
    start(d)
    c = connect(d)
    before = [ask(c)[0] for _ in range(999)]
    tap.ok(before == [200] * 999 and c.sock is not None, "999 requests")
    tap.ok(ask(c)[0] == 200 and c.sock is None, "the connection ends with the thousandth")
    tap.equal(ask(c)[0], 200, "and another one goes on")


# ---- Memory ----

def resident(d):
    with open("/proc/%d/status" % d.worker()) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def some_requests(d, count):
    c = connect(d)
    for i in range(count):
        command = ("allow", "report")[i % 2]
        body = json.dumps({**LOGIN, "login": "joe%d@victim.example" % (i % 50), "success": i % 3 == 0, "pwhash": "%04x" % (i % 7)})
        if ask(c, command, body)[0] != 200:
            return False
    return True


def hostile_requests(d, rounds):
    for _ in range(rounds):
        for data in list(ODD.values()) + [POST + b"Content-Length: 60000\r\n\r\n" + b"[" * 60000, POST + b"Content-Length: 900\r\n\r\n{"]:
            with socket.create_connection(("127.0.0.1", d.port), 20) as s:
                try:
                    s.sendall(data.replace(b"KEY", b"X-API-Key: " + KEYS[0].encode()))
                except ConnectionError:
                    pass


@test
def memory(d):
    start(d, RULES + 'state: { directory = "none" accounts = 1000 sources = 1000 }\n')
    if sanitizer(d.worker()):
        tap.skip("memory", "this build has sanitizers, which keep what was freed")
        return
    descriptors = "/proc/%d/fd" % d.worker()
    some_requests(d, 2000)
    hostile_requests(d, 2)
    before, files = resident(d), len(os.listdir(descriptors))
    tap.ok(some_requests(d, 20000), "20,000 requests are answered")
    after = resident(d)
    tap.ok(after < before + 2048, "and leave nothing behind", before, after)
    hostile_requests(d, 40)
    wait_for("the connections to end", lambda: len(os.listdir(descriptors)) <= files, 30)
    after = resident(d)
    tap.ok(after < before + 4096, "nor does a hostile mix", before, after)
    tap.equal(ask(connect(d))[0], 200, "the feed lives")


# ---- Sockets ----

@test
def a_unix_socket(d):
    path = os.path.join(d.folder, "feed", "login.sock")
    os.mkdir(os.path.dirname(path), 0o750)
    start(d, listen="unix:" + path)
    tap.equal(ask(UnixConnection(path))[0], 200, "a unix socket")
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o660, "its mode")
    d.stop()
    tap.ok(not os.path.exists(path), "it is removed at the end")
    d.spawn()
    d.await_note("READY=1")
    tap.equal(ask(UnixConnection(path))[0], 200, "and made again")
    os.kill(d.worker(), signal.SIGKILL)
    wait_for("the next worker", lambda: d.worker() and os.path.exists(path), 20)
    wait_for("an answer", lambda: answered(path), 20)
    tap.ok(True, "a new worker takes over from a dead one")


def answered(path):
    try:
        return ask(UnixConnection(path))[0] == 200
    except OSError:
        return False


@test
def the_socket_moves(d):
    start(d)
    path = os.path.join(d.folder, "run", "login.sock")
    here = connect(d)
    ask(here)
    reload(d, RULES + feed_text(d, listen="unix:" + path), 2)
    tap.equal(ask(UnixConnection(path))[0], 200, "after a reload it is elsewhere")
    tap.equal(raw_refused(d), True, "and no more where it was")
    reload(d, RULES, 3)
    tap.ok(not os.path.exists(path), "without the group there is no feed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        d.port = taken.getsockname()[1]
        reload(d, RULES + feed_text(d), 4)
        wait_for("message", lambda: "the login feed cannot listen on" in d.messages())
        tap.ok(True, "a port that another process has is said")
    wait_for("the feed", lambda: not raw_refused(d), 30)
    tap.equal(ask(connect(d))[0], 200, "and tried again until it is free")


def raw_refused(d):
    try:
        socket.create_connection(("127.0.0.1", d.port), 5).close()
        return False
    except ConnectionRefusedError:
        return True


@test
def a_port_that_is_taken_at_the_start(d):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        d.port = taken.getsockname()[1]
        d.write(RULES + feed_text(d))
        d.spawn()
        status = d.process.wait(20)
    tap.ok(status != 0 and "the login feed cannot listen on" in d.messages(), "mailreeved says so and does not start", status)


if __name__ == "__main__":
    main()
