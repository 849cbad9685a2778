# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the forwarder makes of its upstream servers over time: stale answers while they are silent, renewal ahead of the end,
failures remembered, connections shared, habits learnt, base names kept."""

import concurrent.futures
import itertools
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

import upstream
import world as w
from questions import addresses, framed, timed
from server import FORWARD, FORWARD_TO_TWO, LOCAL, SECOND_UPSTREAM, UPSTREAM
from upstream import ScriptedUpstream, answer_udp, default_answer, never_answer

pytestmark = pytest.mark.about_time  # who is slow to answer is asked again


def answer_with_ttl(ttl):
    """The answer of the server that the test plays, its TTLs all `ttl`. What it does can be changed by server.udp."""

    def behave(server, wire, question, client):
        reply = default_answer(question)
        for rrset in reply.answer:
            rrset.ttl = ttl
        server.socket.sendto(reply.to_wire(), client)

    return behave


def extended_errors(answer):
    return [int(option.code) for option in answer.options if option.otype == dns.edns.OptionType.EDE]


def asked(server, name):
    """How often the server was asked for a name."""
    return sum(q.question[0].name.to_text().lower() == name.rstrip(".") + "." for q in list(server.questions))


# Stale answers, renewal, failures


def test_stale_answers_while_upstream_is_silent(box):
    """RFC 8767: the old answer after 1.8 s; then, when that exchange is over, at once."""
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_ttl(1)) as server:
        box.serve(LOCAL + FORWARD)
        assert box.ask("www.example").answer[0].ttl == 1
        server.udp = never_answer
        w.wait_for(lambda: box.ask("www.example").answer[0].ttl == 30, "the answer is stale")
        answer, took = timed(box.ask, "www.example", use_edns=0)
        assert addresses(answer) == addresses(default_answer(dns.message.make_query("www.example", "A")))
        assert extended_errors(answer) == [3]

        def at_once():
            answer, took = timed(box.ask, "www.example")
            return answer.answer[0].ttl == 30 and took < 0.5

        w.wait_for(at_once, "stale answers without delay")
        # What was never answered has nothing stale.
        assert box.ask("other.example").rcode() == dns.rcode.SERVFAIL


def test_the_first_stale_answer_comes_in_time(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_ttl(1)) as server:
        box.serve(LOCAL + FORWARD)
        box.ask("www.example")
        server.udp = never_answer
        w.wait_for(lambda: box.ask("www.example", flags=0).rcode() == dns.rcode.REFUSED, "it has expired")
        begin = time.monotonic()
        answer, took = timed(box.ask, "www.example")
        assert answer.answer[0].ttl == 30
        assert time.monotonic() - begin > 1.7 and took < 2.8


def test_stale_answers_may_be_switched_off(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_ttl(1)) as server:
        box.serve(LOCAL + FORWARD + "option servestale 0\n")
        box.ask("www.example")
        server.udp = never_answer
        w.wait_for(lambda: box.ask("www.example").rcode() == dns.rcode.SERVFAIL, "no answer")


def test_stale_answers_when_upstream_refuses(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_ttl(1)) as server:
        box.serve(LOCAL + FORWARD)
        box.ask("www.example")
        server.udp = upstream.answer_with_rcode(dns.rcode.SERVFAIL)
        w.wait_for(lambda: box.ask("www.example").answer[0].ttl == 30, "the answer is stale")


def test_popular_answers_are_renewed_before_they_end(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_ttl(10)) as server:
        box.serve(LOCAL + FORWARD)
        ttls = []

        def renewed():
            ttls.append(box.ask("www.example").answer[0].ttl)
            return asked(server, "www.example") >= 2

        w.wait_for(renewed, "asked again", poll_s=0.1)
        assert min(ttls) <= 1, "in its last tenth"
        w.wait_for(lambda: box.ask("www.example").answer[0].ttl >= 9, "the new answer is there")


def test_what_failed_is_not_asked_again_at_once(box):
    """RFC 9520: a failure is remembered for a few seconds."""
    behave = upstream.answer_with_rcode(dns.rcode.SERVFAIL)
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=behave) as server:
        box.serve(LOCAL + FORWARD)
        assert box.ask("www.example").rcode() == dns.rcode.SERVFAIL
        server.udp = answer_udp
        again = box.ask("www.example", use_edns=0)
        assert again.rcode() == dns.rcode.SERVFAIL and extended_errors(again) == [13]
        assert asked(server, "www.example") == 1
        assert box.ask("other.example").rcode() == dns.rcode.NOERROR
        w.wait_for(lambda: box.ask("www.example").rcode() == dns.rcode.NOERROR, "asked again")


def test_ttls_have_a_floor_and_a_ceiling(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_ttl(0)) as server:
        box.serve(LOCAL + FORWARD + "option cachettlmin 60\noption cachettlmax 120\n")
        for _ in range(2):
            assert 58 <= box.ask("low.example").answer[0].ttl <= 60
        server.udp = answer_with_ttl(100000)
        assert box.ask("high.example").answer[0].ttl == 120
        assert asked(server, "low.example") == 1


# Several servers


def test_the_fastest_is_preferred(box):
    """Whatever the order of the dns lines."""

    def late(server, wire, question, client):
        threading.Timer(0.1, answer_udp, (server, wire, question, client)).start()

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=late) as far:
        with ScriptedUpstream(box.namespace, SECOND_UPSTREAM) as near:
            box.serve(LOCAL + FORWARD_TO_TWO + "option workers 1\n")
            numbers = itertools.count()

            def preferred():
                near_before, far_before = len(near.questions), len(far.questions)
                for _ in range(30):
                    box.ask(f"n{next(numbers)}.example")
                return len(near.questions) - near_before >= 27 and len(far.questions) - far_before <= 3

            w.wait_for(preferred, "most questions go to the nearer one")


def test_rules_have_servers_of_their_own(box):
    """`auth fwd NETS DOMAIN ADDR...`: which domain goes where, for whom."""
    configuration = f"""\
option listen 127.0.0.1
net one 127.1.0.0/16
net other 127.2.0.0/16
dns {UPSTREAM}
auth fwd one .corp.example {SECOND_UPSTREAM}@5300
auth fwd one,other .
"""
    with ScriptedUpstream(box.namespace, UPSTREAM) as public:
        with ScriptedUpstream(box.namespace, SECOND_UPSTREAM, port=5300) as internal:
            box.serve(configuration)
            box.ask("db.corp.example", source="127.1.0.1")
            box.ask("www.example", source="127.1.0.1")
            box.ask("db2.corp.example", source="127.2.0.1")
            assert [asked(internal, n) for n in ("db.corp.example", "www.example", "db2.corp.example")] == [1, 0, 0]
            assert [asked(public, n) for n in ("db.corp.example", "www.example", "db2.corp.example")] == [0, 1, 1]


# Habits of servers


def test_a_server_that_drops_edns_is_asked_without(box):
    def drop_edns(server, wire, question, client):
        if question.edns < 0:
            answer_udp(server, wire, question, client)

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=drop_edns) as server:
        box.serve(LOCAL + FORWARD + "option workers 1\n")
        for number in range(3):
            assert box.ask(f"n{number}.example").answer
        before = len(server.questions)
        answer, took = timed(box.ask, "fast.example")
        assert answer.answer and took < 0.15
        assert len(server.questions) == before + 1 and server.questions[-1].edns < 0


def lower_case(question):
    reply = default_answer(question).to_wire()
    end = reply.index(b"\0", 12)
    return reply[:12] + reply[12:end].lower() + reply[end:]


def lower_case_udp(server, wire, question, client):
    server.socket.sendto(lower_case(question), client)


def lower_case_tcp(server, wire, question, connection):
    connection.sendall(framed(lower_case(question)))


# Only the server itself can answer over TCP: if it loses letter case there too it is believed to do so, else its replies over UDP
# may be somebody else's.
@pytest.mark.parametrize("tcp, questions_over_tcp", [(lower_case_tcp, 3), (None, 10)])
def test_a_server_that_loses_letter_case(box, tcp, questions_over_tcp):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=lower_case_udp, tcp=tcp) as server:
        box.serve(LOCAL + FORWARD + "option workers 1\n")
        for number in range(10):
            assert box.ask(f"abcdefghijkl{number}.example").answer
        assert len(server.tcp_questions) == questions_over_tcp


def cookie_of(message):
    for option in message.options:
        if int(option.otype) == 10:
            return option.to_wire()
    return None


def with_cookie(reply, question, server_cookie=b"servercookie1234"):
    reply.use_edns(0, payload=1232, options=[dns.edns.GenericOption(10, cookie_of(question)[:8] + server_cookie)])
    return reply


def test_cookies(box):
    """RFC 7873: the server's cookie is given back, and a reply without one is not believed any more."""

    def cookies(server, wire, question, client):
        server.socket.sendto(with_cookie(default_answer(question), question).to_wire(), client)

    def forged_without(server, wire, question, client):
        server.socket.sendto(upstream.forged_reply(question).to_wire(), client)

    def tcp(server, wire, question, connection):
        connection.sendall(framed(with_cookie(default_answer(question), question).to_wire()))

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=cookies, tcp=tcp) as server:
        box.serve(LOCAL + FORWARD + "option workers 1\n")
        box.ask("one.example")
        box.ask("two.example")
        first, second = (cookie_of(q) for q in server.questions)
        assert len(first) == 8 and second == first + b"servercookie1234"
        server.udp = forged_without
        assert addresses(box.ask("three.example")) == ["192.0.2.14"]
        assert len(server.tcp_questions) == 1


# TCP


def test_connections_are_shared_and_answers_come_in_any_order(box):
    """RFC 7766: questions that need TCP go over one connection, and wait for nobody's answer."""
    connections = set()
    lock = threading.Lock()
    held = []

    def newest_first(server, wire, question, connection):
        with lock:
            connections.add(connection)
            held.append((question, connection))
            if len(held) < 5:
                return None
            for question, connection in reversed(held):
                connection.sendall(framed(default_answer(question).to_wire()))
            held.clear()
        return None

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.truncate, tcp=newest_first) as server:
        box.serve(LOCAL + FORWARD + "option workers 1\n")
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            for lap in range(3):
                answers = list(pool.map(box.ask, [f"n{lap}{number}.example" for number in range(5)]))
                assert all(addresses(answer) == ["192.0.2.12"] for answer in answers)
        assert len(server.tcp_questions) == 15
        assert len(connections) == 1


def test_a_connection_that_the_server_ends(box):
    """... after each answer, as servers may: the next question gets another one."""

    def one_each(server, wire, question, connection):
        connection.sendall(framed(default_answer(question).to_wire()))
        return False

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.truncate, tcp=one_each):
        box.serve(LOCAL + FORWARD)
        for number in range(10):
            assert box.ask(f"n{number}.example").answer


# Base names


BASES = f"""\
option listen 127.0.0.1
net local 127.0.0.0/8
dns {UPSTREAM}
auth hash local .one.test one.base.example
auth hash local .two.test two.base.example
"""


def test_base_names_are_renewed_and_outlive_upstream(box):
    """Several bases, one with two addresses; a change is taken over when the TTL ends; silence changes nothing."""
    prefixes = {"one.base.example.": ["fc01::"], "two.base.example.": ["fc02::", "fc03::"]}

    def bases(server, wire, question, client):
        reply = dns.message.make_response(question, recursion_available=True)
        name = question.question[0].name
        known = prefixes.get(name.to_text().lower(), [])
        if known and question.question[0].rdtype == dns.rdatatype.AAAA:
            reply.answer.append(dns.rrset.from_text(name, 5, "IN", "AAAA", *known))
        server.socket.sendto(reply.to_wire(), client)

    def starts(name):
        return sorted(address.split(":")[0] for address in addresses(box.ask(name, "AAAA")))

    box.serve(BASES)  # upstream is not there yet
    assert box.ask("x.one.test", "AAAA").rcode() == dns.rcode.SERVFAIL
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=bases) as server:
        w.wait_for(lambda: starts("x.one.test") == ["fc01"], "the first base")
        w.wait_for(lambda: starts("x.two.test") == ["fc02", "fc03"], "the second, with both addresses")
        prefixes["one.base.example."] = ["fc09::"]
        w.wait_for(lambda: starts("x.one.test") == ["fc09"], "its new address")
        server.udp = never_answer
        before = asked(server, "one.base.example")
        w.wait_for(lambda: asked(server, "one.base.example") > before + 3, "asked in vain")
        assert starts("x.one.test") == ["fc09"] and starts("x.two.test") == ["fc02", "fc03"]
