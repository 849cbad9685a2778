# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each daemon has given up when it serves, and that it serves all the same: started by root, and as its systemd unit starts
it. The kernel is asked: /proc of every thread for users, groups, capabilities, no_new_privs and seccomp, and ptrace(2) for the
filter itself, which is then run here on each system call there is."""

import collections
import contextlib
import ctypes
import itertools
import os
import pathlib
import pwd
import re
import signal
import socket
import struct

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, IPv6
from scapy.layers.l2 import Ether

import questions
import server
import world as w

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not w.has_other_users(), reason="only root, among other users, has privileges to give up"
)

PROGRAMS = w.RELEASE / "programs"
DAEMONS = ["iothnamed", "iothradvd", "namedhcp", "otip_rproxy"]
STARTS = ["root", "unit"]

# capabilities(7)
NUMBER_OF = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}
# What stays once it serves on the system's own stack; of the others nothing does.
KEPT = {"namedhcp": ["CAP_NET_RAW"], "otip_rproxy": ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]}


def bits(names):
    return sum(1 << NUMBER_OF[name] for name in names)


def unit(name):
    """The settings of the packaged unit."""
    text = (w.TREE / f"packaging/{name}.service.in").read_text()
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


# ---- the daemons, each on the system's own stack at one end of a cable ----


class Service:
    """A daemon, its files, and the peer at the other end of its cable."""

    name = None

    def __init__(self, world, start):
        self.world, self.start = world, start
        self.here, self.peer = world.namespace("here"), world.namespace("peer")
        world.link(self.here, "lan0", self.peer, "lan0")
        self.here.add_address("lan0", "fd00:b::1/64")
        self.here.add_address("lan0", "10.11.0.1/24")
        self.peer.add_address("lan0", "fd00:b::2/64")
        self.peer.add_address("lan0", "10.11.0.2/24")
        self.user = self.packaged_user()
        self.state, run = world.directory / "state", world.directory / "run"
        for folder in (self.state, run):
            folder.mkdir(mode=0o755)
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        self.control, self.file = run / "control", world.directory / f"{self.name}.rc"
        self.write(self.configuration())
        umask = int(unit(self.name)["UMask"], 8)
        environment = {"RUNTIME_DIRECTORY": str(run)}
        self.daemon = world.daemon(self.here, *self.command(), env=environment, preexec_fn=lambda: os.umask(umask))
        self.daemon.wait_until(self.is_ready, f"{self.name} serves")

    def packaged_user(self):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(self.name)
        return pwd.getpwnam("nobody")

    def command(self):
        return [*(self.as_the_unit_does() if self.start == "unit" else []), PROGRAMS / self.name, *self.arguments()]

    def as_the_unit_does(self):
        """User=, AmbientCapabilities=, CapabilityBoundingSet= and NoNewPrivileges=, by setpriv(1)."""
        settings = unit(self.name)
        assert settings["NoNewPrivileges"] == "yes"
        short = [c.removeprefix("CAP_").lower() for c in settings["AmbientCapabilities"].split()]
        given = ",".join(f"+{c}" for c in short)
        sets = [f"--inh-caps={given}", f"--ambient-caps={given}", f"--bounding-set=-all,{given}"]
        user = [f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--init-groups"]
        return ["setpriv", *user, "--no-new-privs", *sets, "--"]

    def arguments(self):
        return ["-f", self.file]

    def write(self, text):
        self.file.write_text(text)
        self.file.chmod(0o644)

    def is_ready(self):
        """Its threads run: they begin when all is given up."""
        return w.accepts(self.control) and self.say("help")

    def say(self, words):
        """What the control socket answers to a command."""
        return w.command(self.control, words)

    def hear(self, wanted, send=None, deadline_s=w.PATIENCE_S):
        """The first frame at the peer's end that is wanted; `send` goes out before each wait."""
        with self.peer.entered():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        with s:
            s.bind(("lan0", 3))
            s.settimeout(0.2)

            def heard():
                if send is not None:
                    s.send(bytes(send))
                with contextlib.suppress(TimeoutError):
                    while True:
                        frame = Ether(s.recv(65536))
                        if wanted(frame):
                            return frame

            return w.wait_for(heard, "that frame", deadline_s)


class Iothnamed(Service):
    name = "iothnamed"
    rules = server.LOCAL.replace("net     local", "option metrics 127.0.0.1@9553\nnet     local", 1)

    def configuration(self):
        return f"option hrevdb {self.state}/names.db\n" + self.rules

    def arguments(self):
        return [self.file]

    def is_ready(self):
        return questions.answers(self.here, "one.test.local")

    def work(self):
        """Answers, a reload, a store that vanished and is made anew."""
        store = self.state / "names.db"
        assert store.stat().st_uid == self.user.pw_uid and store.stat().st_mode & 0o777 == 0o600
        self.write(self.configuration() + "static A two.test.local 192.168.1.2\n")
        assert self.say("reload").endswith("ok\n")
        for tcp in (False, True):
            assert questions.addresses(questions.ask(self.here, "two.test.local", tcp=tcp)) == ["192.168.1.2"]
        for file in self.state.iterdir():
            file.unlink()
        numbers = itertools.count()

        def is_made_anew():
            questions.ask(self.here, f"name{next(numbers)}.hash.local", "AAAA")
            return store.exists()

        w.wait_for(is_made_anew, "the store is there again")
        assert store.stat().st_uid == self.user.pw_uid
        page = self.here.run("python3", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9553/metrics').read())").stdout
        assert "iothnamed_queries" in page


class OnLwip(Iothnamed):
    rules = f"stack stack=lwip,vnl={w.HUB},ip=fd00:d::1/64,eth,dhcp,timeout=1\nnet all ::/0\nauth hash all .hash.local fd00:d::\n"

    def is_ready(self):
        return Service.is_ready(self)


class Iothradvd(Service):
    name = "iothradvd"

    def configuration(self):
        return "iface lan0\nperiod 4\nprefix fd00:b::/64/LA/7200/3600\n"

    def advertised(self, prefix):
        def is_it(frame):
            options = frame.iterpayloads() if ICMPv6ND_RA in frame else []
            return any(isinstance(o, ICMPv6NDOptPrefixInfo) and o.prefix == prefix for o in options)

        return self.hear(is_it)

    def work(self):
        """Advertisements, and others after a reload."""
        assert self.advertised("fd00:b::")[IPv6].hlim == 255
        self.write(self.configuration().replace("fd00:b::", "fd00:c::"))
        assert self.say("reload").endswith("ok\n")
        self.advertised("fd00:c::")


class Namedhcp(Service):
    name = "namedhcp"

    def configuration(self):
        return (
            f"iface lan0\nnameserver fd00:b::2\nsubnet 10.11.0.0/24\npool 10.11.0.100-10.11.0.119\nprobe off\ndomain lab.test\n"
            f"leases {self.state}/leases.mdb\nduid {self.state}/duid\n"
        )

    def lease(self, number):
        """DISCOVER, REQUEST, by frames; the address."""
        mac = f"02:00:00:00:0c:{number:02x}"

        def ask(kind, *options):
            bootp = BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=number + 1, flags=0x8000)
            head = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
            wanted = {"discover": 2, "request": 5}[kind]

            def is_it(frame):
                if BOOTP not in frame or frame[BOOTP].op != 2 or frame[BOOTP].xid != number + 1:
                    return False
                return ("message-type", wanted) in frame[DHCP].options

            frame = head / bootp / DHCP(options=[("message-type", kind), *options, "end"])
            return self.hear(is_it, frame)[BOOTP].yiaddr

        offered = ask("discover")
        return ask("request", ("requested_addr", offered), ("server_id", "10.11.0.1"))

    def work(self):
        """Leases, kept on the disk, before a reload and behind it."""
        assert self.lease(1).startswith("10.11.0.1")
        self.write(self.configuration() + "pool 10.11.0.200-10.11.0.209\n")
        assert self.say("reload").endswith("ok\n")
        w.wait_for(lambda: "10.11.0.200-10.11.0.209" in self.say("pools"), "the other pool")
        second = self.lease(2)
        self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait()
        for file in self.state.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
        with contextlib.suppress(FileNotFoundError):
            self.control.unlink()
        self.daemon = self.world.daemon(self.here, *self.command(), env={"RUNTIME_DIRECTORY": str(self.control.parent)})
        self.daemon.wait_until(self.is_ready, "it serves again")
        w.wait_for(lambda: second in self.say("leases"), "the lease is on record")


class Otip_rproxy(Service):
    name = "otip_rproxy"
    secret = "a password of the test"

    def configuration(self):
        self.password = self.world.directory / "password"
        self.password.write_text(self.secret + "\n")
        self.password.chmod(0o640)  # root's, for the group of the daemon
        os.chown(self.password, 0, self.user.pw_gid)
        return (
            f"extstack stack=kernel,iface=lan0\nname renzo.otip\nbase fd00:b::\npasswdfile {self.password}\notip_period 2\n"
            "otip_preactive 1\notip_postactive 1\ntcp 7,127.0.0.1,7007\n"
        )

    def addresses(self):
        return re.findall(r"^ (\S+) epoch \d+ open ", self.say("addresses"), re.MULTILINE)

    def is_ready(self):
        return super().is_ready() and self.addresses()

    def goes_through(self, port):
        """A byte to the hidden server and back, at an address that is open now."""
        for address in self.addresses():
            with self.peer.entered(), contextlib.suppress(OSError):
                with socket.create_connection((address, port), 1) as s:
                    s.sendall(b"x")
                    return s.recv(1) == b"x"
        return False

    def work(self):
        """Bytes go through, addresses come and go, and a reload opens a port that takes a capability."""
        with self.here.entered():
            hidden = socket.create_server(("127.0.0.1", 7007))
        self.world.in_background(hidden, lambda: reflect(hidden))
        w.wait_for(lambda: self.goes_through(7), "bytes go through")
        before = set(self.addresses())
        w.wait_for(lambda: not before & set(self.addresses()), "other addresses")
        w.wait_for(lambda: self.goes_through(7), "bytes go through")
        self.write(self.configuration() + "tcp 9,127.0.0.1,7007\n")
        assert self.say("reload").endswith("ok\n")
        w.wait_for(lambda: self.goes_through(9), "bytes go through at the new port")


def reflect(listener):
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        connection.sendall(connection.recv(100))


KINDS = {kind.name: kind for kind in (Iothnamed, Iothradvd, Namedhcp, Otip_rproxy)}


@pytest.fixture
def service(world, name, start):
    if not (PROGRAMS / name).exists():
        pytest.skip(f"{PROGRAMS / name} is not built")
    made = KINDS[name](world, start)
    yield made
    assert made.daemon.stop() == 0, made.daemon.stderr()


# ---- what /proc says of each thread ----


def threads(pid):
    return sorted(int(task) for task in os.listdir(f"/proc/{pid}/task"))


def status(pid, thread):
    lines = pathlib.Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
    return {key: value.split() for key, value in (line.split(":", 1) for line in lines)}


def assert_has_nothing_else(service, thread, bounding=True):
    told, user = status(service.daemon.pid, thread), service.user
    what = (service.name, told["Name"])
    kept, settings = bits(KEPT.get(service.name, [])), unit(service.name)
    # Who may not set the bounding set keeps the unit's; no_new_privs says that nothing is gained by it.
    bound = 0 if service.start == "root" else bits(settings["CapabilityBoundingSet"].split())
    assert told["Uid"] == [str(user.pw_uid)] * 4, what
    assert told["Gid"] == [str(user.pw_gid)] * 4, what
    assert set(told["Groups"]) <= {str(g) for g in os.getgrouplist(user.pw_name, user.pw_gid)}, what
    expected = {"CapInh": 0, "CapPrm": kept, "CapEff": kept, "CapAmb": 0} | ({"CapBnd": bound} if bounding else {})
    assert {key: int(told[key][0], 16) for key in expected} == expected, what
    assert told["NoNewPrivs"] == ["1"] and told["Seccomp"] == ["2"] and told.get("Seccomp_filters", ["1"]) == ["1"], what


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", DAEMONS)
def test_what_is_given_up_and_what_works_all_the_same(service):
    for thread in threads(service.daemon.pid):
        assert_has_nothing_else(service, thread)
    assert service.say("help").endswith("ok\n")
    service.work()
    for thread in threads(service.daemon.pid):  # threads that began meanwhile, too
        assert_has_nothing_else(service, thread)
    assert "a reload will fail" not in service.daemon.stderr()


@pytest.mark.parametrize("start", STARTS)
def test_threads_of_stacks_give_up_too(world, start):
    """lwip's own thread, and that of the clients, are there before anything is given up."""
    w.need_plain_build(without="thread")
    world.hub(ordinary_user=True)
    service = OnLwip(world, start)
    assert len(threads(service.daemon.pid)) >= 4
    for thread in threads(service.daemon.pid):  # a bounding set can be dropped by its thread alone, and bounds nothing any more
        assert_has_nothing_else(service, thread, bounding=False)
    assert len({filter_of(thread) for thread in threads(service.daemon.pid)}) == 1
    assert service.daemon.stop() == 0, service.daemon.stderr()


# ---- the filter itself ----

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_SECCOMP_GET_FILTER = 17, 0x4206, 0x4207, 0x420C
WALL = 0x40000000
ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD = 0x7FFF0000, 0x00050000, 0x80000000, 0x00000000
ENOSYS = 38
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 1, 2, 10, 16, 17
CLONE_THREAD, CLONE_NEWUSER, CLONE_OF_PTHREADS = 0x10000, 0x10000000, 0x3D0F00
NUMBERS = range(0, 1024)  # of system calls: more than there are

Instruction = collections.namedtuple("Instruction", "code jt jf k")


def ptrace(request, thread, address=0, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    result = libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), ctypes.c_void_p(address), data)
    if result < 0:
        pytest.skip(f"no filter can be read here: ptrace: {os.strerror(ctypes.get_errno())}")
    return result


def filter_of(thread):
    """The program around that thread, as the kernel has it."""
    ptrace(PTRACE_SEIZE, thread)
    try:
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WALL)
        n = ptrace(PTRACE_SECCOMP_GET_FILTER, thread)
        raw = ctypes.create_string_buffer(8 * n)
        ptrace(PTRACE_SECCOMP_GET_FILTER, thread, 0, raw)
    finally:
        ptrace(PTRACE_DETACH, thread)
    return tuple(Instruction(*fields) for fields in struct.iter_unpack("=HBBI", raw.raw))


def run(program, number, arguments=(), machine=None):
    """What the filter answers to a system call: classic BPF over struct seccomp_data, seccomp(2)."""
    machine = library().seccomp_arch_native() & 0xFFFFFFFF if machine is None else machine
    padded = [*arguments, *[0] * 6][:6]
    data = struct.pack("=IIQ6Q", number, machine, 0, *(a & 0xFFFFFFFFFFFFFFFF for a in padded))
    a, at = 0, 0
    while True:
        code, jt, jf, k = program[at]
        at += 1
        if code == 0x20:  # LD W ABS
            (a,) = struct.unpack_from("=I", data, k)
        elif code == 0x54:  # AND K
            a &= k
        elif code == 0x06:  # RET K
            return k
        elif code == 0x05:  # JA
            at += k
        else:
            holds = {0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: a & k != 0}[code]
            at += jt if holds else jf


def library():
    return ctypes.CDLL("libseccomp.so.2")


def number_of(name):
    return library().seccomp_syscall_resolve_name(name.encode())


def table(name):
    """The words of a table of sandbox.c; what is for the sanitizers' builds alone is left in."""
    text = (w.TREE / "src/io/sandbox.c").read_text()
    body = re.search(rf"static const char \*const {name}\[\] = {{\n(.*?)\n}};", text, re.DOTALL)[1]
    return " ".join(re.findall(r'"([^"]*)"', body)).split()


def action(answer):
    if answer == ALLOW:
        return "allowed"
    if answer == ERRNO | ENOSYS:
        return "refused"
    return {KILL_PROCESS: "killed", KILL_THREAD: "killed"}.get(answer, hex(answer))


# Name, arguments, and what becomes of it.
CONDITIONS = [
    ("socket", [AF_INET], "allowed"),
    ("socket", [AF_INET6], "allowed"),
    ("socket", [AF_UNIX], "allowed"),
    ("socket", [AF_PACKET], "refused"),
    ("socket", [38], "refused"),  # AF_ALG
    ("socket", [40], "refused"),  # AF_VSOCK
    ("mmap", [0, 4096, 3], "allowed"),
    ("mmap", [0, 4096, 5], "refused"),
    ("mprotect", [0, 4096, 1], "allowed"),
    ("mprotect", [0, 4096, 7], "refused"),
    ("pkey_mprotect", [0, 4096, 7], "refused"),
    ("clone", [CLONE_OF_PTHREADS], "allowed"),
    ("clone", [17], "refused"),  # fork(3)
    ("clone", [CLONE_THREAD | CLONE_NEWUSER], "refused"),
    ("clone3", [], "refused"),
    ("prlimit64", [0, 7, 0], "allowed"),
    ("prlimit64", [0, 7, 4096], "refused"),
    ("prctl", [15], "allowed"),  # PR_SET_NAME
    ("prctl", [4, 1], "refused"),  # PR_SET_DUMPABLE
    ("prctl", [8, 1], "refused"),  # PR_SET_KEEPCAPS
    ("ioctl", [0, 0x5421], "allowed"),  # FIONBIO
    ("ioctl", [0, 0x5412], "refused"),  # TIOCSTI
    ("kill", [1, 9], "refused"),
    ("tgkill", [1, 1, 9], "refused"),
    ("chmod", [], "refused"),
    ("chown", [], "refused"),
    ("link", [], "refused"),
    ("symlink", [], "refused"),
    ("mkdir", [], "refused"),
    ("memfd_create", [], "refused"),
    ("seccomp", [], "refused"),
    ("execve", [], "killed"),
    ("execveat", [], "killed"),
    ("fork", [], "killed"),
    ("vfork", [], "killed"),
    ("ptrace", [], "killed"),
    ("process_vm_readv", [], "killed"),
    ("process_vm_writev", [], "killed"),
    ("unshare", [CLONE_NEWUSER], "killed"),
    ("setns", [], "killed"),
    ("mount", [], "killed"),
    ("bpf", [], "killed"),
    ("setuid", [], "killed"),
    ("capset", [], "killed"),
    ("io_uring_setup", [], "killed"),
    ("userfaultfd", [], "killed"),
    ("init_module", [], "killed"),
]
EXTRAS = {"otip_rproxy": {"splice"}}
I386 = 0x40000003


@pytest.mark.parametrize("start", ["unit"])
@pytest.mark.parametrize("name", DAEMONS)
def test_the_filter(service):
    w.need_plain_build()
    pid, extras = service.daemon.pid, EXTRAS.get(service.name, set())
    filters = {filter_of(thread) for thread in threads(pid)}
    assert len(filters) == 1, "one filter, around all threads"
    (program,) = filters

    for name, arguments, expected in CONDITIONS:
        if (number := number_of(name)) >= 0:
            assert action(run(program, number, arguments)) == expected, (name, arguments)
    own = [pid, pid, signal.SIGHUP]
    assert action(run(program, number_of("tgkill"), own)) == "allowed"
    netlink = "allowed" if service.name == "otip_rproxy" else "refused"
    assert action(run(program, number_of("socket"), [AF_NETLINK])) == netlink

    # Each number there is, whatever its arguments: nothing but what the list says.
    conditional = {"socket", "mmap", "mmap2", "mprotect", "clone", "ioctl", "prctl", "prlimit64", "tgkill"}
    allowed = {number_of(name) for name in table("allowed")} | {number_of(name) for name in extras}
    deadly = {number_of(name) for name in table("deadly")}
    sometimes = {number_of(name) for name in conditional}
    samples = [[], [1] * 6, [2**32 - 1] * 6, [pid] * 6]
    for number in set(NUMBERS) - sometimes:
        expected = "allowed" if number in allowed else "killed" if number in deadly else "refused"
        assert {action(run(program, number, sample)) for sample in samples} == {expected}, number

    # The system calls of other machines, by which filters are gone round.
    if os.uname().machine == "x86_64":
        assert action(run(program, 11, machine=I386)) == "killed"  # execve there
        assert action(run(program, 0x40000000 | 59)) in ("killed", "refused")  # x32


def test_the_reasons_are_in_the_units():
    """What the unit gives is what the program can use: no capability that it does not open something by."""
    for name in DAEMONS:
        settings = unit(name)
        assert set(KEPT.get(name, [])) <= set(settings["AmbientCapabilities"].split())
        assert settings["AmbientCapabilities"] == settings["CapabilityBoundingSet"]
        assert settings["User"] != "root" and settings["MemoryDenyWriteExecute"] == "yes"
        assert settings["ProtectSystem"] == "strict"
