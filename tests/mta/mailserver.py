"""Private mail servers on loopback: Postfix, Dovecot (for logins), Sendmail and mailreeved.

Every server lives in one folder of its own under a temporary folder, listens on ports that the system gave, and is
stopped by its own process id. Nothing can be delivered anywhere: every transport that would leave is a discard.
Needs root, since Postfix, Dovecot and Sendmail change user. Python standard library only.

Used by tests/mta, tests/bench and contrib/try. Each class: start(), stop(), and attributes for what a client needs.
This file only names what is in the others.
"""

from base import Folder, Trouble, end_process, read, run, running, wait_for, why_not, write
from mailreeved import Mailreeved, build_folder, check_event_lines, get
from dovecot import Dovecot
from postfix import Postfix
from sendmail import Sendmail, private_network, sendmail_root, why_no_sendmail

__all__ = ["Dovecot", "Folder", "Mailreeved", "Postfix", "Sendmail", "Trouble", "build_folder", "check_event_lines",
           "end_process", "get", "private_network", "read", "run", "running", "sendmail_root", "wait_for", "why_no_sendmail",
           "why_not", "write"]
