#!/usr/bin/python3
"""kill -9 at random moments while operators freeze, hold, thaw, block and unblock over the control channel. What was
answered with "done" must be in force afterwards, and nothing that was undone may come back.

What was asked and not answered may be either: the process died between the order and its answer.
The worker alone is killed, the supervisor alone, or both. KILL_COUNT: how often (20); make kill-test does it 1,000 times.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import json
import os
import random
import re
import signal
import socket
import threading
import time

from runner import RULES, main, tap, test
from daemon import Late, wait_for
import milterclient as mc

COUNT = int(os.environ.get("KILL_COUNT") or 20)
OPERATORS, NAMES_EACH = 3, 12
ORDERS = {"freeze": "frozen", "hold": "held", "thaw": "normal"}
SOURCE_ORDERS = {"block": "blocked", "unblock": "open"}


class Control:
    """One connection of the control channel."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.rest = b""

    def ask(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in self.rest:
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("the daemon is gone")
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.socket.close()


class Operator(threading.Thread):
    """Gives orders about names that are its alone, until the daemon dies. may: name -> states that it can be in now."""

    def __init__(self, path, may, rng):
        super().__init__(daemon=True)
        self.path, self.may, self.rng = path, may, rng
        self.done, self.numbers, self.odd = 0, [], []

    def run(self):
        try:
            control = Control(self.path)
        except OSError:
            return
        try:
            while True:
                self.order(control)
        except (OSError, ValueError):
            pass
        finally:
            control.close()

    def order(self, control):
        name = self.rng.choice(list(self.may))
        states = SOURCE_ORDERS if name[0].isdigit() else ORDERS
        order = self.rng.choice(list(states))
        self.may[name].add(states[order])
        results = control.ask(command=order, names=[name], reason="test").get("results")
        if not results or results[0]["result"] not in ("done", "unknown"):
            self.odd.append((order, name, results))
            return
        self.may[name] = {states[order]}
        self.done += 1
        if "number" in results[0]:
            self.numbers.append(results[0]["number"])


def names_of(number):
    logins = [f"owner{number}-{n}@victim.example" for n in range(NAMES_EACH)]
    return {name: {"normal"} for name in logins} | {f"198.51.100.{number * 20 + n + 1}": {"open"} for n in range(3)}


def states_now(d):
    """name -> state, of all that are not as they began."""
    control = Control(d.control)
    rows = control.ask(command="accounts", at_least="held", limit=500)["accounts"]
    blocks = control.ask(command="blocks", limit=500)["blocks"]
    control.close()
    return {row["name"]: row["state"] for row in rows} | \
        {re.sub(r"/32$", "", row["source"]): "blocked" for row in blocks}


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Victim:
    """Kills the daemon, and brings it back."""

    def __init__(self, d, rng):
        self.d, self.rng = d, rng
        self.short_lives, self.ready = 0, 1

    def kill(self):
        """A worker that dies early is started later each time, so only the first two deaths are left to the supervisor."""
        d = self.d
        how = self.rng.choice(("worker", "supervisor", "both")) if self.short_lives < 2 else \
            self.rng.choice(("supervisor", "both"))
        worker = wait_for("a worker", d.worker)
        if how == "worker":
            os.kill(worker, signal.SIGKILL)
            self.short_lives += 1
            self.ready += 1
            d.await_note("READY=1", self.ready)
            return
        d.process.kill()
        if how == "both":
            os.kill(worker, signal.SIGKILL)
        d.process.wait()
        d.notify.close()
        wait_for("the worker ends", lambda: gone(worker))
        self.short_lives, self.ready = 0, 1
        d.spawn()
        d.await_note("READY=1")


def check_states(d, operators, trouble):
    now = states_now(d)
    for operator in operators:
        for name, may in operator.items():
            state = now.get(name, "open" if name[0].isdigit() else "normal")
            if state not in may:
                trouble.append(f"{name} is {state}, and can only be {' or '.join(sorted(may))}")
            operator[name] = {state}


def check_mail(d, operator, rng, trouble):
    """What is in the records is in force."""
    name = rng.choice([name for name in operator if "@" in name])
    session = mc.opened(d.socket, address="203.0.113.9")
    answers = session.message(f"<{name}>", to=("<friend@elsewhere.example>",), login=name)
    session.quit()
    if (answers[-1][:3] == "550") != (operator[name] == {"frozen"}):
        trouble.append(f"{name} is {operator[name]} and its mail gets {answers}")


def play_round(d, victim, operators, rng):
    """Orders until somebody kills. Returns how many were answered, their numbers, and answers that are odd."""
    threads = [Operator(d.control, may, random.Random(rng.random())) for may in operators]
    for thread in threads:
        thread.start()
    enough = rng.randint(0, 60)
    wait_for(f"{enough} orders", lambda: sum(thread.done for thread in threads) >= enough)
    time.sleep(rng.random() * 0.01)  # the moment is random: nothing is waited for
    victim.kill()
    for thread in threads:
        thread.join(20)
        if thread.is_alive():
            raise Late("an operator whose daemon died")
    return sum(t.done for t in threads), [n for t in threads for n in t.numbers], [odd for t in threads for odd in t.odd]


@test
def kill_9(d):
    rng = random.Random(int(os.environ.get("KILL_SEED") or time.time_ns()))
    folder = os.path.join(d.folder, "state")
    os.mkdir(folder, 0o700)
    d.start(RULES + 'hijack: { mode = "enforce" }\nlogin: { default_domain = "victim.example" }\n',
            state=f'{{ directory = "{folder}" }}')
    operators = [names_of(number) for number in range(OPERATORS)]
    victim, trouble, numbers, answered, odd = Victim(d, rng), [], [], 0, []
    began = time.monotonic()
    for _ in range(COUNT):
        done, more, strange = play_round(d, victim, operators, rng)
        answered += done
        numbers += more
        odd += strange
        check_states(d, operators, trouble)
        check_mail(d, rng.choice(operators), rng, trouble)
    print(f"# killed {COUNT} times in {time.monotonic() - began:.0f} s, {answered} orders answered")
    tap.ok(answered > COUNT, "orders were carried out between the kills", answered)
    tap.equal(trouble[:10], [], f"of {answered} orders that were answered none is lost or undone by {COUNT} kills")
    tap.equal(len(numbers) - len(set(numbers)), 0, "no number of the journal was given twice")
    tap.equal([what for what in odd if what[2] is not None][:3], [], "every other order has an answer that makes sense")
    tap.ok("degraded" not in {e["event"]["action"] for e in d.events()}, "the state was never called damaged",
           *[e for e in d.events() if e["event"]["action"] == "degraded"][:3])


if __name__ == "__main__":
    main()
