# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks for the clients of an interface: Ethernets, each a VDE hub, with servers and routers in namespaces behind taps, and
a wire that hears all and can speak.

    seg = Segment(world)
    server = seg.port("server", ["10.1.0.1/24", "fd00:1::1/64"])    # a namespace; its interface is lan0
    seg.wire.wait_for(lambda p: ..., "what")                        # what was said on the Ethernet, as scapy reads it
    client = Client(seg, "lwip", "eth,dhcp")                        # a stack of ours, configured (conf_client.c)

Most tests of this kind wait nearly all of their time, for leases to be renewed and to end. So those of a module that are
marked by `together` all run at once, each in a thread and a world of its own; pytest is told of one after the other.
"""

import concurrent.futures
import dataclasses
import functools
import inspect
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest
from scapy.layers import dhcp, dhcp6, inet, inet6
from scapy.layers.l2 import ARP, Ether
from scapy.utils import wrpcap

import dhcp_capture
import world as w

CLIENT = "tests/net/conf_client"  # in a build folder
CAPTURES = w.RELEASE / "captures"  # kept: a folder a module, a file a test
STACKS = ["vdestack", "lwip"]
# The clients are the same on both; so each sanitizer sees each test.
SANITIZED = {"kernel": w.TSAN, "vdestack": w.TSAN, "lwip": w.ASAN}
CLIENT_MAC = "02:00:00:00:0c:01"
INTERFACE = "lan0"  # of each port
IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x08, 0x40

PROBE = 0x88B5  # an EtherType for experiments, IEEE 802
AT_ONCE = 12  # worlds at a time: they wait together, but start one after the other on few processors


# ---- tests that run together ----


class Running:
    """The tests of a module that were chosen and are marked by `together`: all begin when the first is asked for."""

    def __init__(self, items, is_partial):
        self.is_partial = is_partial  # some of the module's tests were not asked for
        self.captures = []  # the files of those tests that are over
        self._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self._futures = {item.nodeid: self._pool.submit(_in_a_world, item, self.captures) for item in items}

    def result(self, item):
        return self._futures[item.nodeid].result()

    def close(self):
        self._pool.shutdown(wait=True, cancel_futures=True)


def _in_a_world(item, captures):
    """Up to three times if its promise has a time and the machine stood still: see tests/conftest.py."""
    chances = 3 if item.get_closest_marker("about_time") else 1
    while True:
        chances -= 1
        begin = time.monotonic()
        w.stalls()
        try:
            return _play(item, captures)
        except Exception:
            if not (chances and w.stood_still(begin)):
                raise


def _play(item, captures):
    world = w.World()
    name_captures(world, item, captures)
    try:
        arguments = {k: v for k, v in item.callspec.params.items()} if hasattr(item, "callspec") else {}
        return item.obj.scenario(world, **arguments)
    finally:
        world.close()


def name_captures(world, item, captures):
    """Where its wires leave what they have heard. Modules may run side by side, and have tests of the same names."""
    world.capture_folder, world.test_name, world.captures = CAPTURES / item.path.stem, item.name, captures


@pytest.fixture(scope="module")
def running(request):
    """To be imported by a module whose tests run together."""
    w.need_virtual_ethernet()
    items = [item for item in request.session.items if item.path == request.path and hasattr(item.obj, "scenario")]
    option = request.config.option
    made = Running(items, bool(option.keyword or any("::" in word for word in request.config.args)))
    yield made
    made.close()


def together(scenario):
    """Marks a test: its first argument is its own world, the others are its parameters."""

    def test(request, running, **_):
        running.result(request.node)

    functools.update_wrapper(test, scenario)
    del test.__wrapped__
    own = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("request", "running")]
    test.__signature__ = inspect.Signature([*own, *[p.replace(kind=p.KEYWORD_ONLY) for p in _parameters(scenario)]])
    test.scenario = scenario
    return test


def _parameters(scenario):
    return list(inspect.signature(scenario).parameters.values())[1:]


# ---- the Ethernet ----


class Segment:
    """A hub, its wire, and what is plugged in."""

    def __init__(self, world, name="lan"):
        w.need_virtual_ethernet()
        self.world = world
        self.name = name
        self._ports = 1
        path = world.directory / f"hub-{name}"
        self.vnl = f"vde://{path}"
        here = w.Namespace("here", "/proc/self/ns/net", [])
        hub = world.daemon(here, "vde_plug", "null://", f"hub://{path}")
        hub.wait_until(lambda: w.listens(path / "ctl"), "the hub's control socket")
        self.wire = Wire(self)
        world._undo.callback(self.wire.close)

    def port(self, name, addresses=(), interface=INTERFACE, namespace=None):
        """A namespace, new unless given, with an interface on this Ethernet that has those addresses."""
        namespace = namespace or self.world.namespace(name)
        tap = f"tap://{interface}"
        plug = self.world.daemon(namespace, "vde_plug", self.vnl, tap)
        link = f"/sys/class/net/{interface}"
        plug.wait_until(lambda: namespace.run("ip", "link", "show", interface, check=False).returncode == 0, link)
        mac = f"02:00:00:00:aa:{self._ports:02x}"
        self._ports += 1
        namespace.ip(f"link set {interface} address {mac} up")
        for address in addresses:
            namespace.add_address(interface, address)
        namespace.mac, namespace.plug = mac, plug
        self.wire.wait_until_heard(namespace, interface)
        return namespace


def bad_wire(one, other, loss_percent, duplicated_percent, delay_ms):
    """Joins two segments by a wire that loses, doubles and delays frames: between delay_ms and twice that, none waiting for the
    one before it."""
    if shutil.which("wirefilter") is None:
        pytest.skip("wirefilter is not installed")
    plugs = ":".join(segment.vnl.removeprefix("vde://") for segment in (one, other))
    faults = ["-l", loss_percent, "-D", duplicated_percent, "-d", f"{delay_ms * 3 // 2}+{delay_ms // 2}U", "-N"]
    held_open, end = os.pipe()  # it ends with its input
    here = w.Namespace("here", "/proc/self/ns/net", [])
    one.world.daemon(here, "wirefilter", "-v", plugs, *faults, stdin=held_open)
    one.world._undo.callback(os.close, end)
    os.close(held_open)


class Wire:
    """A port of the hub that keeps every frame, with the time of its arrival, and can send some. What it is asked about the
    past holds all that anybody has heard so far: a second port sends a mark through the hub, and the mark is waited for."""

    MARK = bytes(Ether(src="02:00:00:00:00:fe", dst="02:00:00:00:00:ff", type=PROBE))  # a number of 8 bytes follows

    def __init__(self, segment):
        self._segment = segment
        self._lock = threading.Condition()
        self._frames = []  # (seconds since the epoch, monotonic seconds, Ether)
        self._mark = 0  # the last one that was sent
        self._caught_up = 0  # the highest that was heard
        self._plug, self._marker = (
            subprocess.Popen(["vde_plug", segment.vnl], stdin=subprocess.PIPE, stdout=output)
            for output in (subprocess.PIPE, subprocess.DEVNULL)
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        stream = self._plug.stdout
        while header := stream.read(2):
            frame = stream.read(struct.unpack("!H", header)[0])
            with self._lock:
                if frame.startswith(self.MARK):
                    self._caught_up = max(self._caught_up, int.from_bytes(frame[len(self.MARK) :][:8], "big"))
                else:
                    self._frames.append((time.time(), time.monotonic(), Ether(frame)))
                self._lock.notify_all()

    def _catch_up(self, deadline_s=w.PATIENCE_S):
        """Until all that has passed the hub by now is among the frames, or the hub is gone. A hub may lose a mark as any frame:
        it is sent again, ten times a second."""
        end = time.monotonic() + deadline_s
        with self._lock:
            self._mark = mark = self._mark + 1
            while self._caught_up < mark and self._reader.is_alive():
                assert time.monotonic() < end, f"after {deadline_s} s the wire has not caught up\n{self.summary()}"
                try:
                    write_frame(self._marker, self.MARK + mark.to_bytes(8, "big"))
                except BrokenPipeError:
                    return
                self._lock.wait_for(lambda: self._caught_up >= mark, 0.1)

    def send(self, packet):
        write_frame(self._plug, bytes(packet))

    def __len__(self):
        self._catch_up()
        return len(self._frames)

    def index(self, condition, what, deadline_s=w.PATIENCE_S):
        """The number of the first packet that meets the condition, once there is one."""

        def number():
            with self._lock:
                return [number for number, (_, _, packet) in enumerate(self._frames) if condition(packet)][:1]

        return w.wait_for(number, f"on the wire: {what}", deadline_s)[0]

    def wait_until_times(self, condition, count, what, deadline_s=w.PATIENCE_S):
        """Until that many packets have met the condition."""
        w.wait_for(lambda: len(self._meeting(condition)) >= count, what, deadline_s)

    def _meeting(self, condition, since=0):
        with self._lock:
            frames = self._frames[since:]
        return [(at, packet) for _, at, packet in frames if condition(packet)]

    def heard(self, condition=lambda packet: True, since=0):
        """The packets from number `since` on that meet a condition."""
        self._catch_up()
        return [packet for _, packet in self._meeting(condition, since)]

    def times(self, condition, since=0):
        """When they came, monotonic seconds."""
        self._catch_up()
        return [at for at, _ in self._meeting(condition, since)]

    def wait_for(self, condition, what, since=0, deadline_s=w.PATIENCE_S):
        """The first packet from number `since` on that meets the condition, once there is one."""
        end = time.monotonic() + deadline_s
        with self._lock:
            while True:
                while since < len(self._frames):
                    packet = self._frames[since][2]
                    if condition(packet):
                        return packet
                    since += 1
                if not self._lock.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise AssertionError(f"after {deadline_s} s not on the wire: {what}\n{self.summary()}")

    def wait_until_heard(self, namespace, interface):
        """A tap hears and is heard as soon as its plug is connected; until then frames are lost."""
        probe = Ether(src=namespace.mac, dst="ff:ff:ff:ff:ff:ff", type=PROBE) / b"is anybody there"
        with namespace.entered():
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with sender:
            sender.bind((interface, 0))

            def heard():
                sender.send(bytes(probe))
                return self._meeting(lambda p: p.src == namespace.mac and p.type == PROBE)

            w.wait_for(heard, f"{interface} of {namespace.name} is heard on the hub")

    def summary(self):
        first = self._frames[0][1] if self._frames else 0
        return "\n".join(f"{at - first:8.3f} {packet.summary()}" for _, at, packet in self._frames)

    def save(self, path):
        packets = []
        for at, _, packet in self._frames:
            if packet.type != PROBE:
                packet.time = at
                packets.append(packet)
        wrpcap(str(path), packets)

    def stop(self):
        """It hears nothing from now on: a flood is not worth its memory."""
        for plug in (self._plug, self._marker):
            plug.kill()
            plug.wait()
        self._reader.join(5)

    def close(self):
        self.stop()
        name = re.sub(r"[^A-Za-z0-9.]+", "-", self._segment.world.test_name).strip("-")
        world = self._segment.world
        world.capture_folder.mkdir(parents=True, exist_ok=True)
        path = world.capture_folder / f"{name}.{self._segment.name}.pcap"
        self.save(path)
        world.captures.append(path)


def write_frame(plug, frame):
    """To the input of vde_plug, padded to the least length of Ethernet."""
    frame = frame.ljust(60, b"\0")
    plug.stdin.write(struct.pack("!H", len(frame)) + frame)
    plug.stdin.flush()


# ---- the client ----


@dataclasses.dataclass
class State:
    """What the client's stack answered when it was last asked."""

    mtu: int = 0
    addresses: set = dataclasses.field(default_factory=set)  # "10.1.0.5/24"
    usable: set = dataclasses.field(default_factory=set)  # those that are neither tentative nor duplicates
    routes: set = dataclasses.field(default_factory=set)  # "default via 10.1.0.1", "10.77.0.0/16 via 10.1.0.2"
    defaults6: list = dataclasses.field(default_factory=list)  # gateways, the best one first
    servers: list = dataclasses.field(default_factory=list)
    domains: list = dataclasses.field(default_factory=list)

    @property
    def addresses4(self):
        return {a for a in self.addresses if ":" not in a}

    @property
    def addresses6(self):
        """But for those of the link."""
        return {a for a in self.addresses if ":" in a and not a.startswith("fe80:")}

    @property
    def routes4(self):
        return {r for r in self.routes if ":" not in r}

    @property
    def routes6(self):
        return {r for r in self.routes if ":" in r}


class StateDirectory:
    """A folder for statedir=, of whoever the client is."""

    def __init__(self, world):
        self.path = world.directory / "state"
        self.path.mkdir()

    def wait_for(self, name):
        """Until the client has written that file."""
        w.wait_for((self.path / name).exists, f"{name} in the folder of states")

    def __str__(self):
        return str(self.path)


class Client:
    """conf_client: a stack of ours on a segment, configured by a string. by_loop: what it has is kept by the program's own
    loop, else by the library's thread. At the end of the world it has to end without a complaint of its sanitizer."""

    def __init__(self, segment, stack, options, mac=CLIENT_MAC, by_loop=False):
        self._input = os.pipe()
        self._stack = stack
        self.interface = INTERFACE if stack == "kernel" else "vde0"
        self._port = w.Namespace("here", "/proc/self/ns/net", [])
        place = [stack, segment.vnl, f"mac={mac},{options}"]
        if stack == "kernel":
            quiet = segment.world.namespace("client")
            quiet.run("sysctl", "-qw", "net.ipv6.conf.default.accept_ra=0")  # what the kernel would do by itself
            self._port = segment.port("client", namespace=quiet)
            self._port.ip(f"link set {INTERFACE} down address {mac}")
            self._port.ip(f"link set {INTERFACE} up")
            place = [stack, INTERFACE, f"iface={INTERFACE},{options}"]
        command = [SANITIZED[stack] / CLIENT, *(["-l"] if by_loop else []), *place]
        self._daemon = segment.world.daemon(self._port, *command, stdin=self._input[0])
        os.close(self._input[0])
        segment.world._undo.callback(self.close)
        self._daemon.wait_until(self._lines, "the client says something")

    def _lines(self):
        lines = self._daemon.stdout().split("\n")[:-1]  # the last one may still be coming
        return [json.loads(line) for line in lines]

    def states(self):
        """All that there have been."""
        return [_state(line) for line in self._lines() if "state" in line]

    def state(self):
        return (self.states() or [State()])[-1]

    def results(self):
        """What ioth_config has returned so far: a mask of bits each, or the name of an error."""
        return [line.get("mask", line.get("error")) for line in self._lines() if "config" in line]

    def wait_until(self, condition, what, deadline_s=w.PATIENCE_S):
        """The first state that meets a condition."""

        def met():
            state = self.state()
            return [state] if condition(state) else None

        try:
            return self._daemon.wait_until(met, what, deadline_s)[0]
        except AssertionError as error:
            raise AssertionError(f"{error}\nbut: {self.state()}\n{self.results()}") from None

    def configure(self, options):
        """One more string for ioth_config; what that returned."""
        count = len(self.results())
        os.write(self._input[1], f"{options}\n".encode())
        return self._daemon.wait_until(lambda: self.results()[count:], f"{options} is done")[0]

    def send(self, address):
        """A datagram of UDP to port 9 there."""
        os.write(self._input[1], f"send {address}\n".encode())

    def namespace(self):
        """Where the stack is, of one that the kernel's tools can look at."""
        return w.namespace_below(self._daemon) if self._stack == "vdestack" else self._port

    def now(self):
        """When the last state was seen, monotonic seconds, as Wire.times has them."""
        return [line["at"] for line in self._lines() if "state" in line][-1]

    def kill(self):
        """Its host loses power: nothing is given back."""
        self._daemon.kill()

    def close(self):
        """The end of its input is the end of the stack."""
        os.close(self._input[1])
        if self._daemon.is_alive():
            status = self._daemon.process.wait(w.PATIENCE_S)
            assert status == 0, f"it ended with {status}:\n{self._daemon.stderr()}"
        self._daemon.assert_no_report()


def _state(line):
    raw, words = line["state"], [text.split() for text in line["resolv"].splitlines()]
    addresses = {f"{a['addr']}/{a['bits']}": a["flags"] for a in raw["addresses"]}
    defaults6 = [r for r in raw["routes"] if r["bits"] == 0 and r["family"] == 6]
    return State(
        mtu=raw["mtu"],
        addresses={a for a, flags in addresses.items() if not flags & IFA_F_DADFAILED},
        usable={a for a, flags in addresses.items() if not flags & (IFA_F_DADFAILED | IFA_F_TENTATIVE)},
        routes={f"{_destination(r)} via {r['via']}" for r in raw["routes"] if r["via"]},
        defaults6=[r["via"] for r in sorted(defaults6, key=lambda r: r["metric"])],
        servers=[rest[0] for word, *rest in words if word == "nameserver"],
        domains=[name for word, *rest in words if word == "search" for name in rest],
    )


def _destination(route):
    return f"{route['dst']}/{route['bits']}" if route["bits"] else "default"


# ---- what was said ----

_DHCP4 = ["", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"]
_DHCP6 = {
    dhcp6.DHCP6_Solicit: "SOLICIT",
    dhcp6.DHCP6_Advertise: "ADVERTISE",
    dhcp6.DHCP6_Request: "REQUEST6",
    dhcp6.DHCP6_Confirm: "CONFIRM",
    dhcp6.DHCP6_Renew: "RENEW",
    dhcp6.DHCP6_Rebind: "REBIND",
    dhcp6.DHCP6_Reply: "REPLY",
    dhcp6.DHCP6_Release: "RELEASE6",
    dhcp6.DHCP6_Decline: "DECLINE6",
    dhcp6.DHCP6_InfoRequest: "INFORMATION-REQUEST",
}
_ICMP6 = {
    inet6.ICMPv6ND_RS: "RS",
    inet6.ICMPv6ND_RA: "RA",
    inet6.ICMPv6ND_NS: "NS",
    inet6.ICMPv6ND_NA: "NA",
}


def kind(packet):
    """What a packet is, in one word; a REQUEST of DHCPv4 is SELECTING, REBOOTING, RENEWING or REBINDING (RFC 2131 s4.3.6)."""
    if dhcp.DHCP in packet:
        return _kind4(packet)
    if ARP in packet:
        return "ARP-PROBE" if packet[ARP].psrc == "0.0.0.0" else "ARP"
    for table in (_DHCP6, _ICMP6):
        for layer, name in table.items():
            if layer in packet:
                return name
    return None


def _kind4(packet):
    name = _DHCP4[options4(packet)["message-type"]]
    if name != "REQUEST":
        return name
    if "server_id" in options4(packet):
        return "SELECTING"
    if packet[dhcp.BOOTP].ciaddr == "0.0.0.0":
        return "REBOOTING"
    return "REBINDING" if packet.dst == "ff:ff:ff:ff:ff:ff" else "RENEWING"


def options4(packet):
    """Its options by scapy's names for them."""
    return {option[0]: option[1] if len(option) == 2 else option[1:] for option in packet[dhcp.DHCP].options if option != "pad"}


def said(*kinds, **fields):
    """A condition for the wire: a packet of one of these kinds, from the Ethernet address `src` if given."""
    return lambda packet: kind(packet) in kinds and fields.get("src") in (None, packet.src)


def assert_good_messages(running, kinds):
    """All that our client said in the tests so far is right to tshark; if all of them ran, messages of all these kinds were
    among it."""
    if not running.captures:
        pytest.skip("no test of this module has captured anything")
    frames = dhcp_capture.frames_of(CLIENT_MAC, sorted(running.captures))
    wrong = dhcp_capture.complaints(frames)
    assert not wrong, "\n".join(wrong)
    missing = kinds - {seen.kind() for seen in frames}
    assert running.is_partial or not missing, f"never said: {sorted(missing)}"
