"""The parts of the benchmark about what is remembered: accounts, sources, freezes. Used by bench.py.

Programs: state_bench (messages through the library), store_bench (the store alone), load (messages through libmilter).
"""
import json
import os
import re
import socket
import subprocess
import sys
import time

import policies

ROOM_FOR_EACH = 1900  # bytes of an account with its source and two counters, and a little more

LAB_ROW = re.compile(r"found ([\d.]+)% of \d+ esc (\d+)/(\d+) .* FF \d+/\d+ = ([\d.]+) / [\d.]+ \| held ([\d.]+)%")


def lines_of(argv):
    result = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        raise SystemExit("bench: %s ended with status %d" % (" ".join(argv[:2]), result.returncode))
    return [json.loads(line) for line in result.stdout.splitlines()]


def free_memory():
    with open("/proc/meminfo") as text:
        return next(int(line.split()[1]) * 1024 for line in text if line.startswith("MemAvailable:"))


def has_room(name, accounts, say, each=ROOM_FOR_EACH):
    """Says why not, when there is not enough memory."""
    wanted = accounts * each + (1 << 30)
    if wanted <= free_memory():
        return True
    why = "%d accounts want %.1f GB of memory, %.1f GB are free" % (accounts, wanted / 1e9, free_memory() / 1e9)
    say("%s is passed over: %s" % (name, why))
    print(json.dumps({"name": name, "skipped": why}), flush=True)
    return False


def short(n):
    return "%dM" % (n // 1000000) if n >= 1000000 else "%dk" % (n // 1000)


# ---- a verdict, as accounts grow ----

def decide(bench, figure, say):
    medians = {}
    for accounts in bench.options.state_accounts:
        name = "state." + short(accounts)
        if not has_room(name, accounts, say):
            continue
        say("%s: a verdict with as many accounts and sources" % name)
        file = policies.write_state(os.path.join(bench.folder, "decide-" + short(accounts)), directory="none",
                                    accounts=accounts)
        got = lines_of([bench.program("tests/bench/state_bench"), "decide", file, str(accounts), str(bench.options.rounds)])
        first, rounds = got[0], [line["ns"] / 1000 for line in got if "ns" in line]
        goal = {1000000: 5, 10000000: 6}.get(accounts)
        medians[accounts] = figure(name + ".us_per_message", rounds, "us", ("<=", goal) if goal else None)
        figure(name + ".us_per_new_account", [first["new_ns"] / 1000], "us")
        figure(name + ".us_per_new_source", [first["new_source_ns"] / 1000], "us")
        if accounts >= 100000:
            figure(name + ".bytes_per_account_and_two_limits", [first["bytes_per_account"]], "bytes", None, 0)
            figure(name + ".bytes_per_source", [first["bytes_per_source"]], "bytes", ("<=", 200), 0)
        if accounts in (100000, 1000000):
            file = policies.write_state(os.path.join(bench.folder, "memory-" + short(accounts)), directory="none",
                                        accounts=accounts, limits=False)
            first = lines_of([bench.program("tests/bench/state_bench"), "decide", file, str(accounts), "0"])[0]
            figure(name + ".bytes_per_account", [first["bytes_per_account"]], "bytes", ("<=", 1024), 0)
    for accounts in medians:
        if accounts > 1000 and 1000 in medians:
            figure("state.us_more_from_1k_to_" + short(accounts), [medians[accounts] - medians[1000]], "us")


# ---- through libmilter ----

def filled(bench, accounts, say, limits=True):
    """A policy whose folder holds so many accounts and sources, made once."""
    folder = os.path.join(bench.folder, "filled-" + short(accounts) + ("" if limits else "-without-limits"))
    state = os.path.join(folder, "state")
    file = policies.write_state(folder, directory=state, accounts=accounts, limits=limits,
                                events=os.path.join(folder, "events.ndjson"))
    if not os.path.exists(state):
        os.mkdir(state, 0o700)
        say("filling the memory of %d accounts" % accounts)
        lines_of([bench.program("tests/bench/state_bench"), "fill", file, str(accounts), "1"])
    return file


def through_milter(bench, figure, say):
    sizes = [n for n in bench.options.state_accounts if n >= 1000000] or [max(bench.options.state_accounts)]
    for accounts in sizes:
        name = "milter_state." + short(accounts)
        if not has_room(name, accounts, say):
            continue
        null = bench.null("same")
        few = bench.serve("state-1k", filled(bench, 1000, say))
        many = bench.serve("state-" + short(accounts), filled(bench, accounts, say))
        ways = [(c, 0) for c in bench.options.connections[:2]] + [(bench.options.connections[0], 1)]
        for connections, zipf in ways:
            label = "%s.%s%d" % (name, "zipf." if zipf else "", connections)
            say("%s connections" % label)
            results = {"null": [], "few": [], "many": []}
            order = [("null", null, accounts), ("few", few, 1000), ("many", many, accounts)]
            for i in range(bench.options.rounds):
                for key, server, n in order[i % 3:] + order[:i % 3]:
                    results[key].append(bench.load(server, accounts=n, connections=connections, warm=1,
                                                   zipf=zipf, seconds=bench.options.seconds))
            tell_milter(label, accounts, results, figure)
        figure(name + ".rss_per_account_and_source", [(many.rss("RssAnon:") - few.rss("RssAnon:")) / accounts], "bytes", digits=0)
        bench.stop_servers()


def tell_milter(label, accounts, results, figure):
    def ratios(key, other):
        return [a[key] / b[key] for a, b in zip(results["many"], results[other])]

    for key in ("null", "few", "many"):
        figure("%s.%s.messages_per_second" % (label, key), [r["messages_per_second"] for r in results[key]], "msg/s", None, 0)
        figure("%s.%s.cpu_us_per_message" % (label, key), [r["cpu_us_per_message"] for r in results[key]], "us", digits=1)
        figure("%s.%s.p99_ms" % (label, key), [r["p99_ms"] for r in results[key]], "ms")
    one = accounts == 1000000
    figure(label + ".rate_to_null_same", ratios("messages_per_second", "null"), "ratio", (">=", 0.90) if one else None)
    figure(label + ".cpu_to_null_same", ratios("cpu_us_per_message", "null"), "ratio", ("<=", 1.25) if one else None)
    figure(label + ".cpu_to_1k_accounts", ratios("cpu_us_per_message", "few"), "ratio", ("<=", 1.10 if one else 1.15))


# ---- start ----

def start(bench, figure, say):
    for accounts in [n for n in bench.options.state_accounts if n >= 1000000]:
        if not has_room("start." + short(accounts), accounts, say):
            continue
        for limits in (False, True):
            name = "start." + short(accounts) + (".with_two_counters_each" if limits else "")
            file = filled(bench, accounts, say, limits)
            seconds = []
            for _ in range(3):
                begun = time.monotonic()
                bench.serve("start", file)
                seconds.append(time.monotonic() - begun)
                bench.stop_servers()
            figure(name + ".seconds_until_it_answers", seconds, "s",
                   ("<", 3) if accounts == 1000000 and not limits else None)
        records = os.path.join(os.path.dirname(file), "state")
        size = sum(os.stat(os.path.join(records, f)).st_blocks * 512 for f in os.listdir(records))
        figure(name + ".bytes_on_disk_per_account_and_source", [size / accounts], "bytes", digits=0)


# ---- what must not be lost ----

def ask(sock, request):
    sock.sendall(json.dumps(request).encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        piece = sock.recv(65536)
        if not piece:
            raise SystemExit("bench: the control channel was closed")
        answer += piece
    return json.loads(answer)


def by_control(bench, file, folder, figure):
    """A freeze by mailreeve's control channel beside an append with fdatasync on the same disk, in turn."""
    server = bench.serve("durable", file)
    path = os.path.join(folder, "appended")
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    control = os.path.join(folder, "control.sock")
    appended, frozen = [], []
    for i in range(200):
        begun = time.monotonic()
        os.write(output, bytes(1600))
        os.fdatasync(output)
        middle = time.monotonic()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(control)
            answer = ask(sock, {"command": "freeze", "names": ["user%06d@bench.example" % i], "reason": "bench"})
        ended = time.monotonic()
        if answer["results"][0]["result"] != "done":
            raise SystemExit("bench: a freeze was not done: %s" % answer)
        appended.append((middle - begun) * 1e6)
        frozen.append((ended - middle) * 1e6)
    os.close(output)
    figure("durable.append_and_fdatasync_us", appended, "us", digits=0)
    a = figure("durable.freeze_by_control_us", frozen, "us", digits=0)
    figure("durable.freeze_by_control_to_append", [a / sorted(appended)[len(appended) // 2]], "ratio", ("<=", 2))
    server.stop()
    bench.servers.remove(server)


def durable(bench, figure, say):
    say("freezes and the disk")
    folder = os.path.join(bench.folder, "durable")
    state = os.path.join(folder, "state")
    file = policies.write_state(folder, directory=state, accounts=200000, ceiling='[ "1/1d" ]')
    os.mkdir(state, 0o700)
    got = lines_of([bench.program("tests/bench/state_bench"), "freeze", file, os.path.join(folder, "append"),
                    str(bench.options.rounds * 2)])
    one = [line for line in got if "append_us" in line]
    figure("durable.append_and_fdatasync_alone_us", [line["append_us"] for line in one], "us", digits=0)
    a = figure("durable.freeze_by_evidence_us", [line["freeze_us"] for line in one], "us", digits=0)
    b = sorted(line["append_us"] for line in one)[len(one) // 2]
    figure("durable.freeze_by_evidence_to_append", [a / b], "ratio", ("<=", 2))
    pairs = [line for line in got if "freezing" in line]
    figure("durable.freezes_per_second", [line["frozen"] for line in pairs[1::2]], "1/s", (">=", 950), 0)
    figure("durable.others_p99_us_without", [line["p99_us"] for line in pairs[0::2]], "us")
    figure("durable.others_p99_us_while_freezing", [line["p99_us"] for line in pairs[1::2]], "us")
    figure("durable.others_p99_while_freezing_to_without",
           [b["p99_us"] / a["p99_us"] for a, b in zip(pairs[0::2], pairs[1::2])], "ratio", ("<=", 1.2))
    by_control(bench, file, folder, figure)
    for what in (["orders", os.path.join(bench.folder, "store-orders")],
                 ["behind", os.path.join(bench.folder, "store-behind"), "100000"]):
        for line in lines_of([bench.program("tests/bench/store_bench")] + what):
            print(json.dumps(line), flush=True)


# ---- strangers by the million ----

def flood(bench, figure, say):
    say("%d senders and %d addresses that nobody knows" % (bench.options.flood // 10, bench.options.flood))
    accounts, known = 200000, 50000
    windows = 64 << 20
    file = policies.write_state(os.path.join(bench.folder, "flood"), directory="none", accounts=accounts,
                                windows="64M", relayed=True, unauthenticated="sender", limits=False,
                                exactly=True)
    got = lines_of([bench.program("tests/bench/state_bench"), "flood", file, str(known), str(bench.options.flood // 10),
                    str(bench.options.flood)])
    steps = [line for line in got if "strangers" in line]
    calm = next(line for line in got if "calm_ns" in line)
    before, after = [line["status"]["state"] for line in got if "status" in line]
    cap = accounts * 1024 + accounts * 200 + windows
    figure("flood.rss_to_cap", [steps[-1]["rss"] / cap], "ratio", ("<=", 1.05), rss=steps[-1]["rss"], cap=cap)
    figure("flood.growth_of_rss_in_the_last_half", [steps[-1]["rss"] / steps[len(steps) // 2]["rss"]], "ratio", ("<=", 1.01))
    figure("flood.known_accounts_kept", [after["known"] / max(before["known"], 1)], "ratio", (">=", 1), known=before["known"])
    figure("flood.evicted_accounts", [after["evicted_accounts"]], "")
    figure("flood.us_of_known_before", [calm["calm_ns"] / 1000], "us")
    figure("flood.us_of_known_meanwhile", [line["known_ns"] / 1000 for line in steps], "us")
    figure("flood.us_of_strangers", [line["ns"] / 1000 for line in steps], "us")
    half = len(steps) // 2
    figure("flood.us_of_known_second_half_to_first", [sum(s["known_ns"] for s in steps[half:]) / sum(
        s["known_ns"] for s in steps[:half])], "ratio", ("<=", 1.1))


# ---- replay ----

def replay(bench, figure, say):
    say("replay of 100,000 facts, everything on")
    folder = os.path.join(bench.folder, "replay-state")
    file = policies.write_state(folder, directory="none", accounts=100000)
    facts = policies.write_facts(os.path.join(bench.folder, "facts-state.ndjson"), 100000, 10000)
    seconds = []
    for _ in range(min(3, bench.options.rounds)):
        with open(os.path.join(bench.folder, "replayed.ndjson"), "w") as output:
            begun = os.times()
            subprocess.run([bench.program("milter/ctl/mailreeve"), "replay", "--policy", file, facts], stdout=output,
                           check=True)
            ended = os.times()
        seconds.append(ended.children_user + ended.children_system - begun.children_user - begun.children_system)
    figure("replay.100000_facts_everything_on", seconds, "s", ("<=", 5))


# ---- the detector without each channel ----

def ablation(bench, figure, say):
    say("the detector with each channel off")
    source = os.path.join(bench.here, "..", "detection")
    made, labels = os.path.join(bench.folder, "world.ndjson.gz"), os.path.join(bench.folder, "world.json")
    subprocess.run([sys.executable, os.path.join(source, "make_world.py"), "--seed", str(bench.options.seed), made, labels], check=True)
    lab = os.path.join(bench.folder, "world.lab")
    subprocess.run([sys.executable, os.path.join(source, "lab_set.py"), made, labels, lab], check=True)
    table = subprocess.run([bench.program("tests/bench/lab"), "--ablation", lab], stdout=subprocess.PIPE, check=True,
                           text=True).stdout
    for i, line in enumerate(table.splitlines()):
        row = LAB_ROW.search(line)
        if row is None:
            raise SystemExit("bench: the laboratory's table reads otherwise: " + line)
        numbers = [float(number) for number in row.groups()]
        name = "ablation." + ("nothing_off" if i == 0 else "without_" + line.split()[0])
        figure(name + ".found_percent", numbers[:1], "%", digits=1)
        figure(name + ".escaped_p50", numbers[1:2], "", digits=0)
        figure(name + ".escaped_p95", numbers[2:3], "", digits=0)
        figure(name + ".false_freezes_per_1000_account_years", numbers[3:4], "", digits=1)
        figure(name + ".held_percent", numbers[4:5], "%")
