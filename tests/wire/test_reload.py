#!/usr/bin/python3
"""Reload by signal and by command, and the control channel.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import os
import select
import signal
import socket
import stat
import subprocess

from runner import RULES, await_queue_id, await_verdicts, main, tap, test
from daemon import wait_for
import milterclient as mc


@test
def reload_by_signal(d):
    d.start()
    d.await_action("started")
    s = mc.opened(d.socket)
    s.mail()
    d.write(RULES.replace("office", "house"))
    d.send(signal.SIGHUP)
    loaded = d.await_action("policy-loaded")[-1]
    tap.equal(loaded["rule"]["version"], "2", "the second generation is in force", loaded)
    s.rcpt()
    s.end_of_message("4OLD")
    s.message(queue_id="4NEW")
    s.quit()
    seen = {e["email"]["local_id"]: e["rule"]["version"] for e in await_verdicts(d, 2)}
    tap.equal(seen, {"4OLD": "1", "4NEW": "2"}, "a message keeps the generation that it began with")
    d.write("domains = [ \"victim.example\" ]\nrelai: { }\nrelay: { mode = \"maybe\" }\n")
    d.send(signal.SIGHUP)
    refused = d.await_action("policy-refused")[-1]
    tap.ok(d.policy_file + ":" in refused["event"]["reason"], "a refused policy is an event with file and line",
           refused)
    wait_for("messages", lambda: "relai" in d.messages() and "maybe" in d.messages())
    tap.ok(True, "every fault is said")
    s = mc.opened(d.socket)
    tap.equal(s.message(queue_id="4STILL"), ["continue"] * 3, "mail goes on")
    s.quit()
    tap.equal(await_queue_id(d, "4STILL")["rule"]["version"], "2",
              "under the policy before")
    tap.ok(any(n.startswith("RELOADING=1") for n in d.read_notes()), "the service manager is told of a reload", d.notes)


@test
def reload_by_command(d):
    d.start()
    done = d.mailreeve("reload", "-c", d.policy_file)
    tap.equal(done.returncode, 0, "a good policy: exit status 0", done)
    tap.ok("generation 2" in done.stdout, "the generation is printed", done)
    os.chmod(d.policy_file, 0o666)
    done = d.mailreeve("reload", "-c", d.policy_file, "--json")
    tap.equal(done.returncode, 2, "a policy that everybody may write: exit status 2", done)
    tap.ok('"refused"' in done.stdout, "the daemon's answer as JSON", done)
    os.chmod(d.policy_file, 0o644)
    d.write("domains = [ \"victim.example\"\n")
    done = d.mailreeve("reload", "-c", d.policy_file)
    tap.equal(done.returncode, 2, "a syntax error: 2, though the control socket's name is in that policy", done)
    tap.ok(d.policy_file + ":" in done.stdout, "with file and line", done)
    d.write(RULES.replace("192.0.2.128/25", "0.0.0.0/0"))
    done = d.mailreeve("reload", "-s", d.control)
    tap.equal(done.returncode, 1, "a policy with a warning: exit status 1", done)
    d.write(RULES, drain='"3s"', control='"unix:%s/run/other.sock"' % d.folder)
    done = d.mailreeve("reload", "-s", d.control)
    wait_for("message", lambda: "the setting control was changed" in d.messages())
    tap.ok(True, "a setting that waits for the next start is named")
    d.stop()
    done = d.mailreeve("reload", "-s", d.control)
    tap.equal(done.returncode, 3, "no daemon: exit status 3", done)


@test
def log_setting_at_reload(d):
    d.start()
    other = os.path.join(d.folder, "log", "other.ndjson")
    d.write(events=other)
    d.send(signal.SIGHUP)
    d.await_note("generation 2")
    mc.opened(d.socket).message(queue_id="4ELSE")
    await_queue_id(d, "4ELSE", path=other)
    tap.ok(True, "log.events takes effect at reload")


@test
def control_channel(d):
    d.start()

    def ask(data, half=False):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(d.control)
            s.sendall(data)
            if half:
                s.shutdown(socket.SHUT_WR)
            try:
                return s.recv(65536)
            except ConnectionResetError:
                return b""
    tap.ok(b"error" in ask(b'{"command":"no such"}\n'), "an unknown command is an error")
    tap.ok(b"error" in ask(b"{]\n"), "nonsense is an error")
    tap.ok(b"error" in ask(b'{"command":7}\n'), "a command of the wrong type is an error")
    tap.equal(ask(b"x" * 70000), b"", "a line that is too long ends the connection")
    tap.equal(ask(b"half", True), b"", "half a line ends the connection")
    idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for s in idle:
        s.connect(d.control)
    last = wait_for("an answer", lambda: idle[19].recv(1000))
    tap.ok(b"too many" in last, "the seventeenth client is told to come later", last)
    tap.ok(select.select([idle[0]], [], [], 15)[0] and idle[0].recv(10) == b"", "an idle client is dropped")
    for s in idle:
        s.close()
    tap.equal(stat.S_IMODE(os.stat(d.control).st_mode), 0o600, "the control socket is for its user alone")
    if os.geteuid() == 0:
        os.chmod(d.control, 0o666)
        os.chmod(d.folder, 0o755)
        os.chmod(os.path.join(d.folder, "run"), 0o755)
        code = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                "s.sendall(b'{\"command\":\"reload\"}\\n'); print(s.recv(999).decode())")
        done = subprocess.run(["/usr/bin/env", "python3", "-c", code, d.control], user="nobody", group="nogroup",
                              extra_groups=[], capture_output=True, text=True, check=False)
        if done.returncode != 0 and "recv" not in done.stderr:
            done = subprocess.run(["/usr/bin/python3", "-c", code, d.control], user="nobody", group="nogroup",
                                  extra_groups=[], capture_output=True, text=True, check=False)
        tap.ok("only root" in done.stdout and "loaded" not in done.stdout, "another user may not reload", done)
    else:
        tap.skip("another user may not reload", "needs root")


main()
