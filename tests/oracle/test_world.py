# SPDX-License-Identifier: LGPL-2.1-or-later
"""The world: every scenario of tests/scenario/world, some seeds of the standard world and the large one, and that bugs put in on purpose are found.

One scenario, while you write it:  script/world tests/scenario/world/first_light.world
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
HERE = TREE / "tests/scenario/world"
BUILD = pathlib.Path(os.environ.get("IOTH_BUILD", TREE / "build/release"))
BUILD_ASAN = pathlib.Path(os.environ.get("IOTH_BUILD_ASAN", TREE / "build/asan"))
WORLD = "tests/scenario/world/world"
SCENARIOS = sorted(HERE.glob("*.world"))
BUGS = sorted((HERE / "bugs").glob("*.patch"))


def world(build, *arguments, timeout=600):
    program = build / WORLD
    if not program.exists():
        pytest.skip(f"{program} has not been built")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False)


def must_hold(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def seeds(build, count, *more, timeout=600):
    """Runs them; the last line says how many are broken, and none may be."""
    out = must_hold(world(build, "--seeds", count, *more, timeout=timeout))
    assert out.splitlines()[-1] == f"{count} seeds, 0 broken"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(scenario):
    must_hold(world(BUILD, scenario))


def test_scenarios_with_sanitizers():
    must_hold(world(BUILD_ASAN, *SCENARIOS))


def test_seeds():
    seeds(BUILD, 60)


def test_seeds_with_sanitizers():
    seeds(BUILD_ASAN, 4, "--from", 100001)


def test_a_seed_decides_all():
    first, second = (must_hold(world(BUILD, "--seeds", 4, "--digest", "--jobs", jobs)) for jobs in (1, 4))
    assert sorted(first.splitlines()) == sorted(second.splitlines())
    assert len(set(re.findall(r": ([0-9a-f]{16})$", first, re.M))) == 4


def test_a_seed_is_a_scenario(tmp_path):
    """What --print writes is the scenario that the seed runs."""
    scenario = tmp_path / "seed.world"
    scenario.write_text(must_hold(world(BUILD, "--print", 5)))
    must_hold(world(BUILD, "--from", 5, scenario))
    packets = [must_hold(world(BUILD, "--trace", *what)).splitlines() for what in ([5], ["--from", 5, scenario])]
    assert packets[0][-1] == packets[1][-2]


@pytest.mark.parametrize(
    "line, error",
    [
        ("garden g on lan", "2: 'garden' begins no line: a kind of node, link, at or end does"),
        ("router r1 on wan", "2: there is no link 'wan'"),
        ("router r1 on lan prefix fd00::/48", "2: 'fd00::/48' is no prefix of 64 bits, such as fd00::/64"),
        ("host h1 on lan uses pigeons", "2: 'pigeons' is no list of rd, dhcp6, dhcp4, auto"),
        ("dhcp4 d on lan pool 10.0.0.9-10.0.0.1", "2: '10.0.0.9-10.0.0.1' is no run of IPv4 addresses, such as 10.0.0.100-10.0.0.199"),
        ("at noon kill h1", "2: 'noon' is no time, such as 30s or 1h30m"),
        ("at 1s kiss h1", "2: nothing is known that is called 'kiss'"),
        ("at 1s kill h1", "2: there is no node 'h1'"),
        ("at 1s faults lan loss many", "2: 'many' is no share, such as 5%"),
        ("named ns1 on lan address fd00::53\n    auth hush all .hash.local fd00::", "2: its configuration, line 1: "),
        ("end", "2: expected: end TIME"),
    ],
)
def test_a_bad_line_is_told(tmp_path, line, error):
    scenario = tmp_path / "bad.world"
    scenario.write_text(f"link lan\n{line}\n")
    result = world(BUILD, scenario)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{scenario}:{error}")
    assert len(result.stdout.splitlines()) == 1


def test_what_is_not_met_is_told(tmp_path):
    scenario = tmp_path / "unmet.world"
    scenario.write_text("link lan\nhost h1.hash.local on lan\nat 5s expect h1 = fd00::1\n")
    result = world(BUILD, scenario)
    assert result.returncode == 1
    assert result.stdout == f"{scenario}:3: 5.000 s: h1.hash.local does not have fd00::1\n"


# --- in the long run ---


@pytest.mark.long
def test_many_seeds():
    seeds(BUILD, 10000, timeout=3600)


@pytest.mark.long
def test_many_large_worlds():
    seeds(BUILD, 100, "--large", timeout=3600)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the tree, built once; each bug changes a file of it and changes it back."""
    tree = tmp_path_factory.mktemp("bugs") / "tree"
    shutil.copytree(TREE, tree, ignore=shutil.ignore_patterns("build", ".git"))
    for command in (["cmake", "--preset", "release"], build_command()):
        subprocess.run(command, cwd=tree, check=True, capture_output=True)
    return tree


def build_command():
    return ["cmake", "--build", "build/release", "--target", "world"]


def patch(tree, bug, *options):
    subprocess.run(["patch", "-p1", "-i", bug, *options], cwd=tree, check=True, capture_output=True)


def is_found(tree):
    scenarios = world(tree / "build/release", *SCENARIOS)
    if scenarios.returncode != 0:
        return True
    return world(tree / "build/release", "--seeds", 1000, "--stop").returncode != 0


@pytest.mark.long
@pytest.mark.parametrize("bug", BUGS, ids=lambda path: path.stem)
def test_a_bug_is_found(copy, bug):
    patch(copy, bug)
    try:
        subprocess.run(build_command(), cwd=copy, check=True, capture_output=True)
        assert is_found(copy), f"{bug.name} is in the tree, and 1000 seeds have not found it"
    finally:
        patch(copy, bug, "-R")
