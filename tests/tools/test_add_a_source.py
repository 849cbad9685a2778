# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example of CONTRIBUTING.md, how a source is added, is the patch beside it, and the patch builds and works."""

import pathlib
import shutil
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
PATCH = TREE / "docs/examples/add-a-source.patch"
TOUCHED = {
    "man/iothnamed.conf.5",
    "src/libiothnamed/source_echo.c",
    "src/libiothnamed/source_table.h",
    "tests/unit/libiothnamed/test_source_echo.c",
}
TEST = "unit_libiothnamed_source_echo"


def run(*command, cwd):
    result = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_contributing_shows_the_patch():
    assert PATCH.read_text().strip() in (TREE / "CONTRIBUTING.md").read_text()


def test_one_file_one_row_one_test_one_line_of_the_manual():
    lines = PATCH.read_text().splitlines()
    assert {line[len("+++ b/"):] for line in lines if line.startswith("+++ b/")} == TOUCHED
    assert not [line for line in lines if line.startswith("-") and not line.startswith("---")]


def test_the_patched_tree_builds_and_its_test_passes(tmp_path):
    copy = tmp_path / "tree"
    shutil.copytree(TREE, copy, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    run("patch", "-p1", "--fuzz=0", "-i", PATCH, cwd=copy)
    run("cmake", "--preset", "release", cwd=copy)
    run("cmake", "--build", "build/release", "--target", TEST, cwd=copy)
    assert "[  PASSED  ] 1 test(s)." in run(next(copy.glob(f"build/release/**/{TEST}")), cwd=copy)
