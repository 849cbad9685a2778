# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person asks of a running namedhcp, or tells it, by namedhcpctl; and the page that is scraped."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import urllib.request

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

import world as w
from dhcp_lab import Client, running, together  # noqa: F401
from test_namedhcp import HERE, NAMES, POOL, PROGRAMS, Lan, given4, hashed, lan_again
from test_namedhcp_port import process_with

SANITIZED = w.ASAN if (w.ASAN / "programs/namedhcp").exists() else w.RELEASE


class Controlled:
    """A DHCPv4 server with pools, a lease file and a control socket."""

    def __init__(self, world, text="", stack="kernel", build=SANITIZED, pool=POOL):
        self.world = world
        self.lan = Lan(world)
        self.socket = world.directory / "control"
        self.file = world.directory / "leases.mdb"
        self.text = f"{NAMES}{pool}probe off\nleases {self.file}\ncontrol {self.socket}\n{text}"
        self.server = self.lan.serve(stack, self.text, build=build)

    def ctl(self, *words, check=True):
        return HERE.run(PROGRAMS / "namedhcpctl", "-s", self.socket, *words, check=check)

    def say(self, *words):
        return self.ctl(*words).stdout

    def numbers(self, *words):
        return {key: int(value) for key, value in (line.rsplit(" ", 1) for line in self.say(*words).splitlines())}

    def client(self, number, options="eth,dhcp"):
        return Client(self.lan.segment, "vdestack", options, mac=f"02:00:00:00:0e:{number:02x}")

    def stop(self):
        assert self.server.stop() == 0, self.server.stderr()


def address_of(client):
    (address,) = given4(client.wait_until(given4, "an address"))
    return address


def lease_of(world, lan, number, name=None):
    """An address by frames alone: DISCOVER, OFFER, REQUEST, ACK."""
    mac = f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}"
    wire = lan.segment.wire

    def ask(kind, *options):
        since = len(wire)
        more = [("hostname", name)] if name else []
        wire.send(
            Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")
            / IP(src="0.0.0.0", dst="255.255.255.255")
            / UDP(sport=68, dport=67)
            / BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=number + 1, flags=0x8000)
            / DHCP(options=[("message-type", kind), *options, *more, "end"])
        )
        is_reply = lambda p: p.haslayer(BOOTP) and p[BOOTP].op == 2 and p[BOOTP].xid == number + 1
        return wire.wait_for(is_reply, f"a reply to {kind}", since)[BOOTP].yiaddr

    offered = ask("discover")
    server = "10.1.0.1"
    return mac, ask("request", ("requested_addr", offered), ("server_id", server))


@together
def test_status_and_stats(world):
    it = Controlled(world)
    status = json.loads(it.say("-j", "status"))
    assert status["pid"] == it.server.pid and status["dhcpv4"] == "on" and status["healthy"] == "yes"
    assert status["leases"] == 0 and status["leases_are_kept"] == "yes"
    address_of(it.client(1, "eth,dhcp,fqdn=stat.hash.local"))
    stats = it.numbers("counters")
    assert stats["dhcpv4_received_discover"] >= 1 and stats["dhcpv4_offer"] >= 1 and stats["dhcpv4_ack"] >= 1
    assert stats["commits"] >= 1 and stats["failed_commits"] == 0
    assert json.loads(it.say("-j", "counters")).keys() == stats.keys()
    assert f"leases {1}" in it.say("status").splitlines()
    w.wait_for(lambda: "10.1.0.100-10.1.0.119 size 20 used 1" in it.say("pools"), "the pools are seen anew")
    assert it.say("help").startswith("status")
    assert "unknown command 'leasse'" in it.ctl("leasse", check=False).stderr
    it.stop()


@together
@pytest.mark.parametrize("stack", ["vdestack", "lwip"])
def test_it_is_not_well_while_its_network_is_away(world, stack):
    """Its hub dies, and there is another one."""
    it = Controlled(world, "user none\n", stack)  # another user may not have the way to the hub
    status = lambda: json.loads(it.say("-j", "status"))
    assert status()["healthy"] == "yes" and status()["interfaces_unserved"] == "none"
    path = it.lan.segment.vnl.removeprefix("vde://")
    os.kill(process_with(f"hub://{path}"), signal.SIGKILL)
    w.wait_for(lambda: status()["healthy"] == "no", "its state says so")
    assert status()["interfaces_unserved"] == status()["interfaces"]
    assert 'nothing is heard on an interface iface=vde0 reason="Network is down"' in it.server.stderr()
    shutil.rmtree(path, ignore_errors=True)
    again = world.daemon(HERE, "vde_plug", "null://", f"hub://{path}")
    again.wait_until(lambda: w.listens(f"{path}/ctl"), "another hub")
    w.wait_for(lambda: status()["healthy"] == "yes", "it is well again")
    assert status()["interfaces_unserved"] == "none"
    it.stop()


@together
def test_counters_outlive_a_reload(world):
    it = Controlled(world)
    address_of(it.client(1))
    before = it.numbers("counters")
    it.ctl("reload")
    after = it.numbers("counters")
    assert all(after[key] >= value for key, value in before.items())
    it.server.file.write_text(it.server.file.read_text() + "rapid-commit off\nduid /nowhere/duid\n")
    for _ in range(2):  # each time
        assert it.say("reload") == "warning: this change waits for a restart what=duid\n"
    status = json.loads(it.say("-j", "status"))
    assert status["reloads"] == 3 and status["failed_reloads"] == 0
    it.server.file.write_text(it.server.file.read_text() + "poool x\n")
    assert "there is no option 'poool', did you mean 'pool'?" in it.ctl("check", check=False).stderr
    assert it.ctl("reload", check=False).returncode == 1
    assert json.loads(it.say("-j", "status"))["failed_reloads"] == 1
    it.stop()


@together
def test_leases_are_listed(world):
    it = Controlled(world)
    clients = [it.client(i, f"eth,dhcp,fqdn=host{i}.hash.local") for i in range(3)]
    addresses = [address_of(client) for client in clients]
    lines = it.say("leases").splitlines()
    assert [line.split()[0] for line in lines] == sorted(addresses)
    for number, address in enumerate(addresses):
        (line,) = it.say("leases", address).splitlines()
        assert re.fullmatch(rf"{address} bound \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ 02:00:00:00:0e:{number:02x} [0-9a-f]+ \S+", line)
        assert it.say("leases", f"02:00:00:00:0e:{number:02x}").splitlines() == [line]
        assert it.say("leases", line.split()[-1].upper()).splitlines() == [line]
    assert it.say("leases", "10.1.0.0/24").splitlines() == lines
    assert it.say("leases", "10.2.0.0/24") == "" and it.say("leases", "nobody.hash.local") == ""
    for wrong in ("a..b", "10.0.0.0/33", "lan/24"):
        assert "that is no network, name or MAC address" in it.ctl("leases", wrong, check=False).stderr
    it.stop()


@together
def test_a_lease_is_released_and_forgotten(world):
    it = Controlled(world)
    client = it.client(1)
    address = address_of(client)
    it.ctl("release", address)
    assert it.say("leases", address).split()[1] == "released"
    assert "nobody has this address" in it.ctl("release", address, check=False).stderr
    it.server.kill()  # what was answered is on record
    it.server = lan_again(it.lan, it.server)
    assert it.say("leases", address).split()[1] == "released"
    it.ctl("forget", address)
    assert it.say("leases") == ""
    assert "nothing is known of this address" in it.ctl("forget", address, check=False).stderr
    assert "that is no address or name" in it.ctl("forget", "a..b", check=False).stderr
    it.server.kill()
    it.server = lan_again(it.lan, it.server)
    assert it.say("leases") == ""
    it.stop()


@together
def test_a_pool_that_is_full_has_room_again(world):
    it = Controlled(world, pool="subnet 10.1.0.0/24\npool 10.1.0.100-10.1.0.100\n")
    assert address_of(it.client(1)) == "10.1.0.100"
    second = it.client(2, "eth,dhcp,timeout=1")
    w.wait_for(lambda: it.numbers("counters")["dhcpv4_no_address"] > 0, "nothing is left")
    assert not given4(second.state())
    it.ctl("forget", "10.1.0.100")
    assert f"command name=forget argument=10.1.0.100 uid={os.getuid()}" in it.server.stderr()
    assert lease_of(world, it.lan, 3)[1] == "10.1.0.100"
    it.stop()


@together
def test_a_claimed_name_is_anybodys_again(world):
    it = Controlled(world)
    mine = Client(it.lan.segment, "vdestack", "eth,dhcp6,fqdn=mine.hash.local", mac="02:00:00:00:0e:01")
    mine.wait_until(lambda s: any(a.startswith("fd00:1:") for a in s.addresses), "an address")
    (line,) = it.say("claims").splitlines()
    assert line.startswith("mine.hash.local ") and it.say("claims", "mine.hash.local").splitlines() == [line]
    assert it.say("claims", "other.hash.local") == ""
    options = 'send fqdn.fqdn "mine.hash.local";'
    other, bound = it.lan.start_dhclient(6, options, "other")
    w.wait_for(lambda: it.numbers("counters")["dhcpv6_name_forbidden"] > 0, "it is refused")
    assert not bound.exists()
    other.kill()
    mine.kill()
    it.ctl("forget", "MINE.hash.local")
    assert it.say("claims") == ""
    assert "nobody has claimed this name" in it.ctl("forget", "mine.hash.local", check=False).stderr
    assert it.lan.dhclient(6, options, name="third")["ip6_address"] == hashed("mine.hash.local")
    (line,) = it.say("claims").splitlines()
    assert line.startswith("mine.hash.local ")
    it.stop()


@together
def test_a_long_list_comes_page_by_page(world):
    it = Controlled(world, pool="subnet 10.1.0.0/16\npool 10.1.4.0-10.1.7.255\n", build=w.RELEASE)
    wanted = {}
    for number in range(600):
        mac, address = lease_of(world, it.lan, number)
        wanted[address] = mac
    lines = it.say("leases").splitlines()
    assert {line.split()[0]: line.split()[3] for line in lines} == wanted
    half = {a: m for a, m in wanted.items() if a.startswith(("10.1.4.", "10.1.5."))}
    assert {line.split()[0]: line.split()[3] for line in it.say("leases", "10.1.4.0/23").splitlines()} == half
    with socket.socket(socket.AF_UNIX) as gone:  # who asks and goes away leaves nothing behind
        gone.connect(str(it.socket))
        gone.send(b"leases\n")
    assert len(it.say("leases").splitlines()) == 600
    it.stop()


@together
def test_many_ask_at_once(world):
    """Commands, reloads and clients at the same time, under the thread sanitizer where there is one."""
    build = w.TSAN if (w.TSAN / "programs/namedhcp").exists() else SANITIZED
    it = Controlled(world, build=build)
    for number in range(4):
        lease_of(world, it.lan, number)
    failed = []

    def ask(*words):
        for _ in range(8):
            if it.ctl(*words, check=False).returncode:
                failed.append(words)

    threads = [threading.Thread(target=ask, args=words) for words in (["leases"], ["counters"], ["reload"], ["claims"], ["pools"])]
    for thread in threads:
        thread.start()
    for number in range(4, 10):
        lease_of(world, it.lan, number)
    for thread in threads:
        thread.join()
    assert not failed
    assert len(it.say("leases").splitlines()) == 10
    it.stop()
    assert "WARNING: ThreadSanitizer" not in it.server.stderr()


def scraped(text):
    """Samples by name and labels; the form is checked on the way."""
    assert text.endswith("# EOF\n")
    families, samples = set(), {}
    for line in text.splitlines()[:-1]:
        if line.startswith("# "):
            word, name = line.split()[1:3]
            if word == "TYPE":
                assert name not in families
                families.add(name)
            continue
        name, _, value = line.rpartition(" ")
        assert re.fullmatch(r'\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})?', name), line
        assert name not in samples
        samples[name] = float(value)
    return samples


@together
def test_the_page(world):
    it = Controlled(world, "metrics 127.0.0.1@9553\n", stack="vdestack")
    lease_of(world, it.lan, 1)

    def get(path):
        with urllib.request.urlopen(f"http://127.0.0.1:9553{path}", timeout=w.PATIENCE_S) as answer:
            return answer.read().decode()

    samples = scraped(get("/metrics"))
    assert samples['namedhcp_received_types_total{protocol="dhcpv4",type="discover"}'] >= 1
    assert samples['namedhcp_replies_total{protocol="dhcpv4",type="ack"}'] >= 1
    assert samples["namedhcp_leases"] == 1
    pool = '{pool="10.1.0.100-10.1.0.119"}'
    w.wait_for(lambda: scraped(get("/metrics")).get(f"namedhcp_pool_used{pool}") == 1, "the pools are seen anew")
    assert samples[f"namedhcp_pool_size{pool}"] == 20
    address_of(it.client(1, "eth,dhcp,fqdn=page.hash.local"))
    Client(it.lan.segment, "vdestack", "eth,dhcp6,fqdn=six.hash.local", mac="02:00:00:00:0e:07").wait_until(
        lambda s: any(a.startswith("fd00:1:") for a in s.addresses), "an address", 20
    )
    samples = scraped(get("/metrics"))
    assert samples['namedhcp_names_total{result="found"}'] >= 1
    assert samples["namedhcp_name_latency_seconds_count"] >= samples['namedhcp_names_total{result="found"}']
    assert get("/healthz") == "ok\n"
    it.stop()


@pytest.mark.parametrize("value", ["x", "127.0.0.1", "127.0.0.1:80", "@80"])
def test_a_wrong_address_of_the_page(value):
    told = HERE.run(PROGRAMS / "namedhcp", "--check", "--domain", "a", "--metrics", value, check=False)
    assert told.returncode == 1 and "expected one such as 127.0.0.1@9153" in told.stderr
