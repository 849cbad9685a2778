# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a file to a running server: errors and their places, checks, reload, end, nets and the shapes a file may have."""

import ipaddress
import os
import pathlib
import re
import signal
import socket
import time

import pytest

import questions
import world as w
from questions import addresses
from server import LOCAL

PROGRAM = "programs/iothnamed"

# Seven different mistakes; each with the line and the column at which the wrong word begins.
SEVEN_MISTAKES = """\
# seven mistakes
nett    local 127.0.0.0/8
dns     8.8.8.256
net     local 192.168.1.0/33
net     good 127.0.0.0/8
auth    static nowhere .test.local
auth    hsah good .hash.local fc00::
    static  A one.test.local 192.168.1.1.1
option  hrevmode sometimes
"""
THEIR_PLACES = [(2, 1), (3, 9), (4, 27), (6, 16), (7, 9), (8, 30), (9, 18)]


def check(box, text, *options):
    """Runs `iothnamed OPTIONS FILE` to its end."""
    path = box.world.directory / "checked.rc"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = box.namespace.run(box.build / PROGRAM, *options, path, check=False, env=w.sanitizer_environment())
    assert not w.SANITIZER_REPORT.search(result.stderr), result.stderr
    return path, result


def places(path, stderr):
    """Line and column of each error; every line that names the file says both, and says something."""
    found = re.findall(rf"^(?:iothnamed: error: )?{re.escape(str(path))}:(\d+):(\d+): \S", stderr, re.MULTILINE)
    return [(int(line), int(column)) for line, column in found]


@pytest.mark.parametrize("options", [(), ("-n",), ("--check",)], ids=["serve", "n", "check"])
def test_seven_mistakes_are_seven_errors(box, options):
    path, result = check(box, SEVEN_MISTAKES, *options)
    assert result.returncode == 1
    assert places(path, result.stderr) == THEIR_PLACES, result.stderr


def test_the_nearest_word_is_named(box):
    _, result = check(box, SEVEN_MISTAKES, "-n")
    lines = result.stderr.splitlines()
    assert "net" in re.sub("nett", "", lines[0])
    assert "hash" in lines[4]


def test_a_good_file_passes_the_check_and_serves_nothing(box):
    _, result = check(box, LOCAL, "-n")
    assert result.returncode == 0
    assert "error" not in result.stderr and result.stdout == ""
    box.assert_is_not_served()


def manual_examples():
    """Of iothnamed.conf(5): those that are whole, and those that are said to be part of a configuration."""
    page = (w.TREE / "man/iothnamed.conf.5").read_text()
    found = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed", page, re.M)
    blocks = [block for block in found if not block.startswith("chown ")]
    before = [page.split(block)[0].rsplit("\n.Pp\n", 1)[-1].lower() for block in blocks]
    is_part = ["part of a configuration" in words for words in before]
    return [[block for block, part in zip(blocks, is_part) if part == wanted] for wanted in (False, True)]


def test_the_examples_of_the_manual(box):
    whole, _ = manual_examples()
    assert len(whole) == 5
    for text in whole:
        _, result = check(box, text, "-n")
        assert (result.returncode, result.stderr) == (0, ""), text


# What the parts lack: nets, upstream servers, rules that show the records, and files.
THE_REST = """dns 192.0.2.53
option nsname ns.example
net local 192.168.1.0/24
net family 192.168.2.0/24
net guests 192.168.3.0/24
net world ::/0
auth static local test.local
auth static local .test.local
auth static local 192.168.1.0/24
"""
A_ZONE = "@ 3600 SOA ns mail 1 7200 3600 1209600 3600\n@ 3600 NS ns.example.\n"


def test_the_parts_of_configurations_in_the_manual(box):
    folder = box.world.directory
    for name in ("zones/example.org.zone", "home.zone", "reverse.zone"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(A_ZONE)
    for name in ("children.txt", "ads.hosts"):
        (folder / name).write_text("ads.example\n")
    (folder / "otip.key").write_bytes(bytes(range(32)))
    (folder / "otip.key").chmod(0o600)
    _, parts = manual_examples()
    assert len(parts) == 6
    for text in parts:
        text = re.sub("/(etc|var/lib)/iothnamed", str(folder), text).replace("\\e#", "\\#")
        _, result = check(box, THE_REST + text, "-n")
        assert result.returncode == 0, f"{text}\n{result.stderr}"


def test_a_stack_without_a_plugin(box):
    """The check looks for it; one that is there is not started, so its network need not be."""
    path, result = check(box, "rstack vnl=vde:///no/hub\nrstack  stack=vdestak,eth\nfstack stack=nosuch\n" + LOCAL, "-n")
    assert result.returncode == 1
    assert places(path, result.stderr)[:2] == [(2, 15), (3, 14)] and ": 2 errors; " in result.stderr, result.stderr
    assert "there is no stack 'vdestak', expected one such as vdestack, lwip or kernel; no plug-in ioth_vdestak.so" in result.stderr
    _, result = check(box, "stack stack=vdestack,vnl=vde:///no/hub,eth\n" + LOCAL, "-n")
    assert result.returncode == 0, result.stderr


def test_what_no_start_can_serve_fails_the_check(box):
    for line, place, words in (
        ("stack stack=vdestack,vnl=vdee:///hub", (1, 13), "there is no kind 'vdee' of virtual networks, expected one such as vde:"),
        (f"option control /tmp/{'a' * 103}", (1, 16), "its path is too long, expected at most 107 bytes"),
        ("option control /tmp", (1, 16), "what is there is no socket"),
        ("option control /no/such/folder/control", (1, 16), "its folder is not there"),
    ):
        path, result = check(box, line + "\n" + LOCAL, "-n")
        assert result.returncode == 1 and words in result.stderr and place in places(path, result.stderr), result.stderr
    result = box.namespace.run(box.build / PROGRAM, "-n", "-p", "/no/such/folder/pid", path, check=False)
    assert result.returncode == 1


def test_all_that_is_wrong_is_said_in_one_run(box):
    """Words, secrets, stacks, files, users, folders, and what is of the command line; a start says the same, but for files."""
    text = """\
option user no-such-user
option controlgroup no-such-group
option control /no/such/folder/control
option listen fe80::1
option listen 127.0.0.1
option metrics 127.0.0.1@53
fstack stack=nosuch
net all 0.0.0.0/0
auth otip all .a fc00:: @no-such-secret
auth zone all example no-such-zone
auth error all @no-such-list
auth hsah all .b fc00::
"""
    path, result = check(box, text, "-n", "-p", "/no/such/folder/pid")
    assert result.returncode == 1
    found = [(1, 13), (2, 21), (3, 16), (4, 15), (6, 16), (7, 14), (9, 25), (10, 23), (11, 16), (12, 6)]
    assert places(path, result.stderr) == found, result.stderr
    assert "\n--pidfile: " in result.stderr and result.stderr.endswith(f"{path}: 11 errors; nothing is served\n")
    path, result = check(box, text, "-p", "/no/such/folder/pid")
    assert result.returncode == 1
    assert places(path, result.stderr) == [place for place in found if place not in ((10, 23), (11, 16))], result.stderr


def test_the_check_warns_of_leases_and_hrevdb(box):
    """They keep no server from its start, which says the same in its log; a lease file that is not there yet is nothing to say."""
    (box.world.directory / "damaged").write_bytes(b"nonsense" * 4096)
    (box.world.directory / "folder").mkdir()
    path, result = check(
        box,
        "option hrevdb no/such/folder/names\nnet all 0.0.0.0/0\n"
        "auth lease all .a damaged\nauth lease all .b folder\nauth lease all .c not-there-yet\noption nsname ns.a\n",
        "-n",
    )
    assert result.returncode == 0
    assert places(path, result.stderr) == [(1, 15), (3, 19), (4, 19)], result.stderr
    assert result.stderr.count(": warning: ") == 3 and "its folder is not there" in result.stderr


EXAMPLES = [w.TREE / "examples/quickstart.rc", *sorted((w.TREE / "examples/scenarios").glob("*.rc"))]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_pass_the_check(box, path):
    result = box.namespace.run(box.build / PROGRAM, "-n", path, check=False)
    assert result.returncode == 0, result.stderr


def test_nv_prints_the_configuration_as_understood(box):
    _, result = check(box, LOCAL + "auth otip local .otip fc00:: mypassword\n", "-nv")
    assert result.returncode == 0
    assert "mypassword" not in result.stdout and "***" in result.stdout
    _, again = check(box, result.stdout, "-nv")
    assert again.returncode == 0, again.stderr
    assert again.stdout == result.stdout, "what is printed can be read again and means the same"


def test_a_file_that_is_not_there(box):
    result = box.namespace.run(box.build / PROGRAM, "/tmp/no/such/file.rc", check=False)
    assert result.returncode == 1
    assert "/tmp/no/such/file.rc" in result.stderr


def test_a_pipe_that_nobody_writes_to(box):
    path = box.world.directory / "pipe"
    os.mkfifo(path)
    result = box.namespace.run(box.build / PROGRAM, "-n", path, check=False)
    assert result.returncode == 1
    assert "cannot be read" in result.stderr


def test_a_pipe_is_read_once(box):
    """`iothnamed <(...)` serves; what the pipe held is gone then, so a reload leaves all as it is, and says why."""
    path = box.world.directory / "piped.rc"
    path.write_text("option user none\n" + LOCAL)
    command = ["bash", "-c", 'exec "$0" <(cat "$1")', box.build / PROGRAM, path]
    box.daemon = box.world.daemon(box.namespace, *command)
    box.daemon.wait_until(lambda: questions.answers(box.namespace, "one.test.local"), "iothnamed answers")
    box.daemon.process.send_signal(signal.SIGHUP)
    box.daemon.wait_until(lambda: "not loaded" in box.daemon.stderr(), "the reload has failed")
    assert "what a pipe held is read once" in box.daemon.stderr()
    box.assert_serves()


def test_a_link_to_a_configuration(box):
    """Relative paths are beside the file itself, for the check as for the server."""
    real = box.world.directory / "real"
    real.mkdir()
    (real / "zone").write_text("@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n")
    (real / "file.rc").write_text("net all 0.0.0.0/0\nauth zone all example zone\n")
    link = box.world.directory / "link.rc"
    link.symlink_to(real / "file.rc")
    result = box.namespace.run(box.build / PROGRAM, "-n", link, check=False)
    assert result.returncode == 0, result.stderr


def test_bytes_that_are_no_configuration(box):
    path, result = check(box, bytes(range(256)) * 40)
    assert result.returncode == 1
    assert result.stderr == f"{path}:1:1: a byte 0: this file is no text, expected a configuration\n{path}: 1 error; nothing is served\n"


SHAPES = {
    "indented": "".join("    \t" + line + "\n" for line in LOCAL.splitlines()),
    "crlf": LOCAL.replace("\n", "\r\n"),
    "no last newline": LOCAL.rstrip("\n"),
    "comments and blank lines": "\n# comment\n" + LOCAL.replace("\n", " # why\n\n   \n"),
    "letter case of directives": re.sub(r"^\w+", lambda m: m[0].title(), LOCAL, flags=re.MULTILINE)
    .replace(" A ", " a ")
    .replace("auth    accept", "auth    ACCEPT"),
    "records before the rules": "".join(sorted(LOCAL.splitlines(keepends=True), key=lambda line: line.split()[0] != "static")),
    "quoted": LOCAL.replace("127.0.0.0/8", "'127.0.0.0/8'").replace(".hash.local", '".hash.local"'),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_shapes_of_a_file(box, shape):
    path = box.world.directory / "shape.rc"
    path.write_bytes(shape.encode())
    box.serve(path)
    box.assert_serves()
    assert questions.texts(box.ask("one.test.local", "TXT")) == ['"some text"']


@pytest.mark.parametrize("count", [33, 70])
def test_many_nets_all_work(box, count):
    lines = []
    for number in range(count):
        lines.append(f"net n{number} 127.0.{number + 1}.0/24")
        lines.append(f"auth static n{number} name{number}.test.local")
        lines.append(f"static A name{number}.test.local 10.0.0.{number}")
    box.serve("\n".join(lines) + "\n")
    for number in range(count):
        source = f"127.0.{number + 1}.77"
        assert addresses(box.ask(f"name{number}.test.local", source=source)) == [f"10.0.0.{number}"]
        for other in (number - 1) % count, (number + 1) % count, (number + 32) % count:
            if other != number:
                assert box.ask(f"name{other}.test.local", source=source).rcode() == 5


def test_rules_in_file_order(box):
    box.serve(
        """\
net local 127.0.0.0/8
net first 127.0.0.0/16
auth error first .secret.test.local
auth error local bad.hash.local nxdomain
auth static local .test.local
auth hash local .hash.local fc00::
static A a.secret.test.local 192.0.2.1
static A one.test.local 192.0.2.2
"""
    )
    assert box.ask("a.secret.test.local", source="127.0.0.9").rcode() == 5
    assert addresses(box.ask("a.secret.test.local", source="127.1.0.9")) == ["192.0.2.1"]
    assert box.ask("bad.hash.local", "AAAA").rcode() == 3
    assert addresses(box.ask("good.hash.local", "AAAA"))


@pytest.mark.parametrize(
    "mode, asker, learns",
    [
        ("always", "127.0.0.1", True),
        ("never", "::1", False),
        ("net", "::1", False),
        ("net", "fc00::7", True),
        ("same", "fc00::7", False),
        ("same", "fc00::4cc:8049:6765:d03a", True),
    ],
)
def test_hrevmode(box, mode, asker, learns):
    for address in ("fc00::7/64", "fc00::4cc:8049:6765:d03a/64"):
        box.namespace.add_address("lo", address)
    box.serve(LOCAL + f"net local fc00::/64\noption hrevmode {mode}\n")
    server = "::1" if ":" in asker else "127.0.0.1"
    box.ask("renzo.hash.local", "AAAA", server=server, source=asker)
    reverse = ipaddress.ip_address("fc00::4cc:8049:6765:d03a").reverse_pointer
    assert questions.texts(box.ask(reverse, "PTR")) == (["renzo.hash.local."] if learns else [])


# The life of the server


def has_new_record(box):
    answer = questions.answers(box.namespace, "two.test.local")
    return answer is not None and addresses(answer) == ["192.168.1.2"]


def test_sighup_reloads(box):
    box.serve(LOCAL)
    assert box.ask("two.test.local").rcode() == 3
    box.daemon.configuration.write_text(LOCAL + "static A two.test.local 192.168.1.2\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: has_new_record(box), "the new record")
    box.assert_serves()


def test_a_broken_file_keeps_the_old_configuration_and_says_why(box):
    box.serve(LOCAL)
    box.daemon.configuration.write_text(SEVEN_MISTAKES)
    box.daemon.signal(signal.SIGHUP)
    path = box.daemon.configuration

    def all_reported():
        return all(f"{path}:{line}:{column}: " in box.daemon.stderr() for line, column in THEIR_PLACES)

    w.wait_for(all_reported, "the seven errors")
    box.assert_serves()
    box.daemon.configuration.write_text(LOCAL + "static A two.test.local 192.168.1.2\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: has_new_record(box), "the new record, once the file is mended")


def test_reload_while_questions_run(box):
    box.serve(LOCAL)
    for round_number in range(20):
        box.daemon.configuration.write_text(LOCAL + f"static A n{round_number}.test.local 192.0.2.1\n")
        box.daemon.signal(signal.SIGHUP)
        for _ in range(20):
            assert addresses(box.ask("one.test.local")) == ["192.168.1.1"]
    w.wait_for(lambda: addresses(box.ask("n19.test.local")), "the last configuration")


def test_what_a_reload_cannot_change_is_said(box):
    box.serve(LOCAL)
    box.daemon.configuration.write_text(LOCAL + "option port 5353\n")
    box.daemon.signal(signal.SIGHUP)
    w.wait_for(lambda: "port" in box.daemon.stderr() and "restart" in box.daemon.stderr(), "a word about the port")
    box.assert_serves()


@pytest.mark.about_time
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_comes_within_a_second(box, number):
    """Also with connections open and a question under way to an upstream that is silent."""
    box.serve(LOCAL + "dns 127.0.0.53\nauth fwd local .\n")
    with box.namespace.entered():
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.53", 53))
    with silent, questions.tcp_connection(box.namespace) as connection:
        connection.sendall(questions.framed(questions.dns.message.make_query("www.example", "A").to_wire()))
        silent.settimeout(5)
        silent.recv(512)
        start = time.monotonic()
        box.daemon.signal(number)
        assert box.daemon.process.wait(w.PATIENCE_S) == 0
        # Built with sanitizers, the process looks for leaks at its end: it may take a little longer for that.
        assert time.monotonic() - start < 1.5


def test_a_second_one_on_the_same_address_does_not_start(box):
    box.serve(LOCAL)
    second = box.world.iothnamed(box.namespace, LOCAL, box.build)
    assert second.process.wait(w.PATIENCE_S) != 0
    assert re.search(r"in use|already", second.stderr())
    box.assert_serves()


def test_daemon_and_pidfile(box):
    configuration = box.world.directory / "daemon.rc"
    configuration.write_text(LOCAL)
    pidfile = box.world.directory / "daemon.pid"
    result = box.namespace.run(box.build / PROGRAM, "-d", "-p", pidfile, configuration)
    assert result.returncode == 0
    pid = int(w.wait_for(lambda: pidfile.exists() and pidfile.read_text().strip(), "the pid file"))
    w.wait_for(lambda: questions.answers(box.namespace, "one.test.local"), "an answer")
    assert pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("iothnamed")
    os.kill(pid, signal.SIGTERM)
    w.wait_for(lambda: not is_running(pid), "its end")


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
