# SPDX-License-Identifier: LGPL-2.1-or-later
"""getaddrinfo and getnameinfo of libiothdns, compared with those of the C library: entry by entry and in order.

`addrinfo_cases` runs a list of cases by the one and by the other, in the same namespace, with the same files in /etc
(mounted for the two alone) and the same name server. Where the two differ on purpose stands in DIFFERENCES, each with its
reason; iothdns_getaddrinfo(3) has the same list in words.
"""

import itertools
import random
import re
import subprocess

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

import manual
import questions
import upstream
import world as w

PROGRAM = w.RELEASE / "tests/net/addrinfo_cases"
SERVER = "127.0.0.53"

AI_PASSIVE, AI_CANONNAME, AI_NUMERICHOST, AI_V4MAPPED, AI_ALL, AI_ADDRCONFIG = 1, 2, 4, 8, 0x10, 0x20
AI_NUMERICSERV = 0x400
NI_NUMERICHOST, NI_NUMERICSERV, NI_NOFQDN, NI_NAMEREQD, NI_DGRAM = 1, 2, 4, 8, 16
FAMILIES = {"any": 0, "v4": 2, "v6": 10}

# Cases that differ (a pattern of them), one that does in every environment, and the reason.
DIFFERENCES = [
    (
        r"a 192\.0\.2\.1 (6553[6-9]|[67]\d{4}|\+\d+|\\x20\d+|-1) ",
        "a 192.0.2.1 65536 0 0 1 0",
        "a port is decimal digits up to 65535; the C library takes blanks, signs, and larger numbers modulo 65536",
    ),
    (
        r"a (localhost\.|some\.localhost) ",
        "a some.localhost - 0 0 1 0",
        "localhost and what is below it are never asked of a server, whatever the hosts file says (RFC 6761 s6.3)",
    ),
    (
        r"a servfail-a+\.test - \S+ 0 ",
        "a servfail-aaaa.test - 0 0 1 0",
        "no addresses of one family and a failure for the other is EAI_AGAIN: there may be some. The C library: EAI_NODATA",
    ),
    (
        r"a formerr\.test ",
        "a formerr.test - 0 0 1 0",
        "FORMERR is a failure of the server like any other, EAI_AGAIN; the C library says EAI_NONAME",
    ),
    (
        r"a (nodataalias|badalias)\.test ",
        "a nodataalias.test - 0 0 1 0",
        "an alias of a name without addresses is EAI_NODATA in all cases; the C library says EAI_NONAME in some",
    ),
    (
        r"a -dash\.test ",
        "a -dash.test - 2 10 1 0",
        "a name that is no host's is not asked for: EAI_NONAME in all cases; the C library says EAI_NODATA in some",
    ),
    (
        r"a mapped - 0x(8|2a) (0|10) ",
        "a mapped - 0x8 10 1 0",
        "an IPv4-mapped address in the hosts file is one with AI_V4MAPPED too; the C library drops it then",
    ),
    (
        r"n 192\.0\.2\.5 ",
        "n 192.0.2.5 0 80 0 100 100",
        "of several PTR records the first that is a host's name counts; the C library takes none if the first is not",
    ),
    (
        r"n \S+ \S+ \S+ 0x100 ",
        "n 192.0.2.1 0 80 0x100 100 100",
        "NI_NUMERICSCOPE of POSIX, which the C library does not know",
    ),
    (
        r"n ::192\.0\.2\.1 ",
        "n ::192.0.2.1 0 80 0 100 100",
        "an IPv4-compatible address (deprecated, RFC 4291 s2.5.5.1) has no name of the IPv4 address",
    ),
]


def is_expected(case):
    return any(re.match(pattern, case) for pattern, _, _ in DIFFERENCES)


# The policy of RFC 6724 s2.1 as a file, since the tables built into the C library are those of RFC 3484.
GAI_CONF = "".join(
    f"precedence {prefix} {precedence}\nlabel {prefix} {label}\n"
    for prefix, precedence, label in [
        ("::1/128", 50, 0),
        ("::/0", 40, 1),
        ("::ffff:0:0/96", 35, 4),
        ("2002::/16", 30, 2),
        ("2001::/32", 5, 5),
        ("fc00::/7", 3, 13),
        ("::/96", 1, 3),
        ("fec0::/10", 1, 11),
        ("3ffe::/16", 1, 12),
    ]
)

# What the name server knows: owner, type, data.
ZONE = r"""
v4.test. A 192.0.2.1
v6.test. AAAA 2001:db8:9::1
both.test. A 192.0.2.1
both.test. AAAA 2001:db8:9::1
several.test. A 192.0.2.3
several.test. A 192.0.2.2
several.test. A 192.0.2.3
several.test. AAAA 2001:db8:9::3
several.test. AAAA 2001:db8:9::2
alias.test. CNAME both.test.
alias2.test. CNAME alias.test.
aliasv4.test. CNAME v4.test.
dangling.test. CNAME none.test.
nodataalias.test. CNAME text.test.
text.test. TXT "neither"
under_score.test. A 192.0.2.67
-dash.test. A 192.0.2.68
badalias.test. CNAME bad\032name.test.
bad\032name.test. A 192.0.2.66
*.wild.test. A 192.0.2.20
*.wild.test. AAAA 2001:db8:9::20
one.s1.test. A 192.0.2.11
one.s2.test. AAAA 2001:db8:9::12
two.s2.test. A 192.0.2.13
three.s1.test. TXT "nothing in the first"
three.s2.test. AAAA 2001:db8:9::14
www.sub.s1.test. A 192.0.2.15
v4.test.s1.test. A 192.0.2.99
four.s1.test. TXT "nothing"
1.2.0.192.in-addr.arpa. PTR v4.test.
2.2.0.192.in-addr.arpa. PTR first.test.
2.2.0.192.in-addr.arpa. PTR second.test.
3.2.0.192.in-addr.arpa. CNAME 3.0/25.2.0.192.in-addr.arpa.
3.0/25.2.0.192.in-addr.arpa. PTR classless.test.
4.2.0.192.in-addr.arpa. PTR bad\032name\010\027.test.
5.2.0.192.in-addr.arpa. PTR bad\032name.test.
5.2.0.192.in-addr.arpa. PTR good.test.
6.2.0.192.in-addr.arpa. PTR under_score.test.
7.2.0.192.in-addr.arpa. TXT "no pointer"
9.2.0.192.in-addr.arpa. PTR here.s1.test.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR v6.test.
"""

HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
10.9.0.1 h1 Alpha
2001:db8:7::1 h1
10.9.0.2 h2.example h2 # comment h3
10.9.0.3 multi
10.9.0.4 multi m2
10.9.0.3 m3 multi
2001:db8:7::3 multi
2001:db8:7::2 MULTI
2001:db8:7::5 onlyv6.example onlyv6
::1 loop6
::ffff:10.9.0.9 mapped
10.9.0 short
fe80::1%lo scoped
10.9.0.6 v4.test
10.9.0.7 two
10.9.0.8 dotted.
0.0.0.0 blocked.test
"""

SERVICES = """\
tcpmux 1/tcp # comment
domain 53/tcp
domain 53/udp
http 80/tcp www
snmp 161/udp
sip 5060/tcp
sip 5060/udp
sip 5060/sctp
odd 7/dccp
other 8080/tcp www
"""

# Addresses from which names with several are made by chance: of each kind that the rules tell apart.
KINDS = [
    "10.1.0.9", "10.1.0.3", "10.1.255.1", "192.168.7.9", "192.0.2.1", "198.51.100.1", "169.254.1.9", "127.0.0.5",
    "2001:db8:1::9", "2001:db8:1::3", "2001:db8:2::9", "2001:db8:9::1", "2001:db8:1:8000::1", "2001:db9::1",
    "fd00:1::9", "fd00:2::9", "2002:c000:201::1", "2001::1", "3ffe::1", "fec0::1", "::1", "fe80::9", "ff02::1",
]  # fmt: skip
CHANCE_NAMES = 40


def names_by_chance():
    """Name -> addresses, the same in each run."""
    chance = random.Random(6724)
    return {f"mix{n}": chance.sample(KINDS, chance.randint(2, 8)) for n in range(CHANCE_NAMES)}


MIXED = names_by_chance()


def zone_lines():
    lines = [line.split(None, 2) for line in ZONE.strip().splitlines()]
    for name, addresses in MIXED.items():
        lines += [[f"{name}.test.", "AAAA" if ":" in address else "A", address] for address in addresses]
    return lines


def read_zone():
    zone = {}
    for name, rdtype, data in zone_lines():
        records = zone.setdefault(dns.name.from_text(name), {})
        records.setdefault(dns.rdatatype.from_text(rdtype), []).append(data)
    return zone


RECORDS = read_zone()


def find(name):
    """The records of a name, by wildcard if need be; None: there is no such name."""
    if name in RECORDS:
        return RECORDS[name]
    if any(other.is_subdomain(name) for other in RECORDS):
        return {}
    return RECORDS.get(dns.name.Name((b"*",) + name.labels[1:])) if len(name.labels) > 2 else None


def scripted_error(name, rdtype):
    """The rcode that the labels of a name ask for."""
    words = b".".join(name.labels).decode(errors="replace").split(".")
    rcodes = {"servfail": 2, "refused": 5, "notimp": 4, "formerr": 1}
    rcodes[f"servfail-{dns.rdatatype.to_text(rdtype).lower()}"] = 2
    for word, rcode in rcodes.items():
        if word in words:
            return rcode
    return 0 if any(word.startswith("servfail-") for word in words) else None


def reply_to(question):
    """An answer as of a resolver. Records stay in the order of the zone, as servers that do not rotate give them."""
    reply = dns.message.make_response(question, recursion_available=True)
    rdtype = question.question[0].rdtype
    name = question.question[0].name.canonicalize()
    rcode = scripted_error(name, rdtype)
    if rcode is not None:
        reply.set_rcode(rcode)
        return reply
    for _ in range(8):
        records = find(name)
        if records is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply
        found = rdtype if rdtype in records else dns.rdatatype.CNAME
        for data in dict.fromkeys(records.get(found, [])):  # one RRset each: dnspython shuffles those of several
            reply.answer.append(dns.rrset.from_text(name, 300, "IN", found, data))
        if found == rdtype or found not in records:
            return reply
        name = dns.name.from_text(records[found][0])
    return reply


def answer(server, wire, question, client):
    server.socket.sendto(reply_to(question).to_wire(), client)


# --- where the cases are run ---

LAYOUTS = {
    "full": """
        link eth0
        address add 10.1.0.2/16 dev eth0
        address add 2001:db8:1::2/64 dev eth0 nodad
        address add fd00:1::2/64 dev eth0 nodad
        route add default via 10.1.0.1
        route add default via 2001:db8:1::1
        link eth1
        address add 192.168.7.2/24 dev eth1
        address add 2001:db8:2::2/64 dev eth1 nodad preferred_lft 0
    """,
    "v4": """
        link eth0
        address add 10.1.0.2/16 dev eth0
        route add default via 10.1.0.1
        address flush dev eth0 scope link
    """,
    "v6": """
        link eth0
        address add 2001:db8:1::2/64 dev eth0 nodad
        route add default via 2001:db8:1::1
    """,
    "ula and link-local": """
        link eth0
        address add 169.254.1.2/16 dev eth0
        address add fd00:1::2/64 dev eth0 nodad
        route add default dev eth0
        route add default via fd00:1::1
    """,
    "lo": "",
}

RESOLV = {
    "plain": "",
    "search": "search s1.test s2.test\n",
    "ndots": "search s1.test s2.test\noptions ndots:2\n",
    "options": "domain s2.test\noptions single-request single-request-reopen edns0 rotate trust-ad\n",
    "no-aaaa": "search s1.test\noptions no-aaaa\n",
}


def make_layout(world, namespace, layout):
    far = world.namespace("far")
    for line in LAYOUTS[layout].strip().splitlines():
        words = line.split()
        if words[0] == "link":
            world.link(namespace, words[1], far, words[1])
            if layout == "v4":
                namespace.run("sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{words[1]}/disable_ipv6")
        else:
            namespace.ip(" ".join(words))


class Bench:
    """A namespace with a layout, the files of /etc, and both halves of the comparison."""

    def __init__(self, world, namespace, **files):
        self.namespace = namespace
        self.directory = world.directory
        self.files = {}
        self.write(**{"nsswitch.conf": "hosts: files dns\nservices: files\n", "host.conf": "multi on\n"})
        self.write(**{"hosts": HOSTS, "services": SERVICES, "gai.conf": GAI_CONF, "resolv.conf": ""})
        self.write(**files)

    def write(self, **files):
        for name, text in files.items():
            path = self.directory / f"{self.namespace.name}-{name}"
            path.write_text(text)
            self.files[name] = path

    def command(self, *argv, text=""):
        """Runs a program that sees the files, with that text as its input."""
        mounts = "".join(f"mount --bind {path} $(readlink -f /etc/{name}) && " for name, path in self.files.items())
        command = self.namespace.command("unshare", "--mount", "sh", "-c", mounts + 'exec "$@"', "sh", *argv)
        environment = w.sanitizer_environment()
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, env=environment)

    def run(self, cases, *arguments):
        """The lines that the cases give."""
        result = self.command(str(PROGRAM), *arguments, text="".join(f"{case}\n" for case in cases))
        assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stderr}"
        lines = result.stdout.splitlines()
        assert len(lines) == len(cases)
        return lines

    def compare(self, cases):
        """Both halves give the same line for each case, but where DIFFERENCES has a reason. Returns the cases that differ."""
        cases = list(dict.fromkeys(cases))
        libc, ours = self.run(cases, "libc"), self.run(cases, "iothdns")
        different = {case: (theirs, own) for case, theirs, own in zip(cases, libc, ours) if theirs != own}
        wrong = {case: lines for case, lines in different.items() if not is_expected(case)}
        assert not wrong, describe(wrong, len(cases))
        return different


def describe(wrong, count):
    """Cases with the two lines that they gave."""
    texts = [f"{case}\n    libc {theirs}\n    ours {own}" for case, (theirs, own) in wrong.items()]
    return f"{len(wrong)} of {count}:\n" + "\n".join(texts)


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request, shared_world):
    """A namespace for each layout, with the name server in it."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    namespace = shared_world.namespace("node")
    make_layout(shared_world, namespace, request.param)
    with upstream.ScriptedUpstream(namespace, SERVER, udp=answer):
        bench = Bench(shared_world, namespace)
        bench.layout = request.param
        yield bench


def configure(bench, resolv="plain", **files):
    text = f"nameserver {SERVER}\noptions timeout:2 attempts:2\n" + RESOLV[resolv]
    bench.write(**{"resolv.conf": text, "hosts": HOSTS, "gai.conf": GAI_CONF, **files})


# --- the cases ---

NODES = """v4.test v6.test both.test several.test alias.test ALIAS2.Test dangling.test nodataalias.test text.test none.test
    servfail.test a.wild.test under_score.test -dash.test one two three four one. www.sub v4.test. nowhere.
    h1 H1 h1. alpha h2 h2.example multi Multi onlyv6 loop6 mapped short scoped m2 m3 blocked.test localhost LOCALHOST""".split()
NODE_FLAGS = [
    0, AI_CANONNAME, AI_V4MAPPED, AI_V4MAPPED | AI_ALL, AI_ADDRCONFIG, AI_V4MAPPED | AI_ADDRCONFIG | AI_CANONNAME, AI_ALL
]  # fmt: skip


def node_cases():
    for node, flags, family in itertools.product(NODES, NODE_FLAGS, FAMILIES.values()):
        yield f"a {node} - {flags:#x} {family} 1 0"


def order_cases():
    for name, family in itertools.product(MIXED, FAMILIES.values()):
        yield f"a {name}.test - 0 {family} 1 0"
        yield f"a {name} 80 {AI_CANONNAME} {family} 0 0"
        if family == FAMILIES["v6"]:
            yield f"a {name}.test - {AI_V4MAPPED | AI_ALL} {family} 1 0"


def address_cases():
    texts = r"""127.1 0x7f.1 010.1 1.2.3.4 1.2.3.4\x20 1.2.3.4x 1.2.3.256 4294967295 4294967296 1.2.3.4. 0 ::1 :: ::1. 1::2::3
        ::ffff:1.2.3.4 ::ffff:1.2.3.4%3 ::1.2.3.4 fe80::1 fe80::1%lo fe80::1%1 fe80::1%7 fe80::1%nope fe80::1% ff02::1%lo
        2001:db8::1%lo 2001:db8::1%1 2001:db8::1%4294967295 2001:db8::1%4294967296 1.2.3.4%1 ::1%x [::1] 1.2.3.4/8
        \x00 . .. a..b .a * a.b.c.d.e.f.""".split()
    texts.append("a" * 64 + ".test")
    texts.append(".".join(["a" * 60] * 5))
    for text, family in itertools.product(texts, FAMILIES.values()):
        for flags in (0, AI_CANONNAME, AI_NUMERICHOST, AI_V4MAPPED | AI_NUMERICHOST):
            yield f"a {text} - {flags:#x} {family} 1 0"
    yield from (f"a {text} 80 null 0 0 0" for text in ("1.2.3.4", "::1", "both.test", "h1", "localhost"))
    yield "a name.test - 4 0 1 0"


def service_cases():
    services = r"- \x00 0 7 80 080 65535 http www HTTP domain snmp sip odd tcpmux nosuch -1 0x50 * 9999999999x".split()
    kinds = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (10, 0), (99, 0), (0, 6), (0, 17), (0, 132), (0, 136)]
    kinds += [(0, 33), (0, 89), (3, 89), (1, 17), (2, 6), (1, 132), (5, 132), (2, 136), (3, 6)]
    for service, (socktype, protocol) in itertools.product(services, kinds):
        yield f"a 192.0.2.1 {service} 0 0 {socktype} {protocol}"
        yield f"a 192.0.2.1 {service} {AI_NUMERICSERV:#x} 0 {socktype} {protocol}"
    yield from (f"a 192.0.2.1 {service} 0 0 1 0" for service in ("65536", "70000", "+80", r"\x2080"))


def frame_cases():
    """Nodes and services that are not there, and flags and families that are none."""
    for node, service, flags, family in itertools.product(
        ["-", "both.test", "::1", "127.0.0.1"], ["-", "80", r"\x00", "http"], [0, 1, 2, 3, 4, 0x20, 0x21], [0, 2, 10, 1, 3, 77]
    ):
        yield f"a {node} {service} {flags} {family} 1 0"
        yield f"a {node} {service} {flags} {family} 0 0"
    yield from (f"a both.test - {flags:#x} 0 1 0" for flags in (0x10000, 0x800, 0x100, 0x200, 0x40, 0x80, 0x1000))
    yield "a none.test nosuch 0 0 0 0"


def name_cases():
    addresses = """192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9 2001:db8:9::1 2001:db8:9::2
        ::1 127.0.0.1 10.9.0.1 10.9.0.3 2001:db8:7::1 10.9.0.9 ::ffff:10.9.0.9 ::ffff:192.0.2.1 0.0.0.0 fe80::5""".split()
    for address, flags in itertools.product(addresses, (0, NI_NUMERICHOST, NI_NAMEREQD, NI_NUMERICHOST | NI_NAMEREQD, NI_NOFQDN)):
        yield f"n {address} 0 80 {flags} 100 100"
    for size in (1, 7, 8, 9, 10):
        yield f"n 192.0.2.1 0 80 0 {size} 100"
        yield f"n 192.0.2.1 0 80 {NI_NUMERICHOST} {size} 100"
    for port, flags, size in itertools.product((0, 53, 80, 161, 8080, 5060, 65535), (0, NI_DGRAM, NI_NUMERICSERV), (0, 3, 5, 100)):
        yield f"n 192.0.2.1 0 {port} {flags} 0 {size}"
    for address, scope in itertools.product(("fe80::1", "ff02::1", "2001:db8::1", "::1"), (0, 1, 99, 4294967295)):
        yield from (f"n {address} {scope} 80 {NI_NUMERICHOST} {size} 100" for size in (10, 12, 100))
    for flags, host, service in itertools.product((0, 1, 8, 9, 16), (0, 5, 100), (0, 3, 100)):
        yield f"n /tmp/socket 0 0 {flags} {host} {service}"
    yield from (f"n 192.0.2.1 0 80 {flags:#x} 100 100" for flags in (0x20, 0x40, 0x80, 0x200))


# --- the comparison ---


@pytest.mark.parametrize("resolv", RESOLV)
def test_nodes(layout, resolv):
    configure(layout, resolv)
    layout.compare(node_cases())


def test_order(layout):
    configure(layout, "plain")
    layout.compare(order_cases())


def test_order_of_a_hosts_file(layout):
    lines = [f"{address} {name}" for name, addresses in MIXED.items() for address in addresses]
    configure(layout, "plain", hosts="\n".join(lines))
    layout.compare(order_cases())


def test_addresses_services_and_frames(layout):
    configure(layout, "search")
    layout.compare([*address_cases(), *service_cases(), *frame_cases()])


def test_names_of_addresses(layout):
    configure(layout, "search")
    layout.compare(name_cases())


def test_errors_of_servers(layout):
    configure(layout, "search")
    nodes = """refused.test notimp.test servfail-a.test servfail-aaaa.test servfail x.servfail badalias.test formerr.test""".split()
    layout.compare(f"a {node} - {flags} {family} 1 0" for node in nodes for flags in (0, 8) for family in (0, 2, 10))


def test_the_list_of_differences_is_not_stale(layout):
    configure(layout, "plain")
    cases = [case for _, case, _ in DIFFERENCES]
    assert layout.compare(cases).keys() == set(cases)


# --- other policies, other servers, other stacks ---

def test_built_in_policy(layout):
    """Without gai.conf the C library has the tables of RFC 3484, libiothdns those of RFC 6724: they differ in what is older
    than the latter (3ffe::/16, fec0::/10), in Teredo and unique local addresses, and in IPv4 against 6to4; nowhere else."""
    configure(layout, "plain", **{"gai.conf": "# nothing\n"})
    usual = {"10", "192", "198", "2001:db8", "2001:db9", "::1", "fe80", "ff02", "127", "169"}
    cases = []
    for name, addresses in MIXED.items():
        kinds = {kind for address in addresses for kind in usual if address.startswith(kind)}
        if all(any(address.startswith(kind) for kind in usual) for address in addresses) and kinds:
            cases += [f"a {name}.test - {AI_CANONNAME} {family} 1 0" for family in FAMILIES.values()]
    cases += [f"a {name} - {flags} {family} 1 0" for name in ("both.test", "h1", "multi", "localhost")
              for flags in (0, AI_CANONNAME, AI_ADDRCONFIG) for family in FAMILIES.values()]  # fmt: skip
    assert len(cases) > 40
    layout.compare(cases)


POLICIES = {
    "IPv4 first": GAI_CONF.replace("::ffff:0:0/96 35", "::ffff:0:0/96 100"),
    "scopes": GAI_CONF + "scopev4 ::ffff:169.254.0.0/112 2\nscopev4 ::ffff:10.0.0.0/104 5\nscopev4 ::ffff:0:0/96 14\n",
    "short scopes": GAI_CONF + "scopev4 127.0.0.0/8 2\nscopev4 192.168.0.0/16 5\n",
    "no last resort": "label 2001:db8::/32 7\nlabel ::ffff:0:0/96 4\nprecedence 2001:db8:1::/48 45\nprecedence ::ffff:0:0/96 35\n",
    "odd lines": GAI_CONF + "# label ::/0 9\nlabel\nlabel ::/0 x\nprecedence ::/129 1\nreload yes\nnonsense 1 2\nlabel fd00:1::9 3\n",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_of_files(world, policy):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    namespace = world.namespace("node")
    make_layout(world, namespace, "full")
    bench = Bench(world, namespace)
    lines = [f"{address} {name}" for name, addresses in MIXED.items() for address in addresses]
    configure(bench, "plain", hosts="\n".join(lines), **{"gai.conf": POLICIES[policy]})
    with upstream.ScriptedUpstream(namespace, SERVER, udp=answer):
        bench.compare(f"a {name} - 0 {family} 1 0" for name in MIXED for family in FAMILIES.values())


IOTHNAMED = f"""\
option listen {SERVER}
net all 0.0.0.0/0
net all ::/0
auth zone all test ZONE
"""
# iothnamed gives the records of a set in turns, so names with several that no rule tells apart are left out here.
TURNS = {"several.test", "badalias.test"}


def test_against_iothnamed(world):
    """The same by a real server from a zone file, with wildcards, aliases, and no answers."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    namespace = world.namespace("node")
    make_layout(world, namespace, "full")
    records = {line.replace(" ", " 300 ", 1) for line in ZONE.strip().splitlines() if line.split()[0].endswith("test.")}
    zone = world.directory / "test.zone"
    zone.write_text("$TTL 300\n@ SOA ns hostmaster 1 7200 3600 86400 30\n@ NS ns\nns A 192.0.2.53\n" + "\n".join(sorted(records)) + "\n")
    daemon = world.iothnamed(namespace, IOTHNAMED.replace("ZONE", str(zone)), w.RELEASE)
    daemon.wait_until(lambda: questions.answers(namespace, "v4.test", server=SERVER), "iothnamed answers")
    bench = Bench(world, namespace)
    for resolv in ("plain", "search", "no-aaaa"):
        configure(bench, resolv)
        bench.compare(case for case in node_cases() if case.split()[1] not in TURNS)


def test_servers_out_of_reach(world):
    """No route to them, nobody at their port, no such interface: EAI_AGAIN, and what the hosts file knows is known."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    bench = Bench(world, world.namespace("node"))
    cases = ["a both.test - 0 0 1 0", "a both.test - 8 10 1 0", "a h1 - 0 0 1 0", "n 192.0.2.1 0 80 0 100 100"]
    for server in ("198.51.100.77", "2001:db8:77::53", "127.0.0.99", "fe80::53%nope"):
        bench.write(**{"resolv.conf": f"nameserver {server}\noptions timeout:1 attempts:1\n"})
        bench.compare(cases)
    assert bench.run(cases, "iothdns") == ["EAI_AGAIN", "EAI_AGAIN", bench.run(["a h1 - 0 0 1 0"], "libc")[0], "EAI_AGAIN"]


HUB_SERVER = "10.1.0.53"
STACK_ADDRESSES = ["10.1.0.2/16", "2001:db8:1::2/64", "fd00:1::2/64"]
STACK_GATEWAYS = ["10.1.0.1", "2001:db8:1::1"]


@pytest.fixture
def hub(world):
    """A hub with a name server on it, and a node of the kernel's stack, with the addresses of the stacks to come."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    world.hub()
    server = world.vde_client("server", [f"{HUB_SERVER}/16"])
    node = world.vde_client("node", STACK_ADDRESSES)
    for gateway in STACK_GATEWAYS:
        node.ip(f"route add default via {gateway} dev vde0")
    with upstream.ScriptedUpstream(server, HUB_SERVER, udp=answer):
        yield Bench(world, node)


# What a stack reaches otherwise than the kernel does, so that another order is right there. lwip sends to link-local
# addresses without a scope by its one interface, and to a foreign unique local address from a global one of its own.
REACHED_OTHERWISE = {"vdestack": set(), "lwip": {"fe80::9", "ff02::1", "fd00:2::9"}}


@pytest.mark.parametrize("stack", REACHED_OTHERWISE)
def test_on_other_stacks(hub, stack):
    """Our half on a stack of the program's own, the C library's on the kernel's with the same addresses."""
    text = f"nameserver {HUB_SERVER}\noptions timeout:2 attempts:2\nsearch s1.test s2.test\n"
    hub.write(**{"resolv.conf": text})
    scopes = [f"a {address} - 0 0 1 0" for address in ("fe80::1%vde0", "fe80::1%nope", "ff02::1%vde0", "2001:db8::1%vde0")]
    orders = [case for case in order_cases()
              if REACHED_OTHERWISE[stack].isdisjoint(MIXED[case.split()[1].removesuffix(".test")])]  # fmt: skip
    assert len(orders) > 100
    cases = [*node_cases(), *orders, *name_cases(), *scopes]
    cases = [case for case in dict.fromkeys(cases) if not is_expected(case)]
    # The address of the C library's node is in use; ours has the next one.
    options = [f"ip={address.replace('2/', '3/')}" for address in STACK_ADDRESSES]
    options += [f"gw={gateway}" for gateway in STACK_GATEWAYS]
    libc = hub.run(cases, "libc")
    ours = hub.run(cases, "iothdns", ",".join([f"stack={stack},vnl={w.HUB},eth,mac=80:00:aa:bb:cc:0{len(stack)}", *options]))
    wrong = {case: (theirs, own) for case, theirs, own in zip(cases, libc, ours) if theirs != own}
    assert not wrong, describe(wrong, len(cases))


@pytest.mark.parametrize("stack", ["vdestack", "lwip"])
def test_example_of_the_manual_page(hub, world, stack):
    """It compiles without a warning and connects, by a name of the hosts file, to a server on the hub."""
    program = manual.program("iothdns_getaddrinfo.3", world.directory)
    hub.write(**{"resolv.conf": f"nameserver {HUB_SERVER}\n", "hosts": f"{HUB_SERVER} server.example server\n"})
    result = hub.command(str(program), f"stack={stack},vnl={w.HUB},eth,ip=10.1.0.3/16", "server", "domain")
    assert (result.returncode, result.stdout) == (0, "connected to server.example, domain\n"), result.stderr
