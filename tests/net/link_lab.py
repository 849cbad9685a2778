# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole link: iothradvd says which prefix it has and that there is DHCP, namedhcp gives each host the address of its name, and
iothnamed knows that address without being told. On it hosts that have nothing but a name, each with another's client.

    link = Link(world, "lwip")                  # the servers' stack: kernel, vdestack, lwip or port
    link.serve()
    host = Host(link, "theirs.hash.local")      # a machine with its own /etc, /run and /var/lib
    dhcpcd(host, 6)                             # configures it, and its resolver
    host.run("ping", "-c1", "other.hash.local")
"""

import ipaddress
import json
import pathlib
import re
import shutil

import pytest

import peers
import world as w
from dhcp_lab import INTERFACE, Segment

HERE = w.Namespace("here", "/proc/self/ns/net", [])
PROGRAMS = w.RELEASE / "programs"
NET6, NET4 = "fd00:1::", "10.1.0.0/24"
DNS6, DNS4 = "fd00:1::53", "10.1.0.53"
ROUTER_MAC, SERVER_MAC, DNS_MAC = "02:00:00:00:0a:01", "02:00:00:00:0d:01", "02:00:00:00:0d:53"
DOMAIN4 = "v4.lab"

# Of IPv4 names have what is written: an address, and what DHCPv4 says about its network.
OPTIONS4 = f'"mask=255.255.255.0,router=10.1.0.1,dns={DNS4}"'
NAMED = f"""\
net     all ::/0
auth    accept all
auth    hash all .hash.local {NET6}
auth    hrev all {NET6}/64
auth    static all .{DOMAIN4}
auth    static all {NET4}
"""
ROUTER = f"""\
period 600
flags MO
prefix {NET6}/64/L/86400/14400
rdnss {DNS6}
dnssl hash.local
"""
DHCP = f"""\
domain hash.local
allow *.hash.local
domain {DOMAIN4}
allow *.{DOMAIN4}
dhcpv4 on
probe off
dns {DNS6},{DNS4}
dnssearch hash.local
"""


def hashed(name):
    told = HERE.run(PROGRAMS / "hashaddr", "-b", NET6, name).stdout
    return str(ipaddress.ip_address(told.strip()))


def records_of(name, address):
    return f"static A {name} {address}\nstatic TXT {name} {OPTIONS4}\nstatic PTR {address} {name}\n"


class Link:
    """A segment whose servers run on a stack of one kind. names4: IPv4 addresses by name, within v4.lab."""

    def __init__(self, world, stack, names4=None, named=NAMED):
        self.world, self.stack = world, stack
        self.segment = Segment(world)
        self._files = 0
        records = "".join(records_of(f"{name}.{DOMAIN4}", address) for name, address in (names4 or {}).items())
        self.observer = self.segment.port("observer", ["fd00:1::fe/64", "10.1.0.254/24"])
        self._start_dns(named + records)

    def write(self, text):
        self._files += 1
        file = self.world.directory / f"link-{self._files}.rc"
        file.write_text(text)
        return file

    def string(self, mac, *addresses, stack=None):
        """A stack on the segment, for programs that take one."""
        given = "".join(f",ip={address}" for address in addresses)
        return f"stack={stack or self.stack},vnl={self.segment.vnl},mac={mac},eth{given}"

    def _start_dns(self, text):
        addresses = [f"{DNS6}/64", f"{DNS4}/24"]
        if self.stack == "kernel":
            named = self.world.iothnamed(self.segment.port("dns", addresses), self.write(text))
        else:  # a DNS server has no port without a stack
            stack = "lwip" if self.stack == "port" else self.stack
            named = self.world.iothnamed(HERE, self.write(f"stack {self.string(DNS_MAC, *addresses, stack=stack)}\n{text}"))
        named.wait_until(lambda: "fd00:1:" in self.dig("+tries=1", "x.hash.local", "AAAA", check=False), "the DNS answers")

    def dig(self, *words, **kwargs):
        return self.observer.dig(f"@{DNS6}", "+short", *words, **kwargs).strip()

    def advertise(self, text=ROUTER):
        if self.stack == "kernel":
            namespace, place = self.segment.port("router"), f"iface {INTERFACE}\n"
        elif self.stack == "port":
            namespace, place = HERE, f"stack {self.segment.vnl}\nmacaddr {ROUTER_MAC}\n"
        else:
            namespace, place = HERE, f"stack {self.string(ROUTER_MAC)}\n"
        control = self.world.directory / "iothradvd.ctl"
        router = self.world.daemon(namespace, PROGRAMS / "iothradvd", "-f", self.write(place + text), "--control", control)
        router.wait_until(lambda: "advertising iface=" in router.stderr(), "it advertises")
        return router

    def serve(self, text=DHCP, program="namedhcp", number=2, gateways=()):
        """A server whose addresses end in `number`."""
        addresses = [f"fd00:1::{number}/64", f"10.1.0.{number}/24"]
        mac = f"{SERVER_MAC[:-2]}{number:02x}"
        if self.stack == "kernel":
            namespace, place = self.segment.port(f"server{number}", addresses), f"iface {INTERFACE}\n"
            for gateway in gateways:
                namespace.ip(f"route add default via {gateway}")
        elif self.stack == "port":
            namespace, place = HERE, f"stack {self.segment.vnl}\nmacaddr {mac}\n"
            place += "".join(f"ip {address}\n" for address in addresses)
            asking = self.string(f"{mac[:-5]}de:{number:02x}", f"fd00:1::d{number}/64", stack="lwip")  # a port asks no DNS
            place += f"dnsstack {asking}\n"
        else:
            string = ",".join([self.string(mac, *addresses), *(f"gw={gateway}" for gateway in gateways)])
            namespace, place = HERE, f"stack {string}\ndnsstack {string}\n"
        file = self.write(place + text + f"nameserver {DNS6}\n")
        server = self.world.daemon(namespace, PROGRAMS / program, "-f", file)
        server.wait_until(lambda: "serving iface=" in server.stderr(), "it serves")
        server.namespace, server.file = namespace, file
        return server


# ---- hosts ----

# What of /etc programs of a host look at. The rest they do without.
OF_ETC = ["alternatives", "group", "host.conf", "ld.so.cache", "nsswitch.conf", "passwd", "protocols", "services"]
BEGIN = """
mount --bind "$1/etc" /etc && mount --bind "$1/run" /run && mount --bind "$1/lib" /var/lib && mount --bind "$1/log" /var/log &&
mount -t sysfs -o ro sysfs /sys && hostname "$2" && echo ready && exec sleep infinity
"""


class Host(w.Namespace):
    """A machine on the link that knows its name, and nothing else about the network."""

    def __init__(self, link, name, mac=None, segment=None):
        self.world, self.full_name = link.world, name
        port = (segment or link.segment).port(name.partition(".")[0])
        self.mac = mac or port.mac
        if mac:
            port.ip(f"link set {INTERFACE} down address {mac}")
            port.ip(f"link set {INTERFACE} up")
        self.directory = self.world.directory / f"host-{port.name}"
        for folder in ("etc", "run", "lib", "log"):
            (self.directory / folder).mkdir(parents=True)
        self._make_etc()
        own = ["unshare", "--mount", "--uts", "sh", "-c", BEGIN, "sh", self.directory, name]
        holder = self.world.daemon(port, *own)
        holder.wait_until(lambda: "ready" in holder.stdout(), f"{name} is a machine of its own")
        enter = ["nsenter", f"--target={holder.pid}", "--net", "--mount", "--uts", "--"]
        super().__init__(port.name, f"/proc/{holder.pid}/ns/net", enter)

    def _make_etc(self):
        etc = self.directory / "etc"
        for name in OF_ETC:
            source = pathlib.Path("/etc") / name
            if source.is_dir():
                shutil.copytree(source, etc / name, symlinks=True)
            elif source.exists():
                shutil.copy(source, etc / name)
        for name in ("fstab", "hosts", "resolv.conf"):
            (etc / name).touch()
        (etc / "machine-id").write_text(f"{int(self.mac.replace(':', ''), 16):032x}\n")

    def start(self, *argv):
        self.client = self.world.daemon(self, *argv, env=peers.environment())
        return self.client

    def resolv_conf(self):
        return (self.directory / "etc/resolv.conf").read_text()

    def addresses(self):
        told = self.run("ip", "-j", "address", "show", "dev", INTERFACE, "-tentative").stdout
        return {a["local"] for entry in json.loads(told) for a in entry.get("addr_info", []) if "local" in a}

    def await_address(self, address, deadline_s=w.PATIENCE_S):
        def has_it():
            return address in self.addresses()

        try:
            self.client.wait_until(has_it, f"{self.full_name} has {address}", deadline_s)
        except AssertionError as error:
            said = self.client.stderr() + self.client.stdout()
            raise AssertionError(f"{error}\nbut {self.addresses()}; its client says:\n{said}") from None

    def await_network(self, version):
        """Which addresses are its neighbours', and whom it asks for names."""

        def knows():
            return (f"{NET6}/64" if version == 6 else NET4) in self.run("ip", f"-{version}", "route").stdout

        w.wait_for(knows, f"{self.full_name} knows the prefix of the link")
        w.wait_for(lambda: "nameserver" in self.resolv_conf(), f"{self.full_name} has a name server")

    def ping(self, version, *names):
        """Each by its name."""
        for name in names:
            self.run("ping", f"-{version}", "-c1", "-w20", name)


# ---- other people's clients, as they come ----


def dhclient(host, version, settings=None):
    directory = host.directory / "lib"
    says = "send fqdn.fqdn = gethostname();" if version == 6 else "send host-name = gethostname();"
    wants = (
        "also request dhcp6.name-servers, dhcp6.domain-search;"
        if version == 6
        else "request subnet-mask, routers, domain-name-servers;"
    )
    (directory / "dhclient.conf").write_text(f"initial-interval 1;\n{wants}\n{says if settings is None else settings}\n")
    files = ["-cf", directory / "dhclient.conf", "-lf", directory / "leases", "-pf", directory / "pid"]
    script = ["-sf", peers.program("dhclient-script")]
    return host.start(peers.program("dhclient"), f"-{version}", "-d", "-v", *files, *script, INTERFACE)


def dhcpcd(host, version):
    hooks = peers.PEERS / "usr/lib/dhcpcd"
    script = host.directory / "lib/run-hooks"
    script.write_text(re.sub(r"(/usr)?/lib/dhcpcd\b", str(hooks), (hooks / "dhcpcd-run-hooks").read_text()))
    script.chmod(0o755)
    (host.directory / "lib/dhcpcd").mkdir()
    (host.directory / "etc/dhcpcd.conf").write_text(
        "hostname\nfqdn both\nduid\nnoarp\noption domain_name_servers, domain_search, routers\n"
    )
    return host.start(peers.program("dhcpcd"), "-B", f"-{version}", "-c", script, INTERFACE)


def dibbler(host, name=True):
    for folder in ("etc/dibbler", "lib/dibbler", "log/dibbler"):
        (host.directory / folder).mkdir()
    fqdn = f" option fqdn {host.full_name}\n" if name else ""
    (host.directory / "etc/dibbler/client.conf").write_text(
        "log-level 7\nlog-mode short\nduid-type duid-ll\n"
        f'iface "{INTERFACE}" {{\n ia\n option dns-server\n option domain\n{fqdn}}}\n'
    )
    return host.start(peers.program("dibbler-client"), "run")


def udhcpc(host, name=True):
    script = host.directory / "lib/default.script"
    busybox = peers.program("busybox")
    text = (peers.PEERS / "etc/udhcpc/default.script").read_text()
    script.write_text(text.replace("busybox ", f"{busybox} ").replace("\nlog() {", "\nlog() { return\n"))
    script.chmod(0o755)
    options = ["-f", "-t", "10", "-T", "1", "-i", INTERFACE, "-s", script]
    options += ["-x", f"hostname:{host.full_name}"] if name else []
    return host.start(busybox, "udhcpc", *options)


NETWORKD = pathlib.Path("/lib/systemd/systemd-networkd")


def networkd(host, version):
    """version: 4, 6 or 46, which is both. DHCPv6 because the router says so. What it has learnt about name servers is for
    others to write down, as systemd-resolved does: host.write_resolv_conf()."""
    run = host.directory / "run/systemd"
    (run / "network").mkdir(parents=True)
    (run / "netif").mkdir()
    shutil.chown(run / "netif", "systemd-network")
    words = {4: "DHCP=ipv4\nIPv6AcceptRA=no\n", 6: "IPv6AcceptRA=yes\n", 46: "DHCP=ipv4\nIPv6AcceptRA=yes\n"}[version]
    text = f"[Match]\nName={INTERFACE}\n[Network]\nLinkLocalAddressing=ipv6\n{words}"
    (run / "network/lan.network").write_text(text)
    daemon = host.start(NETWORKD)
    links = json.loads(host.run("ip", "-j", "link").stdout)
    [number] = [link["ifindex"] for link in links if link["ifname"] == INTERFACE]
    told = run / f"netif/links/{number}"

    def servers():
        lines = told.read_text().splitlines() if told.exists() else []
        return [word for line in lines if line.startswith("DNS=") for word in line[4:].split()]

    def write_resolv_conf():
        found = daemon.wait_until(servers, "networkd has name servers")
        (host.directory / "etc/resolv.conf").write_text("".join(f"nameserver {server}\n" for server in found))

    host.write_resolv_conf = write_resolv_conf
    return daemon


def networkd_cannot_run():
    """The reason, or None."""
    if not NETWORKD.exists():
        return "there is no systemd-networkd here"
    return None if w.has_other_users() else "systemd-networkd cannot become its user here"


def need_networkd():
    reason = networkd_cannot_run()
    if reason:
        pytest.skip(reason)
