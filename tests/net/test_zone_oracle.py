# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same zone, the same questions: iothnamed, from a zone file and from static records, beside knotd. Zones are made by
chance; every answer must be the same in all sections, as sets of records.

    ZONE_QUESTIONS=100000 ZONE_SEED=7 ... pytest tests/net/test_zone_oracle.py      more questions, other zones
"""

import itertools
import os
import pathlib
import random
import socket

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

import peers
import random_zone
import world as w

KNOTD = "127.0.0.53"
OURS = "127.0.0.1"
QUESTIONS = int(os.environ.get("ZONE_QUESTIONS", "3000"))
SEED = int(os.environ.get("ZONE_SEED", "1"))
QUESTIONS_OF_A_ZONE = 1000
BUILD = pathlib.Path(os.environ["IOTH_BUILD"])

KNOT_CONFIGURATION = """\
server:
    rundir: {directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    listen: [ {address}@53 ]
log:
  - target: stderr
    any: error
database:
    storage: {directory}
zone:
  - domain: {apex}
    file: {directory}/a.zone
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
"""

HEAD = """\
option  listen {address}
option  rrl 0
net     all 0.0.0.0/0
"""
FROM_FILE = HEAD + "auth zone all {apex} {directory}/a.zone\n"
FROM_STATIC = HEAD + "auth static all {apex}\nauth static all .{apex}\n{statics}"


def start_knotd(world, namespace, directory):
    configuration = directory / "knot.conf"
    configuration.write_text(KNOT_CONFIGURATION.format(directory=directory, address=KNOTD, apex=random_zone.APEX))
    return world.daemon(namespace, peers.program("knotd"), "-c", configuration, env=peers.environment())


class Asker:
    """One socket to one server; questions one after the other."""

    def __init__(self, namespace, address):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, 53))
        self.socket.settimeout(3)

    def ask(self, question):
        self.socket.send(question.to_wire())
        while True:
            reply = dns.message.from_wire(self.socket.recv(65535), ignore_trailing=False)
            if reply.id == question.id:
                return reply

    def is_up(self):
        self.socket.settimeout(0.3)
        try:
            return self.ask(dns.message.make_query(random_zone.APEX, "SOA")).answer
        except OSError:
            return None
        finally:
            self.socket.settimeout(3)


def records(section):
    """As a set: their order means nothing, nor does the spelling of names (RFC 4343)."""
    return {
        (rrset.name.to_text().lower(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text().lower())
        for rrset in section
        for rdata in rrset
    }


def summary(reply):
    flags = [name for name, bit in (("AA", dns.flags.AA), ("TC", dns.flags.TC)) if reply.flags & bit]
    return (
        dns.rcode.to_text(reply.rcode()),
        flags,
        records(reply.answer),
        records(reply.authority),
        records(reply.additional),
    )


def is_circle(reply):
    """Deliberate difference: aliases that lead on and on end with SERVFAIL here, after QUERY_HOPS_MAX of them; knotd gives the
    chain as far as it followed it. A client can do nothing with either, and of SERVFAIL it learns why."""
    return reply.rcode() == dns.rcode.SERVFAIL


def is_cut_short(ours, theirs):
    """Deliberate difference: a reply that does not fit is empty here, and half full there; both say TC, and nothing in it may
    be used (RFC 2181 s9). Beside answers, which addresses fit is for each server to choose."""
    if ours.flags & theirs.flags & dns.flags.TC:
        return True
    return summary(ours)[:4] == summary(theirs)[:4] and len(theirs.to_wire()) > 400 and theirs.edns < 0


def is_wildcard_host(ours, theirs, pair):
    """Deliberate differences: knotd adds addresses of hosts that only a wildcard below a delegation would have. Who holds that
    domain knows nothing of our wildcard, so they may be wrong; here they are not glue. Of static records, no addresses are
    added that a host has from a wildcard alone, since it is for the rule of that host to say where wildcards end."""
    more = records(theirs.additional) - records(ours.additional)
    if summary(ours)[:4] != summary(theirs)[:4] or records(ours.additional) - records(theirs.additional):
        return False
    zone = pair.zone
    return all(name not in zone.records and (pair.is_static or zone.is_delegated(name)) for name, *_ in more)


def same(ours, theirs, pair):
    return (
        summary(ours) == summary(theirs)
        or is_circle(ours)
        or is_cut_short(ours, theirs)
        or is_wildcard_host(ours, theirs, pair)
    )


class Pair:
    """Both servers with one zone."""

    def __init__(self, world, seed, is_static):
        self.rng = random.Random(seed)
        self.is_static = is_static
        self.zone = random_zone.Zone(self.rng, self.rng.choice([20, 60, 200]))
        namespace = world.namespace(f"zone{seed}")
        directory = world.directory / f"zone-{seed}"
        directory.mkdir()
        (directory / "a.zone").write_text(self.zone.text())
        daemons = [start_knotd(world, namespace, directory)]
        configuration = (FROM_STATIC if is_static else FROM_FILE).format(
            directory=directory, address=OURS, apex=random_zone.APEX, statics=self.zone.statics()
        )
        daemons.append(world.iothnamed(namespace, configuration, BUILD))
        self.theirs, self.ours = Asker(namespace, KNOTD), Asker(namespace, OURS)
        for daemon, asker in zip(daemons, (self.theirs, self.ours)):
            daemon.wait_until(asker.is_up, f"{daemon.argv[0]} answers")
        self.daemons = daemons

    def compare(self):
        name, rrtype = self.zone.a_question()
        edns = {"use_edns": 0, "payload": 1232} if self.rng.random() < 0.8 else {}
        question = dns.message.make_query(name, rrtype, **edns)
        ours, theirs = self.ours.ask(question), self.theirs.ask(question)
        if not same(ours, theirs, self):
            pytest.fail(f"{question.question[0]}\n\nours:\n{ours}\n\nknotd:\n{theirs}\n\n{self.zone.text()}", pytrace=False)

    def stop(self):
        for daemon in self.daemons:
            daemon.stop()


@pytest.mark.parametrize("is_static", [False, True], ids=["zone file", "static records"])
def test_random_zones_and_questions(world, is_static):
    left = QUESTIONS
    for seed in itertools.count(SEED):
        pair = Pair(world, seed, is_static)
        for _ in range(min(left, QUESTIONS_OF_A_ZONE)):
            pair.compare()
        pair.stop()
        left -= QUESTIONS_OF_A_ZONE
        if left <= 0:
            break
