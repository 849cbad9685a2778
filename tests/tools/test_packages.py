# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed on a machine by chance is not missed until the next one: each header that the build has read is of a package
that script/packages names, what the product reads of one that it names for the product alone."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("IOTH_BUILD", TREE / "build/release"))
BROUGHT_ALONG = re.compile(r"libgcc-\d+-dev|linux-libc-dev")  # by gcc and libc6-dev


def named(*lists):
    lines = [line for name in lists for line in (TREE / f"script/packages/{name}.txt").read_text().splitlines()]
    return {line.split("#")[0].strip() for line in lines} - {""}


def headers_read(is_wanted):
    """By the objects that are wanted."""
    told = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    objects = [part for part in told.split("\n\n") if is_wanted(part.lstrip().split(":")[0])]
    return sorted(set(re.findall(r"^ +(/usr/include/\S+|/usr/lib/\S+)$", "\n".join(objects), re.MULTILINE)))


def packages_of(files):
    told = subprocess.run(["dpkg", "-S", *files], capture_output=True, text=True, check=True).stdout
    return {line.split(":")[0] for line in told.splitlines()}


WHOSE = {"product": (lambda name: not name.startswith("tests/"), ["build"]), "tests": (lambda _: True, ["build", "test"])}


@pytest.mark.parametrize("whose", WHOSE)
@pytest.mark.skipif(not shutil.which("dpkg"), reason="this is not Debian")
@pytest.mark.skipif(not (BUILD / ".ninja_deps").exists(), reason=f"{BUILD} was not built by ninja")
def test_each_header_is_of_a_package_that_is_named(whose):
    is_wanted, lists = WHOSE[whose]
    used = {package for package in packages_of(headers_read(is_wanted)) if not BROUGHT_ALONG.fullmatch(package)}
    assert used >= {"libc6-dev", "nettle-dev", "liblwip-dev"}, "hardly anything was read"
    assert used <= named(*lists), "used, and in no list of script/packages"


@pytest.mark.skipif(not shutil.which("dpkg"), reason="this is not Debian")
def test_the_first_command_needs_no_package_of_the_tests(tmp_path):
    """script/run's own words configure the tree where pkg-config knows none of them."""
    configure = re.search(r"cmake --preset [^&]*", (TREE / "script/run").read_text()).group().split()
    of_tests = subprocess.run(["dpkg", "-L", *named("test")], capture_output=True, text=True).stdout.splitlines()
    path = subprocess.run(["pkg-config", "--variable=pc_path", "pkg-config"], capture_output=True, text=True, check=True).stdout
    known = [file for folder in path.strip().split(":") for file in pathlib.Path(folder).glob("*.pc")]
    (tmp_path / "known").mkdir()
    for file in (file for file in known if str(file) not in of_tests):
        (tmp_path / "known" / file.name).symlink_to(file)
    assert not (tmp_path / "known/libmnl.pc").exists() and (tmp_path / "known/nettle.pc").exists()
    environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(tmp_path / "known")}
    told = subprocess.run([*configure, "-B", tmp_path / "build"], cwd=TREE, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
