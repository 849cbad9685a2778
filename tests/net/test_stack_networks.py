# SPDX-License-Identifier: LGPL-2.1-or-later
"""The conformance suite for stacks (tests/net/stack), whose own network is a hub, over other virtual networks: a switch,
vxvde, which is IP multicast, and a wire of two ends."""

import pytest

import world as w

HERE = w.Namespace("here", "/proc/self/ns/net", [])  # where w.listens looks
SUITE = w.RELEASE / "tests/net/stack/stack_conformance"


@pytest.fixture(params=["switch", "vxvde", "ptp"])
def network(request):
    """The locator of a virtual network, and the namespace that it works in."""
    world = w.World()
    try:
        w.need_virtual_ethernet()
        here = world.namespace("stacks")
        if request.param == "switch":
            yield here, _switch(world)
        elif request.param == "vxvde":
            yield here, _multicast(world, here)
        else:
            yield here, f"ptp://{world.directory}/wire"
    finally:
        world.close()


def _switch(world):
    path = world.directory / "switch"
    switch = world.daemon(HERE, "vde_plug", "null://", f"switch://{path}")
    switch.wait_until(lambda: w.listens(path / "ctl"), "the switch's control socket")
    return f"vde://{path}"


def _multicast(world, here):
    other = world.namespace("other")
    world.link(here, "wire0", other, "wire0")
    here.add_address("wire0", "10.99.0.1/24")
    here.ip("route add 239.0.0.0/8 dev wire0")
    return "vxvde://239.1.2.3"


@pytest.mark.long
@pytest.mark.parametrize("stack", ["vdestack", "lwip"])
def test_suite(network, stack):
    here, locator = network
    told = here.run(SUITE, stack, locator, locator, timeout=600, check=False)
    if told.returncode == 77:
        pytest.skip(told.stdout.strip())
    assert told.returncode == 0, "".join(line for line in told.stdout.splitlines(keepends=True) if "FAILED" in line)
    assert " rows, 0 not as they have to be" in told.stdout
