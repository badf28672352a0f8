#!/usr/bin/python3
"""mailreeve replay as a command: its options, exit statuses, what it says on standard error, and that a line that
cannot be read costs no other. Every event line that comes out is validated."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import validate_events  # noqa: E402

COMMAND = os.path.abspath(os.path.join(os.environ.get("top_builddir", "."), "milter", "ctl", "mailreeve"))
POLICY = 'domains = ["example.com"];\nrelay: { mode = "enforce"; };\n'


def fact(**members):
    """A line of a message fact."""
    common = {"time": 1795301467.5, "fact": "message", "client": {"ip": "203.0.113.7"}}
    return json.dumps(dict(common, **members)) + "\n"


class Replay:
    """One run of the command."""

    def __init__(self, folder, arguments, facts=""):
        data = facts.encode("latin-1") if isinstance(facts, str) else facts
        run = subprocess.run([COMMAND, "replay"] + arguments, cwd=folder, input=data, capture_output=True, check=False)
        self.status = run.returncode
        self.output = run.stdout
        self.said = run.stderr.decode()
        self.problems = validate_events.check_lines(run.stdout, "events")
        self.events = [] if self.problems else [json.loads(line) for line in run.stdout.splitlines()]

    def verdicts(self):
        """The verdicts, in order."""
        return [event["mailreeve"]["verdict"] for event in self.events if event["event"]["action"] == "verdict"]


def plays_from_files_and_standard_input(folder):
    """Facts from a file, from "-" and from standard input give the same lines, in each run."""
    facts = fact(id="a", mail_from="<x@ext.example>", rcpt=["<u@example.com>"]) + "\n" + \
        fact(id=7, mail_from="<x@ext.example>", rcpt=["<u@other.example>", "<v@example.com>"])
    with open(os.path.join(folder, "facts"), "w", encoding="ascii") as file:
        file.write(facts)
    runs = [Replay(folder, ["-c", "policy", "facts"]), Replay(folder, ["--policy", "policy", "-"], facts),
            Replay(folder, ["--policy=policy"], facts.rstrip("\n"))]
    yield "exit statuses", [run.status for run in runs], [0, 0, 0]
    yield "problems", runs[0].problems, []
    yield "one output", len({run.output for run in runs}), 1
    yield "verdicts", runs[0].verdicts(), ["accept", "accept"]
    yield "ids", [event["labels"]["fact_id"] for event in runs[0].events], ["a", 7, 7]
    yield "refused", runs[0].events[-1]["mailreeve"]["rcpt"]["refused"], ["<u@other.example>"]
    yield "time", runs[0].events[0]["@timestamp"], "2026-11-21T22:51:07.500Z"
    yield "standard error", runs[0].said, ""


def says_where_a_line_is_bad(folder):
    """A line that cannot be read is told as FILE:LINE:COLUMN, the others are played, and the status is 3."""
    good = fact(mail_from="<x@ext.example>", rcpt=["<u@example.com>"])
    run = Replay(folder, ["-c", "policy"], good + fact(rcpt=1) + "\n{\n" + '{"time":1,"time":1}\n' + "\xff\n" + good)
    column = fact(rcpt=1).index('"rcpt"') + 1
    yield "status", run.status, 3
    yield "verdicts", run.verdicts(), ["accept", "accept"]
    said = run.said.splitlines()
    yield "lines", len(said), 4
    yield "first", said[0], "-:2:%d: rcpt must be an array" % column
    yield "places", [text.rsplit(":", 3)[0].split(":")[1] for text in said[1:]], ["4", "5", "6"]
    yield "no input on the terminal", all(text.isprintable() for text in said), True


def bounds_the_length_of_a_line(folder):
    """A line of 1 MiB is read, a longer one is not, and the next one is."""
    good = fact(mail_from="<x@ext.example>", rcpt=["<u@example.com>"])
    longest = fact(later="x" * ((1 << 20) - len(fact(later="")) + 1))
    yield "length", len(longest), (1 << 20) + 1
    yield "status of the longest", Replay(folder, ["-c", "policy"], longest).status, 0
    run = Replay(folder, ["-c", "policy"], longest.replace("xx", "xxx", 1) + good)
    yield "status", run.status, 3
    yield "verdicts", run.verdicts(), ["accept"]
    yield "said", run.said, "-:1:1048576: the line is longer than 1 MiB\n"


def refuses_wrong_usage(folder):
    """A wrong option, a second file, no policy, a policy with faults: status 2 and nothing played."""
    with open(os.path.join(folder, "bad"), "w", encoding="ascii") as file:
        file.write('domains = ["example.com"];\nrelay: { mode = "perhaps"; };\n')
    os.chmod(os.path.join(folder, "bad"), 0o644)
    cases = [["--nonsense"], ["-c", "policy", "a", "b"], ["-c", "absent"], ["-c", "bad"], ["-c", "policy", "absent"]]
    runs = [Replay(folder, arguments, fact()) for arguments in cases]
    yield "statuses", [run.status for run in runs], [2] * len(cases)
    yield "output", b"".join(run.output for run in runs), b""
    yield "all said something", all(run.said for run in runs), True
    yield "file and line", runs[3].said.startswith("bad:2: "), True


def remembers_with_a_state(folder):
    """What was ordered in one run holds in the next when both name a state, and is forgotten otherwise."""
    order = json.dumps({"time": 1795301467, "fact": "control", "order": "freeze", "subject": "a@example.com"}) + "\n"
    mail = fact(time=1795301500, login="a@example.com", mail_from="<a@example.com>", rcpt=["<u@other.example>"])
    os.mkdir(os.path.join(folder, "state"), 0o700)
    runs = [Replay(folder, ["-c", "policy"] + more, facts) for more, facts in
            ((["--state", "state"], order), (["--state", "state"], mail), ([], order), ([], mail))]
    yield "statuses", [run.status for run in runs], [0] * 4
    yield "problems", sum((run.problems for run in runs), []), []
    yield "with a state it is frozen still", runs[1].verdicts(), ["reject"]
    yield "without one it is forgotten", runs[3].verdicts(), ["accept"]
    run = Replay(folder, ["-c", "policy", "--state", "nowhere"], fact())
    yield "a missing folder is no state", (run.status, "nowhere" in run.said, run.output), (2, True, b"")


def counts_time_that_goes_backwards(folder):
    """Time never goes back in the lines, and it is said how often it did in the facts."""
    run = Replay(folder, ["-c", "policy"], fact(rcpt=["<u@example.com>"]) + fact(time=5, rcpt=["<u@example.com>"]))
    yield "times", len({event["@timestamp"] for event in run.events}), 1
    yield "said", "in 1 of 2 facts the time went back" in run.said, True


def ends_only_what_is_over_here(folder):
    """The end of a block that was recorded under an hour of it does not end the day of another policy."""
    tries = [{"time": 1795301467 + n, "fact": "login", "client": {"ip": "203.0.113.7"}, "login": "u%d@example.com" % n,
              "success": False, "pwhash": "%04x" % n} for n in range(25)]
    end = {"time": 1795301467 + 3700, "fact": "control", "order": "unblock", "subject": "203.0.113.7/32",
           "operator": "mailreeved", "reason": "the time is over", "learn": False}
    later = dict(tries[0], time=1795301467 + 3800, success=True)
    facts = "".join(json.dumps(line) + "\n" for line in tries + [end, later])
    for times, ended in (("1h", 1), ("1d", 0)):
        with open(os.path.join(folder, times), "w", encoding="ascii") as file:
            file.write(POLICY + 'screen: { mode = "enforce"; block = [ "%s" ]; };\n' % times)
        run = Replay(folder, ["-c", times], facts)
        actions = [event["event"]["action"] for event in run.events]
        yield times + ": problems", (run.status, run.problems), (0, [])
        yield times + ": ends", actions.count("source-unblocked"), ended
        yield times + ": the last is refused", actions[-1] == "login-refused", ended == 0


def does_not_lose_output_silently(folder):
    """A full disk behind standard output is an error."""
    with open("/dev/full", "wb") as full:
        run = subprocess.run([COMMAND, "replay", "-c", "policy"], cwd=folder, input=fact().encode(), stdout=full,
                             stderr=subprocess.PIPE, check=False)
    yield "status", run.returncode, 3
    yield "said", b"standard output" in run.stderr, True


TESTS = [
    plays_from_files_and_standard_input,
    says_where_a_line_is_bad,
    bounds_the_length_of_a_line,
    refuses_wrong_usage,
    remembers_with_a_state,
    counts_time_that_goes_backwards,
    ends_only_what_is_over_here,
    does_not_lose_output_silently,
]


def main():
    if not os.access(COMMAND, os.X_OK):
        print("1..0 # SKIP %s is not built; run make" % COMMAND)
        return 77
    if validate_events.jsonschema is None:
        print("# " + validate_events.SKIP_REASON)
    print("1..%d" % len(TESTS))
    failed = 0
    for number, test in enumerate(TESTS, 1):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "policy")
            with open(path, "w", encoding="ascii") as file:
                file.write(POLICY)
            os.chmod(path, 0o644)
            wrong = ["%s: %r, not %r" % check for check in test(folder) if check[1] != check[2]]
        for text in wrong:
            print("# " + text)
        print("%s %d - %s" % ("not ok" if wrong else "ok", number, test.__doc__))
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
