"""What the tests of this folder share: a private daemon for each test, results as TAP, event lines against the schema.

A test is a function with @test that takes a Daemon that is not started yet. main() runs all, or those that are named on
the command line.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "mta"), os.path.join(HERE, "..", "scenario")]
import daemon
import milterclient as mc
from daemon import Daemon, wait_for
from mailserver import Trouble, build_folder
from tap import Tap, skip_all

try:
    import validate_events
except ImportError:
    validate_events = None

RULES = daemon.POLICY
tap = Tap()
TESTS = []
build = None


def test(function):
    TESTS.append(function)
    return function


def verdicts(running):
    return [e for e in running.events() if e["event"]["action"] == "verdict"]


def await_verdicts(running, count):
    return wait_for(f"{count} verdicts", lambda: (lambda v: v if len(v) >= count else None)(verdicts(running)))


def await_queue_id(running, queue_id, path=None):
    """The verdict on the message of that queue id."""
    return running.await_event(lambda e: e.get("email", {}).get("local_id") == queue_id, path=path)


def sanitizer(pid):
    """Which sanitizer a program was built with: "asan", "tsan" or None."""
    for name in ("asan", "tsan"):
        if subprocess.run(["grep", "-qa", f"__{name}_init", f"/proc/{pid}/exe"], check=False).returncode == 0:
            return name
    return None


def spawn_limited(running, limit):
    """Starts the daemon after limit() has lowered what its process may have."""
    running.before_exec = limit
    running.spawn()
    running.await_note("READY=1")
    running.before_exec = None


def validate(running):
    """Every line of every test holds to the schema."""
    folder = os.path.join(running.folder, "log")
    if validate_events is None or not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(".ndjson") and "facts" not in name and os.path.isfile(path) and os.path.getsize(path):
            problems = validate_events.validate(path)
            tap.ok(not problems, f"the lines of {name} hold to the schema", *list(problems)[:3])


def _say_fault(function, running, fault):
    place, line = fault.__traceback__, 0
    while place:
        if place.tb_frame.f_code.co_name == function.__name__:
            line = place.tb_lineno
        place = place.tb_next
    said = running.messages()[-1500:] if os.path.exists(running.messages_file) else ""
    tap.ok(False, f"{function.__name__} ended early", f"{type(fault).__name__}: {fault}, line {line}", said)


def run(function):
    print(f"# {function.__name__}")
    running = Daemon(build)
    try:
        function(running)
        running.stop()
        validate(running)
    except (daemon.Late, mc.Gone, OSError, AssertionError, LookupError, TypeError, subprocess.SubprocessError) as fault:
        _say_fault(function, running, fault)
    finally:
        running.remove()


def main():
    global build
    try:
        build = build_folder()
    except Trouble as why:
        skip_all(str(why))
    names = sys.argv[1:]
    for function in TESTS:
        if not names or function.__name__ in names:
            run(function)
    sys.exit(tap.finish())
