# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names without a server: the C library's programs find computed addresses by libnss_otip. Each test has an /etc of its own, in
a mount namespace, in which nsswitch.conf, otip.conf and the linker's cache say what they would on a machine that has it."""

import os
import re
import shutil
import socket
import time

import pytest

import peers
import world as w
from nss_lab import KEY, RENZO, Machine


@pytest.fixture
def machine(world):
    return Machine(world)


def first_address(told):
    return told.split()[0] if told else None


def test_getent_finds_hashed_names(machine):
    told = machine.getent("ahosts", "Renzo.hash.local")
    assert re.match(rf"{RENZO}\s+STREAM renzo.hash.local\n{RENZO}\s+DGRAM\s*\n{RENZO}\s+RAW\s*\n$", told)
    assert machine.getent("hosts", "renzo.hash.local").split() == [RENZO, "renzo.hash.local"]
    assert machine.getent("ahosts", "hash.local") is None
    # A name that stands in the file alone is found by its address too.
    address = first_address(machine.getent("hosts", "web.local"))
    assert machine.getent("hosts", address).split() == [address, "web.local"]
    assert machine.getent("hosts", RENZO) is None


def test_getent_finds_one_time_names(machine):
    for name, base, *words in (("renzo.otip", "fd01::", "mypassword"), ("a.two.otip", "fd02::", None)):
        address = first_address(machine.getent("ahosts", name))
        assert address.startswith(base[:-1])
    now = machine.computed("otipaddr", "-b", "fd01::", "-T", "86400", "renzo.otip", "mypassword")
    address = first_address(machine.getent("ahosts", "renzo.otip"))
    again = machine.computed("otipaddr", "-b", "fd01::", "-T", "86400", "renzo.otip", "mypassword")
    assert address in (now, again)
    assert machine.getent("hosts", address).split() == [address, "renzo.otip"]
    now = machine.computed("otipaddr", "-k", "/etc/otip/two", "-b", "fd02::", "-T", "86400", "a.two.otip")
    address = first_address(machine.getent("ahosts", "a.two.otip"))
    again = machine.computed("otipaddr", "-k", "/etc/otip/two", "-b", "fd02::", "-T", "86400", "a.two.otip")
    assert address in (now, again)


def test_the_address_is_another_in_the_next_epoch(machine):
    first = first_address(machine.getent("ahosts", "quick.otip"))
    w.wait_for(lambda: first_address(machine.getent("ahosts", "quick.otip")) != first, "another address")


def test_a_name_is_pinged(machine):
    machine.inside.add_address("lo", f"{RENZO}/128")
    told = machine.inside.run("ping", "-6", "-c", "1", "-w", "20", "renzo.hash.local").stdout
    assert RENZO in told and "1 received" in told


PAGE = """
import http.server, socket, sys
class Six(http.server.HTTPServer):
    address_family = socket.AF_INET6
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello from " + self.headers["Host"].encode())
    def log_message(self, *words):
        pass
server = Six((sys.argv[1], 80), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def test_a_page_is_fetched_by_name(machine):
    curl = peers.program("curl")
    machine.inside.add_address("lo", f"{RENZO}/128")
    env = {**os.environ, **peers.environment(), "HOME": "/nowhere"}
    daemon = machine.world.daemon(machine.inside, "/usr/bin/python3", "-c", PAGE, RENZO)
    daemon.wait_until(lambda: "ready" in daemon.stdout(), "the server")
    told = machine.inside.run(curl, "-sS", "--max-time", "50", "http://renzo.hash.local/", env=env).stdout
    assert told == "hello from renzo.hash.local"


@pytest.fixture
def asked(machine):
    """A function that tells which names a DNS server has been asked for."""
    with machine.inside.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    server.setblocking(False)

    def names():
        found = set()
        while True:
            try:
                message = server.recv(1000)
            except BlockingIOError:
                return found
            labels, at = [], 12
            while message[at]:
                labels.append(message[at + 1 : at + 1 + message[at]].decode())
                at += 1 + message[at]
            found.add(".".join(labels))

    yield names
    server.close()


def test_no_server_is_asked_for_these_names(machine, asked):
    assert machine.getent("ahosts", "renzo.otip") is not None
    assert machine.getent("ahostsv4", "renzo.otip") is None  # it has no IPv4 address, and that is all
    machine.write("otip/renzo", "mypassword\n", 0o644)
    assert machine.getent("ahosts", "renzo.otip") is None  # nor is a secret that everybody can read used
    assert asked() == set()
    assert machine.getent("ahosts", "other.example", timeout=60) is None
    assert asked() == {"other.example"}


def test_a_user_has_names_of_his_own(machine):
    home = machine.world.directory / "home"
    (home / ".config").mkdir(parents=True)
    own = home / ".config/otip.conf"
    own.write_text("hash renzo.hash.local fd07::\notip mine.otip fd07:: secret mine\n")
    secret = home / ".config/mine"
    secret.write_text("mine\n")
    secret.chmod(0o600)
    assert first_address(machine.getent("ahosts", "renzo.hash.local", home=home)) == RENZO.replace("fd00", "fd07")
    assert first_address(machine.getent("ahosts", "lucia.hash.local", home=home)).startswith("fd00:")
    assert first_address(machine.getent("ahosts", "mine.otip", home=home)).startswith("fd07:")
    own.chmod(0o666)  # whoever could write it could send its owner anywhere
    assert first_address(machine.getent("ahosts", "renzo.hash.local", home=home)) == RENZO
    own.chmod(0o644)
    os.chown(own, w.NOBODY, w.NOBODY) if w.has_other_users() else own.unlink()
    assert first_address(machine.getent("ahosts", "renzo.hash.local", home=home)) == RENZO


def test_a_setuid_program_believes_the_system_alone(machine):
    if not w.has_other_users():
        pytest.skip("there are no other users here")
    home = machine.world.directory / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config/otip.conf").write_text("hash renzo.hash.local fd07::\n")
    for path in (home, home / ".config", home / ".config/otip.conf"):
        os.chown(path, w.NOBODY, w.NOBODY)
    program = machine.world.directory / "getent"
    shutil.copy(shutil.which("getent"), program)
    as_nobody = ["setpriv", f"--reuid={w.NOBODY}", f"--regid={w.NOBODY}", "--clear-groups", program, "ahosts"]
    env = {**os.environ, "HOME": str(home)}
    for mode, expected in ((0o755, RENZO.replace("fd00", "fd07")), (0o4755, RENZO)):
        program.chmod(mode)
        told = machine.inside.run(*as_nobody, "renzo.hash.local", env=env).stdout
        assert first_address(told) == expected
    # And a user who may not read the secret does not get the name, nor has it sent to a server.
    program.chmod(0o755)
    done = machine.inside.run(*as_nobody, "renzo.otip", env=env, check=False)
    assert done.returncode == 2


def test_the_checker_says_what_is_wrong(machine):
    otipconf = w.RELEASE / "programs/otipconf"
    run = machine.inside.run
    told = run(otipconf, env={**os.environ, "HOME": "/nowhere"}).stdout
    assert "/nowhere/.config/otip.conf: there is no such file\n" in told
    assert "/etc/otip.conf:2: hash .hash.local\n" in told
    assert re.search(r"/etc/otip.conf:4: otip renzo.otip fd01:[0-9a-f:]+\n", told)
    assert "mypassword" not in told
    told = run(otipconf, "renzo.hash.local").stdout
    assert told == f"renzo.hash.local {RENZO} for 600 s, /etc/otip.conf:2: hash\n"
    done = run(otipconf, "renzo.hash.local", "no.example", check=False)
    assert (done.returncode, done.stderr) == (1, "no.example: no line is about this name\n")
    machine.write("otip.conf", "hsh a ::\nhash b 1.2.3.4\notip c fd00:: secret here\notip2 d ::/64 key here\n")
    done = run(otipconf, "-f", "/etc/otip.conf", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "/etc/otip.conf:1:1: unknown keyword 'hsh', did you mean 'hash'?",
        "/etc/otip.conf:2:8: '1.2.3.4' is no IPv6 address: expected one such as fd00::",
        "/etc/otip.conf:3: /etc/here: No such file or directory",
        "/etc/otip.conf:4:9: '::/64': no node can have an address of its prefix, expected no multicast and not 64 zero bits",
    ]
    done = run(otipconf, "c", check=False)
    assert (done.returncode, done.stderr) == (1, "c: /etc/otip.conf:3: /etc/here: No such file or directory\n")
    machine.write("otip.conf", b"h\xff\x1b[31m x y\nhash caf\xc3\xa9.x fd00::\notip c fd00:: secret \x9b31m\n")
    done = run(otipconf, "-f", "/etc/otip.conf", check=False)
    assert re.fullmatch(r"/etc/otip.conf:2: hash caf\\195\\169.x fd00:[0-9a-f:]+\n", done.stdout)
    assert done.stderr.splitlines() == [
        "/etc/otip.conf:1:1: unknown keyword 'h??[31m': expected hash, otip or otip2",
        "/etc/otip.conf:3: /etc/\\15531m: No such file or directory",
    ]
    assert run(otipconf, "-f", "/nowhere", check=False).returncode == 1
    assert run(otipconf, "--frob", check=False).returncode == 2
    assert run(otipconf, "a..b", check=False).returncode == 2
    assert "usage: otipconf" in run(otipconf, "--help").stdout


def literal_blocks(page):
    """What stands between .Bd -literal and .Ed in a manual page, as its readers see it."""
    text = (w.TREE / "man" / page).read_text()
    return [block.replace("\\e", "\\") for block in re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed", text, re.MULTILINE)]


def test_the_example_of_otip_conf(machine):
    (example,) = [block for block in literal_blocks("otip.conf.5") if "2001:db8" in block]
    machine.write("otip.conf", example)
    machine.write("otip/renzo.key", KEY + "\n", 0o600)
    machine.write("otip/lucia", "mypassword\n", 0o600)
    told = machine.inside.run(w.RELEASE / "programs/otipconf", "-f", "/etc/otip.conf").stdout
    assert len(told.splitlines()) == 3
    assert machine.getent("ahosts", "renzo.otip").startswith("2001:db8:0:1:")
    assert machine.getent("ahosts", "lucia.otip").startswith("2001:db8:0:2:")


@pytest.mark.parametrize(
    "before,after",
    [
        ("hosts:          files dns myhostname", "hosts:          files otip [!UNAVAIL=return] dns myhostname"),
        (
            "hosts: files mdns4_minimal [NOTFOUND=return] dns",
            "hosts: files otip [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] dns",
        ),
        (
            "hosts: mymachines resolve [!UNAVAIL=return] files dns",
            "hosts: otip [!UNAVAIL=return] mymachines resolve [!UNAVAIL=return] files dns",
        ),
    ],
)
def test_the_command_that_switches_it_on(machine, before, after):
    (command,) = [block for block in literal_blocks("libnss_otip.8") if block.startswith("sed ")]
    machine.write("nsswitch.conf", f"passwd: files\n{before}\n")
    for _ in range(2):
        machine.inside.run("sh", "-c", command)
        assert (machine.etc / "nsswitch.conf").read_text() == f"passwd: files\n{after}\n"
    assert machine.getent("ahosts", "renzo.hash.local") is not None


def test_a_look_up_costs_little(machine):
    """A thousand in well under a second each, whatever the machine does: no process is started, nothing is waited for."""
    count = 200
    program = f"import socket\nfor _ in range({count}):\n    socket.getaddrinfo('renzo.otip', 22)\n"
    start = time.monotonic()
    machine.inside.run("/usr/bin/python3", "-c", program, timeout=60)
    assert time.monotonic() - start < 20
