# SPDX-License-Identifier: LGPL-2.1-or-later
"""The DHCP servers that script/bench dhcp measures, and how they are configured: alike as far as they can be."""

import dataclasses
import json

import common

INTERFACE = "lan0"
SERVER4, CLIENT4 = "10.64.0.1", "10.64.0.9"
NET4, POOL4 = "10.64.0.0/16", "10.64.1.0-10.64.250.255"
NET6, POOL6 = "fd00:1::/64", "fd00:1::1:0-fd00:1::1:ffff"
PEERS = common.TREE / "build/peers"
CLIENTS = 50000  # each with a MAC address of its own, from which follow its identifier and its name


@dataclasses.dataclass
class Case:
    """A protocol, and where namedhcp takes addresses from."""

    version: int
    by_name: bool
    what: str


CASES = {
    "v4 pool": Case(4, False, "DHCPv4, an address of a pool"),
    "v4 name": Case(4, True, "DHCPv4, the address of the client's name"),
    "v6 name": Case(6, True, "DHCPv6, the address of the client's name"),
}


def mac(number):
    """Of one client."""
    return f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def peer(name):
    """Where a program is that was unpacked, or None."""
    for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
        if (PEERS / folder / name).exists():
            return PEERS / folder / name
    return None


def peers_environment():
    return {"LD_LIBRARY_PATH": ":".join(str(path) for lib in ("usr/lib", "lib") for path in PEERS.glob(f"{lib}/*-linux-gnu"))}


# ---- namedhcp, with iothnamed behind it ----


def named_text():
    """AAAA from hash; A from static records, since no address of IPv4 follows from a name."""
    names = [mac(number).replace(":", "") for number in range(CLIENTS)]
    records = "".join(f"static A {name}.v4.bench 10.64.{1 + (n >> 8)}.{n & 255}\n" for n, name in enumerate(names))
    rules = "option listen ::1\nnet all ::/0\nauth hash all .v6.bench fd00:1::\nauth static all .v4.bench\n"
    return rules + records


def namedhcp_text(case):
    """Without probes, which are a wait of half a second."""
    text = f"iface {INTERFACE}\nnameserver ::1\nprobe off\nuser none\n"
    if case.version == 6:
        return text + "name %mac%.v6.bench\n"
    return text + f"subnet {NET4}\n" + ("by-name on\nname %mac%.v4.bench\n" if case.by_name else f"pool {POOL4}\n")


# ---- Kea ----


def kea_text(case, directory):
    """Leases in a file that it writes to and does not wait for; nothing logged about them."""
    version, net = case.version, NET4 if case.version == 4 else NET6
    name = f"kea-dhcp{version}"
    levels = {name: "INFO", f"{name}.leases": "ERROR", f"{name}.alloc-engine": "ERROR", f"{name}.packets": "ERROR"}
    loggers = [{"name": n, "output_options": [{"output": "stderr"}], "severity": level} for n, level in levels.items()]
    pool = POOL4 if version == 4 else POOL6
    settings = {
        "interfaces-config": {"interfaces": [INTERFACE]},
        "lease-database": {"type": "memfile", "name": str(directory / "leases.csv"), "lfc-interval": 0},
        "loggers": loggers,
        "valid-lifetime": 3600,
        f"subnet{version}": [{"id": 1, "subnet": net, "interface": INTERFACE, "pools": [{"pool": pool}]}],
    }
    if version == 6:
        settings["data-directory"] = str(directory)
    return json.dumps({f"Dhcp{version}": settings}, indent=1)
