# SPDX-License-Identifier: LGPL-2.1-or-later
"""The load generator of script/bench dns counts what it sends and gets, over UDP and TCP, at a rate and without."""

import json
import subprocess

import pytest

import world as w

pytestmark = pytest.mark.about_time  # who is late is lost
PROGRAMS = w.RELEASE / "tests/bench/dns"
SERVER, PORT = "127.0.0.1", "5300"
NAMES = ["-n", "h####.bench", "-c", "1000"]


@pytest.fixture
def answerer(world):
    """Starts dns_answer in a mode, in a namespace of its own; returns that."""

    def start(mode):
        if not (PROGRAMS / "dns_answer").exists():
            pytest.skip("dns_answer is not built")
        namespace = world.namespace("bench")
        daemon = world.daemon(namespace, PROGRAMS / "dns_answer", mode, SERVER, PORT)
        daemon.wait_until(lambda: "ready" in daemon.stdout(), "dns_answer is ready")
        return namespace

    return start


def load(namespace, *options, check=True):
    return json.loads(namespace.run(PROGRAMS / "dns_load", *options, SERVER, PORT, check=check).stdout)


def test_every_question_to_the_echo_comes_back(answerer):
    seen = load(answerer("echo"), *NAMES, "-l", "0.3")
    assert seen["answered"] == seen["sent"] > 150
    assert seen["lost"] == seen["strange"] == seen["with_records"] == 0
    assert seen["rcodes"] == {"0": seen["answered"]}


@pytest.mark.parametrize("transport", [[], ["-T", "-s", "5"]], ids=["udp", "tcp"])
def test_each_name_once(answerer, transport):
    seen = load(answerer("upstream"), *NAMES, "-1", *transport)
    assert seen["sent"] - seen["lost"] == seen["answered"] == seen["with_records"] == 1000


def test_names_that_do_not_exist_are_told_apart(answerer):
    seen = load(answerer("upstream"), "-n", "nx##.bench", "-c", "100", "-1")
    assert seen["rcodes"] == {"3": 100}
    assert seen["with_records"] == 0


def test_no_more_than_the_rate(answerer):
    seen = load(answerer("echo"), *NAMES, "-r", "1000", "-l", "0.5")
    assert 0 < seen["sent"] <= 501
    assert 0 < seen["p50_us"] <= seen["p99_us"]


def test_what_is_not_answered_is_lost(world):
    namespace = world.namespace("bench")
    silent = world.daemon(namespace, "/usr/bin/python3", "-c", SILENT)
    silent.wait_until(lambda: "ready" in silent.stdout(), "the silent server is there")
    seen = load(namespace, *NAMES, "-l", "0.2", "-w", "10")
    assert seen["answered"] == 0
    assert seen["lost"] == seen["sent"] == 10


SILENT = f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{SERVER}", {PORT}))
print("ready", flush=True)
s.recv(1)
time.sleep(60)
"""


def test_names_of_a_file(answerer, tmp_path):
    questions = tmp_path / "questions"
    questions.write_text("one.bench A\ntwo.bench AAAA\nnx.bench MX\n")
    seen = load(answerer("upstream"), "-f", questions, "-1")
    assert seen["rcodes"] == {"0": 2, "3": 1}


def test_bad_arguments_are_refused(world):
    namespace = world.namespace("bench")
    for words in (["-n", "a..b"], ["-n", "a", "-f", "b"], ["-f", "/nowhere"], []):
        done = subprocess.run(namespace.command(PROGRAMS / "dns_load", *words, SERVER, PORT), capture_output=True, text=True)
        assert done.returncode == 2
        assert "dns_load" in done.stderr
