# SPDX-License-Identifier: LGPL-2.1-or-later
"""tools/check-layers finds what it is there to find, in small trees that these tests make."""

import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]


def check_layers(tree, *arguments):
    return subprocess.run(
        [TREE / "tools/check-layers", "--root", tree, *arguments], capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def tree(tmp_path):
    """A small tree with two rooms that are as they should be."""
    write(tmp_path, "src/base/cursor.h", "#pragma once\n")
    write(tmp_path, "src/base/cursor.c", '#include "cursor.h"\n#include <string.h>\n')
    write(tmp_path, "src/wire/dname.c", '#include "base/cursor.h"\n')
    return tmp_path


def write(tree, path, text):
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)


def compile_object(tree, source):
    """Compiles as CMake does: the object of src/ROOM/x.c is BUILD/src/ROOM/CMakeFiles/ROOM.dir/x.c.o."""
    room = (tree / source).parent
    objects = tree / "build" / room.relative_to(tree) / "CMakeFiles" / f"{room.name}.dir"
    objects.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["gcc", "-O2", "-I", tree / "src", "-c", tree / source, "-o", objects / f"{room.parts[-1]}.o"], check=True
    )
    (objects / f"{room.parts[-1]}.o").rename(objects / f"{(tree / source).name}.o")


def test_includes_that_point_down_pass(tree):
    result = check_layers(tree)
    assert result.returncode == 0, result.stdout
    assert "OK, 3 includes" in result.stdout


def test_an_upward_include_is_found_at_its_line(tree):
    write(tree, "src/wire/dname.h", "#pragma once\n")
    write(tree, "src/base/cursor.c", '#include "cursor.h"\n\n  #  include "wire/dname.h"\n')
    result = check_layers(tree)
    assert result.returncode == 1
    assert "src/base/cursor.c:3: " in result.stdout


def test_an_upward_include_of_a_public_header_is_found(tree):
    write(tree, "include/ioth.h", "#pragma once\n")
    write(tree, "src/wire/dname.c", "#include <ioth.h>\n")
    assert "src/wire/dname.c:1: " in check_layers(tree).stdout


def test_services_do_not_know_each_other(tree):
    write(tree, "src/libnamedhcp/server.h", "#pragma once\n")
    write(tree, "src/libiothnamed/query.c", '#include "libnamedhcp/server.h"\n')
    assert "src/libiothnamed/query.c:1: " in check_layers(tree).stdout


def test_a_way_around_by_a_relative_path_is_found(tree):
    write(tree, "src/wire/dname.h", "#pragma once\n")
    write(tree, "src/base/cursor.c", '#include "../wire/dname.h"\n')
    assert "src/base/cursor.c:1: " in check_layers(tree).stdout


def test_a_header_that_is_nowhere_is_found(tree):
    write(tree, "src/base/cursor.c", '#include "base/no_such.h"\n')
    assert "src/base/cursor.c:1: " in check_layers(tree).stdout


@pytest.mark.parametrize(
    "body, kind",
    [
        ("#include <time.h>\nlong f(void) { return (long)time(0); }", "clock"),
        ("#include <stdlib.h>\nint f(void) { return rand(); }", "random source"),
        ("#include <sys/socket.h>\nint f(void) { return socket(1, 1, 0); }", "socket"),
        ("#include <fcntl.h>\nint f(void) { return open64(\"x\", 0); }", "file"),
        ("#include <stdio.h>\nvoid f(int x) { printf(\"%d\", x); }", "log"),
    ],
)
def test_what_a_pure_part_may_not_do_is_found(tree, body, kind):
    write(tree, "src/base/cursor.c", f"#define _GNU_SOURCE\n{body}\n")
    compile_object(tree, "src/base/cursor.c")
    compile_object(tree, "src/wire/dname.c")
    result = check_layers(tree, "--build", tree / "build")
    assert result.returncode == 1
    assert f"src/base/cursor.c:1: uses" in result.stdout and f"has no {kind}" in result.stdout


def test_pure_parts_pass(tree):
    write(tree, "src/base/cursor.c", "#include <string.h>\nvoid f(void *p, unsigned long n) { memset(p, 0, n); }\n")
    compile_object(tree, "src/base/cursor.c")
    compile_object(tree, "src/wire/dname.c")
    result = check_layers(tree, "--build", tree / "build")
    assert result.returncode == 0, result.stdout
    assert "2 objects are pure" in result.stdout


def test_a_pure_part_without_an_object_does_not_pass(tree):
    assert "no object" in check_layers(tree, "--build", tree / "build").stdout
