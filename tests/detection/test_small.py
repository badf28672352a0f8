#!/usr/bin/env python3
"""A small made world and the patient thief through `mailreeve replay`: a quick look that the detector still finds
thieves and leaves owners alone. The limits are wide, because thirty thefts are few; make_world.py with its own size,
play.py and score.py give the figures that count."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import play
import poison
import score

LIMITS = ["found>=86", "escaped50<=4", "heldback50<=3", "wrong<=35", "held<=1.5"]
SEED = "1"


def main():
    if not os.access(play.MAILREEVE, os.X_OK):
        print("1..0 # SKIP %s is not built; run make" % play.MAILREEVE)
        return 77
    failed = 0
    print("1..%d" % (len(LIMITS) + 2))

    def tell(number, good, what):
        nonlocal failed
        failed += not good
        print("%sok %d - %s" % ("" if good else "not ", number, what), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        events, meta, decisions, policy = (os.path.join(folder, name) for name in
                                                  ("set.gz", "meta.json", "decisions", "policy.conf"))
        subprocess.run([sys.executable, os.path.join(HERE, "make_world.py"), "--seed", SEED, "--accounts", "120",
                        events, meta], check=True, stdout=subprocess.DEVNULL)
        facts, _, seconds = play.play_file(events, meta, decisions)
        print("# %d facts in %.1f s" % (facts, seconds))
        result = score.read_score(events, meta, decisions)
        for line in result.table().splitlines():
            print("# " + line)
        figures = result.figures()
        for number, limit in enumerate(LIMITS, 1):
            broken = score.unmet(figures, [limit])
            tell(number, not broken, broken[0] if broken else limit)
        with open(decisions, encoding="ascii") as first:
            actions = [json.loads(line)["action"] for line in first]
        tell(len(LIMITS) + 1, "freeze" in actions and "hold" in actions, "accounts are frozen and messages held")
        with open(meta, encoding="ascii") as file:
            world = json.load(file)
        with open(policy, "w", encoding="ascii") as file:
            file.write(play.policy_text(world["accounts"]))
        lives = poison.lives_of(events, world)
        print("# ", end="")
        found = poison.one_growth(lives, 1.15, [play.MAILREEVE, "replay", "--policy", policy, "-"], False)
        tell(len(LIMITS) + 2, found == len(lives), "of %d patient thieves %d are found" % (len(lives), found))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
