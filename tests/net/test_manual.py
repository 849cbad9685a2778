# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all manual pages have: a page for each public function, and lines that compile; and the examples of those pages whose
library has no tests in networks of its own."""

import json
import re
import subprocess

import pytest

import manual
import world as w

VECTORS = w.TREE / "tests/vectors/iothaddr.json"


SECTION_3 = sorted(page.name for page in (w.TREE / "man").glob("*.3") if not page.read_text().startswith(".so "))
HEADERS = sorted(header.name for header in (w.TREE / "include").glob("*.h"))
FUNCTIONS = r"\b((?:ioth|iothaddr|iothdns|iothradvd|nlq|nlqx|nlinline|nl)_\w+)\("


def at_file_scope(text):
    """A C text without what stands between braces or parentheses."""
    depth, kept = 0, []
    for character in text:
        depth -= character in "})"
        if depth == 0:
            kept.append(character)
        depth += character in "{("
    return "".join(kept)


def public_functions():
    """Those that the headers declare or define, but for what nlinline is made of: its own have a twin for the stacks of libioth."""
    lines = "".join(f"#include <{header}>\n" for header in HEADERS)
    command = ["cc", "-D_GNU_SOURCE", "-E", "-P", f"-I{w.TREE}/include", "-"]
    text = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    names = set(re.findall(FUNCTIONS, re.sub("typedef[^;]*;", "", at_file_scope(text))))
    names = {name for name in names if "_nlinline_" not in name}
    return {name for name in names if re.sub("^nlinline_", "ioth_", name) in names or not name.startswith("nlinline_")}


def test_each_public_function_has_a_page():
    """`man FUNCTION` leads, where all is installed, to a page that speaks of it."""
    pages, wrong = manual.installed() / "share/man", []
    functions = public_functions()
    assert {"ioth_checkstack", "ioth_linksetupdown", "nlinline_linksetupdown", "nlqx_open", "iothaddr_eui64"} <= functions
    assert not {"nlinline_put", "ioth_nlinline_open", "iothdns_done_t"} & functions
    for name in sorted(functions):
        page = pages / f"man3/{name}.3"
        text = page.read_text() if page.exists() else ""
        if text.startswith(".so "):
            text = (pages / text.split()[1]).read_text()
        # Families are told once: nlqx_X as nlq_X, of stacks of libioth as of the kernel's.
        twin = re.sub("^nlqx_", "nlq_", name)
        if not {name, twin, re.sub("^ioth_", "nlinline_", name)} & set(re.findall(r"\w+", text)):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("page", SECTION_3)
def test_what_a_page_says_about_compiling(page, tmp_path):
    """It names packages that are there; and if it has a program, the line that compiles it, which is tried."""
    text = (w.TREE / "man" / page).read_text().replace("\\-", "-")
    named = re.findall(r"pkg-config ((?:--\S+ )*)([a-z ]+)", text)
    assert named, "it says how"
    for _, names in named:
        environment = {"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(manual.libraries() / "pkgconfig")}
        subprocess.run(["pkg-config", "--exists", *names.split()], env=environment, check=True)
    for number in range(len(manual.sources(page))):
        manual.program(page, tmp_path, number)


def test_the_example_of_libnlq(world, tmp_path):
    program = manual.program("libnlq.3", tmp_path)
    box = world.namespace("box")
    box.ip("link set lo up")
    index = json.loads(box.run("ip", "-json", "link", "show", "lo").stdout)[0]["ifindex"]
    assert box.run(program).stdout.splitlines() == [f"{index} 127.0.0.1/8", f"{index} ::1/128"]


def test_the_example_of_iothaddr(tmp_path):
    program = manual.program("iothaddr.3", tmp_path)
    known = [vector for vector in json.loads(VECTORS.read_text())["hash"] if vector["base"] == "fc00::"]
    for vector in known:
        assert subprocess.check_output([program, vector["name"]], text=True).strip() == vector["addr"]
    assert subprocess.run([program]).returncode == 2


def test_the_example_of_nlinline(world, tmp_path):
    program = manual.program("nlinline.3", tmp_path)
    box = world.namespace("box")
    assert box.run(program).returncode == 0
    (link,) = json.loads(box.run("ip", "-json", "address", "show", "lo").stdout)
    assert "UP" in link["flags"]
    assert ("192.0.2.1", 32) in [(address["local"], address["prefixlen"]) for address in link["addr_info"]]
    again = box.run(program, check=False)
    assert (again.returncode, again.stderr) == (1, "lo: File exists\n")
