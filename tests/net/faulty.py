# SPDX-License-Identifier: LGPL-2.1-or-later
"""The four servers, each at one end of a cable, told in the same words: how it is started, when it is ready, and whether who is
at the other end gets from it what he should. And what is done to them: a want of memory, a wall clock that is set.

    it = Named(world)                   # or Dhcp, Router, Proxy
    it.start()
    it.faults.fail_every(3)             # each third allocation fails
    it.faults.step(3 * 3600)            # it is three hours later
    it.wait_until_served()
    it.stop()
"""

import contextlib
import ctypes
import mmap
import signal
import socket
import struct
import threading
import time

import questions
import world as w
from otip_lab import address_of
from test_namedhcp_load import ACK, OFFER, Client4

ASAN = w.ASAN
PRELOADED = w.RELEASE / "tests/net/faults.so"
INTERFACE = "lan0"
SERVER4, CLIENT4 = "10.1.0.1", "10.1.0.9"
SERVER6, CLIENT6 = "fd00:1::1", "fd00:1::9"
ROUTED = "2001:760:2e00:ff00::/64"  # to the server: one-time addresses
HOUR = 3600


class _Said(ctypes.Structure):
    """struct faults of faults.c."""

    _fields_ = [("step_s", ctypes.c_int64), *[(name, ctypes.c_uint64) for name in ("every", "at", "counted", "failed")]]


class Faults:
    """What faults.c does to a program; nothing as long as nothing is said."""

    def __init__(self, path, program):
        path.write_bytes(bytes(ctypes.sizeof(_Said)))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._said = _Said.from_buffer(self._map)
        options = w.sanitizer_environment()["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        self.environment = {
            **{"LD_PRELOAD": str(PRELOADED), "FAULTS_FILE": str(path), "FAULTS_PROGRAM": program},
            **{"FAULTS_SPARED": "libseccomp.so", "ASAN_OPTIONS": options},
        }

    def step(self, seconds):
        """Its clock is that much ahead of the machine's."""
        self._said.step_s = seconds

    def fail_every(self, number):
        self._said.every = number

    def fail_at(self, number):
        """The allocation of that number, counted from its start."""
        self._said.at, self._said.counted = number, 0

    @property
    def counted(self):
        return self._said.counted

    @property
    def failed(self):
        return self._said.failed


class Cable:
    """A server's namespace and a client's."""

    def __init__(self, world):
        self.world = world
        self.server, self.client = world.namespace("server"), world.namespace("client")
        self.plug_in()

    def plug_in(self):
        self.world.link(self.server, INTERFACE, self.client, INTERFACE)
        for namespace, addresses in ((self.server, (SERVER4, SERVER6)), (self.client, (CLIENT4, CLIENT6))):
            namespace.add_address(INTERFACE, f"{addresses[0]}/24")
            namespace.add_address(INTERFACE, f"{addresses[1]}/64")
        self.client.ip(f"route add {ROUTED} via {SERVER6}")

    def tear(self):
        self.server.ip(f"link delete {INTERFACE}")


class Service:
    """One of them. `program`, `configuration` and `answers` are those of each."""

    def __init__(self, world, build=ASAN, namespace=None):
        self.world, self.build = world, build
        self.cable = None if namespace else Cable(world)
        self.namespace = namespace or self.cable.server
        self.directory = world.directory
        self.file = self.directory / f"{self.program}.rc"
        self.control = self.directory / f"{self.program}.control"
        self.faults = Faults(self.directory / f"{self.program}.faults", self.program)
        self.lines = []  # of its configuration, beside those that it has always
        self.words = []  # of its command line

    def write(self):
        self.file.write_text("\n".join([*self.configuration(), *self.lines]) + "\n")

    def command(self):
        return [self.build / "programs" / self.program, "-f", self.file]

    def begin(self, **options):
        """Starts it; it need not be ready, or ever be."""
        self.write()
        self.control.unlink(missing_ok=True)
        self.daemon = self.world.daemon(
            self.namespace, *self.command(), *self.words, env=self.faults.environment, **options
        )
        return self.daemon

    def start(self, **options):
        self.begin(**options)
        self.daemon.wait_until(self.is_ready, f"{self.program} is ready")
        return self.daemon

    def is_ready(self):
        """Its control socket, which comes last, answers."""
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(1)
                asking.connect(str(self.control))
                asking.sendall(b"status\n")
                return asking.recv(100)
        except OSError:
            return None

    def has_ended_or_serves(self):
        """True: it has ended."""
        w.wait_for(lambda: not self.daemon.is_alive() or self.answers(), "its end, or its beginning")
        return not self.daemon.is_alive()

    def wait_until_served(self):
        self.daemon.wait_until(self.answers, f"{self.program} serves")

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait(w.PATIENCE_S)

    def reload(self):
        self.daemon.signal(signal.SIGHUP)

    def stop(self):
        assert self.daemon.stop() == 0, self.daemon.stderr()

    def says(self, words):
        return words in self.daemon.stderr()


class Named(Service):
    """Names by hashes and from upstream, which is a scripted server if a test starts one."""

    program = "iothnamed"
    UPSTREAM = "127.0.0.53"

    def configuration(self):
        return [
            f"option control {self.control}",
            f"option hrevdb {self.directory}/names.db",
            *[f"option listen {address}" for address in (SERVER4, SERVER6, "127.0.0.1")],
            "option user none",
            "option workers 2",
            "net all ::/0",
            f"dns {self.UPSTREAM}",
            "auth accept all",
            "auth static all .test.local",
            "auth hash all .hash.local fc00::",
            "auth hrev all fc00::/64",
            "auth cache all .",
            "auth fwd all .",
            "static A one.test.local 192.168.1.1",
        ]

    def command(self):
        return [self.build / "programs" / self.program, self.file]

    def ask(self, name, rdtype="A", **options):
        return questions.ask(self.cable.client if self.cable else self.namespace, name, rdtype, server=SERVER4, **options)

    def answers(self):
        client = self.cable.client if self.cable else self.namespace
        return questions.answers(client, "one.test.local", server=SERVER4)


class Dhcp(Service):
    """Addresses of a pool, kept in a file; its clients are behind a relay."""

    program = "namedhcp"

    def __init__(self, world, build=ASAN):
        super().__init__(world, build)
        self.lease_s, self.pool = 600, "10.1.0.100-10.1.0.119"
        self.leases = self.directory / "leases.mdb"
        self.serial = 0

    def configuration(self):
        return [
            *["dhcpv6 off", f"serverid {SERVER4}", "nameserver 127.0.0.1", "domain hash.local", "user none", "probe off"],
            *[f"iface {INTERFACE}", f"control {self.control}", f"leases {self.leases}", f"lease {self.lease_s}"],
            *["subnet 10.1.0.0/24", f"pool {self.pool}"],
        ]

    @contextlib.contextmanager
    def relay(self):
        with self.cable.client.entered():
            relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with relay:
            relay.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            relay.bind((CLIENT4, 67))
            yield relay

    def lease(self, number, timeout=1.0):
        """The address that the client of that number gets, or None."""
        client = Client4(number, CLIENT4)
        try:
            with self.relay() as relay:
                end = time.monotonic() + timeout
                relay.sendto(client.message(0), (SERVER4, 67))
                while client.address is None:
                    relay.settimeout(max(0.01, end - time.monotonic()))
                    message = relay.recv(4096)
                    if int.from_bytes(message[4:8], "big") == number and message[242] in (OFFER, ACK) and client.take(message):
                        relay.sendto(client.message(0), (SERVER4, 67))
        except OSError:
            return None
        return client.address

    def answers(self):
        """A client of its own, always the same."""
        return self.lease(0xFFFF, timeout=0.5)


class Router(Service):
    program = "iothradvd"
    ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134

    def configuration(self):
        return [f"iface {INTERFACE}", "user none", f"control {self.control}", "period 4", "prefix fd00:7::/64/LA/7200/3600"]

    def advertisement(self, timeout=2.0):
        """The answer to a solicitation, without its header; None: silence."""
        try:
            with self.cable.client.entered():
                asking = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
                index = socket.if_nametoindex(INTERFACE)
            with asking:
                asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
                asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                asking.sendto(bytes([self.ROUTER_SOLICITATION]) + bytes(7), ("ff02::2", 0, 0, index))
                end = time.monotonic() + timeout
                while True:
                    asking.settimeout(max(0.01, end - time.monotonic()))
                    message = asking.recv(4096)
                    if message[0] == self.ROUTER_ADVERTISEMENT:
                        return message[4:]
        except OSError:
            return None

    def answers(self):
        return self.advertisement()

    def prefix_lifetimes(self):
        """Valid and preferred, seconds."""
        options = self.daemon.wait_until(self.advertisement, "an advertisement")[12:]
        while options[0] != 3:
            options = options[8 * options[1] :]
        return struct.unpack("!II", options[4:12])


class Proxy(Service):
    """One-time addresses of a prefix that the client routes to it; behind it an echo."""

    program = "otip_rproxy"
    PERIOD_S = 8
    HIDDEN = ("127.0.0.1", 7007)
    NAME, PREFIX, PASSWORD = "renzo.otip", "2001:760:2e00:ff00::", "mypassword"

    def __init__(self, world, build=ASAN):
        super().__init__(world, build)
        self.stack = f"stack=kernel,iface={INTERFACE}"
        with self.namespace.entered():
            self._hidden = socket.create_server(self.HIDDEN)
        world.in_background(self._hidden, self._accept)
        self.step_s = 0

    def _accept(self):
        threading.Thread(target=self._echo, args=(self._hidden.accept()[0],), daemon=True).start()

    @staticmethod
    def _echo(connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def configuration(self):
        return [
            *[f"extstack {self.stack}", f"name {self.NAME}", f"base {self.PREFIX}", f"passwd {self.PASSWORD}"],
            *[f"otip_period {self.PERIOD_S}", "user none", f"control {self.control}", "tcp 7,127.0.0.1,7007"],
            *["otip_preactive 1", "otip_postactive 1"],
        ]

    def connect(self, timeout=2.0, at_s=None):
        """To the address of this moment, by the clock that a test has set; or of another one."""
        epoch = int((time.time() + self.step_s if at_s is None else at_s) // self.PERIOD_S)
        with self.cable.client.entered():
            return socket.create_connection((address_of(epoch), 7), timeout)

    def answers(self):
        try:
            with self.connect() as connection:
                return w.echoes(connection)
        except OSError:
            return False

    def step(self, seconds):
        self.step_s = seconds
        self.faults.step(seconds)


ALL = {"iothnamed": Named, "namedhcp": Dhcp, "iothradvd": Router, "otip_rproxy": Proxy}
