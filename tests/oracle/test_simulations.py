# SPDX-License-Identifier: LGPL-2.1-or-later
"""The clients of libiothconf on simulated links that lose, double, delay and spoil packets: the unit tests *_sim, which run
some hundred seeds, with ten thousand. To see one more of them again:

    SEEDS=10000 build/release/tests/unit/libiothconf/unit_libiothconf_rd_sim
"""

import os
import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(os.environ.get("IOTH_BUILD", TREE / "build/release")) / "tests/unit/libiothconf"
SOURCES = sorted((TREE / "tests/unit/libiothconf").glob("test_*_sim.c"))
SEEDS = "10000"


@pytest.mark.long
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem.removeprefix("test_"))
def test_ten_thousand_seeds(source):
    program = FOLDER / f"unit_libiothconf_{source.stem.removeprefix('test_')}"
    if not program.exists():
        pytest.skip(f"{program} has not been built")
    result = subprocess.run(
        [program], env=os.environ | {"SEEDS": SEEDS}, capture_output=True, text=True, timeout=900, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
