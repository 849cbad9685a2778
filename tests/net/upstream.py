# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers that play upstream: knotd, which is a real one, and a scripted one, which behaves as badly as a test wants."""

import itertools
import socket
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

import peers
from questions import framed, read_tcp_message

# One zone, the root, holds all that the tests ask for; so CNAMEs are followed as a resolver would.
ROOT_ZONE = """\
$ORIGIN .
$TTL 300
@ SOA ns.root.example. hostmaster.root.example. 1 7200 3600 86400 30
@ NS ns.root.example.
ns.root.example. A 8.8.8.8
prep.ai.mit.edu. CNAME ftp.gnu.org.
ftp.gnu.org. A 209.51.188.20
ftp.gnu.org. AAAA 2001:470:142:3::b
mail.gnu.org. MX 10 eggs.gnu.org.
text.gnu.org. TXT "free as in freedom" "second string"
otipcs.v2.cs.unibo.it. 20 AAAA 2001:760:2e00:ff00::
many.v2.cs.unibo.it. AAAA 2001:760:2e00:ff01::
many.v2.cs.unibo.it. AAAA 2001:760:2e00:ff02::
short.gnu.org. 2 A 192.0.2.77
"""

# 4000 bytes of TXT: more than any UDP answer may carry.
BIG_TXT = [f"{number:03d}" + "x" * 197 for number in range(20)]
ROOT_ZONE += "".join(f'big.gnu.org. TXT "{text}"\n' for text in BIG_TXT)

KNOT_CONFIGURATION = """\
server:
    rundir: {directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    listen: [ {listen} ]
log:
  - target: stderr
    any: warning
database:
    storage: {directory}
zone:
  - domain: .
    file: {directory}/root.zone
    zonefile-load: whole
    journal-content: none
"""


UNBOUND_CONFIGURATION = """\
server:
    directory: {directory}
    pidfile: {directory}/unbound.pid
    chroot: ""
    username: ""
    use-syslog: no
    do-daemonize: no
    {listen}
    access-control: 0.0.0.0/0 allow
    module-config: "iterator"
auth-zone:
    name: .
    zonefile: {directory}/root.zone
    for-downstream: no
    for-upstream: yes
    fallback-enabled: no
"""


def start_knotd(world, namespace, addresses, zone=ROOT_ZONE):
    """A knotd of build/peers that serves `zone` on port 53 of those addresses, which the namespace has already: a server
    with authority (AA, no RA)."""
    directory = peer_directory(world, namespace, zone)
    listen = ", ".join(f"{address}@53" for address in addresses)
    (directory / "knot.conf").write_text(KNOT_CONFIGURATION.format(directory=directory, listen=listen))
    return start_peer(world, namespace, addresses, "knotd", "-c", directory / "knot.conf")


def start_unbound(world, namespace, addresses, zone=ROOT_ZONE):
    """The same by unbound, which is a resolver (RA, no AA) that finds all it knows in that zone."""
    directory = peer_directory(world, namespace, zone)
    listen = "\n    ".join(f"interface: {address}" for address in addresses)
    (directory / "unbound.conf").write_text(UNBOUND_CONFIGURATION.format(directory=directory, listen=listen))
    return start_peer(world, namespace, addresses, "unbound", "-c", directory / "unbound.conf")


def peer_directory(world, namespace, zone):
    directory = world.directory / f"peer-{namespace.name}"
    directory.mkdir()
    (directory / "root.zone").write_text(zone)
    return directory


def start_peer(world, namespace, addresses, name, *arguments):
    daemon = world.daemon(namespace, peers.program(name), *arguments, env=peers.environment())

    def answers():
        with namespace.entered():
            try:
                question = dns.message.make_query("ns.root.example.", "A")
                return dns.query.udp(question, addresses[0], timeout=0.3).answer
            except (OSError, dns.exception.Timeout):
                return None

    daemon.wait_until(answers, f"{name} answers")
    return daemon


def default_answer(question):
    """What the scripted upstream knows: an A record for every name, 192.0.2.N with N from the name's length."""
    reply = dns.message.make_response(question, recursion_available=True)
    rrset = question.question[0]
    if rrset.rdtype == dns.rdatatype.A:
        address = f"192.0.2.{len(rrset.name.to_text()) % 256}"
        reply.answer.append(dns.rrset.from_text(rrset.name, 300, "IN", "A", address))
    return reply


class ScriptedUpstream:
    """A name server in this process, UDP and TCP, on one address and port of a namespace.

    `udp(server, wire, question, client)` and `tcp(server, wire, question, connection)` do what the test wants with each
    question; the functions below are ready-made ones. `questions` collects what was asked, as dnspython messages.
    """

    def __init__(self, namespace, address, port=53, udp=None, tcp=None):
        self.namespace = namespace
        self.address = address
        self.port = port
        self.udp = udp or answer_udp
        self.tcp = tcp or answer_tcp
        self.questions = []
        self.tcp_questions = []
        self._stopping = threading.Event()
        with namespace.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.socket.bind((address, port))
            self.socket.settimeout(0.1)
            self.listener = socket.create_server((address, port), family=family, backlog=64)
            self.listener.settimeout(0.1)
        self._threads = [threading.Thread(target=loop, daemon=True) for loop in (self._udp_loop, self._tcp_loop)]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.socket.close()
        self.listener.close()

    def other_socket(self, address=None):
        """A UDP socket with another port (and address, if given): what comes from it was not asked there."""
        with self.namespace.entered():
            other = socket.socket(self.socket.family, socket.SOCK_DGRAM)
            other.bind((address or self.address, 0 if address is None else self.port))
            return other

    def _udp_loop(self):
        while not self._stopping.is_set():
            try:
                wire, client = self.socket.recvfrom(65535)
            except TimeoutError:
                continue
            question = dns.message.from_wire(wire)
            self.questions.append(question)
            self.udp(self, wire, question, client)

    def _tcp_loop(self):
        while not self._stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(5)
            try:
                while (wire := read_tcp_message(connection)) is not None:
                    question = dns.message.from_wire(wire)
                    self.tcp_questions.append(question)
                    if self.tcp(self, wire, question, connection) is False:
                        return
            except OSError:
                pass


# Behaviours over UDP


def answer_udp(server, wire, question, client):
    server.socket.sendto(default_answer(question).to_wire(max_size=65535), client)


def answer_with_address(address, ttl):
    def behave(server, wire, question, client):
        reply = dns.message.make_response(question, recursion_available=True)
        reply.answer.append(dns.rrset.from_text(question.question[0].name, ttl, "IN", "A", address))
        server.socket.sendto(reply.to_wire(), client)

    return behave


def never_answer(server, wire, question, client):
    pass


def answer_with_rcode(rcode):
    def behave(server, wire, question, client):
        reply = dns.message.make_response(question)
        reply.set_rcode(rcode)
        server.socket.sendto(reply.to_wire(), client)

    return behave


def answer_garbage(server, wire, question, client):
    """The right id, then nothing that makes sense."""
    server.socket.sendto(wire[:2] + b"\x81\x80" + b"\xc0\x0c" * 30, client)


def lose_every_second():
    """Half of the questions are lost, and the first one is among them."""
    counter = itertools.count()

    def behave(server, wire, question, client):
        if next(counter) % 2:
            answer_udp(server, wire, question, client)

    return behave


def truncate(server, wire, question, client):
    reply = dns.message.make_response(question)
    reply.flags |= dns.flags.TC
    server.socket.sendto(reply.to_wire(), client)


def forged_reply(question, address="203.0.113.66"):
    """A reply that a forger would like to be believed."""
    reply = dns.message.make_response(question, recursion_available=True)
    reply.answer.append(dns.rrset.from_text(question.question[0].name, 3600, "IN", "A", address))
    return reply


def forged_first(forge):
    """`forge(server, question, client)` sends its forged replies; the right one follows a moment later."""

    def behave(server, wire, question, client):
        forge(server, question, client)
        time.sleep(0.05)  # so that the forged reply is there first: this is the situation, not a wait
        answer_udp(server, wire, question, client)

    return behave


def forge_port(server, question, client):
    with server.other_socket() as other:
        other.sendto(forged_reply(question).to_wire(), client)


def forge_address(server, question, client):
    """From the right port of another address of the same host."""
    with server.other_socket("127.0.0.99") as other:
        other.sendto(forged_reply(question).to_wire(), client)


def forge_id(server, question, client):
    forged = forged_reply(question)
    for offset in (1, 0x100, 0x8000):
        forged.id = (question.id + offset) % 65536
        server.socket.sendto(forged.to_wire(), client)


def forge_question(server, question, client):
    forged = forged_reply(question)
    other_name = dns.name.from_text("other." + question.question[0].name.to_text())
    forged.question = [dns.rrset.RRset(other_name, question.question[0].rdclass, question.question[0].rdtype)]
    server.socket.sendto(forged.to_wire(), client)


def forge_type(server, question, client):
    forged = forged_reply(question)
    forged.question = [dns.rrset.RRset(question.question[0].name, question.question[0].rdclass, dns.rdatatype.TXT)]
    server.socket.sendto(forged.to_wire(), client)


def forge_letter_case(server, question, client):
    """The question in the other letter case, in every letter."""
    wire = forged_reply(question).to_wire()
    name_end = wire.index(b"\0", 12)
    server.socket.sendto(wire[:12] + wire[12:name_end].swapcase() + wire[name_end:], client)


def forge_no_response_bit(server, question, client):
    wire = bytearray(forged_reply(question).to_wire())
    wire[2] &= 0x7F
    server.socket.sendto(bytes(wire), client)


FORGERS = (
    forge_port,
    forge_address,
    forge_id,
    forge_question,
    forge_type,
    forge_letter_case,
    forge_no_response_bit,
)


# Behaviours over TCP


def answer_tcp(server, wire, question, connection):
    connection.sendall(framed(default_answer(question).to_wire(max_size=65535)))


def answer_id_of_another(server, wire, question, connection):
    reply = forged_reply(question)
    reply.id ^= 1
    connection.sendall(framed(reply.to_wire()))
    return False


def close_in_the_middle(server, wire, question, connection):
    """Half of the message, then the end of the stream."""
    reply = default_answer(question).to_wire()
    connection.sendall(framed(reply)[: 2 + len(reply) // 2])
    return False
