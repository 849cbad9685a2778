/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See cookie.h. Server part (RFC 9018 s4): version 1, three zeros, the time in seconds, and the hash of all
 * of it. */
#include "libiothnamed/cookie.h"

#define OPTION_COOKIE 10
#define CLIENT_LEN    8
#define SERVER_MIN    8
#define SERVER_MAX    32
#define SERVER_LEN    16
#define VERSION       1
#define AGE_MAX_S     3600 /* RFC 9018 s4.3 */
#define AGE_RENEW_S   1800
#define AHEAD_MAX_S   300

/* The data of the COOKIE option; NULL: there is none. */
static const uint8_t *find_option(const uint8_t *packet, const struct dns_edns *edns, size_t *ret_len)
{
    struct reader r = reader_of(packet + edns->options_off, edns->options_len);
    while (reader_left(&r)) {
        uint16_t code = reader_u16(&r), len = reader_u16(&r);
        const uint8_t *data = reader_take(&r, len);
        if (data && code == OPTION_COOKIE) {
            *ret_len = len;
            return data;
        }
    }
    return NULL;
}

/* The server part for that client at that time. */
static void make_server_part(const uint8_t *client_part, const struct siphash_key *secret,
                             const struct ipaddr *client, uint32_t made_s, uint8_t out[static SERVER_LEN])
{
    uint8_t bytes[CLIENT_LEN + 8 + sizeof(client->b)];
    struct writer w = writer_of(bytes, sizeof(bytes));
    writer_put(&w, client_part, CLIENT_LEN);
    writer_u32(&w, (uint32_t)VERSION << 24);
    writer_u32(&w, made_s);
    memcpy(out, bytes + CLIENT_LEN, 8);
    size_t skip = ipaddr_is_v4(client) ? 12 : 0;
    writer_put(&w, client->b + skip, sizeof(client->b) - skip);
    uint64_t hash = siphash24(secret, bytes, w.pos);
    for (unsigned i = 0; i < 8; i++)
        out[8 + i] = (uint8_t)(hash >> (8 * i));
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    unsigned differ = 0; /* in a time that does not depend on where */
    for (size_t i = 0; i < len; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

/* *ret_age_s: seconds since it was made. */
static bool is_ours(const uint8_t *cookie, size_t len, const struct siphash_key *secret,
                    const struct ipaddr *client, int64_t wall_s, int32_t *ret_age_s)
{
    const uint8_t *server_part = cookie + CLIENT_LEN;
    if (len != COOKIE_LEN || server_part[0] != VERSION)
        return false;
    uint32_t made_s = get_be32(server_part + 4);
    *ret_age_s = (int32_t)((uint32_t)wall_s - made_s); /* serial arithmetic (RFC 1982) */
    uint8_t expected[SERVER_LEN];
    make_server_part(cookie, secret, client, made_s, expected);
    return *ret_age_s <= AGE_MAX_S && *ret_age_s >= -AHEAD_MAX_S &&
           same_bytes(expected, server_part, SERVER_LEN);
}

enum cookie_state cookie_take(const uint8_t *packet, const struct dns_edns *edns,
                              const struct siphash_key *secret, const struct ipaddr *client, int64_t wall_s,
                              uint8_t ret_opt[static COOKIE_OPT_LEN])
{
    size_t len;
    const uint8_t *cookie = edns->present && edns->options_len ? find_option(packet, edns, &len) : NULL;
    if (!cookie)
        return COOKIE_NONE;
    if (len != CLIENT_LEN && (len < CLIENT_LEN + SERVER_MIN || len > CLIENT_LEN + SERVER_MAX))
        return COOKIE_MALFORMED;
    int32_t age_s;
    bool ours = is_ours(cookie, len, secret, client, wall_s, &age_s);
    put_be16(ret_opt, OPTION_COOKIE);
    put_be16(ret_opt + 2, COOKIE_LEN);
    memcpy(ret_opt + 4, cookie, CLIENT_LEN);
    if (ours && age_s < AGE_RENEW_S)
        memcpy(ret_opt + 4 + CLIENT_LEN, cookie + CLIENT_LEN, SERVER_LEN);
    else
        make_server_part(cookie, secret, client, (uint32_t)wall_s, ret_opt + 4 + CLIENT_LEN);
    return ours ? COOKIE_GOOD : len == CLIENT_LEN ? COOKIE_CLIENT : COOKIE_BAD;
}
