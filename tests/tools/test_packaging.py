# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units in packaging/: systemd understands every line of them, and what they wall off stays walled off."""

import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
# Of 10, as systemd-analyze(1) counts; a wall less is more than that. otip_rproxy changes addresses: CAP_NET_ADMIN.
EXPOSURE_MAX = {"iothnamed": 1.9, "iothradvd": 1.9, "namedhcp": 1.9, "otip_rproxy": 2.1}


@pytest.fixture(params=EXPOSURE_MAX)
def unit(tmp_path, request):
    """The unit as it is installed, with a program that is there, and the user root: systemd looks up both."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing: nobody here can read a unit")
    name = request.param
    text = (TREE / f"packaging/{name}.service.in").read_text()
    (tmp_path / "bin").mkdir()
    for program in (name, f"{name}ctl"):
        (tmp_path / "bin" / program).symlink_to("/bin/true")
    path = tmp_path / f"{name}.service"
    text = text.replace("@bindir@", str(tmp_path / "bin"))
    path.write_text(re.sub("@[a-z_]*user@", "daemon", text))
    return path


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=300)


def test_the_unit_is_understood(unit):
    told = analyze("verify", "--man=no", unit)
    assert told.returncode == 0 and unit.name not in told.stderr, told.stderr


def test_the_piece_for_vdestack_is_understood(unit):
    folder = unit.parent / f"{unit.name}.d"
    folder.mkdir()
    shutil.copy(TREE / "packaging/iothnamed-vdestack.conf", folder)
    told = analyze("verify", "--man=no", unit)
    assert told.returncode == 0 and unit.name not in told.stderr, told.stderr


def test_the_walls_stand(unit):
    told = analyze("security", "--offline=true", unit).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert exposure, told
    assert float(exposure.group(1)) <= EXPOSURE_MAX[unit.stem], told
