"""Postfix with and without a filter: messages a second, and the CPU of all of Postfix and of the filter. Used by bench.py."""
import os
import subprocess
import sys
import time

MESSAGES = 3000
SESSIONS = 20


def ticks(pid, with_children):
    """User and system time of a process, in clock ticks; with_children: and of those that it has waited for."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15 if with_children else 13])


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as text:
        return [int(child) for child in text.read().split()]


def postfix_seconds(master):
    live = sum(ticks(child, False) for child in children(master))
    return (ticks(master, True) + live) / os.sysconf("SC_CLK_TCK")


def filter_seconds(server):
    return sum(ticks(pid, False) for pid in server.pids()) / os.sysconf("SC_CLK_TCK") if server else 0.0


def wait_for_queue(postfix):
    deadline = time.monotonic() + 60
    while postfix.queue():
        if time.monotonic() > deadline:
            raise SystemExit("bench: Postfix's queue does not get empty")
        time.sleep(0.05)


def send(postfix, server):
    """One run: messages a second, CPU us a message of Postfix and of the filter."""
    master = postfix.pid()
    before, filter_before = postfix_seconds(master), filter_seconds(server)
    begun = time.monotonic()
    subprocess.run(["/usr/sbin/smtp-source", "-s", str(SESSIONS), "-m", str(MESSAGES), "-l", "2048",
                    "-f", "friend@example.net", "-t", "user000001@bench.example", "-M", "client.example.net",
                    "127.0.0.1:%d" % postfix.port], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - begun
    wait_for_queue(postfix)
    return {"rate": MESSAGES / seconds, "postfix_us": (postfix_seconds(master) - before) / MESSAGES * 1e6,
            "filter_us": (filter_seconds(server) - filter_before) / MESSAGES * 1e6}


def run(bench, figure, say):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mta"))
    import mailserver

    why = mailserver.why_not("postfix", "smtp-source")
    if why:
        print('{"name":"postfix","skipped":"%s"}' % why, flush=True)
        return
    say("Postfix end to end")
    filters = {"none": None, "null_same": bench.null("same"), "mailreeved": bench.mailreeved("mailreeved-envelope")}
    folders, servers = [], {}
    try:
        for name, server in filters.items():
            folders.append(mailserver.Folder())
            servers[name] = mailserver.Postfix(folders[-1], milter=server and "unix:" + server.path,
                                               domains=("bench.example",))
            servers[name].start()
            send(servers[name], server)
        results = {name: [] for name in filters}
        for i in range(bench.options.rounds):
            names = list(filters)
            for name in names[i % 3:] + names[:i % 3]:
                results[name].append(send(servers[name], filters[name]))
    finally:
        for postfix in servers.values():
            postfix.stop()
        for folder in folders:
            folder.remove()
    tell(results, figure)


def tell(results, figure):
    for name, runs in results.items():
        figure("postfix.%s.messages_per_second" % name, [run["rate"] for run in runs], "msg/s", digits=1)
        figure("postfix.%s.postfix_cpu_us_per_message" % name, [run["postfix_us"] for run in runs], "us", digits=0)
        figure("postfix.%s.filter_cpu_us_per_message" % name, [run["filter_us"] for run in runs], "us", digits=0)

    def all_cpu(run):
        return run["postfix_us"] + run["filter_us"]

    for name in ("null_same", "mailreeved"):
        pairs = list(zip(results[name], results["none"]))
        figure("postfix.%s.rate_to_none" % name, [a["rate"] / b["rate"] for a, b in pairs], "ratio")
        figure("postfix.%s.cpu_to_none" % name, [all_cpu(a) / all_cpu(b) for a, b in pairs], "ratio")
    pairs = list(zip(results["mailreeved"], results["null_same"]))
    figure("postfix.mailreeved.rate_to_null_same", [a["rate"] / b["rate"] for a, b in pairs], "ratio")
    figure("postfix.mailreeved.cpu_to_null_same", [all_cpu(a) / all_cpu(b) for a, b in pairs], "ratio")
