"""Stolen accounts: twelve kinds of campaign, each with an attacker of its own place, client, content and list."""
import math

from people import DAY, EPOCH, HOUR, WEBMAIL_CLIENT, Device, stranger
from nets import HOME, ROUGH, WEBMAIL

KINDS = ("blast", "lowslow", "snowshoe", "sizevar", "bigrcpt", "contacts", "lateral", "bec", "mimic", "relay",
         "replychain", "dormant")
SOURCES = {"rented": 28, "bots": 20, "domestic": 20, "same-isp": 15, "cell": 6, "inside": 6, "vpn": 5}
NEAR_BY = {"rented": 10, "domestic": 40, "same-isp": 25, "cell": 10, "inside": 8, "vpn": 7}


def client(rnd, victim):
    r = rnd.random()
    if r < .05 and hasattr(victim, "laptops"):
        helo = victim.laptops[0][1].helo
    else:
        helo = rnd.choice(("WIN-%08X" % rnd.getrandbits(32),
                           "[%d.%d.%d.%d]" % tuple(rnd.randrange(1, 250) for _ in range(4)),
                           "localhost", "User", "vps%d.host.example" % rnd.randrange(9999), "smtpclient.apple",
                           "[127.0.0.1]", "ylmf-pc", "[192.168.1.%d]" % rnd.randrange(2, 200)))
    return Device(helo, rnd.choice(("submission", "submission", "smtps")))


class Source:
    """Where a thief sends from."""

    def __init__(self, rnd, victim, kind, count):
        self.rnd, self.victim, self.kind = rnd, victim, kind
        earth = victim.world.earth
        self.device = client(rnd, victim)
        self.seats = []
        for _ in range(count):
            if kind == "rented":
                net = rnd.choice(earth.hosting[rnd.choice(sorted(earth.hosting))])
            elif kind == "bots":
                net = rnd.choice(earth.isps[rnd.choice(ROUGH)])
            elif kind == "domestic":
                net = rnd.choice(earth.isps[HOME])
            elif kind == "cell":
                net = rnd.choice(earth.carriers[HOME])
            elif kind == "vpn":
                net = rnd.choice(earth.vpns)
            elif kind == "same-isp":
                home = victim.homes[-1][1]
                rest = [p for p in home.net.prefixes if p not in home.region] or home.net.prefixes
                self.seats.append(home.net.seen(home.net.address(rnd, rest)))
                continue
            else:
                self.seats.append(None)
                continue
            self.seats.append(net.seen(net.address(rnd)))

    def at(self, t):
        if self.kind == "inside":
            day = int((t - EPOCH) // DAY)
            if self.victim.webmail:
                return WEBMAIL, WEBMAIL_CLIENT
            device, home = self.victim.usual(day)
            return home.at(t), device                   # a Trojan on her own computer
        seat = self.rnd.choice(self.seats)
        return seat, self.device


def weighted(rnd, table):
    names = sorted(table)
    return rnd.choices(names, [table[n] for n in names])[0]


class Theft:
    def __init__(self, rnd, victim, kind, start):
        self.rnd, self.victim, self.kind, self.t = rnd, victim, kind, start
        self.label, self.sent = "hijack:" + kind, []
        r = rnd.random()
        self.flagged = rnd.uniform(0, .05) if r < .45 else rnd.uniform(.1, .9)
        self.refused = rnd.uniform(0, .02) if rnd.random() < .35 else rnd.uniform(.02, .30)
        self.base = math.exp(rnd.gauss(8.6, .8)); self.spread = rnd.choice((.0005, .002, .02, .06, .25))
        self.sender = "%06x@%s" % (rnd.getrandbits(24), rnd.choice((victim.org.domain, "x%d" % rnd.randrange(900)))) \
            if rnd.random() < .2 else None
        self.before = sorted({w for e in victim.events if e["t"] < start for w in e["rcpt"]})

    def source(self, table=SOURCES, count=None):
        table = {k: v for k, v in table.items() if k != "same-isp" or hasattr(self.victim, "homes")}
        return Source(self.rnd, self.victim, weighted(self.rnd, table), count or self.rnd.choice((1, 1, 1, 2, 3, 6)))

    def send(self, source, people, size=None, refused=None, flagged=None):
        rnd = self.rnd
        place, device = source.at(self.t)
        rate = self.refused if refused is None else refused
        bad = [w for w in people if w not in self.before and rnd.random() < rate]
        good = [w for w in people if w not in bad]
        size = size or self.base * math.exp(rnd.gauss(0, self.spread))
        spam = rnd.random() < (self.flagged if flagged is None else flagged)
        self.sent.append(self.victim.emit(self.t, place, device, good, bad, max(400, size), spam,
                                          sender=self.sender, label=self.label))

    def strangers(self, count):
        return [stranger(self.rnd) for _ in range(count)]

    def run(self):
        getattr(self, self.kind)()
        return self.sent

    def steady(self, count, pause, per_mail, source):
        for _ in range(count):
            self.send(source, self.strangers(per_mail()))
            self.t += self.rnd.expovariate(1 / pause)

    def blast(self):
        rnd = self.rnd
        width = rnd.choice((1, 1, 1, 3, 10))
        self.steady(rnd.randrange(80, 400), math.exp(rnd.uniform(-1, 2.5)), lambda: rnd.randrange(1, width + 1),
                    self.source())

    def lowslow(self):
        rnd = self.rnd
        self.steady(rnd.randrange(90, 300), HOUR / rnd.uniform(5, 30), lambda: rnd.choice((1, 1, 2, 3)), self.source())

    def snowshoe(self):
        rnd = self.rnd
        self.steady(rnd.randrange(120, 320), rnd.uniform(5, 120), lambda: rnd.choice((1, 1, 1, 2, 4)),
                    Source(rnd, self.victim, "bots", rnd.randrange(40, 300)))

    def sizevar(self):
        rnd = self.rnd
        self.spread = rnd.uniform(.4, .9); self.refused = rnd.uniform(0, .08); self.flagged *= .6
        self.steady(rnd.randrange(100, 280), rnd.uniform(4, 70), lambda: 1, self.source(NEAR_BY))

    def bigrcpt(self):
        rnd = self.rnd
        width = rnd.choice((25, 40, 70, 100))
        self.steady(rnd.randrange(8, 35), rnd.uniform(10, 200),
                    lambda: max(10, int(rnd.gauss(width, width / 6))), self.source())

    def contacts(self):
        rnd, source = self.rnd, self.source()
        pool = rnd.sample(self.before, min(len(self.before), rnd.randrange(50, 220)))
        self.refused = rnd.uniform(0, .12); self.flagged *= .5
        step = rnd.choice((1, 5, 8, 15, 25))
        while pool:
            lot, pool = pool[:step], pool[step:]
            self.send(source, lot + self.strangers(sum(rnd.random() < .5 for _ in lot)))
            self.t += rnd.expovariate(1 / rnd.uniform(15, 120))

    def lateral(self):
        rnd, source = self.rnd, self.source()
        staff = self.victim.org.staff
        pool = rnd.sample(staff, min(len(staff), rnd.randrange(25, 300)))
        self.refused = rnd.uniform(0, .03); self.flagged *= .35
        step = rnd.choice((1, 1, 5, 10, 25, 40)); pause = rnd.uniform(8, 90)
        while pool:
            lot, pool = pool[:step], pool[step:]
            self.send(source, lot)
            self.t += rnd.expovariate(1 / pause)

    def bec(self):
        rnd, source = self.rnd, self.source(NEAR_BY, 1)
        self.sender = None
        for _ in range(rnd.randrange(1, 7)):
            people = [rnd.choice(self.before)] if self.before and rnd.random() < .5 else self.strangers(1)
            self.send(source, people, self.victim.bytes(), 0, 0)
            self.t += rnd.expovariate(1 / (4 * HOUR))

    def mimic(self):
        rnd, source = self.rnd, self.source(NEAR_BY)
        days = {}
        for e in self.victim.events:
            if e["t"] < self.t:
                days[e["t"] // DAY] = days.get(e["t"] // DAY, 0) + 1
        quota = min(40, max(6, 2 * max(days.values(), default=3)))
        self.sender, self.refused = None, rnd.uniform(0, .06)
        self.flagged *= .3
        left, day = rnd.randrange(60, 150), int((self.t - EPOCH) // DAY)
        while left > 0:
            times = sorted(EPOCH + day * DAY + rnd.gauss(11, 2.5) * HOUR for _ in range(min(left, quota)))
            for self.t in [t for t in times if not self.sent or t > self.sent[-1]["t"]]:
                self.send(source, self.strangers(1), self.victim.bytes())
                left -= 1
            day += 1 if (day + 4) % 7 < 5 else 3

    def relay(self):
        rnd, host = self.rnd, self.victim
        self.sender = host.sender if rnd.random() < .5 else "%06x@%s" % (rnd.getrandbits(24), host.org.domain)

        class Script:
            at = staticmethod(lambda t: (host.spot, host.client))
        self.steady(rnd.randrange(100, 300), math.exp(rnd.uniform(0, 4)), lambda: rnd.choice((1, 1, 2)), Script)

    def replychain(self):
        """Answers into old threads, one at a time: known people, and those who stood in copy there."""
        rnd, source = self.rnd, self.source()
        self.sender, self.flagged, self.refused = None, self.flagged * .5, rnd.uniform(0, .08)
        share, pause = rnd.uniform(.35, .65), math.exp(rnd.uniform(2.5, 6))
        for _ in range(rnd.randrange(40, 180)):
            known = [rnd.choice(self.before)] if self.before and rnd.random() < share else []
            people = known + self.strangers(rnd.choice((0, 0, 1)) if known else 1)
            self.send(source, people, self.victim.bytes())
            self.t += rnd.expovariate(1 / pause)

    def dormant(self):
        rnd = self.rnd
        self.steady(rnd.randrange(80, 300), math.exp(rnd.uniform(.5, 5.5)), lambda: rnd.choice((1, 1, 2, 5)),
                    self.source())
