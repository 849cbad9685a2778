#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""otip2 a second time, as docs/OTIP2.md tells it, and the maker of tests/vectors/otip2.json.

    tests/oracle/otip2.py >tests/vectors/otip2.json

Python's hashlib and hmac do the hashing; Argon2id comes from libargon2 by its plain C interface, and where that is missing
only password_key() fails.
"""
import ctypes
import hashlib
import hmac
import ipaddress
import json

PASSES, MEMORY_KIB, LANES = 3, 65536, 4


def wire(name):
    """The wire form of a name, in lower case: labels with their lengths, then 0. Escapes: \\. and \\DDD."""
    labels, label, at = [], bytearray(), 0
    text = name.encode() if isinstance(name, str) else name
    while at < len(text):
        byte = text[at]
        if byte == ord("\\") and text[at + 1 : at + 4].isdigit():
            label.append(int(text[at + 1 : at + 4]))
            at += 4
        elif byte == ord("\\"):
            label.append(text[at + 1])
            at += 2
        elif byte == ord("."):
            labels.append(bytes(label))
            label = bytearray()
            at += 1
        else:
            label.append(byte)
            at += 1
    if label:
        labels.append(bytes(label))
    return b"".join(bytes([len(part)]) + part for part in labels).lower() + b"\0"


def field(data):
    return len(data).to_bytes(2, "big") + data


def prefix_of(base, prefix_len):
    return ipaddress.IPv6Network((base, prefix_len), strict=False).network_address.packed


def message(name, base, prefix_len, period, epoch, counter):
    """What the HMAC is computed of."""
    return b"".join(
        map(
            field,
            [
                b"ioth-otip2-address",
                wire(name),
                prefix_of(base, prefix_len),
                prefix_len.to_bytes(1, "big"),
                period.to_bytes(4, "big"),
                epoch.to_bytes(8, "big"),
                counter.to_bytes(1, "big"),
            ],
        )
    )


def is_reserved(address, prefix_len):
    number = int(ipaddress.IPv6Address(address))
    identifier = number % 2**64
    if 0xFDFF_FFFF_FFFF_FF80 <= identifier <= 0xFDFF_FFFF_FFFF_FFFF:
        return True
    if 0x0200_5EFF_FE00_0000 <= identifier <= 0x0200_5EFF_FEFF_FFFF:
        return True
    if identifier >> 32 in (0x0000_5EFE, 0x0200_5EFE):
        return True
    size = 2 ** min(64, 128 - prefix_len)
    host = number % size
    return host == 0 or host >= size - 128


def trial(key, name, base, prefix_len, period, epoch, counter):
    digest = hmac.new(key, message(name, base, prefix_len, period, epoch, counter), hashlib.sha256).digest()
    bits = min(64, 128 - prefix_len)
    identifier = int.from_bytes(digest[:8], "big") >> (64 - bits)
    return ipaddress.IPv6Address(int.from_bytes(prefix_of(base, prefix_len), "big") | identifier)


def address_and_counter(key, name, base, prefix_len=64, period=32, epoch=0):
    for counter in range(256):
        found = trial(key, name, base, prefix_len, period, epoch, counter)
        if not is_reserved(found, prefix_len):
            break
    return found, counter


def address(key, name, base, prefix_len=64, period=32, epoch=0):
    return str(address_and_counter(key, name, base, prefix_len, period, epoch)[0])


def user_key(master, user):
    """HKDF-SHA-256 (RFC 5869) with one block of output."""
    prk = hmac.new(b"ioth-otip2-user", master, hashlib.sha256).digest()
    return hmac.new(prk, user.encode() + b"\x01", hashlib.sha256).digest()


def fingerprint(key):
    return hmac.new(key, b"ioth-otip2-fingerprint", hashlib.sha256).hexdigest()[:32]


def password_salt(name):
    return hashlib.sha256(field(b"ioth-otip2-password") + field(wire(name))).digest()[:16]


def password_key(password, name):
    argon2 = ctypes.CDLL("libargon2.so.1")
    secret, salt, out = password.encode(), password_salt(name), ctypes.create_string_buffer(32)
    size = ctypes.c_size_t
    status = argon2.argon2id_hash_raw(
        ctypes.c_uint32(PASSES), ctypes.c_uint32(MEMORY_KIB), ctypes.c_uint32(LANES), secret, size(len(secret)), salt,
        size(len(salt)), out, size(len(out))
    )
    assert status == 0, status
    return out.raw


# --- the vectors

KEY = bytes(range(32))
NAME = "renzo.otip.example"
BASE = "2001:db8:1:2::"

ADDRESSES = [
    (KEY, NAME, BASE, 64, 32, 0),
    (KEY, NAME, BASE, 64, 32, 1),
    (KEY, NAME, BASE, 64, 32, 56133846),
    (KEY, "Renzo.OTIP.Example.", BASE, 64, 32, 56133846),
    (KEY, NAME, "2001:db8:1:2:3:4:5:6", 64, 32, 56133846),
    (KEY, NAME, BASE, 64, 31, 56133846),
    (KEY, NAME, BASE, 64, 32, 2**32),
    (KEY, NAME, BASE, 64, 2**32 - 1, 2**64 - 1),
    (KEY, NAME, BASE, 56, 32, 1),
    (KEY, NAME, BASE, 48, 32, 1),
    (KEY, NAME, BASE, 1, 32, 1),
    (KEY, NAME, BASE, 65, 32, 1),
    (KEY, NAME, BASE, 80, 32, 1),
    (KEY, NAME, "2001:db8:1:2:3:4:5:6", 96, 32, 1),
    (KEY, "renzo.otip", BASE, 64, 32, 1),
    (KEY, "renzootip", BASE, 64, 32, 1),
    (KEY, "a\\.b.example", BASE, 64, 32, 1),
    (KEY, "a.b.example", BASE, 64, 32, 1),
    (KEY, "\\000\\255.example", BASE, 64, 32, 1),
    (KEY, ".".join(["a" * 63] * 3 + ["b" * 61]), BASE, 64, 32, 1),
    (bytes(31) + b"\x01", NAME, BASE, 64, 32, 1),
    (b"\xff" * 32, NAME, "fc00::", 64, 3600, 1),
]

RESERVED = [
    "2001:db8::",
    "2001:db8::1",
    "2001:db8::1ff:5eff:ffff:ffff",
    "2001:db8::200:5eff:fdff:ffff",
    "2001:db8::200:5eff:fe00:0",
    "2001:db8::200:5eff:fe00:5213",
    "2001:db8::200:5eff:feff:ffff",
    "2001:db8::200:5eff:ff00:0",
    "2001:db8::5efd:ffff:ffff",
    "2001:db8::5efe:0:0",
    "2001:db8::5efe:ffff:ffff",
    "2001:db8::5eff:0:0",
    "2001:db8::200:5efe:a00:1",
    "2001:db8::fdff:ffff:ffff:ff7f",
    "2001:db8::fdff:ffff:ffff:ff80",
    "2001:db8::fdff:ffff:ffff:ffff",
    "2001:db8::fe00:0:0:0",
    "2001:db8::ffff:ffff:ffff:ff7f",
    "2001:db8::ffff:ffff:ffff:ff80",
    "2001:db8::ffff:ffff:ffff:ffff",
    "2001:db8::1:0:0:0",
    "2001:db8::1:0:ffff:ffff",
    "2001:db8::1:0:ffff:ff7f",
]


def stepping(counter):
    """An epoch for which the counter goes up to `counter`: in this prefix one identifier in 256 is IANA's own."""
    base, epoch = "2001:db8:1:2:200:5eff::", 0
    while address_and_counter(KEY, NAME, base, 96, 32, epoch)[1] != counter:
        epoch += 1
    return (KEY, NAME, base, 96, 32, epoch)


def vector(key, name, base, prefix_len, period, epoch):
    found, counter = address_and_counter(key, name, base, prefix_len, period, epoch)
    return {
        "key": key.hex(),
        "name": name,
        "base": base,
        "prefix_len": prefix_len,
        "period": period,
        "epoch": str(epoch),  # a number of JSON holds 53 bits
        "counter": counter,
        "message": message(name, base, prefix_len, period, epoch, counter).hex(),
        "address": str(found),
    }


def vectors():
    users = [(KEY, "renzo"), (KEY, "Renzo"), (KEY, "davoli"), (b"\xff" * 32, "renzo"), (KEY, "r\u00e9nzo"), (KEY, "x" * 64)]
    passwords = [("mypassword", NAME), ("mypassword", "Renzo.OTIP.Example."), ("mypassword", "renzo.otip"), ("p\u00e4ss w\u00f6rd", NAME)]
    return {
        "address": [vector(*row) for row in ADDRESSES + [stepping(1), stepping(2)]],
        "user": [{"master": m.hex(), "user": u, "key": user_key(m, u).hex()} for m, u in users],
        "password": [
            {"password": p, "name": n, "salt": password_salt(n).hex(), "key": password_key(p, n).hex()} for p, n in passwords
        ],
        "fingerprint": [{"key": k.hex(), "fingerprint": fingerprint(k)} for k in (KEY, b"\xff" * 32)],
        "reserved": [
            {"address": a, "prefix_len": n, "reserved": is_reserved(a, n)} for a in RESERVED for n in (1, 48, 64, 65, 80, 96)
        ],
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
