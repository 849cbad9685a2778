# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the servers promise when the world around them fails: killed at any moment, short of memory, descriptors or disk, with a
clock that is set by hours, an interface that is torn away, upstream servers that answer slowly or with rubbish, a network that dies.
The promises are those of docs/RELIABILITY.md; what faults other modules test is listed there.
"""

import random
import time

import pytest

import faulty
import questions
import world as w
from dhcp_lab import running, together  # noqa: F401

pytestmark = pytest.mark.skipif(not faulty.PRELOADED.exists(), reason=f"{faulty.PRELOADED} is not built")

each_program = pytest.mark.parametrize("program", list(faulty.ALL))


def chance_of_its_own():
    """A source of chance, and its seed, which a failure tells."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed), seed


# ---- killed ----


@together
@each_program
def test_killed_at_any_moment(world, program):
    """While it starts, and while it serves. What it left behind is no hindrance to the next one."""
    it = faulty.ALL[program](world)
    chance, seed = chance_of_its_own()
    for _ in range(6):
        it.begin()
        if chance.random() < 0.5:
            it.has_ended_or_is_ready()
        time.sleep(chance.uniform(0, 0.5))  # the moment, which nothing that could be waited for tells
        assert it.daemon.is_alive(), f"seed {seed}: {it.daemon.stderr()}"
        it.kill()
    it.start()
    it.wait_until_served()
    it.stop()


# ---- memory ----


@together
@each_program
@pytest.mark.parametrize("samples", [12, pytest.param(300, marks=pytest.mark.long)])
def test_without_memory_at_the_start(world, program, samples):
    """One allocation of the start fails: it says so and ends with status 1, or does without."""
    it = faulty.ALL[program](world)
    it.start()
    it.stop()
    count = it.faults.counted
    chance, seed = chance_of_its_own()
    for number in sorted(chance.sample(range(1, count + 1), min(samples, count))):
        it.faults.fail_at(number)
        it.begin()
        case = f"allocation {number} of {count}"
        if it.has_ended_or_is_ready():
            assert it.daemon.process.returncode == 1, f"{case}: {it.daemon.process.returncode} {it.daemon.stderr()}"
            assert it.daemon.stderr(), case
            it.daemon.assert_no_report()
        else:
            it.faults.fail_at(0)
            it.wait_until_served()
            it.stop()


def no_memory(it):
    """All of a time that is long to a program: each allocation fails, or each third or seventh."""
    for every in (1, 3, 7):
        it.faults.fail_every(every)
        for number in range(5):
            work(it, every * 100 + number)
        it.reload()
        for number in range(5):
            work(it, every * 100 + 50 + number)
    it.faults.fail_every(0)


def work(it, number):
    """Something that takes memory, whatever comes of it."""
    if it.program == "iothnamed":
        questions.answers(it.cable.client, f"n{number}.example", server=faulty.SERVER4)
        questions.answers(it.cable.client, f"n{number}.hash.local", "AAAA", server=faulty.SERVER4)
    elif it.program == "namedhcp":
        it.lease(number, timeout=0.2)
    else:
        it.answers()


@together
@each_program
def test_without_memory_for_a_while(world, program):
    """It serves on with what it has, and is as before when there is memory again."""
    it = faulty.ALL[program](world)
    it.start()
    it.wait_until_served()
    no_memory(it)
    assert it.faults.failed > 0
    it.wait_until_served()
    it.reload()
    it.wait_until_served()
    it.stop()
