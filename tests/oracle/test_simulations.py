# SPDX-License-Identifier: LGPL-2.1-or-later
"""DHCP's clients and servers and router discovery on simulated links that lose, double, delay and spoil packets: the unit tests
*_sim, which run some seeds, with many more. To see one of them again:

    SEEDS=10000 build/release/tests/unit/libiothconf/unit_libiothconf_rd_sim
"""

import os
import pathlib
import subprocess

import pytest

UNIT = "tests/unit"
TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("IOTH_BUILD", TREE / "build/release"))
SEEDS = {"libiothconf": "10000", "libnamedhcp": "1000"}  # by room; those of libnamedhcp have a thousand clients each
SOURCES = sorted(path for room in SEEDS for path in (TREE / UNIT / room).glob("test_*_sim.c"))


@pytest.mark.long
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}.{path.stem.removeprefix('test_')}")
def test_many_seeds(source):
    room = source.parent.name
    program = BUILD / UNIT / room / f"unit_{room}_{source.stem.removeprefix('test_')}"
    if not program.exists():
        pytest.skip(f"{program} has not been built")
    result = subprocess.run(
        [program], env=os.environ | {"SEEDS": SEEDS[room]}, capture_output=True, text=True, timeout=900, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
