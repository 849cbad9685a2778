# SPDX-License-Identifier: LGPL-2.1-or-later
"""What answers say beside records, as dig shows it: extended errors, NSID, class CHAOS, TCP keepalive, cookies."""

import dns.edns
import dns.message
import dns.name
import dns.rcode

import upstream
from questions import ask_message
from server import FORWARD, LOCAL, UPSTREAM

EDE = 15


def dig(box, *words):
    return box.namespace.run("dig", "@127.0.0.1", "+tries=1", "+timeout=4", *words).stdout


def ask_with(box, name, rdtype="A", options=(), tcp=False, rdclass="IN"):
    question = dns.message.make_query(name, rdtype, rdclass=rdclass, use_edns=0, options=list(options))
    return ask_message(box.namespace, question, tcp=tcp)


def errors(answer):
    return [int.from_bytes(option.to_wire()[:2], "big") for option in answer.options if option.otype == EDE]


def test_extended_errors(box):
    with upstream.ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.never_answer):
        box.serve(
            LOCAL
            + "auth error local .ads.example nxdomain\nauth error local .closed.example\n"
            + "auth hash local .later.example base.later.test\nauth error local elsewhere.example refused\n"
            + FORWARD
        )
        assert errors(ask_with(box, "x.ads.example")) == [15]
        assert errors(ask_with(box, "x.closed.example")) == [18]
        assert errors(ask_with(box, "one.test.local")) == []
        silent = ask_with(box, "nobody.example")
        assert silent.rcode() == dns.rcode.SERVFAIL and errors(silent) in ([22], [23])
        assert not box.ask("x.ads.example").options, "none without EDNS in the question"
        assert "EDE: 15 (Blocked): (a rule blocks this name)" in dig(box, "x.ads.example")


def test_refused_says_why(box):
    box.serve(LOCAL)
    answer = ask_with(box, "www.example")
    assert answer.rcode() == dns.rcode.REFUSED and errors(answer) == [18]


def test_nsid_and_chaos_are_silent_unless_configured(box):
    box.serve(LOCAL)
    assert "NSID" not in dig(box, "+nsid", "one.test.local")
    for name in ("version.bind", "version.server", "hostname.bind", "id.server"):
        assert ask_with(box, name, "TXT", rdclass="CH").rcode() == dns.rcode.REFUSED


def test_nsid_and_chaos(box):
    box.serve(LOCAL + 'option nsid "site 3"\noption chaosid box.example\noption chaosversion none.of.yours\n')
    assert '("site 3")' in dig(box, "+nsid", "one.test.local")
    assert dig(box, "+short", "CH", "TXT", "version.bind") == '"none.of.yours"\n'
    assert dig(box, "+short", "CH", "TXT", "id.server") == '"box.example"\n'


def test_a_long_nsid_behind_a_long_name(box):
    """In 512 bytes there is no room for both. An answer without any OPT record would say that the server knows no EDNS."""
    box.serve(LOCAL + f"option nsid {'x' * 255}\n")
    longest = dns.name.Name([b"a" * 63] * 3 + [b"b" * 50, b"hash", b"local", b""])
    for name, room, has_nsid in ((longest, 512, False), (longest, 1232, True), ("renzo.hash.local", 512, True)):
        question = dns.message.make_query(name, "AAAA", use_edns=0, payload=room, options=[dns.edns.GenericOption(3, b"")])
        answer = ask_message(box.namespace, question)
        assert answer.edns == 0 and len(answer.answer) == 1
        assert [option.otype for option in answer.options] == [3] * has_nsid


def test_tcp_keepalive(box):
    box.serve(LOCAL + "option tcptimeout 20\n")
    keepalive = dns.edns.GenericOption(11, b"")
    answer = ask_with(box, "one.test.local", options=[keepalive], tcp=True)
    (option,) = [option for option in answer.options if option.otype == 11]
    assert option.to_wire() == (200).to_bytes(2, "big")
    assert not ask_with(box, "one.test.local", options=[keepalive]).options, "not over UDP"


def server_cookie(answer):
    (option,) = [option for option in answer.options if option.otype == dns.edns.OptionType.COOKIE]
    return option.to_wire()


def cookie_option(data):
    return dns.edns.GenericOption(dns.edns.OptionType.COOKIE, data)


def test_a_cookie_secret_in_a_file_outlives_the_server(box):
    """Servers with the same file know each other's cookies; so does one server before and after a restart."""
    secrets = box.world.directory / "cookies"
    secrets.write_text("000102030405060708090a0b0c0d0e0f\n")
    configuration = LOCAL + f"option cookiesecret {secrets}\n"
    box.serve(configuration)
    cookie = server_cookie(ask_with(box, "one.test.local", options=[cookie_option(b"client!!")]))
    assert box.daemon.stop() == 0
    box.serve(configuration)
    assert server_cookie(ask_with(box, "one.test.local", options=[cookie_option(cookie)])) == cookie
