# SPDX-License-Identifier: LGPL-2.1-or-later
"""otip_rproxy as its administrator sees it, on the kernel's own stack: reloads, what hidden servers are told, limits, what remains
of it, routed prefixes, the control socket, the examples of its manual page."""

import contextlib
import ipaddress
import json
import re
import signal
import socket
import struct
import subprocess
import threading

import pytest
from scapy.layers import inet6
from scapy.layers.l2 import Ether

import world as w
from otip_cable import CLIENT, NAME, PREFIX, SECRET, SERVER, TCP, UDP, Cable, Hidden, is_silent


def test_tcp_and_udp_go_through(world):
    cable = Cable(world)
    before = cable.belongings()
    cable.start(TCP, UDP)
    address = cable.address()
    assert address in cable.addresses()
    with cable.connect(address) as s, cable.datagrams(address) as u:
        assert w.echoes(s, b"x" * 300000)
        u.send(b"hello")
        assert u.recv(100) == b"hello"
        s.shutdown(socket.SHUT_WR)
        assert s.recv(10) == b""
    assert is_silent(cable, SERVER, 7)  # an address of the stack that is no one-time address
    w.wait_for(lambda: cable.counter("tcp_ended") == 1, "the connection has ended")
    assert (cable.counter("tcp_accepted"), cable.counter("udp_in"), cable.counter("udp_out")) == (1, 1, 1)
    assert cable.proxy.stop() == 0
    assert cable.belongings() == before


def flows(cable, address):
    """One of each kind, through which something has gone."""
    s, u = cable.connect(address, timeout=2), cable.datagrams(address, timeout=2)
    assert w.echoes(s, b"before")
    u.send(b"before")
    assert u.recv(100) == b"before"
    for flow in (s, u):
        flow.settimeout(w.PATIENCE_S)
    return s, u


@pytest.mark.about_time
def test_a_past_address_is_kept_for_its_flows_alone(world):
    cable = Cable(world)
    before = cable.belongings()
    cable.start(TCP, UDP, "otip_preactive 0.3", "otip_postactive 0.3", period=2)
    address, (s, u) = cable.begin(lambda address: flows(cable, address))
    with s, u:
        w.wait_for(lambda: address in cable.addresses("muted"), "it is closed")
        assert w.echoes(s, b"after" * 100000)
        u.send(b"after")
        assert u.recv(100) == b"after"
        assert is_silent(cable, address, 7) and is_silent(cable, address, 9)
        assert cable.client.run("ping", "-c", "1", "-W", "1", address, check=False).returncode == 1
        with cable.datagrams(address, timeout=0.5) as stranger, pytest.raises(TimeoutError):
            stranger.send(b"let me in")
            stranger.recv(100)
        cable.client.ip("neigh flush dev lan0")
        assert w.echoes(s, b"found again")  # the proxy answers for it
    w.wait_for(lambda: address not in cable.addresses("muted"), "its last flow has ended")
    assert is_silent(cable, address, 7)
    assert cable.proxy.stop() == 0
    assert cable.belongings() == before


def connect_with_little_room(namespace, address):
    with namespace.entered():
        s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(2)
    s.connect((address, 7))
    assert w.echoes(s, b"before")
    s.settimeout(w.PATIENCE_S)
    return s


def take_late(cable, namespace):
    """Sends to the echo, says that this is the end, and reads slowly once the address is closed."""
    data = bytes(range(256)) * 1600
    address, s = cable.begin(lambda address: connect_with_little_room(namespace, address))
    with s:
        threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)), daemon=True).start()
        w.wait_for(lambda: address in cable.addresses("muted"), "it is closed")
        got = b""
        while piece := s.recv(1000):
            got += piece
        assert got == data


WINDOWS = ["otip_preactive 0.3", "otip_postactive 0.3"]


def test_the_last_bytes_arrive_before_the_address_goes(world):
    """Both ends have come, the address is closed, and the client has still to take what is on its way."""
    cable = Cable(world)
    cable.start(TCP, *WINDOWS, period=2)
    take_late(cable, cable.client)
    w.wait_for(lambda: cable.counter("tcp_ended") == 1, "the connection has ended")
    assert cable.proxy.stop() == 0


def test_the_last_bytes_arrive_from_lwip_too(world):
    cable = Cable(world)
    world.hub()
    client = world.vde_client("late", [f"{CLIENT}/64"])
    cable.start(TCP, *WINDOWS, stack="stack=lwip,vnl=vde:///tmp/hub", period=2)
    take_late(cable, client)
    w.wait_for(lambda: cable.counter("tcp_ended") == 1, "the connection has ended")
    assert cable.proxy.stop() == 0


def test_a_reload_leaves_flows_alone(world):
    cable = Cable(world)
    cable.start(TCP, UDP, build=w.TSAN)
    old, new = cable.address(), cable.address("another")
    with cable.connect(old) as s, cable.datagrams(old) as u:
        assert w.echoes(s, b"1")
        cable.write("tcp 8,127.0.0.1,7007", secret="another")
        cable.proxy.signal(signal.SIGHUP)
        cable.proxy.wait_until(lambda: new in cable.addresses(), "the new address")
        assert w.echoes(s, b"2")
        assert is_silent(cable, old, 7)
        with cable.connect(new, 8) as t:
            assert w.echoes(t, b"3")
        with cable.datagrams(new, timeout=0.5) as t, pytest.raises((TimeoutError, ConnectionRefusedError)):
            t.send(b"4")
            t.recv(10)
        cable.file.write_text("tcp nonsense\n")
        assert "error" in cable.command("reload")
        assert new in cable.addresses() and w.echoes(s, b"5")
        u.close()
    assert "configuration not loaded; the old one stays in force" in cable.proxy.stderr()
    assert cable.proxy.stop() == 0


def test_clients_have_the_congestion_control_that_is_wanted(world):
    cable = Cable(world)
    by_itself = cable.server.run("sysctl", "-n", "net.ipv4.tcp_congestion_control").stdout.strip()

    def control():
        with cable.connect(cable.address()) as s:
            assert w.echoes(s, b"1")
            told = cable.server.run("ss", "-Htin", "state", "established", "sport", "=", ":7").stdout
            return {word for word in told.split() if word in ("reno", by_itself)}

    cable.start(TCP, UDP, "tcp_congestion reno")
    assert control() == {"reno"}
    cable.write(TCP, UDP, "tcp_congestion nonesuch")
    assert "tcp_congestion nonesuch: the kernel has no such control" in cable.command("reload")
    assert control() == {"reno"}
    cable.write(TCP, UDP)
    assert cable.command("reload") == "ok\n"
    w.wait_for(lambda: control() == {by_itself}, "new connections have the stack's own")
    cable.write(TCP, UDP, "tcp_congestion reno")
    assert cable.command("reload") == "ok\n"
    w.wait_for(lambda: control() == {"reno"}, "new connections have the one that is wanted")
    assert cable.proxy.stop() == 0


def test_a_stack_without_a_choice_of_congestion_control_says_so(world):
    cable = Cable(world)
    world.hub()
    cable.write(TCP, "tcp_congestion reno", stack="stack=lwip,vnl=vde:///tmp/hub")
    told = cable.server.run(w.RELEASE / "programs/otip_rproxy", "-f", cable.file, check=False)
    assert told.returncode == 1 and "tcp_congestion reno: the external stack lets nobody choose" in told.stderr


def test_the_hidden_server_is_told_who_it_is(world):
    cable = Cable(world)
    cable.start(TCP, UDP, "proxy_protocol")
    address = cable.address()

    def head(kind, port):
        addresses = ipaddress.ip_address(CLIENT).packed + ipaddress.ip_address(address).packed
        return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, kind]) + struct.pack("!H", 36) + addresses + struct.pack("!HH", port, 7)

    with cable.connect(address) as s, cable.datagrams(address) as u:
        s.sendall(b"tcp")
        w.wait_for(lambda: b"".join(cable.hidden.heard).endswith(b"tcp"), "it has come")
        assert b"".join(cable.hidden.heard) == head(0x21, s.getsockname()[1]) + b"tcp"
        cable.hidden.heard.clear()
        for data in (b"one", b"two"):
            u.send(data)
            assert u.recv(100) == head(0x22, u.getsockname()[1]) + data
    assert cable.proxy.stop() == 0


def test_no_source_takes_it_all(world):
    cable = Cable(world)
    cable.start(TCP, UDP, "source_max 2")
    address = cable.address()
    with cable.connect(address) as one, cable.datagrams(address) as two:
        assert w.echoes(one, b"1")
        two.send(b"2")
        assert two.recv(10) == b"2"
        with pytest.raises(ConnectionResetError), cable.connect(address) as three:
            three.recv(10)
        w.wait_for(lambda: cable.counter("refused_source") == 1, "it is counted")
    w.wait_for(lambda: cable.counter("tcp_flows") == 0, "the first has ended")
    with cable.connect(address) as four:
        assert w.echoes(four, b"4")
    assert cable.proxy.stop() == 0


@pytest.mark.about_time  # the connection is used within the second after which it would be idle
def test_resets_and_silence_pass_through(world):
    cable = Cable(world)
    cable.start(TCP, "tcp 9,127.0.0.1,9", "tcp_timeout 1")
    address = cable.address()
    with pytest.raises(ConnectionResetError), cable.connect(address, 9) as nobody:
        nobody.recv(10)
    with cable.connect(address) as s:
        assert w.echoes(s, b"1")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    w.wait_for(lambda: cable.counter("tcp_reset") == 1, "the reset is seen")
    with cable.connect(address) as s:
        assert w.echoes(s, b"2")
        assert s.recv(10) == b""
    w.wait_for(lambda: cable.counter("tcp_idle") == 1, "it is counted")
    assert cable.counter("tcp_unreachable") == 1
    assert cable.proxy.stop() == 0


def test_who_claims_an_address_is_counted_and_does_not_get_it(world):
    cable = Cable(world)
    cable.start(TCP)
    address = cable.address()
    claim = inet6.IPv6(src=CLIENT, dst="ff02::1", hlim=255) / inet6.ICMPv6ND_NA(tgt=address, R=0, S=0, O=1)
    mac = "02:00:00:00:00:66"
    frame = Ether(src=mac, dst="33:33:00:00:00:01") / claim / inet6.ICMPv6NDOptDstLLAddr(lladdr=mac)

    def is_counted():
        with cable.client.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind(("lan0", 0))
            s.send(bytes(frame))
        return cable.counter("addresses_claimed") > 0

    w.wait_for(is_counted, "the claim is heard")
    assert "somebody else says that he has a one-time address" in cable.proxy.stderr()
    with cable.connect(address) as s:
        assert w.echoes(s, b"mine")
    assert cable.proxy.stop() == 0


def test_what_a_dead_proxy_left_is_taken_away(world):
    cable = Cable(world)
    before = cable.belongings()
    cable.start(TCP, build=w.RELEASE, period=2)
    cable.proxy.signal(signal.SIGKILL)
    cable.proxy.process.wait()
    assert cable.belongings() != before
    cable.start(TCP, period=2)

    def those_of_now_alone():
        return len([line for line in cable.belongings() if "deprecated" in line]) == len(cable.addresses())

    w.wait_for(those_of_now_alone, "those of the dead one are gone")
    assert cable.proxy.stop() == 0
    assert cable.belongings() == before


def test_a_routed_prefix(world):
    """The addresses stand on the loopback interface of a host that forwards; nobody hears of the others."""
    cable = Cable(world)
    cable.server.run("sh", "-c", "ip -6 address flush dev lan0 scope global && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
    cable.server.add_address("lan0", "fd00:8::1/64")
    cable.client.run("ip", "-6", "address", "flush", "dev", "lan0", "scope", "global")
    cable.client.add_address("lan0", "fd00:8::c/64")
    cable.client.ip(f"route add {PREFIX}/64 via fd00:8::1")
    before = cable.belongings()
    cable.start(TCP, "prefixlen 128", "otip_preactive 0.3", "otip_postactive 0.3", stack="stack=kernel,iface=lo", period=2)
    address, s = cable.begin(lambda address: connect_with_little_room(cable.client, address))
    with s:
        w.wait_for(lambda: address in cable.addresses("muted"), "it is closed")
        assert w.echoes(s, b"after")
        assert is_silent(cable, address, 7) and is_silent(cable, address, 9)
        told = cable.client.run("ping", "-c", "1", "-W", "1", address, check=False).stdout
        assert "100% packet loss" in told and "errors" not in told
    w.wait_for(lambda: address not in cable.addresses("muted"), "its last flow has ended")
    told = cable.client.run("ping", "-c", "1", "-W", "1", address, check=False).stdout
    assert "100% packet loss" in told and "errors" not in told
    assert cable.proxy.stop() == 0
    assert cable.belongings() == before


def test_the_example_of_the_manual(world):
    program = w.ASAN / "programs/otip_rproxy"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    page = (w.TREE / "man/otip_rproxy.1").read_text()
    text = re.search(r"^\$ cat rproxy\.rc\n(.*?)^\$ ", page, re.M | re.S)[1]
    secret = world.directory / "renzo"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    world.hub()
    client = world.vde_client("client", ["fc00::c/64"])
    Hidden(world, w.Namespace("here", "/proc/self/ns/net", []), 2222)
    asking = re.search(r"\$\(otipaddr (.*)\)$", page, re.M)[1].replace("-file renzo", f"-file {secret}").split()
    file = world.directory / "rproxy.rc"
    control = world.directory / "control"
    file.write_text(text.replace("127.0.0.1,22", "127.0.0.1,2222"))
    proxy = world.daemon(w.Namespace("here", "/proc/self/ns/net", []), program, "-f", file, "--control", control)
    proxy.wait_until(lambda: w.accepts(control), "it serves")

    def answers():
        otipaddr = w.RELEASE / "programs/otipaddr"
        address = client.run(otipaddr, *asking).stdout.strip()
        with contextlib.suppress(OSError), client.entered(), socket.create_connection((address, 22), 2) as s:
            return w.echoes(s, b"SSH-2.0-")

    w.wait_for(answers, "a session")
    ask = [program.parent / "otip_rproxyctl", "-s", control]
    assert "healthy yes" in subprocess.check_output([*ask, "status"], text=True)
    assert re.match(r"fc00::\S+ epoch \d+ open flows \d+\n", subprocess.check_output([*ask, "addresses"], text=True))
    assert proxy.stop() == 0


def test_options_are_checked():
    program = w.RELEASE / "programs/otip_rproxy"
    here = w.Namespace("here", "/proc/self/ns/net", [])
    given = ["-n", NAME, "-b", PREFIX, "-P", SECRET, "-t", "22,127.0.0.1,22"]
    assert here.run(program, "--check", "-e", "stack=lwip,vnl=vde://", *given).returncode == 0
    told = here.run(program, "--check", *given, check=False)
    assert told.returncode == 1 and "iface=" in told.stderr and SECRET not in told.stderr
    told = here.run(program, "--check", "-e", "stack=kernel,iface=lo", "-t", "22,x,22", *given, check=False)
    assert told.returncode == 1 and "EXTPORT,INTADDR,INTPORT" in told.stderr
    assert here.run(program, "--check", "-f", w.TREE / "examples/otip_rproxy.rc", "-P", SECRET).returncode == 0
    whole = ["--check", "-e", "stack=kernel,iface=lo", *given]
    assert here.run(program, *whole, "-b", "fc00::/64", "--metrics", "none").returncode == 0
    assert here.run(program, *whole, "-b", "fc00::/56", "--v2", "--user", "none").returncode == 0
    for words, expected in [
        (["-b", "fc00:"], "--base: the base address 'fc00:': this is neither an IPv6 address nor a name"),
        (["-b", "ff02::1"], "--base: the base address 'ff02::1': no node can have an address of its prefix, "
         "expected no multicast and not 64 zero bits"),
        (["-b", "fc00::/56"], "--base: the base address 'fc00::/56': a length other than 64 is for --v2"),
        (["-n", "a..b"], "--name: 'a..b' is no domain name, expected one such as renzo.otip"),
        (["-e", "vde:///tmp/hub"], "--extstack: at 'vde:///tmp/hub': \"vde:///tmp/hub\" is a virtual network, expected vnl= before it"
         ", as in stack=vdestack,vnl=vde:///tmp/hub"),
        (["-i", "stack=nosuch"], "--intstack: there is no stack 'nosuch', expected one such as vdestack, lwip or kernel; "
         "no plug-in ioth_nosuch.so lies where ioth_newstack(3) says"),
        (["--user", "no-such-user"], "--user: there is no user 'no-such-user'"),
        (["--user", "root:no-such-group"], "--user: there is no group 'no-such-group' for the user"),
        (["--controlgroup", "no-such-group"], "--controlgroup: there is no group 'no-such-group' for the control socket"),
    ]:
        told = here.run(program, *whole, *words, check=False)
        assert told.returncode == 1 and told.stderr.startswith(expected + "\n"), told.stderr
    for option in ("--passwdfile", "--key"):
        told = here.run(program, "--check", "-e", "stack=kernel,iface=lo", *given[:4], *given[6:], option, "/no/file", check=False)
        assert told.returncode == 1 and told.stderr.startswith(f"{option}: /no/file: No such file or directory\n"), told.stderr
    told = here.run(program, "-n", "-f", "file", check=False)
    assert told.returncode == 2 and "'-f' was taken as the value of --name; to check a configuration say --check" in told.stderr
    told = here.run(program, "-f", "x", "y", check=False)
    assert told.returncode == 2 and "'y' stands behind the options" in told.stderr


@pytest.mark.parametrize(
    "line, said",
    [
        ("passwdfile open", "5:12: {folder}/open: others than its owner may use it (mode 644): chmod 600 it (or 640, for a daemon of its group)"),
        ("key none", "5:5: {folder}/none: No such file or directory"),
        ("passwd " + 1024 * "x", "5:8: the password has no byte, or more than 1023"),
        ("passwd x\nuser no-such-user", "6:6: there is no user 'no-such-user'"),
        ("passwd x\ntcp_congestion nosuch", "6:16: tcp_congestion nosuch: the kernel has no such control"),
        ("passwd x\ntcp 22,x,22", "6:8: 'x', expected EXTPORT,INTADDR,INTPORT, two ports and an address"),
        ("passwd x\ntcp 22,10.0.0.1", "6:5: '22,10.0.0.1', expected EXTPORT,INTADDR,INTPORT"),
        ("passwd x\ncontrolgroup no-such-group", "6:14: there is no group 'no-such-group' for the control socket"),
        ("passwd x\nbase ff02::1", "6:6: the base address 'ff02::1': no node can have an address of its prefix"),
        ("passwd x\nintstack stack=nosuch", "6:10: "),
    ],
)
def test_a_mistake_of_the_file_has_its_place(tmp_path, line, said):
    (tmp_path / "open").write_text(SECRET)
    (tmp_path / "open").chmod(0o644)
    rc = tmp_path / "p.rc"
    rc.write_text(f"extstack stack=kernel,iface=lo\nname {NAME}\nbase {PREFIX}\ntcp 22,127.0.0.1,22\n{line}\n")
    program = w.RELEASE / "programs/otip_rproxy"
    for words in (["--check"], []):
        told = subprocess.run([program, *words, "-f", rc], capture_output=True, text=True, cwd="/", timeout=60)
        assert told.returncode == 1
        assert f"{rc}:{said.format(folder=tmp_path)}" in told.stderr, told.stderr


@pytest.mark.parametrize(
    "lines, said",
    [
        ("passwdfile none", "3:12: {folder}/none: No such file or directory"),
        ("key none", "3:5: {folder}/none: No such file or directory"),
        ("passwd x\nbase ff02::1", "4:6: the base address 'ff02::1': no node can have"),
    ],
)
def test_what_a_start_needs_is_looked_at_before_a_stack_is_made(tmp_path, lines, said):
    """Whose network, which is not there, would be waited for."""
    rc = tmp_path / "p.rc"
    base = "" if "base" in lines else f"base {PREFIX}\n"
    rc.write_text(f"extstack stack=vdestack,vnl=vde://{tmp_path}/hub\nname {NAME}\n{lines}\n{base}tcp 22,127.0.0.1,22\n")
    told = subprocess.run([w.RELEASE / "programs/otip_rproxy", "-f", rc], capture_output=True, text=True, timeout=60)
    assert told.returncode == 1
    assert f"{rc}:{said.format(folder=tmp_path)}" in told.stderr and "making a stack" not in told.stderr, told.stderr


def test_files_are_named_from_the_folder_of_the_file(tmp_path):
    """Those of the file from its folder, those of the command line from the working directory."""
    program = w.RELEASE / "programs/otip_rproxy"
    (tmp_path / "etc").mkdir()
    rc, secret, here = tmp_path / "etc/p.rc", tmp_path / "etc/secret", tmp_path / "here"
    secret.write_text(SECRET)
    here.write_text(SECRET)
    secret.chmod(0o600)
    here.chmod(0o600)
    lines = f"extstack stack=kernel,iface=lo\nname {NAME}\nbase {PREFIX}\ntcp 22,127.0.0.1,22\n"
    check = lambda *words: subprocess.run([program, "--check", "-f", "etc/p.rc", *words], cwd=tmp_path, timeout=60).returncode
    rc.write_text(lines + "passwdfile secret\n")
    assert check() == 0
    rc.write_text(lines)
    assert check("--passwdfile", "here") == 0
    assert check("--passwdfile", "secret") == 1


def test_it_tells_how_it_is(world):
    cable = Cable(world)
    cable.start(TCP)
    status = cable.command("status")
    assert "\n healthy yes\n" in status and "\n addresses_open " in status
    assert json.loads(cable.command("status json").splitlines()[0])["healthy"] == "yes"
    assert cable.command("loglevel") == " info\nok\n"
    assert cable.command("loglevel debug") == "ok\n" and cable.command("loglevel") == " debug\nok\n"
    assert cable.command("loglevel loud") == "error usage: loglevel [error|warning|info|debug]\n"
    assert cable.command("check") == "ok\n"
    assert cable.command("status long") == "error usage: status [json]\n"
    cable.file.write_text(cable.file.read_text() + "sandbox off\n")
    for number in (1, 2):  # each time
        assert cable.command("reload") == " warning: this change waits for a restart what=sandbox\nok\n"
        assert f"\n reloads {number}\n failed_reloads 0\n" in cable.command("status")
    assert "configuration loaded again" in cable.proxy.stderr()
    assert f"serving name={NAME} iface=lan0" in cable.proxy.stderr()
    assert cable.proxy.stop() == 0
