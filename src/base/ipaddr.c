/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both families in one form of 16 bytes, their texts and their socket addresses.
 *
 * Texts come with a length, since they are pieces of configuration lines; the C library, which parses and
 * writes the addresses themselves, wants them terminated, so they pass through a buffer of the longest
 * address. It takes exactly the forms of RFC 4291 s2.2 and four decimal octets: no scope ids, no octal, no
 * short IPv4 forms. Numbers behind "/" and "@" are decimal without sign or leading zeros.
 *
 * A prefix length belongs to the family of its text: that of an IPv4 text counts from bit 96, so
 * ::ffff:10.0.0.0/104 and 10.0.0.0/8 are the same, and ::/0 holds IPv4 too.
 */
#include "base/ipaddr.h"
#include "base/cursor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
    V4_OFFSET = 12, /* where the IPv4 address stands in the 16 bytes */
    V4_BITS = V4_OFFSET * 8,
    DIGITS_MAX = 5, /* of "65535" */
};

static const uint8_t v4_mapped[V4_OFFSET] = {[10] = 0xff, [11] = 0xff};

bool ipaddr_is_v4(const struct ipaddr *a)
{
    return memcmp(a->b, v4_mapped, sizeof(v4_mapped)) == 0;
}

struct ipaddr ipaddr_of_v4(uint32_t number)
{
    struct ipaddr a;

    memcpy(a.b, v4_mapped, sizeof(v4_mapped));
    put_be32(a.b + V4_OFFSET, number);
    return a;
}

uint32_t ipaddr_to_v4(const struct ipaddr *a)
{
    return get_be32(a->b + V4_OFFSET);
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* The byte with the first `bits` (0..7) of it set. */
static uint8_t leading_bits(unsigned bits)
{
    return (uint8_t)(0xff00 >> bits);
}

bool ipaddr_same_prefix(const struct ipaddr *a, const struct ipaddr *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;

    return memcmp(a->b, b->b, bytes) == 0 &&
           (rest == 0 || ((a->b[bytes] ^ b->b[bytes]) & leading_bits(rest)) == 0);
}

bool ipaddr_mask(struct ipaddr *a, unsigned bits)
{
    const struct ipaddr was = *a;

    for (unsigned byte = bits / 8; byte < sizeof(a->b); byte++) {
        a->b[byte] &= leading_bits(bits % 8);
        bits = 0; /* only the first of them is cut in the middle */
    }
    return !ipaddr_equal(&was, a);
}

int ipaddr_parse(const char *text, size_t len, struct ipaddr *ret)
{
    char terminated[IPADDR_STRLEN];
    struct ipaddr addr;

    if (len >= sizeof(terminated) || memchr(text, '\0', len))
        return -EINVAL;
    memcpy(terminated, text, len);
    terminated[len] = '\0';

    if (memchr(text, ':', len)) {
        if (inet_pton(AF_INET6, terminated, addr.b) != 1)
            return -EINVAL;
    } else {
        memcpy(addr.b, v4_mapped, sizeof(v4_mapped));
        if (inet_pton(AF_INET, terminated, addr.b + V4_OFFSET) != 1)
            return -EINVAL;
    }
    *ret = addr;
    return 0;
}

/* A decimal number of at most DIGITS_MAX digits, or -EINVAL. */
static int parse_decimal(const char *text, size_t len)
{
    int value = 0;

    if (len == 0 || len > DIGITS_MAX || (text[0] == '0' && len > 1))
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

int ipaddr_parse_prefix(const char *text, size_t len, struct ipaddr *ret, unsigned *ret_bits)
{
    const char *slash = memchr(text, '/', len);
    struct ipaddr addr;

    if (!slash)
        return -EINVAL;
    size_t addr_len = (size_t)(slash - text);
    if (ipaddr_parse(text, addr_len, &addr) < 0)
        return -EINVAL;
    int bits = parse_decimal(slash + 1, len - addr_len - 1);
    if (bits < 0)
        return -EINVAL;
    if (!memchr(text, ':', addr_len))
        bits += V4_BITS;
    if (bits > 128)
        return -EINVAL;
    *ret = addr;
    *ret_bits = (unsigned)bits;
    return 0;
}

int ipendpoint_parse(const char *text, size_t len, uint16_t default_port, struct ipendpoint *ret)
{
    const char *at = memchr(text, '@', len);
    size_t addr_len = at ? (size_t)(at - text) : len;
    struct ipendpoint endpoint = {.port = default_port};

    if (ipaddr_parse(text, addr_len, &endpoint.addr) < 0)
        return -EINVAL;
    if (at) {
        int port = parse_decimal(at + 1, len - addr_len - 1);
        if (port < 1 || port > UINT16_MAX)
            return -EINVAL;
        endpoint.port = (uint16_t)port;
    }
    *ret = endpoint;
    return 0;
}

const char *ipaddr_format(const struct ipaddr *a, char text[static IPADDR_STRLEN])
{
    if (ipaddr_is_v4(a))
        return inet_ntop(AF_INET, a->b + V4_OFFSET, text, IPADDR_STRLEN);
    return inet_ntop(AF_INET6, a->b, text, IPADDR_STRLEN);
}

const char *ipprefix_format(const struct ipaddr *a, unsigned bits, char text[static IPPREFIX_STRLEN])
{
    ipaddr_format(a, text);
    size_t len = strlen(text);
    snprintf(text + len, IPPREFIX_STRLEN - len, "/%u",
             ipaddr_is_v4(a) && bits >= V4_BITS ? bits - V4_BITS : bits);
    return text;
}

const char *ipendpoint_format(const struct ipendpoint *e, char text[static IPENDPOINT_STRLEN])
{
    ipaddr_format(&e->addr, text);
    size_t len = strlen(text);
    snprintf(text + len, IPENDPOINT_STRLEN - len, "@%u", (unsigned)e->port);
    return text;
}

int ipendpoint_from_sockaddr(const struct sockaddr *sa, struct ipendpoint *ret)
{
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        memcpy(ret->addr.b, &in6.sin6_addr, sizeof(ret->addr.b));
        ret->port = ntohs(in6.sin6_port);
        ret->scope = in6.sin6_scope_id;
        return 0;
    }
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        memcpy(ret->addr.b, v4_mapped, sizeof(v4_mapped));
        memcpy(ret->addr.b + V4_OFFSET, &in.sin_addr, sizeof(in.sin_addr));
        ret->port = ntohs(in.sin_port);
        ret->scope = 0;
        return 0;
    }
    return -EAFNOSUPPORT;
}

socklen_t ipendpoint_to_sockaddr(const struct ipendpoint *e, bool mapped, struct sockaddr_storage *ret)
{
    if (ipaddr_is_v4(&e->addr) && !mapped) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
        memcpy(&in.sin_addr, e->addr.b + V4_OFFSET, sizeof(in.sin_addr));
        memcpy(ret, &in, sizeof(in));
        return sizeof(in);
    }
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(e->port), .sin6_scope_id = e->scope};
    memcpy(&in6.sin6_addr, e->addr.b, sizeof(in6.sin6_addr));
    memcpy(ret, &in6, sizeof(in6));
    return sizeof(in6);
}
