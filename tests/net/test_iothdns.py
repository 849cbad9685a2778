# SPDX-License-Identifier: LGPL-2.1-or-later
"""libiothdns against real servers and bad ones: what the program dns_lookup (tests/net/dns_lookup.c) prints is compared line by
line. The examples of the manual pages are compiled and run as they stand there."""

import os
import socket
import subprocess
import time

import dns.message
import dns.rcode
import pytest

import manual
import upstream
import world as w
from questions import timed, udp_socket
from upstream import ScriptedUpstream

pytestmark = pytest.mark.about_time

SERVER = "127.0.0.53"
SECOND = "127.0.0.54"

TXT = 16

# With sanitizers, where that is built: what servers send here is what strangers send.
BUILD = w.ASAN if (w.ASAN / "tests/net/dns_lookup").exists() else w.RELEASE

RULES = """\
option listen {address}
net all 0.0.0.0/0
net all ::/0
auth static all .test.local
static A one.test.local 192.168.1.1
static AAAA one.test.local fc00::1
static CNAME alias.test.local one.test.local
"""


@pytest.fixture
def here(world):
    return world.namespace("resolver")


def look_up(namespace, config, *arguments, build=BUILD, **options):
    """The lines that dns_lookup prints, as a dictionary: question -> words."""
    command = ["setarch", "-R", build / "tests/net/dns_lookup", *(["-c", config] if config else []), *arguments]
    result = namespace.run(*command, env=w.sanitizer_environment(), timeout=60, check=False, **options)
    if result.returncode == 77:
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0 and not w.SANITIZER_REPORT.search(result.stderr), result.stdout + result.stderr
    lines = (line.partition("\t") for line in result.stdout.splitlines())
    return {question: words.strip() for question, _, words in lines}


def found(namespace, config, question, *arguments, **options):
    """What one question gives, as one text."""
    answers = look_up(namespace, config, *arguments, question, **options)
    (answer,) = answers.values()
    return answer


# Real servers


@pytest.mark.parametrize("start", [upstream.start_knotd, upstream.start_unbound], ids=["knotd", "unbound"])
def test_real_servers(world, here, start):
    start(world, here, [SERVER])
    assert found(here, SERVER, "a:prep.ai.mit.edu") == "209.51.188.20"
    assert found(here, SERVER, "aaaa:prep.ai.mit.edu") == "2001:470:142:3::b"
    assert found(here, SERVER, "aaaa:many.v2.cs.unibo.it") == "2001:760:2e00:ff01:: 2001:760:2e00:ff02::"
    assert found(here, SERVER, "compat:short.gnu.org") == "::ffff:192.0.2.77"
    assert found(here, SERVER, "aaaa:short.gnu.org") == ""
    assert found(here, SERVER, "a:no.such.name") == "ENOENT"
    assert found(here, SERVER, f"{TXT}:TeXt.gnu.org").startswith("1/16/TeXt.gnu.org")
    big = found(here, SERVER, f"{TXT}:big.gnu.org").split()
    assert big.count("1/16/big.gnu.org") == len(upstream.BIG_TXT), "truncated, and asked again over TCP"
    config = f"nameserver {SERVER}\nsearch ai.mit.edu gnu.org\n"
    assert found(here, config, "a:short") == "192.0.2.77"
    assert found(here, config, "a:short", "-f", "2") == "192.0.2.77", "flags are not for a:"


def test_iothnamed_answers(world, here):
    daemon = world.iothnamed(here, RULES.format(address="127.0.0.1"))
    daemon.wait_until(lambda: found(here, "127.0.0.1", "a:one.test.local", "-t", "300") == "192.168.1.1", "an answer")
    assert found(here, "127.0.0.1", "aaaa:alias.test.local") == "fc00::1"
    assert found(here, "127.0.0.1", "a:two.test.local") == "ENOENT"
    assert found(here, "127.0.0.1", "a:elsewhere.example") == "EAGAIN", "REFUSED"
    assert daemon.stop() == 0


# Bad servers


def test_loss(here):
    with ScriptedUpstream(here, SERVER, udp=upstream.lose_every_second()) as server:
        answer, took = timed(found, here, SERVER, "a:www.example")
        assert answer == "192.0.2.12" and took < 3
        assert len(server.questions) == 2


@pytest.mark.parametrize("flags", ["0", "1"], ids=["truncated", "asked for"])
def test_tcp(here, flags):
    with ScriptedUpstream(here, SERVER, udp=upstream.truncate) as server:
        assert found(here, SERVER, "1:www.example", "-f", flags) == "1/1/www.example"
        assert len(server.tcp_questions) == 1
        assert len(server.questions) == (1 if flags == "0" else 0)


def test_use_vc(here):
    with ScriptedUpstream(here, SERVER, udp=upstream.never_answer) as server:
        assert found(here, f"nameserver {SERVER}\noptions use-vc\n", "a:www.example") == "192.0.2.12"
        assert server.questions == []


@pytest.mark.parametrize("forge", upstream.FORGERS)
def test_forgers_are_not_believed(here, forge):
    with ScriptedUpstream(here, SERVER, udp=upstream.forged_first(forge)):
        assert found(here, SERVER, "a:www.example") == "192.0.2.12"


def test_questions_cannot_be_foreseen(here):
    """A port, an id and a letter case of its own for each."""
    seen = []

    def watch(server, wire, question, client):
        seen.append((client[1], question.id, question.question[0].name.to_text()))
        upstream.answer_udp(server, wire, question, client)

    with ScriptedUpstream(here, SERVER, udp=watch):
        look_up(here, SERVER, *[f"a:a-name-with-many-letters.n{i}.example" for i in range(40)])
    ports, ids, names = (set(column) for column in zip(*seen))
    assert len(seen) == 40
    assert len(ports) > 38 and len(ids) > 38
    assert any(name != name.lower() for name in names)
    assert max(ports) - min(ports) > 20000


def garbage_over_tcp(length, content):
    def behave(server, wire, question, connection):
        connection.sendall(length.to_bytes(2, "big") + content)
        return False

    return behave


@pytest.mark.parametrize(
    "tcp",
    [
        garbage_over_tcp(0, b""),
        garbage_over_tcp(65535, b"x" * 100),
        garbage_over_tcp(11, b"x" * 11),
        garbage_over_tcp(200, b"\xc0\x0c" * 100),
        upstream.answer_id_of_another,
    ],
    ids=["no length", "long", "short", "garbage", "another's id"],
)
def test_hostile_streams(here, tcp):
    """The first server's connection brings nothing; the second one answers."""
    with ScriptedUpstream(here, SERVER, udp=upstream.truncate, tcp=tcp), ScriptedUpstream(here, SECOND):
        assert found(here, f"{SERVER},{SECOND}", "a:www.example") == "192.0.2.12"


def test_garbage_over_udp(here):
    with ScriptedUpstream(here, SERVER, udp=upstream.answer_garbage), ScriptedUpstream(here, SECOND):
        assert found(here, f"{SERVER},{SECOND}", "a:www.example") == "192.0.2.12"


def pointing_at_itself(server, wire, question, client):
    """A well-formed reply but for the name of its record, which points at itself."""
    reply = bytearray(dns.message.make_response(question).to_wire())
    question_end = reply.index(b"\0", 12) + 5
    reply[6:8] = b"\0\1"
    reply[10:12] = b"\0\0"
    record = (0xC000 | question_end).to_bytes(2, "big") + b"\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
    server.socket.sendto(bytes(reply[:question_end]) + record, client)


def test_names_that_point_at_themselves(here):
    with ScriptedUpstream(here, SERVER, udp=pointing_at_itself), ScriptedUpstream(here, SECOND):
        assert found(here, f"{SERVER},{SECOND}", "a:www.example") == "192.0.2.12"


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
def test_next_server(here, rcode):
    behaviour = upstream.answer_with_rcode(rcode)
    with ScriptedUpstream(here, SERVER, udp=behaviour) as first, ScriptedUpstream(here, SECOND):
        answer, took = timed(found, here, f"{SERVER},{SECOND}", "a:www.example")
        assert answer == "192.0.2.12"
        assert len(first.questions) >= 1
    with ScriptedUpstream(here, SERVER, udp=behaviour):
        assert found(here, SERVER, "a:www.example") == "EAGAIN"


def test_nobody_there(here):
    assert found(here, SERVER, "a:www.example") == "ECONNREFUSED"
    assert found(here, "203.0.113.1", "a:www.example") == "ENETUNREACH"


def test_silence(here):
    with ScriptedUpstream(here, SERVER, udp=upstream.never_answer):
        begin = time.monotonic()
        assert found(here, SERVER, "a:www.example", "-t", "700") == "ETIMEDOUT"
        assert time.monotonic() - begin >= 0.7


def test_order_and_timing_of_resolv_conf(here):
    """timeout:1 attempts:2, two silent servers: first, second, first, second, a second apart."""
    times = []

    def note(number):
        return lambda server, wire, question, client: times.append((number, time.monotonic()))

    with ScriptedUpstream(here, SERVER, udp=note(1)), ScriptedUpstream(here, SECOND, udp=note(2)):
        config = f"nameserver {SERVER}\nnameserver {SECOND}\noptions timeout:1 attempts:2\n"
        assert found(here, config, "a:www.example") == "ETIMEDOUT"
    assert [number for number, _ in times] == [1, 2, 1, 2]
    gaps = [later - earlier for (_, earlier), (_, later) in zip(times, times[1:])]
    assert all(gap > 0.9 for gap in gaps)


# Configuration


def test_the_file_changes_while_we_run(world, here):
    path = world.directory / "resolv.conf"
    path.write_text(f"nameserver {SERVER}\n")
    with ScriptedUpstream(here, SERVER, udp=upstream.answer_with_address("192.0.2.1", 1)), ScriptedUpstream(
        here, SECOND, udp=upstream.answer_with_address("192.0.2.2", 1)
    ):
        command = here.command(w.RELEASE / "tests/net/dns_lookup", "-p", path)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

            def answer():
                process.stdin.write("a:www.example\n")
                return process.stdout.readline().split()[-1]

            assert answer() == "192.0.2.1"
            (world.directory / "new").write_text(f"nameserver {SECOND}\n")
            (world.directory / "new").rename(path)
            w.wait_for(lambda: answer() == "192.0.2.2", "the new server is asked")
            process.stdin.close()
            assert process.wait(w.PATIENCE_S) == 0


def test_the_system_s_file(world, here):
    """/etc/resolv.conf with what the environment adds to it."""
    resolver = world.with_resolver(here, SERVER)
    with ScriptedUpstream(here, SERVER):
        command = resolver.command(w.RELEASE / "tests/net/dns_lookup", "1:www")
        environment = {**os.environ, "LOCALDOMAIN": "one.example two.example", "RES_OPTIONS": "ndots:2"}
        told = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=w.PATIENCE_S)
        assert told.stdout == "1:www\t 1/1/www.one.example\n"


def test_a_server_on_a_link(world, here):
    """fe80::1%vde0: its address says nothing without the interface."""
    other = world.namespace("other")
    world.link(here, "vde0", other, "far0")
    other.ip("address add fe80::53/64 dev far0 nodad")
    with here.entered():
        index = socket.if_nametoindex("vde0")
    with other.entered():
        scope = socket.if_nametoindex("far0")
        server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        server.bind(("fe80::53", 53, 0, scope))
        server.settimeout(0.1)

    def asked(config):
        command = here.command(w.RELEASE / "tests/net/dns_lookup", "-c", config, "-t", "3000", "a:www.example")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                try:
                    wire, client = server.recvfrom(4096)
                except TimeoutError:
                    continue
                server.sendto(upstream.default_answer(dns.message.from_wire(wire)).to_wire(), client)
            return process.stdout.read().split()[-1]

    with server:
        assert asked("fe80::53%vde0") == "192.0.2.12"
        assert asked(f"nameserver fe80::53%{index}@53") == "192.0.2.12"
        assert asked("fe80::53%nolink") == "ENODEV"


# Several at once


def test_without_blocking(here):
    def slowly(server, wire, question, client):
        if not question.question[0].name.to_text().lower().startswith("silent"):
            upstream.answer_udp(server, wire, question, client)

    with ScriptedUpstream(here, SERVER, udp=slowly):
        names = [f"1:n{i}.example" for i in range(50)]
        answers, took = timed(look_up, here, SERVER, "-n", "-t", "1500", *names, "1:silent.example")
    assert answers.pop("1:silent.example") == "ETIMEDOUT"
    assert len(answers) == 50 and all(answer.startswith("1/1/n") for answer in answers.values())
    assert took < 6


@pytest.mark.parametrize("build", [w.RELEASE, w.TSAN, w.ASAN], ids=["release", "tsan", "asan"])
def test_sixteen_threads(world, here, build):
    if not (build / "tests/net/dns_lookup").exists():
        pytest.skip(f"{build} is not built")
    upstream.start_knotd(world, here, [SERVER])
    questions = ["a:prep.ai.mit.edu", "aaaa:many.v2.cs.unibo.it", "a:no.such.name", f"{TXT}:big.gnu.org"]
    command = ["setarch", "-R", build / "tests/net/dns_lookup", "-c", SERVER, "-j", "16", "-r", "15", *questions]
    told = here.run(*command, env=w.sanitizer_environment(), timeout=120, check=False)
    assert told.returncode == 0 and not w.SANITIZER_REPORT.search(told.stderr), told.stdout + told.stderr
    assert "0 differences" in told.stdout


# Stacks


@pytest.mark.parametrize("stack", ["vdestack", "lwip"])
def test_on_a_stack(world, here, stack):
    world.hub()
    served = world.vde_client("server", ["10.0.0.53/24", "fc00::53/64"])
    world.iothnamed(served, RULES.format(address="10.0.0.53") + "option listen fc00::53\n")

    def ask(config, question, *arguments, address="10.0.0.7/24"):
        arguments = ["-s", stack, w.HUB, address, *arguments]
        return found(here, config, question, *arguments, build=w.RELEASE)

    server = "10.0.0.53"
    w.wait_for(lambda: ask(server, "a:one.test.local", "-t", "1000") == "192.168.1.1", "an answer")
    assert ask(server, "aaaa:alias.test.local") == "fc00::1"
    assert ask(server, "a:two.test.local") == "ENOENT"
    assert ask(f"nameserver {server}\noptions use-vc\n", "a:one.test.local") == "192.168.1.1"
    assert ask(server, "1:one.test.local", "-n").startswith("1/1/")
    assert ask("fc00::53", "a:one.test.local", address="fc00::7/64") == "192.168.1.1"


# The manual pages


def test_example_of_iothdns(world, here):
    program = manual.program("iothdns.3", world.directory)
    upstream.start_knotd(world, here, [SERVER])
    told = here.run(program, SERVER, "many.v2.cs.unibo.it").stdout.split()
    assert sorted(told) == ["2001:760:2e00:ff01::", "2001:760:2e00:ff02::"]
    told = here.run(program, SERVER, "no.such.name", check=False)
    assert (told.returncode, told.stderr) == (1, "no.such.name: No such file or directory\n")


def test_examples_of_iothdns_lookup(world, here):
    mx, several = (manual.program("iothdns_lookup.3", world.directory, number) for number in range(2))
    upstream.start_knotd(world, here, [SERVER])
    assert here.run(mx, SERVER, "mail.gnu.org").stdout == "mail.gnu.org 10 eggs.gnu.org\n"
    told = here.run(several, SERVER, "short.gnu.org", "no.such.name", "prep.ai.mit.edu").stdout
    assert sorted(told.splitlines()) == [
        "no.such.name: No such file or directory",
        "prep.ai.mit.edu: 209.51.188.20",
        "short.gnu.org: 192.0.2.77",
    ]


def test_example_of_iothdns_message(world, here):
    """Asked by dig, and by questions that dig does not ask."""
    daemon = world.daemon(here, manual.program("iothdns_message.3", world.directory), "5300")
    asked = ("-p", "5300", "@127.0.0.1", "1.2.3.4.example")
    daemon.wait_until(lambda: "1.2.3.4" in here.dig(*asked, check=False), "a reply")
    shown = here.dig("-p", "5300", "@::1", "10.20.30.40.example", "+noall", "+answer", "+comments")
    assert "status: NOERROR" in shown and "10.20.30.40\n" in shown and "EDNS: version: 0" in shown
    assert "status: NXDOMAIN" in here.dig("-p", "5300", "@127.0.0.1", "example", "+noedns")
    assert "status: BADVERS" in here.dig("-p", "5300", "@127.0.0.1", "1.2.3.4.example", "+edns=7", "+noednsneg")
    assert "status: NOTIMP" in here.dig("-p", "5300", "@127.0.0.1", "1.2.3.4.example", "+opcode=5")
    with udp_socket(here, port=5300, timeout=0.3) as connected:
        circle = b"\0\1\0\0\0\1" + b"\0" * 6 + b"\xc0\x0c\0\1\0\1"
        for hostile in (b"", b"\0" * 11, b"\0\1\x80" + b"\0" * 9, b"\xff" * 512, circle):
            connected.send(hostile)
    assert daemon.is_alive()
    assert "1.2.3.4\n" in here.dig("-p", "5300", "@127.0.0.1", "1.2.3.4.example")
