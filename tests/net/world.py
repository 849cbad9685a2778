# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the network tests are played in: namespaces, virtual networks, and the daemons and clients that live in them.

script/in-namespace has put the whole test run into namespaces of its own, with a private /run and /tmp; so the names, paths
and addresses used here disturb nobody and vanish with the run. A `World` is what one test (or a module of them) builds in
there; its close() takes it down again.

Nothing here sleeps to wait for something: `wait_for` polls for a condition with a deadline.
"""

import contextlib
import ctypes
import functools
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
# Build folders; the environment may name others.
RELEASE = pathlib.Path(os.environ.get("IOTH_BUILD", TREE / "build/release"))
ASAN = pathlib.Path(os.environ.get("IOTH_BUILD_ASAN", TREE / "build/asan"))
TSAN = pathlib.Path(os.environ.get("IOTH_BUILD_TSAN", TREE / "build/tsan"))
HUB = "vde:///tmp/hub"
CLONE_NEWNET = 0x40000000

PATIENCE_S = 60.0  # how long a test waits before it believes that something will not happen: a busy machine has to have done it

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count(1)  # namespaces of one run all have different names

SANITIZER_REPORT = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def need_plain_build(without=""):
    """Skips the test where the programs to test are a sanitizer's, or that one's: other programs cannot load its libraries, it takes
    memory and a thread of its own, does not bear that a thread begins without memory, and its filter of system calls allows more."""
    cache = RELEASE / "CMakeCache.txt"
    kind = re.search(r"^IOTH_SANITIZE:STRING=(.+)$", cache.read_text(), re.MULTILINE) if cache.exists() else None
    if kind and without in kind[1]:
        pytest.skip(f"{RELEASE} is built with -fsanitize={kind[1]}")


def wait_for(condition, what, deadline_s=PATIENCE_S, poll_s=0.02):
    """Calls condition() until it returns something true, and returns that; fails after deadline_s seconds."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s} s still not: {what}")
        time.sleep(poll_s)


def sanitizer_environment():
    """The environment for daemons: a sanitizer's report ends the process and can be told from all other ends. Where reports go is
    left as it is."""
    options = {
        "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:quarantine_size_mb=16",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
        "TSAN_OPTIONS": "exitcode=99:halt_on_error=0",
    }
    return {**os.environ, **{name: f"{os.environ.get(name, '')}:{words}" for name, words in options.items()}}


def listens(path):
    """Whether somebody waits for connections at that socket of this namespace; who comes before that is refused, and ends."""
    accepts = "00010000"  # a flag of sockets in proc(5), unix
    lines = [line.split() for line in open("/proc/thread-self/net/unix")]
    return any(line[3] == accepts and line[-1] == str(path) for line in lines)


def accepts(path):
    """Whether a connection can be made to that socket: its name is there a moment before that."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        return True
    return False


def command(path, words):
    """What a daemon's control socket answers to a command."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE_S)
        asking.connect(str(path))
        asking.sendall(f"{words}\n".encode())
        told = b""
        while not re.search(rb"^(ok|error.*)\n\Z", told, re.MULTILINE):
            more = asking.recv(65536)
            assert more, f"the answer to '{words}' ended early: {told}"
            told += more
    return told.decode()


def echoes(connection, data=b"is anybody there?"):
    """Whether what is sent comes back."""
    connection.sendall(data)
    got = b""
    while len(got) < len(data):
        more = connection.recv(65536)
        assert more, "the connection ended"
        got += more
    return got == data


class Stalls:
    """How long this machine lets its programs wait: what a busy machine does is no fault of theirs."""

    TICK_S = 0.02

    def __init__(self):
        self._late = []  # (when it woke, how late)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        then = time.monotonic()
        while True:
            time.sleep(self.TICK_S)  # what is measured
            now = time.monotonic()
            self._late.append((now, now - then - self.TICK_S))
            then = now

    def _between(self, begin, end):
        """Those between two moments of the monotonic clock."""
        return [late for at, late in list(self._late) if begin - 0.1 <= at <= end + late + 0.1]

    def worst(self, begin, end):
        """The longest."""
        return max(self._between(begin, end), default=0)

    def total(self, begin, end):
        """All together."""
        return sum(self._between(begin, end))


@functools.cache
def stalls():
    """Those of this machine, from the first call on."""
    return Stalls()


def stood_still(begin):
    """Whether, since then, programs have waited for so long that a promise about time could not be kept."""
    end = time.monotonic()
    return stalls().worst(begin, end) > 0.1 or stalls().total(begin, end) > 0.1 * (end - begin)


class Namespace:
    """A network namespace, and how to run a program or make a socket in it."""

    def __init__(self, name, net_path, enter):
        self.name = name
        self._net_path = net_path
        self._enter = enter  # the nsenter(1) command line that leads into it

    @contextlib.contextmanager
    def entered(self):
        """While this is open, sockets that the calling thread makes belong to this namespace."""
        with open("/proc/thread-self/ns/net", "rb") as before, open(self._net_path, "rb") as there:
            _setns(there)
            try:
                yield self
            finally:
                _setns(before)

    def command(self, *argv):
        return [*self._enter, *map(str, argv)]

    def run(self, *argv, timeout=PATIENCE_S, check=True, **kwargs):
        """Runs a program to its end; returns the CompletedProcess, with stdout and stderr as text."""
        result = subprocess.run(
            self.command(*argv), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **kwargs
        )
        if check and result.returncode != 0:
            raise AssertionError(f"{self.name}: {argv} gave {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def ip(self, words):
        self.run("ip", *words.split())

    def add_address(self, interface, address):
        """address: ADDR/LEN. No duplicate address detection, which would take a second."""
        nodad = "nodad" if ":" in address else ""
        self.ip(f"address add {address} dev {interface} {nodad}")

    def host(self, *arguments, **kwargs):
        """host(1), with the name servers of this namespace's resolv.conf unless the last argument names one."""
        return self.run("host", "-W", "4", "-R", "4", *arguments, **kwargs)

    def dig(self, *arguments, **kwargs):
        return self.run("dig", "+time=2", "+tries=4", *arguments, **kwargs).stdout


def _setns(namespace_file):
    if _libc.setns(namespace_file.fileno(), CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Daemon:
    """A program that runs in a namespace until it is stopped. Its stderr is kept."""

    def __init__(self, namespace, *argv, env=None, preexec_fn=None, stdin=subprocess.DEVNULL):
        self.argv = [str(word) for word in argv]
        self._stderr = tempfile.TemporaryFile()
        self._stdout = tempfile.TemporaryFile()
        # nsenter replaces itself by the program, so the process is the daemon's own.
        self.process = subprocess.Popen(
            namespace.command(*argv),
            stdin=stdin,
            stdout=self._stdout,
            stderr=self._stderr,
            env={**sanitizer_environment(), **(env or {})},
            preexec_fn=preexec_fn,
        )
        self.pid = self.process.pid

    def stderr(self):
        return self._text(self._stderr)

    def stdout(self):
        return self._text(self._stdout)

    @staticmethod
    def _text(file):
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0).decode(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def wait_until(self, condition, what, deadline_s=PATIENCE_S):
        """Waits for a condition; fails at once, with the daemon's own words, if the daemon ends meanwhile."""

        def condition_or_end():
            if not self.is_alive():
                raise AssertionError(f"{self.argv[0]} ended with {self.process.returncode}:\n{self.stderr()}")
            return condition()

        return wait_for(condition_or_end, what, deadline_s)

    def signal(self, number):
        os.kill(self.pid, number)

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        """The CPU time of all its threads so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, deadline_s=PATIENCE_S):
        """SIGTERM, then waits for the end; returns the exit status. A sanitizer's report is a failure, whatever the status."""
        if self.is_alive():
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.argv[0]} was still there {deadline_s} s after SIGTERM:\n{self.stderr()}") from None
        self.assert_no_report()
        return status

    def kill(self):
        """SIGKILL, if it is still there."""
        if self.is_alive():
            self.process.kill()
        self.process.wait()

    def end(self):
        """What is left of it when its world ends. That is no place for a sanitizer's report that nobody has read."""
        self.kill()
        self.assert_no_report()

    def assert_no_report(self):
        assert not SANITIZER_REPORT.search(self.stderr()), self.stderr()


def namespace_below(daemon):
    """The namespace of a daemon's child: that of vdestack is such a one."""
    tasks = f"/proc/{daemon.pid}/task"
    children = [pid for task in os.listdir(tasks) for pid in open(f"{tasks}/{task}/children").read().split()]
    here = os.readlink(f"/proc/{daemon.pid}/ns/net")
    (pid,) = [pid for pid in children if os.readlink(f"/proc/{pid}/ns/net") != here]
    enter = ["nsenter", f"--target={pid}", "--user", "--preserve-credentials", "--net", "--"]
    return Namespace("stack", f"/proc/{pid}/ns/net", enter)


NOBODY = 65534


def has_other_users():
    """Not so in a user namespace of one user, which script/in-namespace makes for who is not root."""
    return subprocess.run(["setpriv", f"--reuid={NOBODY}", "true"], capture_output=True).returncode == 0


def without_privilege(*argv):
    """The command that runs argv as an ordinary user, without any capability or a way to get one. Where there are no other
    users the same one, who is an ordinary user outside, loses his powers."""
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if has_other_users() else []
    return ["setpriv", *user, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--", *argv]


class World:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="world-"))
        self.directory.chmod(0o755)  # for daemons that run as another user, or that give up root and read their files again
        self._undo = contextlib.ExitStack()

    def close(self):
        self._undo.close()

    def in_background(self, sock, take):
        """Calls take(), which waits for something at a socket, over and over in a thread, until the end of the world. The socket is
        closed behind the end of the thread, which might else wait at another one that has got its number."""
        over = threading.Event()
        sock.settimeout(0.1)

        def run():
            while not over.is_set():
                with contextlib.suppress(OSError):
                    take()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        for undone in (sock.close, thread.join, over.set):  # from the last to the first
            self._undo.callback(undone)

    # Namespaces and the links between them

    def namespace(self, name):
        """A new namespace with its loopback interface up."""
        full_name = f"{name}-{next(_serial)}"
        subprocess.run(["ip", "netns", "add", full_name], check=True)
        self._undo.callback(subprocess.run, ["ip", "netns", "delete", full_name], check=False)
        path = f"/run/netns/{full_name}"
        namespace = Namespace(full_name, path, ["nsenter", f"--net={path}", "--"])
        with namespace.entered():
            _without_duplicate_detection()
        namespace.ip("link set lo up")
        return namespace

    def link(self, one, one_interface, other, other_interface):
        """A cable (veth) between two namespaces, with both ends up."""
        one.ip(f"link add {one_interface} type veth peer name {other_interface} netns {other.name}")
        one.ip(f"link set {one_interface} up")
        other.ip(f"link set {other_interface} up")

    def with_resolver(self, namespace, server):
        """The same namespace, for programs that read /etc/resolv.conf: there they find `server`."""
        resolv_conf = self.directory / f"resolv.conf-{server}"
        resolv_conf.write_text(f"nameserver {server}\n")
        mount = f'mount --bind {resolv_conf} "$(readlink -f /etc/resolv.conf)" && exec "$@"'
        enter = [*namespace._enter, "unshare", "--mount", "sh", "-c", mount, "sh"]
        return Namespace(namespace.name, namespace._net_path, enter)

    # Virtual Ethernet

    def hub(self, ordinary_user=False):
        """The hub of the scenarios, which belongs to whoever is to use it. Skips the test where there can be none."""
        need_virtual_ethernet()
        # The daemon is killed at the end and leaves its sockets behind.
        self._undo.callback(shutil.rmtree, "/tmp/hub", ignore_errors=True)
        inside = Namespace("here", "/proc/self/ns/net", [])
        command = ["vde_plug", "null://", "hub:///tmp/hub"]
        hub = self.daemon(inside, *(without_privilege(*command) if ordinary_user else command))
        hub.wait_until(lambda: listens("/tmp/hub/ctl"), "the hub's control socket")
        return hub

    def vde_client(self, name, addresses, resolver=None):
        """A client on the hub, made by vdens: its interface is vde0."""
        inside = Namespace("here", "/proc/self/ns/net", [])
        resolver_options = ["-R", resolver] if resolver else []
        holder = self.daemon(inside, "vdens", *resolver_options, HUB, "sh", "-c", "echo $$ && exec sleep infinity")
        pid = int(holder.wait_until(holder.stdout, f"vdens for {name}"))
        # vdens gives its command a user namespace of its own, where it may configure the network.
        enter = ["nsenter", f"--target={pid}", "--user", "--preserve-credentials", "--net", "--mount", "--"]
        client = Namespace(name, f"/proc/{pid}/ns/net", enter)
        client.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/vde0/accept_dad || true")
        client.ip("link set lo up")
        client.ip("link set vde0 up")
        for address in addresses:
            client.add_address("vde0", address)
        return client

    # Daemons

    def daemon(self, namespace, *argv, **kwargs):
        """Starts a program; if the test does not stop it, the end of the world does."""
        daemon = Daemon(namespace, *argv, **kwargs)
        self._undo.callback(daemon.end)
        return daemon

    def iothnamed(self, namespace, configuration, build=RELEASE, ordinary_user=False, **kwargs):
        """Starts iothnamed from a file (a path) or from text. It may not answer yet: see wait_until of Daemon."""
        if isinstance(configuration, str):
            path = self.directory / f"iothnamed-{next(_serial)}.rc"
            path.write_text(configuration)
            configuration = path
        command = [build / "programs/iothnamed", configuration]
        daemon = self.daemon(namespace, *(without_privilege(*command) if ordinary_user else command), **kwargs)
        daemon.configuration = configuration
        return daemon


def _without_duplicate_detection():
    for interface in ("all", "default"):
        path = pathlib.Path(f"/proc/sys/net/ipv6/conf/{interface}/accept_dad")
        if path.exists():
            path.write_text("0")


def need_virtual_ethernet():
    """Skips the test where vdestack and vdens cannot work: their interfaces are taps in new user namespaces."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("no access to /dev/net/tun: vdestack and vdens cannot make their interfaces")
    tried = subprocess.run(["unshare", "--user", "--net", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no user namespace can be made here: {tried.stderr.strip()}")
