# SPDX-License-Identifier: LGPL-2.1-or-later
"""Leases of namedhcp in the DNS: iothnamed reads its lease file, forward and reverse, while namedhcp writes it, is killed, and
whatever becomes of the file."""

import os
import re

import pytest

import peers
import world as w
from dhcp_lab import INTERFACE, Client, Segment, running, together  # noqa: F401
from test_namedhcp import told_in

HERE = w.Namespace("here", "/proc/self/ns/net", [])
DNS = "10.1.0.53"
POOL = "10.1.0.100-10.1.0.149"
LEASES = "/var/lib/namedhcp/leases"
PAGE = 4096


class Lan:
    """A link with namedhcp4 and iothnamed on it, which share a lease file."""

    def __init__(self, world, text=None, build=w.RELEASE):
        self.world = world
        self.segment = Segment(world)
        self.leases = world.directory / "leases"
        self.server = self.segment.port("server", ["10.1.0.1/24"])
        self.dns = self.segment.port("dns", [f"{DNS}/24"])
        text = text or f"net all ::/0\nauth lease all .lan.test {LEASES}\nauth lease all 10.1.0.0/24 {LEASES}\n"
        user = "option user nobody:nogroup\n" if w.has_other_users() else ""  # who is not namedhcp's
        text = user + text.replace(LEASES, str(self.leases))
        self.named = world.iothnamed(self.dns, text, build=build)
        self.named.wait_until(lambda: "status:" in self.dig("lan.test", "SOA", "+comments"), "it answers")

    def serve(self):
        file = self.world.directory / "namedhcp.rc"
        shared = "leases-group nogroup\n" if w.has_other_users() else ""
        file.write_text(
            f"{shared}iface {INTERFACE}\nnameserver {DNS}\nsubnet 10.1.0.0/24\npool {POOL}\nprobe off\n"
            f"domain lan.test\nname %mac%.lan.test\nleases {self.leases}\n"
        )
        self.dhcp = self.world.daemon(self.server, w.RELEASE / "programs/namedhcp4", "-f", file)
        return self.dhcp

    def started(self):
        self.serve().wait_until(lambda: "serving iface=" in self.dhcp.stderr(), "it serves")
        return self.dhcp

    def dig(self, *question):
        return self.dns.dig(f"@{DNS}", *question, check=False)

    def address(self, name):
        return self.dig(name, "A", "+short").split()

    def wait_for_name(self, name, address):
        try:
            w.wait_for(lambda: self.address(name) == [address], f"{name} has {address}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.dig(name, 'A')}\n{self.named.stderr()}\n{self.dhcp.stderr()}") from None
        assert self.dig("-x", address, "+short").split() == [f"{name}."]

    def dhclient(self, name):
        """A dhclient that is bound, and its address."""
        namespace = self.segment.port(name)
        directory = self.world.directory / name
        directory.mkdir()
        (directory / "conf").write_text(f'timeout 60;\ninitial-interval 1;\nsend host-name "{name}";\n')
        files = ["-cf", directory / "conf", "-lf", directory / "leases", "-pf", directory / "pid", "-sf", told_in(directory)]
        daemon = self.world.daemon(namespace, peers.program("dhclient"), "-4", "-1", "-d", *files, INTERFACE, env=peers.environment())
        daemon.wait_until((directory / "BOUND").exists, "dhclient is bound")
        return dict(re.findall(r"^new_(\w+)=(.*)$", (directory / "BOUND").read_text(), re.MULTILINE))["ip_address"]


def status_of(answer):
    return re.search(r"status: (\w+)", answer).group(1)


@together
def test_a_lease_has_its_name(world):
    """There is no file at first. A name appears within a second of its lease, and goes when it is released."""
    lan = Lan(world)
    assert status_of(lan.dig("laptop.lan.test", "A")) == "NXDOMAIN"
    lan.started()
    address = lan.dhclient("laptop")
    lan.wait_for_name("laptop.lan.test", address)
    answer = lan.dig("LAPTOP.lan.test", "A")
    assert " aa " in answer
    ttl = int(re.search(r"^LAPTOP\.lan\.test\.\s+(\d+)\s+IN\s+A", answer, re.MULTILINE).group(1))
    assert 0 < ttl <= 60
    assert status_of(lan.dig("laptop.lan.test", "AAAA")) == "NOERROR"
    assert status_of(lan.dig("laptop.elsewhere", "A")) == "REFUSED"
    assert status_of(lan.dig("-x", "10.1.0.200")) == "NXDOMAIN"
    ours = Client(lan.segment, "lwip", "eth,dhcp,fqdn=ours.lan.test", mac="02:00:00:00:0e:01")
    state = ours.wait_until(lambda s: s.addresses4, "an address")
    (own,) = {a.partition("/")[0] for a in state.addresses4}
    lan.wait_for_name("ours.lan.test", own)
    ours.configure("-dhcp")
    w.wait_for(lambda: status_of(lan.dig("ours.lan.test", "A")) == "NXDOMAIN", "a name that was given back is gone")
    assert lan.address("laptop.lan.test") == [address]
    assert lan.named.stop() == 0


@together
def test_the_example_of_the_manual(world):
    page = (w.TREE / "man/iothnamed.conf.5").read_text()
    examples = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed", page, re.MULTILINE)
    (example,) = [text for text in examples if "auth    lease" in text]
    lan = Lan(world, example)
    lan.started()
    address = lan.dhclient("laptop")
    lan.wait_for_name("laptop.lan.test", address)
    assert lan.address("printer.lan.test") == ["10.1.0.9"]
    assert status_of(lan.dig("laptop.lan.test", "AAAA")) == "NOERROR"
    assert status_of(lan.dig("nobody.lan.test", "A")) == "NXDOMAIN"


@together
def test_hashed_addresses_beside_leased_ones(world):
    """A node has both: A by its lease, AAAA by its name."""
    lan = Lan(world)
    lan.named.configuration.write_text(lan.named.configuration.read_text() + "auth hash all .lan.test fd00:1::\n")
    lan.named.signal(1)
    lan.named.wait_until(lambda: "configuration loaded again" in lan.named.stderr(), "it has loaded the rules")
    lan.started()
    address = lan.dhclient("both")
    lan.wait_for_name("both.lan.test", address)
    assert lan.dig("both.lan.test", "AAAA", "+short").startswith("fd00:1:")
    assert lan.dig("nobody.lan.test", "AAAA", "+short").startswith("fd00:1:")
    assert status_of(lan.dig("nobody.lan.test", "A")) == "NOERROR"


@together
def test_names_outlive_a_server_that_is_killed(world):
    lan = Lan(world)
    lan.started()
    first = lan.dhclient("first")
    lan.wait_for_name("first.lan.test", first)
    lan.dhcp.kill()
    assert lan.address("first.lan.test") == [first]
    lan.started()
    second = lan.dhclient("second")
    lan.wait_for_name("second.lan.test", second)
    assert lan.address("first.lan.test") == [first]


@together
def test_a_damaged_file_ends_nobody(world):
    """iothnamed says so once, and answers as before; namedhcp does not begin with it; a new file is taken up."""
    lan = Lan(world, build=w.ASAN)
    lan.started()
    address = lan.dhclient("laptop")
    lan.wait_for_name("laptop.lan.test", address)
    lan.dhcp.kill()
    size = lan.leases.stat().st_size
    with open(lan.leases, "r+b") as file:
        for page in range(size // PAGE):
            file.seek(page * PAGE)
            file.write(os.urandom(64))
    lan.named.wait_until(lambda: "a lease file cannot be read" in lan.named.stderr(), "it says so")
    assert "reason=\"it is damaged, or no lease file\"" in lan.named.stderr()
    assert lan.address("laptop.lan.test") == [address]
    lan.serve()
    assert lan.dhcp.process.wait(w.PATIENCE_S) == 1
    assert "it is damaged, or no lease file" in lan.dhcp.stderr()
    with open(lan.leases, "r+b") as file:
        file.truncate(100)
    assert lan.address("laptop.lan.test") == [address]
    for path in (lan.leases, lan.leases.with_name("leases-lock")):
        path.unlink()
    lan.started()
    other = lan.dhclient("other")
    lan.wait_for_name("other.lan.test", other)
    assert "a lease file is read again" in lan.named.stderr()
    assert lan.address("laptop.lan.test") == []
    assert lan.named.stop() == 0
    lan.named.assert_no_report()


@together
def test_an_ordinary_user_reads_what_he_may(world):
    """A file that cannot be opened: nobody knows, and the log says why."""
    lan = Lan(world)
    lan.started()
    address = lan.dhclient("laptop")
    lan.wait_for_name("laptop.lan.test", address)
    lan.leases.chmod(0)
    other = world.iothnamed(HERE, f"net all ::/0\noption port 5310\noption listen 127.0.0.1\nauth lease all .lan.test {lan.leases}\n",
                            ordinary_user=True)
    other.wait_until(lambda: "a lease file cannot be read: nothing is known of its names" in other.stderr(), "it says so")
    ask = ["@127.0.0.1", "-p", "5310", "laptop.lan.test", "A"]
    other.wait_until(lambda: "status: SERVFAIL" in HERE.dig(*ask, check=False), "it does not know")
    lan.leases.chmod(0o644)
    other.wait_until(lambda: HERE.dig(*ask, "+short", check=False).split() == [address], "it reads the file again")


@pytest.mark.long
@together
def test_names_while_leases_come_in_by_the_thousand(world):
    """perfdhcp renews forty leases a thousand times a second; the file is read all the time, and no reading fails."""
    lan = Lan(world)
    lan.started()
    client = lan.segment.port("clients", ["10.1.0.2/24"])
    load = [peers.program("perfdhcp"), "-4", "-r", "1000", "-R", "40", "-p", "5", "-l", INTERFACE]
    client.run(*load, env=peers.environment(), check=False, timeout=30)
    addresses = [f"10.1.0.{last}" for last in range(100, 150)]
    w.wait_for(lambda: sum(lan.dig("-x", a, "+short").endswith(".lan.test.\n") for a in addresses) >= 40, "their names")
    assert "cannot be read" not in lan.named.stderr()
