#!/usr/bin/env python3
"""Scores decisions (play.py) against the labels of a set.

Usage: score.py [--list] [--require LIMIT]... SET.ndjson.gz SET.meta.json DECISIONS.ndjson

found     a theft whose account was frozen between its first and its last message
escaped   messages of the thief that left: before the freeze; all of them when it was not found. Shown twice: as if held
          messages had left too, and with those kept back
wrong     a freeze of an account before it was stolen, if ever; what follows within a day belongs to the same. Per 1000
          accounts and year, and again without the accounts that an operator declares beforehand
held      honest messages that were held, per cent of all honest messages

LIMIT: found>=95 escaped50<=4 escaped95<=30 heldback50<=1 heldback95<=6 wrong<=25 declared<=4 held<=0.5, and found of
one kind: lateral>=80. Exit status 1 when one is not met.
"""
import argparse
import collections
import gzip
import json
import math
import sys

DECLARED = ("hard:newsletter", "hard:invoice", "hard:app", "hard:helpdesk")
NOT_MASS = ("bec", "mimic")  # a few letters by hand; one who keeps to the owner's own pace
DAY, YEAR = 86400, 365.25 * 86400


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def interval(count, years):
    """95 % Poisson interval of a rate per 1000 years, after Wilson and Hilferty."""
    low = count * (1 - 1 / (9 * count) - 1.96 / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    high = more * (1 - 1 / (9 * more) + 1.96 / (3 * math.sqrt(more))) ** 3
    return 1000 * low / years, 1000 * high / years


class Score:
    """Everything that is counted of one set and one file of decisions."""

    def __init__(self, events, meta, decisions):
        self.meta = meta
        self.thefts = {h["account"]: h for h in meta["hijacks"]}
        self.cls = {}
        for cls, accounts in meta["classes"].items():
            for account in accounts:
                if cls.startswith("hard:") or account not in self.cls:
                    self.cls[account] = cls
        self.stolen, self.honest = collections.defaultdict(list), 0
        for event in events:
            if event["label"] == "legit":
                self.honest += 1
            else:
                self.stolen[event["account"]].append(event["id"])
        self.freezes, self.holds = collections.defaultdict(list), collections.defaultdict(dict)
        for decision in decisions:
            if decision["action"] == "freeze":
                self.freezes[decision["account"]].append(decision)
            else:
                self.holds[decision["account"]][decision["id"]] = decision
        self.weigh_thefts()
        self.weigh_owners()

    def weigh_thefts(self):
        self.rows = []
        for account, theft in self.thefts.items():
            ids = self.stolen[account]
            caught = next((d["id"] for d in self.freezes[account] if ids[0] <= d["id"] <= ids[-1]), None)
            left = [i for i in ids if caught is None or i < caught]
            kept = [i for i in left if i not in self.holds[account]]
            self.rows.append(dict(account=account, kind=theft["kind"], history=theft["history"],
                                  found=caught is not None, escaped=len(left), heldback=len(kept), of=len(ids)))

    def weigh_owners(self):
        self.wrong, self.years, self.declared_years = [], 0.0, 0.0
        for account, life in self.meta["accounts"].items():
            theft = self.thefts.get(account)
            end = theft["start"] if theft else life["last"]
            years = max(0, end - life["first"]) / YEAR
            cls = self.cls.get(account, "?")
            self.years += years
            self.declared_years += 0 if cls in DECLARED else years
            last = -math.inf
            for decision in self.freezes.get(account, ()):
                if theft and decision["id"] >= theft["first_id"]:
                    break
                if decision["t"] - last >= DAY:
                    self.wrong.append((account, cls, decision))
                last = decision["t"]
        self.held = [(account, self.cls.get(account, "?"), d) for account, holds in self.holds.items()
                     for i, d in holds.items() if i not in set(self.stolen.get(account, ()))]

    def figures(self):
        """-> {name of a limit: value}."""
        mass = [r for r in self.rows if r["kind"] not in NOT_MASS]
        out = {"found": 100 * sum(r["found"] for r in mass) / max(1, len(mass))}
        for name in ("escaped", "heldback"):
            out[name + "50"] = quantile([r[name] for r in mass], .5)
            out[name + "95"] = quantile([r[name] for r in mass], .95)
        out["wrong"] = 1000 * len(self.wrong) / self.years
        out["declared"] = 1000 * sum(c not in DECLARED for _, c, _ in self.wrong) / self.declared_years
        out["held"] = 100 * len(self.held) / max(1, self.honest)
        for kind in {r["kind"] for r in self.rows}:
            rows = [r for r in self.rows if r["kind"] == kind]
            out[kind] = 100 * sum(r["found"] for r in rows) / len(rows)
        return out

    def line(self, title, rows):
        numbers = [quantile([r[n] for r in rows], s) for n in ("escaped", "heldback") for s in (.5, .95)]
        return "%-12s %4d %6.1f %% | %6.0f %6.0f | %6.0f %6.0f" % (
            title, len(rows), 100 * sum(r["found"] for r in rows) / max(1, len(rows)), *numbers)

    def table(self):
        kinds = list(dict.fromkeys(r["kind"] for r in self.rows))
        lines = ["%-12s %4s %8s | %-13s | %s" % (self.meta["set"], "n", "found", "escaped 50/95", "held back 50/95")]
        lines += [self.line(k, [r for r in self.rows if r["kind"] == k]) for k in kinds]
        lines.append(self.line("all mass", [r for r in self.rows if r["kind"] not in NOT_MASS]))
        lines.append(self.line("  cold", [r for r in self.rows if r["history"] == "cold"]))
        figures = self.figures()
        declared = [w for w in self.wrong if w[1] not in DECLARED]
        for title, wrong, years, name in (("all", self.wrong, self.years, "wrong"),
                                          ("declared", declared, self.declared_years, "declared")):
            lines.append("wrong freezes, %s: %d in %.0f account-years = %.1f per 1000 (%.1f to %.1f)" % (
                title, len(wrong), years, figures[name], *interval(len(wrong), years)))
        for title, found in (("wrong", self.wrong), ("held", self.held)):
            classes = collections.Counter(c for _, c, _ in found)
            named = ", ".join("%s %d" % pair for pair in classes.most_common())
            lines.append("  %s by class: %s" % (title, named or "none"))
        lines.append("honest messages held: %d of %d (%.3f %%)" % (len(self.held), self.honest, figures["held"]))
        return "\n".join(lines)

    def lists(self):
        lines = ["wrong freezes:"]
        for account, cls, decision in self.wrong:
            lines.append("  %-22s %-20s id %-7d %s" % (account, cls, decision["id"], words(decision)))
        lines.append("thefts not found, or found late:")
        for row in self.rows:
            if not row["found"] or row["escaped"] > 25:
                lines.append("  %-22s %-12s %-5s %s, %d of %d escaped" % (
                    row["account"], row["kind"], row["history"], "found" if row["found"] else "NOT FOUND",
                    row["escaped"], row["of"]))
        return "\n".join(lines)


def words(decision):
    evidence = decision.get("evidence") or {}
    numbers = [(k, v) for k, v in evidence.items() if isinstance(v, (int, float)) and v]
    numbers.sort(key=lambda pair: -abs(pair[1]))
    return " ".join("%s %+.1f" % pair for pair in numbers)


def read_score(set_file, meta_file, decisions_file):
    with gzip.open(set_file, "rt") if set_file.endswith(".gz") else open(set_file, encoding="ascii") as events, \
            open(meta_file, encoding="ascii") as meta, open(decisions_file, encoding="ascii") as decisions:
        return Score(map(json.loads, events), json.load(meta), map(json.loads, decisions))


def unmet(figures, limits):
    """The limits that the figures break, in words."""
    out = []
    for limit in limits:
        at_least = ">=" in limit
        name, _, value = limit.partition(">=" if at_least else "<=")
        if name not in figures or not value:
            raise SystemExit("no such limit: %s" % limit)
        have = figures[name]
        if not (have >= float(value) if at_least else have <= float(value)):
            out.append("%s: it is %.2f" % (limit, have))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--require", action="append", default=[], metavar="LIMIT")
    parser.add_argument("set")
    parser.add_argument("meta")
    parser.add_argument("decisions")
    args = parser.parse_args()
    score = read_score(args.set, args.meta, args.decisions)
    print(score.table())
    if args.list:
        print(score.lists())
    broken = unmet(score.figures(), args.require)
    for what in broken:
        print("NOT MET " + what)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
