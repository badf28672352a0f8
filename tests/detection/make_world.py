#!/usr/bin/env python3
"""Makes a labelled set of a year and three quarters of outgoing mail: a university and a hosting firm with its
customers, their honest owners, and thieves. The same seed gives the same bytes.

Usage: make_world.py [--seed N] [--accounts K] OUT.ndjson.gz OUT.meta.json
"""
import argparse
import gzip
import io
import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oddities as odd
from nets import Earth, Office
from people import DAY, DAYS, EPOCH, Org, Person, stranger
from thefts import KINDS, Theft


class World:
    def __init__(self, seed, accounts):
        self.seed, self.size = seed, accounts
        self.rnd = random.Random("world %d" % seed)
        self.earth = Earth(self.rnd)
        self.people, self.classes, self.hijacks = [], {}, []
        self.used = set()

    def share(self, per_640):
        return max(1, round(per_640 * self.size / 640))

    def dice(self, what):
        """A generator of its own for each part, so that a change in one leaves the others as they are."""
        return random.Random("%d %s" % (self.seed, what))

    def add(self, make, cls, name, org, kind, **habits):
        person = make(self.dice(name + "@" + org.domain), self, name, org, kind, **habits)
        person.special = {}
        self.people.append(person)
        self.classes.setdefault(cls, []).append(person)
        person.cls = cls
        return person

    # ---- who is there

    def university(self, count):
        rnd = self.rnd
        org = Org(rnd, "uni", count * 2)
        org.office = Office(rnd, self.earth.net("CZ", 3), 6)
        self.uni = org
        for i in range(count):
            r = rnd.random()
            late = {"join": rnd.randrange(DAYS - 90)} if rnd.random() < .25 else {}
            if rnd.random() < .12:
                late["leave"] = min(DAYS, late.get("join", 0) + rnd.randrange(90, 420))
            if r < .14:
                self.add(Person, "usual:professor", "p%d" % i, org, "professor",
                         rate=math.exp(rnd.gauss(.0, .8)), **late)
            elif r < .36:
                self.add(Person, "usual:staff", "s%d" % i, org, "staff", rate=math.exp(rnd.gauss(-.5, .9)), **late)
            else:
                self.add(Person, "usual:student", "t%d" % i, org, "student", rate=math.exp(rnd.gauss(-1.9, 1)),
                         weekend=.8, evening=.4, centre=rnd.gauss(13, 1.5),
                         webmail=rnd.choice((0, .05, .3, .9)), **late)

    def customers(self, count):
        rnd, n, firm = self.rnd, 0, 0
        self.firms = []
        while n < count:
            firm += 1
            seats = min(count - n, rnd.choice((1, 1, 1, 2, 3, 4, 6, 9, 15, 24)))
            org = Org(rnd, "f%d" % firm, seats * 2)
            if seats > 2:
                net = rnd.choice(self.earth.isps["CZ"])
                moves = (EPOCH + rnd.randrange(120, DAYS - 60) * DAY, rnd.choice(self.earth.isps["CZ"])) \
                    if rnd.random() < .15 else None
                org.office = Office(rnd, net, rnd.choice((1, 1, 2)), moves)
                self.firms.append(org)
            for i in range(seats):
                late = {"join": rnd.randrange(DAYS - 90)} if rnd.random() < .2 else {}
                if rnd.random() < .08:
                    late["leave"] = min(DAYS, late.get("join", 0) + rnd.randrange(60, 400))
                moved = org.office and org.office.moves
                cls = "hard:provider-change" if moved else "usual:employee" if seats > 2 else "usual:private"
                self.add(Person, cls, "m%d" % i, org, "employee", inside=.25 if seats > 2 else 0,
                         rate=math.exp(rnd.gauss(-.7 if seats > 2 else -1.4, 1)), **late)
                n += 1

    def trades(self):
        """Accounts that are odd every day."""
        rnd = self.rnd
        firm = lambda: rnd.choice(self.firms)
        for i in range(self.share(8)):
            p = self.add(Person, "hard:newsletter", "news%d" % i, firm(), "employee", rate=.15, join=rnd.randrange(300))
            p.readers = [stranger(rnd) for _ in range(rnd.randrange(60, 260))]
            p.form, p.stale = rnd.choice(("one", "chunks", "merge", "merge")), rnd.uniform(0, .12)
            step = rnd.choice((7, 14, 30, 30, 60))
            for day in range(p.join + rnd.randrange(3, 40), DAYS, step):
                p.special[day] = [odd.issue]
        for i in range(self.share(7)):
            p = self.add(Person, "hard:invoice", "billing%d" % i, firm(), "employee", rate=.5, join=rnd.randrange(200))
            p.customers, p.customer_count = [], rnd.randrange(30, 110)
            for day in range(p.join + 25, DAYS, 30):
                p.special[day + rnd.randrange(3)] = [odd.invoices]
        for i in range(self.share(8)):
            kind = rnd.choice(("app", "scanner"))
            self.add(odd.Machine, "hard:app", "%s%d" % (kind, i), rnd.choice([self.uni] + self.firms), kind,
                     rate=rnd.choice((1, 2, 4)), growth=.95 if kind == "app" else .1, copies=0, group_share=0,
                     size_sd=.05 if kind == "app" else 1, weekend=.6, join=rnd.randrange(250))
        for i in range(self.share(5)):
            self.add(odd.Shared, "hard:helpdesk", "help%d" % i, rnd.choice([self.uni] + self.firms), "staff", floor=.5,
                     rate=rnd.uniform(2, 7), copies=.1, trips=0)
        for i in range(self.share(5)):
            self.add(Person, "hard:recruiter", "jobs%d" % i, firm(), "employee", floor=.7, rate=rnd.uniform(2, 5),
                     inside=.02, session=rnd.uniform(2, 8), refused_new=.03, gap=60)
        for i in range(self.share(8)):
            self.add(odd.Shared, "hard:shared", "office%d" % i, firm(), "employee", rate=rnd.uniform(.5, 2), trips=0)
        for i in range(self.share(6)):
            org = rnd.choice([self.uni] + self.firms)
            self.add(Person, "hard:secretary", "sec%d" % i, org, "staff", rate=rnd.uniform(1, 4),
                     senders=[rnd.choice(org.staff) for _ in range(rnd.choice((1, 2)))],
                     sender_share=rnd.uniform(.1, .6))
        for i in range(self.share(10)):
            p = self.add(Person, "hard:newcomer", "new%d" % i, self.uni, "staff", rate=rnd.uniform(.5, 2),
                         join=rnd.randrange(30, 500))
            p.special[p.join + rnd.randrange(0, 6)] = [odd.hello_everybody]

    def web_hosts(self):
        for i in range(self.share(36)):
            org = Org(self.rnd, "web", 3) if i == 0 else self.web
            self.web = org
            host = odd.WebHost(self.dice("web host %d" % i), self, i, org)
            host.special = {}
            host.cls = "relay"
            if i == 7:  # a shop that writes to its customers
                host.readers, host.form, host.stale = [stranger(self.rnd) for _ in range(90)], "merge", .03
                for day in range(self.rnd.randrange(60, 200), DAYS, 180):
                    host.special[day] = [odd.issue]
            self.people.append(host)
            self.classes.setdefault("relay", []).append(host)

    def once(self):
        """Ordinary owners who do something odd once or twice."""
        rnd = self.rnd
        plain = [p for p in self.people if p.cls.startswith("usual:") and p.leave - p.join > 200 and p.rate > .12]
        rnd.shuffle(plain)

        def mark(cls, count):
            for _ in range(self.share(count)):
                if plain:
                    p = plain.pop()
                    self.classes[p.cls].remove(p)
                    p.cls = cls
                    self.classes.setdefault(cls, []).append(p)
                    yield p
        for p in mark("hard:one-off-bulk", 120):
            for _ in range(2 if rnd.random() < .12 else 1):
                p.special.setdefault(workday(rnd, p.join + 70, p.leave), []).append(odd.mailing)
        for p in mark("hard:grades", 12):
            for day in rnd.sample((150, 290, 515, 640 - 5), 2):
                p.special.setdefault(day + rnd.randrange(5), []).append(odd.grades)
        for p in mark("hard:filter-fp-burst", 14):
            for _ in range(rnd.choice((1, 1, 2))):
                p.special.setdefault(workday(rnd, p.join + 40, p.leave), []).append(odd.misjudged)
        for p in mark("hard:abroad", 10):
            first = rnd.randrange(p.join + 60, p.leave - 60); country = rnd.choice(("US", "JP", "SE", "GB", "IT", "IN"))
            p.journeys.append((first, first + rnd.randrange(60, 200), rnd.choice(self.earth.isps[country]), country))
        for p in mark("hard:successor", 6):
            p.special.setdefault(workday(rnd, p.join + 90, p.leave), []).append(odd.successor)
        for p in mark("hard:long-silence", 12):
            first = rnd.randrange(p.join + 60, p.leave - 60)
            p.holidays.append((first, first + rnd.randrange(90, 250)))

    # ---- thieves

    def rob(self, count):
        rnd = self.rnd
        per_kind = max(1, round(count / len(KINDS)))
        free = [p for p in self.people if p.cls.startswith("usual:") and p.events]
        rnd.shuffle(free)
        hosts = [p for p in self.classes["relay"] if len(p.events) > 20]
        rnd.shuffle(hosts)
        for kind in KINDS:
            for i in range(per_kind):
                cold = kind not in ("relay", "dormant", "lateral", "contacts") and \
                    (i % 6 == 5 or per_kind < 6 and i == 2 and kind in ("blast", "lowslow", "replychain", "bec"))
                victim, start = self.victim(kind, hosts if kind == "relay" else free, cold)
                if not victim:
                    continue
                sent = Theft(self.dice("%s %s" % (kind, victim.account)), victim, kind, start).run()
                if sent:
                    self.hijacks.append((victim, kind, "cold" if cold else "warm", sent))

    def victim(self, kind, pool, cold):
        rnd = self.rnd
        for p in list(pool):
            times = sorted(e["t"] for e in p.events)
            if kind == "dormant":
                ends = [b for a, b in zip(times, times[1:] + [EPOCH + DAYS * DAY])
                        if b - a > 130 * DAY and a > times[0] + 20 * DAY]
                if len(times) < 15 or not ends:
                    continue
                start = ends[0] - rnd.uniform(.02, .2) * 100 * DAY
            elif cold:
                k = rnd.randrange(1, 9)
                if len(times) <= k:
                    continue
                start = times[k - 1] + rnd.uniform(.1, 3) * DAY
            else:
                least = 60 if kind in ("contacts", "replychain", "mimic") else 40
                if len(times) < least + 10 or kind == "lateral" and len(p.org.staff) < 30:
                    continue
                if kind == "contacts" and sum(not e["label"].startswith("h") for e in p.events) < 150:
                    continue
                start = times[rnd.randrange(least, len(times))] + rnd.uniform(-12, 12) * 3600
            if start > EPOCH + (DAYS - 10) * DAY:
                continue
            pool.remove(p)
            return p, start
        return None, 0

    def make(self):
        self.university(int(self.size * .5))
        self.customers(int(self.size * .5) - self.share(58))
        self.trades()
        self.web_hosts()
        self.once()
        for p in self.people:
            p.live(p.special)
        self.rob(180 * self.size / 640)
        order = sorted(((e["t"], i, j, e) for i, p in enumerate(self.people) for j, e in enumerate(p.events)),
                       key=lambda x: x[:3])
        events = []
        for n, (_, _, _, e) in enumerate(order):
            e["id"] = n
            events.append(e)
        return events

    def meta(self, events):
        accounts = {}
        for e in events:
            a = accounts.setdefault(e["account"], {"first": e["t"], "last": e["t"], "events": 0})
            a["last"] = e["t"]
            a["events"] += 1
        hijacks = []
        for victim, kind, history, sent in self.hijacks:
            sent.sort(key=lambda e: e["id"])
            hijacks.append(dict(account=victim.account, kind=kind, history=history, start=sent[0]["t"],
                                end=sent[-1]["t"], messages=len(sent),
                                recipients=sum(len(e["rcpt"]) - e.get("rejected_rcpt", 0) for e in sent),
                                first_id=sent[0]["id"]))
        classes = {c: [p.account for p in ps if p.account in accounts] for c, ps in sorted(self.classes.items())}
        return dict(set="world-%d" % self.seed, seed=self.seed, epoch=EPOCH, events=len(events), accounts=accounts,
                    classes=classes, hijacks=hijacks)


def workday(rnd, first, last):
    while True:
        day = rnd.randrange(first, max(first + 1, last))
        if (day + 3) % 7 < 5:
            return day


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accounts", type=int, default=640)
    parser.add_argument("out")
    parser.add_argument("meta")
    args = parser.parse_args()
    world = World(args.seed, args.accounts)
    events = world.make()
    first = ("id", "t", "account", "ip", "country", "asn", "mail_from", "rcpt", "size", "rejected_rcpt", "spam", "auth",
             "helo", "listener", "label")
    with open(args.out, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as packed, io.TextIOWrapper(packed) as out:
        for e in events:
            out.write(json.dumps({k: e[k] for k in first if k in e}, separators=(",", ":")) + "\n")
    with open(args.meta, "w") as out:
        json.dump(world.meta(events), out, separators=(",", ":"))
    print("%d events, %d accounts, %d hijacks" % (len(events), len({e["account"] for e in events}), len(world.hijacks)))


if __name__ == "__main__":
    main()
