/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server that calls its clients by RECONFIGURE adds to messages (RFC 9915 s20.4), for tests of the client. */
#ifndef TEST_DHCP6_AUTHENTIC_H
#define TEST_DHCP6_AUTHENTIC_H

#include "dhcp6_world.h"

#include <nettle/hmac.h>

enum { AUTH_LEN = 28, AUTH_KEY = 1, AUTH_HMAC = 2, AUTH_VALUE = 12 /* where the value begins */ };

/* An Authentication option with a key, or with zeros in place of the HMAC; `count` is a byte, the others 0. */
static inline void put_auth(struct dhcp6_message *m, uint8_t auth[static AUTH_LEN], uint8_t information,
                            uint8_t count, const uint8_t *key)
{
    const uint8_t head[AUTH_VALUE] = {3, 1, 0, [10] = count, information};

    memset(auth, 0, AUTH_LEN);
    memcpy(auth, head, sizeof(head));
    if (information == AUTH_KEY)
        memcpy(auth + AUTH_VALUE, key, MD5_DIGEST_SIZE);
    m->auth = (struct dhcp6_bytes){auth, AUTH_LEN};
    m->has |= DHCP6_HAS_AUTH;
}

/* Writes a message whose Authentication option waits for its HMAC, and puts that in. Returns the length. */
static inline size_t write_authentic(const struct dhcp6_message *m, const uint8_t key[static MD5_DIGEST_SIZE],
                                     uint8_t *bytes, size_t size)
{
    struct writer w = writer_of(bytes, size);
    struct dhcp6_message again;
    struct hmac_md5_ctx ctx;

    WORLD_ASSERT(dhcp6_write(&w, m) == 0 && dhcp6_read(bytes, w.pos, &again) == 0);
    if (!(m->has & DHCP6_HAS_AUTH) || again.auth.len != AUTH_LEN)
        return w.pos;
    hmac_md5_set_key(&ctx, MD5_DIGEST_SIZE, key);
    hmac_md5_update(&ctx, w.pos, bytes);
    hmac_md5_digest(&ctx, MD5_DIGEST_SIZE, bytes + (again.auth.at - bytes) + AUTH_VALUE);
    return w.pos;
}

#endif
