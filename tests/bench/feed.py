"""The part of the benchmark about the login feed: requests a second beside a bare libmicrohttpd server that answers a
constant, and what a good client feels while a crowd drips bytes. Used by bench.py.

Programs: feed_load (the client, and the crowd), feed_null (the bare server).
"""
import json
import os
import socket
import subprocess
import time

KEY = "a-key-of-the-benchmark-and-no-other"

POLICY = """
milter = "unix:%(folder)s/milter.sock"
control = "unix:%(folder)s/control.sock"
domains = [ "bench.example" ]
hostnames = [ "mx.bench.example" ]
own_addresses = [ "192.0.2.25" ]
state: { directory = "none"  accounts = 100000  sources = 100000 }
log: { events = "%(folder)s/events.ndjson" }
screen: { mode = "enforce" }
login_feed: { listen = "inet:%(port)d@127.0.0.1"  keys = [ "file:%(folder)s/feed.key" ] }
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(folder, port):
    os.makedirs(folder)
    with open(os.path.join(folder, "feed.key"), "w") as file:
        file.write(KEY + "\n")
    os.chmod(file.name, 0o600)
    with open(os.path.join(folder, "mailreeve.conf"), "w") as file:
        file.write(POLICY % {"folder": folder, "port": port})
    return file.name


class Null:
    """The bare server; it ends with its standard input."""

    def __init__(self, bench):
        self.port = free_port()
        self.process = subprocess.Popen([bench.program("tests/bench/feed_null"), str(self.port)], stdin=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("bench: feed_null did not start") from None
                time.sleep(0.02)

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def load(bench, port, pids, say, **settings):
    argv = [bench.program("tests/bench/feed_load"), "--key", KEY]
    for pid in pids:
        argv += ["--pid", str(pid)]
    for name, value in settings.items():
        argv += ["--" + name] if value is True else ["--" + name, str(value)]
    measured = json.loads(subprocess.run(argv + [str(port)], stdout=subprocess.PIPE, check=True).stdout)
    if measured["errors"] or measured["requests"] == 0:
        say("the load on the login feed: " + json.dumps(measured))
        print(json.dumps({"name": "fault", "server": "feed", **measured}), flush=True)
    return measured


def compare(bench, figure, say, null, ours, port):
    for command in ("allow", "report"):
        for connections in (16, 64):
            say("login feed, %s, %d connections" % (command, connections))
            results = {"null": [], "mailreeved": []}
            for i in range(bench.options.rounds):
                turns = [("null", null.port, null.pids()), ("mailreeved", port, ours.pids())]
                for name, where, pids in turns if i % 2 == 0 else turns[::-1]:
                    results[name].append(load(bench, where, pids, say, command=command, connections=connections, warm=0.5,
                                              seconds=bench.options.seconds))
            label = "feed.%s.%d" % (command, connections)
            for name, values in results.items():
                for key, unit in (("requests_per_second", "req/s"), ("cpu_us_per_request", "us"), ("p99_ms", "ms")):
                    figure("%s.%s.%s" % (label, name, key), [value[key] for value in values], unit)
            pairs = list(zip(results["mailreeved"], results["null"]))
            figure(label + ".rate_to_null", [a["requests_per_second"] / b["requests_per_second"] for a, b in pairs], "ratio",
                   (">=", 0.8))
            figure(label + ".cpu_to_null", [a["cpu_us_per_request"] / b["cpu_us_per_request"] for a, b in pairs], "ratio",
                   ("<=", 1.25))


def crowd(bench, figure, say, ours, port):
    """A good client beside 1,000 connections that drip and come again at once when they are dropped: on kept connections, and
    with a new connection for each request."""
    for kind, fresh in (("kept", False), ("fresh", True)):
        say("login feed, a good client with %s connections beside 1,000 that drip" % kind)
        before = ours.rss()
        seconds = max(5 * bench.options.seconds, 20) / 2
        dripping = subprocess.Popen([bench.program("tests/bench/feed_load"), "--drip", "1000", "--seconds", str(seconds + 1.5), str(port)],
                                    stdout=subprocess.PIPE)
        time.sleep(1)
        more = {"fresh": True} if fresh else {}
        measured = load(bench, port, ours.pids(), say, connections=8, think=10, seconds=seconds, **more)
        crowd_did = json.loads(dripping.communicate()[0])
        label = "feed.crowd." + kind
        figure(label + ".p50_ms", [measured["p50_ms"]], "ms", requests=measured["requests"])
        figure(label + ".p99_ms", [measured["p99_ms"]], "ms", ("<=", 50), max_ms=measured["max_ms"])
        figure(label + ".crowd_connects", [crowd_did["connects"]], "", digits=0, dropped=crowd_did["dropped"])
        figure(label + ".memory_growth", [(ours.rss() - before) / 1024], "KiB", digits=0)


def run(bench, figure, say):
    port = free_port()
    file = write(os.path.join(bench.folder, "feed"), port)
    ours, null = bench.serve("mailreeved-feed", file), Null(bench)
    try:
        compare(bench, figure, say, null, ours, port)
        crowd(bench, figure, say, ours, port)
    finally:
        null.stop()
        bench.stop_servers()
