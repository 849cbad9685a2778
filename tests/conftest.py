# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all Python tests share: the mark `long`, the modules of tests/net, and the rule that a network test runs in the
namespace of script/in-namespace or not at all."""

import os
import pathlib
import sys
import time

import pytest
from _pytest import runner

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "net"))

import server  # noqa: E402
import world as world_module  # noqa: E402


def pytest_configure(config):
    os.environ.setdefault("IOTH_BUILD", str(world_module.RELEASE))
    config.addinivalue_line("markers", "long: takes minutes; runs with script/test --long")
    config.addinivalue_line("markers", "about_time: what it promises has a time; played again if the machine stood still meanwhile")


def pytest_collection_modifyitems(items):
    if os.environ.get("IOTH_IN_NAMESPACE") == "yes":
        return
    reason = os.environ.get("IOTH_NO_NAMESPACE", "network tests are started by script/test net, in a namespace")
    for item in items:
        needs = [HERE / "net", HERE / "scenario", HERE / "valgrind/test_programs.py"]
        if any(item.path.is_relative_to(place) for place in needs):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_runtest_protocol(item, nextitem):
    """A test whose promise has a time tells nothing if it failed while the machine let its programs wait: then it is played again.
    (Those that run together are by dhcp_lab.)"""
    if item.get_closest_marker("about_time") is None or hasattr(item.obj, "scenario"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for has_another_chance in (True, True, False):
        begin = time.monotonic()
        world_module.stalls()
        reports = runner.runtestprotocol(item, log=False, nextitem=nextitem)
        if not any(report.failed for report in reports) or not (has_another_chance and world_module.stood_still(begin)):
            break
        item._initrequest()
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture
def world():
    """An empty world of this test's own."""
    made = world_module.World()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_world():
    """A world that the tests of a module share."""
    made = world_module.World()
    yield made
    made.close()


@pytest.fixture
def box(world):
    """A namespace in which iothnamed, built with sanitizers, is to be started; its end is checked for their reports."""
    made = server.Box(world)
    yield made
    if getattr(made, "daemon", None) is not None:
        assert made.daemon.stop() == 0, made.daemon.stderr()


@pytest.fixture(scope="module")
def shared_box(shared_world):
    """The same for all tests of a module: what one of them does may not disturb the next."""
    made = server.Box(shared_world)
    made.serve()
    yield made
    assert made.daemon.stop() == 0, made.daemon.stderr()
