# SPDX-License-Identifier: LGPL-2.1-or-later
"""All three clients at once over a wire that loses, doubles and delays, with leases and lifetimes of seconds."""

import pytest

import dhcp_servers as servers
from dhcp_lab import CLIENT_MAC, STACKS, Client, Segment, assert_good_messages, bad_wire, running, said, together  # noqa: F401
from dhcp_servers import Plan4, Plan6

ROUTER = "fe80::ff:fe00:aa01"
BACK_OFF_S = 160  # five retransmissions of DHCPv4 come after 4, 8, 16, 32 and 64 s (RFC 2131 s4.1), and probing takes 7
SLAAC = "fd00:1::ff:fe00:c01/64"


def is_whole(state):
    """Everything stands."""
    return (
        [a for a in state.addresses4 if a.startswith("10.1.0.1")]
        and [a for a in state.addresses6 if a.startswith("fd00:1::1")]
        and SLAAC in state.addresses
        and {f"default via {ROUTER}", "default via 10.1.0.1"} <= state.routes
        and {"10.1.0.53", "fd00:1::53"} <= set(state.servers)
    )


def network(world, loss_percent):
    near, far = Segment(world, "near"), Segment(world, "far")
    box = far.port("server", ["10.1.0.1/24", "fd00:1::1/64"])
    bad_wire(near, far, loss_percent, 10, 10)
    servers.kea4(world, box, Plan4(lease_s=40, t1_s=10, t2_s=25))
    servers.kea6(world, box, Plan6(valid_s=40, preferred_s=35, t1_s=10, t2_s=25))
    times = "AdvValidLifetime 40; AdvPreferredLifetime 30;"
    servers.radvd(world, box, f"AdvManagedFlag on; AdvDefaultLifetime 30; prefix fd00:1::/64 {{ {times} }};")
    return near


@together
@pytest.mark.parametrize("stack", STACKS)
def test_a_bad_wire(world, stack):
    near = network(world, 10)
    client = Client(near, stack, "auto,slaac,timeout=60", by_loop=True)
    client.wait_until(is_whole, "everything stands", BACK_OFF_S)


@pytest.mark.long
@together
@pytest.mark.parametrize("stack", STACKS)
def test_a_bad_wire_for_minutes(world, stack):
    """What was got is kept or got again; there are never two addresses of DHCP at a time."""
    near = network(world, 30)
    client = Client(near, stack, "auto,slaac,timeout=60")
    for renewals in range(5, 20, 5):
        client.wait_until(is_whole, "everything stands", BACK_OFF_S)
        near.wire.wait_until_times(said("RENEWING", "REBINDING", src=CLIENT_MAC), renewals, "renewals", BACK_OFF_S)
        near.wire.wait_until_times(said("RENEW", "REBIND", src=CLIENT_MAC), renewals, "renewals of DHCPv6", BACK_OFF_S)
    client.wait_until(is_whole, "everything stands", BACK_OFF_S)
    for state in client.states():
        assert len(state.addresses4) <= 1
        assert len([a for a in state.addresses6 if a.startswith("fd00:1::1")]) <= 1


def test_all_captured_messages_are_right(running):  # noqa: F811
    assert_good_messages(running, {"SOLICIT", "DISCOVER", "RS"})
