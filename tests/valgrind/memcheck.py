# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs under valgrind's memcheck: how they are started, and what makes a test of it fail.

An error and a block that nobody has a pointer to any more are failures. Memory that is still reachable at the end is not: a
library may keep what it has made once. What is not ours to mend is in tests/valgrind.supp, with the reason.
"""

import pathlib
import re
import shutil

import pytest

import world as w

SUPPRESSIONS = w.TREE / "tests/valgrind.supp"
FOUND = 99  # valgrind's exit status if it has found something
PROGRAMS = w.RELEASE / "programs"


def command(*argv, log=None):
    """The command that runs argv under memcheck. log: a file for the verdict; %p in its name is the process. Else on stderr."""
    options = [
        "--quiet",
        f"--error-exitcode={FOUND}",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        "--show-leak-kinds=definite",
        "--num-callers=20",
        f"--suppressions={SUPPRESSIONS}",
    ]
    return ["valgrind", *options, *([f"--log-file={log}"] if log else []), *argv]


def found(log):
    """Whether memcheck has found something, which it tells with a place in the program. All else is about valgrind itself, such as
    that it does not know a system call."""
    return re.search(r"^==\d+==    at 0x", log, re.MULTILINE)


def need_valgrind():
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")


class World(w.World):
    """A world in which the daemons of one program of ours are under memcheck."""

    def __init__(self, program):
        super().__init__()
        self.program = PROGRAMS / program

    def daemon(self, namespace, *argv, **kwargs):
        if pathlib.Path(argv[0]) == self.program:
            argv = command(*argv, log=self.directory / f"memcheck-{self.program.name}.%p")
        return super().daemon(namespace, *argv, **kwargs)

    def run(self, namespace, program, *arguments):
        """A program of ours to its end; what it printed."""
        done = namespace.run(*command(PROGRAMS / program, *arguments), timeout=60, check=False)
        assert done.returncode == 0, f"{program} {arguments} gave {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def verdicts(self):
        """What memcheck has said of the daemons that have ended."""
        return "".join(path.read_text() for path in sorted(self.directory.glob("memcheck-*")))


def stop(world, daemon):
    """Ends a daemon, which has to end well and without a word of memcheck."""
    status = daemon.stop(deadline_s=60)
    assert status == 0, f"exit status {status}\n{daemon.stderr()}\n{world.verdicts()}"
    assert not found(world.verdicts()), world.verdicts()
