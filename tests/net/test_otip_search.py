# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whoever has seen one address may search for the password at home: what a guess costs, with otip1 and with otip2.

The cost is processor time of the searching process, so a busy machine does not change it much; and where 10,000 is wanted,
some 100,000 is what it is."""

import os
import pathlib
import subprocess

import pytest

SECONDS = 0.3


def seconds_a_guess(generation):
    build = os.environ.get("IOTH_BUILD")
    program = pathlib.Path(build or "/nowhere") / "tests/bench/otip_search"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    result = subprocess.run([program, str(generation), str(SECONDS)], capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
    words = result.stdout.split()
    assert words[-1] == f"word{words[3]}", "the password is found behind as many words"
    return float(words[5])


def test_a_guess_at_a_password_costs_ten_thousand_times_as_much():
    first, second = seconds_a_guess(1), seconds_a_guess(2)
    print(f"otip1 {first * 1e9:.0f} ns, otip2 {second * 1e3:.0f} ms a guess: {second / first:.0f} times")
    assert second / first >= 10_000
