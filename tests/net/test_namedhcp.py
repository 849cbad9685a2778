# SPDX-License-Identifier: LGPL-2.1-or-later
"""namedhcp and namedhcp4 with real clients, on the kernel's stack, vdestack and lwip: each client has its name alone, and gets
what its name has in the DNS; addresses of pools are leased, and stay leased when the server is killed."""

import ipaddress
import os
import pathlib
import re
import shlex
import shutil
import signal
import tempfile

import pytest

import dhcp_servers as servers
import peers
import world as w
from dhcp_lab import INTERFACE, STACKS, Client, Segment, kind, running, said, together  # noqa: F401

PROGRAMS = w.RELEASE / "programs"
HERE = w.Namespace("here", "/proc/self/ns/net", [])
KINDS = ["kernel", *STACKS]
MAC = "02:00:00:00:0d:01"  # of the server
NET6, NET4 = "fd00:1::", "10.1.0.0/24"
DNS6, DNS4 = "fd00:1::53", "10.1.0.53"

NAMED = f"""\
net     all ::/0
auth    accept all
auth    hash all .hash.local {NET6}
auth    static all .v4.lab
static  A one.v4.lab 10.1.0.77
static  TXT one.v4.lab "mask=255.255.255.0,router=10.1.0.1,dns=10.1.0.53"
"""
NAMES = "domain hash.local\nallow *.hash.local\n"
POOL = f"subnet {NET4}\npool 10.1.0.100-10.1.0.119\noption routers 10.1.0.1\n"

each_stack = pytest.mark.parametrize("stack", KINDS)


def hashed(name):
    told = HERE.run(PROGRAMS / "hashaddr", "-b", NET6, name).stdout
    return str(ipaddress.ip_address(told.strip()))


class Lan:
    """An Ethernet with an iothnamed on it, of which namedhcp asks."""

    def __init__(self, world):
        self.world = world
        self.segment = Segment(world)
        self.dns = self.segment.port("dns", [f"{DNS6}/64", f"{DNS4}/24"])
        named = world.iothnamed(self.dns, NAMED)
        named.wait_until(
            lambda: self.dns.dig(f"@{DNS6}", "x.hash.local", "AAAA", "+short", check=False).startswith("fd00:1:"), "DNS answers"
        )
        self.serial = 0

    def serve(self, stack, text, *options, program="namedhcp", number=1, build=w.RELEASE):
        """A server on the stack; its addresses end in `number`."""
        self.serial += 1
        directory = self.world.directory / f"namedhcp-{number}"
        directory.mkdir(exist_ok=True)
        file = directory / f"{self.serial}.rc"
        addresses = [f"fd00:1::{number}/64", f"10.1.0.{number}/24"]
        mac = f"{MAC[:-2]}{number:02x}"
        command = [build / "programs" / program, "-f", file]
        if stack == "kernel":
            namespace = self.segment.port(f"server{number}", addresses)
            text += f"iface {INTERFACE}\n"
        else:
            namespace = HERE
            ip = ",".join(f"ip={a}" for a in addresses)
            string = f"stack={stack},vnl={self.segment.vnl},mac={mac},eth,{ip}"
            text += f"stack {string}\ndnsstack {string}\n"
        file.write_text(text + f"nameserver {DNS6}\n")
        daemon = self.world.daemon(namespace, *command, *options)
        daemon.file, daemon.namespace = file, namespace
        daemon.mac = mac if namespace is HERE else namespace.mac
        daemon.wait_until(lambda: "serving iface=" in daemon.stderr(), "it serves")
        return daemon

    def start_dhclient(self, version, options, name):
        """A dhclient in a namespace of its own, and the file that it writes when it is bound."""
        namespace = self.segment.port(name)
        ready = ["ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
        w.wait_for(lambda: namespace.run(*ready).stdout, "a link-local address")
        directory = servers.folder(self.world, namespace, "dhclient")
        (directory / "dhclient.conf").write_text(f"timeout 60;\ninitial-interval 1;\n{options}\n")
        script = told_in(directory)
        files = ["-cf", directory / "dhclient.conf", "-lf", directory / "leases", "-pf", directory / "pid", "-sf", script]
        command = [peers.program("dhclient"), f"-{version}", "-1", "-d", "-v", *files, INTERFACE]
        daemon = self.world.daemon(namespace, *command, env=peers.environment())
        bound = directory / ("BOUND" if version == 4 else "BOUND6")
        return daemon, bound

    def dhclient(self, version, options, name="client"):
        """dhclient until it is bound: what it tells its script."""
        daemon, bound = self.start_dhclient(version, options, name)
        daemon.wait_until(bound.exists, "dhclient is bound")
        return dict(re.findall(r"^new_(\w+)=(.*)$", bound.read_text(), re.MULTILINE))


    def dhcpcd(self, version, name, host):
        """dhcpcd until it is bound: what it tells its script. It configures nothing."""
        namespace = self.segment.port(host)
        directory = servers.folder(self.world, namespace, "dhcpcd")
        script = told_in(directory)
        (directory / "dhcpcd.conf").write_text(
            f"hostname {name}\nfqdn both\nduid ll\nnoarp\nnoipv6rs\nia_na 1\noption domain_name_servers, routers\n"
        )
        options = ["-B", f"-{version}", "-f", directory / "dhcpcd.conf", "-c", script, INTERFACE]
        daemon = self.world.daemon(namespace, *own_run(directory), peers.program("dhcpcd"), *options, env=peers.environment())
        reason = "BOUND" if version == 4 else "BOUND6"
        bound = directory / reason
        daemon.wait_until(bound.exists, f"dhcpcd is bound\n{daemon.stderr()}")
        return dict(re.findall(r"^new_(\w+)=(.*)$", bound.read_text(), re.MULTILINE))

    def udhcpc(self, name, host):
        """udhcpc, which ends when it is bound: what it tells its script."""
        namespace = self.segment.port(host)
        directory = servers.folder(self.world, namespace, "udhcpc")
        script = told_in(directory, "$1")
        options = ["-f", "-q", "-n", "-t", "10", "-T", "1", "-i", INTERFACE, "-s", script, "-x", f"hostname:{name}"]
        namespace.run(peers.program("busybox"), "udhcpc", *options)
        return dict(re.findall(r"^(\w+)=(.*)$", (directory / "bound").read_text(), re.MULTILINE))


def told_in(directory, reason="$reason"):
    """A script that keeps its environment in a file named by the reason."""
    script = directory / "script"
    script.write_text(f"#!/bin/sh\nenv >{directory}/{reason}.new && mv {directory}/{reason}.new {directory}/{reason}\n")
    script.chmod(0o755)
    return script


def own_run(directory):
    """The command that gives a program a /run and a /var/lib of its own."""
    for name in ("run", "lib"):
        (directory / name).mkdir(exist_ok=True)
    mounts = f"mount --bind {directory}/run /run && mount --bind {directory}/lib /var/lib && exec \"$@\""
    return ["unshare", "--mount", "sh", "-c", mounts, "sh"]


def given6(state):
    return {a.partition("/")[0] for a in state.addresses if a.startswith("fd00:1:")}


def given4(state):
    return {a.partition("/")[0] for a in state.addresses4}


# ---- by name ----


@together
@each_stack
def test_a_name_alone_gives_its_address(world, stack):
    lan = Lan(world)
    lan.serve(stack, NAMES + "dns fd00:1::53\ndnssearch hash.local,lab.test\nlifetime 600/7200\n")
    ours = Client(lan.segment, "vdestack", "eth,dhcp6,fqdn=ours.hash.local")
    told = lan.dhclient(6, 'send fqdn.fqdn "theirs.hash.local";\nalso request dhcp6.name-servers, dhcp6.domain-search;')
    assert told["ip6_address"] == hashed("theirs.hash.local")
    assert told["dhcp6_name_servers"] == "fd00:1::53"
    assert told["dhcp6_domain_search"].rstrip(".") == "hash.local. lab.test"
    assert told["max_life"] == "600", "the TTL of the answer, within the bounds"
    state = ours.wait_until(given6, "an address of DHCPv6")
    assert given6(state) == {hashed("ours.hash.local")}
    ours.wait_until(lambda s: s.servers == ["fd00:1::53"], "name servers")


@together
@each_stack
def test_dhcp4_by_name(world, stack):
    """The A record is the address, the TXT record has the options."""
    lan = Lan(world)
    lan.serve(stack, "domain v4.lab\nprobe off\nlease 300\n", program="namedhcp4")
    told = lan.dhclient(4, 'send host-name "one";')
    assert told["ip_address"] == "10.1.0.77"
    assert told["subnet_mask"] == "255.255.255.0"
    assert told["routers"] == "10.1.0.1"
    assert told["domain_name_servers"] == "10.1.0.53"
    assert told["dhcp_lease_time"] == "300"


@together
def test_other_peoples_clients_with_a_name_alone(world):
    lan = Lan(world)
    lan.serve("vdestack", NAMES + "domain v4.lab\nallow *.v4.lab\ndhcpv4 on\nprobe off\n")
    assert lan.dhcpcd(6, "theirs.hash.local", "dhcpcd6")["dhcp6_ia_na1_ia_addr1"] == hashed("theirs.hash.local")
    assert lan.dhcpcd(4, "one.v4.lab", "dhcpcd4")["ip_address"] == "10.1.0.77"


@together
def test_udhcpc_with_a_name_alone(world):
    lan = Lan(world)
    lan.serve("lwip", "domain v4.lab\nprobe off\n", program="namedhcp4")
    told = lan.udhcpc("one", "udhcpc")
    assert (told["ip"], told["router"], told["dns"]) == ("10.1.0.77", "10.1.0.1", "10.1.0.53")


@together
def test_a_name_by_binding_and_by_pattern(world):
    lan = Lan(world)
    lan.serve("kernel", NAMES + "bind 02:00:00:00:0c:11=bound.hash.local\nname %mac%.hash.local\n")
    bound = Client(lan.segment, "vdestack", "eth,dhcp6", mac="02:00:00:00:0c:11")
    made = Client(lan.segment, "lwip", "eth,dhcp6", mac="02:00:00:00:0c:12")
    assert given6(bound.wait_until(given6, "an address")) == {hashed("bound.hash.local")}
    assert given6(made.wait_until(given6, "an address")) == {hashed("020000000c12.hash.local")}


@together
def test_the_first_client_keeps_its_name(world):
    """Another one that claims it gets nothing, also after the server was killed; a forbidden name gives nothing."""
    lan = Lan(world)
    leases = world.directory / "claims.mdb"
    server = lan.serve("kernel", NAMES + f"leases {leases}\n")
    first = Client(lan.segment, "vdestack", "eth,dhcp6,fqdn=mine.hash.local", mac="02:00:00:00:0c:21")
    first.wait_until(given6, "an address")
    server.kill()
    assert leases.stat().st_mode & 0o777 == 0o600
    again = lan_again(lan, server)
    second, second_bound = lan.start_dhclient(6, 'send fqdn.fqdn "mine.hash.local";', "second")
    again.wait_until(lambda: "somebody else's" in again.stderr(), "the server says why")
    assert not second_bound.exists()
    second.kill()
    third = Client(lan.segment, "vdestack", "eth,dhcp6,fqdn=mine.example,timeout=1", mac="02:00:00:00:0c:23")
    again.wait_until(lambda: "may not have" in again.stderr(), "the server says why")
    assert not given6(third.state())


def lan_again(lan, server):
    """The same server once more."""
    daemon = lan.world.daemon(server.namespace, *server.argv)
    daemon.namespace, daemon.file, daemon.mac = server.namespace, server.file, server.mac
    daemon.wait_until(lambda: "serving iface=" in daemon.stderr(), "it serves")
    return daemon


# ---- pools ----


@together
@each_stack
def test_a_pool(world, stack):
    lan = Lan(world)
    text = POOL + "lease 600\noption domain-name-servers 10.1.0.53\ndnssearch hash.local\noption 26 1400\nfixed 02:00:00:00:0c:32=10.1.0.7\n"
    server = lan.serve(stack, text, program="namedhcp4")
    pooled = Client(lan.segment, "vdestack", "eth,dhcp", mac="02:00:00:00:0c:31")
    fixed = Client(lan.segment, "lwip", "eth,dhcp", mac="02:00:00:00:0c:32")
    told = lan.dhclient(4, "request subnet-mask, routers, domain-name-servers, domain-search, interface-mtu;")
    assert re.fullmatch(r"10\.1\.0\.1[01]\d", told["ip_address"])
    assert (told["routers"], told["interface_mtu"], told["domain_search"].rstrip(".")) == ("10.1.0.1", "1400", "hash.local")
    (address,) = given4(pooled.wait_until(given4, "an address"))
    assert re.fullmatch(r"10\.1\.0\.1[01]\d", address) and address != told["ip_address"]
    assert given4(fixed.wait_until(given4, "an address")) == {"10.1.0.7"}
    lan.segment.wire.wait_for(lambda p: kind(p) == "ARP-PROBE" and p.src == server.mac, "addresses are probed before an offer")
    pooled.configure("-dhcp")
    assert server.stop() == 0, server.stderr()


@together
def test_leases_outlive_a_server_that_is_killed(world):
    lan = Lan(world)
    text = POOL + f"leases {world.directory}/leases.mdb\n"
    server = lan.serve("kernel", text, program="namedhcp4")
    clients = [Client(lan.segment, "vdestack", "eth,dhcp", mac=f"02:00:00:00:0c:4{i}") for i in range(2)]
    before = [given4(client.wait_until(given4, "an address")) for client in clients]
    server.kill()
    for client in clients:
        client.kill()
    again = lan_again(lan, server)
    assert "leases=2" in again.stderr()
    others = [Client(lan.segment, "vdestack", "eth,dhcp", mac=f"02:00:00:00:0c:4{i}") for i in (2, 1, 0)]
    after = [given4(client.wait_until(given4, "an address")) for client in others]
    assert after[1:] == before[::-1], "who had one has it again"
    assert after[0] not in before


@together
def test_an_address_in_use_is_not_offered(world):
    lan = Lan(world)
    lan.segment.port("squatter", ["10.1.0.100/24"])
    server = lan.serve("kernel", f"subnet {NET4}\npool 10.1.0.100-10.1.0.101\n", program="namedhcp4")
    told = [lan.dhclient(4, "", name="a")["ip_address"]]
    assert told == ["10.1.0.101"]
    refused = Client(lan.segment, "vdestack", "eth,dhcp,timeout=1", mac="02:00:00:00:0c:51")
    server.wait_until(lambda: "somebody uses already" in server.stderr(), "it says so")
    assert not given4(refused.state())


# ---- operation ----


@together
def test_both_protocols_and_a_reload(world):
    lan = Lan(world)
    server = lan.serve("kernel", NAMES + POOL)
    ours = Client(lan.segment, "vdestack", "eth,dhcp,dhcp6,fqdn=both.hash.local")
    state = ours.wait_until(lambda s: given4(s) and given6(s), "both addresses")
    assert given6(state) == {hashed("both.hash.local")}
    good = server.file.read_text()
    server.file.write_text(good + "poool x\n")
    server.signal(signal.SIGHUP)
    server.wait_until(lambda: "the old one stays in force" in server.stderr(), "the error of the file")
    assert f"{server.file}:{len(good.splitlines()) + 1}:1: there is no option 'poool', did you mean 'pool'?" in server.stderr()
    server.file.write_text(good.replace("hash.local", "other.local") + "option interface-mtu 1300\nleases /tmp/elsewhere\n")
    server.signal(signal.SIGHUP)
    server.wait_until(lambda: "configuration loaded again" in server.stderr(), "the new one is loaded")
    assert "waits for a restart what=leases" in server.stderr()
    told = lan.dhclient(4, "request subnet-mask, interface-mtu;")
    assert told["interface_mtu"] == "1300"
    assert told["ip_address"] not in given4(state), "leases outlive a reload"
    assert server.stop() == 0, server.stderr()


@together
def test_a_second_server_for_an_interface_fails(world):
    lan = Lan(world)
    server = lan.serve("kernel", NAMES)
    other = lan.world.daemon(server.namespace, *server.argv)
    assert other.process.wait(w.PATIENCE_S) == 1
    assert "another server has it" in other.stderr()


@together
def test_two_servers_and_one_is_killed(world):
    """Each computes the same, so it does not matter whom a client reaches."""
    lan = Lan(world)
    one = lan.serve("kernel", NAMES, number=1)
    lan.serve("vdestack", NAMES, number=2)
    names = [f"node{i}.hash.local" for i in range(6)]
    clients = []
    for i, name in enumerate(names):
        clients.append(Client(lan.segment, "vdestack", f"eth,dhcp6,fqdn={name},timeout=0", mac=f"02:00:00:00:0c:6{i}"))
        if i == 2:
            one.kill()
    for client, name in zip(clients, names):
        assert given6(client.wait_until(given6, f"an address for {name}", 30)) == {hashed(name)}


# ---- the command line ----


def manual_commands():
    """The examples of the manual that only check."""
    text = (w.TREE / "man/namedhcp.8").read_text().split(".Sh EXAMPLES")[1].replace("\\e\n", "")
    commands = [line[2:].replace("\\(dq", '"') for line in text.splitlines() if line.startswith("$ ")]
    return [command for command in commands if "--check" in command]


@pytest.mark.parametrize("command", manual_commands())
def test_the_examples_of_the_manual(command):
    words = shlex.split(command)
    told = HERE.run(PROGRAMS / words[0], *words[1:], cwd=w.TREE)
    assert told.stderr == ""


def host_of_the_head(world, text, vnl):
    """What its head says that a host does, as one command, and its environment."""
    folder = peers.program("dhclient").parent
    inside = text.split("#     vdens ")[1].split("\n", 1)
    lines = re.findall(r"^#     (.*)$", inside[1], re.MULTILINE)
    script = world.directory / "host.sh"
    script.write_text("set -e\n" + "\n".join(lines) + "\n")
    environment = {**os.environ, **peers.environment(), "PATH": f"{folder}:{os.environ['PATH']}"}
    return f"cd {world.directory} && vdens {inside[0].replace('vde:///tmp/hub', vnl)} sh {script}", environment


@together
def test_the_example_of_the_source_tree(world):
    """examples/namedhcp.rc with the named.rc of its head, on the hub that they name."""
    lan = Lan(world)
    text = (w.TREE / "examples/namedhcp.rc").read_text()
    named = "\n".join(re.findall(r"^#     ((?:stack|net|auth) .*)$", text, re.MULTILINE)) + "\n"
    files = [world.directory / "named.rc", world.directory / "namedhcp.rc"]
    for file, content in zip(files, (named, text)):
        file.write_text(content.replace("vde:///tmp/hub", lan.segment.vnl))
    world.daemon(HERE, PROGRAMS / "iothnamed", files[0])
    server = world.daemon(HERE, PROGRAMS / "namedhcp", "-f", files[1])
    server.wait_until(lambda: "serving iface=" in server.stderr(), "it serves")
    command = re.search(r"^#     (iothradvd .*)$", text, re.MULTILINE)[1].replace("vde:///tmp/hub", lan.segment.vnl)
    router = world.daemon(HERE, PROGRAMS / "iothradvd", *command.split()[1:])
    router.wait_until(lambda: "advertising iface=" in router.stderr(), "it advertises")
    host, environment = host_of_the_head(world, text, lan.segment.vnl)
    told = HERE.run("sh", "-c", host, env=environment)
    assert "64 bytes from fc00::4cc:8049:6765:d03a" in told.stdout
    assert lan.dhclient(4, "", name="other")["ip_address"].startswith("10.0.0.1")


@together
def test_in_the_background(world):
    lan = Lan(world)
    pidfile = world.directory / "pid"
    namespace = lan.segment.port("server", ["fd00:1::1/64"])
    options = ["--domain", "hash.local", "-i", INTERFACE, "-n", DNS6, "-d", "-p", pidfile]
    namespace.run(PROGRAMS / "namedhcp", *options)
    pid = int(pidfile.read_text())
    world._undo.callback(end_process, pid)
    told = lan.dhclient(6, 'send fqdn.fqdn "theirs.hash.local";')
    assert told["ip6_address"] == hashed("theirs.hash.local")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"CapEff:\s0+2000$", status, re.MULTILINE), "CAP_NET_RAW is kept, to follow an interface that is made anew"
    assert re.search(r"Seccomp:\s2$", status, re.MULTILINE)
    os.kill(pid, signal.SIGTERM)
    w.wait_for(lambda: not pidfile.exists() or pidfile.read_text() == "", "it ends")


@together
@pytest.mark.parametrize("link", ["leases", "leases-lock", "duid", "duid.new", "pid"])
def test_the_users_links_do_not_lead_root(world, link):
    """Root starts it in a folder of the user whom it becomes, where he has put a symbolic link to a file of root's."""
    if not w.has_other_users():
        pytest.skip("this namespace has no other users")
    segment = Segment(world)
    theirs = world.directory / "of-root"
    theirs.write_text("root's own\n")
    theirs.chmod(0o600)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / link).symlink_to(theirs)
        shutil.chown(folder, "nobody")
        options = ["-i", INTERFACE, "-n", DNS6, "--domain", "hash.local", "--user", "nobody", "--subnet", NET4]
        files = ["--leases", folder / "leases", "--duid", folder / "duid", "--pidfile", folder / "pid"]
        namespace = segment.port("server", ["fd00:1::1/64", "10.1.0.1/24"])
        server = world.daemon(namespace, PROGRAMS / "namedhcp", *options, *files)
        w.wait_for(lambda: "serving iface=" in server.stderr() or not server.is_alive(), "it serves, or refuses to")
        assert theirs.read_text() == "root's own\n"
        if link == "duid.new":  # which is only in the way
            assert server.is_alive()
        else:
            assert str(folder / link.removesuffix("-lock")) in server.stderr()
            assert server.process.wait() == 1
        server.end()


def of_the_stack(server):
    """The namespace of its vdestack, entered with the powers of ours."""
    path = w.namespace_below(server)._net_path
    return w.Namespace("stack", path, ["nsenter", f"--net={path}", "--"])


@together
@pytest.mark.parametrize("stack, interface", [("kernel", INTERFACE), ("vdestack", "vde0")])
def test_the_interface_is_made_anew(world, stack, interface):
    """Another one of the same name takes the place of one that was taken away. On vdestack a server that root started has nothing
    left by which a socket goes from one interface to another."""
    lan = Lan(world)
    server = lan.serve(stack, NAMES + POOL)
    namespace = server.namespace if stack == "kernel" else of_the_stack(server)
    namespace.ip(f"link delete {interface}")
    gone = f'nothing is heard on an interface iface={interface} reason="No such device"'
    server.wait_until(lambda: gone in server.stderr(), "it says so")
    lan.segment.port("server1", ["fd00:1::1/64", "10.1.0.1/24"], interface, namespace)
    server.wait_until(lambda: f"the interface is there again iface={interface}" in server.stderr(), "it follows")
    ours = Client(lan.segment, "vdestack", "eth,dhcp,dhcp6,fqdn=again.hash.local")
    state = ours.wait_until(lambda s: given4(s) and given6(s), "both addresses")
    assert given6(state) == {hashed("again.hash.local")}
    assert server.stop() == 0, server.stderr()


@together
def test_addresses_are_followed_when_there_are_descriptors_again(world):
    lan = Lan(world)
    server = lan.serve("kernel", POOL + "user none\n", program="namedhcp4")
    used = {int(fd) for fd in os.listdir(f"/proc/{server.pid}/fd")}
    first_free = min(set(range(len(used) + 1)) - used)
    limit = lambda soft: server.namespace.run("prlimit", f"--pid={server.pid}", f"--nofile={soft}:")
    limit(first_free)
    server.namespace.ip(f"address add 10.2.0.1/24 dev {INTERFACE}")
    server.wait_until(lambda: "Too many open files" in server.stderr(), "it cannot")
    limit(1024)
    server.wait_until(lambda: "the addresses of our interfaces have changed subnets=" in server.stderr(), "it does it later")
    assert server.stop() == 0, server.stderr()


def end_process(pid):
    if pathlib.Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "options, said_why",
    [
        (["--subnet", "10.0.0.0/24", "--pool", "10.1.0.1-10.1.0.9"], "--pool: '10.1.0.1-10.1.0.9' is not within its subnet"),
        (["--pool", "10.1.0.1-10.1.0.9"], "--pool: a pool is of a subnet, expected 'subnet NET' before it"),
        (["--option", "routers x"], "--option: 'x' is no value of option 'routers', expected IPv4 addresses"),
        (["--option", "54 10.0.0.1"], "--option: option '54' is the server's own"),
        (["--lifetime", "60/30"], "--lifetime: '30' is less than the first number of seconds, expected 60 or more"),
        (["--bind", "zz=a.b"], "--bind: 'zz=a.b', expected a MAC address or the digits of an identifier"),
        (["--name", "host"], "--name: 'host' makes no names"),
        (["--stack", "stack=lwip,foo=1"], "--stack: stack of interface vde0: at 'foo=1'"),
        (["--stack", "kernel"], "--stack: stack of interface vde0: 'kernel' is a stack and no virtual network, expected stack=kernel, or a network such as "),
        (["--dhcpv6", "off"], "--dhcpv6: neither DHCPv6 nor DHCPv4 is to be served"),
        (["--user", "no-such-user"], "--user: there is no user 'no-such-user'"),
        (["--leases", "/x.db", "--leases-group", "nosuch"],
         "--leases-group: cannot let the group nosuch read the lease file /x.db: there is no such group"),
        (["--leases-group", "nosuch"], "--leases-group: 'leases-group' is who may read the lease file, expected 'leases FILE' with it"),
        (["-f", "/nowhere"], "cannot read /nowhere: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said(options, said_why):
    told = HERE.run(PROGRAMS / "namedhcp", "--check", "--domain", "a", *options, check=False)
    assert told.returncode == 1
    assert said_why in told.stderr and told.stderr.endswith("namedhcp: nothing is served\n")


@pytest.mark.parametrize(
    "line, said_why",
    [
        ("resolvconf {0}/none", "12: cannot ask the DNS as {0}/none says: No such file or directory"),
        ("resolvconf {0}", "12: cannot ask the DNS as {0} says: Is a directory"),
        ("leases {0}", "8: cannot use the lease file {0}: Is a directory"),
        ("leases {0}/pipe", "8: cannot use the lease file {0}/pipe: it is no file"),
        ("leases {0}/link", "8: cannot use the lease file {0}/link: it is a symbolic link, and only the file itself is taken"),
        ("leases {0}/text", "8: cannot use the lease file {0}/text: it is damaged, or no lease file"),
        ("leases {0}/none/leases", "8: cannot use the lease file {0}/none/leases: its folder is not there"),
        ("duid {0}", "6: cannot use the file of the DUID {0}: Is a directory"),
        ("duid {0}/pipe", "6: cannot use the file of the DUID {0}/pipe: there is none in it"),
        ("duid {0}/text", "6: cannot use the file of the DUID {0}/text: there is none in it"),
        ("duid {0}/none/duid", "6: cannot use the file of the DUID {0}/none/duid: its folder is not there"),
        ("leases {0}/new", None),
        ("duid {0}/new", None),
    ],
)
def test_the_check_looks_at_files(tmp_path, line, said_why):
    """And makes none."""
    (tmp_path / "text").write_text("this is a text\n" * 1000)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("text")
    rc = tmp_path / "named.rc"
    rc.write_text(f"domain a\n{line.format(tmp_path)}\n")
    before = sorted(tmp_path.iterdir())
    told = HERE.run(PROGRAMS / "namedhcp", "--check", "-f", rc, check=False)
    if said_why:
        assert told.returncode == 1 and told.stderr.startswith(f"{rc}:2:{said_why.format(tmp_path)}"), told.stderr
    else:
        assert told.returncode == 0, told.stderr
    assert sorted(tmp_path.iterdir()) == before


@together
def test_the_check_of_leases_that_a_server_uses(world):
    """It neither stops at them nor disturbs who writes them."""
    lan = Lan(world)
    file = world.directory / "leases.mdb"
    server = lan.serve("kernel", POOL + f"leases {file}\n", program="namedhcp4")
    lan.dhclient(4, "request subnet-mask;")
    for _ in range(3):
        told = HERE.run(PROGRAMS / "namedhcp4", "--check", "-f", server.file, check=False)
        assert told.returncode == 0, told.stderr
    assert server.stop() == 0, server.stderr()


def test_what_the_system_lacks_is_said_at_once():
    told = HERE.run(PROGRAMS / "namedhcp", "--check", "--domain", "a", "--user", "no-such-user", "--controlgroup", "no-such-group",
                    "--pidfile", "/no/such/folder/pid", "--leases", "/no/such/folder/leases", "--stack", "kernel", check=False)
    assert told.returncode == 1
    lines = told.stderr.splitlines()
    assert lines[0] == "--user: there is no user 'no-such-user'" and "there is no group 'no-such-group'" in lines[1]
    assert "cannot write the pidfile /no/such/folder/pid: " in lines[2] and lines[3].startswith("--stack: "), told.stderr
    assert lines[4:] == ["namedhcp: nothing is served"]


def test_the_program_says_what_it_is():
    for name in ("namedhcp", "namedhcp4"):
        assert HERE.run(PROGRAMS / name, "--version").stdout.startswith(f"{name} ")
        assert f"usage: {name} " in HERE.run(PROGRAMS / name, "-h").stdout
    assert HERE.run(PROGRAMS / "namedhcp", "--nonsense", check=False).returncode == 2
