# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the servers promise when the world around them fails: killed at any moment, short of memory, descriptors or disk, with a
clock that is set by hours, an interface that is torn away, upstream servers that answer slowly or with rubbish, a network that dies.
The promises are those of docs/RELIABILITY.md; what faults other modules test is listed there.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import dns.edns
import dns.message
import dns.rcode
import dns.reversename
import pytest

import faulty
import questions
import upstream
import world as w
from dhcp_lab import STACKS, running, together  # noqa: F401
from questions import addresses

pytestmark = pytest.mark.skipif(not faulty.PRELOADED.exists(), reason=f"{faulty.PRELOADED} is not built")

HERE = w.Namespace("here", "/proc/self/ns/net", [])
COOKIE = 10  # an option of EDNS, RFC 7873
each_program = pytest.mark.parametrize("program", list(faulty.ALL))


def chance_of_its_own():
    """A source of chance, and its seed, which a failure tells."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed), seed


# ---- killed ----


@together
@each_program
def test_killed_at_any_moment(world, program):
    """While it starts, and while it serves. What it left behind is no hindrance to the next one."""
    it = faulty.ALL[program](world)
    chance, seed = chance_of_its_own()
    for _ in range(6):
        it.begin()
        if chance.random() < 0.5:
            it.has_ended_or_serves()
        time.sleep(chance.uniform(0, 0.5))  # the moment, which nothing that could be waited for tells
        assert it.daemon.is_alive(), f"seed {seed}: {it.daemon.stderr()}"
        it.kill()
    it.start()
    it.wait_until_served()
    it.stop()


# ---- memory ----


@together
@each_program
@pytest.mark.parametrize("samples", [12, pytest.param(300, marks=pytest.mark.long)])
def test_without_memory_at_the_start(world, program, samples):
    """One allocation of the start fails: it says so and ends with status 1, or does without. No sanitizer, for those do not bear
    it where a thread begins."""
    w.need_plain_build()
    it = faulty.ALL[program](world, build=w.RELEASE)
    it.start()
    it.stop()
    count = it.faults.counted
    chance, seed = chance_of_its_own()
    for number in sorted(chance.sample(range(1, count + 1), min(samples, count))):
        it.faults.fail_at(number)
        it.begin()
        case = f"allocation {number} of {count}"
        if it.has_ended_or_serves():
            ends = {1, -signal.SIGABRT} if program == "iothnamed" else {1}  # libuv aborts, without its first tables
            status = it.daemon.process.returncode
            assert status in ends, f"{case}: {status} {it.daemon.stderr()}"
            assert it.daemon.stderr() or status < 0, case
            it.daemon.assert_no_report()
        else:
            it.faults.fail_at(0)
            it.wait_until_served()
            it.stop()


def no_memory(it):
    """All of a time that is long to a program: each allocation fails, or each third or seventh."""
    for every in (1, 3, 7):
        it.faults.fail_every(every)
        for number in range(5):
            work(it, every * 100 + number)
        it.reload()
        for number in range(5):
            work(it, every * 100 + 50 + number)
    it.faults.fail_every(0)


def work(it, number):
    """Something that takes memory, whatever comes of it."""
    if it.program == "iothnamed":
        questions.answers(it.cable.client, f"n{number}.example", server=faulty.SERVER4)
        questions.answers(it.cable.client, f"n{number}.hash.local", "AAAA", server=faulty.SERVER4)
    elif it.program == "namedhcp":
        it.lease(number, timeout=0.2)
    else:
        it.answers()


@together
@each_program
def test_without_memory_for_a_while(world, program):
    """It serves on with what it has, and is as before when there is memory again."""
    it = faulty.ALL[program](world)
    it.start()
    it.wait_until_served()
    no_memory(it)
    assert it.faults.failed > 0
    it.wait_until_served()
    it.reload()
    it.wait_until_served()
    it.stop()


@together
@each_program
def test_without_address_space(world, program):
    """The limit is what it has, and a megabyte: no sanitizer, for those take more by themselves."""
    w.need_plain_build()
    it = faulty.ALL[program](world, build=w.RELEASE)
    it.start()
    it.wait_until_served()
    pages = int(open(f"/proc/{it.daemon.pid}/statm").read().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + (1 << 20)
    resource.prlimit(it.daemon.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    for number in range(20):
        work(it, number)
    it.reload()
    it.wait_until_served()
    resource.prlimit(it.daemon.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    it.reload()
    it.wait_until_served()
    it.stop()


# ---- descriptors ----


@together
@each_program
@pytest.mark.parametrize("limits", [[4, 11, 14, 18, 25, 32, 39], pytest.param(range(3, 60), marks=pytest.mark.long)], ids=["some", "all"])
def test_few_descriptors_at_the_start(world, program, limits):
    """It says that there are too few, and ends with status 1, or it serves."""
    it = faulty.ALL[program](world)
    for limit in limits:
        it.begin(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        if it.has_ended_or_serves():
            it.daemon.assert_no_report()
            assert it.daemon.process.returncode in (1, 127), f"{limit}: {it.daemon.process.returncode} {it.daemon.stderr()}"
            assert it.daemon.stderr(), limit
        else:
            it.wait_until_served()
            it.stop()


@together
def test_who_cannot_start_answers_nobody(world):
    """Questions wait at the socket of iothnamed while it starts: with too few descriptors for the rest they stay without answer, and
    it says what it lacks."""
    it = faulty.Named(world)
    said = set()
    for limit in range(20, 45):
        it.begin(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        with questions.udp_socket(it.cable.client, faulty.SERVER4, timeout=0.001) as client:
            question, answer = dns.message.make_query("one.test.local", "A").to_wire(), None
            while it.daemon.is_alive() and not answer:
                with contextlib.suppress(OSError):  # not there yet, or not any more
                    client.send(question)
                    answer = client.recv(1000)
        if answer:
            it.stop()
            break
        assert it.daemon.process.wait(w.PATIENCE_S) == 1
        said.add(it.daemon.stderr().strip())
    assert answer, "it serves with as many"
    assert "iothnamed: error: cannot start the keeper of base names: Too many open files" in said
    assert "iothnamed: error: cannot make a worker: Too many open files" in said


@pytest.mark.about_time
@together
@each_program
def test_no_descriptors_for_a_while(world, program):
    """There are none beside those that it has: it lives, keeps no processor busy, and is as before when there are some."""
    it = faulty.ALL[program](world)
    it.start()
    it.wait_until_served()
    none = len(os.listdir(f"/proc/{it.daemon.pid}/fd"))
    before = resource.prlimit(it.daemon.pid, resource.RLIMIT_NOFILE, (none, resource.prlimit(it.daemon.pid, resource.RLIMIT_NOFILE)[1]))
    it.reload()
    used, since = it.daemon.cpu_seconds(), time.monotonic()
    while time.monotonic() < since + 2:
        work(it, 1)
    used = it.daemon.cpu_seconds() - used
    assert used < 0.7 * (time.monotonic() - since), "what cannot be opened keeps nobody busy"
    resource.prlimit(it.daemon.pid, resource.RLIMIT_NOFILE, before)
    it.wait_until_served()
    it.reload()
    it.wait_until_served()
    it.stop()


# ---- the wall clock ----


@pytest.mark.about_time
@together
@pytest.mark.parametrize("hours", [3, -3])
def test_the_clock_of_a_name_server(world, hours):
    """What it has in its cache lasts as long as it was said to; who has a cookie gets another one; names taught stay."""
    it = faulty.Named(world)
    with upstream.ScriptedUpstream(it.namespace, it.UPSTREAM) as server:
        it.start()
        first = it.ask("www.example", options=[dns.edns.GenericOption(COOKIE, b"8 bytes.")])
        assert addresses(first) == ["192.0.2.12"]
        (taught,) = addresses(it.ask("kept.hash.local", "AAAA"))
        it.faults.step(hours * faulty.HOUR)
        (cookie,) = [option.data for option in first.options if option.otype == COOKIE]
        again = it.ask("www.example", options=[dns.edns.GenericOption(COOKIE, cookie)])
        (other,) = [option.data for option in again.options if option.otype == COOKIE]
        assert len(cookie) == len(other) == 24 and cookie[:8] == other[:8] and cookie != other
        assert addresses(again) == ["192.0.2.12"] and len(server.questions) == 1
        assert first.answer[0].ttl - 60 < again.answer[0].ttl <= first.answer[0].ttl
        reverse = dns.reversename.from_address(taught).to_text()
        assert questions.texts(it.ask(reverse, "PTR")) == ["kept.hash.local."]
        time.sleep(2)  # the promise is about time that has passed: what was taught is on the disk
        it.kill()
        it.start()
        assert questions.texts(it.ask(reverse, "PTR")) == ["kept.hash.local."]
    it.stop()


@pytest.mark.about_time
@together
@pytest.mark.parametrize("hours", [3, -3])
def test_the_clock_does_not_end_a_lease(world, hours):
    """Who has a lease has it, for as long as he was told, whatever becomes of the clock; and no longer."""
    it = faulty.Dhcp(world)
    it.pool, it.lease_s = "10.1.0.100-10.1.0.101", 10
    it.start()
    begun = time.monotonic()
    held = [it.daemon.wait_until(lambda n=n: it.lease(n), "a lease") for n in (1, 2)]
    assert len(set(held)) == 2
    it.faults.step(hours * faulty.HOUR)
    while it.lease(3, timeout=0.3) is None:  # the only addresses there are
        assert time.monotonic() < begun + it.lease_s + 15, "leases end"
        assert it.daemon.is_alive(), it.daemon.stderr()
    assert time.monotonic() - begun > it.lease_s - 1, "not before their end"
    it.stop()


@together
@pytest.mark.parametrize("hours", [3, -3])
def test_the_clock_and_a_lease_of_long_ago(world, hours):
    """The clock is set while it serves, and then it is killed: the lease is still there, and no longer than it was."""
    it = faulty.Dhcp(world)
    it.pool = "10.1.0.100-10.1.0.100"
    it.start()
    held = it.daemon.wait_until(lambda: it.lease(1), "a lease")
    it.faults.step(hours * faulty.HOUR)
    it.daemon.wait_until(lambda: it.says("the clock was set"), "it is noticed")
    it.kill()
    it.start()
    assert it.lease(2, timeout=0.5) is None
    assert it.daemon.wait_until(lambda: it.lease(1), "the same lease") == held
    it.stop()


@together
def test_a_lease_from_a_clock_that_was_ahead(world):
    """It was granted three hours from now: it lasts no longer than a lease does."""
    it = faulty.Dhcp(world)
    it.pool, it.lease_s = "10.1.0.100-10.1.0.100", 5
    it.faults.step(3 * faulty.HOUR)
    it.start()
    it.daemon.wait_until(lambda: it.lease(1), "a lease")
    it.kill()
    it.faults.step(0)
    it.start()
    it.daemon.wait_until(lambda: it.lease(2, timeout=0.5), "the lease of the other has ended")
    it.stop()


@together
@pytest.mark.parametrize("hours", [3, -3])
def test_the_clock_of_a_router(world, hours):
    """What it says lasts as long as before; it goes on."""
    it = faulty.Router(world)
    it.start()
    before = it.prefix_lifetimes()
    it.faults.step(hours * faulty.HOUR)
    assert it.prefix_lifetimes() == before
    it.reload()
    assert it.prefix_lifetimes() == before
    it.stop()


@pytest.mark.about_time
@together
@pytest.mark.parametrize("hours", [3, -3])
def test_the_clock_of_a_proxy(world, hours):
    """Its addresses are those of the new time within an epoch, as those of its clients; flows go on."""
    it = faulty.Proxy(world)
    it.start()
    with it.connect(timeout=10) as connection:
        assert w.echoes(connection)
        old = time.time()
        it.step(hours * faulty.HOUR)
        it.wait_until_served()
        assert w.echoes(connection), "a flow at the address of before"
        with pytest.raises(OSError):
            it.connect(timeout=0.5, at_s=old)
    it.step(0)
    it.wait_until_served()
    it.stop()


# ---- disks ----


@contextlib.contextmanager
def small_disk(path, size):
    """A file system of that many bytes."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def test_no_room_for_leases(world):
    """Nobody is told of a lease that cannot be kept; it is said once, and once there is room again all is well."""
    it = faulty.Dhcp(world)
    it.pool = "10.1.0.100-10.1.0.250"
    with small_disk(world.directory / "disk", "128k") as disk:
        it.leases = disk / "leases.mdb"
        it.start()
        kept = it.daemon.wait_until(lambda: it.lease(1), "a lease")
        room = os.statvfs(disk)
        (disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_bsize))
        told = {number: it.lease(number, timeout=0.1) for number in range(2, 60)}
        it.daemon.wait_until(lambda: it.says("clients get no leases"), "it says so")
        assert it.lease(60, timeout=0.3) is None
        assert it.daemon.stderr().count("clients get no leases") == 1
        it.kill()
        it.start()
        assert it.lease(1) in (kept, None)
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        for number, address in told.items():
            if address is not None:
                assert it.daemon.wait_until(lambda: it.lease(number), "its own", 20) == address
        it.wait_until_served()
        it.stop()


def test_leases_on_a_disk_that_cannot_be_written(world):
    it = faulty.Dhcp(world)
    with small_disk(world.directory / "disk", "1m") as disk:
        it.leases = disk / "leases.mdb"
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        it.begin()
        assert it.daemon.process.wait(w.PATIENCE_S) == 1
        assert f"cannot use the lease file {it.leases}: Read-only file system" in it.daemon.stderr()
        it.daemon.assert_no_report()


@pytest.mark.parametrize("program", list(faulty.ALL))
def test_nowhere_to_log(world, program):
    """Its log is on a disk that is full."""
    it = faulty.ALL[program](world)
    it.write()
    environment = {**w.sanitizer_environment(), "ASAN_OPTIONS": f"log_path={world.directory}/report"}
    command = it.namespace.command(*it.command())
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=full, env=environment)
    try:
        w.wait_for(it.answers, f"{program} serves")
        process.send_signal(signal.SIGHUP)
        w.wait_for(it.answers, f"{program} serves on")
        process.send_signal(signal.SIGTERM)
        assert process.wait(w.PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    assert not list(world.directory.glob("report*"))


@pytest.mark.parametrize("program", list(faulty.ALL))
def test_nowhere_for_the_pid_file(world, program):
    """Nobody waits for a process that he could not find: it says so, and ends with status 1, or it serves."""
    it = faulty.ALL[program](world)
    with small_disk(world.directory / "disk", "4k") as disk:
        (disk / "ballast").write_bytes(bytes(4096))
        it.words = ["-p", disk / "pid"]
        it.write()
        for fault in ("full", "read-only"):
            if fault == "read-only":
                (disk / "pid").unlink(missing_ok=True)
                subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            it.begin()
            if it.has_ended_or_serves():
                assert it.daemon.process.returncode == 1 and "pid" in it.daemon.stderr(), it.daemon.stderr()
            else:
                print(program, fault, "serves", it.daemon.stderr())
                it.stop()


# ---- interfaces ----


@together
@each_program
def test_an_interface_that_goes_and_comes(world, program):
    """The cable is torn out, with all its addresses, while it serves, and another one is put in its place: it is used."""
    it = faulty.ALL[program](world)
    it.start()
    it.wait_until_served()
    for _ in range(2):
        it.cable.tear()
        it.reload()
        gone = time.monotonic()
        while time.monotonic() < gone + 0.5:
            assert it.daemon.is_alive(), it.daemon.stderr()
            work(it, 1)
        it.cable.plug_in()
        it.wait_until_served()
    it.stop()


# ---- upstream ----


def slowly(server, wire, question, client):
    """After one and a half seconds, while others are answered."""
    def answer():
        with contextlib.suppress(OSError):  # the server may have been closed meanwhile
            upstream.answer_udp(server, wire, question, client)

    threading.Timer(1.5, answer).start()


def a_byte_at_a_time(server, wire, question, connection):
    """And never the last one."""
    with contextlib.suppress(OSError):
        for byte in questions.framed(upstream.default_answer(question).to_wire())[:-1]:
            connection.sendall(bytes([byte]))
            time.sleep(0.3)
    return False


def rubbish_of_any_length(chance):
    def behave(server, wire, question, client):
        for length in (0, 1, 11, 12, 40, 512, 4096, 65507):
            server.socket.sendto((wire[:2] + chance.randbytes(65507))[:length], client)

    return behave


UPSTREAMS = {
    "slow": lambda chance: {"udp": slowly},
    "a byte at a time": lambda chance: {"udp": upstream.truncate, "tcp": a_byte_at_a_time},
    "rubbish": lambda chance: {"udp": rubbish_of_any_length(chance)},
    "silent": lambda chance: {"udp": upstream.never_answer},
}


@pytest.mark.about_time
@together
@pytest.mark.parametrize("how", list(UPSTREAMS))
def test_upstream(world, how):
    """Who asks for own names never waits for it; who asks for others has an answer or SERVFAIL in time."""
    chance, _ = chance_of_its_own()
    it = faulty.Named(world)
    with upstream.ScriptedUpstream(it.namespace, it.UPSTREAM, **UPSTREAMS[how](chance)) as server:
        it.start()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(questions.timed, it.ask, f"n{n}.example", timeout=8) for n in range(20)]
            since, slowest = time.monotonic(), 0
            while time.monotonic() < since + 2:
                answer, seconds = questions.timed(it.ask, f"h{since}.hash.local", "AAAA")
                assert addresses(answer)
                slowest = max(slowest, seconds)
        assert slowest < 3, "who waits for upstream is told after 3.7 s"
        for future in asked:
            answer, seconds = future.result()
            right = addresses(answer) == [f"192.0.2.{len(str(answer.question[0].name))}"]
            failed = answer.rcode() == dns.rcode.SERVFAIL
            # Rubbish with the bit TC is reason enough to ask over TCP, where this server is sane.
            assert right or (failed and how != "slow"), answer.to_text()
            assert seconds < 7
        server.udp, server.tcp = upstream.answer_udp, upstream.answer_tcp
        w.wait_for(lambda: addresses(it.ask("well.again", timeout=8)), "it is believed again")
    it.stop()


# ---- virtual networks ----


def start_hub(world, path):
    hub = world.daemon(HERE, "vde_plug", "null://", f"hub://{path}")
    hub.wait_until(lambda: w.listens(path / "ctl"), "the hub's control socket")
    return hub


def remove(folder):
    """Those who are connected take their sockets away meanwhile."""

    def attempt():
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    w.wait_for(attempt, f"{folder} is removed")


@contextlib.contextmanager
def silent_hub(path):
    """It lets programs connect, and never answers."""
    path.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path / "ctl"))
        listener.listen()
        yield
    remove(path)


def plug_in(world, path, name, address):
    """A namespace whose interface is at that hub."""
    namespace = world.namespace(name)
    plug = world.daemon(namespace, "vde_plug", f"vde://{path}", "tap://lan0")
    plug.wait_until(lambda: namespace.run("ip", "link", "show", "lan0", check=False).returncode == 0, "its interface")
    namespace.ip("link set lan0 up")
    namespace.add_address("lan0", address)
    return namespace


@together
@pytest.mark.parametrize("stack", STACKS)
def test_the_hub_of_a_name_server_is_killed(world, stack):
    """Another one takes its place, after one that never answered: the server is reached by it, without a restart. Its stack
    outlives the first. It is the release build's server, whose sandbox lets no code be loaded: that of the sanitizers is wider."""
    w.need_virtual_ethernet()
    path = world.directory / "hub"
    hub = start_hub(world, path)
    text = f"stack stack={stack},vnl=vde://{path},eth,ip=10.1.0.1/24\noption user none\nnet all ::/0\nauth static all .test.local\n"
    daemon = world.iothnamed(HERE, text + "static A one.test.local 192.168.1.1\n")
    for number in range(3):
        client = plug_in(world, path, f"client{number}", f"10.1.0.{number + 9}/24")
        daemon.wait_until(lambda: questions.answers(client, "one.test.local", server="10.1.0.1"), "it answers")
        threads = pathlib.Path(f"/proc/{daemon.pid}/task")
        before = len(list(threads.iterdir()))
        hub.kill()
        remove(path)
        with silent_hub(path):
            daemon.wait_until(lambda: len(list(threads.iterdir())) > before, "it waits for the silent one")
        hub = start_hub(world, path)
    assert daemon.stop() == 0, daemon.stderr()


@together
def test_a_hub_that_does_not_answer(world):
    """Who cannot start without it says so, and ends."""
    w.need_virtual_ethernet()
    path = world.directory / "hub"
    vnl = f"vde://{path}"
    with silent_hub(path):
        at_it = [world.iothnamed(HERE, f"stack stack={stack},vnl={vnl},eth\noption user none\n") for stack in STACKS]
        served = {"iothradvd": "prefix fd00:1::/64\n", "namedhcp": "ip 10.1.0.1/24\nsubnet 10.1.0.0/24\npool 10.1.0.9-10.1.0.99\n"}
        for program, lines in served.items():
            file = world.directory / f"{program}.rc"
            file.write_text(f"stack {vnl}\nmacaddr 02:00:00:00:00:01\n{lines}")
            at_it.append(world.daemon(HERE, w.RELEASE / "programs" / program, "-f", file))
        for daemon in at_it:
            assert daemon.process.wait(w.PATIENCE_S) == 1
            assert vnl in daemon.stderr() and "no answer within 5 s" in daemon.stderr(), daemon.stderr()
            daemon.assert_no_report()
