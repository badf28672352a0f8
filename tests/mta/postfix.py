"""A private Postfix: its own configuration, queue and log; nothing that it takes goes anywhere."""

import json
import os
import shutil
import subprocess

from base import Trouble, certificate, connects, end_process, free_ports, read, run, wait_for, write


class Postfix:
    """Three listeners in one Postfix, all with the milter:

    port        as on the internet: relays for its networks and for logins only
    open_port   relays for everybody: here only the milter stands between a spammer and the world
    login_port  submission, {daemon_name} is ORIGINATING
    """

    def __init__(self, folder, milter=None, login_socket=None, domains=("victim.example",), relays=(), hostname=None,
                 networks=("127.0.0.9/32",), own_addresses=(), settings=None, ipv6=False):
        """milter: "unix:/path" or None. settings: further lines of main.cf, name -> value. ipv6: listen on ::1 too."""
        self.root = folder.make("postfix")
        self.config = os.path.join(self.root, "etc")
        self.log = os.path.join(self.root, "maillog")
        self.milter = milter
        self.addresses = ("127.0.0.1", "[::1]") if ipv6 else ("127.0.0.1",)
        self.cert, self.key = certificate(self.root)
        self.settings = {
            "compatibility_level": "3.6",
            "myhostname": hostname or f"mx.{domains[0]}",
            "mydestination": ", ".join(list(domains) + [hostname or f"mx.{domains[0]}", "localhost"]),
            "myorigin": domains[0],
            "relay_domains": ", ".join(relays),
            "proxy_interfaces": ", ".join(own_addresses),
            "inet_interfaces": "127.0.0.1, ::1" if ipv6 else "127.0.0.1",
            "inet_protocols": "all",
            "mynetworks": ", ".join(networks),
            "queue_directory": os.path.join(self.root, "queue"),
            "data_directory": os.path.join(self.root, "data"),
            "maillog_file": self.log,
            "maillog_file_prefixes": self.root,
            "enable_long_queue_ids": "yes",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "local_recipient_maps": "",
            "alias_maps": "",
            "alias_database": "",
            "biff": "no",
            "recipient_delimiter": "+",
            "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
            "smtpd_recipient_restrictions":
                f"check_recipient_access inline:{{nobody-here@{domains[0]}=REJECT}}, permit",
            "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
            "smtpd_client_event_limit_exceptions": "0.0.0.0/0, [::]/0",
            "smtpd_error_sleep_time": "0",
            "smtpd_soft_error_limit": "10000",
            "smtpd_hard_error_limit": "10000",
            "smtpd_junk_command_limit": "10000",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": self.cert,
            "smtpd_tls_key_file": self.key,
            "smtpd_tls_auth_only": "no",
            "in_flow_delay": "0",
            "milter_default_action": "tempfail",
            "milter_protocol": "6",
        }
        if login_socket:
            self.settings.update({"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
                                  "smtpd_sasl_path": login_socket, "smtpd_sasl_security_options": "noanonymous"})
        if milter:
            self.settings.update({"smtpd_milters": milter, "non_smtpd_milters": milter})
        self.settings.update(settings or {})

    # Names of services are as on every Postfix, so that {rcpt_mailer} looks as it does there; what they run is discard.
    SERVICES = """pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - discard
relay unix - - n - - discard
local unix - - n - - discard
virtual unix - - n - - discard
lmtp unix - - n - - discard
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def _write(self):
        self.port, self.open_port, self.login_port = free_ports(3)
        for folder in (self.config, self.settings["queue_directory"]):
            os.makedirs(folder, 0o755, exist_ok=True)
        os.makedirs(self.settings["data_directory"], 0o700, exist_ok=True)
        shutil.chown(self.settings["data_directory"], "postfix", "postfix")
        write(os.path.join(self.config, "main.cf"),
              "".join(f"{name} = {value}\n" for name, value in self.settings.items()))
        listeners = "".join(f"""{address}:{self.port} inet n - n - - smtpd
{address}:{self.open_port} inet n - n - - smtpd
  -o syslog_name=postfix/open
  -o smtpd_relay_restrictions=check_client_access,static:OK,reject
{address}:{self.login_port} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o milter_macro_daemon_name=ORIGINATING
""" for address in self.addresses)
        write(os.path.join(self.config, "master.cf"), listeners + self.SERVICES)

    def start(self):
        for attempt in range(5):
            self._write()
            done = run("postfix", "-c", self.config, "start", check=False)
            if done.returncode == 0:
                break
            if "Address already in use" not in read(self.log) + done.stderr or attempt == 4:
                raise Trouble(f"Postfix did not start: {done.stdout}{done.stderr}{read(self.log)[-1500:]}")
        for port in (self.port, self.open_port, self.login_port):
            wait_for(f"Postfix on port {port}", lambda: connects(port))

    def pid(self):
        text = read(os.path.join(self.settings["queue_directory"], "pid", "master.pid")).strip()
        return int(text) if text.isdigit() else None

    def stop(self):
        pid = self.pid()
        if pid and self.root in read(f"/proc/{pid}/environ") + read(f"/proc/{pid}/cmdline"):
            end_process(pid)

    def queue(self):
        """What postqueue -j says: a list of messages."""
        done = run("postqueue", "-c", self.config, "-j")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sendmail(self, arguments, text):
        """The sendmail command of this Postfix, as a web application would run it."""
        return subprocess.run(["/usr/sbin/sendmail", "-C", self.config, *arguments], input=text, text=True,
                              capture_output=True, check=False)

    def maillog(self):
        return read(self.log)
