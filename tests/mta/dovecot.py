"""A private Dovecot: checks passwords for Postfix, and where it is wanted serves IMAP and asks the login feed."""

import os
import subprocess

from base import connects, free_ports, read, run, wait_for, write

FEED_TIMEOUT_MS = 500


class Dovecot:
    """Its login service, for Postfix, and IMAP when asked for. Syntax of 2.3 or 2.4, by the version that is installed.

    Its own penalties for wrong passwords are off: they would only make tests slow."""

    def __init__(self, folder, logins, imap=False, feed=None):
        """logins: login -> password. feed: (url, key) of the login feed that it asks (auth policy)."""
        self.folder = folder.make("dovecot")
        self.socket = os.path.join(self.folder, "run", "auth-client")
        self.logins = logins
        self.imap, self.feed = imap, feed
        self.imap_port = None
        self.new_syntax = False

    def _head(self):
        return f"""base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
listen = 127.0.0.1{', ::1' if self.imap else ''}
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_verbose = yes
first_valid_uid = 1
protocols = {'imap' if self.imap else ''}
"""

    def _services(self):
        text = """service auth {
  unix_listener auth-client {
    mode = 0666
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""
        if self.imap:
            one_process = "restart_request_count = unlimited" if self.new_syntax else "service_count = 0"
            text += f"""service imap-login {{
  chroot =
  {one_process}
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""
        return text

    def _feed(self):
        if not self.feed:
            return ""
        url, key = self.feed
        timeout = (f"auth_policy {{\n  http_client_request_absolute_timeout = {FEED_TIMEOUT_MS} ms\n}}"
                   if self.new_syntax else f"auth_policy_server_timeout_msecs = {FEED_TIMEOUT_MS}")
        return f"""auth_policy_server_url = {url}
auth_policy_server_api_header = X-API-Key: {key}
auth_policy_hash_nonce = a-nonce-of-this-test
{timeout}
"""

    def _text(self, users):
        if self.new_syntax:
            return f"""dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
auth_username_format = %{{user | lower}}
mail_driver = maildir
mail_path = {self.folder}/mail/%{{user}}
{self._head()}{self._feed()}passdb passwd-file {{
  passwd_file_path = {users}
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {self.folder}/mail/%{{user}}
  }}
}}
{self._services()}"""
        return f"""instance_name = mr-{os.getpid()}
disable_plaintext_auth = no
auth_username_format = %Lu
mail_location = maildir:{self.folder}/mail/%u
{self._head()}{self._feed()}passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={self.folder}/mail/%u
}}
{self._services()}"""

    def start(self):
        version = run("dovecot", "--version").stdout.split()[0]
        self.new_syntax = tuple(int(part) for part in version.split(".")[:2]) >= (2, 4)
        (self.imap_port,) = free_ports(1)
        for name, mode in (("state", 0o755), ("mail", 0o777)):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
            os.chmod(os.path.join(self.folder, name), mode)
        users = write(os.path.join(self.folder, "users"),
                      "".join(f"{login}:{{PLAIN}}{password}\n" for login, password in self.logins.items()),
                      0o640, ("root", "dovecot"))
        config = write(os.path.join(self.folder, "dovecot.conf"), self._text(users))
        with open(os.path.join(self.folder, "messages"), "ab") as messages:
            self.process = subprocess.Popen(["dovecot", "-F", "-c", config], stdin=subprocess.DEVNULL,
                                            stdout=messages, stderr=messages, start_new_session=True)
        wait_for("Dovecot", lambda: connects(path=self.socket), alive=self._dead)
        if self.imap:
            wait_for("Dovecot's IMAP", lambda: connects(self.imap_port), alive=self._dead)

    def said(self):
        """Its log."""
        return read(os.path.join(self.folder, "log"))

    def _dead(self):
        if self.process.poll() is None:
            return None
        return f"ended at once: {read(os.path.join(self.folder, 'messages'))[-500:]} {self.said()[-500:]}"

    def stop(self):
        if getattr(self, "process", None):
            self.process.terminate()
            self.process.wait(20)
            self.process = None
