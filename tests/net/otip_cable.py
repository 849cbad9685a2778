# SPDX-License-Identifier: LGPL-2.1-or-later
"""otip_rproxy on the kernel's own stack, at one end of a cable, a client at the other, and hidden servers beside the proxy."""

import contextlib
import os
import re
import socket
import threading

import pytest

import world as w

NAME, PREFIX, SECRET = "renzo.otip", "fd00:7::", "mypassword"
SERVER, CLIENT = "fd00:7::24", "fd00:7::c"
PERIOD = 86400  # the address does not change while a test runs, but for the few tests that say so


class Hidden:
    """Servers on 127.0.0.1 of a namespace: echo behind a greeting of what came first, TCP and UDP, at one port."""

    def __init__(self, world, namespace, port):
        self.heard = []
        with namespace.entered():
            self._listener = socket.create_server(("127.0.0.1", port))
            self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._datagrams.bind(("127.0.0.1", port))
        world.in_background(self._listener, self._accept)
        world.in_background(self._datagrams, self._reflect)

    def _accept(self):
        connection, _ = self._listener.accept()
        threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                self.heard.append(data)
                connection.sendall(data)

    def _reflect(self):
        data, peer = self._datagrams.recvfrom(65536)
        self.heard.append(data)
        self._datagrams.sendto(data, peer)


class Cable:
    """A proxy and a client at the two ends of a cable."""

    def __init__(self, world):
        self.world = world
        self.server, self.client = world.namespace("server"), world.namespace("client")
        world.link(self.server, "lan0", self.client, "lan0")
        self.server.add_address("lan0", f"{SERVER}/64")
        self.client.add_address("lan0", f"{CLIENT}/64")
        link_local = "-6 -o address show dev lan0 scope link -tentative"
        w.wait_for(lambda: self.server.run("ip", *link_local.split()).stdout, "the link is up: what belongs to it is there")
        self.hidden = Hidden(world, self.server, 7007)
        self.file = world.directory / "rproxy.rc"
        self.control = world.directory / "control"

    def write(self, *lines, secret=SECRET, stack="stack=kernel,iface=lan0", period=PERIOD, base=PREFIX):
        given = [f"extstack {stack}", f"name {NAME}", f"base {base}", f"passwd {secret}", f"otip_period {period}", "user none"]
        self.file.write_text("\n".join([*given, f"control {self.control}", *lines]) + "\n")

    def start(self, *lines, build=w.ASAN, **kwargs):
        program = build / "programs/otip_rproxy"
        if not program.exists():
            pytest.skip(f"{program} is not built")
        self.write(*lines, **kwargs)
        self.control.unlink(missing_ok=True)
        self.proxy = self.world.daemon(self.server, program, "-f", self.file)
        self.proxy.wait_until(lambda: w.accepts(self.control) and self.addresses(), "an address")
        return self.proxy

    def command(self, words):
        return w.command(self.control, words)

    def addresses(self, state="open"):
        return re.findall(rf"^ (\S+) epoch \d+ {state} ", self.command("addresses"), re.M)

    def newest(self):
        """The address that stays open for longest."""
        found = re.findall(r"^ (\S+) epoch (\d+) open ", self.command("addresses"), re.M)
        return max(found, key=lambda row: int(row[1]))[0]

    def begin(self, flow):
        """What flow(address) returns at an open address: tried again at the next one if its window had closed before."""

        def attempt():
            address = self.newest()
            with contextlib.suppress(OSError):
                return address, flow(address)

        return w.wait_for(attempt, "a flow")

    def counter(self, name):
        return int(re.search(rf"^ {name} (\d+)$", self.command("counters"), re.M)[1])

    def sockets(self):
        """How many the proxy has open."""
        folder, found = f"/proc/{self.proxy.pid}/fd", 0
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                found += os.readlink(f"{folder}/{fd}").startswith("socket:")
        return found

    def address(self, secret=SECRET, base=PREFIX):
        """As a client computes it."""
        program = w.RELEASE / "programs/otipaddr"
        return self.client.run(program, "-b", base, "-T", str(PERIOD), NAME, secret).stdout.strip()

    def connect(self, address, port=7, timeout=w.PATIENCE_S):
        with self.client.entered():
            return socket.create_connection((address, port), timeout)

    def datagrams(self, address, port=7, timeout=w.PATIENCE_S):
        with self.client.entered():
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.connect((address, port))
        s.settimeout(timeout)
        return s

    def belongings(self):
        """What a proxy has in the kernel."""
        commands = ["-6 rule", "-6 route show table all", "-6 -o address show dev lan0", "-6 -o address show dev lo", "maddress show dev lan0"]
        told = "\n".join(self.server.run("ip", *command.split()).stdout for command in commands)
        return sorted(line.strip() for line in told.splitlines() if "multicast" not in line and "fe80" not in line)


def is_silent(cable, address, port):
    with pytest.raises(TimeoutError):
        cable.connect(address, port, timeout=0.5).close()
    return True


TCP, UDP = "tcp 7,127.0.0.1,7007", "udp 7,127.0.0.1,7007"
