# SPDX-License-Identifier: LGPL-2.1-or-later
"""Zone files: served, checked, read again."""

import re
import signal

import dns.flags
import dns.rcode
import pytest

import world as w
from questions import addresses, texts
from server import LOCAL

ZONE = """\
$TTL 300
@ SOA ns hostmaster 1 7200 3600 86400 30
@ NS ns
ns A 192.0.2.53
www CNAME ns
sub NS ns.sub
ns.sub A 192.0.2.54
$INCLUDE parts/hosts.inc
"""
HOSTS = "host A 192.0.2.1\n*.any TXT wild\n"
RULE = "auth zone local example.org zones/org.zone\n"


@pytest.fixture
def zone(box):
    """The folder of the zone's files, below that of the configuration."""
    folder = box.world.directory / "zones"
    (folder / "parts").mkdir(parents=True)
    (folder / "org.zone").write_text(ZONE)
    (folder / "parts/hosts.inc").write_text(HOSTS)
    return folder


def check(box, text):
    """`iothnamed -n` of that configuration."""
    path = box.world.directory / "checked.rc"
    path.write_text(text)
    argv = box.build / "programs/iothnamed", "-n", path
    result = box.namespace.run(*argv, check=False, env=w.sanitizer_environment())
    assert not w.SANITIZER_REPORT.search(result.stderr), result.stderr
    return result


def reload(box):
    """Sends SIGHUP and waits for the word of the log that the loading is over."""
    before = box.daemon.stderr()
    box.daemon.signal(signal.SIGHUP)
    box.daemon.wait_until(lambda: re.search("loaded", box.daemon.stderr()[len(before) :]), "the reload is over")
    return box.daemon.stderr()[len(before) :]


def test_a_zone_is_served(box, zone):
    box.serve(RULE + LOCAL)
    for tcp in (False, True):
        assert addresses(box.ask("host.example.org", tcp=tcp)) == ["192.0.2.1"]
        assert texts(box.ask("www.example.org", tcp=tcp)) == ["ns.example.org.", "192.0.2.53"]
        assert texts(box.ask("a.b.any.example.org", "TXT", tcp=tcp)) == ['"wild"']
        answer = box.ask("none.example.org", tcp=tcp)
        assert answer.rcode() == dns.rcode.NXDOMAIN and answer.flags & dns.flags.AA
        assert answer.authority[0].ttl == 30
        answer = box.ask("x.sub.example.org", tcp=tcp)
        assert not answer.answer and not answer.flags & dns.flags.AA
        assert answer.authority[0][0].to_text() == "ns.sub.example.org."
        assert answer.additional[0][0].to_text() == "192.0.2.54"
        assert box.ask("example.org", "IXFR", tcp=tcp).rcode() == dns.rcode.REFUSED


def test_the_check_reads_zones(box, zone):
    assert check(box, RULE + LOCAL).returncode == 0
    (zone / "parts/hosts.inc").write_text("host A 192.0.2\nwww A 192.0.2.1\nhost.example.net. A 192.0.2.1\n")
    result = check(box, RULE + LOCAL)
    assert result.returncode == 1
    assert f"{zone}/parts/hosts.inc:1: '192.0.2': invalid IPv4 address, expected one such as 192.0.2.1\n" in result.stderr
    assert f"{zone}/parts/hosts.inc:3: warning: host.example.net is not within example.org" in result.stderr
    (zone / "parts/hosts.inc").write_text("www A 192.0.2.1\n")
    assert re.search(r"\.(zone|inc):\d+: www\.example\.org has a CNAME and other data", check(box, RULE + LOCAL).stderr)
    (zone / "org.zone").unlink()
    result = check(box, RULE + LOCAL)
    assert result.returncode == 1
    unreadable = r"\.rc:\d+:\d+: \S+/org\.zone cannot be read: No such file or directory, expected a zone file\n"
    assert re.search(unreadable, result.stderr)


def test_a_zone_with_errors_is_not_served(box, zone):
    (zone / "org.zone").write_text("@ NS ns\nns A 192.0.2.1\n")
    daemon = box.world.iothnamed(box.namespace, RULE + LOCAL, box.build)
    assert daemon.process.wait(w.PATIENCE_S) == 1
    assert "example.org has no SOA" in daemon.stderr()


def test_reload(box, zone):
    box.serve(RULE + LOCAL)
    (zone / "parts/hosts.inc").write_text("host A 192.0.2.2\n")
    reload(box)
    w.wait_for(lambda: addresses(box.ask("host.example.org")) == ["192.0.2.2"], "the new content")

    (zone / "org.zone").write_text(ZONE.replace(" 1 7200", " 2 7200") + "bad A x\n")
    log = reload(box)
    assert f"{zone}/org.zone: has errors; the zone stays as it was (serial 1)" in log
    assert f"{zone}/org.zone:9: 'x': invalid" in log
    assert addresses(box.ask("host.example.org")) == ["192.0.2.2"]

    (zone / "org.zone").write_text(ZONE.replace(" 1 7200", " 3 7200"))
    assert "has errors" not in reload(box)
    w.wait_for(lambda: " 3 7200" in texts(box.ask("example.org", "SOA"))[0], "the zone that was mended")


def test_questions_are_answered_while_a_large_zone_is_read(box, zone):
    hosts = "".join(f"host{i} A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n" for i in range(100_000))
    (zone / "parts/hosts.inc").write_text(HOSTS)
    box.serve(RULE + LOCAL)
    (zone / "parts/hosts.inc").write_text(HOSTS + hosts)
    box.daemon.signal(signal.SIGHUP)
    asked = 0
    while not addresses(box.ask("host99999.example.org")):
        assert addresses(box.ask("host.example.org")) == ["192.0.2.1"]
        asked += 1
        assert asked < 1_000_000
    assert addresses(box.ask("host65536.example.org")) == ["10.1.0.0"]
