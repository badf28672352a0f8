"""Innocent oddities: what honest owners do now and then, and accounts that are odd by trade.

Each mailing function is called with (person, day) by Person.live().
"""
import math

from nets import Household
from people import DAY, DAYS, EPOCH, HOUR, Device, Person, laptop, stranger, summer


def working_time(rnd, day, first=8, last=17):
    hour = rnd.uniform(first, last)
    return EPOCH + day * DAY + (hour - (2 if summer(day) else 1)) * HOUR, hour


def usual_place(person, t, day, hour):
    """A place and a device from which she has sent before, when there is one."""
    counts = {}
    for e in person.events[-120:]:
        key = e["ip"].rsplit(".", 1)[0]
        counts[key] = counts.get(key, 0) + 1
    for _ in range(12):
        place, device = person.place(t, day, hour)
        if counts.get(place[0].rsplit(".", 1)[0], 0) >= 3:
            return place, device
    return place, device


def dispatch(person, t, place, device, people, form, refused, flagged, sender=None, gap=None):
    """Sends to people in one of four forms: one message, chunks, mail merge, by hand."""
    rnd = person.rnd
    base = person.bytes()
    bad = {w for w in people if w not in person.known and rnd.random() < refused}
    if form == "one":
        lots = [people]
    elif form == "chunks":
        step = rnd.choice((15, 20, 25, 40, 50))
        lots = [people[i:i + step] for i in range(0, len(people), step)]
    else:
        lots = [[w] for w in people]
    spread = {"one": 0, "chunks": .0005, "merge": rnd.choice((.0004, .002, .01)),
              "hand": rnd.choice((.003, .02, .12))}[form]
    pause = gap or {"one": 1, "chunks": rnd.uniform(20, 120), "merge": rnd.uniform(.6, 6),
                    "hand": rnd.uniform(20, 150)}[form]
    for lot in lots:
        good = [w for w in lot if w not in bad]
        person.emit(t, place, device, good, [w for w in lot if w in bad], base * math.exp(rnd.gauss(0, spread)),
                    rnd.random() < flagged, sender=sender)
        t += rnd.expovariate(1 / pause) if form != "merge" else pause * rnd.uniform(.7, 1.3)
    return t


def audience(person, count, known_share):
    """People for a mailing: mostly strangers, some whom she knows; in no order."""
    rnd, out = person.rnd, []
    seen = set()
    inside = rnd.choice((0, .2, .6, .95))
    while len(out) < count:
        if person.history and rnd.random() < known_share:
            who = rnd.choice(person.history)
        elif rnd.random() < inside and len(person.org.staff) > 2 * count:
            who = rnd.choice(person.org.staff)
        else:
            who = stranger(rnd)
        if who not in seen or rnd.random() < .1:
            if who not in seen:
                seen.add(who)
                out.append(who)
            else:
                known_share *= .9
    return out


def refusals(rnd):
    r = rnd.random()
    return 0 if r < .25 else rnd.uniform(.005, .03) if r < .45 else rnd.uniform(.02, .09)


def mailing(person, day):
    """The ordinary owner who once writes to 40-250 people: a conference, a survey, greetings, a move."""
    rnd = person.rnd
    count = int(min(250, max(40, math.exp(rnd.gauss(4.65, .5)))))
    people = audience(person, count, rnd.choice((0, 0, .1, .3, .5)))
    t, hour = working_time(rnd, day, 8, rnd.choice((17, 17, 22)))
    place, device = usual_place(person, t, day, hour) if rnd.random() < .85 else person.place(t, day, hour)
    form = rnd.choice(("one", "chunks", "merge", "merge", "hand", "hand"))
    flagged = rnd.uniform(.03, .3) if rnd.random() < .06 else 0
    sender = "%s@%s" % (rnd.choice(("office", "events", "team")), person.org.domain) if rnd.random() < .05 else None
    dispatch(person, t, place, device, people, form, refusals(rnd), flagged, sender)
    if rnd.random() < .2:
        def again(p, d):
            t2, h2 = working_time(rnd, d)
            place2, device2 = usual_place(p, t2, d, h2)
            some = [w for w in people if rnd.random() < .8] or people[:1]
            dispatch(p, t2, place2, device2, some, form, 0, 0)
        person.special.setdefault(day + rnd.choice((0, 1, 5, 7, 8, 14)), []).append(again)


def grades(person, day):
    """A teacher writes to each student of a course, most of them for the first time."""
    rnd = person.rnd
    students = rnd.sample(person.org.staff, min(len(person.org.staff), rnd.randrange(25, 110)))
    t, hour = working_time(rnd, day, 9, 20)
    place, device = usual_place(person, t, day, hour)
    dispatch(person, t, place, device, students, rnd.choice(("hand", "hand", "merge")), .004, 0, gap=rnd.uniform(8, 90))


def hello_everybody(person, day):
    """A new colleague presents herself."""
    rnd = person.rnd
    staff = rnd.sample(person.org.staff, min(len(person.org.staff), rnd.randrange(30, 80)))
    t, hour = working_time(rnd, day)
    place, device = person.place(t, day, hour)
    dispatch(person, t, place, device, staff, rnd.choice(("one", "hand", "chunks")), .01, 0)


def misjudged(person, day):
    """The content filter is wrong about some of her mail of one day."""
    rnd = person.rnd
    t, hour = working_time(rnd, day)
    place, device = usual_place(person, t, day, hour)
    for _ in range(rnd.randrange(2, 8)):
        good, bad = person.addressees()
        person.emit(t, place, device, good, bad, spam=True)
        t += rnd.expovariate(1 / 900)


def issue(person, day):
    """One issue of a newsletter; the list grows, some of it is stale."""
    rnd = person.rnd
    for _ in range(rnd.randrange(2, 12)):
        person.readers.append(stranger(rnd))
    t, hour = working_time(rnd, day, 6, 15)
    place, device = person.place(t, day, hour)
    stale = .005 if person.history else person.stale
    dispatch(person, t, place, device, list(person.readers), person.form, stale, 0)


def invoices(person, day):
    rnd = person.rnd
    for who in list(person.customers):
        if rnd.random() < .04:
            person.customers.remove(who)
    while len(person.customers) < person.customer_count:
        person.customers.append(stranger(rnd))
    t, hour = working_time(rnd, day, 7, 16)
    place, device = person.place(t, day, hour)
    for who in person.customers:
        bad = who not in person.known and rnd.random() < .02
        person.emit(t, place, device, [] if bad else [who], [who] if bad else [], math.exp(rnd.gauss(10.7, .04)))
        t += rnd.uniform(1, 25)


def successor(person, day):
    """Somebody else gets the job and the account: another computer, another home, another circle."""
    rnd = person.rnd
    person.history, person.known = [], set()
    person.laptops.append((day, laptop(rnd)))
    person.homes.append((day, Household(rnd, rnd.choice(person.world.earth.isps["CZ"]), 60, EPOCH + day * DAY)))


class Machine(Person):
    """A scanner or an application: one address, one client, sizes of its own."""

    def settle(self):
        rnd = self.rnd
        net = rnd.choice(self.world.earth.hosting["CZ"]) if self.kind == "app" else None
        self.spot = net.seen(net.address(rnd)) if net else \
            ("10.9.%d.%d" % (rnd.randrange(250), rnd.randrange(1, 250)), "ZZ", 0)
        self.client = Device("%s.%s.example" % (self.name, self.org.domain), "submission")
        self.journeys, self.holidays = [], []

    def place(self, t, day, hour):
        return self.spot, self.client


class Shared(Person):
    """An account that several people use, each from her own places."""

    def settle(self):
        super().settle()
        self.users = [Person(self.rnd, self.world, self.name, self.org, "staff", trips=0)
                      for _ in range(self.rnd.choice((2, 3, 4)))]

    def place(self, t, day, hour):
        return self.rnd.choice(self.users).place(t, day, hour)


class WebHost(Person):
    """A web server whose scripts send without a login: keyed by its address."""

    def __init__(self, rnd, world, number, org):
        super().__init__(rnd, world, "www%d" % number, org, "relay", rate=math.exp(rnd.gauss(-.7, 1)), inside=.1,
                         growth=rnd.choice((.1, .5, .9)), session=1.5, weekend=.8, copies=.02, group_share=0,
                         list_share=0, centre=14, evening=.4, size_sd=.3, attach=.01,
                         spam_share=rnd.choice((0, .01, .03)))
        self.sender, self.account = self.account, "ip:" + self.spot[0]

    def settle(self):
        number = int(self.name[3:])
        self.spot = ("10.20.%d.%d" % (number // 50, 10 + number % 50 * 4), "ZZ", 0)
        self.client = Device("web%d.internal" % number, "smtp")
        self.journeys, self.holidays = [], []

    def place(self, t, day, hour):
        return self.spot, self.client

    def emit(self, *args, **kw):
        kw["sender"] = kw.get("sender") or self.sender
        event = super().emit(*args, **kw)
        event["auth"] = False
        return event
