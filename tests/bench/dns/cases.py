# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the servers are asked: a row a case."""

import dataclasses

NAMES = 10000  # known names of each kind
RATED_QPS = 30000  # a rate that every server can serve with one worker


@dataclasses.dataclass(frozen=True)
class Case:
    """What is asked. `needs` is what a server must be able to do; the answer must be `rcode`, and have records if `records`."""

    name: str
    needs: str
    pattern: str
    rrtype: str = "A"
    count: int = NAMES
    rcode: int = 0
    records: bool = True
    tcp: bool = False
    misses: bool = False  # each name once
    rate: float = 0


STATIC = "h#######.static.bench"
CACHED = "c#######.fwd.bench"
MISSED = "m##########.fwd.bench"

CASES = {
    case.name: case
    for case in (
        Case("static", "static", STATIC),
        Case("hash", "hash", "x#######.hash.bench", "AAAA"),
        Case("nxdomain", "nxdomain", "n#######.static.bench", rcode=3, records=False),
        Case("cache", "cache", CACHED),
        Case("forward", "forward", MISSED, misses=True, count=10**10),
        Case("tcp", "tcp", STATIC, tcp=True),
        Case("tcpcache", "tcpcache", CACHED, tcp=True),
        Case("latency", "forward", MISSED, misses=True, count=10**10, rate=3000),
        Case("rated", "static", STATIC, rate=RATED_QPS),
        Case("ratedcache", "cache", CACHED, rate=RATED_QPS),
    )
}
