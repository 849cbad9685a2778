# SPDX-License-Identifier: LGPL-2.1-or-later
"""Forwarding: what upstream says reaches the client; when upstream is dead, deaf, mad or an impostor, the client has the right
answer or SERVFAIL within 4 s, and the cache holds only what was asked for."""

import concurrent.futures
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

import upstream
import world as w
from questions import addresses, ask_message, texts, timed
from server import FORWARD, FORWARD_TO_TWO, LOCAL, SECOND_UPSTREAM, UPSTREAM
from upstream import ScriptedUpstream, default_answer

pytestmark = pytest.mark.about_time
LONGEST_S = 4.0  # stubs give up at 5


def right_address(name):
    return [f"192.0.2.{(len(name.rstrip('.')) + 1) % 256}"]


@pytest.fixture(params=[upstream.start_knotd, upstream.start_unbound], ids=["knotd", "unbound"])
def real(box, request):
    """A server that forwards to a real one."""
    request.param(box.world, box.namespace, [UPSTREAM])
    box.serve(LOCAL + FORWARD)
    return box


# A real upstream


def test_cname_and_address(real):
    answer = real.ask("prep.ai.mit.edu")
    assert texts(answer) == ["ftp.gnu.org.", "209.51.188.20"]
    assert answer.flags & dns.flags.RA and answer.flags & dns.flags.RD
    assert texts(real.ask("prep.ai.mit.edu", "AAAA")) == ["ftp.gnu.org.", "2001:470:142:3::b"]


def test_text_through_the_cache(real):
    for _ in range(3):
        assert texts(real.ask("text.gnu.org", "TXT")) == ['"free as in freedom" "second string"']


def test_many_types(real):
    assert texts(real.ask("mail.gnu.org", "MX")) == ["10 eggs.gnu.org."]
    assert texts(real.ask(".", "NS")) == ["ns.root.example."]
    assert real.ask(".", "SOA").answer


def test_negative_answers_are_cached_with_lower_ttls(real):
    first = real.ask("none.gnu.org")
    assert first.rcode() == dns.rcode.NXDOMAIN and first.authority

    def lower():
        again = real.ask("none.gnu.org")
        assert again.rcode() == dns.rcode.NXDOMAIN
        return again.authority[0].ttl < first.authority[0].ttl

    w.wait_for(lower, "a lower TTL on the cached SOA")


def test_spelling_of_the_question_is_kept_by_the_cache(real):
    for name in ("Prep.AI.mit.edu", "PREP.ai.MIT.edu", "prep.ai.mit.edu"):
        answer = real.ask(name)
        assert answer.answer[0].name.to_text() == name + "."
        assert answer.answer[1].to_rdataset()[0].to_text() == "209.51.188.20"


def test_an_expired_entry_is_asked_again(real):
    assert real.ask("short.gnu.org").answer[0].ttl <= 2

    def renewed():
        return real.ask("short.gnu.org").answer[0].ttl == 2

    w.wait_for(lambda: real.ask("short.gnu.org").answer[0].ttl < 2, "the TTL counts down")
    w.wait_for(renewed, "upstream is asked again")


def test_large_answers_are_cut_with_tc_never_silently(real):
    for _ in range(2):  # the second time from the cache
        for options in ({}, {"use_edns": 0, "payload": 1232}, {"use_edns": 0, "payload": 4096}):
            cut = real.ask("big.gnu.org", "TXT", **options)
            assert cut.flags & dns.flags.TC
            assert len(cut.to_wire(max_size=65535)) <= options.get("payload", 512)
        whole = real.ask("big.gnu.org", "TXT", tcp=True)
        assert not whole.flags & dns.flags.TC
        assert sorted(texts(whole)) == sorted(f'"{text}"' for text in upstream.BIG_TXT)


def test_cd_is_copied_ad_and_z_are_not(real):
    for flags in (0, dns.flags.CD):
        for _ in range(2):  # forwarded, then cached
            question = dns.message.make_query("mail.gnu.org", "MX")
            question.flags |= flags | 0x0040 | dns.flags.AD
            answer = ask_message(real.namespace, question)
            assert answer.flags & (dns.flags.CD | dns.flags.AD | 0x0040) == flags
            assert answer.flags & dns.flags.RA and not answer.flags & dns.flags.AA


def test_without_rd_only_the_cache_answers(real):
    assert real.ask("ftp.gnu.org", flags=0).rcode() == dns.rcode.REFUSED
    assert real.ask("ftp.gnu.org").rcode() == dns.rcode.NOERROR
    assert addresses(real.ask("ftp.gnu.org", flags=0)) == ["209.51.188.20"]


@pytest.mark.parametrize("name", ["1.0.0.10.in-addr.arpa", "x.invalid", "x.onion", "8.b.d.0.1.0.0.2.ip6.arpa"])
def test_locally_served_zones_do_not_leave(box, name):
    with ScriptedUpstream(box.namespace, UPSTREAM) as server:
        box.serve(LOCAL + FORWARD)
        assert box.ask(name, "PTR").rcode() == dns.rcode.NXDOMAIN
        assert server.questions == []


# Upstream misbehaves


def test_fwd_without_any_dns(box):
    box.serve(LOCAL + "auth cache local .\nauth fwd local .\n")
    answer, seconds = timed(box.ask, "www.example")
    assert answer.rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED)
    assert seconds < LONGEST_S
    box.assert_serves()


def test_all_dead(box):
    """One is silent, one has no server at all."""
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.never_answer):
        box.serve(LOCAL + FORWARD_TO_TWO)
        answer, seconds = timed(box.ask, "www.example")
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert seconds < LONGEST_S


@pytest.mark.parametrize(
    "behaviour",
    [
        upstream.never_answer,
        upstream.answer_garbage,
        upstream.answer_with_rcode(dns.rcode.SERVFAIL),
    ],
    ids=["silent", "garbage", "servfail"],
)
def test_the_next_one_is_asked(box, behaviour):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=behaviour):
        with ScriptedUpstream(box.namespace, SECOND_UPSTREAM):
            box.serve(LOCAL + FORWARD_TO_TWO)
            for name in ("www.example", "mail.example"):
                answer, seconds = timed(box.ask, name)
                assert addresses(answer) == right_address(name)
                assert seconds < LONGEST_S


@pytest.mark.parametrize(
    "behaviour",
    [upstream.never_answer, upstream.answer_garbage, upstream.answer_with_rcode(dns.rcode.SERVFAIL)],
    ids=["silent", "garbage", "servfail"],
)
def test_servfail_in_time_and_nothing_wrong_remembered(box, behaviour):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=behaviour) as server:
        box.serve(LOCAL + FORWARD)
        answer, seconds = timed(box.ask, "www.example")
        assert answer.rcode() == dns.rcode.SERVFAIL and not answer.answer
        assert seconds < LONGEST_S
        server.udp = upstream.answer_udp
        # A failure may be remembered for a short while (RFC 9520), but not what was wrong.
        mended = lambda: addresses(box.ask("www.example")) == right_address("www.example")  # noqa: E731
        w.wait_for(mended, "upstream is believed again")


def test_half_the_packets_lost(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.lose_every_second()):
        with ScriptedUpstream(box.namespace, SECOND_UPSTREAM, udp=upstream.lose_every_second()):
            box.serve(LOCAL + FORWARD_TO_TWO)
            names = [f"n{number}.example" for number in range(30)]
            with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
                results = list(pool.map(lambda name: timed(box.ask, name), names))
    for name, (answer, seconds) in zip(names, results):
        assert seconds < LONGEST_S
        assert addresses(answer) == right_address(name) or answer.rcode() == dns.rcode.SERVFAIL
    right = sum(answer.rcode() == dns.rcode.NOERROR for answer, _ in results)
    assert right >= 25, "retries find most of them"


@pytest.mark.parametrize("forge", upstream.FORGERS)
def test_forged_first(box, forge):
    """The forged reply is there before the right one: it is not believed, and does not make the server give up."""
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.forged_first(forge)) as server:
        box.serve(LOCAL + FORWARD)
        answer, seconds = timed(box.ask, "www.example")
        assert addresses(answer) == right_address("www.example")
        assert seconds < LONGEST_S
        asked = len(server.questions)
        assert addresses(box.ask("www.example")) == right_address("www.example")
        assert len(server.questions) == asked, "from the cache"


def test_questions_upstream_are_hard_to_guess(box):
    """Ports and ids vary, and letters have a random case (RFC 5452; draft dns0x20)."""
    clients = []

    def remember(server, wire, question, client):
        clients.append((client[1], question.id, question.question[0].name.to_text()))
        upstream.answer_udp(server, wire, question, client)

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=remember):
        box.serve(LOCAL + FORWARD)
        for number in range(20):
            box.ask(f"abcdefghijklmnop{number}.example")
    ports, ids, names = (set(column) for column in zip(*clients))
    assert len(ports) > 10 and len(ids) > 15
    assert any(name != name.lower() for name in names)


def test_additional_records_of_other_names_are_not_cached(box):
    """What upstream adds unasked is not an answer to a later question."""

    def adds_poison(server, wire, question, client):
        reply = default_answer(question)
        reply.additional.append(dns.rrset.from_text("www.bank.example.", 3600, "IN", "A", "203.0.113.66"))
        reply.authority.append(dns.rrset.from_text("bank.example.", 3600, "IN", "NS", "ns.evil.example."))
        server.socket.sendto(reply.to_wire(), client)

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=adds_poison):
        box.serve(LOCAL + FORWARD)
        box.ask("www.evil.example")
        assert addresses(box.ask("www.bank.example")) == right_address("www.bank.example")


# Over TCP


def test_a_truncated_answer_is_fetched_over_tcp(box):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.truncate) as server:
        box.serve(LOCAL + FORWARD)
        assert addresses(box.ask("www.example")) == right_address("www.example")
        assert len(server.tcp_questions) == 1


@pytest.mark.parametrize("tcp", [upstream.close_in_the_middle, upstream.answer_id_of_another], ids=["closed", "wrong-id"])
def test_upstream_spoils_the_tcp_answer(box, tcp):
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.truncate, tcp=tcp) as server:
        box.serve(LOCAL + FORWARD)
        answer, seconds = timed(box.ask, "www.example")
        assert answer.rcode() == dns.rcode.SERVFAIL and not answer.answer
        assert seconds < LONGEST_S
        server.tcp = upstream.answer_tcp
        mended = lambda: addresses(box.ask("www.example")) == right_address("www.example")  # noqa: E731
        w.wait_for(mended, "nothing partial was remembered")


# Sharing


def test_identical_questions_in_flight_share_one_exchange(box):
    release = time.monotonic() + 0.5

    def answer_later(server, wire, question, client):
        while time.monotonic() < release:
            time.sleep(0.01)
        upstream.answer_udp(server, wire, question, client)

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_later) as server:
        box.serve(LOCAL + FORWARD + "option workers 1\n")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            spellings = ["www.example", "WWW.example", "www.EXAMPLE", "Www.Example"] * 5
            results = list(pool.map(box.ask, spellings))
        assert all(addresses(answer) == right_address("www.example") for answer in results)
        assert len(server.questions) <= 3, "one exchange, with its retries"


def test_a_client_sees_only_its_own_upstream(box):
    """A cache entry belongs to the upstreams that gave it."""
    configuration = f"""\
option listen 127.0.0.1
net one 127.1.0.0/16
net other 127.2.0.0/16
auth cache one,other .
auth fwd one . {UPSTREAM}
auth fwd other . {SECOND_UPSTREAM}
"""

    with ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.answer_with_address("192.0.2.1", 300)):
        with ScriptedUpstream(box.namespace, SECOND_UPSTREAM, udp=upstream.answer_with_address("192.0.2.2", 300)):
            box.serve(configuration)
            for _ in range(2):
                assert addresses(box.ask("www.example", source="127.1.0.1")) == ["192.0.2.1"]
                assert addresses(box.ask("www.example", source="127.2.0.1")) == ["192.0.2.2"]
