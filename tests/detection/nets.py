"""Networks of the made world: providers with their /24 prefixes, and the places where people sit.

Not real address plans: prefixes are handed out by a counter, AS numbers are from the private range.
"""
HOME = "CZ"
NEAR = ["SK", "AT", "PL", "DE"]
FAR = ["IT", "FR", "GB", "SE", "ES", "NL", "US", "CA", "JP", "IN", "BR", "TR", "GR", "HR", "CH", "FI"]
ROUGH = ["VN", "NG", "RO", "BR", "ID", "IN", "TR", "ZA", "EG", "PK", "AR", "CO",
         "PH", "UA", "KE", "BD", "MX", "TH", "US", "NL"]


class Net:
    """A provider: its AS number and its prefixes, each with the country that a geo table would name."""

    def __init__(self, asn, country, prefixes):
        self.asn, self.country, self.prefixes, self.mislabelled = asn, country, prefixes, {}

    def address(self, rnd, prefixes=None):
        return "%s.%d" % (rnd.choice(prefixes or self.prefixes), rnd.randrange(1, 255))

    def seen(self, ip):
        """(ip, country, asn) as the server sees a client there."""
        return ip, self.mislabelled.get(ip.rsplit(".", 1)[0], self.country), self.asn


class Earth:
    """Every provider of the world."""

    def __init__(self, rnd):
        self.rnd, self.next_prefix, self.next_asn = rnd, 20 << 16, 64600
        self.isps = {c: [self.net(c, rnd.randrange(30, 90)) for _ in range(6 if c == HOME else 4)]
                     for c in [HOME] + NEAR}
        for c in sorted(set(FAR + ROUGH)):
            self.isps[c] = [self.net(c, rnd.randrange(20, 60)) for _ in range(3)]
        self.carriers = {c: [self.net(c, rnd.randrange(25, 60)) for _ in range(3)] for c in [HOME] + NEAR}
        self.hosting = {c: [self.net(c, 12) for _ in range(3)] for c in [HOME] + NEAR + FAR[:8]}
        for carrier in self.carriers[HOME]:  # shared addresses of a carrier that geo tables put abroad
            for prefix in rnd.sample(carrier.prefixes, max(1, len(carrier.prefixes) // 18)):
                carrier.mislabelled[prefix] = rnd.choice(NEAR)
        self.vpns = [self.net(c, 6) for c in ("NL", "SE", "CH", "US")]

    def net(self, country, count):
        prefixes = []
        for _ in range(count):
            self.next_prefix += self.rnd.randrange(1, 9)
            n = self.next_prefix
            prefixes.append("%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255))
        self.next_asn += 1
        return Net(self.next_asn, country, prefixes)


class Office:
    """A building behind one or few public addresses; it can change its provider in one day."""

    def __init__(self, rnd, net, doors, moves=None):
        self.rnd, self.net, self.moves = rnd, net, moves  # moves: (t, another Net)
        self.ips = [net.address(rnd, net.prefixes[:1] if doors < 3 else net.prefixes[:3]) for _ in range(doors)]
        self.later = [moves[1].address(rnd, moves[1].prefixes[:1]) for _ in range(doors)] if moves else None

    def at(self, t, who):
        moved = self.moves and t >= self.moves[0]
        ips, net = (self.later, self.moves[1]) if moved else (self.ips, self.net)
        return net.seen(ips[who % len(ips)])


class Household:
    """A home line: one address for days to months, then another of the same region."""

    def __init__(self, rnd, net, lease_days, t):
        self.rnd, self.net, self.lease = rnd, net, lease_days * 86400
        self.region = rnd.sample(net.prefixes, min(len(net.prefixes), rnd.choice((2, 4, 8))))
        self.ip, self.until = net.address(rnd, self.region), t

    def at(self, t):
        while t >= self.until:
            prefixes = [self.ip.rsplit(".", 1)[0]] if self.rnd.random() < .5 else self.region
            self.ip = self.net.address(self.rnd, prefixes)
            self.until = max(self.until + self.rnd.expovariate(1 / self.lease), t - self.lease)
        return self.net.seen(self.ip)


WEBMAIL = ("10.8.0.12", "ZZ", 0)
