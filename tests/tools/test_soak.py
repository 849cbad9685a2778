# SPDX-License-Identifier: LGPL-2.1-or-later
"""script/soak runs, judges what it saw, and keeps it: a minute and a bit of it. What it says of the product is for longer runs."""

import os
import pathlib
import re
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_a_short_soak():
    build = os.environ.get("IOTH_BUILD", str(TREE / "build/release"))
    if not (pathlib.Path(build) / "programs/iothnamed").exists():
        pytest.skip(f"{build} is not built")
    run = subprocess.run(
        ["script/soak", "0.02", "--seed", "1"], cwd=TREE, capture_output=True, text=True, timeout=300, env={**os.environ, "IOTH_BUILD": build}
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    kept = re.search(r"kept as (\S+\.json)", run.stdout + run.stderr)
    assert kept and (TREE / kept[1]).exists()
