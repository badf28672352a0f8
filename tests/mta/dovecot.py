"""A private Dovecot that checks passwords for Postfix."""

import os
import subprocess

from base import connects, read, run, wait_for, write


class Dovecot:
    """Only its login service, for Postfix. Syntax of 2.3 or 2.4, by the version that is installed."""

    def __init__(self, folder, logins):
        """logins: login -> password."""
        self.folder = folder.make("dovecot")
        self.socket = os.path.join(self.folder, "run", "auth-client")
        self.logins = logins

    def _text(self, users):
        version = run("dovecot", "--version").stdout.split()[0]
        head = f"""base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_verbose = yes
first_valid_uid = 1
"""
        services = """service auth {
  unix_listener auth-client {
    mode = 0666
  }
}
service anvil {
  chroot =
}
"""
        if tuple(int(part) for part in version.split(".")[:2]) >= (2, 4):
            return f"""dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols =
auth_allow_cleartext = yes
auth_username_format = %{{user | lower}}
{head}passdb passwd-file {{
  passwd_file_path = {users}
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {self.folder}
  }}
}}
{services}"""
        return f"""protocols =
instance_name = mr-{os.getpid()}
disable_plaintext_auth = no
auth_username_format = %Lu
{head}passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={self.folder}
}}
{services}"""

    def start(self):
        os.makedirs(os.path.join(self.folder, "state"), exist_ok=True)
        users = write(os.path.join(self.folder, "users"),
                      "".join(f"{login}:{{PLAIN}}{password}\n" for login, password in self.logins.items()),
                      0o640, ("root", "dovecot"))
        config = write(os.path.join(self.folder, "dovecot.conf"), self._text(users))
        with open(os.path.join(self.folder, "messages"), "ab") as messages:
            self.process = subprocess.Popen(["dovecot", "-F", "-c", config], stdin=subprocess.DEVNULL,
                                            stdout=messages, stderr=messages, start_new_session=True)
        wait_for("Dovecot", lambda: connects(path=self.socket), alive=self._dead)

    def _dead(self):
        if self.process.poll() is None:
            return None
        said = [read(os.path.join(self.folder, name))[-500:] for name in ("messages", "log")]
        return f"ended at once: {' '.join(said)}"

    def stop(self):
        if getattr(self, "process", None):
            self.process.terminate()
            self.process.wait(20)
            self.process = None
