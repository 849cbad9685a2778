# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asking a server from a namespace, with dnspython or byte by byte."""

import contextlib
import socket
import struct
import time

import dns.exception
import dns.flags
import dns.message
import dns.query

import world as w


def ask(namespace, name, rdtype="A", server="127.0.0.1", port=53, source=None, timeout=w.PATIENCE_S, tcp=False, **options):
    """Asks once; returns the answer. Options are those of dns.message.make_query. Every answer is checked to be one to
    this question: its id, and its question in the letter case in which it was asked."""
    question = dns.message.make_query(name, rdtype, **options)
    return ask_message(namespace, question, server, port, source, timeout, tcp)


def ask_message(namespace, question, server="127.0.0.1", port=53, source=None, timeout=w.PATIENCE_S, tcp=False):
    with namespace.entered():
        send = dns.query.tcp if tcp else dns.query.udp
        answer = send(question, server, port=port, source=source, timeout=timeout)
    asked, repeated = question.question[0].name, answer.question[0].name
    assert asked.to_text() == repeated.to_text(), "the question's own spelling is repeated"
    return answer


def addresses(answer):
    """The texts of all A and AAAA records in the answer section, sorted."""
    return sorted(record.to_text() for rrset in answer.answer if rrset.rdtype in (1, 28) for record in rrset)


def texts(answer):
    """The texts of all records in the answer section."""
    return [record.to_text() for rrset in answer.answer for record in rrset]


def answers(namespace, name, rdtype="A", **options):
    """Whether the server answers that question at all, within a short time: for wait_until."""
    try:
        return ask(namespace, name, rdtype, timeout=0.3, **options)
    except (OSError, dns.exception.Timeout):
        return None


@contextlib.contextmanager
def udp_socket(namespace, server="127.0.0.1", port=53, source=None, timeout=w.PATIENCE_S):
    """A UDP socket connected to the server."""
    with namespace.entered():
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        connected = socket.socket(family, socket.SOCK_DGRAM)
    with connected:
        if source:
            connected.bind((source, 0))
        connected.connect((server, port))
        connected.settimeout(timeout)
        yield connected


@contextlib.contextmanager
def tcp_connection(namespace, server="127.0.0.1", port=53, source=None, timeout=w.PATIENCE_S):
    with namespace.entered():
        connected = socket.create_connection((server, port), timeout, (source, 0) if source else None)
    with connected:
        yield connected


def exchange(connected, wire):
    """Sends bytes as they are over UDP; returns the answer's bytes, or None if there is none within the socket's timeout."""
    connected.send(wire)
    try:
        return connected.recv(65535)
    except TimeoutError:
        return None


def framed(wire):
    """A message as TCP carries it."""
    return struct.pack("!H", len(wire)) + wire


def read_tcp_message(connection):
    """One message with its length of two bytes; None at the end of the stream."""

    def read_exactly(count):
        data = b""
        while len(data) < count:
            chunk = connection.recv(count - len(data))
            if not chunk:
                return None
            data += chunk
        return data

    prefix = read_exactly(2)
    return None if prefix is None else read_exactly(struct.unpack("!H", prefix)[0])


def read_message(connection):
    """The next message of a TCP connection, parsed; None at its end."""
    wire = read_tcp_message(connection)
    return None if wire is None else dns.message.from_wire(wire)


def is_closed(connection, deadline_s=w.PATIENCE_S):
    """Whether the server closes the connection without sending anything (more)."""
    connection.settimeout(deadline_s)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def timed(function, *arguments, **options):
    """Calls function; returns its result and the seconds it took, without those in which the machine let its programs wait: for
    what must not take longer than it may."""
    start = time.monotonic()
    watched = w.stalls()
    result = function(*arguments, **options)
    end = time.monotonic()
    return result, end - start - watched.total(start, end)
