#!/usr/bin/python3
"""The benchmark of Mailreeve: one JSON line a figure on standard output. See README in this folder.

Servers are compared inside rounds: each round gives every server the same load in turn, in an order that moves on from
round to round; ratios are taken inside a round, and the median over the rounds is the figure. A noisy neighbour then
spoils a round and not the figure.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import end_to_end
import feed
import geo_part
import ingest_part
import passwords
import policies
import rspamd
import state_parts

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ["milter", "slow", "idle", "log", "core", "replay", "state", "milter-state", "durable", "start", "flood", "feed", "rspamd",
         "ablation", "geo", "ingest", "passwords", "postfix"]
figures = []


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def figure(name, values, unit, target=None, digits=3, **more):
    """Prints the median of values. target: (">=" or "<=", number)."""
    value = statistics.median(values)
    line = {"name": name, "value": round(value, digits), "unit": unit, "n": len(values)}
    if len(values) > 1:
        line["min"], line["max"] = round(min(values), digits), round(max(values), digits)
    if target is not None:
        line["target"] = "%s %g" % target
        line["reached"] = value >= target[1] if target[0] == ">=" else value <= target[1]
    figures.append(line)
    line.update(more)
    print(json.dumps(line), flush=True)
    return value


def table():
    """All figures once more, for people: on standard error, so that standard output stays JSON."""
    for line in figures:
        spread = "%g .. %g" % (line["min"], line["max"]) if "min" in line else ""
        goal = "%s %s" % (line["target"], "yes" if line["reached"] else "NO") if "target" in line else ""
        print("%-62s %12g %-6s %-22s %s" % (line["name"], line["value"], line["unit"], spread, goal), file=sys.stderr)


class Server:
    """A filter that listens on a unix socket, run as an ordinary user."""

    def __init__(self, name, argv, path, folder):
        self.name, self.path = name, path
        self.errors = open(os.path.join(folder, name + ".err"), "w+")
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                        cwd=folder, **as_nobody)
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.errors.seek(0)
                raise SystemExit("bench: %s did not start: %s" % (name, self.errors.read().strip()))
            time.sleep(0.02)

    def answers(self):
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(self.path)
            return True
        except OSError:
            return False
        finally:
            probe.close()

    def pids(self):
        """The process and its children, which do the work."""
        found, at = [self.process.pid], 0
        while at < len(found):
            with open("/proc/%d/task/%d/children" % (found[at], found[at])) as children:
                found += [int(pid) for pid in children.read().split()]
            at += 1
        return found

    def rss(self, kind="VmRSS:"):
        """kind: "RssAnon:" leaves out the files that are mapped, which the system may take back."""
        total = 0
        for pid in self.pids():
            with open("/proc/%d/status" % pid) as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith(kind))
        return total * 1024

    def stop(self):
        if self.process.poll() is None:
            children = self.pids()[1:]
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                for pid in [self.process.pid] + children:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.process.wait()
        self.errors.close()


class Bench:
    def __init__(self, options):
        self.options = options
        self.here = HERE
        self.folder = tempfile.mkdtemp(prefix="mailreeve-bench-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.servers = []

    def program(self, path):
        return os.path.join(self.options.build, path)

    def give_away(self):
        """Makes the folder belong to the user that the servers run as."""
        if os.geteuid() == 0:
            for where, folders, files in os.walk(self.folder):
                for name in [where] + [os.path.join(where, file) for file in files]:
                    os.chown(name, 65534, 65534)

    def null(self, variant):
        self.give_away()
        path = os.path.join(self.folder, "null-%d.sock" % len(self.servers))
        server = Server("null-" + variant.replace(",", "-"), [self.program("tests/bench/null_milter"), variant, path],
                        path, self.folder)
        self.servers.append(server)
        return server

    def mailreeved(self, name, **settings):
        return self.serve(name, policies.write(os.path.join(self.folder, name), self.options.accounts, **settings))

    def serve(self, name, file):
        """mailreeved under the policy in file; its socket is beside that."""
        folder = os.path.dirname(file)
        self.give_away()
        return self.run(name, [self.program("milter/mailreeved"), "-f", "-c", file], os.path.join(folder, "milter.sock"))

    def run(self, name, argv, path):
        server = Server(name, argv, path, self.folder)
        self.servers.append(server)
        return server

    def stop_servers(self):
        while self.servers:
            self.servers.pop().stop()

    def load(self, server, more=(), **settings):
        """more: processes that work for the server beside its own."""
        argv = [self.program("tests/bench/load"), "--accounts", str(settings.pop("accounts", self.options.accounts))]
        for pid in server.pids() + list(more):
            argv += ["--pid", str(pid)]
        for name, value in settings.items():
            argv += ["--" + name, str(value)]
        result = subprocess.run(argv + [server.path], stdout=subprocess.PIPE, check=False)
        if not result.stdout:
            raise SystemExit("bench: the load failed on " + server.name)
        measured = json.loads(result.stdout)
        if measured["errors"] or measured["refused"] or measured["messages"] == 0:
            say("%s: %s" % (server.name, json.dumps(measured)))
            print(json.dumps({"name": "fault", "server": server.name, **measured}), flush=True)
        return measured

    def rounds(self, servers, **settings):
        """One list of results for each server; the i-th ones belong to the i-th round."""
        results = {server.name: [] for server in servers}
        for i in range(self.options.rounds):
            turn = i % len(servers)
            for server in servers[turn:] + servers[:turn]:
                results[server.name].append(self.load(server, **settings))
        return results

    # ---- the parts ----

    def compare(self, label, full, same, ours, **settings):
        """Figures of ours beside the two null filters."""
        results = self.rounds([full, same, ours], **settings)

        def ratios(key, other):
            return [a[key] / b[key] for a, b in zip(results[ours.name], results[other.name])]

        for server in (full, same, ours):
            for key, unit in (("messages_per_second", "msg/s"), ("cpu_us_per_message", "us"), ("p50_ms", "ms"),
                              ("p99_ms", "ms")):
                figure("%s.%s.%s" % (label, server.name, key), [r[key] for r in results[server.name]], unit)
        targets = label.startswith("milter.")
        figure(label + ".rate_to_null_same", ratios("messages_per_second", same), "ratio", (">=", 0.90) if targets else None)
        figure(label + ".cpu_to_null_same", ratios("cpu_us_per_message", same), "ratio", ("<=", 1.20) if targets else None)
        figure(label + ".rate_to_null_full", ratios("messages_per_second", full), "ratio", (">=", 1.7) if targets else None)
        figure(label + ".cpu_to_null_full", ratios("cpu_us_per_message", full), "ratio")

    def part_milter(self):
        """Closed loop. envelope: all rules on, none asks for header fields. everything: the requests for the header and
        the body's length as well."""
        for kind, variant in (("envelope", "same"), ("everything", "same,headers,body")):
            full, same = self.null("full"), self.null(variant)
            ours = self.mailreeved("mailreeved-" + kind, everything=kind == "everything")
            for connections in self.options.connections:
                say("%s, %d connections" % (kind, connections))
                self.compare("milter.%s.%d" % (kind, connections), full, same, ours, connections=connections,
                             warm=1, seconds=self.options.seconds)
            self.stop_servers()

    def part_slow(self):
        full, same, ours = self.null("full"), self.null("same"), self.mailreeved("mailreeved-envelope")
        for connections, think in ((50, 0.05), (500, 0.5), (2000, 2.0)):
            say("%d slow sessions" % connections)
            self.compare("slow.%d" % connections, full, same, ours, connections=connections, think=think,
                         warm=min(8, think * 8), seconds=2 * self.options.seconds)
        self.stop_servers()

    def part_idle(self):
        say("memory of idle sessions")
        for name, server in (("null_same", self.null("same")), ("mailreeved", self.mailreeved("mailreeved-envelope"))):
            self.load(server, connections=16, warm=0, seconds=1)
            before = server.rss()
            held = subprocess.Popen([self.program("tests/bench/load"), "--idle", "--connections", "2000", "--seconds", "30",
                                     server.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            opened = json.loads(held.stdout.readline())["idle"]
            time.sleep(1)
            after = server.rss()
            held.communicate()
            figure("idle.%s.bytes_per_session" % name, [(after - before) / max(opened, 1)], "bytes", digits=0,
                   sessions=opened, rss_before=before, rss_after=after)
        self.stop_servers()

    def part_log(self):
        say("what the event log costs")
        with_log, without = self.mailreeved("with-log"), self.mailreeved("without-log", events="none")
        results = self.rounds([with_log, without], connections=16, warm=1, seconds=self.options.seconds)
        pairs = list(zip(results["with-log"], results["without-log"]))
        figure("log.cpu_us_per_message", [a["cpu_us_per_message"] - b["cpu_us_per_message"] for a, b in pairs], "us")
        figure("log.rate_to_none", [a["messages_per_second"] / b["messages_per_second"] for a, b in pairs], "ratio")
        self.stop_servers()

    def part_core(self):
        say("decision time and the size of the policy")
        sizes = [10, 1000, 100000]
        argv = [self.program("tests/bench/core_bench"), str(self.options.rounds)]
        for size in sizes:
            argv += [str(size), policies.write_entries(os.path.join(self.folder, "entries-%d" % size), size)]
        result = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
        measured = [json.loads(line) for line in result.stdout.splitlines()]
        for size in sizes:
            figure("core.%d.ns_per_message" % size, [r["ns"][str(size)] for r in measured], "ns", digits=0)
        for size in sizes[1:]:
            figure("core.growth_10_to_%d" % size, [r["ns"][str(size)] / r["ns"]["10"] for r in measured], "ratio", ("<=", 2))
        for size in sizes:
            figure("core.%d.load_ms" % size, [r["load_ms"][str(size)] for r in measured[:1]], "ms")

    def part_replay(self):
        say("replay of 100,000 facts")
        file = policies.write(os.path.join(self.folder, "replay"), self.options.accounts)
        facts = policies.write_facts(os.path.join(self.folder, "facts.ndjson"), 100000, self.options.accounts)
        seconds = []
        for _ in range(min(3, self.options.rounds)):
            with open(os.path.join(self.folder, "replayed.ndjson"), "w") as output:
                begun = os.times()
                subprocess.run([self.program("milter/ctl/mailreeve"), "replay", "--policy", file, facts], stdout=output,
                               check=True)
                ended = os.times()
            seconds.append(ended.children_user + ended.children_system - begun.children_user - begun.children_system)
        figure("replay.100000_facts", seconds, "s", ("<=", 5))
        state_parts.replay(self, figure, say)

    def part_state(self):
        state_parts.decide(self, figure, say)

    def part_milter_state(self):
        state_parts.through_milter(self, figure, say)

    def part_durable(self):
        state_parts.durable(self, figure, say)

    def part_start(self):
        state_parts.start(self, figure, say)

    def part_flood(self):
        state_parts.flood(self, figure, say)

    def part_feed(self):
        feed.run(self, figure, say)

    def part_rspamd(self):
        rspamd.compare(self, figure, say)

    def part_ablation(self):
        state_parts.ablation(self, figure, say)

    def part_geo(self):
        geo_part.look_up(self, figure, say)

    def part_ingest(self):
        ingest_part.run(self, figure, say)

    def part_passwords(self):
        passwords.compare(self, figure, say)

    def part_postfix(self):
        end_to_end.run(self, figure, say)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(json.dumps({"name": "machine", "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
                      "load_average": os.getloadavg()[0], "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Measures Mailreeve beside null filters; prints one JSON line a figure.")
    parser.add_argument("--build", default=os.environ.get("top_builddir", "."), help="the build folder")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (again for more)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="measured time of one load")
    parser.add_argument("--connections", type=int, action="append", help="16, 64 and 256 when not given")
    parser.add_argument("--accounts", type=int, default=100000)
    parser.add_argument("--state-accounts", type=int, action="append", help="1,000, 100,000, 1 M and 10 M when not given")
    parser.add_argument("--flood", type=int, default=10000000, help="strange addresses; a tenth as many strange senders")
    parser.add_argument("--seed", type=int, default=1, help="of the world in which the detector is tried")
    parser.add_argument("--geo-networks", type=int, default=100000, help="networks of the made database")
    parser.add_argument("--geo-country", metavar="FILE", help="a database of countries in place of the made one")
    parser.add_argument("parts", nargs="*", choices=[[]] + PARTS, metavar="PART", help="the same as --part")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.connections = options.connections or [16, 64, 256]
    options.state_accounts = options.state_accounts or [1000, 100000, 1000000, 10000000]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with it
    bench = Bench(options)
    machine()
    try:
        for part in (options.part or []) + list(options.parts) or PARTS:
            getattr(bench, "part_" + part.replace("-", "_"))()
    finally:
        bench.stop_servers()
        table()
        if options.keep:
            say("everything is in " + bench.folder)
        else:
            shutil.rmtree(bench.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
