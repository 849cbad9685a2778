# SPDX-License-Identifier: LGPL-2.1-or-later
"""otipaddr, hashaddr and otipkey as a person calls them: every vector, every mistake. $IOTH_BUILD is the build folder."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time

import pytest

TESTS = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "oracle"))
import otip2 as definition  # noqa: E402

VECTORS = json.loads((TESTS / "vectors" / "iothaddr.json").read_text())
VECTORS2 = json.loads((TESTS / "vectors" / "otip2.json").read_text())
PERIOD = 32


def program(name):
    build = os.environ.get("IOTH_BUILD")
    if build is None:
        pytest.skip("IOTH_BUILD does not name the build folder")
    path = pathlib.Path(build) / "programs" / name
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return str(path)


def run(name, *args, stdin=None, **options):
    """stdin: what is typed into a pipe; without it there is nothing to be read."""
    if stdin is None:
        options["stdin"] = subprocess.DEVNULL
    else:
        options["input"] = stdin
    return subprocess.run([program(name), *map(str, args)], capture_output=True, text=True, timeout=60, **options)


def printed(name, *args, **options):
    result = run(name, *args, **options)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_hashaddr_vectors():
    for vector in VECTORS["hash"]:
        assert printed("hashaddr", "--base", vector["base"], vector["name"].upper() + ".") == vector["addr"] + "\n"


def test_option_spellings():
    for option in (["-b", "fc00::"], ["-bfc00::"], ["--base", "fc00::"], ["--base=fc00::"], ["--baseaddr=fc00::"]):
        assert printed("hashaddr", *option, "renzo.hash.local") == "fc00::4cc:8049:6765:d03a\n"
    # options may stand behind the name
    assert printed("hashaddr", "renzo.hash.local", "-b", "fc00::") == "fc00::4cc:8049:6765:d03a\n"


def test_dns_options_are_checked():
    args = ["-b", "fc00::", "-s", "stack=vdestack,vnl=vde:///tmp/hub,eth,ip=10.0.0.1/24", "-D", "8.8.8.8"]
    assert printed("hashaddr", *args, "renzo.hash.local") == "fc00::4cc:8049:6765:d03a\n"


def otip_by_hand(base, name, password, counter):
    """The definition of a one-time address, told a second time."""
    import hashlib
    import ipaddress

    digest = hashlib.md5(name.encode() + password.encode() + counter.to_bytes(4, "big")).digest()
    addr = bytearray(ipaddress.IPv6Address(base).packed)
    for i in range(8):
        addr[8 + i] ^= digest[i]
    addr[8] &= 0xFC
    return str(ipaddress.IPv6Address(bytes(addr)))


def test_definition_agrees_with_vectors():
    for v in VECTORS["otip"]:
        assert otip_by_hand(v["base"], v["name"].lower().rstrip("."), v["password"], v["counter"]) == v["addr"]


def test_otipaddr_vectors():
    for v in VECTORS["otip"]:
        at = f"@{v['counter'] * PERIOD}"
        assert printed("otipaddr", "-b", v["base"], "--at", at, v["name"], v["password"]) == v["addr"] + "\n"


@pytest.mark.parametrize("period", [PERIOD, 1, 3600])
def test_otipaddr_now(period):
    base, name, password = "2001:760:2e00:ff00::", "renzo.otipcs.v2.cs.unibo.it", "mypassword"
    option = [] if period == PERIOD else ["-T", str(period)]
    first = int(time.time()) // period
    address = printed("otipaddr", "-b", base, *option, name.upper(), password).strip()
    last = int(time.time()) // period
    assert address in [otip_by_hand(base, name, password, n) for n in range(first, last + 1)]


def test_help_and_version():
    for name in ("otipaddr", "hashaddr"):
        assert f"usage: {name} OPTIONS name" in printed(name, "--help")
        assert printed(name, "-h") == printed(name, "--help")
        assert printed(name, "--version").startswith(name + " ")


def test_check_prints_nothing():
    assert printed("otipaddr", "--check", "-b", "fc00::", "name", "password") == ""
    assert run("otipaddr", "--check", "-b", "fc00::", "name").returncode == 2


@pytest.mark.parametrize(
    "name,args,status,said",
    [
        ("otipaddr", [], 2, "the name is missing"),
        ("otipaddr", ["-b", "fc00::", "name"], 2, "the password is missing"),
        ("otipaddr", ["-b", "fc00::", "name", ""], 2, "the password is empty"),
        ("otipaddr", ["-b", "fc00::", "name", "a", "b"], 2, "more arguments than a name and a password"),
        ("hashaddr", ["-b", "fc00::", "name", "password"], 2, "more arguments than a name\n"),
        ("hashaddr", ["-b", "fc00::", ""], 2, "is not a domain name"),
        ("hashaddr", ["-b", "fc00::", "a..b"], 2, "is not a domain name"),
        ("hashaddr", ["-b", "fc00::", "a" * 64], 2, "is not a domain name"),
        ("hashaddr", ["-b", "fc00::", "a." * 127 + "a"], 2, "is not a domain name"),
        ("hashaddr", ["-b", "10.0.0.1", "name"], 2, "expected an IPv6 address or a name, this is an IPv4 address"),
        ("hashaddr", ["-b", "fc00:::1", "name"], 2, "this is neither an IPv6 address nor a name"),
        ("hashaddr", ["-b", "ff02::1", "name"], 2, "--base ff02::1: no node can have an address of its prefix, expected no multicast"),
        ("otipaddr", ["-b", "ff02::/64", "name", "password"], 2, "--base ff02::/64: no node can have an address of its prefix"),
        ("otipaddr", ["-b", "::/64", "name", "password"], 2, "and not 64 zero bits"),
        ("otipaddr", ["--check", "-b", "::1", "name", "password"], 2, "and not 64 zero bits"),
        ("hashaddr", ["-b", "a..b", "name"], 2, "this is neither an IPv6 address nor a name"),
        ("hashaddr", ["name"], 2, "name has no dot, behind which the name of its base would be: give one, --base BASE"),
        ("hashaddr", ["-D", "127.0.0.1@1", "-b", "base.example.org", "name"], 1, "no name server could be reached"),
        ("hashaddr", ["-s", "stack=nonsense", "-b", "base.example.org", "name"], 1, "there is no stack 'nonsense', expected"),
        ("hashaddr", ["--check", "-s", "stack=nonsense", "-b", "base.example.org", "name"], 1, "--dnsstack: there is no stack 'nonsense'"),
        ("otipaddr", ["-D", "8.8.8.8@0", "name", "password"], 2, "or ADDR@PORT"),
        ("otipaddr", ["-T", "0", "name", "password"], 2, "--period 0: expected a number of seconds"),
        ("otipaddr", ["-T", "1m", "name", "password"], 2, "--period 1m: expected"),
        ("otipaddr", ["-T", "99999999999", "name", "password"], 2, "--period 99999999999: expected"),
        ("otipaddr", ["-s", "stack=kernel,ipp=1", "name", "password"], 2, 'at byte 14 ("ipp=1"): unknown option'),
        ("otipaddr", ["-D", "8.8.8", "name", "password"], 2, "--dns 8.8.8: expected an IPv4 or IPv6 address"),
        ("otipaddr", ["--at", "yesterday", "name", "password"], 2, "--at yesterday: expected @SECONDS or a time such as"),
        ("otipaddr", ["--at", "2026-02-29T00:00Z", "name", "password"], 2, "--at 2026-02-29T00:00Z: expected"),
        ("otipaddr", ["--next", "2", "name", "password"], 2, "--next 2: expected its number behind a '=', --next=2"),
        ("otipaddr", ["--next", "2", "--passwd-file", "x", "name"], 2, "--next 2: expected its number behind a '=', --next=2"),
        ("otipaddr", ["--next=0", "name", "password"], 2, "--next=0: expected a number above 0"),
        ("otipaddr", ["--offset", "x", "name", "password"], 2, "--offset x: expected a number of seconds"),
        ("otipaddr", ["--watch", "--at", "@0", "name", "password"], 2, "it takes neither --at nor --next"),
        ("otipaddr", ["-b", "fc00::/56", "name", "password"], 2, "--base fc00::/56: a length other than 64 is for --v2"),
        ("hashaddr", ["-b", "fc00::/56", "name"], 2, "--base fc00::/56: a length other than 64 is for otipaddr --v2"),
        ("otipaddr", ["-2", "-b", "fc00::/97", "name", "password"], 2, "expected a length from 1 to 96"),
        ("otipaddr", ["-2", "-b", "fc00::/", "name", "password"], 2, "expected a length from 1 to 96"),
        ("otipaddr", ["--user", "renzo", "name", "password"], 2, "--user is for --key"),
        ("otipaddr", ["--passwd-fd", "0", "name", "password"], 2, "there is more than one secret"),
        ("otipaddr", ["--passwd-fd", "-1", "name"], 2, "expected the number of a descriptor"),
        ("otipaddr", ["--passwd-fd", "0", "name"], 1, "--passwd-fd: there is no password in its first line"),
        ("otipaddr", ["--passwd-file", "/no/such/file", "name"], 1, "/no/such/file: No such file or directory"),
        ("otipaddr", ["--key", "/dev/null", "name"], 1, "/dev/null: this is not a regular file"),
        ("otipaddr", ["name", "x" * 1024], 2, "the password is longer than 1023 bytes"),
        ("hashaddr", ["--at", "@0", "-b", "fc00::", "name"], 2, "--at is an option of otipaddr"),
        ("otipaddr", ["--frobnicate"], 2, "--frobnicate"),
        ("otipaddr", ["-b"], 2, "requires an argument"),
    ],
)
def test_mistakes(name, args, status, said):
    result = run(name, *args)
    assert result.stdout == ""
    assert said in result.stderr
    assert result.returncode == status
    assert ("--help" in result.stderr) == (status == 2)


def test_full_disk_is_an_error():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [program("hashaddr"), "-b", "fc00::", "name"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert result.returncode == 1
    assert "No space left" in result.stderr


def test_password_is_wiped():
    """With a full pipe as output the program stands still; then its command line must not show the password."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, bytes(4096))
    process = subprocess.Popen([program("otipaddr"), "-b", "fc00::", "name", "mypassword"], stdout=writer)
    os.close(writer)
    try:
        deadline = time.monotonic() + 60
        cmdline = pathlib.Path(f"/proc/{process.pid}/cmdline")
        while b"mypassword" in cmdline.read_bytes() or b"name" not in cmdline.read_bytes():
            assert time.monotonic() < deadline, cmdline.read_bytes()
        assert process.poll() is None
        output = os.read(reader, 4096)
        assert output == bytes(4096)
        assert os.read(reader, 4096).startswith(b"fc00::")
        assert process.wait(60) == 0
    finally:
        os.close(reader)
        if process.poll() is None:
            process.kill()
            process.wait()


# --- times

NAME = "renzo.otip.example"


def test_times():
    """One moment in all its spellings, and a second before and behind it."""
    at = ["@1795303072", "2026-11-21T23:17:52Z", "2026-11-22 00:17:52.99+01:00", "2026-11-21T19:47:52-0330"]
    texts = {printed("otipaddr", "-b", "fc00::", "--at", time, NAME, "pw") for time in at}
    assert texts == {otip_by_hand("fc00::", NAME, "pw", 1795303072 // 32) + "\n"}
    local = printed("otipaddr", "-b", "fc00::", "--at", "2026-11-22T01:17:52", NAME, "pw", env={"TZ": "UTC-2"})
    assert {local} == texts
    assert {printed("otipaddr", "-b", "fc00::", "--at", "@1795303071", "-o", "1", NAME, "pw")} == texts
    assert {printed("otipaddr", "-b", "fc00::", "--at", "@1795303104", "--offset", "-1", NAME, "pw")} == texts
    assert {printed("otipaddr", "-b", "fc00::", "--at", "@1795303071", NAME, "pw")} != texts
    last = printed("otipaddr", "-b", "fc00::", "--at", f"@{2**63 - 1}", "-o", "1", "--json", NAME, "pw")
    assert json.loads(last)["epoch"] == 2**58 - 1


def test_next():
    lines = printed("otipaddr", "-b", "fc00::", "--at", "@320", "--next=3", NAME, "pw").split()
    assert lines == [otip_by_hand("fc00::", NAME, "pw", 10 + n) for n in (1, 2, 3)]
    assert printed("otipaddr", "-b", "fc00::", "--at", "@320", "--next", NAME, "pw").split() == lines[:1]


def test_json():
    text = printed("otipaddr", "--json", "-b", "fc00::", "--at", "@320", "--next=2", NAME, "pw")
    addresses = [otip_by_hand("fc00::", NAME, "pw", n) for n in (11, 12)]
    assert [json.loads(line) for line in text.splitlines()] == [
        {"name": NAME, "address": a, "generation": "otip1", "epoch": n, "from": 32 * n, "until": 32 * n + 32}
        for n, a in zip((11, 12), addresses)
    ]
    odd = 'a"b\xe9.example'
    assert json.loads(printed("hashaddr", "--json", "-b", "fc00::", odd))["name"] == 'a\\"b\\195\\169.example'


class Watch:
    """otipaddr --watch with a pipe for its output."""

    def __init__(self, *args):
        command = [program("otipaddr"), "--watch", "-T", "1", "-b", "fc00::", *args, NAME, "pw"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_watch_prints_each_address_when_it_comes():
    before = int(time.time())
    with Watch() as watch:
        lines = [watch.process.stdout.readline().strip() for _ in range(3)]
        known = [otip_by_hand("fc00::", NAME, "pw", n) for n in range(before, int(time.time()) + 1)]
        at = known.index(lines[0])
        assert set(lines) <= set(known[at:]) and len(set(lines)) == 3
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(60) == 0


def test_watch_ends_when_nobody_reads():
    with Watch("-T", "86400") as watch:  # long before the next address
        assert watch.process.stdout.readline() != ""
        watch.process.stdout.close()
        assert watch.process.wait(60) == 0
        watch.process.stdout = open(os.devnull)


# --- secrets


def secret(path, content, mode=0o600):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def test_passwords_from_everywhere(tmp_path):
    expected = otip_by_hand("fc00::", NAME, "my password", 10) + "\n"
    common = ["-b", "fc00::", "--at", "@320", NAME]
    assert printed("otipaddr", *common, "my password") == expected
    assert printed("otipaddr", *common, "--passwd-file", secret(tmp_path / "pw", "my password\n")) == expected
    assert printed("otipaddr", *common, "--passwdfile", tmp_path / "pw") == expected
    assert printed("otipaddr", *common, "--passwd-fd", "0", stdin="my password\nsecond line\n") == expected
    result = run("otipaddr", *common, "--passwd-file", secret(tmp_path / "open", "my password\n", 0o644))
    assert (result.returncode, result.stdout) == (1, "")
    assert "others than its owner may use it (mode 644): chmod 600" in result.stderr


def on_a_terminal(typed, *command):
    """What a program shows that is started on a terminal of its own, when this is typed at its prompt; its status."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if b"Password: " in shown and typed:
            os.write(fd, typed)
            typed = b""
        if select.select([fd], [], [], 0.1)[0]:
            try:
                shown += os.read(fd, 4096)
            except OSError:  # it has gone
                break
    os.close(fd)
    return shown.decode(), os.waitpid(pid, 0)[1]


def test_the_terminal_is_asked_without_echo():
    command = [program("otipaddr"), "-b", "fc00::", "--at", "@320", NAME]
    shown, status = on_a_terminal(b"my password\n", *command)
    assert (shown.split(), status) == (["Password:", otip_by_hand("fc00::", NAME, "my password", 10)], 0)
    shown, status = on_a_terminal(b"half a passw\x03", *command)
    assert "half" not in shown and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT


# --- the second generation


def test_otip2_vectors(tmp_path):
    for v in VECTORS2["address"]:
        at = int(v["epoch"]) * v["period"]
        if at >= 2**63 or v["period"] >= 2**31:
            continue
        key = secret(tmp_path / "key", v["key"])
        base = f"{v['base']}/{v['prefix_len']}"
        address = printed("otipaddr", "-k", key, "-b", base, "-T", v["period"], "--at", f"@{at}", v["name"])
        assert address.strip() == v["address"]


def test_otip2_of_a_password():
    v = VECTORS2["password"][0]
    expected = definition.address(bytes.fromhex(v["key"]), v["name"], "fc00::", epoch=10)
    common = ["-b", "fc00::", "--at", "@320", v["name"], v["password"]]
    assert printed("otipaddr", "--v2", *common).strip() == expected
    assert json.loads(printed("otipaddr", "-2", "--json", *common))["generation"] == "otip2"


def test_otipkey_makes_a_key_once(tmp_path):
    key = tmp_path / "key"
    fingerprint, path = printed("otipkey", key).split()
    assert path == str(key) and stat.S_IMODE(key.stat().st_mode) == 0o600
    assert printed("otipkey", "--fingerprint", key, key) == f"{fingerprint}  {key}\n" * 2
    before = key.read_bytes()
    result = run("otipkey", key)
    assert (result.returncode, result.stdout) == (1, "")
    assert "no key is written over" in result.stderr and key.read_bytes() == before
    other = printed("otipkey", tmp_path / "other").split()[0]
    assert other != fingerprint
    assert printed("otipkey", "--check", tmp_path / "third") == "" and not (tmp_path / "third").exists()


def test_otipkey_of_users_and_passwords(tmp_path):
    v = VECTORS2["user"][0]
    master = secret(tmp_path / "master", bytes.fromhex(v["master"]))
    fingerprint = printed("otipkey", "--user", v["user"], master, tmp_path / "user").split()[0]
    assert fingerprint == definition.fingerprint(bytes.fromhex(v["key"]))
    expected = definition.address(bytes.fromhex(v["key"]), NAME, "fc00::", epoch=10)
    common = ["-b", "fc00::", "--at", "@320", NAME]
    assert printed("otipaddr", "--key", tmp_path / "user", *common).strip() == expected
    assert printed("otipaddr", "--key", master, "--user", v["user"], *common).strip() == expected

    result = run("otipaddr", "--key", master, "--user", "a\n", *common)
    assert (result.returncode, result.stdout) == (2, "") and "--user: expected 1 to 64 bytes" in result.stderr

    v = VECTORS2["password"][0]
    password = secret(tmp_path / "password", v["password"] + "\n")
    fingerprint = printed("otipkey", "--name", v["name"], "--passwd-file", password, tmp_path / "of-password").split()[0]
    assert fingerprint == definition.fingerprint(bytes.fromhex(v["key"]))


@pytest.mark.parametrize(
    "args,status,said",
    [
        ([], 2, "the file is missing"),
        (["a", "b"], 2, "there are more files than the new one"),
        (["--user", "renzo", "a"], 2, "--user takes two files"),
        (["--user", "renzo", "/no/such/file", "a"], 1, "/no/such/file: No such file or directory"),
        (["--user", "renzo", "--name", "x", "a"], 2, "three ways to call it"),
        (["--passwd-file", "x", "a"], 2, "--passwd-file is for --name"),
        (["--name", "x", "a"], 2, "the password is missing"),
        (["--name", "x..y", "a"], 2, "--name x..y: this is not a domain name"),
        (["/no/such/folder/key"], 1, "/no/such/folder/key: No such file or directory"),
        (["/dev/null/key"], 1, "/dev/null/key: Not a directory"),
        (["/dev/null"], 1, "/dev/null: there is such a file already, and no key is written over"),
        (["--fingerprint", "/dev/null"], 1, "/dev/null: this is not a regular file"),
    ],
)
def test_otipkey_mistakes(tmp_path, args, status, said):
    """--check finds them all."""
    for check in ([], ["--check"]):
        result = run("otipkey", *check, *args, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (status, "")
        assert said in result.stderr
        assert list(tmp_path.iterdir()) == []


# --- the manual pages

MAN = TESTS.parent / "man"
SAID_BEFORE_THEIR_NETWORK = ("ping", "-D 10.0.0.53")  # examples that need somebody to talk to


def examples(page):
    """The lines between .nf and .fi behind EXAMPLES, as readers see them, as (command, what it prints)."""
    text = (MAN / page).read_text().split(".SH EXAMPLES")[1].split("\n.SH ")[0]
    found = []
    for block in re.findall(r"^\.nf\n(.*?)^\.fi", text, re.S | re.M):
        for line in block.replace("\\-", "-").splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def test_examples_of_the_manual_pages(tmp_path):
    environment = {**os.environ, "PATH": f"{pathlib.Path(program('otipkey')).parent}:{os.environ['PATH']}"}
    for command, output in examples("otipkey.1") + examples("otipaddr.1"):
        if any(word in command for word in SAID_BEFORE_THEIR_NETWORK):
            continue
        result = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert (result.returncode, result.stderr) == (0, ""), command
        assert not output or result.stdout.splitlines() == output, command


def test_examples_of_the_configuration(tmp_path):
    page = (MAN / "iothnamed.conf.5").read_text()
    lines = re.findall(r"^auth +otip2? .*$", page, re.M)
    assert len(lines) == 3
    secret(tmp_path / "otip.key", bytes(range(32)))
    nets = "".join(f"net {name} 10.0.0.0/8\n" for name in ("local", "family", "guests"))
    (tmp_path / "t.rc").write_text(nets + "option nsname ns.example\n" + "\n".join(lines) + "\n")
    result = run("iothnamed", "-nv", tmp_path / "t.rc")
    assert result.returncode == 0, result.stderr
    assert 'auth otip2 family .otip.example.org 2001:db8:1::/64 "@otip.key" "renzo"\n' in result.stdout
    assert "my password" not in result.stdout


# --- a server of such names says the same


def told(box, name):
    return box.namespace.run("dig", "+short", "@127.0.0.1", name, "AAAA").stdout


def test_iothnamed_says_what_otipaddr_says(box, tmp_path):
    key = secret(tmp_path / "otip.key", bytes(range(1, 33)))
    password = secret(tmp_path / "otip.password", "my password\n")
    box.serve(
        "option user none\noption listen 127.0.0.1\noption otipperiod 3600\nnet all 127.0.0.0/8\n"
        f"auth otip all .one.example fc00:: @{password}\n"
        f"auth otip2 all .two.example fc00::/56 @{key} renzo\n"
        "auth otip2 all pw.example fc00:: 'my password'\n"
    )
    for name, args in [
        ("renzo.one.example", ["-b", "fc00::", "--passwd-file", password]),
        ("renzo.two.example", ["-b", "fc00::/56", "--key", key, "--user", "renzo"]),
        ("pw.example", ["-2", "-b", "fc00::", "--passwd-file", password]),
    ]:
        before = printed("otipaddr", "-T", "3600", name, *args)
        assert told(box, name) in (before, printed("otipaddr", "-T", "3600", name, *args))

    printed("otipkey", tmp_path / "new.key")
    os.replace(tmp_path / "new.key", key)
    box.daemon.signal(signal.SIGHUP)

    def follows():
        now = printed("otipaddr", "-T", "3600", "-b", "fc00::/56", "-k", key, "-u", "renzo", "renzo.two.example")
        return told(box, "renzo.two.example") == now

    box.daemon.wait_until(follows, "the new key is in use")


# --- a base that is a name, looked up of iothnamed

BASES = """\
option  user none
option  listen 127.0.0.1
net     all 127.0.0.0/8
auth    static all .example
static  AAAA hash.example fc00:1::
static  AAAA base.example fc00:2::
static  A v4.example 192.0.2.1
"""


@pytest.mark.parametrize(
    "args,base",
    [
        (["renzo.hash.example"], "fc00:1::"),
        (["-b", "base.example", "renzo.hash.example"], "fc00:2::"),
        (["-b", "BASE.Example.", "renzo.hash.example"], "fc00:2::"),
        (["-s", "stack=kernel", "renzo.hash.example"], "fc00:1::"),
    ],
)
def test_a_base_is_looked_up(box, args, base):
    box.serve(BASES)
    expected = printed("hashaddr", "-b", base, "renzo.hash.example")
    assert box.namespace.run(program("hashaddr"), "-D", "127.0.0.1", *args).stdout == expected
    assert printed("hashaddr", "--check", "-D", "127.0.0.1@1", *args) == ""


@pytest.mark.parametrize(
    "base,said", [("no.example", "there is no such name"), ("v4.example", "it has no IPv6 address (no AAAA record)")]
)
def test_a_base_that_is_none(box, base, said):
    box.serve(BASES)
    result = box.namespace.run(
        program("hashaddr"), "-D", "127.0.0.1@53", "-b", base, "renzo.hash.example", check=False
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert f"the base {base}: {said}" in result.stderr
