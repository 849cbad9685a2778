# SPDX-License-Identifier: LGPL-2.1-or-later
"""tools/tally counts each kind of result once, tells the reasons, and fails when it should."""

import pathlib
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]

PYTEST_REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="net" name="good"/>
<testcase classname="net" name="bad"><failure message="no answer">assert 0</failure></testcase>
<testcase classname="net" name="away"><skipped message="Skipped: no knotd here">x.py:1: no knotd here</skipped></testcase>
</testsuite></testsuites>"""

CTEST_REPORT = """<testsuite name="unit">
<testcase name="wire.dname" classname="wire.dname" status="run"><system-out>fine</system-out></testcase>
<testcase name="ioth.tap" classname="ioth.tap" status="notrun">
<skipped message="SKIP_RETURN_CODE=77"/><system-out>no /dev/net/tun</system-out></testcase>
</testsuite>"""


def tally(directory):
    result = subprocess.run([TREE / "tools/tally", directory], capture_output=True, text=True, timeout=300)
    return result.returncode, result.stdout.splitlines()


def test_counts_of_all_reports_are_added(tmp_path):
    log = tmp_path / "format.log"
    log.write_text("cursor.c is not formatted\n")
    (tmp_path / "net.xml").write_text(PYTEST_REPORT)
    (tmp_path / "unit.xml").write_text(CTEST_REPORT)
    (tmp_path / "checks.tsv").write_text(f"passed\tlayers\t\t\nfailed\tformat\texit status 1\t{log}\n")
    status, lines = tally(tmp_path)
    assert lines[-1] == "3 passed, 2 failed, 2 skipped"
    assert status == 1
    text = "\n".join(lines)
    for told in ("no knotd here", "no /dev/net/tun", "no answer", "assert 0", "cursor.c is not formatted"):
        assert told in text


def test_all_passed(tmp_path):
    (tmp_path / "checks.tsv").write_text("passed\tlayers\t\t\n")
    assert tally(tmp_path) == (0, ["1 passed, 0 failed, 0 skipped"])


def test_a_run_without_tests_fails(tmp_path):
    assert tally(tmp_path) == (1, ["0 passed, 0 failed, 0 skipped"])


def test_a_broken_report_fails(tmp_path):
    (tmp_path / "unit.xml").write_text("<testsuite")
    status, lines = tally(tmp_path)
    assert status == 1
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"
