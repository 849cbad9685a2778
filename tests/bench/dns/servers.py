# SPDX-License-Identifier: LGPL-2.1-or-later
"""The servers that are measured, and how each is configured for it.

All get the same task: the same data where they have data of their own, the same upstream where they forward, as many workers
as the others, 64 MiB for a cache, no log, no DNSSEC validation, no limit on what one client may ask, minimal answers. What a
server cannot do (knotd forwards nothing, dnsdist has no zones) it is not asked.

A server is a row of SERVERS: its program, what it does, and a function that writes its configuration into a directory and
returns the command line.
"""

import dataclasses
import hashlib
import ipaddress
import pathlib
import re
import shutil
import subprocess

ADDRESS = "127.0.0.1"
UPSTREAM = "127.0.0.53"
UPSTREAM_PORT = 5399
HASH_BASE = "fc00::"
TTL = 3600
CACHE_MB = 64

AUTHORITY = frozenset({"static", "nxdomain", "hash", "tcp"})
RESOLVER = frozenset({"cache", "forward", "tcpcache"})


# The data


def hashed_address(name):
    """What iothnamed answers for a hashed name; the others have it as data."""
    address = bytearray(ipaddress.ip_address(HASH_BASE).packed)
    for i, byte in enumerate(hashlib.md5(name.encode()).digest()[:8]):
        address[8 + i] ^= byte
    address[8] &= 0xFC
    return str(ipaddress.ip_address(bytes(address)))


class Data:
    """The names that servers know, in the forms in which they read them: files in one directory, made when first asked for."""

    def __init__(self, directory, n_names):
        self.directory = directory
        self.n_names = n_names
        directory.mkdir(parents=True, exist_ok=True)

    def static(self):
        for i in range(self.n_names):
            yield f"h{i:07d}.static.bench", f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"

    def hashed(self):
        for i in range(min(self.n_names, 10000)):
            name = f"x{i:07d}.hash.bench"
            yield name, hashed_address(name)

    def file(self, name, lines):
        path = self.directory / name
        if not path.exists():
            with open(path, "w") as out:
                out.writelines(line + "\n" for line in lines())
        return path

    def zone_file(self, apex):
        def lines():
            yield f"$ORIGIN {apex}."
            yield f"$TTL {TTL}"
            yield f"@ SOA ns.{apex}. hostmaster.{apex}. 1 3600 900 604800 300"
            yield f"@ NS ns.{apex}."
            yield "ns A 127.0.0.1"
            names, rrtype = (self.static(), "A") if apex == "static.bench" else (self.hashed(), "AAAA")
            for name, address in names:
                yield f"{name}. {rrtype} {address}"

        return self.file(f"{apex}.zone", lines)

    def hosts_file(self):
        return self.file("hosts", lambda: (f"{address} {name}" for name, address in [*self.static(), *self.hashed()]))

    def statics_of_iothnamed(self):
        return self.file("statics", lambda: (f"static A {name} {address}" for name, address in self.static()))

    def local_data_of_unbound(self):
        def lines():
            for apex, rrtype, names in (("static.bench", "A", self.static()), ("hash.bench", "AAAA", self.hashed())):
                yield f'local-zone: "{apex}." static'
                yield f'local-data: "{apex}. {TTL} SOA ns.{apex}. hostmaster.{apex}. 1 3600 900 604800 300"'
                for name, address in names:
                    yield f'local-data: "{name}. {TTL} {rrtype} {address}"'

        return self.file("unbound-local", lines)


# The servers


@dataclasses.dataclass
class Setting:
    """What a server is started with."""

    directory: pathlib.Path  # its own
    port: int
    workers: int
    data: Data
    build: pathlib.Path

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


def echo(s):
    return [s.build / "tests/bench/dns/dns_answer", "echo", ADDRESS, s.port, s.workers]


def iothnamed_with(s, text):
    head = f"""\
option listen {ADDRESS}
option port {s.port}
option workers {s.workers}
option cachesize {CACHE_MB}M
option staticttl {TTL}
option nsname ns.static.bench
dns {UPSTREAM}@{UPSTREAM_PORT}
net all ::/0
"""
    return [s.build / "programs/iothnamed", s.write("iothnamed.rc", head + text)]


RULES_OF_IOTHNAMED = f"""\
auth hash all .hash.bench {HASH_BASE}
auth cache all .
auth fwd all .
"""


def iothnamed(s):
    text = """\
auth static all static.bench
auth static all .static.bench
static SOA static.bench ns.static.bench hostmaster.static.bench 1 3600 900 604800 300
static NS static.bench ns.static.bench
"""
    return iothnamed_with(s, text + RULES_OF_IOTHNAMED + s.data.statics_of_iothnamed().read_text())


def iothnamed_zone(s):
    """The names of `static` from the zone file that the others read."""
    return iothnamed_with(s, f'auth zone all static.bench "{s.data.zone_file("static.bench")}"\n{RULES_OF_IOTHNAMED}')


def iothnamed_rules(s):
    """A rule for each of many domains."""
    rules = "".join(f"auth hash all .r{i:07d}.rules.bench {HASH_BASE}\n" for i in range(s.data.n_names))
    return iothnamed_with(s, rules + RULES_OF_IOTHNAMED)


def iothnamed_list(s):
    """One rule for a file of names that do not exist."""
    path = s.data.file("blocked", lambda: (f"b{i:07d}.list.bench" for i in range(s.data.n_names)))
    return iothnamed_with(s, f'auth error all "@{path}"\n{RULES_OF_IOTHNAMED}')


def knotd(s):
    text = f"""\
server:
    rundir: "{s.directory}"
    listen: {ADDRESS}@{s.port}
    udp-workers: {s.workers}
    tcp-workers: {s.workers}
    background-workers: 1
database:
    storage: "{s.directory}"
template:
  - id: default
    storage: "{s.directory}"
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: static.bench
    file: "{s.data.zone_file("static.bench")}"
  - domain: hash.bench
    file: "{s.data.zone_file("hash.bench")}"
"""
    return ["knotd", "-c", s.write("knot.conf", text)]


def nsd(s):
    text = f"""\
server:
    server-count: {s.workers}
    ip-address: {ADDRESS}
    port: {s.port}
    reuseport: yes
    username: ""
    chroot: ""
    zonesdir: "{s.directory}"
    database: ""
    pidfile: "{s.directory}/nsd.pid"
    xfrdfile: "{s.directory}/xfrd.state"
    xfrdir: "{s.directory}"
    logfile: "/dev/null"
    verbosity: 0
    tcp-count: 1000
    tcp-query-count: 0
    rrl-ratelimit: 0
    minimal-responses: yes
    round-robin: no
remote-control:
    control-enable: no
zone:
    name: static.bench
    zonefile: "{s.data.zone_file("static.bench")}"
zone:
    name: hash.bench
    zonefile: "{s.data.zone_file("hash.bench")}"
"""
    return ["nsd", "-d", "-c", s.write("nsd.conf", text)]


def unbound(s):
    text = f"""\
server:
    interface: {ADDRESS}
    port: {s.port}
    num-threads: {s.workers}
    so-reuseport: yes
    username: ""
    chroot: ""
    directory: "{s.directory}"
    pidfile: ""
    use-syslog: no
    logfile: "/dev/null"
    verbosity: 0
    module-config: "iterator"
    minimal-responses: yes
    do-not-query-localhost: no
    do-ip6: no
    msg-cache-size: {CACHE_MB}m
    rrset-cache-size: {CACHE_MB}m
    incoming-num-tcp: 1000
    outgoing-range: 4096
    num-queries-per-thread: 2048
    include: "{s.data.local_data_of_unbound()}"
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: {UPSTREAM}@{UPSTREAM_PORT}
"""
    return ["unbound", "-d", "-c", s.write("unbound.conf", text)]


def dnsdist(s):
    listen = f'"{ADDRESS}:{s.port}", {{reusePort=true, tcpListenQueueSize=1000}}'
    text = f"""\
setLocal({listen})
{chr(10).join(f"addLocal({listen})" for _ in range(s.workers - 1))}
setSecurityPollSuffix("")
setMaxTCPClientThreads({s.workers})
setMaxTCPQueriesPerConnection(0)
setMaxTCPConnectionsPerClient(0)
setMaxUDPOutstanding(65535)
newServer{{address="{UPSTREAM}:{UPSTREAM_PORT}", sockets=4}}
cache = newPacketCache(1000000, {{maxTTL=86400}})
getPool(""):setCache(cache)
"""
    return ["dnsdist", "--supervised", "--disable-syslog", "-C", s.write("dnsdist.conf", text)]


def dnsmasq(s):
    return [
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file", "--log-facility=/dev/null"),
        *(f"--port={s.port}", f"--listen-address={ADDRESS}", "--bind-interfaces", "--no-hosts", f"--local-ttl={TTL}"),
        *(f"--addn-hosts={s.data.hosts_file()}", "--local=/static.bench/", "--local=/hash.bench/", "--no-resolv"),
        *(f"--server={UPSTREAM}#{UPSTREAM_PORT}", "--cache-size=100000", "--dns-forward-max=2000"),
    ]


def named(s):
    text = f"""\
options {{
    directory "{s.directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {s.port} {{ {ADDRESS}; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    forward only;
    forwarders {{ {UPSTREAM} port {UPSTREAM_PORT}; }};
    dnssec-validation no;
    empty-zones-enable no;
    minimal-responses yes;
    max-cache-size {CACHE_MB}M;
    recursive-clients 10000;
    tcp-clients 1000;
    notify no;
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
zone "static.bench" {{ type primary; file "{s.data.zone_file("static.bench")}"; }};
zone "hash.bench" {{ type primary; file "{s.data.zone_file("hash.bench")}"; }};
"""
    return ["named", "-f", "-n", s.workers, "-c", s.write("named.conf", text)]


def pdns_recursor(s):
    text = f"""\
local-address={ADDRESS}
local-port={s.port}
socket-dir={s.directory}
threads={s.workers}
pdns-distributes-queries=no
reuseport=yes
daemon=no
write-pid=no
quiet=yes
loglevel=0
disable-syslog=yes
dnssec=off
dont-query=
allow-from=127.0.0.0/8
forward-zones-recurse=.={UPSTREAM}:{UPSTREAM_PORT}
auth-zones=static.bench={s.data.zone_file("static.bench")},hash.bench={s.data.zone_file("hash.bench")}
max-tcp-clients=1000
max-tcp-per-client=0
max-tcp-queries-per-connection=0
hint-file=/dev/null
security-poll-suffix=
export-etc-hosts=no
"""
    s.write("recursor.conf", text)
    return ["pdns_recursor", f"--config-dir={s.directory}"]


def kresd(s):
    """A process for each worker; they share the cache, a file."""
    text = f"""\
net.listen('{ADDRESS}', {s.port}, {{ kind = 'dns' }})
log_level('crit')
modules = {{ 'policy', 'hints > iterate' }}
modules.unload('ta_update')
modules.unload('ta_sentinel')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_jump')
trust_anchors.remove('.')
hints.add_hosts('{s.data.hosts_file()}')
hints.ttl({TTL})
policy.add(policy.suffix(policy.PASS, policy.todnames({{ 'static.bench', 'hash.bench' }})))
policy.add(policy.all(policy.FORWARD('{UPSTREAM}@{UPSTREAM_PORT}')))
cache.size = {CACHE_MB} * MB
"""
    command = ["kresd", "-n", "-c", str(s.write("kresd.conf", text)), str(s.directory)]
    if s.workers == 1:
        return command
    return ["sh", "-c", f"for i in {' '.join(map(str, range(s.workers)))}; do {' '.join(command)} & done; wait"]


@dataclasses.dataclass
class Row:
    name: str
    program: str  # None: built here
    can: frozenset
    configure: object
    one_worker_only: bool = False

    def version(self):
        """What its package is called and which version it has, as far as the program tells."""
        told = subprocess.run([self.program, VERSION_OPTION.get(self.name, "-V")], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+[\w.]*", told.stdout + told.stderr)
        return found[0] if found else ""


# How a program is asked for its version, where it is not -V.
VERSION_OPTION = {"nsd": "-v", "named": "-v", "dnsdist": "--version", "dnsmasq": "--version", "pdns-recursor": "--version"}


SERVERS = [
    Row("echo", None, AUTHORITY - {"tcp"} | {"cache"}, echo),
    Row("iothnamed", None, AUTHORITY | RESOLVER, iothnamed),
    Row("knotd", "knotd", AUTHORITY, knotd),
    Row("nsd", "nsd", AUTHORITY, nsd),
    Row("named", "named", AUTHORITY | RESOLVER, named),
    Row("unbound", "unbound", AUTHORITY | RESOLVER, unbound),
    Row("dnsdist", "dnsdist", RESOLVER, dnsdist),
    Row("dnsmasq", "dnsmasq", AUTHORITY | RESOLVER, dnsmasq, one_worker_only=True),
    Row("pdns-recursor", "pdns_recursor", AUTHORITY | RESOLVER, pdns_recursor),
    Row("knot-resolver", "kresd", AUTHORITY - {"nxdomain"} | RESOLVER, kresd),
]

# iothnamed with other configurations, for what grows.
SPECIAL = [
    Row("iothnamed-zone", None, AUTHORITY, iothnamed_zone),
    Row("iothnamed-rules", None, AUTHORITY, iothnamed_rules),
    Row("iothnamed-list", None, AUTHORITY, iothnamed_list),
]


def is_there(row):
    return row.program is None or shutil.which(row.program) is not None
