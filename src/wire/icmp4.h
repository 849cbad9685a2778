/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Echo requests and replies of ICMP (RFC 792): is anybody there? */
#ifndef WIRE_ICMP4_H
#define WIRE_ICMP4_H

#include "base/base.h"
#include "base/cursor.h"

enum { ICMP4_ECHO_REPLY = 0, ICMP4_ECHO_REQUEST = 8, ICMP4_ECHO_HEADER = 8 };

struct icmp4_echo {
    uint8_t type; /* one of the two */
    uint16_t id, sequence;
    const uint8_t *bytes; /* that come back; read: within the message */
    size_t len;
};

/* The payload of an IPv4 packet. 0; -EPROTONOSUPPORT: another message; -EBADMSG: too short, or the checksum is wrong. */
MUST_CHECK int icmp4_echo_read(const uint8_t *bytes, size_t len, struct icmp4_echo *ret);
/* With its checksum. Bad if it does not fit. */
void icmp4_echo_write(struct writer *w, const struct icmp4_echo *echo);

#endif
