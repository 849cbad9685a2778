/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_header.h. One-time addresses are IPv6, so the head has one form and one length: signature, version 2 and the
 * command PROXY, the family AF_INET6 with STREAM or DGRAM, the length of what follows, source and destination.
 */
#include "libotip/proxy_header.h"

#include "base/cursor.h"

enum {
    VERSION_2_PROXY = 0x21,
    INET6_STREAM = 0x21,
    INET6_DGRAM = 0x22,
    ADDRESSES_LEN = 36,
};

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

void proxy_header_write(uint8_t ret[static PROXY_HEADER_LEN], bool udp, const struct ipendpoint *client,
                        const struct ipendpoint *asked)
{
    struct writer w = writer_of(ret, PROXY_HEADER_LEN);

    writer_put(&w, signature, sizeof(signature));
    writer_u8(&w, VERSION_2_PROXY);
    writer_u8(&w, udp ? INET6_DGRAM : INET6_STREAM);
    writer_u16(&w, ADDRESSES_LEN);
    writer_put(&w, client->addr.b, sizeof(client->addr.b));
    writer_put(&w, asked->addr.b, sizeof(asked->addr.b));
    writer_u16(&w, client->port);
    writer_u16(&w, asked->port);
}
