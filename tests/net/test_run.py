# SPDX-License-Identifier: LGPL-2.1-or-later
"""script/run, as a newcomer starts it: its three dig lines work, Ctrl-C ends it, and then it can be started again."""

import re
import shlex
import signal
import socket
import subprocess

import pytest

import world as w

EXPECTED = ["192.168.1.254", "fc00::4cc:8049:6765:d03a", "renzo.hash.local."]


@pytest.fixture
def machine(world):
    """A machine with a loopback and no more."""
    return world.namespace("machine")


def start(world, machine):
    w.need_plain_build()  # the script makes one itself
    # From another directory than the root of the tree: `cd /` in between.
    return world.daemon(machine, "sh", "-c", f"cd / && exec {shlex.quote(str(w.TREE / 'script/run'))}")


def dig_lines(text):
    return re.findall(r"^\s+(dig .*)$", text, re.MULTILINE)


def test_twice_in_a_row(world, machine):
    for _ in range(2):
        script = start(world, machine)
        script.wait_until(lambda: "Ctrl-C" in script.stdout(), "the lines to try", 300)
        lines = dig_lines(script.stdout())
        told = [machine.run("sh", "-c", line).stdout.split() for line in lines]
        assert [words[-1] for words in told] == EXPECTED
        script.signal(signal.SIGINT)
        assert script.process.wait(w.PATIENCE_S) == 0
        script.assert_no_report()
        assert machine.run("sh", "-c", lines[0], check=False).returncode != 0, "nobody answers any more"


def test_a_taken_port_is_said(world, machine):
    with machine.entered():
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(("127.0.0.1", 5300))
    with other:
        script = start(world, machine)
        assert script.process.wait(w.PATIENCE_S) == 1
    assert "Port 5300 is taken" in script.stderr()
    assert "Building" not in script.stdout(), "before the time that a build takes"


def test_arguments():
    for words, status in ((["-h"], 0), (["--help"], 0), (["file.rc"], 1)):
        done = subprocess.run([w.TREE / "script/run", *words], capture_output=True, text=True)
        assert (done.returncode, "serves examples/quickstart.rc" in (done.stderr if status else done.stdout)) == (status, True)


def test_without_ipv6(world, machine):
    machine.ip("address delete ::1/128 dev lo")
    script = start(world, machine)
    script.wait_until(lambda: "Ctrl-C" in script.stdout(), "the lines to try", 300)
    assert "no ::1" in script.stdout()
    assert machine.run("sh", "-c", dig_lines(script.stdout())[0]).stdout.split()[-1] == EXPECTED[0]
    script.signal(signal.SIGINT)
    assert script.process.wait(w.PATIENCE_S) == 0
