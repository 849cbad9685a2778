# SPDX-License-Identifier: LGPL-2.1-or-later
"""TCP: framing, pipelines, clients that misbehave; meanwhile others are served."""

import contextlib
import os
import resource
import select
import socket
import struct
import time

import dns.message
import pytest

import upstream
import world as w
from questions import addresses, framed, is_closed, read_message, tcp_connection, udp_socket
from server import FORWARD, LOCAL, UPSTREAM


def question(name="one.test.local", rdtype="A"):
    return dns.message.make_query(name, rdtype)


@pytest.fixture
def served(box):
    box.serve(LOCAL)
    return box


def test_a_length_of_zero(served):
    with tcp_connection(served.namespace) as connection:
        connection.sendall(b"\0\0")
        served.assert_serves()


def test_a_length_split_over_two_segments(served):
    query = question()
    wire = framed(query.to_wire())
    with tcp_connection(served.namespace) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (wire[:1], wire[1:2], wire[2:15], wire[15:]):
            connection.sendall(piece)
            served.assert_serves()  # an exchange with the server in between: the pieces do not travel together
        assert addresses(read_message(connection)) == ["192.168.1.1"]


def test_pipelined_questions_are_all_answered(served):
    queries = [question(f"n{number}.hash.local", "AAAA") for number in range(50)]
    with tcp_connection(served.namespace) as connection:
        connection.sendall(b"".join(framed(query.to_wire()) for query in queries))
        replies = [read_message(connection) for _ in queries]
    assert {reply.id for reply in replies} == {query.id for query in queries}
    assert all(len(reply.answer) == 1 for reply in replies)


def test_a_slow_answer_does_not_hold_up_the_next(box):
    """RFC 7766 s7: answers may overtake each other."""
    with upstream.ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.never_answer):
        box.serve(LOCAL + FORWARD)
        slow, quick = question("slow.example"), question()
        with tcp_connection(box.namespace) as connection:
            connection.sendall(framed(slow.to_wire()) + framed(quick.to_wire()))
            assert read_message(connection).id == quick.id
            last = read_message(connection)
            assert last.id == slow.id and last.rcode() == 2


def test_pipelined_then_reset(served):
    for _ in range(20):
        with tcp_connection(served.namespace) as connection:
            connection.sendall(framed(question().to_wire()) * 100)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    served.assert_serves()


def test_reset_while_forwarding(box):
    with upstream.ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.never_answer) as server:
        box.serve(LOCAL + FORWARD)
        with tcp_connection(box.namespace) as connection:
            connection.sendall(b"".join(framed(question(f"n{i}.example").to_wire()) for i in range(20)))
            w.wait_for(lambda: server.questions, "a question upstream")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        box.assert_serves()


def test_a_client_that_never_reads(box):
    """It asks until nothing more can be written to it; the others do not notice."""
    box.serve(LOCAL + "static TXT big.test.local " + " ".join(f'"{"x" * 200}"' for _ in range(5)) + "\n")
    wire = framed(question("big.test.local", "TXT").to_wire()) * 100
    with tcp_connection(box.namespace) as connection:
        connection.setblocking(False)
        sent = 0
        while select.select([], [connection], [], 0.5)[1] and sent < 32 << 20:
            try:
                sent += connection.send(wire)
            except (BlockingIOError, ConnectionError):
                break
        assert box.daemon.rss_bytes() < 400 << 20, "what is not read is not piled up"
        box.assert_serves()
    box.assert_serves()


@pytest.mark.parametrize("ends", (False, True), ids=("stays", "ends"))
def test_more_questions_than_there_is_room_for_answers(box, ends):
    """Their answers exceed what is kept for one client; all come as it reads, also when it has said that it has no more questions."""
    box.serve(LOCAL + "static TXT big.test.local " + " ".join(f'"{"x" * 200}"' for _ in range(20)) + "\n")
    count = 500  # of 4 KB each
    with tcp_connection(box.namespace) as connection:
        connection.sendall(framed(question("big.test.local", "TXT").to_wire()) * count)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        replies = [read_message(connection) for _ in range(count)]
        assert all(reply.answer for reply in replies)
        assert not ends or is_closed(connection)


def test_half_a_message_then_the_end(served):
    with tcp_connection(served.namespace) as connection:
        connection.sendall(framed(question().to_wire())[:10])
        connection.shutdown(socket.SHUT_WR)
        assert is_closed(connection)
    served.assert_serves()


def test_a_question_then_the_end_is_still_answered(served):
    with tcp_connection(served.namespace) as connection:
        connection.sendall(framed(question().to_wire()))
        connection.shutdown(socket.SHUT_WR)
        assert addresses(read_message(connection)) == ["192.168.1.1"]
        assert is_closed(connection)


def test_an_idle_connection_is_closed(box):
    box.serve(LOCAL + "option tcptimeout 1\n")
    with tcp_connection(box.namespace) as connection:
        assert is_closed(connection, deadline_s=6)


def test_accept_rules_choose_who_may_connect(box):
    box.serve(
        """\
net inside 127.0.0.0/16
net all ::/0
auth accept inside
auth static all .test.local
static A one.test.local 192.168.1.1
"""
    )
    assert addresses(box.ask("one.test.local", source="127.9.0.1")) == ["192.168.1.1"]
    assert addresses(box.ask("one.test.local", tcp=True)) == ["192.168.1.1"]
    try:
        with tcp_connection(box.namespace, source="127.9.0.1") as connection:
            assert is_closed(connection)
    except ConnectionError:
        pass  # refused at once: as good


def test_without_accept_rules_those_who_are_served_may_connect(box):
    box.serve(
        """\
net inside 127.0.0.0/16
auth static inside .test.local
static A one.test.local 192.168.1.1
"""
    )
    assert addresses(box.ask("one.test.local", tcp=True)) == ["192.168.1.1"]
    try:
        with tcp_connection(box.namespace, source="127.9.0.1") as connection:
            assert is_closed(connection)
    except ConnectionError:
        pass


@pytest.mark.about_time
def test_running_out_of_descriptors(box):
    limit = 64

    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with upstream.ScriptedUpstream(box.namespace, UPSTREAM):
        box.serve(LOCAL + FORWARD + f"option workers 1\noption tcplistenbacklog {2 * limit}\n", preexec_fn=few_descriptors)
        connections = [start_connecting(box, f"127.1.{number}.1") for number in range(2 * limit)]
        w.wait_for(lambda: open_descriptors(box.daemon) >= limit - 1, "all descriptors are taken")
        used, since = box.daemon.cpu_seconds(), time.monotonic()
        while time.monotonic() < since + 1:
            assert addresses(box.ask("one.test.local")) == ["192.168.1.1"]
            assert box.ask("while.example").rcode() in (0, 2), "an answer or SERVFAIL, but not silence"
            select.select([], [], [], 0.1)
        used = box.daemon.cpu_seconds() - used
        assert used < 0.5 * (time.monotonic() - since), "connections that cannot be taken keep nobody busy"
        for connection in connections:
            connection.close()

        def recovered():
            return box.ask("after.example").rcode() == 0 and addresses(box.ask("one.test.local", tcp=True))

        w.wait_for(recovered, "all is as before, once the connections are gone")


def test_questions_to_a_dead_upstream_leave_descriptors_for_clients(box):
    limit = 128

    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with upstream.ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.never_answer):
        box.serve(LOCAL + FORWARD + "option workers 1\n", preexec_fn=few_descriptors)
        before = open_descriptors(box.daemon)
        with udp_socket(box.namespace) as client:
            for number in range(4 * limit):
                client.send(question(f"n{number}.example").to_wire())
            w.wait_for(lambda: open_descriptors(box.daemon) > before + limit // 2, "many questions are on their way")
            with contextlib.ExitStack() as connections:
                for _ in range(10):
                    connection = connections.enter_context(tcp_connection(box.namespace))
                    connection.sendall(framed(question().to_wire()))
                    assert addresses(read_message(connection)) == ["192.168.1.1"]


def start_connecting(box, source):
    """A TCP connection that is made as soon as the server takes it."""
    with box.namespace.entered():
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.bind((source, 0))
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", 53))
    return connection


def open_descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))
