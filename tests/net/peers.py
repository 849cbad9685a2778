# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of build/peers: Debian's daemons, unpacked by script/unpack-peers and never installed."""

import pytest

import world as w

PEERS = w.TREE / "build/peers"


def program(name):
    """The path of a program; skips the test if it is not there."""
    for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
        if (PEERS / folder / name).exists():
            return PEERS / folder / name
    pytest.skip(f"no {name}: script/unpack-peers could not fetch it")


def environment():
    """Where it finds its libraries."""
    return {"LD_LIBRARY_PATH": ":".join(str(p) for lib in ("usr/lib", "lib") for p in PEERS.glob(f"{lib}/*-linux-gnu"))}
