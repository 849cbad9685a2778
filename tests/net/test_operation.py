# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running a server: iothnamedctl, the metrics page, what the service manager hears, privileges, and the log."""

import ctypes
import grp
import http.client
import ipaddress
import json
import os
import pathlib
import pwd
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

import questions
import server
import world as w
from questions import addresses

CTL = "programs/iothnamedctl"
NOBODY = 65534


class Operated(server.Box):
    """A box whose server has a control socket and a metrics port."""

    def __init__(self, world, build=w.ASAN):
        super().__init__(world, build)
        self.socket = world.directory / "control"

    def serve(self, configuration=server.LOCAL, **kwargs):
        self.own = f"option control {self.socket}\noption metrics 127.0.0.1@9553\noption workers 2\n"
        return super().serve(self.own + configuration, **kwargs)

    def rewrite(self, configuration):
        self.daemon.configuration.write_text(self.own + configuration)

    def ctl(self, *words, check=True, **kwargs):
        return self.namespace.run(self.build / CTL, "-s", self.socket, *words, check=check, timeout=60, **kwargs)

    def say(self, *words):
        return self.ctl(*words).stdout

    def counters(self):
        return json.loads(self.say("-j", "counters"))

    def get(self, path, method="GET"):
        """An HTTP request: the response, its body read into .text."""
        with self.namespace.entered():
            connection = http.client.HTTPConnection("127.0.0.1", 9553, timeout=10)
            connection.request(method, path)
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def status_of_process(self):
        lines = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines()
        return {key: value.split() for key, value in (line.split(":", 1) for line in lines)}


@pytest.fixture
def operated(world):
    made = Operated(world)
    yield made
    if getattr(made, "daemon", None) is not None:
        assert made.daemon.stop() == 0, made.daemon.stderr()


# iothnamedctl


def test_status(operated):
    operated.serve()
    told = dict(line.split(" ", 1) for line in operated.say("status").splitlines())
    assert told["pid"] == str(operated.daemon.pid)
    assert told["workers"] == "2"
    assert told["healthy"] == "yes"
    assert told["reloads"] == "0"
    assert told["configuration"] == str(operated.daemon.configuration)
    assert told["request_stack"] == told["forward_stack"] == "kernel"
    as_json = json.loads(operated.say("--json", "status"))
    assert as_json["version"] == told["version"]
    assert as_json["pid"] == operated.daemon.pid


def test_counters(operated):
    operated.serve()
    before = operated.counters()
    operated.ask("one.test.local")
    operated.ask("renzo.hash.local", "AAAA", tcp=True)
    operated.ask("nobody.example")
    with questions.udp_socket(operated.namespace) as connected:
        questions.exchange(connected, b"\0\1" + bytes(10) + b"\xff")  # no question, and something behind it
    after = operated.counters()

    def grew(name):
        return after[name] - before[name]

    assert grew("queries.udp") == 3
    assert grew("queries.tcp") == 1
    assert grew("malformed") == 1
    assert grew("responses.NOERROR") == 2
    assert grew("responses.REFUSED") == 1
    assert grew("answers.static") == grew("answers.hash") == grew("answers.none") == 1
    assert grew("hrev_names") == 1
    text = dict(line.split() for line in operated.say("counters").splitlines())
    assert text.keys() == after.keys()


def test_reload_tells_who_asked(operated):
    operated.serve()
    operated.rewrite(server.LOCAL + "static A two.test.local 192.168.1.2\n")
    assert "error" not in operated.say("reload")
    assert addresses(operated.ask("two.test.local")) == ["192.168.1.2"]  # it has happened already

    operated.rewrite("auth ecco local .x\noption port 54\n")
    result = operated.ctl("reload", check=False)
    assert result.returncode == 1
    assert re.search(r"error: \S+:4:6: unknown type of rule 'ecco'", result.stdout)
    assert result.stderr == "iothnamedctl: 1 error; the old configuration stays in force\n"
    status = operated.say("status")
    assert "last_reload_result failed" in status and "last_reload_errors 1\n" in status
    assert "Invalid argument" not in result.stdout + operated.daemon.stderr()
    operated.assert_serves()

    operated.rewrite(server.LOCAL + "option port 54\n")
    assert "restart" in operated.say("reload")
    assert "last_reload_result ok" in operated.say("status")
    assert re.search(r"last_reload_errors 0\nlast_reload_warnings [1-9]", operated.say("status"))  # port was not changed
    assert json.loads(operated.say("-j", "status"))["reloads"] == 3


def test_a_check_says_what_a_reload_would(operated):
    """A list and a zone that are gone keep what was read of them; a start without them fails."""
    listed, zone = operated.world.directory / "listed.txt", operated.world.directory / "one.zone"
    listed.write_text("ads.example\n")
    zone.write_text("@ 60 SOA ns.one.zone. me.one.zone. 1 60 60 60 60\n@ 60 NS ns.one.zone.\n")
    operated.serve(server.LOCAL + f"auth error local @{listed}\nauth zone local one.zone {zone}\n")
    listed.unlink()
    zone.unlink()
    start = operated.namespace.run(operated.build / "programs/iothnamed", "-n", operated.daemon.configuration, check=False)
    assert start.returncode == 1 and str(listed) in start.stderr and str(zone) in start.stderr
    checked, reloaded = operated.say("check"), operated.say("reload")
    for path in (listed, zone):
        for told in (checked, reloaded):
            (line,) = [line for line in told.splitlines() if f"{path} cannot be read" in line]
            assert "warning: " in line and "error" not in told.replace("has errors; the zone stays", "")


def test_a_line_that_says_where_it_serves_ends_at_an_address(operated):
    listen = [f"127.0.{n}.{100 + n}" for n in range(1, 41)]
    operated.serve(server.LOCAL + "".join(f"option listen {address}\n" for address in listen))
    operated.daemon.wait_until(lambda: re.search(r"serving .* port=\d+\n", operated.daemon.stderr()), "the line that it serves")
    told = re.search(r' listen="?([^" ]*) and (\d+) more"? ', operated.daemon.stderr())
    shown = told[1].split(",")
    assert len(shown) > 10 and len(shown) + int(told[2]) >= 40 and shown[-1] in listen


def test_a_file_that_is_being_written_is_not_loaded(operated):
    """One without a rule, or none at all; the check says so too, and of what was wrong the last line of the log is the end."""
    operated.serve()
    operated.daemon.configuration.write_text("")
    for command in "check", "reload":
        result = operated.ctl(command, check=False)
        assert result.returncode == 1 and ": no auth line, where " in result.stdout, result.stdout
    operated.daemon.configuration.unlink()
    result = operated.ctl("reload", check=False)
    assert result.stdout == f"error: {operated.daemon.configuration}: cannot be read: No such file or directory\n"
    assert result.stderr == "iothnamedctl: 1 error; the old configuration stays in force\n"
    assert operated.daemon.stderr().endswith("error: configuration not loaded; the old one stays in force\n")
    operated.assert_serves()


def test_a_check_changes_nothing(operated):
    """It says what `iothnamed -n` says, of zone files too."""
    operated.serve()
    right = operated.ctl("check").stdout
    assert all(": warning: " in line for line in right.splitlines())
    zone = operated.world.directory / "bad.zone"
    zone.write_text("@ IN SOA\n")
    operated.rewrite(server.LOCAL + f"auth zone local bad.test {zone}\nauth fwd local .\n")
    wrong = operated.ctl("check", check=False)
    assert wrong.returncode == 1 and re.search(r"^iothnamedctl: \d errors?$", wrong.stderr, re.M)
    told = operated.namespace.run(operated.build / "programs/iothnamed", "-n", operated.daemon.configuration, check=False)
    assert told.stderr.startswith(wrong.stdout) and re.search(r"bad.zone:1", wrong.stdout)
    assert json.loads(operated.say("-j", "status"))["reloads"] == 0
    operated.assert_serves()


def test_many_reloads_at_once(operated):
    """Each one who asks hears of a reload that began after he asked; nobody waits for ever."""
    operated.serve()
    command = operated.namespace.command(operated.build / CTL, "-s", operated.socket, "reload")
    asking = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(12)]
    assert [process.wait(60) for process in asking] == [0] * 12
    operated.assert_serves()


@pytest.mark.about_time  # upstream is asked again if it is slow
def test_flush_and_dump(operated):
    """A scripted upstream counts what it is asked: what was flushed is asked for again."""
    asked = []

    def answer(question):
        asked.append(question.question[0].name.to_text(omit_final_dot=True).lower())
        reply = questions.dns.message.make_response(question)
        name = question.question[0].name
        reply.answer.append(questions.dns.rrset.from_text(name, 300, "IN", "A", "192.0.2.1"))
        return reply.to_wire()

    with scripted_upstream(operated.namespace, answer):
        operated.serve(server.LOCAL + server.FORWARD)
        names = ["a.example", "b.example", "x.a.example", "other.example.org"]
        for name in names:
            operated.ask(name)
        counted = operated.counters()
        assert (counted["answers.fwd"], counted["answers.cache"]) == (4, 0), "who waited for upstream has its answer, not the cache's"
        assert (counted["cache_lookups.hit"], counted["cache_lookups.miss"]) == (0, 4)
        operated.ask(names[0])
        assert operated.counters()["answers.cache"] == operated.counters()["cache_lookups.hit"] == 1
        dumped = operated.say("dump", "cache")
        for name in names:
            assert re.search(rf"^{re.escape(name)} \d+ IN A 192\.0\.2\.1$", dumped, re.MULTILINE)

        assert operated.say("flush", "A.example") == "1 entry forgotten\n"
        assert operated.say("flush-tree", "example") == "2 entries forgotten\n"
        assert "other.example.org" in operated.say("dump")
        asked.clear()
        for name in names:
            operated.ask(name)
        assert sorted(asked) == sorted(names[:3])
        assert operated.say("flush") == "4 entries forgotten\n"
        assert operated.say("dump", "cache") == ""
        assert operated.counters()["cache_entries"] == 0

    operated.ask("renzo.hash.local", "AAAA")
    reverse = re.escape(ipaddress.ip_address(server.RENZO).reverse_pointer)
    assert re.fullmatch(rf"{reverse} \d+ IN PTR renzo\.hash\.local\n", operated.say("dump", "hrev"))


def test_a_prefetch_is_no_dropped_question(operated):
    """An answer near its end is given and renewed: both count, and nothing was dropped."""

    def answer(question):
        reply = questions.dns.message.make_response(question)
        reply.answer.append(questions.dns.rrset.from_text(question.question[0].name, 1, "IN", "A", "192.0.2.1"))
        return reply.to_wire()

    def prefetched():
        for _ in range(20):
            operated.ask("www.example.org")
        return operated.counters()["prefetches"]

    with scripted_upstream(operated.namespace, answer):
        operated.serve(server.LOCAL + server.FORWARD)
        w.wait_for(prefetched, "an answer is renewed before its end", poll_s=0)
    assert operated.counters()["dropped"] == 0


def test_few_descriptors(operated):
    """poll(2) refuses a list longer than the process may have descriptors; the control socket is served all the same."""
    few = (64, 64)
    operated.serve(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few))
    assert "healthy yes" in operated.say("status")
    operated.assert_serves()


class scripted_upstream:
    """A UDP server on UPSTREAM that answers by a function, until the end of the `with`."""

    def __init__(self, namespace, answer):
        with namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((server.UPSTREAM, 53))
        self._answer = answer
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while True:
            wire, client = self._socket.recvfrom(4096)
            if not wire:
                return
            self._socket.sendto(self._answer(questions.dns.message.from_wire(wire)), client)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()


def test_what_a_command_line_can_have_wrong(operated):
    operated.serve()
    run = operated.namespace.run
    program = operated.build / CTL
    assert run(program, check=False).returncode == 2
    assert run(program, "-x", check=False).returncode == 2
    nobody = run(program, "-s", "/nowhere", "status", check=False)
    assert nobody.returncode == 1 and "cannot reach a server at /nowhere" in nobody.stderr
    assert "does it run, and is this the path of its `option control`?" in nobody.stderr
    assert run(program, "-s", "/" + "x" * 200, "status", check=False).returncode == 1
    assert operated.ctl("two words", check=False).returncode == 2
    assert operated.ctl("x" * 3000, check=False).returncode == 2
    assert "unknown command 'statsu'" in operated.ctl("statsu", check=False).stderr
    assert "usage: flush-tree NAME" in operated.ctl("flush-tree", check=False).stderr
    assert "no domain name" in operated.ctl("flush", "a..b", check=False).stderr
    assert operated.ctl("loglevel", "loud", check=False).returncode == 1
    no_json = run(program, "-j", "-s", operated.socket, "dump", check=False)
    assert no_json.returncode == 2 and "'dump' has no JSON, expected 'status' or 'counters'" in no_json.stderr
    assert "iothnamedctl" in run(program, "--version").stdout
    assert "usage" in run(program, "--help").stdout
    assert operated.say("help").splitlines()[0].startswith("status")


def manual_examples():
    """The commands of the examples in iothnamedctl(8)."""
    page = (w.TREE / "man/iothnamedctl.8").read_text()
    return re.findall(r"^# (iothnamedctl .*)$", page.split(".Sh EXAMPLES")[1], re.MULTILINE)


@pytest.mark.parametrize("command", manual_examples())
def test_examples_of_the_manual(shared_operated, command):
    """As they stand there, with a name in the cache and the socket of this test's server."""
    shared_operated.ask("www.example.org")
    function = f'iothnamedctl() {{ {shared_operated.build / CTL} -s {shared_operated.socket} "$@"; }}'
    told = shared_operated.namespace.run("sh", "-c", f"{function}; {command}").stdout
    assert told.strip()


@pytest.fixture(scope="module")
def shared_operated(shared_world):
    made = Operated(shared_world)

    def answer(question):
        reply = questions.dns.message.make_response(question)
        reply.answer.append(questions.dns.rrset.from_text(question.question[0].name, 300, "IN", "A", "192.0.2.1"))
        return reply.to_wire()

    with scripted_upstream(made.namespace, answer):
        made.serve(server.LOCAL + server.FORWARD)
        yield made
    assert made.daemon.stop() == 0, made.daemon.stderr()


def test_who_may_use_the_socket(operated):
    group = grp.getgrgid(1).gr_name
    operated.serve(f"option controlgroup {group}\n" + server.LOCAL)
    state = operated.socket.stat()
    assert (state.st_mode & 0o7777, state.st_gid) == (0o660, 1)
    for own_group, status in ((NOBODY, 1), (1, 0)):
        setpriv = ["setpriv", f"--reuid={NOBODY}", f"--regid={own_group}", "--clear-groups"]
        command = [*setpriv, operated.build / CTL, "-s", operated.socket, "status"]
        assert operated.namespace.run(*command, check=False).returncode == status


def test_the_socket_of_a_killed_server_is_taken_over(operated):
    operated.serve()
    second = operated.world.iothnamed(operated.namespace, operated.own + "option port 54\n", operated.build)
    assert second.process.wait(w.PATIENCE_S) == 1
    assert "another server has it" in second.stderr()
    operated.daemon.kill()
    assert operated.socket.exists()
    operated.serve()
    assert "healthy yes" in operated.say("status")


def test_operating_does_not_race(world):
    """Under ThreadSanitizer: everything that can be asked of a server, by several at once, while it serves and loads. A report
    of the sanitizer fails stop()."""
    operated = Operated(world, w.TSAN)
    operated.serve(server.LOCAL + server.FORWARD)
    commands = [["status"], ["counters"], ["reload"], ["dump"], ["flush"], ["flush-tree", "."], ["loglevel", "info"]]
    asking = [
        subprocess.Popen(
            operated.namespace.command(operated.build / CTL, "-s", operated.socket, *command), stdout=subprocess.DEVNULL
        )
        for command in 3 * commands
    ]
    for number in range(30):
        operated.ask(f"n{number}.hash.local", "AAAA")
        operated.ask(f"n{number}.example")
        assert operated.get("/metrics").status == 200
    # The control socket has places for 16: who comes when they are taken has that of the one idle longest.
    assert {process.wait(60) for process in asking} <= {0, 1}
    assert operated.ctl("reload").returncode == 0
    assert operated.daemon.stop() == 0, operated.daemon.stderr()


# The metrics page


def families(text):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="python3-prometheus-client is missing")
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def value(family, **labels):
    """The sum of all samples that have these labels."""
    return sum(sample.value for sample in family.samples if labels.items() <= sample.labels.items())


def test_metrics_are_openmetrics(operated):
    operated.serve(server.LOCAL + server.FORWARD)
    for _ in range(3):
        operated.ask("one.test.local")
    operated.ask("www.example")  # nobody is upstream: SERVFAIL, at once

    def forwarded():
        waited = families(operated.get("/metrics").text)["iothnamed_forward_latency_seconds"]
        return sum(sample.value for sample in waited.samples if sample.name.endswith("_count"))

    w.wait_for(lambda: forwarded() == 1, "its count, which comes behind the answer")
    response = operated.get("/metrics")
    assert response.status == 200
    assert response.getheader("Content-Type").startswith("application/openmetrics-text; version=1.0.0")
    page = families(response.text)
    assert value(page["iothnamed_queries"], transport="udp") >= 4
    assert value(page["iothnamed_responses"], rcode="SERVFAIL") == 1
    assert value(page["iothnamed_answers"], source="static") >= 3
    assert {sample.labels["worker"] for sample in page["iothnamed_queries"].samples} == {"0", "1"}
    assert value(page["iothnamed_healthy"]) == 1
    assert page["iothnamed_build"].samples[0].labels["version"]
    # A scrape changes nothing.
    again = families(operated.get("/metrics").text)
    assert value(again["iothnamed_responses"], rcode="SERVFAIL") == 1


def test_other_pages(operated):
    operated.serve()
    assert operated.get("/healthz").text == "ok\n"
    assert operated.get("/metrics", "HEAD").text == ""
    assert operated.get("/").status == 404
    assert operated.get("/metrics", "DELETE").status == 405


# The service manager


class Manager:
    """What is sent to NOTIFY_SOCKET."""

    def __init__(self, directory):
        self.path = directory / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o666)

    def hear(self, expected, deadline_s=w.PATIENCE_S):
        """Reads until a message has that line; returns the message."""
        end = time.monotonic() + deadline_s
        while True:
            self._socket.settimeout(max(0.01, end - time.monotonic()))
            message = self._socket.recv(4096).decode()
            if expected in message.splitlines():
                return message

    def is_silent(self, seconds):
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(4096) is None
        except TimeoutError:
            return True


@pytest.fixture
def manager(world):
    return Manager(world.directory)


def test_what_the_service_manager_hears(operated, manager):
    operated.serve(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"})
    assert "STATUS=Serving" in manager.hear("READY=1")
    for _ in range(3):
        manager.hear("WATCHDOG=1")
    operated.daemon.signal(signal.SIGHUP)
    assert re.search(r"^MONOTONIC_USEC=\d+$", manager.hear("RELOADING=1"), re.MULTILINE)
    manager.hear("READY=1")
    operated.daemon.signal(signal.SIGTERM)
    manager.hear("STOPPING=1")


def test_the_folder_that_the_service_manager_made(world):
    box = server.Box(world)
    folder = world.directory / "run"
    folder.mkdir()
    box.serve(env={"RUNTIME_DIRECTORY": str(folder)})
    told = box.namespace.run(box.build / CTL, "-s", folder / "control", "status").stdout
    assert "healthy yes" in told
    assert box.daemon.stop() == 0


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


def ptrace(request, thread):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), ctypes.c_void_p(0), ctypes.c_void_p(0)) != 0:
        pytest.skip(f"no thread can be held here: {os.strerror(ctypes.get_errno())}")


def threads_named(pid, name):
    folder = pathlib.Path(f"/proc/{pid}/task")
    return [int(task.name) for task in folder.iterdir() if (task / "comm").read_text().strip() == name]


def test_a_worker_that_hangs_is_noticed(operated, manager):
    """One thread is held by ptrace(2): the signs of life stay away, and come again when it goes on."""
    operated.serve(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"})
    manager.hear("WATCHDOG=1")
    thread = threads_named(operated.daemon.pid, "worker")[0]
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, 0x40000000)  # __WALL
    try:
        w.wait_for(lambda: operated.get("/healthz").status == 503, "it is noticed")
        assert "healthy no" in operated.say("status")
        w.wait_for(lambda: manager.is_silent(1), "no more signs of life")
    finally:
        ptrace(PTRACE_DETACH, thread)
    w.wait_for(lambda: operated.get("/healthz").status == 200, "it is well again")
    manager.hear("WATCHDOG=1")


# Privileges

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")


def assert_has_no_privilege(status, uid, gid):
    assert status["Uid"] == [str(uid)] * 4
    assert status["Gid"] == [str(gid)] * 4
    assert status["Groups"] == [str(gid)]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind][0], 16) == 0, kind
    assert status["NoNewPrivs"] == ["1"]
    assert status["Seccomp"] == ["2"]


def default_user():
    try:
        return pwd.getpwnam("iothnamed")
    except KeyError:
        return pwd.getpwnam("nobody")


@needs_root
def test_privileges_are_given_up(operated):
    operated.serve()
    user = default_user()
    for task in pathlib.Path(f"/proc/{operated.daemon.pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        status = {key: value.split() for key, value in (line.split(":", 1) for line in lines)}
        assert_has_no_privilege(status, user.pw_uid, user.pw_gid)
    operated.assert_serves()
    # A reload works as that user, and what needs privilege stays as it was made.
    operated.rewrite(server.LOCAL + "static A two.test.local 192.168.1.2\n")
    operated.say("reload")
    assert addresses(operated.ask("two.test.local")) == ["192.168.1.2"]
    operated.assert_serves()


@needs_root
def test_a_user_of_ones_choice(operated):
    group = grp.getgrgid(1).gr_name
    operated.serve(f"option user nobody:{group}\n" + server.LOCAL)
    status = operated.status_of_process()
    assert (status["Uid"][1], status["Gid"][1]) == (str(NOBODY), "1")
    assert int(status["CapEff"][0], 16) == 0


@needs_root
def test_staying_root_without_capabilities(operated):
    operated.serve("option user none\n" + server.LOCAL)
    status = operated.status_of_process()
    assert status["Uid"] == ["0"] * 4
    assert int(status["CapEff"][0], 16) == int(status["CapPrm"][0], 16) == 0
    assert status["Seccomp"] == ["2"]


def test_without_the_sandbox(operated):
    operated.serve("option sandbox off\n" + server.LOCAL)
    status = operated.status_of_process()
    assert status["Seccomp"] == ["0"]
    assert int(status["CapEff"][0], 16) == 0


@pytest.mark.parametrize(
    "option, said",
    [
        ("user no-such-user", "1:13: there is no user 'no-such-user'\n"),
        ("controlgroup no-such-group", "1:21: there is no group 'no-such-group' for the control socket\n"),
    ],
)
def test_a_user_or_group_that_does_not_exist(operated, option, said):
    """Said with its place, by a start and by the check, whether or not there is a control socket."""
    daemon = operated.world.iothnamed(operated.namespace, f"option {option}\n" + server.LOCAL, operated.build)
    assert daemon.process.wait(w.PATIENCE_S) == 1
    assert f"{daemon.configuration}:{said}" in daemon.stderr()
    operated.assert_is_not_served()
    told = operated.namespace.run(operated.build / "programs/iothnamed", "-n", daemon.configuration, check=False)
    assert told.returncode == 1
    assert told.stderr == daemon.stderr()
    assert told.stderr.endswith(f"\n{daemon.configuration}: 1 error; nothing is served\n")


@needs_root
def test_a_file_that_the_user_cannot_read_is_said_at_the_start(operated):
    folder = operated.world.directory / "private"
    folder.mkdir(mode=0o700)
    password = folder / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    configuration = folder / "iothnamed.rc"
    configuration.write_text(server.LOCAL + "auth otip local .otip.local fc00:: @password\n")
    daemon = operated.daemon = operated.world.iothnamed(operated.namespace, configuration, operated.build)
    daemon.wait_until(lambda: questions.answers(operated.namespace, "one.test.local"), "iothnamed answers")
    for file in (configuration, password):
        assert re.search(rf"a reload will fail.* file={file}", daemon.stderr())
    daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: "the old one stays in force" in daemon.stderr(), "a word about the reload")
    operated.assert_serves()


@needs_root
def test_an_ordinary_user_needs_nothing(world):
    """On a port that anybody may have, started by nobody."""
    box = server.Box(world)
    path = world.directory / "ordinary.rc"
    path.write_text("option port 5300\n" + server.LOCAL)
    # nsenter needs privilege, so setpriv(1) comes behind it.
    setpriv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    daemon = world.daemon(box.namespace, *setpriv, box.build / "programs/iothnamed", path)
    daemon.wait_until(lambda: questions.answers(box.namespace, "one.test.local", port=5300), "iothnamed answers")
    assert daemon.stop() == 0


@needs_root
def test_as_a_service_manager_starts_it(world):
    """As nobody, with the one capability that port 53 takes: it is gone once the port is bound."""
    box = server.Box(world)
    path = world.directory / "service.rc"
    path.write_text(server.LOCAL)
    capability = ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service", "--bounding-set=-all,+net_bind_service"]
    setpriv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", *capability]
    daemon = world.daemon(box.namespace, *setpriv, box.build / "programs/iothnamed", path)
    daemon.wait_until(lambda: questions.answers(box.namespace, "one.test.local"), "iothnamed answers")
    lines = pathlib.Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    status = {key: value.split() for key, value in (line.split(":", 1) for line in lines)}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[kind][0], 16) == 0, kind
    assert daemon.stop() == 0


@needs_root
def test_the_pid_file_of_a_daemon_that_gave_up_root(operated):
    folder = operated.world.directory / "var"
    folder.mkdir(mode=0o755)
    pidfile = folder / "pid"
    configuration = operated.world.directory / "daemon.rc"
    configuration.write_text(server.LOCAL)
    operated.namespace.run(operated.build / "programs/iothnamed", "-d", "-p", pidfile, configuration)
    pid = int(w.wait_for(lambda: pidfile.read_text().strip(), "the pid file"))
    os.kill(pid, signal.SIGTERM)
    w.wait_for(lambda: pidfile.read_text() == "", "an empty pid file")
    w.wait_for(lambda: not questions.answers(operated.namespace, "one.test.local"), "its end")


# The log


def test_levels_of_the_log(operated):
    operated.serve("option loglevel warning\n" + server.LOCAL)
    assert operated.say("loglevel") == "warning\n"
    operated.say("reload")
    assert "loaded again" not in operated.daemon.stderr()
    operated.say("loglevel", "debug")
    operated.say("flush", "x.example")
    w.wait_for(lambda: "command name=flush argument=x.example uid=0" in operated.daemon.stderr(), "a line of level info")
    operated.say("reload")  # back to what the file says
    assert operated.say("loglevel") == "warning\n"


def test_verbose_is_stronger_than_the_file(operated):
    operated.own = ""
    configuration = operated.world.directory / "verbose.rc"
    configuration.write_text(f"option control {operated.socket}\noption loglevel error\n" + server.LOCAL)
    daemon = operated.world.daemon(operated.namespace, operated.build / "programs/iothnamed", "-v", configuration)
    operated.daemon = daemon
    daemon.wait_until(lambda: questions.answers(operated.namespace, "one.test.local"), "iothnamed answers")
    assert operated.say("loglevel") == "debug\n"


@pytest.mark.about_time
def test_a_storm_of_lines_is_held_back(operated):
    operated.serve()
    for number in range(40):  # by no program, which would take its time
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(operated.socket))
            asking.sendall(f"flush n{number}.example\n".encode())
            assert asking.recv(100)
    said = operated.daemon.stderr().count("command name=flush")
    assert 10 <= said < 40
    assert operated.daemon.stop() == 0
    held_back = [int(n) for n in re.findall(r"held-back=(\d+)", operated.daemon.stderr())]
    assert said + sum(held_back) == 40, "what was not said was counted"


def test_priorities_for_the_journal(world):
    """Standard error is the journal's if JOURNAL_STREAM says so of that very file."""
    box = server.Box(world)
    path = world.directory / "journal.rc"
    path.write_text(server.LOCAL)
    output = world.directory / "journal"
    with output.open("wb") as journal:
        state = os.fstat(journal.fileno())
        command = ["sh", "-c", f'exec "$@" 2>>{output}', "sh", box.build / "programs/iothnamed", path]
        daemon = world.daemon(
            box.namespace, *command, env={"JOURNAL_STREAM": f"{state.st_dev}:{state.st_ino}"}
        )
        daemon.wait_until(lambda: "<6>serving file=" in output.read_text(), "a line with its priority")
        assert daemon.stop() == 0
