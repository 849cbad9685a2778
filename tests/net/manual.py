# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of the manual pages, as they stand there."""

import re
import subprocess
import textwrap

import pytest

import world as w

LIBRARIES = ["iothdns", "iothconf", "iothradvd", "ioth", "iothaddr", "nlq"]


def sources(page):
    """The C programs of a manual page, as its readers see them."""
    rendered = subprocess.run(["mandoc", "-T", "markdown", w.TREE / "man" / page], capture_output=True, text=True)
    if rendered.returncode != 0:
        pytest.skip(f"mandoc: {rendered.stderr}")
    blocks = re.findall(r"(?:^\t.*\n|^\n)+", rendered.stdout, re.MULTILINE)
    return [textwrap.dedent(block.expandtabs(8)) for block in blocks if "int main(" in block]


def program(page, directory, number=0, change=lambda source: source):
    """One of them, compiled with all warnings."""
    w.need_plain_build()
    source, made = directory / f"{page}.{number}.c", directory / f"{page}.{number}"
    source.write_text(change(sources(page)[number]))
    folders = [w.RELEASE / f"src/lib{name}" for name in LIBRARIES]
    flags = ["-Wall", "-Wextra", "-Wshadow", "-Werror", f"-I{w.TREE}/include"]
    libraries = [word for folder in folders for word in (f"-L{folder}", f"-Wl,-rpath,{folder}")]
    libraries += ["-Wl,--as-needed", *[f"-l{name}" for name in LIBRARIES]]
    subprocess.run(["cc", *flags, source, "-o", made, *libraries], check=True)
    return made
