#!/usr/bin/python3
"""Every rule, reason, event, setting and lint of the tables in lib/, and every function of the library, must be named in
the manual page that speaks of it. Run by vocabulary.sh with the source folder."""
import glob
import os
import re
import sys

ROW = re.compile(r'^MR_[A-Z_]+\((?:[A-Z0-9_]+, *)?"([^"]+)"', re.M)
TABLES = [
    ("lib/model/rule.def", "mailreeve.conf.5", "rule"),
    ("lib/model/reason.def", "mailreeve-events.5", "reason"),
    ("lib/model/event.def", "mailreeve-events.5", "event"),
    ("lib/policy/setting.def", "mailreeve.conf.5", "setting"),
    ("lib/policy/lint.def", "mailreeve.conf.5", "lint"),
    ("lib/mailreeve.sym", "libmailreeve.3", "function"),
]


def names(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".sym"):
        return text.split()
    return ROW.findall(text)


def page_words(path):
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("\\-", "-").replace("\\&", "").replace("\\(", "(")
    return set(re.findall(r"[@\w][\w@-]*(?:\.[\w-]+)*", text))


def main():
    os.chdir(sys.argv[1])
    pages = {os.path.basename(path): path for path in glob.glob("*/**/*.[1358]", recursive=True)}
    faults = checked = 0
    skipped = []
    for table, page, kind in TABLES:
        if not os.path.exists(table) or page not in pages:
            skipped.append("%s (no %s)" % (table, page if os.path.exists(table) else table))
            continue
        known = page_words(pages[page])
        if not names(table):
            print("%s: no row of it can be read" % table)
            faults += 1
        for name in names(table):
            checked += 1
            # a setting of a group may be named by its last part, under the heading of its group
            if name not in known and not (kind == "setting" and name.rsplit(".", 1)[-1] in known):
                print("%s: does not name the %s %s" % (pages[page], kind, name))
                faults += 1
    print("vocabulary: %d names looked up, %d not in their manual page" % (checked, faults))
    if skipped:
        print("vocabulary: skipped " + ", ".join(skipped))
    sys.exit(1 if faults else 77 if skipped and not checked else 0)


main()
