"""Owners of mail accounts with a past: who they write to, from where, and weeks of facts of it. Used by test_hijack.py.

Nothing here is drawn from a real person. The past ends some hours ago, whatever time it is now, and the owners are used
to the hour at which the test runs.
"""

import json
import random

DOMAIN = "victim.example"
LISTENER = "ORIGINATING"
OFFICE, HOME, THIEF, THIEF_TOO = "192.0.2.10", "198.51.100.7", "203.0.113.66", "203.0.113.67"
CLIENTS = (OFFICE, HOME, THIEF, THIEF_TOO)
DAYS, HOURS_AROUND = 56, 4


class Owner:
    """One account. contacts: whom it writes to; the first ones most."""

    def __init__(self, name, rng):
        self.name = name
        self.login = f"{name}@{DOMAIN}"
        self.password = name + "-secret"
        self.path = f"<{self.login}>"
        self.helo = "[192.168.1.%d]" % rng.randint(10, 200)
        self.home = name in ("alice", "dora")
        self.contacts = [f"<{name}-{n}@partner{n % 9}.example>" for n in range(30)]
        self.rng = rng

    def whom(self, count=1):
        """Some of the contacts."""
        return list(dict.fromkeys(self.contacts[min(29, int(self.rng.expovariate(0.15)))] for _ in range(count)))

    def size(self):
        return int(min(400000, 1500 + self.rng.lognormvariate(8.2, 0.9)))

    def message(self, seconds, colleagues):
        """A fact of ordinary mail: mostly contacts, now and then a colleague or somebody new."""
        to = self.whom(self.rng.choice((1, 1, 1, 2, 3)))
        if self.rng.random() < 0.3:
            to.append(self.rng.choice(colleagues).path)
        if self.rng.random() < 0.07:
            to = ["<new%d@shop%d.example>" % (self.rng.randrange(10**6), self.rng.randrange(50))]
        away = self.home and self.rng.random() < 0.2
        return {"time": round(seconds, 3), "fact": "message", "client": {"ip": HOME if away else OFFICE},
                "listener": LISTENER, "helo": self.helo, "login": self.login, "mail_from": self.path,
                "rcpt": to, "size": self.size()}


def make_owners(names, seed):
    rng = random.Random(seed)
    return {name: Owner(name, random.Random(rng.random())) for name in names}


def past(owners, now, seed):
    """Lines of facts: some messages a day of each owner, for DAYS days up to yesterday."""
    rng = random.Random(seed)
    everybody = list(owners.values())
    facts = []
    for day in range(DAYS, 0, -1):
        for owner in everybody:
            for _ in range(rng.randint(2, 9)):
                moment = now - day * 86400 + rng.uniform(-HOURS_AROUND, HOURS_AROUND) * 3600
                facts.append(owner.message(moment, [other for other in everybody if other is not owner]))
    facts.sort(key=lambda fact: fact["time"])
    return "".join(json.dumps(fact) + "\n" for fact in facts)
