# SPDX-License-Identifier: LGPL-2.1-or-later
"""otipaddr and hashaddr as a person calls them: every vector, every mistake. $IOTH_BUILD is the build folder."""
import fcntl
import json
import os
import pathlib
import subprocess
import time

import pytest

VECTORS = json.loads((pathlib.Path(__file__).parents[1] / "vectors" / "iothaddr.json").read_text())
PERIOD = 32


def program(name):
    build = os.environ.get("IOTH_BUILD")
    if build is None:
        pytest.skip("IOTH_BUILD does not name the build folder")
    path = pathlib.Path(build) / "programs" / name
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return str(path)


def run(name, *args):
    return subprocess.run([program(name), *args], capture_output=True, text=True, timeout=30)


def printed(name, *args):
    result = run(name, *args)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("vector", VECTORS["hash"], ids=lambda v: f"{v['base']}-{v['name'][:20]}")
def test_hashaddr_vectors(vector):
    expected = vector["addr"] + "\n"
    assert printed("hashaddr", "--base", vector["base"], vector["name"]) == expected
    assert printed("hashaddr", "-b", vector["base"], vector["name"].upper() + ".") == expected


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
        ("hashaddr", ["-b", "a..b", "name"], 2, "this is neither an IPv6 address nor a name"),
        ("hashaddr", ["name"], 2, "name has no dot, behind which the name of its base would be: give one, --base BASE"),
        ("hashaddr", ["-D", "127.0.0.1@1", "-b", "base.example.org", "name"], 1, "no name server could be reached"),
        ("hashaddr", ["-s", "stack=nonsense", "-b", "base.example.org", "name"], 1, "--dnsstack stack=nonsense: "),
        ("otipaddr", ["-D", "8.8.8.8@0", "name", "password"], 2, "or ADDR@PORT"),
        ("otipaddr", ["-T", "0", "name", "password"], 2, "--period 0: expected a number of seconds"),
        ("otipaddr", ["-T", "1m", "name", "password"], 2, "--period 1m: expected"),
        ("otipaddr", ["-T", "99999999999", "name", "password"], 2, "--period 99999999999: expected"),
        ("otipaddr", ["-s", "stack=kernel,ipp=1", "name", "password"], 2, 'at byte 14 ("ipp=1"): unknown option'),
        ("otipaddr", ["-D", "8.8.8", "name", "password"], 2, "--dns 8.8.8: expected an IPv4 or IPv6 address"),
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
        deadline = time.monotonic() + 20
        cmdline = pathlib.Path(f"/proc/{process.pid}/cmdline")
        while b"mypassword" in cmdline.read_bytes() or b"name" not in cmdline.read_bytes():
            assert time.monotonic() < deadline, cmdline.read_bytes()
        assert process.poll() is None
        output = os.read(reader, 4096)
        assert output == bytes(4096)
        assert os.read(reader, 4096).startswith(b"fc00::")
        assert process.wait(20) == 0
    finally:
        os.close(reader)
        if process.poll() is None:
            process.kill()
            process.wait()


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
