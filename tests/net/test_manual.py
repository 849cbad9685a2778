# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of those manual pages whose library has no tests in networks of its own."""

import json
import subprocess

import manual
import world as w

VECTORS = w.TREE / "tests/vectors/iothaddr.json"


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
