/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RECONFIGURE: the server that gave the leases says that they, or the names, are others now (RFC 9915 s18.2.11).
 *
 * It comes unasked, so it has to prove itself by the Reconfigure Key Authentication Protocol (s20.4): a REPLY brought a key,
 * and the message bears its own HMAC-MD5 by that key, computed with zeros in its place. Whoever was on the link when
 * the key came knows it too; it keeps out those who were not, and those who guess. What else must be true (s16.11): it went
 * to us alone, is of the server that gave the key, names us, and counts higher than the last one, so that none
 * is heard twice. Everything else is dropped without a word, as is a key of another protocol or length.
 *
 * The key belongs to its server. It is kept as long as that one is ours, and saved with the leases, with the count.
 *
 * What follows is an exchange as any other: it comes to its end by the usual times. While one goes on a RECONFIGURE
 * is not heard (s18.2.11), and PAUSE after one neither, so nobody makes us send faster than we do by ourselves.
 */
#include "libiothconf/dhcp6_client_state.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>

#define PAUSE (1 * NSEC_PER_SEC)

enum {
    CALLER_TRIES = 5 /* 31 s; whoever has called and is gone by then shall not keep us from all others */
};

/* s20.4: the fields of the option. */
enum {
    PROTOCOL_RKAP = 3,
    ALGORITHM_HMAC_MD5 = 1,
    RDM_COUNTER = 0,
    INFORMATION_KEY = 1,
    INFORMATION_HMAC = 2,
};

_Static_assert(DHCP6_KEY_LEN == MD5_DIGEST_SIZE, "a key and an HMAC have the same length (s20.4.1)");

/* The value and the count of an option of that kind of information; NULL: it is another one. */
static const uint8_t *read_auth(const struct dhcp6_message *m, uint8_t information, uint64_t *ret_count)
{
    struct reader r = reader_of(m->auth.at, m->has & DHCP6_HAS_AUTH ? m->auth.len : 0);
    bool is_ours = reader_u8(&r) == PROTOCOL_RKAP;

    is_ours &= reader_u8(&r) == ALGORITHM_HMAC_MD5;
    is_ours &= reader_u8(&r) == RDM_COUNTER;
    uint64_t count = (uint64_t)reader_u32(&r) << 32;
    count |= reader_u32(&r);
    is_ours &= reader_u8(&r) == information;
    const uint8_t *value = reader_take(&r, DHCP6_KEY_LEN);
    if (!is_ours || r.bad || reader_left(&r) > 0)
        return NULL;
    *ret_count = count;
    return value;
}

void dhcp6_forget_key(struct dhcp6_client *x)
{
    x->key = (struct dhcp6_key){0};
}

static bool is_from(const struct dhcp6_message *m, const struct duid *server)
{
    return dhcp6_bytes_equal(m->server_id, (struct dhcp6_bytes){server->bytes, server->len});
}

/* The counter goes round (s20.3): higher is what is less than half of the way ahead. */
static bool is_higher(uint64_t count, uint64_t last)
{
    return count != last && count - last <= INT64_MAX;
}

/* A server may say its key again, and with it a count that has been passed. */
static bool is_known(const struct dhcp6_key *known, const struct dhcp6_key *key)
{
    return duid_equal(&known->server, &key->server) && !is_higher(key->count, known->count) &&
           memcmp(known->bytes, key->bytes, sizeof(known->bytes)) == 0;
}

void dhcp6_take_key(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    struct dhcp6_key key = {.count = 0};
    const uint8_t *value = read_auth(m, INFORMATION_KEY, &key.count);

    if (value) {
        key.server = (struct duid){.len = (uint8_t)m->server_id.len};
        memcpy(key.server.bytes, m->server_id.at, m->server_id.len);
        memcpy(key.bytes, value, sizeof(key.bytes));
        if (is_known(&x->key, &key))
            return;
        x->key = key;
        x->say_save = true;
    } else if (!is_from(m, &x->key.server)) {
        dhcp6_forget_key(x);
    }
}

void dhcp6_put_key(const struct dhcp6_client *x, struct dhcp6_message *m,
                   uint8_t bytes[static DHCP6_AUTH_LEN])
{
    struct writer w = writer_of(bytes, DHCP6_AUTH_LEN);

    if (x->key.server.len == 0)
        return;
    writer_u8(&w, PROTOCOL_RKAP);
    writer_u8(&w, ALGORITHM_HMAC_MD5);
    writer_u8(&w, RDM_COUNTER);
    writer_u32(&w, (uint32_t)(x->key.count >> 32));
    writer_u32(&w, (uint32_t)x->key.count);
    writer_u8(&w, INFORMATION_KEY);
    writer_put(&w, x->key.bytes, sizeof(x->key.bytes));
    m->auth = (struct dhcp6_bytes){bytes, DHCP6_AUTH_LEN};
    m->has |= DHCP6_HAS_AUTH;
}

/* s20.4.3. `value` lies within the bytes of the message. */
static bool is_genuine(const struct dhcp6_key *key, const struct client_packet *packet, const uint8_t *value)
{
    static const uint8_t zeros[MD5_DIGEST_SIZE];
    uint8_t digest[MD5_DIGEST_SIZE];
    size_t before = (size_t)(value - packet->bytes), behind = before + MD5_DIGEST_SIZE;
    struct hmac_md5_ctx ctx;

    hmac_md5_set_key(&ctx, sizeof(key->bytes), key->bytes);
    hmac_md5_update(&ctx, before, packet->bytes);
    hmac_md5_update(&ctx, sizeof(zeros), zeros);
    hmac_md5_update(&ctx, packet->len - behind, packet->bytes + behind);
    hmac_md5_digest(&ctx, sizeof(digest), digest);
    return memeql_sec(digest, value, sizeof(digest)) != 0;
}

/* To an address of this node, as far as anybody can tell here. */
static bool is_unicast(const struct ipaddr *to)
{
    static const struct ipaddr not_told;

    return to->b[0] != 0xff && !ipaddr_equal(to, &not_told);
}

static bool is_believed(const struct dhcp6_client *x, const struct client_packet *packet,
                        const struct dhcp6_message *m, uint64_t *ret_count)
{
    const struct dhcp6_bytes client_id = {x->duid.bytes, x->duid.len};

    if (x->key.server.len == 0 || !is_unicast(&packet->to.addr) || !(m->has & DHCP6_HAS_RECONF_MSG) ||
        !is_from(m, &x->key.server) || !dhcp6_bytes_equal(m->client_id, client_id))
        return false;
    const uint8_t *value = read_auth(m, INFORMATION_HMAC, ret_count);
    return value && is_higher(*ret_count, x->key.count) && is_genuine(&x->key, packet, value);
}

/* What it asks for makes sense now. A client of names alone has nothing to renew. */
static bool is_possible(const struct dhcp6_client *x, uint8_t exchange)
{
    bool rests = x->state == DHCP6_BOUND || x->state == DHCP6_INFORMED;

    if (!rests || x->now < x->deaf_until)
        return false;
    return exchange == DHCP6_INFORMATION_REQUEST ||
           (x->state == DHCP6_BOUND && (exchange == DHCP6_RENEW || exchange == DHCP6_REBIND));
}

bool dhcp6_asks_caller(const struct dhcp6_client *x)
{
    return x->state == DHCP6_ASKING && x->main.called && x->main.count <= CALLER_TRIES;
}

uint8_t dhcp6_take_reconfigure(struct dhcp6_client *x, const struct client_packet *packet,
                               const struct dhcp6_message *m)
{
    uint64_t count;

    if (!is_possible(x, m->reconf_msg) || !is_believed(x, packet, m, &count))
        return 0;
    x->key.count = count;
    x->deaf_until = x->now + PAUSE;
    x->say_save = true;
    return m->reconf_msg;
}
