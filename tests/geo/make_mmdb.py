#!/usr/bin/python3
"""Writes small MMDB files (MaxMind DB file format 2.0) for tests, and spoils them.

    make_mmdb.py [--bits 24|28|32] [--ip 4|6] [--type NAME] [--built SECONDS] FILE [PREFIX=JSON]...
        A file in which PREFIX (192.0.2.0/24, 2001:db8::/32) has the record JSON. Without any, lines "PREFIX JSON" are read
        from standard input. A longer prefix wins over a shorter one. Whole numbers become uint32, fractions doubles.
    make_mmdb.py --random COUNT FILE     COUNT networks of made countries and systems, for benchmarks
    make_mmdb.py --fixtures FOLDER       what tests/unit/check_geo.c opens: good files, and FOLDER/bad/* to be refused
    make_mmdb.py --seeds FOLDER          what tests/fuzz/fuzz_mmdb.c begins with

Nothing beyond Python is needed. make() and Raw serve other tests.
"""
import argparse
import ipaddress
import json
import os
import random
import struct
import sys

MARKER = b"\xab\xcd\xefMaxMind.com"
POINTER, TEXT, DOUBLE, BYTES, UINT16, UINT32, MAP, INT32, UINT64, UINT128, ARRAY, BOOL, FLOAT = \
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15
BUILT = 1780000000


class Raw(bytes):
    """Bytes that go into the data section as they are, in place of a value."""


class Typed:
    """A whole number of another type than uint32."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


def head(kind, size):
    if size < 29:
        low, more = size, b""
    elif size < 285:
        low, more = 29, bytes([size - 29])
    elif size < 65821:
        low, more = 30, struct.pack(">H", size - 285)
    else:
        low, more = 31, struct.pack(">I", size - 65821)[1:]
    return bytes([kind << 5 | low]) + more if kind <= 7 else bytes([low, kind - 7]) + more


def pointer(offset, form=None):
    """form: 0..3, the shortest that fits when not given."""
    if form is None:
        form = 0 if offset < 2048 else 1 if offset < 526336 else 2 if offset < 134744064 else 3
    offset -= (0, 2048, 526336, 0)[form]
    if form == 3:
        return bytes([POINTER << 5 | 3 << 3]) + struct.pack(">I", offset)
    low = struct.pack(">I", offset)[3 - form:]
    return bytes([POINTER << 5 | form << 3 | offset >> 8 * (form + 1)]) + low


def number(kind, value):
    size = (value.bit_length() + 7) // 8
    return head(kind, size) + value.to_bytes(size, "big")


def encode(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Typed):
        return number(value.kind, value.value)
    if isinstance(value, bool):
        return head(BOOL, int(value))
    if isinstance(value, int):
        return number(UINT32 if value < 1 << 32 else UINT64, value)
    if isinstance(value, float):
        return head(DOUBLE, 8) + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape")
        return head(TEXT, len(text)) + text
    if isinstance(value, (list, tuple)):
        return head(ARRAY, len(value)) + b"".join(encode(item) for item in value)
    return head(MAP, len(value)) + b"".join(encode(key) + encode(item) for key, item in value.items())


class Tree:
    """Nodes are lists of two: a node, the offset of a record, or None."""

    def __init__(self, ip):
        self.ip, self.root = ip, [None, None]

    def add(self, prefix, offset):
        network = ipaddress.ip_network(prefix)
        bits, length, width = int(network.network_address), network.prefixlen, network.max_prefixlen
        if network.version == 4 and self.ip == 6:
            length, width = length + 96, 128
        if network.version == 6 and self.ip == 4:
            raise ValueError("%s does not fit into a file for IPv4" % prefix)
        if length == 0:
            self.root = [offset, offset]
            return
        node = self.root
        for at in range(length - 1):
            side = bits >> (width - 1 - at) & 1
            if not isinstance(node[side], list):
                node[side] = [node[side], node[side]]
            node = node[side]
        node[bits >> (width - length) & 1] = offset

    def nodes(self):
        found, number_of = [self.root], {id(self.root): 0}
        for node in found:
            for child in node:
                if isinstance(child, list):
                    number_of[id(child)] = len(found)
                    found.append(child)
        return found, number_of


def pack_node(left, right, bits):
    if bits == 24:
        return struct.pack(">I", left)[1:] + struct.pack(">I", right)[1:]
    if bits == 28:
        return struct.pack(">I", left)[1:] + bytes([left >> 24 << 4 | right >> 24]) + struct.pack(">I", right)[1:]
    return struct.pack(">II", left, right)


def metadata(nodes, bits, ip, kind, built, **changes):
    members = {"binary_format_major_version": Typed(UINT16, 2), "binary_format_minor_version": Typed(UINT16, 0),
               "build_epoch": Typed(UINT64, built), "database_type": kind, "description": {"en": "for tests"},
               "ip_version": Typed(UINT16, ip), "languages": ["en"], "node_count": nodes,
               "record_size": Typed(UINT16, bits)}
    for name, value in changes.items():
        if value is None:
            members.pop(name, None)
        else:
            members[name] = value
    return encode(members)


def make(rows, bits=24, ip=6, kind="Test-Country", built=BUILT, change=None, tail=b"", edit=None, **meta):
    """The bytes of a file. rows: pairs of prefix and record. change: called with the list of records of all nodes (pairs,
    as numbers) and the number of nodes. edit: called with the data section. tail: behind the data. meta: members of the
    metadata instead of the right ones, None to leave one out."""
    data, offsets = bytearray(), {}
    tree = Tree(ip)
    for prefix, record in sorted(rows, key=lambda row: ipaddress.ip_network(row[0]).prefixlen):
        text = encode(record)
        if text not in offsets:
            offsets[text] = len(data)
            data += text
        tree.add(prefix, offsets[text])
    nodes, number_of = tree.nodes()

    def record_of(child):
        if child is None:
            return len(nodes)
        return number_of[id(child)] if isinstance(child, list) else len(nodes) + 16 + child

    records = [[record_of(child) for child in node] for node in nodes]
    if change:
        change(records, len(nodes))
    packed = b"".join(pack_node(left, right, bits) for left, right in records)
    if edit:
        data = edit(bytes(data))
    return packed + bytes(16) + bytes(data) + tail + MARKER + metadata(len(nodes), bits, ip, kind, built, **meta)


# ---- Files for tests ----

def geolite(code, **more):
    return {"continent": {"code": "EU"}, "country": {"iso_code": code, "names": {"en": "A country"}}, **more}


def city(code, latitude, longitude):
    return geolite(code, location={"accuracy_radius": Typed(UINT16, 50), "latitude": latitude, "longitude": longitude})


COUNTRIES = [("192.0.2.0/24", geolite("DE")), ("198.51.100.0/24", geolite("FR")), ("198.51.100.128/25", geolite("it")),
             ("203.0.113.7/32", geolite("NO")), ("203.0.113.8/32", {"continent": {"code": "EU"}}),
             ("0.0.0.0/32", geolite("AA")), ("255.255.255.255/32", geolite("QQ"))]
COUNTRIES6 = COUNTRIES + [("2001:db8::/32", geolite("SE")), ("2001:db8:1::1/128", geolite("DK")),
                          ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", geolite("QQ"))]
FLAT = [("127.1.0.0/16", {"country_code": "DE"}), ("127.2.0.0/16", {"country_code": "FR"}),
        ("127.3.0.0/16", {"country_code": "US"}), ("127.4.0.0/16", {"country_code": "ZZ"}),
        ("127.5.0.0/16", {"country_code": ""}), ("2001:db8::/32", {"country_code": "SE"})]
CITIES = [("192.0.2.0/24", city("DE", 52.52, 13.405)), ("198.51.100.0/24", city("AU", -33.8688, 151.2093)),
          ("203.0.113.0/24", city("FR", 0.0, 0.0)), ("2001:db8::/32", city("US", 40.7128, -74.006))]
LONG_NAME = "Über " + "ä" * 60
SYSTEMS = [("192.0.2.0/24", {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}),
           ("198.51.100.0/24", {"autonomous_system_number": 4200000000, "autonomous_system_organization": LONG_NAME}),
           ("203.0.113.0/24", {"autonomous_system_number": 64501}),
           ("203.0.113.128/25", {"autonomous_system_number": 64502, "autonomous_system_organization": "a\nb\udcffc"}),
           ("2001:db8::/32", {"autonomous_system_number": 64503, "autonomous_system_organization": "Six"})]
TEXT_SYSTEMS = [("192.0.2.0/24", {"asn": "AS64500", "as_name": "Example Net", "country_code": "DE"}),
                ("198.51.100.0/24", {"asn": "64501", "as_name": "Other", "country_code": "FR"}),
                ("203.0.113.0/24", {"asn": "ASX", "as_name": "", "country_code": "GB"})]




def single(value):
    return Raw(head(FLOAT, 4) + struct.pack(">f", value))


def signed(value):
    return Raw(head(INT32, 4) + struct.pack(">i", value))


# Numbers as other makers write them, and some that mean nothing.
ODD_PLACES = [("192.0.2.0/24", city("DE", single(52.5), single(-13.5))), ("198.51.100.0/24", city("FR", 90.5, 10.0)),
              ("203.0.113.0/24", city("SE", float("nan"), 10.0)), ("10.0.0.0/8", geolite("NO", location={"latitude": 1.0}))]
ODD_SYSTEMS = [("192.0.2.0/24", {"asn": Typed(UINT16, 64500)}), ("198.51.100.0/24", {"asn": Typed(UINT64, 64501)}),
               ("203.0.113.0/25", {"asn": signed(64502)}), ("203.0.113.128/25", {"asn": signed(-1)}),
               ("10.0.0.0/8", {"asn": 0}), ("172.16.0.0/12", {"asn": Typed(UINT64, 1 << 32)}),
               ("192.168.0.0/16", {"asn": "AS99999999999"})]


def many(count):
    """More records than samples are taken of."""
    return [("10.%d.%d.0/24" % (i >> 8, i & 255), {"country_code": "DE", "n": i}) for i in range(count)]


def good_files():
    files = {"country-%d-%d.mmdb" % (bits, ip): make(COUNTRIES6 if ip == 6 else COUNTRIES, bits, ip)
             for bits in (24, 28, 32) for ip in (4, 6)}
    files["country.mmdb"] = files["country-24-6.mmdb"]
    files["flat.mmdb"] = make(FLAT, 28, kind="country ipvAll")
    files["city.mmdb"] = make(CITIES, 28, kind="Test-City")
    files["asn.mmdb"] = make(SYSTEMS, 28, kind="Test-ASN")
    files["text-asn.mmdb"] = make(TEXT_SYSTEMS, 24, kind="Test-Text")
    files["pointers.mmdb"] = with_pointers()
    files["odd-city.mmdb"] = make(ODD_PLACES, kind="Test-City")
    files["odd-asn.mmdb"] = make(ODD_SYSTEMS, kind="")
    files["many.mmdb"] = make(many(1000))
    return files


def with_pointers():
    """Names and values behind pointers of each form, as real writers make them. Offsets: DE at 0, country 3, iso_code 11."""
    shared = encode("DE") + encode("country") + encode("iso_code")
    inner = head(MAP, 1) + pointer(11) + pointer(0, 3)
    record = Raw(head(MAP, 1) + pointer(3, 3) + pointer(len(shared)))
    place = len(shared) + len(inner)

    def to_record(records, count):
        for pair in records:
            for side in (0, 1):
                if pair[side] > count:
                    pair[side] = count + 16 + place
    return make([("192.0.2.0/24", record)], change=to_record, edit=lambda data: shared + inner + data)


def first_data(value):
    """A change that has every record lead to value instead; value: called with the number of nodes."""
    def change(records, count):
        for pair in records:
            for side in (0, 1):
                if pair[side] > count:
                    pair[side] = value(count)
    return change


def circle(records, _):
    """The last node leads back to the first one."""
    records[-1] = [0, 0]


def nested(kind, depth):
    """Maps (or arrays) in each other, and the text of a country innermost."""
    inner = encode("DE")
    for _ in range(depth):
        inner = head(MAP, 1) + encode("a") + inner if kind == MAP else head(ARRAY, 1) + inner
    return Raw(head(MAP, 1) + encode("country_code") + inner)


def fan(levels, at):
    """Arrays of two pointers, each to the next such array: 2 to the power of levels values in a few bytes."""
    size = len(head(ARRAY, 2)) + 2 * len(pointer(0, 3))
    return b"".join(head(ARRAY, 2) + pointer(at + (level + 1) * size, 3) * 2 for level in range(levels)) + encode("x")


def with_fan_in_metadata():
    """What decodes all of its metadata never ends."""
    whole = make([("192.0.2.0/24", {"country_code": "DE"})], description={"en": Raw(fan(40, 0))})
    at = whole.index(fan(40, 0)) - whole.index(MARKER) - len(MARKER)
    return make([("192.0.2.0/24", {"country_code": "DE"})], description={"en": Raw(fan(40, at))})


def bad_files():
    good = make(COUNTRIES6)
    nodes = good.index(MARKER)
    one = [("192.0.2.0/24", {"country_code": "DE"})]
    tree_end = good.index(bytes(16))
    files = {
        "empty": b"", "text": b"<html>404 Not Found</html>\n" * 40, "marker-only": MARKER,
        "metadata-missing": good[:nodes], "metadata-cut": good[:nodes + 40], "cut-last-byte": good[:-1],
        "cut-in-tree": good[:tree_end // 2], "cut-in-data": good[:nodes - 30],
        "tree-cut-out": good[100:], "data-cut-out": good[:tree_end + 16] + good[nodes - 4:],
        "no-data": good[:tree_end + 16] + good[nodes:],
        "node-count-too-large": make(one, node_count=1 << 20),
        "node-count-wraps": make(one, bits=32, node_count=0x80000001),
        "node-count-wraps-24": make(one, bits=24, node_count=715827883),
        "node-count-zero": make(one, node_count=0), "node-count-text": make(one, node_count="12"),
        "node-count-missing": make(one, node_count=None),
        "record-size-20": make(one, record_size=Typed(UINT16, 20)),
        "record-size-0": make(one, record_size=Typed(UINT16, 0)),
        "record-size-huge": make(one, record_size=Typed(UINT16, 65528)),
        "ip-version-5": make(one, ip_version=Typed(UINT16, 5)),
        "format-3": make(one, binary_format_major_version=Typed(UINT16, 3)),
        "no-type": make(one, database_type=None), "languages-number": make(one, languages=3),
        "metadata-nested": make(one, description={"en": Raw(head(ARRAY, 1) * 600 + encode("x"))}),
        "metadata-array": good[:nodes] + MARKER + encode(["node_count", 5]),
        "metadata-wild-pointer": make(one, description=Raw(pointer(0xffffffff, 3))),
        "metadata-fan": with_fan_in_metadata(),
        "metadata-circle": make(one, description=Raw(pointer(0))),
        "languages-of-numbers": make(one, languages=[7]), "description-of-numbers": make(one, description={"en": 7}),
        "metadata-key-number": good[:nodes] + MARKER + head(MAP, 1) + encode(7) + encode(7),
        "metadata-empty": good[:nodes] + MARKER, "no-address": make([]),
        "no-address-but-data": make([], edit=lambda data: encode({"country_code": "DE"})),
        "latitude-sometimes-a-text": make(CITIES + [("10.0.0.0/8", city("NO", "59.9", 10.7))]), "circle": make(one, change=circle),
        "circle-4": make(one, ip=4, change=circle),
        "record-in-separator": make(one, change=first_data(lambda count: count + 15)),
        "record-in-separator-1": make(one, change=first_data(lambda count: count + 1)),
        "record-behind-data": make(one, change=first_data(lambda count: count + 16 + 4000)),
        "record-behind-file": make(one, bits=32, change=first_data(lambda count: 0xffffffff)),
        "record-in-metadata": make(one, change=first_data(lambda count: count + 16 + 17)),
        "pointer-wild": make([("192.0.2.0/24", Raw(pointer(0xffffffff, 3)))]),
        "pointer-wild-key": make([("192.0.2.0/24", Raw(head(MAP, 1) + pointer(0xffffffff, 3) + encode("DE")))]),
        "pointer-wild-value": make([("192.0.2.0/24", Raw(head(MAP, 1) + encode("country_code") + pointer(0xfffffffe, 3)))]),
        "pointer-to-itself": make([("192.0.2.0/24", Raw(pointer(0)))]),
        "pointer-to-pointer": make([("192.0.2.0/24", Raw(pointer(2) + pointer(4) + encode({"country_code": "DE"})))]),
        "pointer-circle": make([("192.0.2.0/24", Raw(head(MAP, 1) + encode("country_code") + head(MAP, 1) + encode("a") +
                                                     pointer(0)))]),
        "map-huge": make([("192.0.2.0/24", Raw(head(MAP, 16000000)))]),
        "map-nested": make([("192.0.2.0/24", nested(MAP, 600))]),
        "array-nested": make([("192.0.2.0/24", nested(ARRAY, 600))]),
        "array-nested-deep": make([("192.0.2.0/24", nested(ARRAY, 200000))]),
        "array-wide": make([("192.0.2.0/24", {"x": [True] * 5000, "country_code": "DE"})]),
        "text-too-long": make([("192.0.2.0/24", Raw(head(MAP, 1) + encode("country_code") + head(TEXT, 70000) + b"DE"))]),
        "key-number": make([("192.0.2.0/24", Raw(head(MAP, 1) + encode(7) + encode("DE")))]),
        "type-unknown": make([("192.0.2.0/24", Raw(bytes([0, 40])))]),
        "type-end": make([("192.0.2.0/24", Raw(bytes([0, 6])))]),
        "uint32-of-9-bytes": make([("192.0.2.0/24", Raw(head(UINT32, 9) + bytes(9)))]),
        "double-of-3-bytes": make([("192.0.2.0/24", Raw(head(DOUBLE, 3) + bytes(3)))]),
        "country-a-number": make([("192.0.2.0/24", {"country_code": 49})]),
        "country-a-map": make([("192.0.2.0/24", {"country_code": {"en": "Germany"}})]),
        "country-sometimes-a-number": make([("192.0.2.0/24", {"country_code": "DE"}), ("198.51.100.0/24", {"country_code": 33})]),
        "country-in-words": make([("192.0.2.0/24", {"country_code": "Germany"})]),
        "no-country": make(SYSTEMS), "record-a-text": make([("192.0.2.0/24", "DE")]),
    }
    return files


def flips(count, seed=7):
    """A good file with one bit turned over, again and again."""
    rng = random.Random(seed)
    good = make(COUNTRIES6)
    for i in range(count):
        spoilt = bytearray(good)
        at = rng.randrange(len(good) * 8) if i % 3 else rng.randrange(good.index(MARKER) * 8, len(good) * 8)
        spoilt[at // 8] ^= 1 << at % 8
        yield bytes(spoilt)


def write(folder, name, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def write_fixtures(folder):
    for name, content in good_files().items():
        write(folder, name, content)
    for name, content in bad_files().items():
        write(os.path.join(folder, "bad"), name + ".mmdb", content)
    for i, content in enumerate(flips(300)):
        write(os.path.join(folder, "flipped"), "%03d.mmdb" % i, content)


def write_seeds(folder):
    small = [("128.0.0.0/1", {"country_code": "DE"})]
    write(folder, "flat-4", make(small, ip=4))
    write(folder, "flat-28", make(small + [("0.0.0.0/2", {"country_code": "FR"})], bits=28, ip=4))
    write(folder, "flat-32", make(small, bits=32, ip=4))
    write(folder, "country", make([("::/1", geolite("DE")), ("8000::/3", geolite("SE"))]))
    write(folder, "city", make([("64.0.0.0/2", city("AU", -33.87, 151.2))], ip=4))
    write(folder, "asn", make([("64.0.0.0/2", SYSTEMS[0][1]), ("0.0.0.0/2", {"asn": "AS64500"})], ip=4))
    write(folder, "pointers", with_pointers())
    for name in ("pointer-wild", "pointer-circle", "circle-4", "record-in-separator", "node-count-wraps", "metadata-circle"):
        write(folder, name, bad_files()[name])


def random_rows(count, seed=1):
    rng = random.Random(seed)
    countries = [chr(65 + i) + chr(65 + k) for i in range(26) for k in range(0, 26, 3)]
    for _ in range(count):
        record = {"autonomous_system_number": rng.randrange(1, 70000), "country": {"iso_code": rng.choice(countries)}}
        record["autonomous_system_organization"] = "System %d" % record["autonomous_system_number"]
        if rng.random() < 0.7:
            length = rng.randrange(12, 25)
            address = ipaddress.IPv4Address(rng.randrange(1 << 24, 224 << 24) >> 32 - length << 32 - length)
        else:
            length = rng.randrange(29, 49)
            address = ipaddress.IPv6Address((0x20 << 120 | rng.randrange(1 << 120)) >> 128 - length << 128 - length)
        yield "%s/%d" % (address, length), record


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, choices=[24, 28, 32], default=28)
    parser.add_argument("--ip", type=int, choices=[4, 6], default=6)
    parser.add_argument("--type", default="Test-Country")
    parser.add_argument("--built", type=int, default=BUILT)
    parser.add_argument("--random", type=int)
    parser.add_argument("--fixtures", action="store_true")
    parser.add_argument("--seeds", action="store_true")
    parser.add_argument("file")
    parser.add_argument("rows", nargs="*", metavar="PREFIX=JSON")
    options = parser.parse_args()
    if options.fixtures or options.seeds:
        (write_fixtures if options.fixtures else write_seeds)(options.file)
        return
    if options.random:
        rows = list(random_rows(options.random))
    elif options.rows:
        rows = [(prefix, json.loads(text)) for prefix, text in (row.split("=", 1) for row in options.rows)]
    else:
        rows = [(prefix, json.loads(text)) for prefix, text in (line.split(None, 1) for line in sys.stdin if line.strip())]
    content = make(rows, options.bits, options.ip, options.type, options.built)
    # Beside it and renamed: a daemon that looks meanwhile never sees half of it.
    with open(options.file + ".new", "wb") as file:
        file.write(content)
    os.rename(options.file + ".new", options.file)


if __name__ == "__main__":
    main()
