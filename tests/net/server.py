# SPDX-License-Identifier: LGPL-2.1-or-later
"""An iothnamed on the loopback of a namespace of its own, and the configurations that most network tests use."""

import questions
import world as w

UPSTREAM = "127.0.0.53"
SECOND_UPSTREAM = "127.0.0.54"
RENZO = "fc00::4cc:8049:6765:d03a"  # renzo.hash.local on fc00::

LOCAL = """\
option  listen 127.0.0.1
option  listen ::1
net     local 127.0.0.0/8
net     local ::1/128
auth    accept local
auth    static local .test.local
auth    static local 192.168.1.0/24
auth    hash local .hash.local fc00::
auth    hrev local fc00::/64
static  A one.test.local 192.168.1.1
static  TXT one.test.local "some text"
static  PTR 192.168.1.1 one.test.local
"""

FORWARD = f"""\
dns     {UPSTREAM}
auth    cache local .
auth    fwd local .
"""

FORWARD_TO_TWO = f"dns {UPSTREAM}\ndns {SECOND_UPSTREAM}\n" + FORWARD.split("\n", 1)[1]


class Box:
    """A namespace with nothing but a loopback, and the server in it."""

    def __init__(self, world, build=w.ASAN):
        self.world = world
        self.build = build
        self.namespace = world.namespace("box")

    def serve(self, configuration=LOCAL, **kwargs):
        """Starts iothnamed and waits until it answers something, be it REFUSED."""
        daemon = self.world.iothnamed(self.namespace, configuration, self.build, **kwargs)
        daemon.wait_until(lambda: questions.answers(self.namespace, "one.test.local"), "iothnamed answers")
        self.daemon = daemon
        return daemon

    def ask(self, *arguments, **options):
        return questions.ask(self.namespace, *arguments, **options)

    def assert_is_not_served(self):
        """Nobody listens on port 53."""
        assert self.namespace.run("ss", "-Hln", "sport", "=", ":53").stdout == ""

    def assert_serves(self):
        """It is alive, and well-formed questions are answered over UDP and TCP."""
        assert self.daemon.is_alive(), self.daemon.stderr()
        for tcp in (False, True):
            assert questions.addresses(self.ask("one.test.local", tcp=tcp)) == ["192.168.1.1"]
        assert questions.addresses(self.ask("renzo.hash.local", "AAAA")) == [RENZO]
