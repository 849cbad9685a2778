/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses of our own making (RFC 4862 s5.5.3): one in each autonomous prefix of 64 bits, since identifiers have 64.
 *
 * Lifetimes follow the router's word, with the one exception of s5.5.3 e: nobody takes an address away within two
 * hours, since nobody signs his word. Preferred lifetimes always follow.
 *
 * Each address is tried by the stack (s5.4). What a duplicate means depends on how the identifier was made. A hashed
 * address is that of the name: whoever has it has our name, so another address would not be found by
 * anybody, and ours would catch what is meant for him. It is tried again after DUPLICATE_RETRY, since he may go. An
 * EUI-64 says that our MAC address is not ours alone: likewise. An opaque identifier hit by chance is
 * replaced by the next of its series, IDGEN_RETRIES times (RFC 7217 s6).
 */
#include "libiothconf/rd_client_state.h"

#include <iothaddr.h>

#include "libiothaddr/hashname.h"

#define TWO_HOURS   (7200 * NSEC_PER_SEC)
#define IDGEN_DELAY NSEC_PER_SEC /* RFC 7217 s7 */
#define DUPLICATE_RETRY                                                                                      \
    (300 * NSEC_PER_SEC) /* often enough to follow a node that moves, too rare to be noticed */

enum { IDGEN_RETRIES = 3, IDENTIFIER_AT = 8, IDENTIFIER_LEN = 8 };

/* --- identifiers --- */

/* The labels of a name joined by dots, as libiothaddr hashes them. Returns the length. */
static size_t dotted(const uint8_t *name, char text[static DNAME_MAX])
{
    size_t len = dname_len(name);

    if (len <= 2) /* the root */
        return 0;
    memcpy(text, name + 1, len - 2);
    for (size_t at = name[0]; at + 2 < len; at += 1 + (size_t)name[at + 1])
        text[at] = '.';
    return len - 2;
}

/* Identifiers that have another meaning (RFC 5453): the anycast address of all routers, anycast addresses of a
 * network, those made of IANA's own MAC addresses. */
static bool is_reserved(const uint8_t identifier[static IDENTIFIER_LEN])
{
    static const uint8_t routers[IDENTIFIER_LEN], iana[] = {0x02, 0x00, 0x5e, 0xff, 0xfe},
                                                  anycast[] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return memcmp(identifier, routers, sizeof(routers)) == 0 || memcmp(identifier, iana, sizeof(iana)) == 0 ||
           (memcmp(identifier, anycast, sizeof(anycast)) == 0 && identifier[IDENTIFIER_LEN - 1] >= 0x80);
}

/* RFC 7217 s5, with SipHash-2-4 for the function that nobody can turn round. */
static void set_opaque(const struct rd_client *x, const struct ipaddr *prefix, uint8_t duplicates,
                       uint8_t identifier[static IDENTIFIER_LEN])
{
    uint32_t series = 0; /* of identifiers that are not reserved, the one behind so many duplicates */

    do {
        uint8_t bytes[16 + 4 + 4 + 1];
        memcpy(bytes, prefix->b, 16);
        put_be32(bytes + 16, x->env.ifindex);
        put_be32(bytes + 20, series++);
        bytes[24] = duplicates;
        uint64_t hash = siphash24(&x->key, bytes, sizeof(bytes));
        put_be32(identifier, (uint32_t)(hash >> 32));
        put_be32(identifier + 4, (uint32_t)hash);
    } while (is_reserved(identifier));
}

static struct ipaddr make_address(const struct rd_client *x, const struct ipaddr *prefix, uint8_t duplicates)
{
    struct ipaddr addr = *prefix;
    char text[DNAME_MAX];
    uint8_t mac[6];

    switch (x->identifier) {
    case RD_HASHED:
        iothaddr_hash_bytes(addr.b, text, dotted(x->env.fqdn, text), NULL, 0);
        break;
    case RD_EUI64:
        memcpy(mac, x->env.mac, sizeof(mac));
        iothaddr_eui64(addr.b, mac);
        break;
    case RD_OPAQUE:
        set_opaque(x, prefix, duplicates, addr.b + IDENTIFIER_AT);
        break;
    }
    return addr;
}

/* --- lifetimes --- */

/* RFC 4862 s5.5.3 e, for an address that is valid until `current`. */
static nsec_t renewed(const struct rd_client *x, nsec_t current, uint32_t valid_s)
{
    nsec_t said = rd_until(x, valid_s), least = x->now + TWO_HOURS;

    if (said > least || said > current)
        return said;
    return current < least ? current : least;
}

void rd_autoconfigure(struct rd_client *x, struct rd_prefix *prefix, const struct nd_prefix *said)
{
    bool is_new = prefix->valid_until == 0;

    prefix->valid_until =
        is_new ? rd_until(x, said->valid_s) : renewed(x, prefix->valid_until, said->valid_s);
    prefix->preferred_until = rd_until(x, said->preferred_s);
    if (!is_new)
        return;
    prefix->addr_bits = prefix->on_link_until != 0 ? 64 : 128;
    prefix->duplicates = 0;
    rd_try_again(x, prefix);
}

/* --- trials --- */

void rd_try_again(struct rd_client *x, struct rd_prefix *prefix)
{
    prefix->addr = make_address(x, &prefix->prefix, prefix->duplicates);
    prefix->trial = RD_TENTATIVE;
}

static void give_up(struct rd_client *x, struct rd_prefix *prefix)
{
    prefix->trial = RD_DUPLICATE;
    if (x->identifier == RD_OPAQUE && prefix->duplicates < IDGEN_RETRIES) {
        prefix->duplicates++;
        prefix->retry_at = x->now + rd_random(x, IDGEN_DELAY);
        return;
    }
    prefix->duplicates = 0;
    prefix->tell_duplicate = true;
    prefix->retry_at = x->now + DUPLICATE_RETRY + rd_random(x, DUPLICATE_RETRY / 10);
}

void rd_client_verdict(struct rd_client *x, const struct ipaddr *addr, bool duplicate, nsec_t now)
{
    x->now = now;
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        struct rd_prefix *prefix = &x->prefixes[i];
        if (prefix->valid_until == 0 || !prefix->offer.told || !ipaddr_equal(&prefix->addr, addr) ||
            prefix->trial == RD_DUPLICATE)
            continue;
        if (duplicate)
            give_up(x, prefix);
        else
            prefix->trial = RD_UNIQUE;
    }
    rd_refresh(x);
}

unsigned rd_client_addresses(const struct rd_client *x, struct rd_address ret[static RD_ADDRESSES_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        const struct rd_prefix *prefix = &x->prefixes[i];
        if (prefix->offer.wanted && prefix->trial == RD_UNIQUE)
            ret[n++] = (struct rd_address){.addr = prefix->addr,
                                           .preferred_until = prefix->preferred_until,
                                           .valid_until = prefix->valid_until};
    }
    return n;
}
