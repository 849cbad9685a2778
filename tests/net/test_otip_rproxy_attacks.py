# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who wants otip_rproxy's places for himself: floods of datagrams, ports that a reload has taken away. What others have stays theirs."""

import contextlib
import pathlib
import re
import signal
import socket
import struct
import threading
import time

import pytest

import world as w
from dhcp_lab import running, together  # noqa: F401
from otip_lab import ECHO, Lab


@together
def test_a_flood_of_datagrams_leaves_places(world):
    """Each datagram of a flood is a new flow; so would be those with forged sources."""
    lab = Lab(world, "vdestack", build=w.ASAN, options=["--flows_max", "16", "--udp_timeout", "600"])
    talker = lab.connect_soon(kind=socket.SOCK_DGRAM)
    for _ in range(3):
        talker.send(b"dialogue")
        assert talker.recv(100) == b"dialogue"
    for _ in range(60):
        lab.connect(kind=socket.SOCK_DGRAM).send(b"flood")
    w.wait_for(lambda: lab.figure("udp_flows_begun") >= 61, "the flood")
    assert lab.figure("udp_flows") <= 8
    assert w.echoes(lab.connect_soon())
    talker.send(b"still there")
    assert talker.recv(100) == b"still there"
    newcomer = lab.connect(kind=socket.SOCK_DGRAM)
    newcomer.send(b"me too")
    assert newcomer.recv(100) == b"me too"
    lab.stop()


@together
def test_a_port_that_a_reload_took_away_starts_nothing(world):
    """Its flows go on. lwIP runs no filters on its listeners, so the proxy itself refuses there."""
    rcfile = world.directory / "more.rc"
    rcfile.write_text("tcp 99,127.0.0.1,7007\n")
    lab = Lab(world, "lwip", period=600, options=["-f", rcfile])
    flow = lab.connect_soon(port=99)
    assert w.echoes(flow)
    rcfile.write_text("tcp 98,127.0.0.1,7007\n")
    lab.proxy.signal(signal.SIGHUP)
    assert w.wait_for(lambda: lab.answers(lab.address(), port=98), "the new port")
    assert w.echoes(flow)
    late = lab.socket()
    try:
        late.connect((lab.address(), 99))
        late.sendall(b"anybody?")
        heard = late.recv(100)
    except OSError:
        heard = b""
    assert heard == b"", "a retired port began a flow"
    w.wait_for(lambda: lab.figure("tcp_flows") == 1, "the end of all flows but the first")
    assert w.echoes(lab.connect(port=ECHO)) and w.echoes(flow)
    lab.stop()


def wakes(pid):
    """How often its threads have waited for something so far."""
    return sum(
        int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.MULTILINE)[1])
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")
    )


@together
def test_who_never_takes_the_last_bytes_costs_nothing(world):
    """Both sides have ended, and the client keeps his window shut: he is looked at less and less often, soon not for half a second.
    It used to be 20 times a second for each such connection, for as long as it had time."""
    w.need_plain_build(without="thread")
    lab = Lab(world, "kernel", period=600)
    deaf = lab.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect((lab.address(), ECHO))
    deaf.sendall(b"x" * 12000)
    deaf.shutdown(socket.SHUT_WR)
    w.wait_for(lambda: lab.figure("bytes_out") == 12000, "all to be passed on")
    seen = [(0.0, -1)]  # when, and how many wakes by then

    def is_left_alone():
        now, woken = time.monotonic(), wakes(lab.proxy.process.pid)
        if woken != seen[-1][1]:
            seen.append((now, woken))
        return now - seen[-1][0] >= 0.5

    w.wait_for(is_left_alone, "half a second without a look at him", poll_s=0.01)
    assert lab.figure("tcp_flows") == 1
    lab.stop()


@together
def test_who_resets_behind_the_last_bytes_is_gone(world):
    """Both sides have ended, he keeps his window shut, and then he resets: what had not been sent to him never will be. His flow used
    to wait for that until its time was up, here for ever."""
    lab = Lab(world, "kernel", period=600, options=["--tcp_timeout", "0"])
    rude = lab.socket()
    rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    rude.connect((lab.address(), ECHO))
    rude.sendall(b"x" * 12000)
    rude.shutdown(socket.SHUT_WR)
    behind_both_ends = f"-tnH state last-ack sport = :{ECHO}".split()
    w.wait_for(lambda: lab.server.run("ss", *behind_both_ends).stdout, "all to be passed on, and the end")
    rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    rude.close()
    w.wait_for(lambda: lab.figure("tcp_flows") == 0, "the end of his flow")
    lab.stop()


@pytest.mark.parametrize("stack", ["kernel", "vdestack"])
@together
def test_urgent_bytes_hold_nothing_up(world, stack):
    """They come in line, as on a stack that knows none (RFC 6093). Amid bulk they used to end what is passed on, and an end
    behind them to be told in their place."""
    lab = Lab(world, stack, period=600)
    client, heard = lab.connect_soon(), bytearray()
    client.settimeout(w.PATIENCE_S)
    bulk = bytes(range(256)) * (16 << 10)

    def talk():
        for _ in range(3):
            client.sendall(bulk)
            client.send(b"!", socket.MSG_OOB)
        client.sendall(b"the end")
        client.shutdown(socket.SHUT_WR)

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    while data := client.recv(1 << 16):
        heard += data
    talker.join(w.PATIENCE_S)
    assert heard == (bulk + b"!") * 3 + b"the end", len(heard)
    lab.stop()


def unsent(lab):
    """Bytes that the kernel has for the proxy's clients and has not sent yet; -1: there are none."""
    told = lab.server.run("ss", "-tinH", f"sport = :{ECHO}").stdout
    return max((int(number) for number in re.findall(r"\bnotsent:(\d+)", told)), default=-1)


@together
def test_who_does_not_read_holds_little_memory(world):
    """He has read fast, so the kernel has made much room for what is on its way to him; then he stops."""
    lab = Lab(world, "kernel", period=600)
    deaf = lab.connect()
    deaf.setblocking(False)
    piece, heard, seen = bytes(1 << 16), 0, []

    def stands_still():
        nonlocal heard
        with contextlib.suppress(BlockingIOError):
            while heard < 16 << 20:
                deaf.send(piece)
                heard += len(deaf.recv(1 << 20))
        with contextlib.suppress(BlockingIOError):
            while heard >= 16 << 20:
                deaf.send(piece)
        if heard >= 16 << 20:
            seen.append(lab.figure("bytes_out"))
        return len(seen) > 5 and seen[-1] == seen[-5]

    w.wait_for(stands_still, "nothing to move any more", poll_s=0.05)
    assert 0 < unsent(lab) <= 768 << 10
    lab.stop()
