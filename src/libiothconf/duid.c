/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DUIDs: made of a MAC address or a name, copied from bytes, written as text and read from it.
 *
 * Ours are all of type 3 (DUID-LL: hardware type, then the address). Type 1 has a time in it and type 4 a
 * random number, and both want a disk to be remembered on; a stack that lives in a process has none, but it
 * has a name.
 *
 * The text form is what logs and the configurations of servers use. Reading takes what people paste there:
 * with colons, with dashes, or without, in either case.
 */
#include "libiothconf/duid.h"

#include "base/cursor.h"
#include "iothaddr.h"

#include <errno.h>

enum {
    TYPE_LL = 3,
    HARDWARE_ETHERNET = 1,
    MAC_LEN = 6,
    CLIENT_ID_IS_DUID = 255, /* RFC 4361 s6.1 */
};

struct duid duid_from_mac(const uint8_t mac[static 6])
{
    struct duid duid = {0};
    struct writer w = writer_of(duid.bytes, sizeof(duid.bytes));

    writer_u16(&w, TYPE_LL);
    writer_u16(&w, HARDWARE_ETHERNET);
    writer_put(&w, mac, MAC_LEN);
    duid.len = (uint8_t)w.pos;
    return duid;
}

struct duid duid_from_name(const char *fqdn)
{
    uint8_t mac[MAC_LEN];

    iothaddr_hashmac(mac, fqdn, NULL);
    return duid_from_mac(mac);
}

int duid_from_bytes(const void *bytes, size_t len, struct duid *ret)
{
    if (len < DUID_MIN || len > DUID_MAX)
        return -EINVAL;
    *ret = (struct duid){.len = (uint8_t)len};
    memcpy(ret->bytes, bytes, len);
    return 0;
}

bool duid_equal(const struct duid *a, const struct duid *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

const char *duid_format(const struct duid *duid, char text[static DUID_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;

    for (unsigned i = 0; i < duid->len; i++) {
        if (i > 0)
            *at++ = ':';
        *at++ = digits[duid->bytes[i] >> 4];
        *at++ = digits[duid->bytes[i] & 0xf];
    }
    *at = '\0';
    return text;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The value of a hexadecimal digit; -1. */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 'a' ^ 'A';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_pairs(const char *text, size_t len, struct duid *duid)
{
    char separator = len > 2 && (text[2] == ':' || text[2] == '-') ? text[2] : '\0';
    size_t step = separator ? 3 : 2;

    for (size_t at = 0; at < len; at += step) {
        int high = digit_of(text[at]), low = at + 1 < len ? digit_of(text[at + 1]) : -1;
        if (high < 0 || low < 0 || duid->len == DUID_MAX)
            return -EINVAL;
        if (separator && at + 2 < len && (text[at + 2] != separator || at + 3 == len))
            return -EINVAL;
        duid->bytes[duid->len++] = (uint8_t)(high << 4 | low);
    }
    return duid->len < DUID_MIN ? -EINVAL : 0;
}

int duid_parse(const char *text, size_t len, struct duid *ret)
{
    struct duid duid = {0};

    while (len > 0 && is_blank(text[0]))
        text++, len--;
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    if (parse_pairs(text, len, &duid) < 0)
        return -EINVAL;
    *ret = duid;
    return 0;
}

uint32_t duid_iaid(const uint8_t mac[static 6])
{
    return get_be32(mac + 2);
}

size_t duid_client_id(const struct duid *duid, uint32_t iaid, uint8_t ret[static DUID_CLIENT_ID_MAX])
{
    struct writer w = writer_of(ret, DUID_CLIENT_ID_MAX);

    writer_u8(&w, CLIENT_ID_IS_DUID);
    writer_u32(&w, iaid);
    writer_put(&w, duid->bytes, duid->len);
    return w.pos;
}
