# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules that read names from files: a list for each network, reloads, files that vanish, a million names."""

import re
import signal

import pytest

import questions
import world as w
from questions import addresses

NOERROR, NXDOMAIN, REFUSED = 0, 3, 5

RULES = """\
option  user none
option  listen 127.0.0.1
net     children 127.1.0.0/16
net     all 127.0.0.0/8
auth    static all allowed.tracker.example
auth    error children @children.txt
auth    error all "@ads and more.txt"
auth    error all @/tmp/refused.txt refused
auth    static all .example
auth    static all .test.local
static  A one.test.local 192.168.1.1
static  A allowed.tracker.example 192.0.2.1
static  A games.example 192.0.2.2
static  A ads.example 192.0.2.3
static  A www.ads.example 192.0.2.4
"""

CHILDREN = "games.example\r\n*.games.example\r\n"
ADS = "\ufeff# hosts\n127.0.0.1 localhost\n0.0.0.0 ads.example\n||tracker.example^\n0.0.0.0 ads.two.example # and more"


@pytest.fixture
def lists(box):
    """The server with its lists; returns the folder that they are in, that of the configuration."""
    folder = box.world.directory
    (folder / "children.txt").write_text(CHILDREN, newline="")
    (folder / "ads and more.txt").write_text(ADS)
    with open("/tmp/refused.txt", "w") as file:
        file.write("refused.example\n")
    box.serve(RULES)
    return folder


def rcode(box, name, source="127.0.0.1", **options):
    return box.ask(name, source=source, **options).rcode()


def test_a_list_for_each_network(box, lists):
    assert rcode(box, "games.example") == NOERROR
    assert rcode(box, "games.example", "127.1.0.1") == NXDOMAIN
    assert rcode(box, "chess.games.example", "127.1.0.1") == NXDOMAIN
    for source in ("127.0.0.1", "127.1.0.1"):
        assert rcode(box, "ADS.example", source) == NXDOMAIN
        assert rcode(box, "www.ads.example", source) == NOERROR, "a name alone is that name alone"
        assert rcode(box, "tracker.example", source) == NXDOMAIN
        assert rcode(box, "a.b.tracker.example", source) == NXDOMAIN
        assert addresses(box.ask("allowed.tracker.example", source=source)) == ["192.0.2.1"], "rules go in file order"
        assert rcode(box, "refused.example", source) == REFUSED


def test_the_answer_says_why(box, lists):
    """NXDOMAIN with an SOA, so that stubs neither ask the next server nor ask again at once, and why (RFC 8914)."""
    answer = box.ask("x.tracker.example", use_edns=0)
    assert [str(rrset.name) for rrset in answer.authority] == ["tracker.example."]
    assert [option.code for option in answer.options if option.otype == 15] == [15]
    said = box.namespace.dig("@127.0.0.1", "ads.example")
    assert "EDE: 15 (Blocked)" in said


def test_a_reload_reads_what_changed(box, lists):
    (lists / "children.txt").write_text("chess.example\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: rcode(box, "games.example", "127.1.0.1") == NOERROR, "the new list")
    assert rcode(box, "chess.example", "127.1.0.1") == NXDOMAIN
    assert rcode(box, "ads.example") == NXDOMAIN


def test_a_list_that_vanishes_stays_in_force(box, lists):
    (lists / "children.txt").unlink()
    box.daemon.configuration.write_text(RULES + "static A two.test.local 192.168.1.2\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: addresses(box.ask("two.test.local")), "the rest of the new configuration")
    assert rcode(box, "games.example", "127.1.0.1") == NXDOMAIN
    assert re.search(r"children\.txt cannot be read: .*stay in force", box.daemon.stderr())


def test_a_new_list_that_cannot_be_read_keeps_the_old_configuration(box, lists):
    box.daemon.configuration.write_text(RULES.replace("children.txt", "other.txt"))
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: "other.txt cannot be read" in box.daemon.stderr(), "the reason")
    assert rcode(box, "games.example", "127.1.0.1") == NXDOMAIN
    assert rcode(box, "ads.example") == NXDOMAIN


def run(box, *options):
    return box.namespace.run(
        box.build / "programs/iothnamed", *options, box.world.directory / "x.rc", check=False, env=w.sanitizer_environment()
    )


def test_a_list_that_is_not_there(box):
    """An error at the start, and for the check, which says what else is wrong too."""
    (box.world.directory / "x.rc").write_text("net all ::/0\nauth error all @missing.txt\nauth zone all example.org x.zone\n")
    result = run(box)
    assert result.returncode == 1
    assert "missing.txt cannot be read" in result.stderr
    result = run(box, "-n")
    assert result.returncode == 1
    assert re.search(r"x\.rc:2:16: \S*missing\.txt cannot be read: No such file", result.stderr)
    assert re.search(r"x\.rc:3:27: \S*x\.zone cannot be read: No such file", result.stderr)


def test_the_check_shows_bad_lines_and_counts_the_rest(box):
    (box.world.directory / "x.rc").write_text("net all ::/0\nauth error all @bad.txt\n")
    (box.world.directory / "bad.txt").write_text("good.example\n" + "not a name\n" * 500)
    result = run(box, "-n")
    assert result.returncode == 0
    shown = re.findall(r"bad\.txt:(\d+): warning: ", result.stderr)
    assert shown == [str(line) for line in range(2, 12)]
    assert "490 more lines" in result.stderr


@pytest.fixture
def fast_box(world):
    """With the build that is installed: for what takes sanitizers too long."""
    import server

    made = server.Box(world, w.RELEASE)
    yield made
    if getattr(made, "daemon", None) is not None:
        assert made.daemon.stop() == 0, made.daemon.stderr()


def test_a_million_names(fast_box):
    """They load, cost little memory, and a reload does not disturb who asks meanwhile."""
    w.need_plain_build()
    box = fast_box
    path = box.world.directory / "million.txt"
    with open(path, "w") as file:
        file.writelines(f"0.0.0.0 ads{number}.site{number % 5000}.example\n" for number in range(1_000_000))
    box.serve("option user none\noption listen 127.0.0.1\nnet all ::/0\nauth error all @million.txt\n")
    for number in (0, 4999, 999_999):
        assert rcode(box, f"ads{number}.site{number % 5000}.example") == NXDOMAIN
    assert rcode(box, "ads0.site1.example") == REFUSED
    text_bytes = path.stat().st_size - 8 * 1_000_000
    assert box.daemon.rss_bytes() < text_bytes + 40 * 1_000_000 + 20_000_000

    path.write_text("0.0.0.0 ads0.site0.example\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: rcode(box, "ads999999.site4999.example") != NXDOMAIN, "the shorter list")
    assert rcode(box, "ads0.site0.example") == NXDOMAIN
