"""Debian's rspamd with nothing but its ratelimit and redis, beside mailreeved, on the same load. Used by bench.py.

rspamd loads a Lua module only from a plugin folder, and wants a `lua` file, even an empty one. That it really limits is
seen in redis: each message asks twice for each of its two buckets.
"""
import json
import os
import shutil
import signal
import subprocess
import time

import policies
import state_parts

PLUGIN = "/usr/share/rspamd/plugins/ratelimit.lua"

CONFIG = """
options {
  pidfile = "%(folder)s/pid"; filters = ""; raw_mode = true; tempdir = "%(folder)s"; dbdir = "%(folder)s";
  rundir = "%(folder)s"; history_file = "%(folder)s/history"; cache_file = "%(folder)s/symbols";
  control_socket = "%(folder)s/rspamd-control.sock mode=0600"; url_tld = "/usr/share/rspamd/effective_tld_names.dat";
  dns { nameserver = ["127.0.0.1"]; timeout = 1s; retransmits = 0; }
}
logging { type = "file"; filename = "%(folder)s/log"; level = "warning"; }
lua = "%(folder)s/empty.lua";
modules { path = "%(folder)s/plugins/"; }
actions { reject = 1000; }
ratelimit {
  servers = "%(folder)s/redis.sock";
  rates { user = { bucket = [ { burst = 100000; rate = "100000 / 1h"; }, { burst = 200000; rate = "200000 / 1d"; } ] } }
}
worker "rspamd_proxy" {
  bind_socket = "%(folder)s/milter.sock mode=0666"; milter = yes; count = %(workers)d; timeout = 60s;
  upstream "local" { default = yes; self_scan = yes; }
}
"""


class Redis:
    def __init__(self, folder):
        self.path = os.path.join(folder, "redis.sock")
        with open(os.path.join(folder, "redis.log"), "w") as log:
            self.process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.path, "--unixsocketperm", "777",
                                             "--save", "", "--appendonly", "no", "--dir", folder], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path):
            if time.monotonic() > deadline:
                raise SystemExit("bench: redis did not start")
            time.sleep(0.02)

    def scripts(self):
        """Calls of scripts so far."""
        text = subprocess.run(["redis-cli", "-s", self.path, "info", "commandstats"], stdout=subprocess.PIPE, check=True,
                              text=True).stdout
        return sum(int(line.split("calls=")[1].split(",")[0]) for line in text.splitlines() if "cmdstat_evalsha" in line)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def begin(bench, folder):
    os.makedirs(os.path.join(folder, "plugins"))
    shutil.copy(PLUGIN, os.path.join(folder, "plugins"))
    policies.lines(folder, "empty.lua", [])
    policies.lines(folder, "rspamd.conf", [CONFIG % {"folder": folder, "workers": os.cpu_count()}])
    redis = Redis(folder)
    bench.give_away()
    server = bench.run("rspamd", ["rspamd", "-i", "-f", "-c", os.path.join(folder, "rspamd.conf")],
                       os.path.join(folder, "milter.sock"))
    return server, redis


def compare(bench, figure, say):
    missing = [name for name in ("rspamd", "redis-server", "redis-cli") if not shutil.which(name)]
    if missing:
        print(json.dumps({"name": "rspamd", "skipped": "not installed: " + ", ".join(missing)}), flush=True)
        return
    say("rspamd's ratelimit with redis beside mailreeved")
    theirs, redis = begin(bench, os.path.join(bench.folder, "rspamd"))
    ours = bench.serve("state", state_parts.filled(bench, 100000, say))
    results = {"rspamd": [], "mailreeved": []}
    try:
        for connections in bench.options.connections[:2]:
            label = "rspamd.%d" % connections
            for key in results:
                results[key].clear()
            calls, messages = redis.scripts(), 0
            for i in range(bench.options.rounds):
                for key in (list(results), list(results)[::-1])[i % 2]:
                    server, more = (theirs, [redis.process.pid]) if key == "rspamd" else (ours, [])
                    results[key].append(bench.load(server, more, accounts=100000, connections=connections, warm=1,
                                                   seconds=bench.options.seconds))
                messages += results["rspamd"][-1]["messages"]
            asked = (redis.scripts() - calls) / max(messages, 1)
            if asked < 4:
                print(json.dumps({"name": "fault", "what": "rspamd asked redis %.1f times a message: it limits nothing" % asked}),
                      flush=True)
            tell(label, results, figure)
    finally:
        bench.stop_servers()
        redis.stop()


def tell(label, results, figure):
    pairs = list(zip(results["mailreeved"], results["rspamd"]))
    for key in results:
        figure("%s.%s.messages_per_second" % (label, key), [r["messages_per_second"] for r in results[key]], "msg/s", digits=0)
        figure("%s.%s.cpu_us_per_message" % (label, key), [r["cpu_us_per_message"] for r in results[key]], "us", digits=0)
        figure("%s.%s.p99_ms" % (label, key), [r["p99_ms"] for r in results[key]], "ms")
    figure(label + ".our_rate_to_theirs", [a["messages_per_second"] / b["messages_per_second"] for a, b in pairs], "ratio",
           (">=", 3))
    figure(label + ".our_cpu_to_theirs", [a["cpu_us_per_message"] / b["cpu_us_per_message"] for a, b in pairs], "ratio",
           ("<=", 0.333))
