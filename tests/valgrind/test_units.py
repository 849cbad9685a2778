# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit tests of a build without sanitizers, each under memcheck; as many at once as there are processors."""

import concurrent.futures
import json
import os
import re
import subprocess

import pytest

import memcheck
import world as w

NOT_RUN = 77  # a unit test's exit status if it cannot run here; it has printed why
DEADLINE_S = 900

# What does not run under memcheck, by the name in CTest, and why.
LEFT_OUT = [
    (r"(stack|stacks|vdestack|lwip)\..*", "is about whole stacks: memcheck knows neither pidfd_open, which vdestack starts with, nor \
what belongs to a copy of liblwip that was opened from memory; the address sanitizer runs it"),
    (r"libiothconf\.(apply|autoconf|keeper)|libotip\.proxy_death", "stands on vdestack, which starts with pidfd_open: memcheck does not know that system call"),
    (r"api\..*", "compiles programs"),
]


def units():
    """Name, command and folder of each test that CTest knows."""
    listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=w.RELEASE, capture_output=True, text=True, check=True)
    for test in json.loads(listing.stdout)["tests"]:
        properties = {each["name"]: each["value"] for each in test["properties"]}
        yield test["name"], test.get("command"), properties.get("WORKING_DIRECTORY", w.RELEASE)


UNITS = {name: (argv, folder) for name, argv, folder in units() if argv}


def run(name):
    argv, folder = UNITS[name]
    log = w.RELEASE / f"memcheck-{name}.log"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        memcheck.command(*argv, log=log), cwd=folder, capture_output=True, text=True, errors="replace", timeout=DEADLINE_S
    )
    return done, log.read_text()


@pytest.fixture(scope="session")
def runs(request):
    """All that were chosen begin when the first is asked for."""
    chosen = [item.callspec.params["name"] for item in request.session.items if item.name.startswith("test_a_unit[")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {name: pool.submit(run, name) for name in chosen if not why_not(name)}
        yield futures
        pool.shutdown(cancel_futures=True)


def why_not(name):
    return next((reason for pattern, reason in LEFT_OUT if re.fullmatch(pattern, name)), None)


@pytest.mark.parametrize("name", sorted(UNITS))
def test_a_unit(runs, name):
    memcheck.need_valgrind()
    if why_not(name):
        pytest.skip(f"{name} {why_not(name)}")
    done, verdict = runs[name].result()
    if done.returncode == NOT_RUN:
        pytest.skip(done.stdout.strip() or done.stderr.strip())
    told = f"exit status {done.returncode}\n{verdict}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0 and not memcheck.found(verdict), told
