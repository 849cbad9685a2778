# SPDX-License-Identifier: LGPL-2.1-or-later
"""The server against the model: configurations and questions by chance, each answer compared with that of model.py.

A failure prints the seed, the configuration, the question and both answers. To see it again, and to try other seeds:

    /usr/bin/python3 tests/oracle/test_rules.py SEED [COUNT]
"""

import contextlib
import dataclasses
import os
import pathlib
import pprint
import random
import subprocess
import sys
import tempfile

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest

import chance
import model

TREE = pathlib.Path(__file__).resolve().parents[2]
ASK = pathlib.Path(os.environ.get("IOTH_BUILD_ASAN", TREE / "build/asan")) / "tests/oracle/ask"
QUESTIONS = 100
START_S = 1_700_000_000


def upstream(servers, name, rrtype):
    """The world outside: names that begin with nx do not exist, for those with silent nobody answers, all others have an
    address, which tells who was asked. No AAAA, with an SOA whose TTL is its minimum; no other types, without one."""
    root_soa = model.Record(".", "SOA", 60, "a. b. 1 2 3 4 60")
    if name.startswith("nx"):
        return model.UpstreamAnswer(model.NXDOMAIN, soa=root_soa)
    if name.startswith("silent"):
        return None
    if rrtype == "A":
        address = f"10.0.{len(servers)}.{servers[0].split('.')[-1]}"
        return model.UpstreamAnswer(model.NOERROR, (model.Record(name, "A", 300, address),))
    return model.UpstreamAnswer(model.NOERROR, soa=root_soa if rrtype == "AAAA" else None)


def from_message(message):
    """The model's Reply from a message of dnspython."""
    return model.Reply(
        rcode=message.rcode(),
        authoritative=bool(message.flags & dns.flags.AA),
        recursion_available=bool(message.flags & dns.flags.RA),
        answers=records(message.answer),
        soa=next((record for record in records(message.authority) if record.type == "SOA"), None),
        referral=[record for record in records(message.authority) if record.type == "NS"],
    )


def records(section):
    def record(rrset, rdata):
        name = rrset.name.to_text(omit_final_dot=True).lower() or "."
        return model.Record(name, dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, rdata.to_text().lower())

    return [record(rrset, rdata) for rrset in section for rdata in rrset]


def rrset_of(record):
    return dns.rrset.from_text(model.with_final_dot(record.name), record.ttl, "IN", record.type, record.rdata)


def upstream_message(servers, name, rrtype):
    """What upstream() says, as a message in hexadecimal, or `silent`."""
    answer = upstream(servers, name, rrtype)
    if answer is None:
        return "silent"
    message = dns.message.make_response(dns.message.make_query(name, rrtype))
    message.set_rcode(answer.rcode)
    for section, found in ((message.answer, answer.answers), (message.authority, (answer.soa,))):
        section += [rrset_of(record) for record in found if record]
    return message.to_wire().hex()


class Ask:
    """The server without sockets, ask.c, and the conversation with it."""

    def __init__(self, configuration):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "test.rc"
            path.write_text(str(configuration))
            (path.parent / "otip.key").write_text(model.OTIP_KEY.hex())
            (path.parent / "otip.key").chmod(0o600)
            for listed in [rule.domain for rule in configuration.rules if isinstance(rule.domain, model.Listed)]:
                lines = chance.lines_of(random.Random(listed.file), listed)
                (path.parent / listed.file).write_text("\n".join(lines), newline="")
            self.process = subprocess.Popen(
                [ASK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            self.say("0 ::1 00")  # not even a header: it is dropped, and the file has been read
            assert self.hear() == ["drop"]

    def say(self, line):
        with contextlib.suppress(BrokenPipeError):  # hear() will find out
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def hear(self):
        words = self.process.stdout.readline().split()
        assert words, f"ask ended:\n{self.process.communicate()[1]}"
        return words

    def ask(self, now_s, client, spelled, rrtype, recursion_desired):
        query = dns.message.make_query(spelled, rrtype)
        query.flags = dns.flags.RD if recursion_desired else 0
        self.say(f"{now_s} {client} {query.to_wire().hex()}")
        forwarded = []
        words = self.hear()
        while words[0] == "forward":
            name, servers = words[1].rstrip(".") or ".", tuple(words[3].split(","))
            forwarded.append((name, dns.rdatatype.to_text(int(words[2])), servers))
            self.say(upstream_message(servers, *forwarded[-1][:2]))
            words = self.hear()
        message = dns.message.from_wire(bytes.fromhex(words[1]))
        assert message.id == query.id
        assert message.question[0].name.to_text() == query.question[0].name.to_text(), "the question's own spelling is kept"
        return dataclasses.replace(from_message(message), forwarded=forwarded)

    def close(self):
        """Its end is clean: no sanitizer has something to report."""
        _, errors = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, errors


def compare(seed):
    """One configuration, QUESTIONS questions."""
    rng = random.Random(seed)
    configuration = chance.a_configuration(rng)
    expected = model.Server(configuration, upstream)
    server = Ask(configuration)
    now_s = START_S
    asked = []
    for _ in range(QUESTIONS):
        now_s += chance.a_pause(rng)
        question = chance.a_question(rng, configuration, sorted(expected.hashed), asked)
        client, name, rrtype, recursion_desired = question
        asked.append((name, rrtype))
        spelled = chance.a_spelling(rng, name)
        want = expected.ask(now_s, *question).sorted()
        got = None
        try:
            got = server.ask(now_s, client, spelled, rrtype, recursion_desired).sorted()
            assert got == want
        except AssertionError as failure:
            server.process.kill()
            text = f"{client} asks for {spelled} {rrtype}, RD {recursion_desired:d}, {now_s - START_S} s after the start"
            pytest.fail(report(seed, configuration, text, want, got or failure), pytrace=False)
    server.close()


def report(seed, configuration, question, want, got):
    replies = "\n\n".join(f"{who}: {pprint.pformat(reply)}" for who, reply in (("model", want), ("server", got)))
    return f"seed {seed}\n\n{configuration}\n{question}\n\n{replies}\n"


@pytest.mark.parametrize("seed", range(150))
def test_by_chance(seed):
    compare(seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 6000, 100))
def test_by_chance_at_length(first):
    """100 configurations each, 5,000 in all."""
    for seed in range(first, first + 100):
        compare(seed)


if __name__ == "__main__":
    start, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for tried in range(start, start + count):
        compare(tried)
