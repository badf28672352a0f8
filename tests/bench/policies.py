"""Policies, lists and facts of the benchmark, written into a folder. Used by bench.py."""
import json
import os

RULES = """
milter = "unix:%(folder)s/milter.sock"
control = "unix:%(folder)s/control.sock"
milter_mode = "0666"
domains = [ "bench.example" ]
hostnames = [ "mx.bench.example" ]
own_addresses = [ "192.0.2.25" ]
accounts = "file:accounts"
networks: { office: { addresses = [ "192.0.2.0/24" ]  except = [ "192.0.2.25" ] } }
access: { mode = "enforce"  deny = [ "203.0.113.0/24" ] }
relay: { mode = "enforce"  networks = [ "office" ] }
auth: { mode = "enforce"  required_for = [ "local-senders", "roles" ] }
shield: ( { mode = "enforce"  domains = [ "@local" ]  networks = [ "office" ]  header_from = %(header)s } )
sender: { mode = "enforce"  logins = "file:senders"  header_from = %(header)s  header_sender = %(header)s }
exists: { mode = "enforce" }
helo: { mode = "enforce" }
limits: { mode = "enforce"  recipients = 1000  size = "100M"  size_from = "%(size_from)s" }
log: { events = "%(events)s" }
"""

ENTRIES = """
milter = "unix:%(folder)s/milter.sock"
domains = "file:domains"
accounts = "file:accounts"
hostnames = [ "mx.bench.example" ]
own_addresses = [ "192.0.2.25" ]
networks: { many: { addresses = "file:networks" } }
access: { mode = "enforce"  deny = "file:denied" }
relay: { mode = "enforce"  networks = [ "many" ] }
auth: { mode = "enforce"  required_for = [ "local-senders" ] }
shield: ( { mode = "enforce"  domains = [ "@local" ]  networks = [ "many" ]  header_from = true } )
sender: { mode = "enforce"  logins = "file:senders"  header_from = true }
exists: { mode = "enforce" }
helo: { mode = "enforce" }
limits: { mode = "enforce"  recipients = 1000  size = "100M" }
log: { events = "none" }
"""

# All that is remembered, and the rules that cost nothing as accounts grow: no lists, so that a policy is the same
# size whatever the accounts. The load repeats itself, which no owner does: it is excused, but weighed all the same.
STATE = """
milter = "unix:%(folder)s/milter.sock"
control = "unix:%(folder)s/control.sock"
milter_mode = "0666"
domains = [ "bench.example" ]
hostnames = [ "mx.bench.example" ]
own_addresses = [ "192.0.2.25" ]
networks: { office: { addresses = [ %(office)s ]  except = [ "192.0.2.25" ] } }
access: { mode = "enforce"  deny = [ "203.0.113.0/24" ] }
relay: { mode = "enforce"  networks = [ "office" ] }
auth: { mode = "enforce"  required_for = [ "roles" ] }
shield: ( { mode = "enforce"  domains = [ "@local" ]  networks = [ "office" ] } )
sender: { mode = "enforce" }
helo: { mode = "enforce" }
limits: { mode = "enforce"  recipients = 1000  size = "100M"  size_from = "mta"%(limits)s }
hijack: { mode = "enforce"  action = "freeze"  freeze_budget = "unlimited"%(hijack)s }
%(exempt)s
state: { directory = "%(directory)s"  accounts = %(accounts)d  sources = %(accounts)d  windows = "%(windows)s" }
log: { events = "%(events)s" }
"""

TWO_LIMITS = """  rates = (
  { name = "login"  mode = "enforce"  action = "tempfail"  messages = [ "100000/1h" ]  recipients = [ "200000/1h" ] } )"""

EXCUSED = """exemptions: ( { name = "load"  %s  rules = [ "hijack" ]  owner = "bench"
  reason = "the load of the benchmark repeats itself"  expires = "2099-12-31" } )"""


def account(i):
    return "user%06d@bench.example" % i


def lines(folder, name, rows):
    with open(os.path.join(folder, name), "w") as file:
        file.writelines(row + "\n" for row in rows)
    os.chmod(file.name, 0o644)


def write(folder, accounts, everything=False, events=None):
    """All rules on, so many accounts. everything: header fields and the body's length too. Returns the policy file."""
    os.makedirs(folder, exist_ok=True)
    lines(folder, "accounts", (account(i) for i in range(accounts)))
    lines(folder, "senders", ("%s: %s" % (account(i), account(i)) for i in range(accounts)))
    lines(folder, "policy.conf", [RULES % {
        "folder": folder, "header": "true" if everything else "false", "size_from": "body" if everything else "mta",
        "events": events or os.path.join(folder, "events.ndjson")}])
    return os.path.join(folder, "policy.conf")


def write_state(folder, directory, accounts, events="none", windows="8G", ceiling=None, relayed=False, unauthenticated=None,
                limits=True, exactly=False):
    """A policy that has room for so many accounts and sources in directory, or for exactly so many. ceiling: messages of a login before it is frozen,
    but not those with a number below 1,000,000. relayed: 2001:db8::/32 may send without a login."""
    os.makedirs(folder, exist_ok=True)
    capacity = accounts if exactly else 2 * accounts + 1000  # new accounts may take up half of it
    if relayed:
        excused = 'network = [ "2001:db8::/32", "20.0.0.0/6" ]'
    else:
        excused = 'login = "%s"' % ("user0*@bench.example" if ceiling else "*@bench.example")
    hijack = "  messages = " + ceiling if ceiling else ""
    hijack += '  unauthenticated = "%s"' % unauthenticated if unauthenticated else ""
    lines(folder, "policy.conf", [STATE % {
        "folder": folder, "directory": directory, "accounts": capacity, "windows": windows, "events": events,
        "office": '"192.0.2.0/24", "2001:db8::/32"' if relayed else '"192.0.2.0/24"', "hijack": hijack,
        "limits": TWO_LIMITS if limits else "",
        "exempt": EXCUSED % excused}])
    return os.path.join(folder, "policy.conf")


def write_entries(folder, n):
    """A policy of n networks, domains, senders, accounts. core_bench.c makes the same names."""
    os.makedirs(folder, exist_ok=True)
    owners = ["user%06d@d%06d.example" % (i, i) for i in range(n)]
    lines(folder, "domains", ("d%06d.example" % i for i in range(n)))
    lines(folder, "networks", ("10.%d.%d.%d" % (i >> 16, i >> 8 & 255, i & 255) for i in range(n)))
    lines(folder, "denied", ("11.%d.%d.%d" % (i >> 16, i >> 8 & 255, i & 255) for i in range(n)))
    lines(folder, "accounts", owners)
    lines(folder, "senders", ("%s: %s" % (owner, owner) for owner in owners))
    lines(folder, "policy.conf", [ENTRIES % {"folder": folder}])
    return os.path.join(folder, "policy.conf")


def write_facts(path, n, accounts):
    """n messages: most by a login to strangers, some to us, some attempts to relay."""
    with open(path, "w") as file:
        for i in range(n):
            user = account(i * 7919 % accounts)
            fact = {"time": 1790000000 + i / 10, "fact": "message", "id": i, "helo": "client.example.net",
                    "client": {"ip": "198.18.%d.%d" % (i >> 8 & 255, i & 255), "port": 40000}, "listener": "smtp",
                    "size": 2048}
            if i % 10 < 7:
                fact.update(login=user, mail_from="<%s>" % user, rcpt=["<friend@example.net>"], header_from=[user])
            else:
                fact.update(mail_from="<friend@example.net>", header_from=["friend@example.net"],
                            rcpt=["<%s>" % user if i % 10 < 9 else "<victim@example.org>"])
            file.write(json.dumps(fact) + "\n")
    return path
