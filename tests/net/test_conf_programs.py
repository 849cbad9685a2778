# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs whose stack is configured by what the network says: the example of 17 lines, and iothnamed."""

import subprocess
import textwrap

import dhcp_servers as servers
import manual
import peers
import world as w
from dhcp_lab import Segment, name_captures, said

PLAN = servers.Plan4(lease_s=30, t1_s=2, t2_s=20, pool=("10.1.0.77", "10.1.0.77"), dns=["10.1.0.1"])


def network(world, request):
    """A segment with a server that has one address to give, 10.1.0.77."""
    name_captures(world, request.node, [])
    segment = Segment(world)
    server = segment.port("server", ["10.1.0.1/24"])
    servers.kea4(world, server, PLAN)
    return segment, server


def test_the_example_of_17_lines(world, request, tmp_path):
    """examples/lookup.c, as its head says it is run, without any privilege."""
    source = w.TREE / "examples/lookup.c"
    code = source.read_text().split("*/\n", 2)[2]
    assert len(code.strip().splitlines()) <= 17
    assert textwrap.indent(code.strip(), "    ") in (w.TREE / "README.md").read_text(), "README shows another program"

    program = manual.compile_example(source, tmp_path)
    told = subprocess.run([program], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (2, "usage: lookup STACK NAME\n")

    segment, server = network(world, request)
    names = ["--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--no-resolv", "--no-hosts"]
    dnsmasq = [*names, "--log-facility=-", "--listen-address=10.1.0.1", "--bind-interfaces", "--host-record=www.lab.test,10.1.0.99"]
    daemon = world.daemon(server, peers.program("dnsmasq"), *dnsmasq, env=peers.environment())
    daemon.wait_until(lambda: "started" in daemon.stderr(), "dnsmasq starts")
    here = w.Namespace("here", "/proc/self/ns/net", [])
    bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]  # without any capability
    command = [*bare, program, f"stack=lwip,vnl={segment.vnl},auto4", "www.lab.test"]
    assert here.run(*command).stdout.split() == ["10.1.0.99"]


def test_iothnamed_serves_where_dhcp_says(world, request):
    """Its address comes by DHCP and is renewed, inside the sandbox."""
    segment, server = network(world, request)
    here = w.Namespace("here", "/proc/self/ns/net", [])
    configuration = f"""
        stack stack=lwip,vnl={segment.vnl},fqdn=ns.lab.test,eth,dhcp
        net all 0.0.0.0/0
        static A one.lab.test 10.1.0.11
        auth static all .lab.test
    """
    daemon = world.iothnamed(here, configuration)

    def answers():
        return "10.1.0.11" in server.dig("@10.1.0.77", "+short", "+tries=1", "+time=1", "one.lab.test", check=False)

    daemon.wait_until(answers, "an answer")
    acks = len(segment.wire.times(said("ACK")))
    w.wait_for(lambda: len(segment.wire.times(said("ACK"))) >= acks + 2, "renewals")
    assert answers()
    assert daemon.stop() == 0
