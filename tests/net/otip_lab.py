# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hidden server, otip_rproxy in front of it, and clients on an Ethernet that follow its addresses by their clocks.

    lab = Lab(world, "vdestack", period=2, window=0.5)
    lab.connect()                       # a TCP connection to the echo service, at the present address
    lab.address(lab.epoch() + 1)        # as a client computes it
    lab.figure("addresses_open")        # what the proxy counts

The hidden server's programs listen on 127.0.0.1 of the proxy's namespace: TCP and UDP echo, HTTP, and sshd on request.
"""

import functools
import hashlib
import ipaddress
import os
import re
import socket
import subprocess
import time

import pytest
from scapy.layers import inet

import peers
import world as w
from dhcp_lab import INTERFACE, Segment

NAME, PASSWORD = "renzo.otip", "mypassword"
PREFIX = "2001:760:2e00:ff00::"
CLIENT, OTHER = "2001:760:2e00:ff00::1", "2001:760:2e00:ff00::2"
RESOLVER = "fc00::24"
ECHO, WEB, SSH, UNSERVED = 7, 80, 22, 9
METRICS = ("127.0.0.1", 9100)

HIDDEN = """
import asyncio

async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass
    finally:
        writer.close()

async def web(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nhidden page\\n")
    await writer.drain()
    writer.close()

class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, address):
        self.transport.sendto(data, address)

async def main():
    await asyncio.start_server(echo, "127.0.0.1", 7007)
    await asyncio.start_server(web, "127.0.0.1", 8080)
    await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, ("127.0.0.1", 7007))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@functools.cache
def address_of(epoch, name=NAME, password=PASSWORD):
    """The definition of a one-time address of the first generation, told once more."""
    digest = hashlib.md5(name.encode() + password.encode() + epoch.to_bytes(4, "big")).digest()
    bits = bytearray(ipaddress.IPv6Address(PREFIX).packed)
    for i in range(8):
        bits[8 + i] ^= digest[i]
    bits[8] &= 0xFC
    return str(ipaddress.IPv6Address(bytes(bits)))


class Lab:
    def __init__(self, world, stack, period=32, window=8, build=w.RELEASE, options=()):
        program = build / "programs/otip_rproxy"
        if not program.exists():
            pytest.skip(f"{program} is not built")
        self.world, self.stack, self.period, self.window = world, stack, period, window
        self.server = world.namespace("server")
        extstack = self._on_a_cable() if stack == "kernel" else self._on_an_ethernet()
        self.hidden = world.daemon(self.server, "/usr/bin/python3", "-c", HIDDEN)
        self.hidden.wait_until(lambda: "ready" in self.hidden.stdout(), "the hidden server")
        secret = world.directory / "secret"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        services = ["-t", f"{ECHO},127.0.0.1,7007", "-t", f"{WEB},127.0.0.1,8080", "-u", f"{ECHO},127.0.0.1,7007"]
        windows = ["--otip_period", period, "--otip_preactive", window, "--otip_postactive", window]
        self.proxy = world.daemon(
            self.server,
            *[program, "-e", extstack, "-n", NAME, "-b", PREFIX],
            *["--passwdfile", secret, "--user", "none", "--control", "none", "--metrics", "{}@{}".format(*METRICS)],
            *services,
            *windows,
            *["-t", f"{SSH},127.0.0.1,2222"],
            *options,
        )
        self.proxy.wait_until(lambda: self.figure("addresses_open") > 0, "an address")

    def _on_an_ethernet(self):
        self.segment = Segment(self.world)
        self.wire = self.segment.wire
        self.client = self.segment.port("client", [f"{CLIENT}/64", "fc00::1/64"])
        return f"stack={self.stack},vnl={self.segment.vnl}"

    def _on_a_cable(self):
        """On the kernel's stack. The client is the router that leads the prefix to the server."""
        self.client = self.world.namespace("client")
        self.world.link(self.server, INTERFACE, self.client, INTERFACE)
        self.server.add_address(INTERFACE, "fc00::24/64")
        self.client.add_address(INTERFACE, "fc00::1/64")
        self.client.ip(f"route add {PREFIX}/64 via fc00::24")
        return f"stack=kernel,iface={INTERFACE}"

    # What the proxy says

    def page(self):
        """Its metrics; "" as long as they are not there."""
        try:
            with self.server.entered():
                connection = socket.create_connection(METRICS, timeout=5)
        except OSError:
            return ""
        with connection:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def figure(self, name):
        """One of them."""
        page = self.proxy.wait_until(self.page, "the metrics")
        found = re.search(rf"^\w*?_{name}(?:_total)?(?:\{{[^}}]*\}})? ([0-9.e+]+)$", page, re.MULTILINE)
        assert found, f"{name} is not in\n{page}"
        return int(float(found[1]))

    def stack_namespace(self):
        """Where the addresses are."""
        return w.namespace_below(self.proxy)

    # What a client knows

    def epoch(self, offset_s=0):
        return int((time.time() + offset_s) // self.period)

    def address(self, epoch=None):
        return address_of(self.epoch() if epoch is None else epoch)

    def wait_until(self, epoch, offset_s=0.0):
        """Until the wall clock is that much behind the beginning of an epoch."""
        moment = epoch * self.period + offset_s
        w.wait_for(lambda: time.time() >= moment, "that moment", deadline_s=moment - time.time() + w.PATIENCE_S)

    # What a client does

    def socket(self, kind=socket.SOCK_STREAM, namespace=None, timeout=5.0):
        with (namespace or self.client).entered():
            made = socket.socket(socket.AF_INET6, kind)
        made.settimeout(timeout)
        self.world._undo.callback(made.close)
        return made

    def connect(self, address=None, port=ECHO, **kwargs):
        connection = self.socket(**kwargs)
        connection.connect((address or self.address(), port))
        return connection

    def connect_soon(self, **kwargs):
        """The same, tried again at the address of the moment: on a busy machine a window may close before it is reached."""

        def attempt():
            try:
                return self.connect(timeout=2.0, **kwargs)
            except OSError:
                return None

        return w.wait_for(attempt, "a connection")

    def heard_so_far(self):
        """How many packets the wire has heard, all those included that the proxy has sent by now: they come in their order, and
        an exchange with the proxy is behind them."""
        connection = self.connect_soon()
        assert w.echoes(connection)
        port = connection.getsockname()[1]
        self.wire.wait_for(lambda p: inet.TCP in p and p[inet.TCP].dport == port and p[inet.TCP].payload, "the echo")
        connection.close()
        return len(self.wire)

    def answers(self, address, timeout=1.5, **kwargs):
        """Whether a connection can be made."""
        try:
            self.connect(address, timeout=timeout, **kwargs).close()
            return True
        except OSError:
            return False

    def another_client(self):
        return self.segment.port("other", [f"{OTHER}/64"])

    def stop(self):
        assert self.proxy.stop() == 0, self.proxy.stderr()


# ---- ssh ----


class SecureShell:
    """sshd on 127.0.0.1:2222 of the hidden server, with an /etc of its own, in which its users are; and a client's key."""

    def __init__(self, lab):
        world = lab.world
        self.lab, self.directory = lab, world.directory / "ssh"
        self.directory.mkdir(mode=0o700)
        for key in ("host", "user"):
            self._run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / key)
        (self.directory / "authorized").write_text((self.directory / "user.pub").read_text())
        host_key = (self.directory / "host.pub").read_text()
        (self.directory / "known").write_text(f"{NAME} {host_key}")
        etc = self._etc()
        config = self.directory / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:2222\nHostKey {self.directory}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.directory}/authorized\nPasswordAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n"
        )
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.daemon = world.daemon(
            lab.server,
            *["unshare", "--mount", "sh", "-c", f'mount --bind {etc} /etc && exec "$@"', "sh"],
            *[peers.program("sshd"), "-D", "-e", "-f", config],
            env=peers.environment(),
        )
        self.daemon.wait_until(self._listens, "sshd")

    def _run(self, program, *words):
        subprocess.run([peers.program(program), *words], check=True, env={**os.environ, **peers.environment()})

    def _etc(self):
        etc = self.directory / "etc"
        etc.mkdir(mode=0o755)
        (etc / "passwd").write_text("root:x:0:0:root:/:/bin/sh\nsshd:x:65534:65534::/run/sshd:/bin/false\n")
        (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
        (etc / "shadow").write_text("root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        (etc / "ld.so.cache").write_bytes(open("/etc/ld.so.cache", "rb").read())
        return etc

    def _listens(self):
        with self.lab.server.entered():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", 2222)) == 0

    def command(self, *words):
        """The command line of an ssh session by name."""
        options = ["-o", f"UserKnownHostsFile={self.directory}/known", "-o", "StrictHostKeyChecking=yes"]
        options += ["-o", "CheckHostIP=no", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-i", self.directory / "user"]
        return [peers.program("ssh"), "-6", "-F", "none", *options, f"root@{NAME}", *words]
