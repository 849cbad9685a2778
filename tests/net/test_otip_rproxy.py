# SPDX-License-Identifier: LGPL-2.1-or-later
"""otip_rproxy as its clients and its enemies see it: the talk's fifth scenario with a server behind it, transfers over many
epochs, clocks that are wrong, and what is heard of addresses whose time is over. On vdestack and on lwip."""

import hashlib
import os
import random
import re
import socket
import subprocess
import threading
import time

import pytest
from scapy.layers import inet, inet6

import otip_lab
import peers
import questions
import world as w
from dhcp_lab import INTERFACE, STACKS, running, together  # noqa: F401
from nss_lab import Machine
from otip_lab import CLIENT, ECHO, NAME, UNSERVED, Lab, address_of

pytestmark = pytest.mark.about_time  # addresses come and go by the clock

on_each_stack = pytest.mark.parametrize("stack", STACKS)


# ---- scenario 5 ----


def with_resolver(lab):
    """The client, with the talk's configuration of iothnamed as its resolver, which gives the addresses of NAME. Returns both."""
    (path,) = (w.TREE / "examples/scenarios").glob("5-*.rc")
    text = path.read_text().replace("vde:///tmp/hub", lab.segment.vnl).replace("# auth      otip", "auth        otip")
    server = lab.world.iothnamed(lab.server, text, w.ASAN)
    client = lab.world.with_resolver(lab.client, otip_lab.RESOLVER)
    server.wait_until(lambda: questions.answers(client, NAME, "AAAA", server=otip_lab.RESOLVER), "an answer")
    return client, server


@on_each_stack
@together
def test_scenario_5(world, stack):
    lab = Lab(world, stack, build=w.ASAN)
    client, server = with_resolver(lab)

    told = client.run("ping", "-6", "-c", "1", "-w", "20", NAME).stdout
    assert re.search(rf"PING {NAME} ?\(2001:760:2e00:ff00:", told) and "1 received" in told
    env = {**os.environ, **peers.environment()}
    told = client.run(peers.program("curl"), "-sS", "--max-time", "50", f"http://{NAME}/", env=env).stdout
    assert told == "hidden page\n"
    nc = peers.program("nc.openbsd")
    assert client.run("sh", "-c", f"echo tcp | {nc} -6 -N -w 10 {NAME} 7", env=env).stdout == "tcp\n"
    assert client.run("sh", "-c", f"echo udp | {nc} -6 -u -w 2 {NAME} 7", env=env).stdout == "udp\n"
    shell = otip_lab.SecureShell(lab)
    told = client.run(*shell.command("echo $SSH_CONNECTION; cat"), env=env)
    assert told.stdout.startswith("127.0.0.1 ")
    assert server.stop() == 0, server.stderr()
    lab.stop()


@on_each_stack
@together
def test_an_ssh_session_outlives_its_address(world, stack):
    lab = Lab(world, stack, period=5, window=1.5)
    client = lab.world.with_resolver(lab.client, otip_lab.RESOLVER)
    hosts = world.directory / "hosts"
    shell = otip_lab.SecureShell(lab)
    hosts.write_text(f"{lab.address()} {NAME}\n")
    enter = [*client._enter, "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    env = {**os.environ, **peers.environment()}
    session = subprocess.Popen(
        [*enter, *map(str, shell.command("cat"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    world._undo.callback(session.kill)
    epoch = lab.epoch()
    session.stdin.write(b"before\n")
    session.stdin.flush()
    assert session.stdout.readline() == b"before\n", session.stderr.read()
    lab.wait_until(epoch + 2, 2.0)
    session.stdin.write(b"after\n")
    session.stdin.flush()
    assert session.stdout.readline() == b"after\n"
    session.stdin.close()
    assert session.wait(w.PATIENCE_S) == 0
    lab.stop()


@on_each_stack
@together
def test_names_need_no_server(world, stack):
    """By libnss_otip, whose secret is in a file: nothing else is asked."""
    lab = Lab(world, stack)
    machine = Machine(world, lab.client, hosts="files otip [!UNAVAIL=return]")
    machine.write("otip.conf", f"otip {NAME} {otip_lab.PREFIX}/64 secret otip/renzo\n")
    env = {**os.environ, **peers.environment(), "HOME": "/nowhere"}
    told = machine.inside.run(peers.program("curl"), "-sS", "--max-time", "50", f"http://{NAME}/", env=env).stdout
    assert told == "hidden page\n"
    shell = otip_lab.SecureShell(lab)
    assert machine.inside.run(*shell.command("echo from inside"), env=env).stdout == "from inside\n"
    lab.stop()


# ---- transfers ----


def transfer_over(lab, epochs):
    """Sends noise to the echo service until so many epochs have begun, and compares what comes back by its digest."""
    connection = lab.connect_soon()
    connection.settimeout(60)
    noise = random.Random(5)
    sent, received = hashlib.sha256(), hashlib.sha256()
    count = [0, 0]

    def receive():
        while data := connection.recv(65536):
            received.update(data)
            count[1] += len(data)

    receiver = threading.Thread(target=receive)
    receiver.start()
    last = lab.epoch() + epochs
    while lab.epoch() <= last:
        data = noise.randbytes(noise.randrange(1, 8192))
        connection.sendall(data)
        sent.update(data)
        count[0] += len(data)
        time.sleep(0.05)
    connection.shutdown(socket.SHUT_WR)
    receiver.join(60)
    assert not receiver.is_alive()
    assert count[0] == count[1] > 0
    assert sent.digest() == received.digest()


def transfer(world, stack, period, window):
    lab = Lab(world, stack, period=period, window=window)
    transfer_over(lab, 18)
    w.wait_for(lambda: lab.figure("tcp_flows") == 0, "the end of the flow")
    assert lab.figure("addresses_opened") >= 18
    assert lab.figure("tcp_reset") == lab.figure("dropped") == 0
    lab.stop()


@on_each_stack
@together
def test_a_transfer_over_eighteen_epochs_loses_no_byte(world, stack):
    transfer(world, stack, period=2, window=0.5)


@pytest.mark.long
@on_each_stack
@together
def test_a_transfer_of_ten_minutes_loses_no_byte(world, stack):
    transfer(world, stack, period=32, window=8)


# ---- clocks ----


@on_each_stack
@together
def test_clocks_that_are_wrong(world, stack):
    """With the windows as they are by default. A wrong clock computes what ours computes at another time."""
    lab = Lab(world, stack)
    for off_s in (0, -7, 7):
        w.wait_for(lambda: lab.answers(address_of(lab.epoch(off_s))), f"an answer to a clock that is {off_s} s off")
    for off_s in (-60, 60):
        address = address_of(lab.epoch(off_s))
        assert not lab.answers(address), f"a clock that is {off_s} s off"
        assert not lab.wire.heard(lambda p: is_from(p, address))
    lab.stop()


# ---- at every instant ----


def look_around(lab, epochs):
    """Connects over and over, at the address of the moment, and looks how many there are. Returns how often."""
    w.stalls()
    first, count = lab.epoch() + 1, 0
    lab.wait_until(first)
    stack = lab.stack_namespace() if lab.stack == "vdestack" else None
    while (epoch := lab.epoch()) < first + epochs:
        begin = time.monotonic()
        answered = lab.answers(lab.address(epoch), timeout=0.9)
        if not answered and w.stalls().worst(begin - 1, time.monotonic()) < 0.1:
            # Once more, for a packet that was late behind the end of its window: the window allows half a second of that.
            assert lab.answers(lab.address(), timeout=0.9), f"nobody answered in epoch {epoch}"
        standing = standing_addresses(stack) if stack else None
        open_now = lab.figure("addresses_open")
        assert 1 <= open_now <= 2
        if standing is not None:
            assert len(standing) <= 2
            assert standing <= {address_of(e) for e in range(epoch - 1, lab.epoch() + 2)}
        count += 1
        time.sleep(0.03)
    return count


def standing_addresses(stack):
    told = stack.run("ip", "-6", "-o", "address", "show", "scope", "global").stdout
    return set(re.findall(r"inet6 ([0-9a-f:]+)/", told))


def settle(lab):
    """Waits until the stack's own link-local address has passed its duplicate address detection: its route comes after it."""
    if lab.stack == "vdestack":
        show = ("ip", "-6", "-o", "address", "show", "scope", "link")
        w.wait_for(lambda: (told := lab.stack_namespace().run(*show).stdout) and "tentative" not in told, "a link-local address")


def belongings(lab):
    """The number of descriptors, and the routes, rules and neighbours but for those of present addresses and of the client."""
    found = {"descriptors": len(os.listdir(f"/proc/{lab.proxy.pid}/fd"))}
    if lab.stack == "vdestack":
        stack = lab.stack_namespace()
        now = lab.epoch()
        passing = {lab.client_local, CLIENT, *(address_of(epoch) for epoch in range(now - 1, now + 10))}  # this may take long
        for what in ("route show table all", "rule", "neigh show", "neigh show proxy"):
            lines = stack.run("ip", "-6", *what.split()).stdout.splitlines()
            found[what] = sorted(line for line in lines if not any(address in line.split() for address in passing))
    return found


def instants(world, stack, epochs):
    lab = Lab(world, stack, period=2, window=0.5)
    told = lab.client.run("ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link").stdout
    lab.client_local = re.search(r"inet6 (fe80[0-9a-f:]+)/", told)[1]
    lab.connect_soon().close()
    w.wait_for(lambda: lab.figure("tcp_flows") == 0, "no flow")
    settle(lab)
    lab.wait_until(lab.epoch() + 1, 1.0)  # one address stands
    before = belongings(lab)
    count = look_around(lab, epochs)
    assert count > epochs
    w.wait_for(lambda: lab.figure("tcp_flows") == 0, "no flow")

    for _ in range(5):  # a neighbour is forgotten after a while
        lab.wait_until(lab.epoch() + 1, 1.0)
        after = belongings(lab)
        if after == before:
            break
    assert not [f"{what}: {before[what]}, and now {after[what]}" for what in before if after[what] != before[what]]
    assert lab.figure("addresses_failed") == lab.figure("addresses_claimed") == 0
    lab.stop()


@on_each_stack
@together
def test_at_every_instant_an_address_answers(world, stack):
    instants(world, stack, 10)


@pytest.mark.long
@on_each_stack
@together
def test_at_every_instant_of_two_hundred_epochs(world, stack):
    instants(world, stack, 200)


# ---- what is heard of the past ----


def is_from(packet, address):
    """The packet is from that address, or says something about it on its own."""
    if inet6.ICMPv6ND_NA in packet:
        return packet[inet6.ICMPv6ND_NA].tgt == address
    return inet6.IPv6 in packet and packet[inet6.IPv6].src == address


def is_advertisement(packet):
    return inet6.ICMPv6ND_NA in packet


def disturb(lab, address, namespace):
    """All that an enemy can send to an address in a second."""
    waiting = []
    namespace.run("ip", "-6", "neigh", "flush", "dev", INTERFACE, check=False)
    for port in (ECHO, UNSERVED):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            made = lab.socket(kind, namespace=namespace)
            made.setblocking(False)
            made.connect_ex((address, port))
            if kind == socket.SOCK_DGRAM:
                made.send(b"hello?")
            waiting.append(made)
    namespace.run("ping", "-6", "-c", "1", "-W", "1", address, check=False)
    for made in waiting:
        made.close()


@on_each_stack
@together
def test_a_past_address_is_silent(world, stack):
    lab = Lab(world, stack, period=4, window=1)
    other = lab.another_client()
    w.wait_for(lambda: lab.answers(lab.address(), namespace=other), "an answer to the other client")
    lab.wait_until(lab.epoch() + 1)
    flow = lab.connect_soon()
    address = flow.getpeername()[0]
    (epoch,) = [e for e in range(lab.epoch() - 2, lab.epoch() + 1) if address_of(e) == address]
    assert w.echoes(flow)
    lab.wait_until(epoch + 1, lab.window)
    w.wait_for(lambda: lab.figure("addresses") > lab.figure("addresses_open"), "an address that is kept for its flow")
    w.wait_for(lambda: lab.figure("tcp_flows") == 1, "one flow")

    since = lab.heard_so_far()
    for namespace in (other, lab.client):
        disturb(lab, address, namespace)
    assert w.echoes(flow)
    port = flow.getsockname()[1]
    lab.heard_so_far()
    said = lab.wire.heard(lambda p: is_from(p, address), since)
    strange = [p for p in said if not is_advertisement(p) and not (inet.TCP in p and p[inet.TCP].dport == port)]
    assert not strange, "\n".join(p.summary() for p in strange)
    assert any(is_advertisement(p) for p in said)  # or the flow would end with the neighbour's memory
    w.wait_for(lambda: lab.figure("tcp_flows") == 1, "the one flow")

    flow.shutdown(socket.SHUT_WR)
    assert flow.recv(10) == b""
    flow.close()
    w.wait_for(lambda: lab.figure("addresses") == lab.figure("addresses_open"), "the end of the address")
    since = lab.heard_so_far()
    for namespace in (other, lab.client):
        disturb(lab, address, namespace)
    lab.heard_so_far()
    said = lab.wire.heard(lambda p: is_from(p, address), since)
    assert not said, "\n".join(p.summary() for p in said)
    lab.stop()


# ---- a routed prefix ----


@together
def test_a_routed_prefix(world):
    """On the kernel's stack, with addresses of 128 bits; what is sent to all others of the prefix is lost without an answer."""
    lab = Lab(world, "kernel", period=2, window=0.5, options=["--prefixlen", "128"])
    assert w.echoes(lab.connect_soon())
    strange = address_of(4711)
    heard = lab.client.run("ping", "-6", "-c", "1", "-W", "1", strange, check=False).stdout
    assert "0 received" in heard and "From" not in heard
    assert not lab.answers(strange, timeout=1)

    def what_there_is():
        commands = ("address show scope global", "route show table all", "rule")
        return [lab.server.run("ip", "-6", *words.split()).stdout for words in commands]

    flow = lab.connect_soon()
    lab.wait_until(lab.epoch() + 1, lab.window)
    w.wait_for(lambda: lab.figure("addresses") > lab.figure("addresses_open"), "an address that is kept for its flow")
    assert w.echoes(flow)
    standing = "\n".join(what_there_is())
    assert otip_lab.PREFIX[:-1] in standing
    lab.stop()
    left = "\n".join(what_there_is())
    assert otip_lab.PREFIX[:-1] not in left, left
    assert len(left.splitlines()) < len(standing.splitlines())


# ---- little room ----


@on_each_stack
@together
def test_the_address_with_the_fewest_flows_gives_way(world, stack):
    """Room for six, as an interface of lwIP by itself has. (Our stack of that name adds interfaces where they are used up.)"""
    lab = Lab(world, stack, period=2, window=0.5, options=["--addresses_max", "6"])
    flows = {}  # epoch: its connections
    lab.wait_until(lab.epoch() + 1)
    poor = lab.epoch() + 1  # one flow there, two in each other epoch
    while lab.figure("addresses_given_way") == 0:
        epoch = lab.epoch()
        assert len(flows) < 9, f"no address has given way:\n{lab.page()}\n{lab.proxy.stderr()}"
        flows[epoch] = [lab.connect(address_of(epoch), timeout=10) for _ in range(1 if epoch == poor else 2)]
        assert all(w.echoes(flow) for flow in flows[epoch])
        lab.wait_until(epoch + 1)
    (lost,) = flows.pop(poor)
    try:
        assert lost.recv(10) == b""
    except ConnectionResetError:
        pass
    for epoch in flows:
        assert all(w.echoes(flow) for flow in flows[epoch]), f"epoch {epoch}, {address_of(poor)} should have given way"
    assert lab.figure("addresses_given_way") == lab.figure("dropped") == 1
    assert address_of(poor) in lab.proxy.stderr()
    lab.stop()
