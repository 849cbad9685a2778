# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of the manual pages, as they stand there: compiled by the line that stands there, against what is installed."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import textwrap

import pytest

import world as w

WARNINGS = "-Wall -Wextra -Wshadow -Werror"


@functools.cache
def installed():
    """A prefix into which all is installed; it ends with the namespace of the tests."""
    prefix = pathlib.Path(tempfile.mkdtemp(prefix="ioth-installed-"))
    subprocess.run(["cmake", "--install", w.RELEASE, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    return prefix


def libraries():
    """The folder of the installed libraries."""
    (library,) = installed().rglob("libioth.so")
    return library.parent


def literal(page):
    """What stands in a manual page line by line, as its readers see it: blocks of text."""
    text = (w.TREE / "man" / page).read_text()
    if "\n.TH " in text:  # man(7), which mandoc does not turn into markdown
        blocks = re.findall(r"^\.nf\n(.*?)^\.fi", text, re.DOTALL | re.MULTILINE)
        return [textwrap.dedent(block.replace("\\-", "-").replace("\\e", "\\")) for block in blocks]
    rendered = subprocess.run(["mandoc", "-T", "markdown", w.TREE / "man" / page], capture_output=True, text=True)
    if rendered.returncode != 0:
        pytest.skip(f"mandoc: {rendered.stderr}")
    blocks = re.findall(r"(?:^\t.*\n|^\n)+", rendered.stdout, re.MULTILINE)
    return [textwrap.dedent(block.expandtabs(8)) for block in blocks]


def sources(page):
    """The C programs of a manual page."""
    return [block for block in literal(page) if "int main(" in block]


def compiling(text):
    """The lines of a text that compile C, without what is before and behind."""
    return re.findall(r"^[ *]*(cc .*\$\(pkg-config .*\))$", text, re.MULTILINE)


def compile_by(line, directory):
    """Runs such a line in that directory, with all warnings, as a reader does who has installed all elsewhere than the system looks.
    Returns what it makes."""
    w.need_plain_build()
    made = re.search(r"-o (\S+)", line)[1]
    command = f"{line.replace('cc', f'cc {WARNINGS}', 1)} -Wl,-rpath,{libraries()}"
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libraries() / "pkgconfig")}
    done = subprocess.run(["sh", "-c", command], cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return directory / made


def program(page, directory, number=0, change=lambda source: source):
    """One of the programs of a page, compiled by its line."""
    folder = directory / f"{page}.{number}"
    folder.mkdir()
    (line,) = compiling("\n".join(literal(page)))
    (folder / "example.c").write_text(change(sources(page)[number]))
    return compile_by(line, folder)


def compile_example(source, directory):
    """A copy of a file of examples/, compiled by the line in its head."""
    (line,) = compiling(source.read_text())
    shutil.copy(source, directory)
    return compile_by(line, directory)
