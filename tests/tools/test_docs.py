# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the documents name is there: the tests that hold a promise, and the files of the tree."""

import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).parents[2]
NAME = r"[a-z0-9_]+(?![\w./])"
NAMES = f"{NAME}(?:, {NAME})*"
TEST = re.compile(rf"((?:\w+/)*)(test_\w+\.(?:py|c))(?:: ({NAMES}))?")
OF_NO_FILE = {"test": "test_faults.py"}  # by the heading of the last column: RELIABILITY.md says so above that table


def file_of(folder, name):
    """test_x.py is in tests/net, ROOM/test_x.c in tests/unit; others are named from the root."""
    places = [TREE / folder / name, TREE / "tests/net" / name, TREE / "tests/unit" / folder / name]
    return next((place for place in places if place.is_file()), None)


def has_test(file, name):
    kind = "def" if file.suffix == ".py" else "static void"
    return re.search(rf"^{kind} (test_)?{name.removeprefix('test_')}\(", file.read_text(), re.MULTILINE) is not None


def of_cell(cell, default):
    """(folder, file, names) in a cell. A C file without its room is of the room of the one before."""
    room = ""
    for part in cell.split(";"):
        if default and re.fullmatch(NAMES, part.strip()):
            yield "", default, part.strip().split(", ")
        for folder, name, names in TEST.findall(part):
            room = folder or room
            yield room if name.endswith(".c") else folder, name, names.split(", ") if names else []


def promises(document):
    """(line, folder, file, names) of all tests in the tables of a document."""
    heading = None
    for number, line in enumerate((TREE / document).read_text().splitlines(), 1):
        if not line.startswith("|"):
            heading = None
            continue
        cell = line.strip("|").split("|")[-1].strip()
        if heading is None:
            heading = cell
            continue
        for found in of_cell(cell, OF_NO_FILE.get(heading)):
            yield number, *found


@pytest.mark.parametrize("document", ["docs/SECURITY.md", "docs/RELIABILITY.md"])
def test_each_promise_has_its_test(document):
    found, wrong = list(promises(document)), []
    for line, folder, name, tests in found:
        file = file_of(folder, name)
        if file is None:
            wrong.append(f"{document}:{line}: there is no {folder}{name}")
        else:
            wrong += [f"{document}:{line}: {name} has no {test}" for test in tests if not has_test(file, test)]
    assert len(found) > 40, "the tables are read"
    assert wrong == []


PLACES = ["", "src/", "tests/", "tests/unit/", "src/libioth"]  # the last: docs/RFCS.md shortens src/libiothnamed/ to named/
PATH = re.compile(r"`([\w-]+(?:/[\w.-]+)*/[\w.-]+\.(?:c|h|py|sh|rc|txt|md))`")
WRITTEN_BY_THE_READER = {"ROOM/test_x.c", "tests/unit/ROOM/test_x.c", "tests/fuzz/fuzz_x.c", "stacks/host/CMakeLists.txt"}
DOCUMENTS = [*sorted(TREE.glob("docs/*.md")), *sorted(TREE.glob("*.md")), TREE / "examples/README.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TREE)))
def test_each_file_that_is_named_is_there(document):
    text = document.read_text()
    names = set(PATH.findall(text)) - WRITTEN_BY_THE_READER
    assert [name for name in sorted(names) if not any(pathlib.Path(f"{TREE}/{place}{name}").is_file() for place in PLACES)] == []
    links = set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))
    assert [link for link in sorted(links) if not (document.parent / link).exists()] == []
