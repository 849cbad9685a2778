# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine whose programs find computed addresses by libnss_otip: a namespace with an /etc of its own, in which nsswitch.conf,
otip.conf and the linker's cache say what they would where it is installed."""

import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import world as w

MODULE = w.RELEASE / "src/libnss_otip/libnss_otip.so.2"
KEY = "00" * 31 + "2a"
SYSTEM = """\
# of the machine
hash   .hash.local  fd00::/64
hash   web.local    fd00::/64
otip   renzo.otip   fd01::/64 secret otip/renzo period 86400
otip2  .two.otip    fd02::/64 key otip/two period 86400
otip   quick.otip   fd01:: period 1 secret otip/renzo
"""
RENZO = "fd00::4cc:8049:6765:d03a"  # renzo.hash.local


@functools.cache
def linker_cache():
    """In the linker's cache the module is found even by setuid programs, as it is where it is installed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="linker-"))
    libraries = [path for top in ("/lib", "/usr/lib") for path in pathlib.Path(top).glob("*-linux-gnu")]
    (folder / "ld.so.conf").write_text("".join(f"{path}\n" for path in [MODULE.parent, *libraries]))
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    subprocess.run([ldconfig, "-X", "-f", folder / "ld.so.conf", "-C", folder / "ld.so.cache"], check=True)
    return folder / "ld.so.cache"


class Machine:
    """A namespace whose programs find `etc` at /etc."""

    def __init__(self, world, namespace=None, hosts="files otip [!UNAVAIL=return] dns"):
        w.need_plain_build()
        if not MODULE.exists():
            pytest.skip(f"{MODULE} is not built")
        self.world = world
        self.etc = world.directory / "etc"
        self.etc.mkdir()
        self.write("nsswitch.conf", f"passwd: files\ngroup: files\nhosts: {hosts}\n")
        self.write("hosts", "127.0.0.1 localhost\n::1 localhost\n")
        self.write("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
        self.write("group", "root:x:0:\nnogroup:x:65534:\n")
        self.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write("otip.conf", SYSTEM)
        (self.etc / "otip").mkdir()
        self.write("otip/renzo", "mypassword\n", 0o600)
        self.write("otip/two", KEY + "\n", 0o600)
        shutil.copy(linker_cache(), self.etc / "ld.so.cache")
        plain = namespace or world.namespace("machine")
        mount = f'mount --bind {self.etc} /etc && exec "$@"'
        enter = [*plain._enter, "unshare", "--mount", "sh", "-c", mount, "sh"]
        self.inside = w.Namespace(plain.name, plain._net_path, enter)

    def write(self, name, text, mode=0o644):
        path = self.etc / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)

    def getent(self, *words, home="/nowhere", **kwargs):
        """What it prints, or None if it finds nothing."""
        env = {**os.environ, "HOME": str(home)}
        env.pop("XDG_CONFIG_HOME", None)
        done = self.inside.run("getent", *words, check=False, env=env, **kwargs)
        assert done.returncode in (0, 2), done.stderr
        return done.stdout if done.returncode == 0 else None

    def computed(self, *words):
        return self.inside.run(w.RELEASE / "programs" / words[0], *words[1:]).stdout.strip()
