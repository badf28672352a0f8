"""Reads tests/corpus/relay/vectors.jsonl. See the README there."""

import json
import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpus", "relay")

# Kinds of clients, and the address that plays each. None: the mail server cannot say.
CLIENTS = {
    "outside": "203.0.113.66",
    "outside6": "2001:db8:99::66",
    "trusted": "198.51.100.7",
    "trusted6": "2001:db8:1::5",
    "trusted6-long": "2001:0db8:0001:0000:0000:0000:0000:0005",
    "mapped": "::ffff:198.51.100.7",
    "linklocal6": "fe80::1",
    "loopback": "127.0.0.1",
    "loopback6": "::1",
    "command": "127.0.0.1",
    "unknown": None,
    "unix": None,
}


def policy(name="reference"):
    return os.path.join(FOLDER, name + ".conf")


def load():
    with open(os.path.join(FOLDER, "vectors.jsonl"), encoding="utf-8") as source:
        return [json.loads(line) for line in source]


def address(vector):
    """The client's address, or None."""
    return CLIENTS.get(vector["client"], vector["client"])


def expected(vector, with_view):
    return vector.get("expect_with_view", vector["expect"]) if with_view else vector["expect"]


def path_bytes(vector):
    """The recipient as it is typed."""
    return vector["to"].encode("latin-1" if vector.get("raw") else "utf-8")
