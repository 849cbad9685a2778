# SPDX-License-Identifier: LGPL-2.1-or-later
"""namedhcp as a port of a virtual Ethernet, without a stack; on several interfaces at once; behind relays; while its own
addresses change. The clients are those of Debian and our own."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket

import pytest
from scapy.layers import dhcp, inet, inet6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

import dhcp_servers as servers
import peers
import world as w
from dhcp_lab import INTERFACE, Client, Segment, kind, options4, running, said, together  # noqa: F401
from test_namedhcp import DNS4, DNS6, HERE, NAMED, NET4, POOL, PROGRAMS, hashed, told_in

MAC = "02:00:00:00:0e:01"  # of the server's port
NAMES = "domain hash.local\n"
PORT = f"macaddr {MAC}\nip 10.1.0.1/24\nip fd00:1::1/64\n"


class Lan:
    """An Ethernet with an iothnamed on it, of which servers ask by a stack of their own."""

    def __init__(self, world, named=True):
        self.world = world
        self.segment = Segment(world)
        self.serial = 0
        self.dns = self.segment.port("dns", [f"{DNS6}/64", f"{DNS4}/24"])
        if named:
            self.named()

    def named(self):
        daemon = self.world.iothnamed(self.dns, NAMED)
        daemon.wait_until(lambda: self.dns.dig(f"@{DNS6}", "x.hash.local", "AAAA", "+short", check=False), "the DNS answers")

    def dns_stack(self):
        return f"dnsstack stack=vdestack,vnl={self.segment.vnl},eth,ip=fd00:1::7e/64\nnameserver {DNS6}\n"

    def serve(self, text, program="namedhcp", build=w.RELEASE, namespace=HERE):
        """A server with these lines; what it says of interfaces stands in them."""
        self.serial += 1
        file = self.world.directory / f"namedhcp-{self.serial}.rc"
        file.write_text(text)
        daemon = self.world.daemon(namespace, build / "programs" / program, "-f", file)
        daemon.file = file
        daemon.wait_until(lambda: "serving iface=" in daemon.stderr(), "it serves")
        return daemon

    def serve_port(self, text, program="namedhcp", build=w.RELEASE, place=PORT, dns=True):
        daemon = self.serve(f"stack {self.segment.vnl}\n{place}{text}{self.dns_stack() if dns else ''}", program, build)
        daemon.wait_until(lambda: "on the network" in daemon.stderr(), "its addresses are tried")
        return daemon


def dhclient(segment, version, options, name="client"):
    """dhclient until it is bound: what it tells its script."""
    daemon, bound = start_dhclient(segment, version, options, name)
    daemon.wait_until(bound.exists, "dhclient is bound")
    return dict(re.findall(r"^new_(\w+)=(.*)$", bound.read_text(), re.MULTILINE))


def start_dhclient(segment, version, options, name):
    namespace = segment.port(name)
    ready = ["ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
    w.wait_for(lambda: namespace.run(*ready).stdout, "a link-local address")
    directory = servers.folder(segment.world, namespace, "dhclient")
    (directory / "dhclient.conf").write_text(f"timeout 60;\ninitial-interval 1;\n{options}\n")
    script = told_in(directory)
    files = ["-cf", directory / "dhclient.conf", "-lf", directory / "leases", "-pf", directory / "pid", "-sf", script]
    command = [peers.program("dhclient"), f"-{version}", "-1", "-d", "-v", *files, INTERFACE]
    daemon = segment.world.daemon(namespace, *command, env=peers.environment())
    return daemon, directory / ("BOUND" if version == 4 else "BOUND6")


def dhcpcd(segment, version, name, host):
    """dhcpcd until it is bound: what it tells its script. It configures nothing."""
    namespace = segment.port(host)
    directory = servers.folder(segment.world, namespace, "dhcpcd")
    script = told_in(directory)
    (directory / "dhcpcd.conf").write_text(f"hostname {name}\nfqdn both\nduid ll\nnoarp\nnoipv6rs\nia_na 1\n")
    for folder in ("run", "lib"):
        (directory / folder).mkdir()
    mounts = f'mount --bind {directory}/run /run && mount --bind {directory}/lib /var/lib && exec "$@"'
    options = ["-B", f"-{version}", "-f", directory / "dhcpcd.conf", "-c", script, INTERFACE]
    command = ["unshare", "--mount", "sh", "-c", mounts, "sh", peers.program("dhcpcd"), *options]
    daemon = segment.world.daemon(namespace, *command, env=peers.environment())
    bound = directory / ("BOUND" if version == 4 else "BOUND6")
    daemon.wait_until(bound.exists, "dhcpcd is bound")
    return dict(re.findall(r"^new_(\w+)=(.*)$", bound.read_text(), re.MULTILINE))


def udhcpc(segment, wish):
    """udhcpc, which would like to have an address: what it tells its script when it is bound."""
    namespace = segment.port("udhcpc")
    directory = servers.folder(segment.world, namespace, "udhcpc")
    options = ["-f", "-q", "-n", "-t", "10", "-T", "2", "-i", INTERFACE, "-s", told_in(directory, "$1"), "-r", wish]
    namespace.run(peers.program("busybox"), "udhcpc", *options)
    return dict(re.findall(r"^(\w+)=(.*)$", (directory / "bound").read_text(), re.MULTILINE))


def given6(state):
    return {a.partition("/")[0] for a in state.addresses if a.startswith("fd00:1:")}


def given4(state):
    return {a.partition("/")[0] for a in state.addresses4}


# ---- a port ----


@together
def test_a_subnet_without_the_address_of_the_interface_is_said(world):
    """It serves who comes by relays, and nobody on the link; a typing error looks the same."""
    lan = Lan(world, named=False)
    text = "domain hash.local\nsubnet 10.2.0.0/24\npool 10.2.0.100-10.2.0.199\n"
    told = "clients that are heard without a relay get no IPv4 address here: no subnet has an address of the interface"
    wrong = lan.serve_port(text, dns=False)
    assert told in wrong.stderr()
    right = lan.serve_port(text + "subnet 10.1.0.0/24\n", place=PORT.replace("0e:01", "0e:02").replace(".1/", ".2/"), dns=False)
    assert told not in right.stderr()


@together
def test_a_name_alone_at_a_port(world):
    """DHCPv6 by name for three clients, and the server's own addresses are found and answer."""
    lan = Lan(world)
    lan.serve_port(NAMES + f"dns {DNS6}\nlifetime 600/7200\n", build=w.ASAN)
    ours = Client(lan.segment, "vdestack", "eth,dhcp6,fqdn=ours.hash.local")
    told = dhclient(lan.segment, 6, 'send fqdn.fqdn "theirs.hash.local";\nalso request dhcp6.name-servers;')
    assert told["ip6_address"] == hashed("theirs.hash.local")
    assert told["dhcp6_name_servers"] == DNS6
    assert dhcpcd(lan.segment, 6, "others.hash.local", "dhcpcd")["dhcp6_ia_na1_ia_addr1"] == hashed("others.hash.local")
    assert given6(ours.wait_until(given6, "an address of DHCPv6", 20)) == {hashed("ours.hash.local")}
    lan.dns.run("ping", "-c1", "-w20", "10.1.0.1")
    lan.dns.run("ping", "-6", "-c1", "-w20", "fd00:1::1")
    probes = lan.segment.wire.heard(lambda p: kind(p) == "NS" and p.src == MAC and p["IPv6"].src == "::")
    assert {p[inet6.ICMPv6ND_NS].tgt for p in probes} >= {"fd00:1::1", "fe80::ff:fe00:e01"}, "its addresses are tried first"
    groups = [socket.inet_pton(socket.AF_INET6, group) for group in ("ff02::1:2", "ff05::1:3")]
    reports = lan.segment.wire.heard(lambda p: inet6.ICMPv6MLReport2 in p and p.src == MAC)
    assert reports and all(group in bytes(reports[0]) for group in groups), "switches are told of its groups"


@together
def test_leases_at_a_port(world):
    """DHCPv4: a pool, a fixed address, an address by name, a renewal by unicast."""
    lan = Lan(world)
    text = POOL + "lease 12\nfixed 02:00:00:00:0e:32=10.1.0.7\n"
    server = lan.serve_port(text, "namedhcp4", w.ASAN)
    pooled = Client(lan.segment, "vdestack", "eth,dhcp", mac="02:00:00:00:0e:31")
    fixed = Client(lan.segment, "lwip", "eth,dhcp", mac="02:00:00:00:0e:32")
    told = dhclient(lan.segment, 4, "")
    assert re.fullmatch(r"10\.1\.0\.1[01]\d", told["ip_address"]) and told["routers"] == "10.1.0.1"
    (address,) = given4(pooled.wait_until(given4, "an address"))
    assert re.fullmatch(r"10\.1\.0\.1[01]\d", address) and address != told["ip_address"]
    assert given4(fixed.wait_until(given4, "an address")) == {"10.1.0.7"}
    wire = lan.segment.wire
    wire.wait_for(lambda p: kind(p) == "ARP-PROBE" and p.src == MAC, "addresses are probed before an offer")
    renewal = wire.wait_for(lambda p: kind(p) == "RENEWING" and p[inet.IP].src == address, "a renewal")
    assert renewal.dst == MAC, "the server was found by ARP"
    wire.wait_for(
        lambda p: kind(p) == "ACK" and p[inet.IP].dst == address and p[dhcp.BOOTP].xid == renewal[dhcp.BOOTP].xid,
        "its answer",
    )
    assert server.stop() == 0, server.stderr()


@together
def test_an_address_by_name_at_a_port(world):
    lan = Lan(world)
    lan.serve_port("domain v4.lab\nprobe off\n", "namedhcp4")
    told = dhclient(lan.segment, 4, 'send host-name "one";')
    assert (told["ip_address"], told["routers"], told["domain_name_servers"]) == ("10.1.0.77", "10.1.0.1", "10.1.0.53")


@together
def test_an_address_in_use_is_not_offered_by_a_port(world):
    lan = Lan(world, named=False)
    lan.segment.port("squatter", ["10.1.0.100/24"])
    lan.serve_port(f"subnet {NET4}\npool 10.1.0.100-10.1.0.101\n", "namedhcp4", dns=False)
    assert udhcpc(lan.segment, "10.1.0.100")["ip"] == "10.1.0.101"


@together
def test_hostile_frames(world):
    """What is cut short, damaged, in fragments or simply wrong is left, and the service goes on."""
    lan = Lan(world, named=False)
    server = lan.serve_port(POOL, "namedhcp4", w.ASAN, dns=False)
    wire = lan.segment.wire
    discover = bytes(
        Ether(src="02:00:00:00:0e:66", dst="ff:ff:ff:ff:ff:ff")
        / inet.IP(src="0.0.0.0", dst="255.255.255.255")
        / inet.UDP(sport=68, dport=67)
        / dhcp.BOOTP(chaddr=b"\2\0\0\0\x0e\x66", xid=7)
        / dhcp.DHCP(options=[("message-type", "discover"), "end"])
    )
    for cut in range(0, len(discover), 7):
        wire.send(Raw(discover[:cut]))
        wire.send(Raw(discover[:cut] + b"\xff" * (len(discover) - cut)))
    whole = Ether(discover)
    for flags, offset in (("MF", 0), (0, 3)):
        piece = whole.copy()
        piece[inet.IP].flags, piece[inet.IP].frag, piece[inet.IP].chksum = flags, offset, None
        wire.send(piece)
    for kind_of_frame in (0x0800, 0x0806, 0x86DD):
        for seed in range(40):
            wire.send(Ether(src="02:00:00:00:0e:66", dst=MAC, type=kind_of_frame) / Raw(os.urandom(seed * 9)))
    wire.send(Ether(src="02:00:00:00:0e:66", dst=MAC) / Raw(b"\x45" * 9000))
    wire.send(Ether(src="02:00:00:00:0e:66", dst=MAC) / ARP(op=2, psrc="10.1.0.1", pdst="10.1.0.1"))
    wire.wait_for(lambda p: ARP in p and p.src == MAC and p[ARP].psrc == "10.1.0.1", "its address is defended")
    server.wait_until(lambda: "somebody else uses our IPv4 address" in server.stderr(), "it says so")
    assert dhclient(lan.segment, 4, "")["ip_address"].startswith("10.1.0.1")
    assert server.stop() == 0, server.stderr()


@together
def test_the_network_goes_and_comes(world):
    lan = Lan(world, named=False)
    control = world.directory / "control"
    text = f"{POOL}user none\ncontrol {control}\n"  # another user may not have the way to the hub
    status = lambda: json.loads(HERE.run(PROGRAMS / "namedhcpctl", "-s", control, "-j", "status").stdout)
    server = lan.serve_port(text, "namedhcp4", dns=False)
    assert status()["healthy"] == "yes" and status()["interfaces_unserved"] == "none"
    path = lan.segment.vnl.removeprefix("vde://")
    os.kill(process_with(f"hub://{path}"), signal.SIGKILL)
    server.wait_until(lambda: "the network is gone" in server.stderr(), "it says so")
    w.wait_for(lambda: status()["healthy"] == "no", "its state says so")
    assert status()["interfaces_unserved"] == "vde0"
    shutil.rmtree(path, ignore_errors=True)
    again = world.daemon(HERE, "vde_plug", "null://", f"hub://{path}")
    again.wait_until(lambda: os.path.exists(f"{path}/ctl"), "another hub")
    server.wait_until(lambda: server.stderr().count("on the network") == 2, "it is back")
    client = Client(lan.segment, "vdestack", "eth,dhcp", mac="02:00:00:00:0e:41")
    assert given4(client.wait_until(given4, "an address"))
    w.wait_for(lambda: status()["healthy"] == "yes", "it is well again")
    assert status()["interfaces_unserved"] == "none"


def process_with(word):
    """The process that was started with this argument, which no other one has."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
    raise AssertionError(f"no process was started with {word}")


# ---- several interfaces ----


@together
def test_one_server_on_two_interfaces(world):
    """Each network's clients get its addresses from the address of the server there; all leases are in one store."""
    lan = Lan(world)
    far = Segment(world, "far")
    namespace = lan.segment.port("server", ["fd00:1::1/64", "10.1.0.1/24"])
    far.port("server", ["10.9.0.1/24"], interface="lan1", namespace=namespace)
    text = (
        NAMES + "iface lan0\niface lan1\ndhcpv4 on\n" + POOL
        + f"subnet 10.9.0.0/24\npool 10.9.0.100-10.9.0.119\nnameserver {DNS6}\nleases {world.directory}/leases.mdb\n"
    )
    server = lan.serve(text, namespace=namespace)
    assert "iface=lan0,lan1" in server.stderr()
    near_told = dhclient(lan.segment, 4, "", "near")
    far_told = dhclient(far, 4, "", "far")
    assert (near_told["dhcp_server_identifier"], far_told["dhcp_server_identifier"]) == ("10.1.0.1", "10.9.0.1")
    assert near_told["ip_address"].startswith("10.1.0.1") and far_told["ip_address"].startswith("10.9.0.1")
    for segment, name in ((lan.segment, "a"), (far, "b")):
        told = dhclient(segment, 6, f'send fqdn.fqdn "{name}.hash.local";', f"six-{name}")
        assert told["ip6_address"] == hashed(f"{name}.hash.local")
    assert server.stop() == 0, server.stderr()
    assert "leases=2" in lan.serve(text, namespace=namespace).stderr()


@together
def test_a_stack_and_two_ports(world):
    lan = Lan(world)
    far, third = Segment(world, "far"), Segment(world, "third")
    string = f"stack=lwip,vnl={third.vnl},eth,ip=10.8.0.1/24"
    server = lan.serve(
        f"stack {lan.segment.vnl}\niface near\n{PORT}"
        f"stack {far.vnl}\niface far\nip 10.9.0.1/24\n"
        f"stack {string}\n" + NAMES + "dhcpv4 on\n" + POOL
        + "subnet 10.9.0.0/24\npool 10.9.0.100-10.9.0.119\nsubnet 10.8.0.0/24\npool 10.8.0.100-10.8.0.119\n" + lan.dns_stack()
    )
    server.wait_until(lambda: server.stderr().count("on the network") == 2, "its ports are ready")
    assert "iface=near,far,vde0" in server.stderr()
    for segment, network in ((lan.segment, "10.1.0"), (far, "10.9.0"), (third, "10.8.0")):
        told = dhclient(segment, 4, "", f"on-{network}")
        assert told["ip_address"].startswith(f"{network}.1") and told["dhcp_server_identifier"] == f"{network}.1"
    told = dhclient(far, 6, 'send fqdn.fqdn "c.hash.local";', "six")
    assert told["ip6_address"] == hashed("c.hash.local")


# ---- behind relays ----

FAR = "subnet 10.9.0.0/24\npool 10.9.0.100-10.9.0.101\n"


def relay_between(world, lan, far):
    """A router and relay of both protocols between two Ethernets."""
    relay = far.port("relay", ["10.9.0.2/24", "fd00:9::2/64"], interface="far0")
    lan.segment.port("relay", ["10.1.0.2/24", "fd00:1::2/64"], interface="near0", namespace=relay)
    relay.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    return relay


@together
@pytest.mark.parametrize("stack", ["port", "kernel", "vdestack", "lwip"])
def test_an_echo_behind_a_relay(world, stack):
    """An address in use beyond a relay is found by an echo request, and another one is offered."""
    lan, far = Lan(world, named=False), Segment(world, "far")
    relay = relay_between(world, lan, far)
    squatter = far.port("squatter", ["10.9.0.100/24"])
    squatter.ip("route add default via 10.9.0.2")
    text = FAR + "serverid 10.1.0.1\n"
    if stack == "port":
        server = lan.serve_port(text, "namedhcp4", dns=False)
    elif stack == "kernel":
        namespace = lan.segment.port("server", ["10.1.0.1/24"])
        namespace.ip("route add 10.9.0.0/24 via 10.1.0.2")
        server = lan.serve(text + f"iface {INTERFACE}\n", "namedhcp4", namespace=namespace)
    else:
        string = f"stack={stack},vnl={lan.segment.vnl},eth,ip=10.1.0.1/24,gw=10.1.0.2"
        server = lan.serve(text + f"stack {string}\n", "namedhcp4")
    servers.dhcrelay(world, relay, 4, "far0", "near0", "10.1.0.1")
    assert udhcpc(far, "10.9.0.100")["ip"] == "10.9.0.101", server.stderr()
    far.wire.wait_for(lambda p: inet.ICMP in p and p[inet.ICMP].type == 0, "the echo reply of the address in use")


@together
def test_no_echo_if_it_is_off(world):
    lan, far = Lan(world, named=False), Segment(world, "far")
    relay = relay_between(world, lan, far)
    lan.serve_port(FAR + "echo off\n", "namedhcp4", dns=False)
    servers.dhcrelay(world, relay, 4, "far0", "near0", "10.1.0.1")
    assert dhclient(far, 4, "")["ip_address"].startswith("10.9.0.10")
    assert not lan.segment.wire.heard(lambda p: inet.ICMP in p and p.src == MAC)


@together
def test_a_relay_of_dhcp6_finds_a_port(world):
    """It sends to a unicast address of the port, whose neighbour discovery answers."""
    lan, far = Lan(world), Segment(world, "far")
    relay = relay_between(world, lan, far)
    lan.serve_port(NAMES)
    servers.dhcrelay(world, relay, 6, "far0", "near0", "fd00:1::1")
    told = dhclient(far, 6, 'send fqdn.fqdn "beyond.hash.local";')
    assert told["ip6_address"] == hashed("beyond.hash.local")
    reply = lan.segment.wire.wait_for(lambda p: p.src == MAC and inet.UDP in p and p[inet.UDP].dport == 547, "a reply to the relay")
    assert reply["IPv6"].src == "fd00:1::1"


# ---- its own addresses ----


@together
@pytest.mark.parametrize("subnets", ["said", "own"])
def test_its_own_addresses_change(world, subnets):
    """The interface moves to another network, and the server with it, without a restart."""
    lan = Lan(world, named=False)
    namespace = lan.segment.port("server", ["10.1.0.1/24"])
    networks = "subnet 10.1.0.0/24\npool 10.1.0.100-10.1.0.119\nsubnet 10.2.0.0/24\npool 10.2.0.100-10.2.0.119\n"
    text = networks if subnets == "said" else "fixed 02:00:00:00:0e:51=10.1.0.51\nfixed 02:00:00:00:0e:52=10.2.0.51\n"
    server = lan.serve(text + f"iface {INTERFACE}\nnameserver {DNS4}\n", "namedhcp4", namespace=namespace)
    before = Client(lan.segment, "vdestack", "eth,dhcp", mac="02:00:00:00:0e:51")
    (address,) = given4(before.wait_until(given4, "an address"))
    assert address.startswith("10.1.0.")
    namespace.ip(f"address add 10.2.0.1/24 dev {INTERFACE}")
    namespace.ip(f"address del 10.1.0.1/24 dev {INTERFACE}")
    said_so = "the addresses of our interfaces have changed"
    server.wait_until(lambda: said_so in server.stderr(), "it has seen it")
    def moved():
        client = Client(lan.segment, "vdestack", "eth,dhcp", mac="02:00:00:00:0e:52")
        (given,) = given4(client.wait_until(given4, "an address"))
        return given.startswith("10.2.0.")

    w.wait_for(moved, "clients get addresses of the other network")
    offer = lan.segment.wire.heard(lambda p: kind(p) == "OFFER")[-1]
    assert options4(offer)["server_id"] == "10.2.0.1"
    assert server.stop() == 0, server.stderr()
