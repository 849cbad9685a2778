# SPDX-License-Identifier: LGPL-2.1-or-later
"""tools/coverage tells the lines that did not run, adds up objects, and fails when a pure part is below the least."""

import pathlib
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]

CURSOR = """\
int cursor(int n)
{
    if (n > 0)
        return 1;
    return 0;
}
"""
MAIN = "int cursor(int n);\nint main(int argc, char **argv)\n{\n    (void)argv;\n    return CALLS;\n}\n"


@pytest.fixture
def tree(tmp_path):
    if not shutil.which("gcov"):
        pytest.skip("gcov is not installed")
    for folder in ("src/base", "src/io", "tests", "build/one", "build/two"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src/base/cursor.c").write_text(CURSOR)
    (tmp_path / "tests/main.c").write_text(MAIN)
    return tmp_path


def run(tree, folder, calls, source="src/base/cursor.c"):
    """Compiles the source and a program that calls it, in a folder of its own, and runs it."""
    where = tree / "build" / folder
    command = ["gcc", "--coverage", f"-DCALLS={calls}", tree / source, tree / "tests/main.c", "-o", where / "program"]
    subprocess.run(command, cwd=where, check=True)
    assert subprocess.run([where / "program"], cwd=where).returncode == 0


def coverage(tree, *options):
    command = [TREE / "tools/coverage", "--root", tree, *options, tree / "build"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def row(done, name):
    return next(line.split() for line in done.stdout.splitlines() if name in line.split())


def test_what_did_not_run_is_told(tree):
    run(tree, "one", "cursor(0)")
    done = coverage(tree, "--lines")
    assert row(done, "src/base/cursor.c") == ["*", "src/base/cursor.c", "4", "3", "75.0", "%", "4"]
    assert "tests/main.c" not in done.stdout, "tests are no product"
    assert done.returncode == 1
    assert "coverage: src/base/cursor.c is at 75.0 %, below 90 %: 4" in done.stdout


def test_objects_add_up(tree):
    run(tree, "one", "cursor(0)")
    run(tree, "two", "cursor(1) - 1")
    done = coverage(tree)
    assert row(done, "src/base/cursor.c")[2:5] == ["4", "4", "100.0"]
    assert done.returncode == 0


def test_only_pure_parts_have_to_be_reached(tree):
    (tree / "src/io/log.c").write_text(CURSOR)
    run(tree, "one", "cursor(0)", "src/io/log.c")
    run(tree, "two", "cursor(1) - 1 + cursor(0)")
    done = coverage(tree, "--all")
    assert row(done, "src/io/log.c") == ["src/io/log.c", "4", "3", "75.0", "%"]
    assert done.returncode == 0


def test_a_build_that_did_not_run_fails(tree):
    assert coverage(tree).returncode == 1
