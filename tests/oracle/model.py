# SPDX-License-Identifier: LGPL-2.1-or-later
"""What iothnamed answers, written down as naively as it can be: no tries, no sets of bits, no wire format.

To learn the rules, begin at `Server.ask`, then read the functions below "Sources": one for each word that may stand behind
`auth`. iothnamed.conf(5) says the same in prose.

A name is a text in lower case without its final dot; the root is ".". Records have names with a final dot, as in zone files.
"""

import dataclasses
import hashlib
import ipaddress

import otip2 as second

NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5

NEGATIVE_TTL = 300  # how long a "no" of our own may be believed
UNKNOWN_PTR_TTL = 5  # and that a hashed address has no name, which the next question may change
HASH_TTL = 600  # option hashttl
STATIC_TTL = 3600  # option staticttl
OTIP_PERIOD_S = 32  # option otipperiod
OTIP_KEY = bytes(range(32))  # in the file otip.key
ALIASES_MAX = 12  # followed for one question


# --- Names


def labels(name):
    return [] if name == "." else name.split(".")


def from_labels(parts):
    return ".".join(parts) or "."


def is_below(name, ancestor):
    return name != ancestor and (ancestor == "." or name.endswith("." + ancestor))


def suffixes(name, apex):
    """The name and the names above it, up to the apex."""
    parts = labels(name)
    return [from_labels(parts[i:]) for i in range(len(parts) - len(labels(apex)) + 1)]


def with_final_dot(name):
    return name if name == "." else name + "."


def bits_of_a_label(network):
    """In the reverse tree: octets for IPv4 (RFC 1035 s3.5), nibbles for IPv6 (RFC 3596 s2.5)."""
    return 8 if network.version == 4 else 4


def reverse_labels(network):
    """How many labels the reverse name has that holds the whole prefix, or its part up to the next octet or nibble."""
    return 2 + -(-network.prefixlen // bits_of_a_label(network))


def reverse_name(address, bits):
    """The name of the first bits of an address, at an octet or nibble."""
    address = ipaddress.ip_address(address)
    if address.version == 4:
        return from_labels(str(address).split(".")[: bits // 8][::-1] + ["in-addr", "arpa"])
    return from_labels(list(address.exploded.replace(":", "")[: bits // 4])[::-1] + ["ip6", "arpa"])


def reversed_network(name):
    """The prefix whose reverse name this is, or None."""
    parts = labels(name)
    digits = parts[:-2][::-1]
    if parts[-2:] == ["in-addr", "arpa"]:
        octets = [str(octet) for octet in range(256)]
        if len(digits) <= 4 and all(digit in octets for digit in digits):
            return ipaddress.ip_network((".".join((digits + ["0"] * 4)[:4]), 8 * len(digits)))
    if parts[-2:] == ["ip6", "arpa"]:
        if len(digits) <= 32 and all(len(digit) == 1 and digit in "0123456789abcdef" for digit in digits):
            return ipaddress.ip_network((int("".join(digits).ljust(32, "0"), 16), 4 * len(digits)))
    return None


def enclosing_network(name):
    """The prefix that this reverse name, or the nearest one above it, stands for; None: it is no reverse name."""
    parts = labels(name)
    while parts:
        network = reversed_network(from_labels(parts))
        if network:
            return network
        parts = parts[1:]
    return None


def reverse_apex(name, prefix):
    """Where the reverse tree of a prefix begins, if the name lies in it; else None. A prefix that ends inside an octet or
    nibble has one tree for each value that octet or nibble may have."""
    network = enclosing_network(name)
    if not network or network.version != prefix.version or not network.subnet_of(prefix):
        return None
    return from_labels(labels(name)[-reverse_labels(prefix) :])


# --- Domains: which names a rule is for


@dataclasses.dataclass(frozen=True)
class OneName:
    """`a.b`: that name alone."""

    name: str

    def apex(self, name):
        """Where the rule's domain begins, if it matches the name; else None. So for all domains."""
        return name if name == self.name else None

    def __str__(self):
        return self.name


@dataclasses.dataclass(frozen=True)
class Below:
    """`.a.b`: every name below it, not itself. `.`: every name."""

    name: str

    def apex(self, name):
        return self.name if is_below(name, self.name) or name == self.name == "." else None

    def __str__(self):
        return "." if self.name == "." else "." + self.name


@dataclasses.dataclass(frozen=True)
class Reverse:
    """`ADDR/LEN`: the names of the reverse tree below that prefix."""

    prefix: str

    def apex(self, name):
        return reverse_apex(name, ipaddress.ip_network(self.prefix, strict=False))

    def __str__(self):
        return self.prefix


@dataclasses.dataclass(frozen=True)
class Listed:
    """`@FILE`: the names that a file has. Its lines are `a.b`, that name alone, or `*.a.b`, it and every name below it, in any
    of the forms that lists come in: see `forms`."""

    file: str
    names: tuple

    forms = {
        "{}": "{}",
        "0.0.0.0 {}": "{}",
        "*.{}": "*.{}",
        ".{}": "*.{}",
        "||{}^": "*.{}",
    }

    def apex(self, name):
        """The name in the list; of several the one nearest to the root."""
        found = [listed for listed in self.names if name == listed]
        trees = [listed.removeprefix("*.") for listed in self.names if listed.startswith("*.")]
        found += [tree for tree in trees if name == tree or is_below(name, tree)]
        return min(found, key=lambda listed: len(labels(listed)), default=None)

    def __str__(self):
        return "@" + self.file


# --- Configurations


@dataclasses.dataclass(frozen=True)
class Rule:
    """`auth SOURCE NETS DOMAIN ...`. The members below `domain` are those that some sources need."""

    source: str
    nets: tuple
    domain: object = None
    base: str = ""
    password: str = ""  # or the file of a key
    user: str = ""
    rcode: int = REFUSED
    servers: tuple = ()

    def __str__(self):
        words = [self.source, ",".join(self.nets), self.domain or "", self.base, self.password, self.user, *self.servers]
        if self.source == "error" and self.rcode != self.usual_rcode():
            words.append("nxdomain" if self.rcode == NXDOMAIN else "refused")
        return "auth " + " ".join(str(word) for word in words if word)

    def usual_rcode(self):
        """That of an error rule without a last word: of what a list blocks, stubs would ask the next server on REFUSED."""
        return NXDOMAIN if isinstance(self.domain, Listed) else REFUSED


@dataclasses.dataclass(frozen=True)
class Record:
    """A record of an answer."""

    name: str
    type: str
    ttl: int
    rdata: str


@dataclasses.dataclass
class Configuration:
    nets: dict  # name: its ranges
    servers: tuple  # of the `dns` lines
    rules: list
    records: list  # static
    nsname: str | None  # option nsname

    def __str__(self):
        lines = [f"net {net} {network}" for net, ranges in self.nets.items() for network in ranges]
        lines += [f"dns {server}" for server in self.servers]
        if self.nsname:
            lines.append(f"option nsname {self.nsname}")
        lines += [str(rule) for rule in self.rules]
        lines += [f"static {record.ttl} {record.type} {record.name} {record.rdata}" for record in self.records]
        return "\n".join(lines) + "\n"

    def nets_of(self, client):
        """The nets that hold the address. `::/0` includes IPv4; `0.0.0.0/0` is IPv4 alone."""
        address = ipaddress.ip_address(client)
        return {
            net
            for net, ranges in self.nets.items()
            if any(network == "::/0" or address in ipaddress.ip_network(network) for network in ranges)
        }

    def rrset(self, name, rrtype):
        """The static records of that name and type. They all have the lowest TTL among them (RFC 2181 s5.2)."""
        found = [record for record in self.records if (record.name, record.type) == (name, rrtype)]
        ttl = min((record.ttl for record in found), default=0)
        return [dataclasses.replace(record, ttl=ttl) for record in found]

    def exists(self, name):
        """A static record has this name or one below it (RFC 8020)."""
        return any(record.name == name or is_below(record.name, name) for record in self.records)

    def is_cut(self, name):
        """NS delegate the name, unless an SOA beside them says that it is ours."""
        return self.rrset(name, "NS") and not self.rrset(name, "SOA")

    def source_of_records(self, name, apex):
        """Whose records a name has: its own or, if it does not exist, those of the wildcard below the nearest name above it
        (RFC 4592 s3.3.1). None: there is no such name."""
        closest = next((above for above in suffixes(name, apex) if self.exists(above)), None)
        if closest in (name, None):
            return closest
        wildcard = from_labels(["*", *labels(closest)])
        return wildcard if self.exists(wildcard) else None


# --- Questions and replies


@dataclasses.dataclass
class Reply:
    rcode: int = NOERROR
    authoritative: bool = False
    recursion_available: bool = False
    answers: list = dataclasses.field(default_factory=list)
    soa: Record | None = None  # in the authority section
    referral: list = dataclasses.field(default_factory=list)  # there too: NS
    forwarded: list = dataclasses.field(default_factory=list)  # what upstream was asked: (name, type, servers)

    def sorted(self):
        """The same, its records in an order of their own: that of the reply means nothing."""
        return dataclasses.replace(
            self,
            answers=sorted(self.answers, key=dataclasses.astuple),
            referral=sorted(self.referral, key=dataclasses.astuple),
        )


@dataclasses.dataclass
class Question:
    """What one client asks; `name` and `aliases` change when an alias is followed, `reply` grows."""

    client_nets: set
    name: str
    type: str
    recursion_desired: bool
    reply: Reply
    aliases: int = 0

    def is_for_client(self, rule):
        return bool(self.client_nets & set(rule.nets))

    def ours(self):
        """A source of ours speaks of the name: the answer is authoritative (AA) if that is the name asked for."""
        self.reply.authoritative |= self.aliases == 0

    def add(self, rrtype, ttl, rdata):
        self.reply.answers.append(Record(self.name, rrtype, ttl, rdata))

    def add_all(self, records):
        """Records as those of the name asked for."""
        for record in records:
            self.add(record.type, record.ttl, record.rdata)


@dataclasses.dataclass(frozen=True)
class UpstreamAnswer:
    """rcode, records of the answer section, SOA of the authority section."""

    rcode: int
    answers: tuple = ()
    soa: Record | None = None

    def ttl(self):
        """How long it may be kept. A "no" lives as long as its SOA, and without one it is not kept (RFC 2308 s5)."""
        if self.rcode == NOERROR and self.answers:
            return min(record.ttl for record in self.answers)
        return self.soa.ttl if self.soa else 0

    def aged(self, age_s):
        def older(record):
            return dataclasses.replace(record, ttl=record.ttl - age_s)

        return UpstreamAnswer(self.rcode, tuple(map(older, self.answers)), self.soa and older(self.soa))


PASS, ANSWERED, FOLLOW_ALIAS = "pass", "answered", "follow alias"


# --- The server


class Server:
    """A configuration, and what is kept from one question to the next. `upstream(servers, name, type)` is the world
    outside: an UpstreamAnswer, or None if nobody answers."""

    def __init__(self, configuration, upstream):
        self.configuration = configuration
        self.upstream = upstream
        self.cached = {}  # (servers, name, type): (UpstreamAnswer, when)
        self.hashed = {}  # address: (name, until when)
        self.now_s = 0

    def ask(self, now_s, client, name, rrtype, recursion_desired):
        """The reply to a question. now_s: seconds since 1970, never less than before."""
        self.now_s = now_s
        reply = Reply()
        q = Question(self.configuration.nets_of(client), name, rrtype, recursion_desired, reply)
        reply.recursion_available = any(q.is_for_client(rule) for rule in self.rules_of("fwd"))
        while self.consult(q) is FOLLOW_ALIAS:
            q.aliases += 1
            if q.aliases > ALIASES_MAX:  # a circle, in all likelihood
                reply.rcode = SERVFAIL
                break
        if q.aliases and reply.rcode == REFUSED:
            reply.rcode = NOERROR  # the alias is an answer: where it leads is the client's to find out
        if reply.rcode == SERVFAIL:
            reply.answers, reply.soa, reply.referral = [], None, []
        if reply.rcode in (SERVFAIL, REFUSED):
            reply.authoritative = False
        return reply

    def consult(self, q):
        """Goes through the rules in file order. A rule counts if it is for this client and its domain matches the name.
        Its source answers, or passes to the next rule. A rule whose source never passes decides what becomes of the name:
        if it does not answer after all, the name is left to those who own it as an apex. No rule answers: REFUSED."""
        for rule in self.configuration.rules:
            apex = rule.domain.apex(q.name) if rule.domain and q.is_for_client(rule) else None
            if apex is None:
                continue
            verdict = SOURCES[rule.source](self, q, rule, apex)
            if verdict is not PASS:
                return verdict
            if rule.source in DECIDING:
                break
        if self.is_own_apex(q):
            return self.answer_for_apex(q, q.name)
        q.reply.rcode = REFUSED
        return ANSWERED

    def rules_of(self, *sources):
        return [rule for rule in self.configuration.rules if rule.source in sources]

    def is_own_apex(self, q, name=None):
        """A rule of static, hash, otip or otip2 for `.a.b` has the apex `a.b`, for the clients that it serves. If no rule matches
        the apex we answer for it, so that a delegation to this server is not lame."""
        name = name or q.name
        owners = self.rules_of("static", "hash", "otip", "otip2")
        return name != "." and any(rule.domain == Below(name) and q.is_for_client(rule) for rule in owners)

    def stands_at_apex(self, q, rule, apex):
        """The rule matches the name and the name is an apex of ours. A rule that names one name alone stands at an apex only
        if another rule has its apex there."""
        return q.name == apex and (not isinstance(rule.domain, OneName) or self.is_own_apex(q))

    def answer_for_apex(self, q, apex):
        """SOA and NS; other types have no data. NS are the static ones, else `option nsname`: a name is never invented."""
        q.ours()
        ns = self.configuration.rrset(q.name, "NS")
        nsname = self.configuration.nsname
        if q.type == "SOA":
            q.reply.answers.append(self.soa(q.name, None))
        elif q.type == "NS" and ns:
            q.reply.answers += ns
        elif q.type == "NS" and nsname:
            q.add("NS", STATIC_TTL, with_final_dot(nsname))
        else:
            return self.deny(q, NOERROR, apex)
        return ANSWERED

    def soa(self, apex, believe_s):
        """The SOA of an apex: the static one, else one of our making. believe_s: how long a "no" may be believed. A static SOA
        says itself how long, by its TTL and its minimum (RFC 2308 s3), but it is not more than a source knows. None: the SOA is
        what was asked for."""
        found = self.configuration.rrset(apex, "SOA")
        if found and believe_s is None:
            return found[0]
        if found:
            limits = [found[0].ttl, int(found[0].rdata.split()[-1])]
            limits += [believe_s] if believe_s != NEGATIVE_TTL else []
            return dataclasses.replace(found[0], ttl=min(limits))
        ns = self.configuration.rrset(apex, "NS")
        primary = ns[0].rdata if ns else with_final_dot(self.configuration.nsname or apex)
        ttl = believe_s or NEGATIVE_TTL
        mailbox = with_final_dot(from_labels(["hostmaster", *labels(apex)]))
        return Record(apex, "SOA", ttl, f"{primary} {mailbox} 1 3600 900 604800 {ttl}")

    def deny(self, q, rcode, apex, believe_s=NEGATIVE_TTL):
        """No such name (NXDOMAIN), or no record of that type (NOERROR), with the SOA of the rule's apex."""
        q.reply.rcode = rcode
        q.reply.soa = self.soa(apex, believe_s)
        return ANSWERED

    def give(self, q, answer):
        q.reply.rcode = answer.rcode
        q.reply.answers += answer.answers
        q.reply.soa = answer.soa
        return ANSWERED


# --- Sources. Each takes the server, the question, the rule and the apex of the rule's domain above the name; it fills the
# reply, or passes.


def error(server, q, rule, apex):
    """REFUSED, or NXDOMAIN if the last word says so, or by default for the names of a list. Never passes."""
    if rule.rcode == NXDOMAIN:
        return server.deny(q, NXDOMAIN, apex)
    q.reply.rcode = REFUSED
    return ANSWERED


def static(server, q, rule, apex):
    """The static records, with authority, as the zone of the rule's domain. An alias is an answer and is followed. A name with
    other types, or with names below it only: no data. No such name: NXDOMAIN. An apex has SOA and NS beside its records. Never
    passes."""
    configuration = server.configuration
    for above in reversed(suffixes(q.name, apex)):
        if above != apex and configuration.is_cut(above) and not server.is_own_apex(q, above):
            q.reply.referral = configuration.rrset(above, "NS")
            return ANSWERED
        if above != q.name and configuration.rrset(above, "DNAME"):
            return redirect(q, configuration.rrset(above, "DNAME")[0])
    q.ours()
    source = configuration.source_of_records(q.name, apex)
    found = configuration.rrset(source, q.type)
    if found:
        q.add_all(found)
        return ANSWERED
    alias = configuration.rrset(source, "CNAME")
    if alias:
        q.add_all(alias)
        q.name = alias[0].rdata.rstrip(".") or "."
        return FOLLOW_ALIAS
    if server.stands_at_apex(q, rule, apex):
        return server.answer_for_apex(q, apex)
    zone = next((above for above in suffixes(q.name, apex) if configuration.rrset(above, "SOA")), apex)
    return server.deny(q, NOERROR if source else NXDOMAIN, zone)


def redirect(q, dname):
    """What lies below a DNAME lies below its target (RFC 6672): an alias is made that says so."""
    q.ours()
    if dname not in q.reply.answers:
        q.reply.answers.append(dname)
    kept = labels(q.name)[: -len(labels(dname.name))]
    target = from_labels(kept + labels(dname.rdata.rstrip(".") or "."))
    q.add("CNAME", dname.ttl, with_final_dot(target))
    if q.type == "CNAME":
        return ANSWERED
    q.name = target
    return FOLLOW_ALIAS


def hashed_address(base, name, password=b"", epoch=b""):
    """The base, its second half mixed with MD5 of name, password and number of the epoch, its bits 6 and 7 cleared."""
    address = bytearray(ipaddress.ip_address(base).packed)
    digest = hashlib.md5(name.encode() + password + epoch).digest()
    for i in range(8):
        address[8 + i] ^= digest[i]
    address[8] &= 0xFC
    return str(ipaddress.ip_address(bytes(address)))


def hash_(server, q, rule, apex):
    """AAAA from the base and the name; other types have no data. Every name exists but the root, which has no text to hash:
    it is an apex. An answer teaches hrev rules, if there are any, the name of its address. Never passes."""
    if q.name == ".":
        return server.answer_for_apex(q, ".")
    q.ours()
    if q.type != "AAAA":
        return server.deny(q, NOERROR, apex)
    address = hashed_address(rule.base, q.name)
    q.add("AAAA", HASH_TTL, address)
    if server.rules_of("hrev"):
        server.hashed[address] = q.name, server.now_s + HASH_TTL
    return ANSWERED


def otip(server, q, rule, apex):
    """AAAA of the current epoch, from the base, the name and the password; the TTL, also of a "no", are the seconds until it
    ends. Never passes."""
    if q.name == ".":
        return server.answer_for_apex(q, ".")
    q.ours()
    epoch, gone_s = divmod(server.now_s, OTIP_PERIOD_S)
    left_s = OTIP_PERIOD_S - gone_s
    if q.type != "AAAA":
        return server.deny(q, NOERROR, apex, left_s)
    q.add("AAAA", left_s, hashed_address(rule.base, q.name, rule.password.encode(), epoch.to_bytes(4, "big")))
    return ANSWERED


def otip2(server, q, rule, apex):
    """As otip, but for the address: it comes from the prefix of the base, the name and a key, be it that of a user."""
    if q.name == ".":
        return server.answer_for_apex(q, ".")
    q.ours()
    epoch, gone_s = divmod(server.now_s, OTIP_PERIOD_S)
    left_s = OTIP_PERIOD_S - gone_s
    if q.type != "AAAA":
        return server.deny(q, NOERROR, apex, left_s)
    key = second.user_key(OTIP_KEY, rule.user) if rule.user else OTIP_KEY
    base, _, length = rule.base.partition("/")
    q.add("AAAA", left_s, second.address(key, q.name, base, int(length or 64), OTIP_PERIOD_S, epoch))
    return ANSWERED


def hrev(server, q, rule, apex):
    """PTR of a hashed address whose name is known: one that somebody asked for within hashttl. Other whole addresses:
    NXDOMAIN, to be believed for a short time. Other types, and names of prefixes: no data. Never passes."""
    q.ours()
    if server.stands_at_apex(q, rule, apex):
        return server.answer_for_apex(q, apex)
    network = reversed_network(q.name)
    if not network:
        return server.deny(q, NXDOMAIN, apex)
    if network.num_addresses > 1 or q.type != "PTR":
        return server.deny(q, NOERROR, apex)
    name, until_s = server.hashed.get(str(network.network_address), (None, 0))
    if server.now_s >= until_s:
        return server.deny(q, NXDOMAIN, apex, UNKNOWN_PTR_TTL)
    q.add("PTR", HASH_TTL, with_final_dot(name))
    return ANSWERED


LOCAL_TLDS = {"localhost", "invalid", "test", "local", "onion", "alt"}
LOCAL_PREFIXES = [
    ipaddress.ip_network(prefix)
    for prefix in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.168.0.0/16 "
        "198.51.100.0/24 203.0.113.0/24 255.255.255.255/32 ::/128 ::1/128 2001:db8::/32 fd00::/8 fe80::/10"
    ).split()
]


def local_zone(name):
    """The zone of local meaning in which the name lies (RFC 6303, RFC 6761), or None."""
    if labels(name)[-1:] and labels(name)[-1] in LOCAL_TLDS:
        return labels(name)[-1]
    if name == "home.arpa" or is_below(name, "home.arpa"):
        return "home.arpa"
    apexes = [reverse_apex(name, prefix) for prefix in LOCAL_PREFIXES]
    return next((apex for apex in apexes if apex), None)


def zone_not_to_forward(name, apex):
    """Names of local meaning do not leave, unless the rule's own domain lies in that zone. The zone, or None."""
    zone = local_zone(name)
    return zone if zone and len(labels(apex)) < len(labels(zone)) else None


def fwd(server, q, rule, apex):
    """What upstream says, if recursion is desired: from the rule's servers, else from those of the `dns` lines. Names of
    local meaning do not exist there; but if one is an apex of ours, that decides. Nobody answers: SERVFAIL."""
    zone = zone_not_to_forward(q.name, apex)
    if zone and server.is_own_apex(q):
        return PASS
    if not q.recursion_desired:
        q.reply.rcode = REFUSED
        return ANSWERED
    if zone:
        return server.deny(q, NXDOMAIN, zone)
    key = rule.servers or server.configuration.servers, q.name, q.type
    q.reply.forwarded.append(key[1:] + key[:1])
    answer = server.upstream(*key)
    if answer is None:
        q.reply.rcode = SERVFAIL
        return ANSWERED
    if answer.ttl() > 0:
        server.cached[key] = answer, server.now_s
    return server.give(q, answer)


def cache(server, q, rule, apex):
    """What earlier forwarded answers left, their TTLs counted down. A client sees only what its own fwd rule for the name
    would ask for now. An alias leads here only if recursion is desired. Passes if there is nothing."""
    if q.aliases and not q.recursion_desired:
        return PASS
    deciding = [rule for rule in server.rules_of(*DECIDING) if q.is_for_client(rule) and rule.domain.apex(q.name)]
    if not deciding or deciding[0].source != "fwd":
        return PASS
    if zone_not_to_forward(q.name, deciding[0].domain.apex(q.name)):
        return PASS
    key = deciding[0].servers or server.configuration.servers, q.name, q.type
    answer, since_s = server.cached.get(key, (None, 0))
    age_s = server.now_s - since_s
    if answer is None or age_s >= answer.ttl():
        return PASS
    return server.give(q, answer.aged(age_s))


def accept(server, q, rule, apex):
    """Not about names: whose TCP connections are taken."""
    return PASS


SOURCES = {
    "error": error,
    "static": static,
    "hash": hash_,
    "otip": otip,
    "otip2": otip2,
    "hrev": hrev,
    "fwd": fwd,
    "cache": cache,
    "accept": accept,
}
DECIDING = {"error", "static", "hash", "otip", "otip2", "hrev", "fwd"}  # sources that leave nothing to the rules behind theirs
