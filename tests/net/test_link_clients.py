# SPDX-License-Identifier: LGPL-2.1-or-later
"""A link where each host has its name and nothing else: other people's DHCP clients, as they come, and our own get the addresses
of their names, and find each other by name. The servers are ours, on every kind of stack."""

import pytest

import link_lab as lab
from dhcp_lab import STACKS, Client, running, together  # noqa: F401
from link_lab import DHCP, DOMAIN4, NET6, Host, Link, hashed

KINDS = ["kernel", *STACKS, "port"]
each_kind = pytest.mark.parametrize("kind", KINDS)

HOSTS4 = ["dhclient", "dhcpcd", "udhcpc", "networkd"]
NAMES4 = {name: f"10.1.0.{70 + number}" for number, name in enumerate([*HOSTS4, *STACKS])}


def ours(link, stack, name, options, number):
    """A stack of ours on the link, which has nothing but the name."""
    return Client(link.segment, stack, f"{options},fqdn={name}", mac=f"02:00:00:00:0c:{number:02x}")


def has(address):
    return lambda state: address in {a.partition("/")[0] for a in state.usable}


def can_run(name):
    return name != "networkd" or not lab.networkd_cannot_run()


# ---- by name ----


@together
@each_kind
def test_ipv6_hosts_find_each_other_by_name(world, kind):
    link = Link(world, kind)
    link.advertise()
    link.serve()
    clients = {"dhclient": lab.dhclient, "dhcpcd": lab.dhcpcd, "networkd": lab.networkd}
    hosts = {name: Host(link, f"{name}.hash.local") for name in (*clients, "dibbler") if can_run(name)}
    for name, host in hosts.items():
        if name == "dibbler":
            lab.dibbler(host)
        else:
            clients[name](host, 6)
    stacks = [ours(link, stack, f"{stack}.hash.local", "eth,rd,dhcp6", number) for number, stack in enumerate(STACKS)]
    for host in hosts.values():
        host.await_address(hashed(host.full_name))
    for stack, client in zip(STACKS, stacks):
        client.wait_until(has(hashed(f"{stack}.hash.local")), "the address of its name")
    find_each_other(link, 6, hosts, [host.full_name for host in hosts.values()] + [f"{stack}.hash.local" for stack in STACKS])


@together
@each_kind
def test_ipv4_hosts_find_each_other_by_name(world, kind):
    link = Link(world, kind, NAMES4)
    link.serve()
    hosts = {name: Host(link, f"{name}.{DOMAIN4}") for name in HOSTS4 if can_run(name)}
    for name, host in hosts.items():
        if name == "udhcpc":
            lab.udhcpc(host)
        else:
            getattr(lab, name)(host, 4)
    stacks = [ours(link, stack, f"{stack}.{DOMAIN4}", "eth,dhcp", number) for number, stack in enumerate(STACKS)]
    for name, host in hosts.items():
        host.await_address(NAMES4[name])
    for stack, client in zip(STACKS, stacks):
        client.wait_until(has(NAMES4[stack]), "the address of its name")
    find_each_other(link, 4, hosts, [f"{name}.{DOMAIN4}" for name in (*hosts, *STACKS)])


def find_each_other(link, version, hosts, names):
    """Each pings each by its name, asking the server that it was told; and addresses lead back to names."""
    for name, host in hosts.items():
        if name == "networkd":
            host.write_resolv_conf()
        host.await_network(version)
        host.ping(version, *names)
    kind = "AAAA" if version == 6 else "A"
    for name in names:
        address = link.dig(name, kind)
        assert address == (hashed(name) if version == 6 else NAMES4[name.partition(".")[0]])
        assert link.dig("-x", address) == f"{name}."


# ---- without a name of their own ----


@together
@each_kind
def test_hosts_that_say_no_name(world, kind):
    """By a binding of the MAC address, and by a pattern; by both protocols."""
    link = Link(world, kind, NAMES4 | {"020000000cf4": "10.1.0.81"})
    link.advertise()
    bound6, made6 = Host(link, "bound6"), Host(link, "made6")
    bound4, made4 = Host(link, "bound4"), Host(link, "made4", mac="02:00:00:00:0c:f4")
    bind = f"bind {bound6.mac}=bound.hash.local\nbind {bound4.mac}=udhcpc.{DOMAIN4}\n"
    link.serve(DHCP.replace("dhcpv4 on\n", "") + bind + "name %mac%.hash.local\n")
    link.serve(DHCP.replace("dhcpv4 on\n", "") + bind + f"name %mac%.{DOMAIN4}\n", program="namedhcp4", number=3)
    lab.dhclient(bound6, 6, "")
    lab.dibbler(made6, name=False)
    lab.udhcpc(bound4, name=False)
    lab.dhclient(made4, 4, "")
    made_name = made6.mac.replace(":", "") + ".hash.local"
    bound6.await_address(hashed("bound.hash.local"))
    made6.await_address(hashed(made_name))
    bound4.await_address(NAMES4["udhcpc"])
    made4.await_address("10.1.0.81")
    for version, host, other in (
        (6, bound6, made_name),
        (6, made6, "bound.hash.local"),
        (4, bound4, f"020000000cf4.{DOMAIN4}"),
        (4, made4, f"udhcpc.{DOMAIN4}"),
    ):
        host.await_network(version)
        host.ping(version, other)


# ---- all at once ----


@together
def test_networkd_with_both_protocols(world):
    """It has two names' worth of addresses on one interface: of IPv6 by its name, of IPv4 from the pool."""
    lab.need_networkd()
    link = Link(world, "kernel")
    link.advertise()
    link.serve(DHCP + "subnet 10.1.0.0/24\npool 10.1.0.100-10.1.0.109\noption routers 10.1.0.1\n")
    host = Host(link, "both.hash.local")
    lab.networkd(host, 46)
    host.await_address(hashed("both.hash.local"))
    pooled = {f"10.1.0.{number}" for number in range(100, 110)}
    host.client.wait_until(lambda: host.addresses() & pooled, "an address of the pool")
    assert not [a for a in host.addresses() if a.startswith(NET6) and a != hashed("both.hash.local")]
