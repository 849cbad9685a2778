/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* otip2: the address of a name in an epoch, by HMAC-SHA-256.

   docs/OTIP2.md is the definition; this is it in C. What is authenticated is a list of fields, each with its
   length before it, so that no two lists have the same bytes: a tag, which keeps these digests apart from whatever
   else a key may once be used for, the name in wire form and lower case, the prefix and its length, the period,
   the epoch, and a counter.

   The fields that change come last. So the state of the HMAC behind the others is kept (struct otip2_series), and an
   address costs two blocks of SHA-256 more. An HMAC state holds no pointers: it is copied, used and forgotten, and
   that makes one series good for any number of threads.

   The counter is 0 nearly always. Where the digest gives an identifier that no host may have, both ends see that
   alike and count on. With a prefix of 64 bits or fewer one in 2^31 is such a one, so that 256 of them in a row do
   not occur; the last would be taken as it is. */
#include "libotip/otip2.h"

#include "base/cursor.h"
#include "wire/dname.h"

#include <nettle/sha2.h>
#include <string.h>

enum {
    ADDR_BITS = 128,
    IID_BITS = 64,
    IID_OFFSET = 8,  /* where the interface identifier begins in an address */
    FIELD_MAX = 255, /* bytes of a field: a name is the longest */
    COUNTER_MAX = 255,
    ANYCAST_BITS = 7, /* RFC 2526 s2: the last 128 identifiers of a subnet */
};

static const char tag[] = "ioth-otip2-address";

static void put_field(struct hmac_sha256_ctx *mac, const void *bytes, size_t len)
{
    uint8_t len_bytes[2];

    put_be16(len_bytes, (uint16_t)len);
    hmac_sha256_update(mac, sizeof(len_bytes), len_bytes);
    hmac_sha256_update(mac, len, bytes);
}

static void put_number(struct hmac_sha256_ctx *mac, uint64_t number, size_t len)
{
    uint8_t bytes[sizeof(number)];

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(number >> 8 * (len - 1 - i));
    put_field(mac, bytes, len);
}

void otip2_key_init(struct otip2_key *key, const uint8_t bytes[static OTIP_KEY_LEN])
{
    hmac_sha256_set_key(&key->mac, OTIP_KEY_LEN, bytes);
}

void otip2_key_wipe(struct otip2_key *key)
{
    explicit_bzero(key, sizeof(*key));
}

void otip2_series_init(struct otip2_series *s, const struct otip2_key *key, const uint8_t *name,
                       const struct ipaddr *base, unsigned prefix_len, uint32_t period_s)
{
    uint8_t lower[FIELD_MAX];
    size_t name_len = dname_len(name);

    *s = (struct otip2_series){.mac = key->mac, .prefix = *base, .prefix_len = prefix_len};
    ipaddr_mask(&s->prefix, prefix_len);
    dname_lower(lower, name, name_len);
    put_field(&s->mac, tag, sizeof(tag) - 1);
    put_field(&s->mac, lower, name_len);
    put_field(&s->mac, s->prefix.b, sizeof(s->prefix.b));
    put_number(&s->mac, prefix_len, sizeof(uint8_t));
    put_number(&s->mac, period_s, sizeof(period_s));
}

void otip2_series_wipe(struct otip2_series *s)
{
    explicit_bzero(s, sizeof(*s));
}

static uint64_t get_iid(const struct ipaddr *addr)
{
    return (uint64_t)get_be32(addr->b + IID_OFFSET) << 32 | get_be32(addr->b + IID_OFFSET + 4);
}

static void put_iid(struct ipaddr *addr, uint64_t iid)
{
    put_be32(addr->b + IID_OFFSET, (uint32_t)(iid >> 32));
    put_be32(addr->b + IID_OFFSET + 4, (uint32_t)iid);
}

/* The bits of an interface identifier that the prefix leaves to the host, as a mask. */
static uint64_t host_bits(unsigned prefix_len)
{
    return prefix_len <= IID_BITS ? UINT64_MAX : (UINT64_C(1) << (ADDR_BITS - prefix_len)) - 1;
}

bool otip2_is_reserved(const struct ipaddr *addr, unsigned prefix_len)
{
    /* Interface identifiers of 64 bits, whatever the prefix: RFC 5453, the registry of IANA, RFC 5214 s6.1. */
    static const struct {
        uint64_t mask, value;
    } ranges[] = {
        {~UINT64_C(0x7f), UINT64_C(0xfdffffffffffff80)},              /* anycast, RFC 2526 */
        {UINT64_C(0xffffffffff000000), UINT64_C(0x02005efffe000000)}, /* IANA's own Ethernet addresses */
        {UINT64_C(0xfdffffff00000000), UINT64_C(0x00005efe00000000)}, /* ISATAP */
    };
    uint64_t iid = get_iid(addr), all = host_bits(prefix_len), host = iid & all;

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if ((iid & ranges[i].mask) == ranges[i].value)
            return true;
    }
    /* The routers of the subnet (RFC 4291 s2.6.1), and anycast where identifiers have any length. */
    return host == 0 || host >> ANYCAST_BITS == all >> ANYCAST_BITS;
}

static void address_of_counter(const struct otip2_series *s, uint64_t epoch, unsigned counter,
                               struct ipaddr *ret)
{
    struct hmac_sha256_ctx mac = s->mac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    uint64_t iid;

    put_number(&mac, epoch, sizeof(epoch));
    put_number(&mac, counter, sizeof(uint8_t));
    hmac_sha256_digest(&mac, sizeof(digest), digest);
    /* A longer prefix takes the first bits of the 64 that there are. */
    iid = (uint64_t)get_be32(digest) << 32 | get_be32(digest + 4);
    if (s->prefix_len > IID_BITS)
        iid >>= s->prefix_len - IID_BITS;
    *ret = s->prefix;
    put_iid(ret, get_iid(ret) | iid);
    explicit_bzero(&mac, sizeof(mac));
    explicit_bzero(digest, sizeof(digest));
}

void otip2_address(const struct otip2_series *s, uint64_t epoch, struct ipaddr *ret)
{
    unsigned counter = 0;

    do
        address_of_counter(s, epoch, counter, ret);
    while (otip2_is_reserved(ret, s->prefix_len) && counter++ < COUNTER_MAX);
}
