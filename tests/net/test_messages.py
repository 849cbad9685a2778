# SPDX-License-Identifier: LGPL-2.1-or-later
"""Single messages: header bits, EDNS, odd and broken ones. All tests share one server, which must survive each of them."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from questions import addresses, ask_message, exchange, texts, udp_socket

NAME = b"\x03one\x04test\x05local\x00"
QUESTION = NAME + b"\x00\x01\x00\x01"


def header(flags=0x0100, counts=(1, 0, 0, 0), message_id=0x1234):
    return struct.pack("!6H", message_id, flags, *counts)


@pytest.fixture
def box(shared_box):
    yield shared_box
    shared_box.assert_serves()


@pytest.fixture
def connected(box):
    with udp_socket(box.namespace) as made:
        yield made


def parsed_header(wire):
    message_id, flags, *counts = struct.unpack("!6H", wire[:12])
    return message_id, flags, counts


# Messages that no answer is due to, or an error


@pytest.mark.parametrize("length", range(12))
def test_shorter_than_a_header(box, length):
    with udp_socket(box.namespace, timeout=0.2) as connected:
        assert exchange(connected, header()[:length]) is None


def test_a_response_is_not_answered(box):
    with udp_socket(box.namespace, timeout=0.2) as connected:
        assert exchange(connected, header(0x8100) + QUESTION) is None


@pytest.mark.parametrize(
    "counts, body",
    [
        ((0, 0, 0, 0), b""),
        ((2, 0, 0, 0), QUESTION + QUESTION),
        ((2, 0, 0, 0), QUESTION),
        ((1, 0, 0, 0), b""),
        ((1, 0, 0, 0), QUESTION[:-1]),
        ((1, 0, 0, 0), b"\xc0\x0c\x00\x01\x00\x01"),  # points to itself
        ((1, 0, 0, 0), b"\x03one\xc0\x0c\x00\x01\x00\x01"),  # points to its own start
        ((1, 0, 0, 0), b"\xc0\x0e\xc0\x0c\x00\x01\x00\x01"),  # two that point to each other
        ((1, 0, 0, 0), b"\xc0\xff\x00\x01\x00\x01"),  # points beyond the end
        ((1, 0, 0, 0), b"\x40" + b"a" * 64 + b"\x00\x00\x01\x00\x01"),  # a label of 64
        ((1, 0, 0, 0), (b"\x3f" + b"a" * 63) * 4 + b"\x00\x00\x01\x00\x01"),  # a name of 257 bytes
    ],
    ids=["no-question", "two", "two-said", "none-there", "cut", "self", "own-start", "each-other", "beyond", "long-label", "long-name"],
)
def test_format_error_with_the_id_of_the_question(connected, counts, body):
    answer = exchange(connected, header(counts=counts) + body)
    message_id, flags, _ = parsed_header(answer)
    assert message_id == 0x1234
    assert flags & 0x8000, "QR"
    assert flags & 0x000F == dns.rcode.FORMERR


def test_no_question_with_a_cookie(connected):
    """RFC 7873 s5.4: a client that only wants a cookie."""
    opt = b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 12) + struct.pack("!HH", 10, 8) + b"client!!"
    answer = exchange(connected, header(counts=(0, 0, 0, 1)) + opt)
    message = dns.message.from_wire(answer)
    assert message.rcode() == dns.rcode.NOERROR and not message.question
    (cookie,) = (option for option in message.options if option.otype == dns.edns.OptionType.COOKIE)
    assert cookie.to_wire()[:8] == b"client!!" and 16 <= len(cookie.to_wire()) <= 40


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 6, 15])
def test_other_opcodes_are_not_implemented_and_echoed(connected, opcode):
    answer = exchange(connected, header(opcode << 11) + QUESTION)
    _, flags, _ = parsed_header(answer)
    assert flags & 0x8000
    assert (flags >> 11) & 15 == opcode
    assert flags & 15 == dns.rcode.NOTIMP


@pytest.mark.parametrize("qtype", [251, 252], ids=["IXFR", "AXFR"])
def test_zone_transfers_are_refused(connected, qtype):
    answer = exchange(connected, header() + NAME + struct.pack("!HH", qtype, 1))
    assert parsed_header(answer)[1] & 15 == dns.rcode.REFUSED


def test_another_class_is_refused(connected):
    answer = exchange(connected, header() + NAME + struct.pack("!HH", 1, 4))
    assert parsed_header(answer)[1] & 15 in (dns.rcode.REFUSED, dns.rcode.NOTIMP)


# Bits of a question that do not leak into the answer


@pytest.mark.parametrize(
    "bits", [0x0020, 0x0040, 0x0010, 0x0400, 0x0200, 0x0080, 0x000F, 0x07FF & ~0x0100], ids=hex
)
def test_header_bits_do_not_leak(connected, bits):
    """AD, Z, CD, AA, TC, RA, the rcode, and all of them. CD is for cached and forwarded answers alone (RFC 6840 s5.9 of a
    server that validates or forwards); a static answer has AA in any case."""
    plain = parsed_header(exchange(connected, header(0x0100) + QUESTION))
    with_bits = parsed_header(exchange(connected, header(0x0100 | bits) + QUESTION))
    assert plain[1] & 0x0070 == 0
    assert plain[1] & 0x0400, "AA"
    assert with_bits == plain


def test_rd_is_copied(connected):
    for flags in (0, 0x0100):
        assert parsed_header(exchange(connected, header(flags) + QUESTION))[1] & 0x0100 == flags


# Names


@pytest.mark.parametrize("name", ["renzo.hash.local", "RENZO.Hash.Local", "renzo.hash.local."])
def test_letter_case_does_not_matter_and_is_kept(box, name):
    answer = box.ask(name, "AAAA")
    assert addresses(answer) == ["fc00::4cc:8049:6765:d03a"]
    assert answer.answer[0].name.to_text() == name.rstrip(".") + "."


def test_a_name_of_255_bytes_with_labels_of_63(box):
    name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 49, "hash.local"])
    assert len(addresses(box.ask(name, "AAAA"))) == 1


def test_labels_of_any_bytes(connected):
    name = b"\x05\x00\xff.\\ \x04hash\x05local\x00"
    answer = exchange(connected, header() + name + struct.pack("!HH", 28, 1))
    assert answer[12 : 12 + len(name)] == name
    assert parsed_header(answer)[2][1] == 1, "one answer"


def test_other_types_and_other_names(box):
    assert box.ask("one.test.local", "AAAA").rcode() == dns.rcode.NOERROR
    assert not box.ask("one.test.local", "AAAA").answer
    assert box.ask("none.test.local").rcode() == dns.rcode.NXDOMAIN
    assert box.ask("renzo.hash.local", "A").rcode() == dns.rcode.NOERROR
    assert box.ask("www.example").rcode() == dns.rcode.REFUSED
    assert texts(box.ask("one.test.local", "TXT")) == ['"some text"']


@pytest.mark.parametrize("name, rdtype", [("one.test.local", "AAAA"), ("none.test.local", "A"), ("renzo.hash.local", "A")])
def test_negative_answers_carry_an_soa(box, name, rdtype):
    (rrset,) = box.ask(name, rdtype).authority
    assert rrset.rdtype == 6


# EDNS


def test_without_edns_none_is_answered(box):
    assert box.ask("one.test.local").edns == -1


def test_edns_is_answered_with_1232_bytes(box):
    answer = box.ask("one.test.local", use_edns=0, payload=4096)
    assert answer.edns == 0 and answer.payload == 1232


def test_edns_version_1_is_a_bad_version(box):
    question = dns.message.make_query("one.test.local", "A")
    question.use_edns(1)
    answer = ask_message(box.namespace, question)
    assert answer.rcode() == dns.rcode.BADVERS
    assert answer.edns == 0 and not answer.answer


def test_unknown_edns_options_and_flags_are_ignored(box):
    option = dns.edns.GenericOption(65001, b"whatever")
    answer = box.ask("one.test.local", use_edns=0, ednsflags=0x4000, options=[option])
    assert addresses(answer) == ["192.168.1.1"]
    assert answer.ednsflags & 0x7FFF == 0
    assert not [option for option in answer.options if option.otype == 65001]


def test_two_opts_are_a_format_error(connected):
    opt = b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 0)
    answer = exchange(connected, header(counts=(1, 0, 0, 2)) + QUESTION + opt + opt)
    assert parsed_header(answer)[1] & 15 == dns.rcode.FORMERR


def test_a_cookie_is_answered_by_one(box):
    cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"client!!")
    answer = box.ask("one.test.local", use_edns=0, options=[cookie])
    (option,) = (option for option in answer.options if option.otype == dns.edns.OptionType.COOKIE)
    assert option.to_wire()[:8] == b"client!!"
