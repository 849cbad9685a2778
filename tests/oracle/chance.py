# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configurations and questions by chance. There are few labels, addresses and times to choose from, so that rules, records
and questions meet often."""

import ipaddress

from model import NXDOMAIN, REFUSED, Below, Configuration, Listed, Record, Reverse, Rule, OneName, reverse_name

NETS = {
    "n1": ["10.0.0.0/8"],
    "n2": ["10.1.0.0/16", "fc00:1::/32"],
    "n3": ["fc00::/8"],
    "n4": ["0.0.0.0/0"],
    "n5": ["::/0"],
    "n6": ["10.1.2.0/24", "10.9.0.0/16"],
}
CLIENTS = "10.0.0.1 10.1.0.1 10.1.2.3 10.9.1.1 fc00::1 fc00:1::1 192.0.2.1 2001:db8::1 11.0.0.1".split()

LABELS = ["a", "b", "c", "nx1", "silent1"]
TLDS = ["com", "test", "loc"]
PREFIXES = "10.1.0.0/16 10.1.0.0/15 10.1.2.0/24 fc00::/64 fc00::/62 fc00::/8 192.168.0.0/17".split()
BASES = ["fc00::", "fc00:0:0:1::"]
PREFIXED_BASES = ["fc00::", "fc00:0:0:1::/64", "fc00::1/56"]
ASKED_ADDRESSES = "10.1.2.1 10.0.1.2 10.1.0.1 192.168.3.1 11.0.0.1 fc00::1 fc00:0:0:1::1 fc01::1 fd00::1".split()

SOURCES = "error static static hash otip otip2 cache fwd fwd hrev accept".split()
TYPES = "A A AAAA AAAA TXT NS SOA PTR CNAME DNAME".split()
RECORD_TYPES = "A A CNAME TXT NS SOA AAAA PTR A CNAME DNAME".split()


def a_name(rng, most_labels):
    below = [rng.choice(LABELS) for _ in range(rng.randint(0, most_labels - 1))]
    return ".".join([*below, rng.choice(TLDS)])


def a_list(rng):
    file = f"list{rng.randint(1, 1_000_000)}.txt"
    forms = list(Listed.forms.values())
    return Listed(file, tuple(rng.choice(forms).format(a_name(rng, 3)) for _ in range(rng.randint(0, 12))))


def lines_of(rng, listed):
    """The lines of its file: each name in one of the forms that mean it, and lines that mean nothing."""
    lines = ["# a list", "127.0.0.1 localhost", "", "bad..name", "! comment"]
    for name in listed.names:
        form = rng.choice([line for line, means in Listed.forms.items() if means.startswith("*.") == name.startswith("*.")])
        lines.append(a_spelling(rng, form.format(name.removeprefix("*."))) + rng.choice(["", "", " # why", "\r"]))
    rng.shuffle(lines)
    return lines


def a_domain(rng, source):
    k = rng.random()
    if source == "error" and k > 0.75:
        return a_list(rng)
    if source == "hrev" or (k < 0.12 and source not in ("hash", "otip", "otip2")):
        return Reverse(rng.choice(PREFIXES))
    if k < 0.45:
        return OneName(a_name(rng, 3))
    return Below(a_name(rng, 2) if k < 0.85 else ".")


def a_rule(rng):
    source = rng.choice(SOURCES)
    nets = tuple(rng.sample(sorted(NETS), rng.randint(1, 2)))
    if source == "accept":
        return Rule(source, nets)
    return Rule(
        source,
        nets,
        a_domain(rng, source),
        base=rng.choice({"hash": BASES, "otip": BASES, "otip2": PREFIXED_BASES}.get(source, [""])),
        password={"otip": "secret", "otip2": "@otip.key"}.get(source, ""),
        user=rng.choice(["", "renzo"]) if source == "otip2" else "",
        rcode=rng.choice([REFUSED, NXDOMAIN]),
        servers=("192.0.2.53",) if source == "fwd" and rng.random() < 0.4 else (),
    )


def some_rules(rng):
    """Half of the configurations end as most real ones do: what no rule before decides is forwarded, through the cache."""
    rules = [a_rule(rng) for _ in range(rng.randint(1, 10))]
    if rng.random() < 0.5:
        nets = tuple(rng.sample(sorted(NETS), 2))
        rules += [Rule(source, nets, Below(".")) for source in ("cache", "fwd")]
    return rules


def a_record(rng):
    rrtype = rng.choice(RECORD_TYPES)
    name = a_name(rng, 4)
    if rrtype == "PTR":
        name = reverse_name(f"10.1.{rng.randint(0, 3)}.{rng.randint(1, 2)}", 32)
    elif rrtype in ("A", "TXT", "CNAME") and rng.random() < 0.2:
        name = "*." + name
    rdata = {
        "A": f"192.0.2.{rng.randint(1, 3)}",
        "AAAA": f"2001:db8::{rng.randint(1, 3)}",
        "CNAME": a_name(rng, 4) + ".",
        "PTR": a_name(rng, 4) + ".",
        "DNAME": a_name(rng, 2) + ".",
        "NS": "ns.com.",
        "SOA": f"ns.com. h.com. 1 2 3 4 {rng.choice([30, 7200])}",
        "TXT": f'"t{rng.randint(1, 3)}"',
    }
    return Record(name, rrtype, rng.choice([60, 3600]), rdata[rrtype])


def fits(record, records):
    """An alias has no other records beside it, a name has one SOA and one DNAME, and no record stands twice."""
    beside = [other for other in records if other.name == record.name]
    if any("CNAME" in (other.type, record.type) for other in beside):
        return False
    return all(other.type != record.type or (other.type not in ("SOA", "DNAME") and other.rdata != record.rdata) for other in beside)


def a_configuration(rng):
    records = []
    for _ in range(rng.randint(0, 14)):
        record = a_record(rng)
        if fits(record, records):
            records.append(record)
    return Configuration(
        nets=NETS,
        servers=("198.51.100.1", "198.51.100.2"),
        rules=some_rules(rng),
        records=records,
        nsname=rng.choice([None, "ns.example.com"]),
    )


def a_reverse_name(rng, hashed):
    """hashed: addresses that hash rules have given."""
    if hashed and rng.random() < 0.4:
        return reverse_name(rng.choice(hashed), 128)
    address = ipaddress.ip_address(rng.choice(ASKED_ADDRESSES))
    bits = [8, 16, 24, 32] if address.version == 4 else [8, 12, 60, 64, 124, 128]
    name = reverse_name(address, rng.choice(bits))
    return name if rng.random() < 0.8 else "a." + name


def an_asked_name(rng, configuration, hashed):
    k = rng.random()
    known = [record.name for record in configuration.records]
    known += [rule.domain.name for rule in configuration.rules if hasattr(rule.domain, "name")]
    lists = [rule.domain for rule in configuration.rules if isinstance(rule.domain, Listed)]
    known += [name.removeprefix("*.") for listed in lists for name in listed.names]
    if k < 0.35 or (k < 0.7 and not known):
        return a_name(rng, 4)
    if k < 0.7:
        name = rng.choice(known)
        return name if name == "." or rng.random() < 0.7 else rng.choice(LABELS) + "." + name
    return a_reverse_name(rng, hashed) if k < 0.95 else "."


def a_question(rng, configuration, hashed, asked):
    """Arguments of Server.ask, but for the time. asked: names and types of the questions so far; some come again, since
    answers may have been kept."""
    if asked and rng.random() < 0.25:
        name, rrtype = rng.choice(asked[-5:])
    else:
        name = an_asked_name(rng, configuration, hashed)
        rrtype = "PTR" if name.endswith("arpa") and rng.random() < 0.6 else rng.choice(TYPES)
    return rng.choice(CLIENTS), name, rrtype, rng.random() < 0.75


def a_pause(rng):
    """Seconds until the next question: mostly none, sometimes as many as something kept has left (model.py, upstream in test_rules.py),
    or one less."""
    return rng.choice([0] * 8 + [1, 20, 59, 60, 299, 300, 599, 600])


def a_spelling(rng, name):
    return "".join(letter.upper() if rng.random() < 0.3 else letter for letter in name)
