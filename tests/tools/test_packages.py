# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed on a machine by chance is not missed until the next one: each header that the build has read is of a package
that script/packages names."""

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


def headers_read():
    told = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"^ +(/usr/include/\S+|/usr/lib/\S+)$", told, re.MULTILINE)))


def packages_of(files):
    told = subprocess.run(["dpkg", "-S", *files], capture_output=True, text=True, check=True).stdout
    return {line.split(":")[0] for line in told.splitlines()}


@pytest.mark.skipif(not shutil.which("dpkg"), reason="this is not Debian")
@pytest.mark.skipif(not (BUILD / ".ninja_deps").exists(), reason=f"{BUILD} was not built by ninja")
def test_each_header_is_of_a_package_that_is_named():
    used = {package for package in packages_of(headers_read()) if not BROUGHT_ALONG.fullmatch(package)}
    assert used >= {"libc6-dev", "nettle-dev", "liblwip-dev", "libcmocka-dev"}, "hardly anything was read"
    assert used <= named("build", "test"), "used, and in no list of script/packages"
