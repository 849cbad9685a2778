# SPDX-License-Identifier: LGPL-2.1-or-later
"""The servers and routers of Debian that play against our clients: Kea, ISC dhcpd and its relay, dnsmasq, radvd. They run
from build/peers (script/unpack-peers), in a namespace, with all their files in a folder of the test's world.

Each function starts one on lan0 of a namespace and returns the Daemon once it serves. What all give is in `Plan4` and
`Plan6`, so that one test serves for each of them.
"""

import dataclasses
import ipaddress
import json
import shutil
import signal

import peers
from dhcp_lab import INTERFACE


@dataclasses.dataclass
class Plan4:
    """What a DHCPv4 server is to hand out."""

    net: str = "10.1.0.0/24"
    pool: tuple = ("10.1.0.100", "10.1.0.119")
    router: str = "10.1.0.1"
    dns: tuple = ("10.1.0.53", "10.1.0.54")
    search: tuple = ("lab.test", "deep.lab.test")
    mtu: int = 1400
    classless: tuple = ()  # (destination, gateway) pairs
    lease_s: int = 3600
    t1_s: int = None
    t2_s: int = None
    rapid: bool = False


@dataclasses.dataclass
class Plan6:
    """What a DHCPv6 server is to hand out."""

    net: str = "fd00:1::/64"
    pool: tuple = ("fd00:1::100", "fd00:1::11f")
    dns: tuple = ("fd00:1::53", "fd00:1::54")
    search: tuple = ("lab.test", "deep.lab.test")
    valid_s: int = 3600
    preferred_s: int = 1800
    t1_s: int = None
    t2_s: int = None
    rapid: bool = False
    preference: int = None
    information_refresh_s: int = None


def folder(world, namespace, name):
    """A server's own folder; what it kept there outlives it, until `forget`."""
    path = world.directory / f"{name}-{namespace.name}"
    path.mkdir(exist_ok=True)
    return path


def forget(world, namespace, name):
    """The server's leases are lost, as is all else that it has kept."""
    shutil.rmtree(folder(world, namespace, name))


def leases(world, namespace, server):
    """The text of a server's file of leases."""
    name, file = {
        kea4: ("kea-dhcp4", "leases.csv"),
        kea6: ("kea-dhcp6", "leases.csv"),
        dhcpd4: ("dhcpd4", "leases"),
        dhcpd6: ("dhcpd6", "leases"),
        dnsmasq4: ("dnsmasq", "leases"),
        dnsmasq6: ("dnsmasq", "leases"),
    }[server]
    return (folder(world, namespace, name) / file).read_text()


def _start(world, namespace, word, *argv, env=None):
    """Starts a daemon that says `word` when it serves."""
    daemon = world.daemon(namespace, *argv, env={**peers.environment(), **(env or {})})
    daemon.wait_until(lambda: word in daemon.stderr() + daemon.stdout(), f"{argv[0]} says {word!r}")
    return daemon


# ---- Kea ----


def _kea(world, namespace, version, subnet, more):
    name = f"kea-dhcp{version}"
    directory = folder(world, namespace, name)
    settings = {
        "interfaces-config": {"interfaces": [INTERFACE]},
        "lease-database": {"type": "memfile", "name": str(directory / "leases.csv"), "lfc-interval": 0},
        "loggers": [{"name": name, "output_options": [{"output": "stderr"}], "severity": "INFO"}],
        f"subnet{version}": [{**subnet, "id": 1, "interface": INTERFACE}],
        **more,
    }
    (directory / "kea.json").write_text(json.dumps({f"Dhcp{version}": settings}, indent=1))
    env = {"KEA_PIDFILE_DIR": str(directory), "KEA_LOCKFILE_DIR": str(directory)}
    return _start(world, namespace, f"DHCP{version}_STARTED", peers.program(name), "-c", directory / "kea.json", env=env)


def _kea_timers(plan):
    timers = {"renew-timer": plan.t1_s, "rebind-timer": plan.t2_s}
    return {name: value for name, value in timers.items() if value is not None}


def kea4(world, namespace, plan, **more):
    """more: settings of the file, in place of those that the plan makes; `subnet`: of its only subnet."""
    options = [
        {"name": "routers", "data": plan.router},
        {"name": "domain-name-servers", "data": ", ".join(plan.dns)},
        {"name": "domain-search", "data": ", ".join(plan.search)},
        {"name": "interface-mtu", "data": str(plan.mtu)},
    ]
    if plan.classless:
        options.append({"code": 121, "space": "dhcp4", "csv-format": False, "data": _classless_bytes(plan.classless).hex()})
    subnet = {"subnet": plan.net, "pools": [{"pool": "-".join(plan.pool)}], "option-data": options}
    subnet.update(more.pop("subnet", {}))
    times = {"valid-lifetime": plan.lease_s, **_kea_timers(plan)}
    return _kea(world, namespace, 4, subnet, {"authoritative": True, **times, **more})


def kea6(world, namespace, plan, unicast=None, **more):
    """unicast: an address of its own at which relays find it."""
    options = [
        {"name": "dns-servers", "data": ", ".join(plan.dns)},
        {"name": "domain-search", "data": ", ".join(plan.search)},
    ]
    if plan.preference is not None:
        options.append({"name": "preference", "data": str(plan.preference), "always-send": True})
    if plan.information_refresh_s is not None:
        options.append({"name": "information-refresh-time", "data": str(plan.information_refresh_s)})
    subnet = {"subnet": plan.net, "pools": [{"pool": "-".join(plan.pool)}], "option-data": options, "rapid-commit": plan.rapid}
    subnet.update(more.pop("subnet", {}))
    times = {"valid-lifetime": plan.valid_s, "preferred-lifetime": plan.preferred_s, **_kea_timers(plan)}
    if unicast:
        more["interfaces-config"] = {"interfaces": [f"{INTERFACE}/{unicast}"]}
    directory = str(folder(world, namespace, "kea-dhcp6"))
    return _kea(world, namespace, 6, subnet, {"data-directory": directory, **times, **more})


def _classless_bytes(routes):
    """RFC 3442: the length of each prefix, as many bytes of it as count, the router."""
    coded = b""
    for destination, gateway in routes:
        net = ipaddress.ip_network(destination)
        coded += bytes([net.prefixlen]) + net.network_address.packed[: (net.prefixlen + 7) // 8]
        coded += ipaddress.ip_address(gateway).packed
    return coded


# ---- ISC dhcpd ----


def _dhcpd(world, namespace, version, text):
    name = f"dhcpd{version}"
    directory = folder(world, namespace, name)
    (directory / "dhcpd.conf").write_text(text)
    (directory / "leases").touch()
    files = ["-cf", directory / "dhcpd.conf", "-lf", directory / "leases", "-pf", directory / "pid"]
    command = [peers.program("dhcpd"), f"-{version}", "-f", "-d", *files, INTERFACE]
    return _start(world, namespace, "Server starting service", *command)


def _quoted(names):
    return ", ".join(f'"{name}"' for name in names)


def dhcpd4(world, namespace, plan, more=""):
    net = ipaddress.ip_network(plan.net)
    lines = [
        "authoritative",
        "ping-check false",
        f"default-lease-time {plan.lease_s}",
        f"max-lease-time {plan.lease_s}",
        "min-lease-time 1",
        "option classless code 121 = array of unsigned integer 8",
        f"option routers {plan.router}",
        f"option domain-name-servers {', '.join(plan.dns)}",
        f"option domain-search {_quoted(plan.search)}",
        f"option interface-mtu {plan.mtu}",
    ]
    if plan.classless:
        lines.append("option classless " + ", ".join(str(byte) for byte in _classless_bytes(plan.classless)))
    lines += [f"option dhcp-renewal-time {plan.t1_s}"] if plan.t1_s else []
    lines += [f"option dhcp-rebinding-time {plan.t2_s}"] if plan.t2_s else []
    subnet = f"subnet {net.network_address} netmask {net.netmask} {{ range {plan.pool[0]} {plan.pool[1]}; }}\n"
    return _dhcpd(world, namespace, 4, ";\n".join(lines) + ";\n" + more + subnet)


def dhcpd6(world, namespace, plan, more=""):
    lines = [
        f"default-lease-time {plan.valid_s}",
        f"preferred-lifetime {plan.preferred_s}",
        f"option dhcp6.name-servers {', '.join(plan.dns)}",
        f"option dhcp6.domain-search {_quoted(plan.search)}",
    ]
    lines += [f"option dhcp-renewal-time {plan.t1_s}"] if plan.t1_s else []
    lines += [f"option dhcp-rebinding-time {plan.t2_s}"] if plan.t2_s else []
    lines += [f"option dhcp6.preference {plan.preference}"] if plan.preference is not None else []
    lines += ["option dhcp6.rapid-commit"] if plan.rapid else []
    lines += [f"option dhcp6.info-refresh-time {plan.information_refresh_s}"] if plan.information_refresh_s else []
    subnet = f"subnet6 {plan.net} {{ range6 {plan.pool[0]} {plan.pool[1]}; }}\n"
    return _dhcpd(world, namespace, 6, ";\n".join(lines) + ";\n" + more + subnet)


def dhcrelay(world, namespace, version, down, up, server, *more):
    """A relay in a namespace with interfaces on two Ethernets: `down` is the clients', `up` leads to the server, which may be
    another relay. more: options of DHCPv4."""
    if version == 4:
        options = ["-4", *more, "-id", down, "-iu", up, server]
    else:
        options = ["-6", "-l", down, "-u", f"{server}%{up}"]
    word = "Sending on   Socket/fallback" if version == 4 else "Sending on   Socket"
    return _start(world, namespace, word, peers.program("dhcrelay"), options[0], "-d", "--no-pid", *options[1:])


# ---- dnsmasq ----


def dnsmasq(world, namespace, *options):
    """It answers no DNS; `options` say what else it does."""
    directory = folder(world, namespace, "dnsmasq")
    fixed = [
        "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--conf-file=/dev/null", "--pid-file=",
        "--user=root", "--group=root", "--port=0", f"--interface={INTERFACE}", f"--dhcp-leasefile={directory}/leases", "--no-ping", "--dhcp-authoritative",
    ]  # fmt: skip
    return _start(world, namespace, "started", peers.program("dnsmasq"), *fixed, *options)


def dnsmasq4(world, namespace, plan, *options):
    given = {
        "option:router": plan.router,
        "option:dns-server": ",".join(plan.dns),
        "option:domain-search": ",".join(plan.search),
        "option:mtu": plan.mtu,
        "option:T1": plan.t1_s,
        "option:T2": plan.t2_s,
        "option:classless-static-route": ",".join(f"{d},{g}" for d, g in plan.classless),
    }
    words = [f"--dhcp-range={plan.pool[0]},{plan.pool[1]},{plan.lease_s}"]
    words += [f"--dhcp-option={name},{value}" for name, value in given.items() if value]
    words += ["--dhcp-rapid-commit"] if plan.rapid else []
    return dnsmasq(world, namespace, *words, *options)


def dnsmasq6(world, namespace, plan, *options):
    given = {
        "option6:dns-server": ",".join(f"[{address}]" for address in plan.dns),
        "option6:domain-search": ",".join(plan.search),
    }
    words = [f"--dhcp-range={plan.pool[0]},{plan.pool[1]},64,{plan.valid_s}"]
    words += [f"--dhcp-option={name},{value}" for name, value in given.items() if value]
    return dnsmasq(world, namespace, *words, *options)


# ---- radvd ----


def radvd(world, namespace, text):
    """text: what its configuration says about the interface, but for `AdvSendAdvert on`. It advertises every few seconds."""
    path = _radvd_file(world, namespace, text)
    files = ["-C", path, "-p", path.parent / "pid"]
    return _start(world, namespace, "polling for", peers.program("radvd"), "-n", "-m", "stderr", "-d", "1", *files)


def radvd_again(world, namespace, daemon, text):
    """The running daemon takes up another text."""
    _radvd_file(world, namespace, text)
    daemon.signal(signal.SIGHUP)


def _radvd_file(world, namespace, text):
    path = folder(world, namespace, "radvd") / "radvd.conf"
    always = "AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;"
    path.write_text(f"interface {INTERFACE} {{\n{always}\n{text}\n}};\n")
    return path
