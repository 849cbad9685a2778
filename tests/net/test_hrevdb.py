# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of hashed names on disk (option hrevdb): what outlives SIGKILL, disks that are full or read-only, files that are
damaged or in use. Queries are answered all the time."""

import contextlib
import ipaddress
import os
import re
import signal
import subprocess
import time

import pytest

import questions
import world as w
from questions import addresses
from server import LOCAL

pytestmark = pytest.mark.about_time  # what was answered a second ago is on the disk

NAMES = [f"name{number}.hash.local" for number in range(300)]
IN_MEMORY_ALONE = "in memory alone"
WRITTEN_S = 1.0  # what was answered that long ago is on the disk


@pytest.fixture
def store(box):
    """The path of the file, and the configuration that names it relative to its own folder."""
    box.rules = LOCAL + "option user none\noption hrevdb names.db\n"
    return box.world.directory / "names.db"


def teach(box, names):
    """Asks for the names; returns their addresses."""
    return {name: addresses(box.ask(name, "AAAA"))[0] for name in names}


def known(box, taught):
    """The names whose addresses are known."""
    reverse = {name: ipaddress.ip_address(address).reverse_pointer for name, address in taught.items()}
    return [name for name in taught if questions.texts(box.ask(reverse[name], "PTR")) == [name + "."]]


def kill(box):
    box.daemon.signal(signal.SIGKILL)
    box.daemon.process.wait(w.PATIENCE_S)


def test_nothing_is_lost_by_sigkill(box, store):
    box.serve(box.rules)
    taught = teach(box, NAMES)
    time.sleep(WRITTEN_S)  # the promise is about time that has passed
    kill(box)
    assert store.stat().st_mode & 0o777 == 0o600

    box.serve(box.daemon.configuration)
    assert known(box, taught) == NAMES
    more = teach(box, ["more.hash.local"])
    assert box.daemon.stop() == 0, "an orderly end loses nothing at all"
    box.serve(box.daemon.configuration)
    assert known(box, {**taught, **more}) == [*NAMES, "more.hash.local"]


def test_sigkill_at_any_moment(box, store):
    """Again and again, while names are taught: what was answered a second before is there, and the file is sound."""
    box.serve(box.rules)
    taught = {}
    for round_number in range(5):
        taught |= teach(box, [f"r{round_number}n{number}.hash.local" for number in range(40)])
        time.sleep(WRITTEN_S)
        for number in range(10 * (round_number + 1)):  # these may be lost
            box.ask(f"late{round_number}n{number}.hash.local", "AAAA")
        kill(box)
        box.serve(box.daemon.configuration)
        assert known(box, taught) == list(taught)
        assert IN_MEMORY_ALONE not in box.daemon.stderr()


def test_two_servers_do_not_share_a_file(box, store):
    box.serve(box.rules)
    other = box.rules.replace("option  listen ::1\n", "").replace("listen 127.0.0.1", "listen 127.0.0.2")
    second = box.world.iothnamed(box.namespace, other, box.build)
    assert second.process.wait(w.PATIENCE_S) == 1
    assert "names.db cannot be used: another server uses it" in second.stderr()
    second.assert_no_report()
    box.assert_serves()


@contextlib.contextmanager
def small_disk(path, size):
    """A file system of that many bytes, on which a file that is read has another st_atime."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755,strictatime", "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def wait_for_line(box, text, count=1):
    box.daemon.wait_until(lambda: box.daemon.stderr().count(text) >= count, f"'{text}' in the log")


def test_a_full_disk(box):
    """One line in the log, answers all the time; once there is room again all of the table is written."""
    disk = box.world.directory / "disk"
    with small_disk(disk, "128k"):
        box.serve(LOCAL + f"option user none\noption hrevdb {disk}/names.db\n")
        room = os.statvfs(disk)  # none is left, or what comes slowly would find some for a while, again and again
        (disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_bsize))
        names = [f"{number}.{'long' * 12}.hash.local" for number in range(600)]
        taught = teach(box, names)
        wait_for_line(box, IN_MEMORY_ALONE)
        assert known(box, taught) == names
        read_at = (disk / "names.db").stat().st_atime_ns
        w.wait_for(lambda: (disk / "names.db").stat().st_atime_ns > read_at, "the file is tried again")
        assert box.daemon.stderr().count(IN_MEMORY_ALONE) == 1
        assert "used again" not in box.daemon.stderr()
        assert re.search("no space left", box.daemon.stderr(), re.IGNORECASE)

        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        wait_for_line(box, "used again")
        time.sleep(WRITTEN_S)
        kill(box)
        box.serve(box.daemon.configuration)
        assert known(box, taught) == names
        assert box.daemon.stop() == 0


def test_a_read_only_disk(box):
    disk = box.world.directory / "disk"
    with small_disk(disk, "1m"):
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        box.serve(LOCAL + f"option user none\noption hrevdb {disk}/names.db\n")
        wait_for_line(box, "Read-only file system")
        taught = teach(box, NAMES[:20])
        assert known(box, taught) == NAMES[:20]

        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        wait_for_line(box, "used again")
        assert box.daemon.stop() == 0
        box.serve(box.daemon.configuration)
        assert known(box, taught) == NAMES[:20]
        assert box.daemon.stop() == 0


def damage_by_text(path):
    path.write_text("this is no store\n" * 1000)


def damage_in_the_middle(path):
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 + 8 : page * 4096 + 64] = os.urandom(56)
    path.write_bytes(data)


def damage_by_cutting(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [damage_by_text, damage_in_the_middle, damage_by_cutting])
def test_a_damaged_file(box, store, damage):
    """It is left alone and said once; removed, it is made anew."""
    box.serve(box.rules)
    taught = teach(box, NAMES)
    assert box.daemon.stop() == 0
    damage(store)
    damaged = store.read_bytes()

    box.serve(box.daemon.configuration)
    wait_for_line(box, "it is damaged")
    assert known(box, taught) == []
    taught = teach(box, NAMES)
    assert known(box, taught) == NAMES
    assert store.read_bytes() == damaged
    store.unlink()
    wait_for_line(box, "used again")
    assert box.daemon.stderr().count(IN_MEMORY_ALONE) == 1
    assert box.daemon.stop() == 0
    box.serve(box.daemon.configuration)
    assert known(box, taught) == NAMES


def test_a_file_that_is_cut_while_it_is_used(box, store):
    box.serve(box.rules)
    taught = teach(box, NAMES)
    w.wait_for(lambda: store.stat().st_size > 20000, "the names in the file")
    os.truncate(store, 4096)
    wait_for_line(box, "it is damaged")
    assert known(box, taught) == NAMES
    store.unlink()
    wait_for_line(box, "used again")
    assert box.daemon.stop() == 0
    box.serve(box.daemon.configuration)
    assert known(box, taught) == NAMES


def test_another_hrevmax_keeps_the_names(box, store):
    box.serve(box.rules)
    taught = teach(box, NAMES)
    box.daemon.configuration.write_text(box.rules + "option hrevmax 100000\nstatic A two.test.local 192.168.1.2\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: addresses(box.ask("two.test.local")), "the new configuration")
    assert known(box, taught) == NAMES
