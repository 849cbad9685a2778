#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures otip_rproxy beside other TCP proxies; started by `script/bench proxy`, in namespaces of its own.

A hidden server writes as fast as it can, a client reads through the proxy, over one connection and over many at once; what is
counted is how much comes, and the processor time of the proxy with the helpers of its network, per gigabyte. Rounds are
interleaved: each takes every network, every number of connections and every proxy once. Figures are medians of the rounds.

    cable   the proxy in a namespace, on the kernel's stack; a veth leads to the client's namespace
    hub     the proxy on a virtual Ethernet: otip_rproxy with the stack vdestack or lwip, the others in a namespace that vdens
            connects to it, as the client's. Nobody else is on the hub, since it gives each frame to all

The proxy has one core, the client and the hidden server share the other.

A proxy ends when it has let go of its connections. Killed before, it would leave them to the kernel with megabytes to send each,
which takes minutes to give up on them, and memory for TCP from whoever is measured next.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import common
import report
from common import CannotMeasure, say, wait_for

PREFIX, PROXY, CLIENT = "2001:db8:7:1::", "2001:db8:7:1::80", "2001:db8:7:1::c"
NAME, PERIOD = "bench.otip", 86400
PORT, HIDDEN = 80, 8080
CONGESTION = "reno"  # of all
CONNECTIONS = [1, 1000]
LEFT_OPEN = 256  # descriptors that a proxy may keep for later: pipes
BEGIN_S = 200  # how long all connections may take to begin
END_S = 60  # and to end
# network: what is measured there
NETWORKS = {"cable": ["otip_rproxy", "socat", "nginx"], "hub": ["otip_rproxy", "otip_rproxy-lwip", "socat", "nginx"]}

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; master_process off; worker_processes 1; user root; pid {folder}/nginx.pid; error_log stderr crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
stream {{
    server {{ listen [{address}]:{port} backlog=4096; proxy_pass 127.0.0.1:{hidden}; proxy_buffer_size 64k; tcp_nodelay on; }}
}}
"""


def run(*argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done.stdout


class Place:
    """Where a program runs: the words before its command line, and the helper of its network, if it has one."""

    def __init__(self, enter, helper=None):
        self.enter, self.helper = enter, helper

    def ip(self, words):
        run(*self.enter, "ip", *words.split())

    def without_pacing(self):
        """One congestion control for all, and not BBR, which some systems have as their default: it takes a busy core for a slow
        path and sends less and less, so the same proxy gives a fifth in one run of what it gives in the next."""
        run(*self.enter, "sysctl", "-qw", f"net.ipv4.tcp_congestion_control={CONGESTION}")


class Bench:
    def __init__(self, options):
        self.options = options
        self.machine = common.Machine()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.stream = options.build / "tests/bench/proxy/proxy_stream"
        self.cells = []
        self.serial = 0
        self.secret = self.directory / "secret"
        self.secret.write_text("password\n")
        self.secret.chmod(0o600)

    @contextlib.contextmanager
    def process(self, argv, cores, is_ready, deadline_s=common.START_S):
        self.serial += 1
        process = common.Process(argv, cores, self.directory / f"{self.serial}.log")
        try:
            wait_for(lambda: process.ended() or is_ready(process), argv[0], deadline_s)
            if process.ended():
                raise CannotMeasure(f"{' '.join(map(str, argv))}: {process.words()}")
            yield process
        finally:
            process.stop()

    # Networks

    @contextlib.contextmanager
    def cable(self):
        """(where a proxy runs: a context, from whether it has a stack of its own; the client's place)"""
        names = [f"proxy{os.getpid()}", f"client{os.getpid()}"]
        places = [Place(["ip", "netns", "exec", name]) for name in names]
        try:
            for name in names:
                run("ip", "netns", "add", name)
            run("ip", "-n", names[0], "link", "add", "lan0", "type", "veth", "peer", "name", "lan0", "netns", names[1])
            for place, address in zip(places, (PROXY, CLIENT)):
                place.without_pacing()
                place.ip("link set lo up")
                place.ip("link set lan0 up")
                place.ip(f"address add {address}/64 dev lan0 nodad")
            yield lambda has_own_stack: contextlib.nullcontext(places[0]), places[1]
        finally:
            for name in names:
                subprocess.run(["ip", "netns", "delete", name], check=False)

    @contextlib.contextmanager
    def vde_namespace(self, address, cores):
        """A namespace that vdens connects to the hub."""
        words = ["vdens", "vde:///tmp/hub", "sh", "-c", "echo pid $$ ready && exec sleep infinity"]
        with self.process(words, cores, lambda p: "ready" in p.words()) as helper:
            pid = helper.words().split("pid ")[1].split()[0]
            place = Place(["nsenter", f"--target={pid}", "--user", "--preserve-credentials", "--net", "--"], helper)
            place.without_pacing()
            place.ip("link set lo up")
            place.ip("link set vde0 up")
            place.ip(f"address add {address}/64 dev vde0 nodad")
            yield place

    @contextlib.contextmanager
    def hub(self):
        """As cable. The hub shares a core with the proxy: with the client, its core would be full long before the proxy's, and all
        proxies come to the same."""
        plug = ["vde_plug", "null://", "hub:///tmp/hub"]
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, "/tmp/hub", ignore_errors=True)
            stack.enter_context(self.process(plug, self.machine.server, lambda p: os.path.exists("/tmp/hub/ctl")))
            client = stack.enter_context(self.vde_namespace(CLIENT, self.machine.load))
            own = contextlib.nullcontext(Place([]))
            yield lambda has_own_stack: own if has_own_stack else self.vde_namespace(PROXY, self.machine.server), client

    # Proxies

    def otip_rproxy(self, place, stack):
        """(command line, its address)"""
        programs = self.options.build / "programs"
        conf = {"kernel": "stack=kernel,iface=lan0"}.get(stack, f"stack={stack},vnl=vde:///tmp/hub")
        argv = [*place.enter, programs / "otip_rproxy", "-e", conf, "-n", NAME, "-b", PREFIX, "--passwdfile", self.secret]
        argv += ["--otip_period", PERIOD, "-t", f"{PORT},127.0.0.1,{HIDDEN}", "--tcp_listen_backlog", 4096]
        argv += ["--source_max", 5000, "--user", "none", "--control", "none"]
        argv += [] if stack == "lwip" else ["--tcp_congestion", CONGESTION]  # vdestack's namespace is its own
        return argv, run(programs / "otipaddr", "-b", PREFIX, "-T", PERIOD, NAME, "password").strip()

    def socat(self, place):
        listen = f"TCP6-LISTEN:{PORT},fork,reuseaddr,backlog=4096,bind=[{PROXY}]"
        return [*place.enter, "socat", "-b", 131072, listen, f"TCP4:127.0.0.1:{HIDDEN}"], PROXY

    def nginx(self, place):
        conf = self.directory / "nginx.conf"
        conf.write_text(NGINX.format(folder=self.directory, address=PROXY, port=PORT, hidden=HIDDEN))
        return [*place.enter, "nginx", "-p", self.directory, "-c", conf], PROXY

    def command(self, network, proxy, place):
        if proxy.startswith("otip_rproxy"):
            return self.otip_rproxy(place, "kernel" if network == "cable" else proxy.partition("-")[2] or "vdestack")
        return getattr(self, proxy)(place)

    # A figure

    def measure(self, network, places, proxy, connections, round_number):
        proxy_place, client = places
        with proxy_place(network == "hub" and proxy.startswith("otip_rproxy")) as place:
            self.measure_at(place, client, network, proxy, connections, round_number)

    def measure_at(self, place, client, network, proxy, connections, round_number):
        argv, address = self.command(network, proxy, place)
        hidden = [*place.enter, self.stream, "serve", "127.0.0.1", HIDDEN]
        reader = [*client.enter, self.stream, "read", address, PORT, connections, self.options.seconds]
        with self.process(hidden, self.machine.load, lambda p: "ready" in p.words()):
            answers = lambda _: self.answers(client, address)  # noqa: E731
            with self.process(argv, self.machine.server, answers) as process:
                counted = [process] + ([place.helper] if place.helper else [])
                idle = process.descriptors()
                with self.process(reader, self.machine.load, lambda p: "begin" in p.words(), BEGIN_S) as reading:
                    before = sum(p.cpu_s() for p in counted)
                    reading.popen.wait()
                    cpu_s = sum(p.cpu_s() for p in counted) - before
                    if reading.popen.returncode != 0:
                        raise CannotMeasure(reading.words())
                    told = json.loads(reading.words().splitlines()[-1])
                wait_for(lambda: process.descriptors() <= idle + LEFT_OPEN, f"the end of connections of {proxy}", END_S)
        cell = {"network": network, "proxy": proxy, "connections": connections, "round": round_number}
        cell["start_s"] = told["start_s"]
        cell |= {"gbits": told["bytes"] * 8 / told["seconds"] / 1e9, "cpu_s_gb": cpu_s / (told["bytes"] / 1e9)}
        self.cells.append(cell)
        say(report.cell_line(cell))

    def answers(self, client, address):
        probe = f"import socket; s = socket.create_connection(('{address}', {PORT}), 5); s.send(b'h'); s.recv(1)"
        return subprocess.run([*client.enter, "/usr/bin/python3", "-c", probe], capture_output=True).returncode == 0


def measure_all(bench):
    options = bench.options
    for round_number in range(options.rounds):
        say(f"round {round_number + 1} of {options.rounds}")
        for network in options.networks:
            try:
                with getattr(bench, network)() as places:
                    for connections in map(int, options.connections):
                        for proxy in NETWORKS[network]:
                            try:
                                bench.measure(network, places, proxy, connections, round_number)
                            except (CannotMeasure, OSError) as error:
                                say(f"{proxy} on the {network}, {connections} connections: not measured: {error}")
            except (CannotMeasure, OSError) as error:
                say(f"{network}: left out: {error}")


def read_options():
    options = common.Options("proxy", __doc__, seconds=3, quick_seconds=1)
    options.choose("networks", NETWORKS)
    options.choose("connections", map(str, CONNECTIONS))
    return options.read()


def run_all(options):
    """Everything; returns what report.write takes."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    common.with_peers(common.TREE / "build/bench-peers")
    bench = Bench(options)
    Place([]).without_pacing()  # where the hidden server of a proxy with a stack of its own is
    cells = options.rounds * sum(len(NETWORKS[network]) for network in options.networks) * len(options.connections)
    say(f"this takes about {cells * (options.seconds + 3) / 60:.0f} minutes")
    measure_all(bench)
    return {"cells": bench.cells}


if __name__ == "__main__":
    common.conclude("proxy", read_options(), run_all, report)
