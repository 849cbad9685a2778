# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scenarios and vectors in this tree are byte for byte those of the folder shared beside the project, where it is there."""

import pathlib

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
SHARED = TREE.parent / "shared"

COPIES = [
    ("scenarios/1-local-proxy.rc", "examples/scenarios"),
    ("scenarios/2-delegated.rc", "examples/scenarios"),
    ("scenarios/3-localhash-proxy.rc", "examples/scenarios"),
    ("scenarios/4-delegated-hash.rc", "examples/scenarios"),
    ("scenarios/5-otip-proxy.rc", "examples/scenarios"),
    ("vectors/iothaddr.json", "tests/vectors"),
]


@pytest.mark.parametrize("original, folder", COPIES)
def test_copy_is_exact(original, folder):
    if not (SHARED / original).exists():
        pytest.skip(f"{SHARED / original} is not there to compare with")
    copy = TREE / folder / pathlib.Path(original).name
    assert copy.read_bytes() == (SHARED / original).read_bytes()
