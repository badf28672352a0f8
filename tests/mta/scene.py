"""What tests/mta share: one mail server with mailreeved, played message by message, each answer and line checked."""

from mailserver import Trouble, get

FOREIGN = ["<u@other.example>"]
PASSWORDS = {f"{name}@victim.example": name + "-secret" for name in ("alice", "bob", "carol")}

# Every group of the policy; a test replaces some of them.
GROUPS = {
    "domains": '= [ "victim.example" ]',
    "relays": '= [ "relayed.example" ]',
    "hostnames": '= [ "mx.victim.example" ]',
    "own_addresses": '= [ "192.0.2.25" ]',
    "login": ': { default_domain = "victim.example" }',
    "networks": ': { trusted: { addresses = [ "198.51.100.0/24", "2001:db8:1::/48" ] } }',
    "relay": ': { mode = "enforce"  networks = [ "trusted" ] }',
    "sender": ': { mode = "off" }',
    "helo": ': { mode = "off" }',
}


def policy(groups=None, **changes):
    """The policy text with these groups changed; None takes a group out."""
    groups = {**(groups or GROUPS), **changes}
    return "".join(f"{name} {text}\n" for name, text in groups.items() if text is not None)


class Message:
    """What the client sends. Everything has a default: a plain message that passes."""

    def __init__(self, **given):
        self.port = given.pop("port", "open_port")
        self.client = given.pop("client", "outside")
        self.login = given.pop("login", None)
        self.helo = given.pop("helo", "client.outside.example")
        self.sender = given.pop("sender", "<sender@outside.example>")
        self.parameters = given.pop("parameters", ())
        self.to = given.pop("to", ["<bob@victim.example>"])
        self.headers = given.pop("headers", "From: Somebody <somebody@outside.example>\nSubject: a test\n")
        self.body = given.pop("body", "A short text.\n")
        if given:
            raise TypeError(f"no such part of a message: {', '.join(given)}")


class Answers:
    """The answers to one message; stage is where it ended: connect, mail, rcpt or data (also when that was a 250)."""

    def __init__(self):
        self.rcpt = []
        self.stage, self.last = None, None

    def end(self, stage, answer):
        self.stage, self.last = stage, answer
        return self

    def __str__(self):
        return f"{self.stage}: {self.last}; recipients {self.rcpt}"


def send(client, message):
    """One message over an open connection that has said EHLO; another may follow."""
    answers = Answers()
    answer = client.mail(message.sender, *message.parameters)
    if answer.code >= 400:
        return answers.end("mail", answer)
    answers.rcpt = [client.rcpt(path) for path in message.to]
    if all(answer.code >= 400 for answer in answers.rcpt):
        client.rset()
        return answers.end("rcpt", answers.rcpt[-1])
    return answers.end("data", client.data(message.headers, message.body))


class Scene:
    """A running mail server and daemon. Each mail server has its own, with:

    address               "outside", "trusted", "other" -> the client address that plays it
    listener              {daemon_name} of the port "login_port"
    connect(message)      a client that has said EHLO as the message wants
    greeting_of_outside() the answers to a client "outside" up to the first refusal
    held_sender(queue_id) who sent the message that is on hold
    """

    groups = GROUPS
    short_bob = None  # bob@victim.example as this mail server shows its own recipients, if in another way

    def __init__(self, tap, daemon, name):
        self.tap, self.daemon, self.name = tap, daemon, name
        self.generation = "1"

    def use(self, **changes):
        """Puts the policy with these changes in force."""
        mark = self.daemon.mark()
        self.daemon.reload(policy(self.groups, **changes))
        loaded = self.daemon.wait_event(mark, lambda event: get(event, "event.action") == "policy-loaded")
        self.generation = get(loaded, "rule.version")

    def play(self, message):
        """(answers, verdict line, all lines of the message)."""
        mark = self.daemon.mark()
        with self.connect(message) as client:
            answers = send(client, message)
            client.quit()
        event = self.daemon.verdict(mark)
        return answers, event, self.daemon.events(mark)

    def check(self, name, message, ends, **wanted):
        """Plays and compares. ends: (stage, code, enhanced code) or "accepted". wanted: fields of the verdict line,
        with "__" for "."; a callable is asked. Returns what play() does, or None when it could not be played."""
        name = f"{self.name}: {name}"
        try:
            answers, event, lines = self.play(message)
        except (Trouble, OSError) as trouble:
            self.tap.ok(False, name, repr(trouble))
            return None
        wrong = compare_answers(answers, ends) + compare_event(event, {"rule__version": self.generation, **wanted})
        if message.login:
            wrong += compare_event(event, {"user__name": message.login})
        self.tap.ok(not wrong, name, *wrong, f"answers {answers}", f"event {event}")
        return answers, event, lines

    def refused(self, name, message, stage, code, enhanced, rule, reason, **wanted):
        """A message that one rule refuses as a whole."""
        return self.check(name, message, (stage, code, enhanced), mailreeve__verdict="reject", rule__id=rule,
                          event__code=enhanced, event__outcome="failure", mailreeve__reason=reason, **wanted)

    def accepted(self, name, message, **wanted):
        wanted.setdefault("mailreeve__rcpt__accepted", len(message.to))
        wanted.setdefault("mailreeve__would", None)
        return self.check(name, message, "accepted", mailreeve__verdict="accept", event__outcome="success", **wanted)

    def finds(self, name, lines, **wanted):
        """One of the lines has these fields."""
        good = any(not compare_event(line, wanted) for line in lines)
        self.tap.ok(good, f"{self.name}: {name}", f"wanted {wanted}", *lines)


def compare_answers(answers, ends):
    if ends == "accepted":
        return [] if answers.stage == "data" and answers.last.code == 250 else ["it was not accepted"]
    stage, code, enhanced = ends
    wrong = []
    if answers.stage != stage:
        wrong.append(f"it ended at {answers.stage}, not at {stage}")
    if answers.last.code != code or not answers.last.text.startswith(enhanced):
        wrong.append(f"answer {answers.last}, not {code} {enhanced}")
    return wrong


def compare_event(event, wanted):
    wrong = []
    for name, value in wanted.items():
        seen = get(event, name.replace("__", "."))
        if not (value(seen) if callable(value) else seen == value):
            wrong.append(f"{name.replace('__', '.')} is {seen!r}" + ("" if callable(value) else f", not {value!r}"))
    return wrong
