"""The people of the made world and their everyday mail.

A person has a circle of correspondents that grows by preferential attachment (a two-parameter Chinese restaurant: the
share of new people falls with the number of messages, with a heavy tail), a week, a working day, devices and places.
"""
import math

from nets import WEBMAIL, Household

DAY, HOUR = 86400, 3600
EPOCH = 1661990400  # 2022-09-01 00:00 UTC, a Thursday
DAYS = 640


def poisson(rnd, mean):
    if mean > 30:
        return max(0, round(rnd.gauss(mean, math.sqrt(mean))))
    limit, k, p = math.exp(-mean), 0, rnd.random()
    while p > limit:
        k, p = k + 1, p * rnd.random()
    return k


def summer(day):
    """Daylight saving, near enough: from the end of March to the end of October."""
    return 86 <= (day + 243) % 365 < 300


class Org:
    """People who share a directory: colleagues by popularity, partners outside, shared groups and lists."""

    def __init__(self, rnd, domain, size):
        self.rnd, self.domain = rnd, domain
        self.staff = ["%06x@%s" % (rnd.getrandbits(24), domain) for _ in range(max(3, size))]
        self.urn = list(self.staff)
        self.partners = ["%06x@%s" % (rnd.getrandbits(24), far_domain(rnd)) for _ in range(20 + size)]
        self.lists = ["%06x@%s" % (rnd.getrandbits(24), domain) for _ in range(2 + size // 12)]
        self.office = None

    def colleague(self, rnd):
        who = rnd.choice(self.urn)
        if len(self.urn) < 20 * len(self.staff):
            self.urn.append(who)
        return who


def far_domain(rnd):
    return "x%d" % int(900 * rnd.random() ** 3)


def stranger(rnd):
    return "%07x@%s" % (rnd.getrandbits(28), far_domain(rnd))


class Device:
    def __init__(self, helo, listener):
        self.helo, self.listener = helo, listener


def laptop(rnd):
    kind = rnd.random()
    if kind < .4:
        helo = "%s-%s" % (rnd.choice(("DESKTOP", "LAPTOP", "NB", "PC")), "%07X" % rnd.getrandbits(28))
    elif kind < .75:
        helo = "[192.168.%d.%d]" % (rnd.choice((0, 1, 1, 2, 178)), rnd.randrange(2, 200))
    else:
        helo = "smtpclient.apple"
    return Device(helo, rnd.choice(("submission", "submission", "smtps")))


def telephone(rnd):
    helo = rnd.choice(("smtpclient.apple", "[10.%d.%d.%d]" % tuple(rnd.randrange(1, 250) for _ in range(3)),
                       "localhost", "[127.0.0.1]"))
    return Device(helo, rnd.choice(("submission", "smtps")))


class Person:
    """One account and its owner. write() gives one ordinary message; live() gives all of them."""

    phone = None  # unless she has one

    def __init__(self, rnd, world, name, org, kind, **habits):
        self.rnd, self.world, self.name, self.org, self.kind = rnd, world, name, org, kind
        self.account = "%s@%s" % (name, org.domain)
        self.join, self.leave = 0, DAYS
        self.rate = math.exp(rnd.gauss(-1.0, 1.05))          # messages on a working day
        self.theta = rnd.choice((2, 4, 8)); self.growth = min(.8, max(.05, rnd.gauss(.42, .15)))
        self.floor = 0.0                                     # share of strangers that never goes away
        self.inside = rnd.choice((.2, .4, .6, .75))
        self.session = rnd.uniform(1.2, 3.2)                 # messages in one sitting
        self.size_mu, self.size_sd = rnd.gauss(9.0, .5), rnd.uniform(.45, .85)
        self.attach = rnd.uniform(.03, .2)
        self.copies = rnd.uniform(.05, .25); self.group_share = rnd.choice((0, .02, .05, .1))
        self.list_share = rnd.choice((0, 0, .02, .1)); self.webmail = rnd.choice((0, 0, 0, .05, .3, .8))
        self.centre, self.evening = rnd.gauss(11.5, 1.2), rnd.uniform(.03, .3)
        self.weekend = rnd.choice((.03, .1, .1, .3, .8))
        self.trips = rnd.choice((0, 0, 0, 1, 1, 2, 5))       # a year
        self.spam_share = rnd.choice((0, .001, .002, .01)); self.refused_new, self.refused_known = .02, .001
        self.sender_share, self.senders = 0, []
        self.gap = rnd.uniform(90, 500)
        self.history, self.known, self.groups, self.events = [], set(), [], []
        self.busy = []                                       # (start, end) of a mailing: no other mail then
        for k, v in habits.items():
            setattr(self, k, v)
        self.settle()

    def settle(self):
        rnd, earth = self.rnd, self.world.earth
        t = EPOCH + self.join * DAY
        self.laptops = [(-1, laptop(rnd))]
        if rnd.random() < .25:
            self.laptops.append((rnd.randrange(60, DAYS), laptop(rnd)))
        self.phone = telephone(rnd) if rnd.random() < .7 else None
        self.phone_share = rnd.uniform(.05, .45) if self.phone else 0
        self.desk = laptop(rnd) if self.org.office and rnd.random() < .6 else None
        provider = rnd.choice(earth.isps[country_of_home(rnd)])
        self.homes = [(-1, Household(rnd, provider, rnd.choice((1, 7, 30, 150, 400)), t))]
        if rnd.random() < .12:
            self.homes.append((rnd.randrange(60, DAYS), Household(rnd, rnd.choice(earth.isps["CZ"]), 60, t)))
        self.carrier = rnd.choice(earth.carriers["CZ"])
        self.cells = rnd.sample(self.carrier.prefixes, min(len(self.carrier.prefixes), rnd.choice((3, 10, 30))))
        self.seat = rnd.randrange(1000)
        self.vpn = rnd.choice(earth.vpns) if rnd.random() < .05 else None
        self.journeys = []
        for _ in range(poisson(rnd, self.trips * DAYS / 365)):
            first = rnd.randrange(DAYS); country = rnd.choice(TRAVEL)
            last = first + rnd.choice((2, 3, 4, 7, 12, 20))
            self.journeys.append((first, last, rnd.choice(earth.isps[country]), country))
        self.holidays = sorted((d, d + rnd.choice((5, 9, 16, 23))) for d in
                               (rnd.randrange(DAYS) for _ in range(poisson(rnd, 4))))

    # ---- where and with what

    def usual(self, day):
        """(device, home) that are hers on that day."""
        device = [d for since, d in self.laptops if since <= day][-1]
        home = [h for since, h in self.homes if since <= day][-1]
        return device, home

    def place(self, t, day, hour):
        """(ip, country, asn), device."""
        rnd = self.rnd
        device, home = self.usual(day)
        trip = next((j for j in self.journeys if j[0] <= day < j[1]), None)
        at_work = self.org.office and 7 <= hour < 18 and rnd.random() < .85
        if trip:
            if self.phone and rnd.random() < .5:
                if rnd.random() < .7:                        # roaming: the traffic goes home through the own carrier
                    return self.carrier.seen(self.carrier.address(rnd, self.cells)), self.phone
                return trip[2].seen(trip[2].address(rnd)), self.phone
            if rnd.random() < self.webmail:
                return WEBMAIL, WEBMAIL_CLIENT
            # a hotel: the same prefix for the days of the trip
            return trip[2].seen("%s.%d" % (trip[2].prefixes[trip[0] % len(trip[2].prefixes)], 20 + day % 7)), device
        if rnd.random() < self.webmail:
            return WEBMAIL, WEBMAIL_CLIENT
        if self.vpn and rnd.random() < .5:
            return self.vpn.seen(self.vpn.address(rnd)), device
        if self.phone and rnd.random() < self.phone_share:
            if rnd.random() < .4:
                return home.at(t), self.phone
            return self.carrier.seen(self.carrier.address(rnd, self.cells)), self.phone
        if at_work:
            return self.org.office.at(t, self.seat), self.desk or device
        return home.at(t), device

    # ---- to whom

    def newcomer(self):
        rnd = self.rnd
        if rnd.random() < self.inside:
            return self.org.colleague(rnd)
        return rnd.choice(self.org.partners) if rnd.random() < .15 else stranger(rnd)

    def pick(self):
        """-> (recipient, new, refused)."""
        rnd, n = self.rnd, len(self.history)
        share = max(self.floor, (self.theta + self.growth * len(self.known)) / (n + self.theta))
        if rnd.random() < share:
            who = self.newcomer()
        else:
            back = self.history if rnd.random() < .6 else self.history[-60:]
            who = rnd.choice(back)
        new = who not in self.known
        return who, new, rnd.random() < (self.refused_new if new else self.refused_known)

    def meet(self, who, weight=1):
        self.history.extend([who] * weight)
        self.known.add(who)

    def addressees(self):
        """-> (accepted, refused)."""
        rnd, r = self.rnd, self.rnd.random()
        if r < self.list_share:
            return [rnd.choice(self.org.lists)], []
        if self.groups and r < self.list_share + self.group_share:
            group = rnd.choice(self.groups)
            return [m for m in group if rnd.random() < .97] or group[:1], []
        count = 1
        while rnd.random() < self.copies and count < 25:
            count += 1 if rnd.random() < .8 else rnd.randrange(1, 6)
        good, bad = [], []
        for _ in range(count):
            who, _, refused = self.pick()
            if who in good or who in bad:
                continue
            (bad if refused else good).append(who)
        return good, bad

    def new_group(self):
        rnd = self.rnd
        count = min(60, 3 + int(rnd.paretovariate(1.1)))
        return sorted({self.org.colleague(rnd) if rnd.random() < self.inside else self.newcomer()
                       for _ in range(count)})

    # ---- one message

    def bytes(self):
        rnd = self.rnd
        size = math.exp(rnd.gauss(self.size_mu, self.size_sd))
        if rnd.random() < self.attach:
            size += math.exp(rnd.gauss(12.2, 1.3))
        return int(min(25e6, max(600, size)))

    def emit(self, t, place, device, good, bad=(), size=None, spam=False, sender=None, label="legit"):
        event = dict(t=int(t), account=self.account, ip=place[0], country=place[1], asn=place[2])
        if sender and sender != self.account:
            event["mail_from"] = sender
        event.update(rcpt=list(good) + list(bad), size=self.bytes() if size is None else int(size))
        if bad:
            event["rejected_rcpt"] = len(bad)
        if spam:
            event["spam"] = True
        event.update(helo=device.helo, listener=device.listener, label=label)
        self.events.append(event)
        if label == "legit":
            for who in good:
                self.meet(who)
        return event

    def write(self, t, place, device):
        rnd = self.rnd
        good, bad = self.addressees()
        sender = rnd.choice(self.senders) if self.senders and rnd.random() < self.sender_share else None
        self.emit(t, place, device, good, bad, spam=rnd.random() < self.spam_share, sender=sender)

    # ---- a life

    def season(self, day):
        weekday = (day + 3) % 7
        f = self.weekend if weekday >= 5 else (1.1, 1.15, 1.05, 1.0, .8)[weekday]
        if any(a <= day < b for a, b in self.holidays):
            f *= .05
        year = (day + 243) % 365
        if year < 2 or year >= 357:
            f *= .1
        if self.kind in ("student", "professor"):
            f *= .35 if 181 <= year < 260 else 1.2
        return f

    def moment(self, day):
        """A local time of day, as UTC seconds."""
        rnd = self.rnd
        hour = rnd.gauss(20.5, 1.6) if rnd.random() < self.evening else \
            rnd.gauss(self.centre + rnd.choice((-2, 0, 3)), 1.5)
        hour = hour % 24
        far = next((AHEAD.get(j[3], 0) for j in self.journeys if j[0] <= day < j[1]), 0)
        return EPOCH + day * DAY + (hour - far - (2 if summer(day) else 1)) * HOUR, hour

    def live(self, special):
        """special: {day: [function(person, day)]}; ordinary sittings otherwise."""
        rnd = self.rnd
        mood = 1.0
        for day in range(self.join, self.leave):
            if rnd.random() < .03:
                mood = rnd.gammavariate(2, .5)
            if rnd.random() < .004 and len(self.groups) < 8 and self.group_share:
                self.groups.append(self.new_group())
            for what in special.get(day, ()):
                what(self, day)
            if self.phone and any(b == day for _, b in self.holidays) and rnd.random() < .3:
                self.empty_outbox(day)
            sittings = poisson(rnd, self.rate * mood * self.season(day) / self.session)
            for _ in range(sittings):
                t, hour = self.moment(day)
                place, device = self.place(t, day, hour)
                for _ in range(1 + poisson(rnd, self.session - 1)):
                    self.write(t, place, device)
                    t += 15 + rnd.expovariate(1 / self.gap)


    def empty_outbox(self, day):
        """Back from the holidays, the telephone sends at once what it could not send there."""
        t, _ = self.moment(day)
        place = self.carrier.seen(self.carrier.address(self.rnd, self.cells))
        for _ in range(self.rnd.randrange(3, 13)):
            self.write(t, place, self.phone)
            t += self.rnd.uniform(1, 6)


def country_of_home(rnd):
    return "CZ" if rnd.random() < .9 else rnd.choice(("SK", "AT"))


AHEAD = {"US": -7, "CA": -6, "JP": 8, "IN": 4, "GR": 1, "FI": 1, "GB": -1}  # hours, against the time at home
TRAVEL = ["SK", "AT", "PL", "DE"] * 2 + ["IT", "FR", "GB", "SE", "ES", "NL", "US", "CA", "JP", "GR", "HR", "CH"]
WEBMAIL_CLIENT = Device("webmail.internal", "webmail")
