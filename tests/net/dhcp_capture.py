# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tshark has to say about the messages of our clients in captured frames: nothing malformed, all checksums right, and each
message with the options that its RFC wants and without those that it forbids."""

import dataclasses
import struct
import subprocess

import peers

# Table 5 of RFC 2131 (and RFC 4361 s6.1: always a client identifier): what must be there, what must not.
# The options 53, 54, 50, 55, 61: message type, server, requested address, parameter list, client identifier.
RULES4 = {
    "DISCOVER": ({53, 55, 61}, {54}),
    "SELECTING": ({50, 53, 54, 55, 61}, set()),
    "REBOOTING": ({50, 53, 55, 61}, {54}),
    "RENEWING": ({53, 55, 61}, {50, 54}),
    "DECLINE": ({50, 53, 54, 61}, {12, 51, 55, 57, 60, 81}),
    "RELEASE": ({53, 54, 61}, {12, 50, 51, 55, 57, 60, 81}),
    "INFORM": ({53, 55, 61}, {50, 51, 54}),
}
TYPES4 = {"1": "DISCOVER", "3": "REQUEST", "4": "DECLINE", "7": "RELEASE", "8": "INFORM"}

# RFC 9915 s16, s18.2: options 1, 2, 3, 5, 6, 8 are client, server, IA_NA, address, list of options, elapsed time.
RULES6 = {
    "1": ("SOLICIT", {1, 3, 6, 8}, {2}),
    "3": ("REQUEST", {1, 2, 3, 6, 8}, set()),
    "4": ("CONFIRM", {1, 3, 5, 8}, {2}),
    "5": ("RENEW", {1, 2, 3, 5, 6, 8}, set()),
    "6": ("REBIND", {1, 3, 5, 6, 8}, {2}),
    "8": ("RELEASE", {1, 2, 3, 5, 8}, set()),
    "9": ("DECLINE", {1, 2, 3, 5, 8}, set()),
    "11": ("INFORMATION-REQUEST", {6, 8}, {3, 4, 25}),
    "36": ("ADDR-REG-INFORM", {1, 5}, {2, 3, 6}),
}
# s21.24, s21.25, s21.23: SOL_MAX_RT, INF_MAX_RT and the refresh time are asked for.
ASKED6 = {"1": {82}, "3": {82}, "5": {82}, "6": {82}, "11": {32, 83}}

SEVERE = {"6291456", "8388608"}  # a warning, an error
# It remembers who had which address, and some of these tests are about addresses that two have.
NOT_ABOUT_THE_MESSAGE = "Duplicate IP address configured"

FIELDS = [
    "frame.number", "eth.src", "eth.dst", "ip.src", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport",
    "udp.checksum.status", "ip.checksum.status", "icmpv6.checksum.status", "ip.ttl", "ipv6.hlim", "icmpv6.type",
    "dhcp.option.dhcp", "dhcp.option.type", "dhcp.ip.client", "dhcp.ip.relay", "dhcp.hops", "dhcp.option.end",
    "dhcpv6.msgtype", "dhcpv6.option.type", "dhcpv6.requested_option_code",
    "_ws.expert.severity", "_ws.expert.message", "_ws.malformed",
]  # fmt: skip


@dataclasses.dataclass
class Seen:
    """One frame of a client, as tshark reads it: the values of each field, a list."""

    file: str
    number: int
    fields: dict

    def kind(self):
        """What it is, in one word, or None."""
        if self.fields["dhcp.option.dhcp"]:
            return kind4(self)
        if self.fields["dhcpv6.msgtype"]:
            return RULES6.get(self.fields["dhcpv6.msgtype"][0], ("?",))[0]
        return "RS" if self.fields["icmpv6.type"][:1] == ["133"] else None

    def options(self, field):
        return {int(value, 0) for value in self.fields[field]}


def frames_of(client_mac, captures):
    """All frames that came from that Ethernet address, and how many of each kind there are."""
    bounds, whole = [], b""
    for path in captures:
        data = path.read_bytes()
        whole = whole or data[:24]
        at, count = 24, 0
        while at < len(data):
            at += 16 + struct.unpack_from("=I", data, at + 8)[0]
            count += 1
        whole += data[24:]
        bounds += [(path.name, number + 1) for number in range(count)]
    return [_seen(line, bounds) for line in _tshark(whole, f"eth.src == {client_mac}").splitlines()]


def _tshark(capture, display_filter):
    checks = [f"{layer}:TRUE" for layer in ("udp.check_checksum", "ip.check_checksum")]
    command = [peers.program("tshark"), "-n", "-r", "-", "-Y", display_filter, "-T", "fields"]
    command += ["-E", "separator=/t", "-E", "aggregator=;"]
    command += [word for check in checks for word in ("-o", check)] + [word for field in FIELDS for word in ("-e", field)]
    data = str(peers.PEERS / "usr/share/wireshark")
    environment = {**peers.environment(), "WIRESHARK_DATA_DIR": data, "HOME": "/nonexistent"}
    told = subprocess.run(command, input=capture, capture_output=True, timeout=60, env=environment)
    assert told.returncode == 0, told.stderr.decode()
    return told.stdout.decode(errors="replace")


def _seen(line, bounds):
    values = line.split("\t")
    fields = {name: value.split(";") if value else [] for name, value in zip(FIELDS, values)}
    file, number = bounds[int(fields["frame.number"][0]) - 1]
    return Seen(file, number, fields)


def complaints(frames):
    """All that is wrong with them, one sentence each."""
    return [f"{seen.file} frame {seen.number}: {what}" for seen in frames for what in _complaints_about(seen)]


def _complaints_about(seen):
    fields = seen.fields
    if fields["_ws.malformed"]:
        yield "malformed"
    messages = [text for text in fields["_ws.expert.message"] if not text.startswith(NOT_ABOUT_THE_MESSAGE)]
    if messages and SEVERE & set(fields["_ws.expert.severity"]):
        yield f"expert: {messages}"
    for field in ("udp.checksum.status", "ip.checksum.status", "icmpv6.checksum.status"):
        if "0" in fields[field]:
            yield f"{field} is bad"
    if fields["dhcp.option.dhcp"]:
        yield from _about4(seen)
    if fields["dhcpv6.msgtype"]:
        yield from _about6(seen)
    if fields["icmpv6.type"] and fields["icmpv6.type"][0] in ("133", "135", "136") and fields["ipv6.hlim"] != ["255"]:
        yield "a hop limit that is not 255 (RFC 4861 s4)"


def kind4(seen):
    kind = TYPES4.get(seen.fields["dhcp.option.dhcp"][0], "?")
    if kind != "REQUEST":
        return kind
    if 54 in seen.options("dhcp.option.type"):
        return "SELECTING"
    return "REBOOTING" if seen.fields["dhcp.ip.client"] == ["0.0.0.0"] else "RENEWING"


def _about4(seen):
    kind, options = kind4(seen), seen.options("dhcp.option.type")
    if kind not in RULES4:
        yield "a DHCPv4 message that no client sends"
        return
    wanted, forbidden = RULES4[kind]
    yield from _lacks(kind, wanted - options, forbidden & options)
    if seen.fields["dhcp.ip.relay"] != ["0.0.0.0"] or seen.fields["dhcp.hops"] != ["0"]:
        yield f"{kind} with hops or the address of a relay"
    if (kind in ("RENEWING", "RELEASE", "INFORM")) != (seen.fields["dhcp.ip.client"] != ["0.0.0.0"]):
        yield f"{kind} with ciaddr {seen.fields['dhcp.ip.client']}"
    if not seen.fields["dhcp.option.end"]:
        yield f"{kind} without an end"
    if seen.fields["udp.srcport"] != ["68"] or seen.fields["udp.dstport"] != ["67"]:
        yield f"{kind} from port {seen.fields['udp.srcport']} to {seen.fields['udp.dstport']}"


def _about6(seen):
    message, options = seen.fields["dhcpv6.msgtype"][0], seen.options("dhcpv6.option.type")
    if message not in RULES6:
        yield f"a DHCPv6 message of type {message}, which no client sends"
        return
    kind, wanted, forbidden = RULES6[message]
    yield from _lacks(kind, wanted - options, forbidden & options)
    asked = seen.options("dhcpv6.requested_option_code")
    yield from (f"{kind} does not ask for option {code}" for code in ASKED6.get(message, set()) - asked)
    if seen.fields["udp.dstport"] != ["547"] or seen.fields["ipv6.dst"] != ["ff02::1:2"]:
        yield f"{kind} to {seen.fields['ipv6.dst']} port {seen.fields['udp.dstport']}"
    if not seen.fields["ipv6.src"][0].startswith("fe80:") and message != "36":
        yield f"{kind} from {seen.fields['ipv6.src']}"


def _lacks(kind, missing, forbidden):
    yield from (f"{kind} without option {code}" for code in missing)
    yield from (f"{kind} with option {code}" for code in forbidden)
