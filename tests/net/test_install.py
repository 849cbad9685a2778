# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cmake --install` into a prefix of its own: all is there, the programs run, and a program of the talk's kind compiles against
it with pkg-config and sends a datagram."""

import os
import re
import socket
import subprocess

import pytest

import manual
import world as w

HEADERS = ["ioth.h", "ioth_plugin.h", "nlinline.h", "nlinline+.h", "iothaddr.h", "iothconf.h", "iothdns.h", "iothradvd.h", "libnlq.h"]
LIBRARIES = ["libioth", "libiothaddr", "libiothconf", "libiothdns", "libiothradvd", "libnlq"]
PROGRAMS = ["iothnamed", "iothnamedctl", "iothradvd", "iothradvdctl", "namedhcp", "namedhcp4", "namedhcpctl", "otipaddr", "hashaddr", "otipkey", "otipconf", "otip_rproxy", "otip_rproxyctl"]
PLUGINS = ["vdestack"]  # that of the kernel is in libioth itself
MAN_PAGES = ["man8/iothnamed.8", "man8/iothnamedctl.8", "man5/iothnamed.conf.5", "man8/iothradvd.8", "man8/namedhcp.8", "man8/namedhcpctl.8", "man3/iothradvd.3", "man1/otipaddr.1", "man1/otipkey.1", "man1/otipconf.1", "man1/otip_rproxy.1", "man8/otip_rproxyctl.8", "man5/otip.conf.5", "man8/libnss_otip.8", "man3/iothdns.3"]


def only(paths, what):
    paths = list(paths)
    assert len(paths) == 1, f"{what}: {paths}"
    return paths[0]


@pytest.fixture(scope="module")
def prefix():
    return manual.installed()


@pytest.fixture(scope="module")
def libraries():
    return manual.libraries()


def pkg_config(libraries, *arguments):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libraries / "pkgconfig")}
    # The prefix is not that of the build's configuration: the .pc files move with their folder.
    command = ["pkg-config", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split()


@pytest.mark.parametrize("header", HEADERS)
def test_header_is_there_and_stands_alone(prefix, tmp_path, header):
    assert (prefix / "include" / header).is_file()
    source = tmp_path / "alone.c"
    source.write_text(f"#include <{header}>\nint main(void) {{ return 0; }}\n")
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include", "-fsyntax-only", source], check=True
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_has_a_soname_and_a_pkg_config_file(libraries, library):
    assert (libraries / f"{library}.so.0").is_symlink()
    assert f"-l{library.removeprefix('lib')}" in pkg_config(libraries, "--cflags", "--libs", library)


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_runs(prefix, program):
    path = only([*prefix.glob(f"bin/{program}"), *prefix.glob(f"sbin/{program}")], program)
    for option, expected in (("-h", "sage"), ("--version", program)):
        result = subprocess.run([path, option], capture_output=True, text=True, timeout=w.PATIENCE_S)
        assert result.returncode == 0
        assert expected in result.stdout


@pytest.mark.parametrize("page", MAN_PAGES)
def test_man_page_is_there(prefix, page):
    assert (prefix / "share/man" / page).is_file()


def test_the_module_of_the_name_service_switch_is_there(libraries):
    """By the one name that the C library looks for."""
    assert (libraries / "libnss_otip.so.2").is_file()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugin_is_there(libraries, plugin):
    assert (libraries / f"ioth/ioth_{plugin}.so").is_file()


def test_nothing_points_back_into_the_tree(prefix):
    for path in prefix.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix in (".h", ".pc", ".1", ".5", ".8", ""):
            run_path = subprocess.run(["readelf", "-d", path], capture_output=True, text=True).stdout
            assert str(w.TREE) not in "\n".join(line for line in run_path.splitlines() if "PATH" in line), path
            if path.suffix:
                assert str(w.TREE) not in path.read_text(errors="replace"), path


def test_the_example_compiles_against_it_and_sends_a_datagram(world, tmp_path):
    """examples/udp-send.c, a node of its own on a virtual Ethernet, as its head says it is compiled and run."""
    program = manual.compile_example(w.TREE / "examples/udp-send.c", tmp_path)
    world.hub()
    peer = world.vde_client("peer", ["10.0.0.2/24"])
    with peer.entered():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver:
        receiver.bind(("10.0.0.2", 5000))
        receiver.settimeout(0.2)
        machine = world.namespace("machine")

        def sent_and_received():
            machine.run(program, w.HUB, "10.0.0.2", "5000")
            try:
                return receiver.recvfrom(100)
            except TimeoutError:
                return None

        # The node may be gone before its neighbour is found (ARP); the datagram is lost then, as datagrams are.
        data, sender = w.wait_for(sent_and_received, "a datagram from the example")
    assert (data, sender[0]) == (b"ciao\n", "10.0.0.1")


def quickstart(world, prefix):
    """The installed server, with the first example, and its namespace."""
    box = world.namespace("box")
    program = only([*prefix.glob("bin/iothnamed"), *prefix.glob("sbin/iothnamed")], "iothnamed")
    daemon = world.daemon(box, program, w.TREE / "examples/quickstart.rc")

    def answers():
        return "192.168.1.254" in box.dig("-p", "5300", "@127.0.0.1", "+short", "router.test.local", check=False)

    daemon.wait_until(answers, "an answer")
    return daemon, box


def test_the_installed_server_serves(world, prefix):
    daemon, _ = quickstart(world, prefix)
    assert daemon.stop() == 0


def test_the_example_of_a_plugin(world, prefix, tmp_path):
    """examples/plugin/ioth_count.c, as its head says it is compiled and used."""
    source = w.TREE / "examples/plugin/ioth_count.c"
    manual.compile_example(source, tmp_path)
    commands = re.findall(r"^ \*     ((?:IOTH_PLUGIN_PATH|cat).*)$", source.read_text(), re.MULTILINE)
    daemon, box = quickstart(world, prefix)
    script = " && ".join([f"cd {tmp_path}", f"PATH={prefix}/bin:$PATH", *commands])
    address, traffic = box.run("sh", "-c", script).stdout.splitlines()
    assert address == box.run(prefix / "bin/hashaddr", "-b", "fc00::fe", "renzo.test.local").stdout.strip()
    assert re.fullmatch(r"in [1-9]\d+ out [1-9]\d+", traffic)
    assert daemon.stop() == 0


def test_unit_starts_what_was_installed(prefix):
    unit = (prefix / "lib/systemd/system/iothnamed.service").read_text()
    assert f"ExecStart={prefix}/bin/iothnamed /etc/iothnamed/iothnamed.conf\n" in unit
    assert f"ExecReload={prefix}/bin/iothnamedctl " in unit
    assert "@bindir@" not in unit and "@user@" not in unit
    (user,) = re.findall(r"^User=(\w+)$", unit, re.MULTILINE)
    assert f"u {user} " in (prefix / "lib/sysusers.d/iothnamed.conf").read_text()
