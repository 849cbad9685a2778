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


@pytest.mark.parametrize("seed", [500269, 501154])
def test_a_seed_that_was_broken(seed):
    """A clock set back by hours let leases that had ended count as running: the world was wrong, the server right."""
    seeds(BUILD, 1, "--from", seed)


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


def run_in(tree, *command):
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"


def patch(tree, bug, *options):
    """Its context must be there as it is written, be it on other lines. Nothing is asked."""
    run_in(tree, "patch", "-p1", "--batch", "--fuzz=0", "-i", bug, *options)


@pytest.mark.parametrize("bug", BUGS, ids=lambda path: path.stem)
def test_a_bug_can_be_put_in(bug):
    patch(TREE, bug, "--dry-run", "--forward")


def build_world(tree):
    run_in(tree, "cmake", "--build", "build/release", "--target", "world")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the tree, built once; each bug changes a file of it and changes it back."""
    tree = tmp_path_factory.mktemp("bugs") / "tree"
    shutil.copytree(TREE, tree, ignore=shutil.ignore_patterns("build", ".git"))
    run_in(tree, "cmake", "--preset", "release")
    build_world(tree)
    return tree


def what_finds_it(tree):
    """The first line that tells of it, by a scenario or a seed; None if there is none."""
    for what in SCENARIOS, ["--seeds", 1000, "--stop"]:
        result = world(tree / "build/release", *what)
        if result.returncode != 0:
            told = [line for line in result.stdout.splitlines() if not line.endswith(": as expected")]
            return told[0] if told else f"status {result.returncode} {result.stderr}"
    return None


@pytest.mark.long
@pytest.mark.parametrize("bug", BUGS, ids=lambda path: path.stem)
def test_a_bug_is_found(copy, bug):
    patch(copy, bug, "--forward")
    try:
        build_world(copy)
        found = what_finds_it(copy)
        assert found, f"{bug.name} is in the tree, and 1000 seeds have not found it"
        print(f"{bug.stem}: {found}")
    finally:
        patch(copy, bug, "-R")
