# SPDX-License-Identifier: LGPL-2.1-or-later
"""The networks of the five scenarios: a server, a client, and an upstream that owns 8.8.8.8 and 80.80.80.80.

On `vdestack` the server is started from the very file in examples/scenarios, and the client is a vdens on the same hub. On
`lwip` the file says stack=lwip in place of stack=vdestack, and hub and server belong to an ordinary user. On `kernel` the file is used without its rstack lines; what they say is done with ip(8) in the server's namespace, and a cable
leads to the client's.

                      hub or cable                 veth
    client (vde0/lan0) ------------ (vde0/lan0) server (up0) ------ (up0) upstream: knotd on 8.8.8.8 and 80.80.80.80
"""

import os
import re

import questions
import upstream
import world as w

SCENARIOS = w.TREE / "examples/scenarios"
STACKS = ["vdestack", "lwip", "kernel"]
OUTSIDE = "203.0.113.7"  # an address of the client's that is in no net of the scenarios but ::/0

CLIENT_ADDRESSES = {
    1: ["192.168.1.1/24"],
    2: ["130.136.31.1/24", "2001:760:2e00:ff00::1/64", f"{OUTSIDE}/32"],
    3: ["192.168.1.1/24", "fc00::1/64"],
    4: ["130.136.31.1/24", "2001:760:2e00:ff00::1/64", f"{OUTSIDE}/32"],
    5: ["192.168.1.1/24", "fc00::1/64"],
}
SERVER_ADDRESS = {1: "192.168.1.24", 2: "130.136.31.250", 3: "fc00::24", 4: "2001:760:2e00:ff00::fd", 5: "fc00::24"}


class Scenario:
    """One scenario on one stack, being served. `client` has the server in its resolv.conf."""

    def __init__(self, world, number, stack):
        (path,) = SCENARIOS.glob(f"{number}-*.rc")
        self.number = number
        self.server_address = SERVER_ADDRESS[number]
        self.interface = "lan0" if stack == "kernel" else "vde0"
        self._server_namespace = world.namespace("server")
        self._connect_upstream(world)
        if stack == "vdestack":
            self._start_on_hub(world, path)
        elif stack == "lwip":
            self._start_on_hub(world, path.read_text().replace("stack=vdestack", "stack=lwip"), ordinary_user=True)
        else:
            self._start_on_kernel(world, path.read_text())
        self.server.wait_until(lambda: questions.answers(self.client, "x.test", server=self.server_address), "an answer")

    def _connect_upstream(self, world):
        server, up = self._server_namespace, world.namespace("upstream")
        world.link(server, "up0", up, "up0")
        server.add_address("up0", "10.53.0.1/24")
        up.add_address("up0", "10.53.0.2/24")
        for address in ("8.8.8.8", "80.80.80.80"):
            up.add_address("lo", f"{address}/32")
            server.ip(f"route add {address}/32 via 10.53.0.2")
        self.upstream = upstream.start_knotd(world, up, ["8.8.8.8", "80.80.80.80"])

    def _start_on_hub(self, world, configuration, ordinary_user=False):
        world.hub(ordinary_user)
        self.server = world.iothnamed(self._server_namespace, configuration, ordinary_user=ordinary_user)
        self.client = world.vde_client("client", CLIENT_ADDRESSES[self.number], self.server_address)

    def _start_on_kernel(self, world, text):
        server, client = self._server_namespace, world.namespace("client")
        world.link(server, "lan0", client, "lan0")
        for address in CLIENT_ADDRESSES[self.number]:
            client.add_address("lan0", address)
        configure_as_rstack_says(server, "lan0", text)
        without_rstack = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("rstack"))
        self.server = world.iothnamed(server, without_rstack)
        self.client = world.with_resolver(client, self.server_address)

    @property
    def server_net(self):
        """The network namespace that the server was started in, as readlink shows it."""
        with self._server_namespace.entered():
            return os.readlink("/proc/thread-self/ns/net")

    def link_local_address(self):
        """The server's, as seen from the client; it follows from the MAC address of the file (RFC 4291 appendix A)."""
        return f"fe80::8201:1ff:fe01:{'102' if self.number == 4 else '101'}%{self.interface}"


def configure_as_rstack_says(namespace, interface, text):
    options = [o for line in re.findall(r"^rstack\s+(\S+)", text, re.MULTILINE) for o in line.split(",")]
    for tag, _, value in (option.partition("=") for option in options):
        if tag == "mac":
            namespace.ip(f"link set {interface} down")
            namespace.ip(f"link set {interface} address {value}")
            namespace.ip(f"link set {interface} up")
        elif tag == "ip":
            namespace.add_address(interface, value)
        elif tag == "gw":
            namespace.ip(f"route add default via {value}")
