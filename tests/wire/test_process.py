#!/usr/bin/python3
"""The life of the processes: start, death, end, sockets, users, the command line.

Needs the built programs (MAILREEVE_BUILD, or the current folder). TAP on standard output. Arguments: names of tests.
"""

import grp
import os
import pwd
import signal
import socket
import stat
import struct
import subprocess
import time

import runner
from runner import await_queue_id, await_verdicts, main, tap, test, verdicts
from daemon import Daemon, wait_for
import milterclient as mc


@test
def worker_killed(d):
    d.start()
    s = mc.opened(d.socket)
    s.message(queue_id="4A")
    await_verdicts(d, 1)
    d.write("this is no policy\n")
    for round_number in range(2):
        pid = d.worker()
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        d.await_note("READY=1", 2 + round_number)
        took = time.monotonic() - began
        tap.ok(d.worker() not in (0, pid), f"killed, and up again after {took * 1000:.0f} ms")
    s = mc.opened(d.socket)
    tap.equal(s.message(queue_id="4B"), ["continue"] * 3, "mail goes on under the last good policy")
    s.quit()
    await_queue_id(d, "4B")
    events = d.events()
    numbers = [e["event"]["sequence"] for e in events]
    tap.ok(numbers == sorted(set(numbers)) and numbers[0] == 1, "event.sequence goes on, no number twice", numbers)
    tap.equal(events[-1]["rule"]["version"], "3", "each worker has its own generation", events[-1])
    d.write()
    d.send(signal.SIGHUP)
    d.await_action("policy-loaded")
    tap.ok(True, "and reload works in the new worker")


@test
def signals_to_the_worker(d):
    """pkill by name reaches both processes; the one that serves mail must not mind."""
    d.start()
    pid = d.worker()
    s = mc.opened(d.socket)
    s.mail()
    for name in ("HUP", "TERM", "INT", "USR1", "USR2", "PIPE", "ALRM"):
        os.kill(pid, getattr(signal, "SIG" + name))
    d.send(signal.SIGHUP)
    d.await_action("policy-loaded")
    tap.equal(s.rcpt(), "continue", "the message in progress goes on")
    tap.equal(s.end_of_message(), "continue", "to its end")
    s.quit()
    tap.equal(d.worker(), pid, "signals to the worker are no orders")


@test
def drain(d):
    d.start(drain='"8s"')
    busy, idle = mc.opened(d.socket), mc.opened(d.socket)
    busy.mail()
    d.send(signal.SIGTERM)
    d.await_action("stopping")
    answer = idle.mail()
    tap.equal(answer[:9], "451 4.3.2", "a new message is told to come later", answer)
    tap.equal(busy.rcpt(), "continue", "the message in progress goes on")
    tap.equal(busy.end_of_message("4DRAIN"), "continue", "to its end")
    tap.equal(d.process.wait(10), 0, "then mailreeved ends with 0")
    tap.equal([e["email"]["local_id"] for e in verdicts(d) if "local_id" in e["email"]], ["4DRAIN"],
              "its verdict is in the log")
    tap.ok(not os.path.exists(d.socket) and not os.path.exists(d.control), "the sockets are gone")
    tap.ok(any(n.startswith("STOPPING=1") for n in d.read_notes()), "the service manager is told")


@test
def drain_has_an_end(d):
    d.start(drain='"1s"')
    s = mc.opened(d.socket)
    s.mail()
    began = time.monotonic()
    tap.equal(d.stop(), 0, "a message that does not end does not keep mailreeved")
    tap.ok(time.monotonic() - began >= 0.9, "it was given its time")
    s.drop()
    tap.equal(d.events()[-1]["event"]["action"], "stopping", "the last line", d.events()[-1])


@test
def stop_at_once(d):
    d.start(drain='"60s"')
    s = mc.opened(d.socket)
    s.mail()
    tap.equal(d.stop(signal.SIGINT, 5), 0, "INT ends at once with 0, whatever is in progress")
    s.drop()
    d.start()
    s = mc.opened(d.socket)
    s.mail()
    d.send(signal.SIGTERM)
    d.await_action("stopping", 2)
    tap.equal(d.stop(signal.SIGINT, 5), 0, "INT ends a drain")
    s.drop()


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] == "Z"
    except OSError:
        return True


@test
def supervisor_killed(d):
    d.start()
    pid = d.worker()
    d.process.kill()
    d.process.wait()
    wait_for("the worker ends", lambda: has_ended(pid))
    tap.ok(True, "without its supervisor the worker ends")
    d.start()
    tap.equal(mc.opened(d.socket).message(), ["continue"] * 3, "and mailreeved can be started again")


@test
def second_instance(d):
    d.start()
    other = Daemon(runner.build, folder=d.folder)
    other.write()
    tap.equal(other.spawn().process.wait(20), 1, "a second mailreeved is refused")
    tap.ok("another mailreeved holds" in d.messages(), "and says why", d.messages())
    other.notify.close()
    tap.equal(mc.opened(d.socket).message(), ["continue"] * 3, "the first one still serves")


@test
def foreign_sockets(d):
    """What others listen on, or keep there, is never touched."""
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(d.socket)
        foreign.listen(1)
        inode = os.stat(d.socket).st_ino
        d.write()
        tap.equal(d.spawn().process.wait(20), 1, "a path on which another process listens is refused")
        tap.ok("another process listens on" in d.messages(), "and it is said", d.messages())
        tap.equal(os.stat(d.socket).st_ino, inode, "that socket stays")
    d.notify.close()
    os.unlink(d.socket)
    with open(d.socket, "w") as file:
        file.write("precious")
    tap.equal(d.spawn().process.wait(20), 1, "a path that is a file is refused")
    tap.equal(open(d.socket).read(), "precious", "that file stays")
    d.notify.close()
    os.unlink(d.socket)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(d.socket)
    d.start()
    tap.equal(mc.opened(d.socket).message(), ["continue"] * 3, "a dead socket is replaced")
    os.unlink(d.socket)
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(d.socket)
        d.stop()
        tap.ok(os.path.exists(d.socket), "a socket that took our place is not removed at the end")
    os.unlink(d.socket)
    os.chmod(os.path.join(d.folder, "run"), 0o777)
    tap.equal(d.spawn().process.wait(20), 1, "a folder that everybody may write is refused")
    d.notify.close()


@test
def socket_mode(d):
    d.start(milter_mode='"0666"')
    tap.equal(stat.S_IMODE(os.stat(d.socket).st_mode), 0o666, "the mode of the policy")
    d.stop()
    if os.geteuid() != 0:
        tap.skip("the group of the policy", "needs root")
        return
    d.start(milter_mode='"0660"', milter_group='"mail"')
    info = os.stat(d.socket)
    tap.equal((stat.S_IMODE(info.st_mode), info.st_gid), (0o660, grp.getgrnam("mail").gr_gid),
              "mode and group of the policy")
    left = [name for name in os.listdir(os.path.join(d.folder, "run")) if name.startswith(".mr")]
    tap.equal(left, [], "no private name is left")


@test
def privileges(d):
    if os.geteuid() != 0:
        tap.skip("becoming an ordinary user", "needs root")
        return
    d.user = "nobody"
    os.chmod(d.folder, 0o755)
    os.rmdir(os.path.join(d.folder, "log"))
    os.rmdir(os.path.join(d.folder, "run"))
    d.start(milter_group='"mail"')
    nobody = pwd.getpwnam("nobody").pw_uid
    mail = grp.getgrnam("mail").gr_gid
    for pid in (d.process.pid, d.worker()):
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        tap.equal(status["Uid"].split(), [str(nobody)] * 4, "all user ids are those of the ordinary user")
        tap.equal(status["NoNewPrivs"].strip(), "1", "no new privileges")
        groups = status["Groups"].split()
        tap.ok(str(mail) in groups and "0" not in groups, "groups", groups)
    run = os.stat(os.path.join(d.folder, "run"))
    tap.equal((run.st_uid, run.st_gid, stat.S_IMODE(run.st_mode)), (nobody, mail, 0o750),
              "the folder was made for both")
    tap.equal(os.stat(d.socket).st_gid, mail, "the socket has its group")
    tap.equal(mc.opened(d.socket).message(queue_id="4NOB"), ["continue"] * 3, "mail passes")
    await_queue_id(d, "4NOB")
    tap.equal(d.mailreeve("reload", "-c", d.policy_file).returncode, 0, "reload works as that user")
    pid = d.worker()
    os.kill(pid, signal.SIGKILL)
    d.await_note("READY=1", 2)
    tap.ok(d.worker() != pid, "a worker comes again as that user")
    d.stop()
    d.user = "no-such-user-here"
    d.write()
    tap.equal(d.spawn().process.wait(20), 1, "a user that does not exist is refused")
    tap.ok("useradd" in d.messages(), "with the command that makes it")
    d.notify.close()
    d.user = "nobody"
    d.write()
    os.chmod(d.policy_file, 0o600)
    tap.equal(d.spawn().process.wait(20), 2, "a policy that the user cannot read is a fault at the start")
    d.notify.close()


@test
def no_user_named(d):
    """Without the setting user: the user mailreeve where that can work, else root with a warning that says why."""
    if os.geteuid() != 0:
        tap.skip("a policy that names no user", "needs root")
        return
    d.user = ""
    os.chmod(d.folder, 0o755)
    d.start()
    with open(f"/proc/{d.worker()}/status") as file:
        uid = int(next(line for line in file if line.startswith("Uid:")).split()[1])
    try:
        there = pwd.getpwnam("mailreeve") is not None
    except KeyError:
        there = False
    # The folders of this test are root's, so either way root stays.
    tap.equal(uid, 0, "root stays where the user mailreeve is missing or may not use the folders")
    tap.ok("may not use" in d.messages() if there else "useradd" in d.messages(), "and the reason is said", d.messages())
    tap.equal(mc.opened(d.socket).message(queue_id="4DEF"), ["continue"] * 3, "mail passes")
    d.stop()


@test
def background(d):
    """Without -f the exit status of the process that was started tells how the start went."""
    d.write()
    command = [d.program(), "-c", d.policy_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    tap.equal(done.returncode, 0, "ready: 0", done)
    tap.equal(mc.opened(d.socket).message(queue_id="4BG"), ["continue"] * 3, "it serves from the background")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(d.control)
        worker = struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    with open(f"/proc/{worker}/stat") as file:
        supervisor = int(file.read().rsplit(")", 1)[1].split()[1])
    again = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    tap.equal(again.returncode, 1, "a second one: 1, and the reason on the terminal", again)
    tap.ok("another mailreeved" in again.stderr, "the reason", again)
    os.kill(supervisor, signal.SIGTERM)
    wait_for("its end", lambda: not os.path.exists(d.socket))
    with open(d.policy_file, "a") as file:
        file.write("nonsense\n")
    bad = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    tap.equal(bad.returncode, 2, "a faulty policy: 2", bad)
    tap.ok(d.policy_file + ":" in bad.stderr, "with file and line", bad)


@test
def command_line(d):
    d.write()

    def run(*arguments):
        return subprocess.run([d.program(), *arguments], capture_output=True, text=True, timeout=30, check=False)
    tap.equal(run("-t", "-c", d.policy_file).returncode, 0, "-t with a good policy: 0")
    version = run("-V")
    tap.ok(version.returncode == 0 and "libmilter" in version.stdout and "mailreeved " in version.stdout, "-V", version)
    tap.equal(run("-x").returncode, 2, "an unknown option: 2")
    tap.equal(run("extra").returncode, 2, "an argument too many: 2")
    tap.equal(run("-h").returncode, 0, "-h: 0")
    with open(d.policy_file, "a") as file:
        file.write("relay_it_all = true\nlimits: { recipients = -3 }\n")
    bad = run("-t", "-c", d.policy_file)
    tap.equal(bad.returncode, 2, "-t with faults: 2", bad)
    tap.ok(bad.stderr.count(d.policy_file + ":") >= 2, "all faults in one run", bad)
    tap.equal(run("-t", "-c", d.policy_file + ".none").returncode, 2, "-t without a file: 2")
    bad = run("-f", "-c", d.policy_file)
    tap.equal(bad.returncode, 2, "starting with faults: 2", bad)
    tap.equal(d.mailreeve("--help").returncode, 0, "mailreeve --help")
    tap.equal(d.mailreeve("--version").returncode, 0, "mailreeve --version")
    tap.equal(d.mailreeve("nonsense").returncode, 2, "mailreeve with an unknown command")
    for command in ("check", "replay", "reload"):
        done = d.mailreeve(command, "--help")
        tap.ok(done.returncode == 0 and done.stdout, f"mailreeve {command} --help", done)


@test
def inet_socket(d):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    d.start(milter=f'"inet:{port}@127.0.0.1"')
    with socket.create_connection(("127.0.0.1", port), 5):
        tap.ok(True, "TCP on the loopback is served")
    tap.equal(d.stop(), 0, "and it ends in good order")


main()
