# SPDX-License-Identifier: LGPL-2.1-or-later
"""Zones and questions by chance, for comparing servers. There are few labels, so that wildcards, delegations, empty
non-terminals, aliases and questions meet often.

The zone is one that every server loads without a complaint: a CNAME stands alone, nothing lies below a DNAME, all records of
one name and type have one TTL.
"""

APEX = "zone.test."
LABELS = ["a", "b", "c", "d", "w", "x-y", "www", "_sip", "1", "longer-label-of-some-length"]
TYPES = ["A", "AAAA", "TXT", "MX", "SRV", "NS", "CNAME", "DNAME", "DS", "PTR", "SOA", "CAA", "NAPTR", "TYPE65280"]

HEAD = [
    (APEX, 1800, "SOA", f"ns.{APEX} hostmaster.{APEX} 1 7200 3600 86400 600"),
    (APEX, 3600, "NS", f"ns.{APEX}"),
    (APEX, 3600, "NS", "ns.elsewhere.example."),
    (f"ns.{APEX}", 3600, "A", "192.0.2.53"),
    (f"ns.{APEX}", 3600, "AAAA", "2001:db8::53"),
]


def parent(name):
    return name.split(".", 1)[1]


def ancestors(name):
    while name != APEX:
        name = parent(name)
        yield name


class Zone:
    """Records by name: {name: {type: (ttl, [rdata])}}; names end with the apex."""

    def __init__(self, rng, names):
        self.rng = rng
        self.records = {}
        for _ in range(names):
            self.add(self.a_name())

    def a_name(self):
        rng = self.rng
        labels = [rng.choice(LABELS) for _ in range(rng.choice([1, 1, 2, 2, 3, 4]))]
        if rng.random() < 0.15:
            labels[0 if rng.random() < 0.8 else rng.randrange(len(labels))] = "*"
        return ".".join(labels) + "." + APEX

    def a_target(self):
        k = self.rng.random()
        if k < 0.1:
            return self.rng.choice(["host.elsewhere.example.", "test.", APEX])
        if k < 0.7 and self.records:
            return self.rng.choice(list(self.records))
        return self.a_name()

    def add(self, name):
        """Records of one name, if they fit what is there."""
        if name in self.records or any("DNAME" in self.records.get(above, {}) for above in ancestors(name)):
            return
        kind = self.rng.choices(["host", "alias", "cut", "dname", "mixed"], [45, 15, 15, 6, 19])[0]
        if kind == "cut" and "*" not in name:
            self.add_cut(name)
        elif kind == "alias":
            self.put(name, "CNAME", [self.a_target()])
        elif kind == "dname" and "*" not in name and not any(other.endswith("." + name) for other in self.records):
            self.put(name, "DNAME", [self.a_target()])
            if self.rng.random() < 0.5:
                self.put(name, "A", self.some_addresses("A"))
        else:
            self.add_host(name, mixed=kind == "mixed")

    def put(self, name, rrtype, rdata):
        ttl = self.rng.choice([60, 300, 3600])
        self.records.setdefault(name, {})[rrtype] = ttl, sorted(set(rdata))

    def some_addresses(self, rrtype):
        form = "192.0.2.{}" if rrtype == "A" else "2001:db8::{:x}"
        return [form.format(self.rng.randint(1, 250)) for _ in range(self.rng.choice([1, 1, 2, 4]))]

    def add_host(self, name, mixed):
        rng = self.rng
        for rrtype in rng.sample(["A", "AAAA", "TXT"], rng.randint(1, 2)):
            self.put(name, rrtype, ['"some text"', "other"] if rrtype == "TXT" else self.some_addresses(rrtype))
        if not mixed:
            return
        data = {
            "MX": [f"{rng.randint(0, 50)} {self.a_target()}" for _ in range(rng.randint(1, 3))],
            "SRV": [f"0 {rng.randint(0, 9)} 5060 {self.a_target()}" for _ in range(rng.randint(1, 2))],
            "PTR": [self.a_target()],
            "CAA": ['0 issue "ca.example"'],
            "NAPTR": [f'10 20 "u" "sip" "" {self.a_target()}'],
            "TYPE65280": ["\\# 3 010203"],
        }
        for rrtype in rng.sample(sorted(data), rng.randint(1, 3)):
            self.put(name, rrtype, data[rrtype])

    def add_cut(self, name):
        """A delegation, with glue within it, beside it, or elsewhere."""
        rng = self.rng
        servers = [rng.choice([f"ns{i}.{name}", self.a_target(), "ns.elsewhere.example."]) for i in range(rng.randint(1, 3))]
        self.put(name, "NS", servers)
        if rng.random() < 0.3:
            self.put(name, "DS", ["1 8 2 " + "00" * 32])
        for server in servers:
            if server.endswith("." + name) and server not in self.records and "*" not in server:
                for rrtype in rng.sample(["A", "AAAA"], rng.randint(1, 2)):
                    self.put(server, rrtype, self.some_addresses(rrtype))

    def is_delegated(self, name):
        return any("NS" in self.records.get(above, {}) for above in ancestors(name))

    def all_records(self):
        """Tuples of name, TTL, type, data."""
        yield from HEAD
        for name, rrsets in self.records.items():
            for rrtype, (ttl, rdata) in rrsets.items():
                yield from ((name, ttl, rrtype, data) for data in rdata)

    def text(self):
        """As a zone file."""
        return "".join(f"{name} {ttl} {rrtype} {data}\n" for name, ttl, rrtype, data in self.all_records())

    def statics(self):
        """As static records of a configuration."""
        return "".join(f"static {ttl} {rrtype} {name} {data}\n" for name, ttl, rrtype, data in self.all_records())

    def a_question(self):
        """A name, spelled somehow, and a type."""
        rng = self.rng
        k = rng.random()
        name = rng.choice(list(self.records)) if k < 0.75 else self.a_name() if k < 0.95 else APEX
        while rng.random() < 0.35:
            if rng.random() < 0.6:
                name = rng.choice([*LABELS, "*", "nx"]) + "." + name
            elif name != APEX:
                name = parent(name)
        if rng.random() < 0.2:
            name = "".join(letter.upper() if rng.random() < 0.5 else letter for letter in name)
        known = list(self.records.get(name.lower(), {}))
        rrtype = rng.choice(known) if known and rng.random() < 0.4 else rng.choice(TYPES)
        return name, rrtype
