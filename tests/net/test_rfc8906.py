# SPDX-License-Identifier: LGPL-2.1-or-later
"""The questions of RFC 8906 section 8, by which a server is seen to communicate, each with the number of its section and
the answer that is expected there. They are asked in the same way as by dig there: about the SOA of a zone unless they say
otherwise; of a static domain that is ours, as an authoritative server."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

import server
from questions import ask_message, exchange, udp_socket
from server import LOCAL

ZONE = "zone.test"
CONFIGURATION = (
    LOCAL
    + f"""\
option nsname ns.{ZONE}
option nsid one.of.several
auth static local .{ZONE}
static SOA {ZONE} ns.{ZONE} hostmaster.{ZONE} 1 3600 900 604800 300
static TXT large.{ZONE} """
    + " ".join(f'"{"x" * 250}"' for _ in range(8))
    + "\n"
)
UNKNOWN_OPTION = dns.edns.GenericOption(100, b"")
UNKNOWN_FLAG = 0x40  # of the EDNS flags, the one that dig calls ednsflags=0x40


@pytest.fixture(scope="module")
def box(shared_world):
    made = server.Box(shared_world)
    made.serve(CONFIGURATION)
    yield made
    assert made.daemon.stop() == 0, made.daemon.stderr()


def soa(flags=0, edns=False, rdtype="SOA", name=ZONE, version=0, **options):
    """As dig +norec +noad asks, with or without +noedns; options are those of use_edns of dnspython."""
    question = dns.message.make_query(name, rdtype)
    if edns:
        question.use_edns(version, **options)
    question.flags = flags
    return question


def send(box, question, tcp=False):
    return ask_message(box.namespace, question, tcp=tcp)


def assert_soa(answer, edns):
    assert answer.rcode() == dns.rcode.NOERROR
    (rrset,) = answer.answer
    assert rrset.rdtype == dns.rdatatype.SOA
    assert answer.flags & dns.flags.AA
    assert not answer.flags & dns.flags.AD
    assert answer.edns == (0 if edns else -1)


def assert_bad_version(answer):
    assert answer.rcode() == dns.rcode.BADVERS
    assert answer.edns == 0
    assert not answer.answer
    assert not answer.flags & dns.flags.AD


# 8.1 Basic DNS


def test_8_1_1_is_the_server_configured_for_the_zone(box):
    answer = send(box, soa())
    assert_soa(answer, edns=False)
    assert not answer.flags & dns.flags.RD


def test_8_1_2_unknown_types(box):
    answer = send(box, soa(rdtype="TYPE1000"))
    assert answer.rcode() == dns.rcode.NOERROR
    assert not answer.answer
    assert answer.flags & dns.flags.AA and not answer.flags & dns.flags.AD
    assert answer.edns == -1
    assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA]


def test_8_1_3_1_cd(box):
    answer = send(box, soa(dns.flags.CD))
    assert_soa(answer, edns=False)


def test_8_1_3_2_ad(box):
    answer = send(box, soa(dns.flags.AD))
    assert_soa(answer, edns=False)


def test_8_1_3_3_the_reserved_bit(box):
    question = soa().to_wire()
    with udp_socket(box.namespace) as connected:
        wire = exchange(connected, question[:3] + b"\x40" + question[4:])
    assert wire[3] & 0x40 == 0, "MBZ is not copied"
    assert_soa(dns.message.from_wire(wire), edns=False)


def test_8_1_3_4_recursive_questions(box):
    answer = send(box, soa(dns.flags.RD))
    assert_soa(answer, edns=False)
    assert answer.flags & dns.flags.RD, "RD is copied"


def test_8_1_4_unknown_opcodes(box):
    """dig +noedns +noad +opcode=15 +norec +header-only: NOTIMP, the opcode, and no section with anything in it."""
    with udp_socket(box.namespace) as connected:
        wire = exchange(connected, struct.pack("!6H", 0x4242, 15 << 11, 0, 0, 0, 0))
    message_id, flags, *counts = struct.unpack("!6H", wire)
    assert message_id == 0x4242 and counts == [0, 0, 0, 0]
    assert flags == 0x8000 | 15 << 11 | dns.rcode.NOTIMP


def test_8_1_5_tcp(box):
    assert_soa(send(box, soa(), tcp=True), edns=False)


# 8.2 Extended DNS


def test_8_2_1_minimal_edns(box):
    assert_soa(send(box, soa(edns=True)), edns=True)


def test_8_2_2_version_negotiation(box):
    assert_bad_version(send(box, soa(edns=True, version=1)))


def test_8_2_3_unknown_options(box):
    answer = send(box, soa(edns=True, options=[UNKNOWN_OPTION]))
    assert_soa(answer, edns=True)
    assert not answer.options


def test_8_2_4_unknown_flags(box):
    answer = send(box, soa(edns=True, ednsflags=UNKNOWN_FLAG))
    assert_soa(answer, edns=True)
    assert answer.ednsflags & 0x7FFF == 0


def test_8_2_5_version_negotiation_with_unknown_flags(box):
    answer = send(box, soa(edns=True, version=1, ednsflags=UNKNOWN_FLAG))
    assert_bad_version(answer)
    assert answer.ednsflags & 0x7FFF == 0


def test_8_2_6_version_negotiation_with_unknown_options(box):
    answer = send(box, soa(edns=True, version=1, options=[UNKNOWN_OPTION]))
    assert_bad_version(answer)
    assert not answer.options


def test_8_2_7_truncated_responses(box):
    """A client that takes 512 bytes asks for more than that: TC, with an OPT record, and the whole over TCP."""
    question = soa(edns=True, payload=512, name=f"large.{ZONE}", rdtype="TXT")
    answer = send(box, question)
    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.flags & dns.flags.TC and answer.edns == 0
    whole = send(box, question, tcp=True)
    assert not whole.flags & dns.flags.TC and len(whole.answer) == 1 and whole.edns == 0


def test_8_2_8_do(box):
    answer = send(box, soa(edns=True, ednsflags=dns.flags.DO))
    assert_soa(answer, edns=True)
    assert answer.ednsflags & dns.flags.DO, "DO is copied"


def test_8_2_9_version_negotiation_with_do(box):
    question = soa(edns=True, version=1, ednsflags=dns.flags.DO)
    assert_bad_version(send(box, question))


def test_8_2_10_several_defined_options(box):
    """NSID, a client cookie, client subnet and expire, all at once."""
    options = [
        dns.edns.GenericOption(dns.edns.OptionType.NSID, b""),
        dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"client!!"),
        dns.edns.ECSOption("0.0.0.0", 0, 0),
        dns.edns.GenericOption(9, b""),
    ]
    answer = send(box, soa(edns=True, options=options))
    assert_soa(answer, edns=True)
    returned = {option.otype: option for option in answer.options}
    assert set(returned) == {dns.edns.OptionType.NSID, dns.edns.OptionType.COOKIE}
    assert returned[dns.edns.OptionType.NSID].to_wire() == b"one.of.several"
    assert returned[dns.edns.OptionType.COOKIE].to_wire()[:8] == b"client!!"
