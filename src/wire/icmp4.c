/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See icmp4.h. Identifier and sequence number are the sender's own and come back as they went; whoever sends a request knows
 * his reply by them. The checksum covers the message alone (RFC 792), no addresses.
 */
#include "wire/icmp4.h"

#include "wire/inetsum.h"

#include <errno.h>

int icmp4_echo_read(const uint8_t *bytes, size_t len, struct icmp4_echo *ret)
{
    struct reader r = reader_of(bytes, len);
    struct icmp4_echo echo = {.type = reader_u8(&r)};
    uint8_t code = reader_u8(&r);

    reader_u16(&r);
    echo.id = reader_u16(&r);
    echo.sequence = reader_u16(&r);
    if (r.bad || inetsum_fold(inetsum_add(0, bytes, len)) != UINT16_MAX)
        return -EBADMSG;
    if ((echo.type != ICMP4_ECHO_REPLY && echo.type != ICMP4_ECHO_REQUEST) || code != 0)
        return -EPROTONOSUPPORT;
    echo.bytes = bytes + r.pos;
    echo.len = reader_left(&r);
    *ret = echo;
    return 0;
}

void icmp4_echo_write(struct writer *w, const struct icmp4_echo *echo)
{
    size_t len = ICMP4_ECHO_HEADER + echo->len;
    uint8_t *at = writer_reserve(w, len);

    if (!at)
        return;
    at[0] = echo->type;
    at[1] = 0;
    put_be16(at + 2, 0);
    put_be16(at + 4, echo->id);
    put_be16(at + 6, echo->sequence);
    if (echo->len > 0)
        memcpy(at + ICMP4_ECHO_HEADER, echo->bytes, echo->len);
    put_be16(at + 2, (uint16_t)~inetsum_fold(inetsum_add(0, at, len)));
}
