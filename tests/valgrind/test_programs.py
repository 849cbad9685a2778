# SPDX-License-Identifier: LGPL-2.1-or-later
"""One scenario for each program, under memcheck: it starts, serves, is asked by its control program, reads its configuration
again, serves, and ends. The filter of system calls is off, since memcheck needs more calls than the programs do."""

import pytest

import dhcp_lab
import memcheck
import otip_cable
import questions
import server
import test_iothradvd as radvd
import test_namedhcp as dhcp
import world as w

QUESTIONS = 1000
TIMEOUT_S = 20  # for one answer, under memcheck

CONFIGURATION = (
    server.LOCAL
    + f"""\
option  sandbox off
option  user none
auth    otip local .otip.local fc00::7 secret
dns     {server.UPSTREAM}
auth    cache local .
auth    fwd local .
static  MX one.test.local 10 mail.test.local
static  A mail.test.local 192.168.1.2
"""
)
UPSTREAM = f"""\
option  listen {server.UPSTREAM}
net     all ::/0
auth    accept all
auth    static all .example
static  A www.example 192.0.2.1
static  TXT large.example "{'x' * 250}" "{'y' * 250}" "{'z' * 250}"
"""

# Name, type, over TCP; what the answer holds.
ASKED = [
    ("one.test.local", "A", False, "192.168.1.1"),
    ("renzo.hash.local", "AAAA", False, server.RENZO),
    ("one.test.local", "MX", True, "10 mail.test.local."),
    ("www.example", "A", False, "192.0.2.1"),
    ("large.example", "TXT", True, "x" * 250),
    ("nobody.example", "A", False, None),
    ("host.otip.local", "AAAA", False, "fc00:"),
    ("nobody.test.local", "A", False, None),
    ("1.1.168.192.in-addr.arpa", "PTR", False, "one.test.local."),
]


@pytest.fixture
def world(request):
    """One in which the program is under memcheck that the test is about."""
    memcheck.need_valgrind()
    made = memcheck.World(request.node.callspec.params["program"])
    dhcp_lab.name_captures(made, request.node, [])
    yield made
    made.close()


def of(program):
    return pytest.mark.parametrize("program", [program])


@of("iothnamed")
def test_iothnamed(world, program):
    namespace = world.namespace("box")
    upstream = w.Daemon(namespace, memcheck.PROGRAMS / "iothnamed", write(world, "upstream.rc", UPSTREAM))
    world._undo.callback(upstream.kill)
    file = write(world, "iothnamed.rc", CONFIGURATION + f"option control {world.directory}/control\n")
    named = world.daemon(namespace, memcheck.PROGRAMS / program, file)
    named.wait_until(lambda: questions.answers(namespace, "one.test.local"), "iothnamed answers", 60)
    for number in range(QUESTIONS):
        name, rdtype, tcp, held = ASKED[number % len(ASKED)]
        answer = questions.ask(namespace, name, rdtype, timeout=TIMEOUT_S, tcp=tcp)
        assert held is None or any(held in text for text in questions.texts(answer)), f"{name} {rdtype}: {answer}"
        if number == QUESTIONS // 2:
            file.write_text(file.read_text() + "static A two.test.local 192.168.1.2\n")
            told = world.run(namespace, "iothnamedctl", "-s", world.directory / "control", "reload")
            assert "ok" in told or told == ""
    again = questions.ask(namespace, "two.test.local", timeout=TIMEOUT_S)
    assert questions.addresses(again) == ["192.168.1.2"]
    world.run(namespace, "iothnamedctl", "-s", world.directory / "control", "counters")
    memcheck.stop(world, named)
    assert upstream.stop() == 0


def write(world, name, text):
    path = world.directory / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("program", ["namedhcp", "namedhcp4"])
def test_namedhcp(world, program):
    """A client by its name, from the DNS, or from a pool whose leases are kept."""
    lan = dhcp.Lan(world)
    text = dhcp.NAMES if program == "namedhcp" else f"{dhcp.POOL}leases {world.directory}/leases.mdb\n"
    options = ["--sandbox", "off", "--user", "none", "--control", world.directory / "control"]
    daemon = lan.serve("kernel", text, *options, program=program)
    given = dhcp.given6 if program == "namedhcp" else dhcp.given4
    words = "eth,dhcp6,fqdn=x.hash.local" if program == "namedhcp" else "eth,dhcp"
    client = dhcp_lab.Client(lan.segment, "lwip", words)
    assert client.wait_until(given, "an address", 60)
    told = world.run(dhcp.HERE, "namedhcpctl", "-s", world.directory / "control", "reload")
    assert "error" not in told
    other = dhcp_lab.Client(lan.segment, "lwip", words.replace("x.hash", "y.hash"), mac="02:00:00:00:0c:02")
    assert other.wait_until(given, "an address after the reload", 60)
    memcheck.stop(world, daemon)


@of("iothradvd")
def test_iothradvd(world, program):
    segment = radvd.Segment(world)
    router = radvd.router_on(
        world, segment, "kernel", "period 4\nprefix fd00:1::/64\nrdnss fd00:1::53\n", "--sandbox", "off", "--user", "none"
    )
    client = dhcp_lab.Client(segment, "lwip", "eth,rd")
    assert client.wait_until(lambda state: any(a.startswith("fd00:1:") for a in state.addresses), "an address", 60)
    file = router.file.read_text()
    router.write(file + "prefix fd00:2::/64\n")
    world.run(radvd.HERE, "iothradvdctl", "-s", router.socket, "reload")
    assert client.wait_until(lambda state: any(a.startswith("fd00:2:") for a in state.addresses), "of the new prefix", 60)
    memcheck.stop(world, router.daemon)


@of("otip_rproxy")
def test_otip_rproxy(world, program):
    cable = otip_cable.Cable(world)
    proxy = cable.start(otip_cable.TCP, otip_cable.UDP, "sandbox off", build=w.RELEASE)
    address = cable.address()
    with cable.connect(address, timeout=TIMEOUT_S) as stream, cable.datagrams(address, timeout=TIMEOUT_S) as datagrams:
        for size in (1, 1000, 100000):
            assert w.echoes(stream, b"x" * size)
        assert w.echoes(datagrams, b"datagram")
    memcheck.stop(world, proxy)


@pytest.mark.parametrize(
    "program, arguments, told",
    [
        ("hashaddr", ["-b", "fc00::", "renzo.hash.local"], server.RENZO),
        ("otipaddr", ["-b", "fc00::", "host.otip.local", "secret"], "fc00:"),
        ("otipkey", ["{}/key"], ""),
        ("otipkey", ["--name", "host.otip.local", "--passwd-file", "{}/secret", "{}/key"], ""),
    ],
)
def test_small_programs(world, program, arguments, told):
    write(world, "secret", "long enough to be hard to guess\n").chmod(0o600)
    arguments = [word.replace("{}", str(world.directory)) for word in arguments]
    assert told in world.run(dhcp.HERE, program, *arguments)
