# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hours of the whole suite on one virtual Ethernet: a name server that is never ended, another that is killed, a router, two DHCP servers,
a proxy at one-time addresses, an upstream, clients that come and go, questions all the time, and every FAULT_S seconds a fault that a seed
has chosen. Each STEP_S seconds it is written down how much memory and how many descriptors each has, how long answers took and how many
there were.

At the end it is judged by PROMISES; the series, the faults and the verdict are kept, and drawn by report.py."""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / "tests/net"), str(TREE / "tests/bench"), str(TREE / "tests/soak")]

import common  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import upstream  # noqa: E402
import world as w  # noqa: E402

STEP_S = 5
FAULT_S = 20
BOUND_S = 60  # a client that comes has all of its addresses until then, whatever is at fault meanwhile
HERE = w.Namespace("here", "/proc/self/ns/net", [])
STEADY, MORTAL, UPSTREAM = "127.0.0.1", "127.0.0.2", "127.0.0.53"
NET6, NET4 = "fd00:1::", "10.1.0.0/24"

NAMED = f"""\
option  listen {{listen}}
option  metrics 127.0.0.1@{{metrics}}
option  control {{directory}}/{{name}}.control
option  hrevdb {{directory}}/{{name}}.hrev
option  hrevmax 20000
option  cachesize 4M
option  user none
net     all ::/0
auth    accept all
auth    static all .static.soak
auth    hash all .hash.local {NET6}
auth    hrev all {NET6}/64
auth    cache all .
auth    fwd all .
dns     {UPSTREAM}
static  A one.static.soak 192.0.2.1
"""

DHCP = f"""\
stack    stack=lwip,vnl={{vnl}},mac=02:00:00:00:0d:{{number:02x}},eth,ip=fd00:1::{{number}}/64,ip=10.1.0.{{number}}/24
dnsstack stack=kernel
nameserver {STEADY}
domain   hash.local
allow    *.hash.local
lifetime 60/600
subnet   {NET4}
pool     10.1.0.{{number}}00-10.1.0.{{number}}49
lease    60
leases   {{directory}}/{{name}}.leases
duid     {{directory}}/{{name}}.duid
user     none
"""

PROXY = ["-n", "renzo.otip", "-b", "fd00:9::", "-e", "stack=kernel,iface=out0", "-t", "80,127.0.0.1,8080", "--otip_period", "8"]
PROXY += ["--otip_preactive", "3", "--otip_postactive", "3", "--user", "none", "--control", "none"]
FETCHES = 4  # a step

# What is asked of a server all the time: a pattern of names, their type, how many there are, questions a second.
LOADS = {
    "own names": (STEADY, "h######.hash.local", "AAAA", 100000, 1000),
    "from the cache": (STEADY, "c###.soak", "A", 100, 1000),
    "forwarded": (STEADY, "f#######.soak", "A", 10000000, 50),
    "of the other": (MORTAL, "h######.hash.local", "AAAA", 100000, 200),
}
ZONE = upstream.ROOT_ZONE + "*.soak. A 192.0.2.7\n"


class Service:
    """A daemon that is started again when a fault has ended it, and by nothing else."""

    def __init__(self, soak, name, *argv):
        self.soak, self.name, self.argv = soak, name, argv
        self.starts, self.deaths = 0, []
        self.start()

    def start(self):
        self.daemon = self.soak.world.daemon(HERE, *self.argv)
        self.starts += 1

    def kill(self):
        self.daemon.kill()
        self.start()

    def look(self):
        """Memory and descriptors; a service that has ended by itself is started again, and remembered."""
        if not self.daemon.is_alive():
            self.deaths.append({"at": self.soak.now(), "status": self.daemon.process.returncode, "said": self.daemon.stderr()[-2000:]})
            self.start()
        try:
            descriptors = len(os.listdir(f"/proc/{self.daemon.pid}/fd"))
            return {"rss_mb": self.daemon.rss_bytes() / (1 << 20), "fds": descriptors, "starts": self.starts}
        except OSError:
            return None


class Load:
    """dns_load, a step long, again and again."""

    def __init__(self, build, name, directory):
        self.name, self.log = name, directory / f"load-{name.replace(' ', '-')}"
        server, pattern, kind, count, rate = LOADS[name]
        self.argv = [build / "tests/bench/dns/dns_load", "-n", pattern, "-t", kind, "-c", count, "-r", rate, "-l", STEP_S]
        self.argv = [str(word) for word in [*self.argv, server, 53]]
        self.start()

    def start(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(self.argv, stdout=out, stderr=subprocess.DEVNULL)

    def step(self):
        """What the last step gave; begins another."""
        self.process.wait()
        lines = self.log.read_text().splitlines()
        self.start()
        told = json.loads(lines[-1]) if lines else {"sent": 0, "answered": 0, "lost": 0, "rcodes": {}, "p50_us": 0, "p99_us": 0}
        return {key: told[key] for key in ("sent", "answered", "lost", "rcodes", "p50_us", "p99_us")}


class Guest:
    """A host that comes, gets its addresses by its name alone, and goes, with a word or without."""

    def __init__(self, soak, number):
        self.soak, self.name, self.since = soak, f"guest{number}.hash.local", soak.now()
        mac = f"02:00:00:01:{number >> 8 & 255:02x}:{number & 255:02x}"
        self.options = f"mac={mac},eth,dhcp,dhcp6,rd,fqdn={self.name}"
        self.start()
        self.wanted = subprocess.run([soak.build / "programs/hashaddr", "-b", NET6, self.name], capture_output=True, text=True)

    def start(self):
        read, self.input = os.pipe()
        program = self.soak.build / "tests/net/conf_client"
        self.daemon = self.soak.world.daemon(HERE, program, "lwip", self.soak.vnl, self.options, stdin=read)
        os.close(read)

    def look(self):
        """A program that starts while its network is not there ends, and says so; a service manager starts it again. One that
        ends otherwise stays as it is, and is judged."""
        if not self.daemon.is_alive() and self.daemon.process.returncode > 0 and not self.daemon.stdout():
            os.close(self.input)
            self.start()

    def is_bound(self):
        states = [line for line in self.daemon.stdout().split("\n")[:-1] if '"state"' in line]
        held = {a["addr"] for a in json.loads(states[-1])["state"]["addresses"]} if states else set()
        return self.wanted.stdout.strip() in held and any(a.startswith("10.1.0.") for a in held)

    def age(self):
        return self.soak.now() - self.since

    def leave(self, politely):
        os.close(self.input)
        if politely and self.daemon.is_alive():
            try:
                self.daemon.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.daemon.kill()


class Soak:
    def __init__(self, build, seed):
        self.build, self.seed, self.random = build, seed, random.Random(seed)
        self.began = time.monotonic()
        self.world = w.World()
        self.faults, self.samples, self.guests_seen = [], [], []
        self.paused_until = 0
        self.guest, self.guests = None, 0

    def now(self):
        return time.monotonic() - self.began

    # ---- what there is ----

    def file(self, name, text):
        path = self.world.directory / name
        path.write_text(text)
        return path

    def start_hub(self):
        hub = self.world.daemon(HERE, "vde_plug", "null://", f"hub://{self.world.directory}/hub")
        hub.wait_until((self.world.directory / "hub/ctl").exists, "the hub's control socket")
        self.hub = hub

    def named(self, name, listen, metrics):
        file = name.replace(" ", "-")
        text = NAMED.format(listen=listen, metrics=metrics, directory=self.world.directory, name=file)
        service = Service(self, name, self.build / "programs/iothnamed", self.file(f"{file}.rc", text))
        question = [f"@{listen}", "one.static.soak", "+short"]
        service.daemon.wait_until(lambda: "192.0.2.1" in HERE.dig(*question, check=False), f"{name} answers")
        return service

    def dhcp(self, name, number):
        file = name.replace(" ", "-")
        text = DHCP.format(vnl=self.vnl, number=number, directory=self.world.directory, name=file)
        return Service(self, name, self.build / "programs/namedhcp", "-f", self.file(f"{file}.rc", text))

    def start(self):
        self.vnl = f"vde://{self.world.directory}/hub"
        self.start_hub()
        self.start_upstream()
        self.services = [self.named("steady iothnamed", STEADY, 9101), self.named("mortal iothnamed", MORTAL, 9102)]
        self.services += [self.dhcp("steady namedhcp", 1), self.dhcp("mortal namedhcp", 2)]
        router = ["-s", self.vnl, "-m", "02:00:00:00:0a:01", "-P", 10, "--user", "none", "prefix", "fd00:2::/64/LA/600/300"]
        self.services.append(Service(self, "mortal iothradvd", self.build / "programs/iothradvd", *router))
        self.services.append(self.start_proxy())
        self.loads = [Load(self.build, name, self.world.directory) for name in LOADS]

    def service(self, name):
        return next(service for service in self.services if service.name == name)

    def start_proxy(self):
        """A web server on the loopback, a proxy in front of it, and clients behind a cable."""
        self.client = self.world.namespace("client")
        self.world.link(HERE, "out0", self.client, "out0")
        HERE.add_address("out0", "fd00:9::1/64")
        self.client.add_address("out0", "fd00:9::2/64")
        pages = self.world.directory / "pages"
        pages.mkdir()
        (pages / "page").write_bytes(bytes(range(256)) * 4096)
        self.world.daemon(HERE, "/usr/bin/python3", "-m", "http.server", "-b", "127.0.0.1", "-d", pages, 8080)
        self.secret = self.file("secret", "mypassword\n")
        self.secret.chmod(0o600)
        return Service(self, "steady otip_rproxy", self.build / "programs/otip_rproxy", *PROXY, "--passwdfile", self.secret)

    def fetch(self):
        """The page, at the address of the moment: [seconds, or None]."""
        took = []
        for _ in range(FETCHES):
            command = [self.build / "programs/otipaddr", "-b", "fd00:9::", "-T", "8", "--passwd-file", self.secret, "renzo.otip"]
            address = subprocess.run(command, capture_output=True, text=True).stdout.strip()
            url = f"http://[{address}]/page"
            curl = [peers.program("curl"), "-sS", "-o", "/dev/null", "--max-time", "10", "-w", "%{size_download} %{time_total}", url]
            environment = {**os.environ, **peers.environment()}
            told = self.client.run(*curl, check=False, timeout=30, env=environment).stdout.split()
            took.append(float(told[1]) if told and told[0] == str(1 << 20) else None)
        return took

    def start_upstream(self):
        directory = self.world.directory / "upstream"
        directory.mkdir(exist_ok=True)
        (directory / "root.zone").write_text(ZONE)
        (directory / "knot.conf").write_text(upstream.KNOT_CONFIGURATION.format(directory=directory, listen=f"{UPSTREAM}@53"))
        self.upstream = self.world.daemon(HERE, peers.program("knotd"), "-c", directory / "knot.conf", env=peers.environment())

    # ---- what happens to it ----

    def fault(self):
        kinds = {
            "the mortal name server is killed": lambda: self.service("mortal iothnamed").kill(),
            "a DHCP server is killed": lambda: self.service("mortal namedhcp").kill(),
            "the router is killed": lambda: self.service("mortal iothradvd").kill(),
            "the name server reloads": lambda: self.service("steady iothnamed").daemon.signal(signal.SIGHUP),
            "a DHCP server reloads": lambda: self.service("steady namedhcp").daemon.signal(signal.SIGHUP),
            "upstream is silent for 10 s": self.pause_upstream,
            "upstream is killed": self.kill_upstream,
            "the hub is killed": self.kill_hub,
        }
        what = self.random.choice(sorted(kinds))
        self.faults.append({"at": self.now(), "what": what})
        kinds[what]()

    def pause_upstream(self):
        self.upstream.signal(signal.SIGSTOP)
        self.paused_until = self.now() + 10

    def kill_upstream(self):
        self.upstream.kill()
        self.start_upstream()

    def kill_hub(self):
        """Its folder goes at once, since those who were connected remove and make files in it meanwhile."""
        folder = self.world.directory / "hub"
        self.hub.kill()
        folder.rename(folder.with_name("dead-hub"))
        shutil.rmtree(folder.with_name("dead-hub"), ignore_errors=True)
        self.start_hub()

    def invite(self):
        """One guest at a time; it stays some time after it has its addresses."""
        guest = self.guest
        if guest is None:
            self.guest, self.stays = Guest(self, self.guests), None
            self.guests += 1
            return
        guest.look()
        if self.stays is None and guest.is_bound():
            self.guests_seen.append({"at": self.now(), "bound_after_s": guest.age()})
            self.stays = self.now() + self.random.uniform(0, 40)
        late = self.stays is None and guest.age() > BOUND_S
        if late:
            self.guests_seen.append({"at": self.now(), "bound_after_s": None, "said": guest.daemon.stdout()[-2000:]})
        if late or (self.stays is not None and self.now() >= self.stays):
            guest.leave(self.random.random() < 0.5)
            self.guest = None

    def metrics(self):
        """The sums of the steady server's counters."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:9101/metrics", timeout=2) as page:
                lines = page.read().decode().splitlines()
        except OSError:
            return None
        sums = {}
        for line in lines:
            if not line.startswith("#") and "_bucket" not in line:
                name, value = line.split("{")[0].split()[0], line.rsplit(" ", 1)[1]
                sums[name] = sums.get(name, 0) + float(value)
        return sums

    def step(self):
        loads = {load.name: load.step() for load in self.loads}  # which waits until the step is over
        if self.paused_until and self.now() >= self.paused_until:
            self.upstream.signal(signal.SIGCONT)
            self.paused_until = 0
        services = {service.name: service.look() for service in self.services}
        sample = {"at": self.now(), "loads": loads, "services": services, "fetches": self.fetch(), "metrics": self.metrics()}
        self.samples.append(sample)
        self.invite()

    def run(self, seconds):
        next_fault = FAULT_S
        while self.now() < seconds:
            self.step()
            if self.now() >= next_fault and not self.paused_until:
                self.fault()
                next_fault = self.now() + FAULT_S

    def results(self):
        return {
            "date": time.strftime("%Y-%m-%d"),
            "machine": common.Machine().words(),
            "seed": self.seed,
            "hours": self.now() / 3600,
            "samples": self.samples,
            "faults": self.faults,
            "guests": self.guests_seen,
            "deaths": {service.name: service.deaths for service in self.services},
        }


def main():
    parser = argparse.ArgumentParser(prog="script/soak")
    parser.add_argument("hours", type=float)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    common.say(f"{options.hours:g} hours, seed {options.seed}")
    soak = Soak(w.RELEASE, options.seed)
    try:
        soak.start()
        soak.run(options.hours * 3600)
        results = soak.results()
    finally:
        soak.world.close()
    verdict = report.judge(results)
    path = report.keep(results, verdict)
    print(report.words(results, verdict))
    common.say(f"kept as {path.relative_to(TREE)}")
    if options.write:
        report.write(results, verdict)
    return 0 if all(held for _, held, _ in verdict) else 1


if __name__ == "__main__":
    sys.exit(main())
