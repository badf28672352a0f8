#!/usr/bin/env python3
"""Turns a labelled set into the plain lines that the program lab reads.

Usage: lab_set.py SET.ndjson[.gz] SET.meta.json OUT.lab

Lines, members separated by blanks:
  A account class first last [kind history start first_id]      one per account
  E id t account mail_from network country asn size refused spam auth label helo rcpt...
"""
import gzip, json, sys

set_name, meta_name, out_name = sys.argv[1:4]
meta = json.load(open(meta_name))
kind_of = {}
for name, accounts in meta["classes"].items():
    for account in accounts:
        if name.startswith("hard:") or account not in kind_of:
            kind_of[account] = name
stolen = {h["account"]: h for h in meta["hijacks"]}
with open(out_name, "w") as out:
    for account, seen in meta["accounts"].items():
        row = ["A", account, kind_of.get(account, "?"), seen["first"], seen["last"]]
        if account in stolen:
            h = stolen[account]
            row += [h["kind"], h["history"], h["start"], h["first_id"]]
        print(*row, file=out)
    with (gzip.open if set_name.endswith(".gz") else open)(set_name, "rt") as events:
        for line in events:
            o = json.loads(line)
            label = o["label"].split(":")[-1]
            print("E", o["id"], o["t"], o["account"], o.get("mail_from", o["account"]) or "<>", o["ip"], o["country"], o["asn"],
                  o["size"], o.get("rejected_rcpt", 0), int(bool(o.get("spam"))), int(o.get("auth", True)), label,
                  (o.get("helo") or "-").replace(" ", "_"), *o["rcpt"], file=out)
