/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See local_names.h. Most names are told apart by their last label alone; reverse names as address prefixes.
 */
#include "libiothnamed/local_names.h"

/* Top-level names of local meaning: RFC 6761 (localhost, invalid, test), RFC 6762 (local), RFC 7686 (onion),
 * RFC 9476 (alt). As wire bytes, with the root. */
static const char *const tlds[] = {"\011localhost", "\007invalid", "\004test",
                                   "\005local",     "\005onion",   "\003alt"};

/* Names below arpa: RFC 8375, RFC 9462 s6.4, RFC 9665 s5. */
static const char *const arpas[] = {"\004home\004arpa", "\010resolver\004arpa", "\007service\004arpa"};

/* Reverse zones of RFC 6303 s4 and the registry that it opened (RFC 7793: 100.64/10). */
static const struct {
    uint8_t addr[16];
    uint8_t bits; /* in the 128-bit form */
} prefixes[] = {
#define V4(a, b, c, d, len)                                                                                  \
    {                                                                                                        \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (len)                                   \
    }
    V4(10, 0, 0, 0, 8),
    V4(172, 16, 0, 0, 12),
    V4(192, 168, 0, 0, 16),
    V4(0, 0, 0, 0, 8),
    V4(127, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16),
    V4(192, 0, 2, 0, 24),
    V4(198, 51, 100, 0, 24),
    V4(203, 0, 113, 0, 24),
    V4(100, 64, 0, 0, 10),
    V4(255, 255, 255, 255, 32),
#undef V4
    {{0}, 128},
    {{[15] = 1}, 128},
    {{0xfd}, 8},
    {{0xfe, 0x80}, 10},
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
};

/* Labels of the zone at the octet or nibble border that a prefix of `bits` reaches. */
static unsigned zone_labels(const struct ipaddr *addr, unsigned bits)
{
    return ipaddr_is_v4(addr) ? 2 + (bits - 96 + 7) / 8 : 2 + (bits + 3) / 4;
}

static unsigned reverse_zone(const uint8_t *name, unsigned named_labels)
{
    struct ipaddr addr;
    int bits = dname_reverse_addr(name, &addr);
    for (; bits < 0 && *name; bits = dname_reverse_addr(name, &addr))
        name +=
            *name + 1; /* b._dns-sd._udp.0.1.168.192.in-addr.arpa: what is below an address is local, too */
    if (bits < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct ipaddr prefix;
        memcpy(prefix.b, prefixes[i].addr, sizeof(prefix.b));
        if ((unsigned)bits < prefixes[i].bits || !ipaddr_same_prefix(&addr, &prefix, prefixes[i].bits))
            continue;
        unsigned labels = zone_labels(&prefix, prefixes[i].bits);
        return named_labels >= labels ? 0 : labels;
    }
    return 0;
}

unsigned local_names_zone(const uint8_t *name, unsigned named_labels)
{
    unsigned labels = dname_labels(name);
    if (labels == 0)
        return 0;
    const uint8_t *tld = dname_suffix(name, 1);
    for (size_t i = 0; i < ARRAY_LEN(tlds); i++)
        if (memcmp(tld, tlds[i], (size_t)tlds[i][0] + 1) == 0)
            return named_labels >= 1 ? 0 : 1;
    if (memcmp(tld, "\004arpa", 6) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(arpas); i++)
        if (dname_within(name, (const uint8_t *)arpas[i]))
            return named_labels >= 2 ? 0 : 2;
    return reverse_zone(name, named_labels);
}
