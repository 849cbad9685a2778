/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_HEADER_H
#define LIBOTIP_PROXY_HEADER_H
/* The head of the PROXY protocol, version 2 (haproxy.org, doc/proxy-protocol.txt s2.2): who the client of a connection is, and
 * which address and port it came to. Over UDP it stands before each datagram. Pure. */

#include "base/ipaddr.h"

#define PROXY_HEADER_LEN 52 /* bytes: signature, four bytes, two IPv6 addresses and ports */

/* Both addresses IPv6. */
void proxy_header_write(uint8_t ret[static PROXY_HEADER_LEN], bool udp, const struct ipendpoint *client,
                        const struct ipendpoint *asked);

#endif
