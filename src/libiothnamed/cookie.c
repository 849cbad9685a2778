/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See cookie.h. Server part (RFC 9018 s4): version 1, three zeros, the time in seconds, and the hash of all
 * of it, made with SipHash-2-4 (s4.4).
 *
 * A secret that nobody shares changes every day (s5): it is the hash of the number of the day under a master
 * that is drawn at the start, and yesterday's is good for as long as cookies live. Servers that answer at one
 * address share a file of secrets instead, whose first line makes cookies while all are accepted; so one is
 * first added everywhere as the second, then becomes the first, and the old one goes an hour later.
 */
#include "libiothnamed/cookie.h"
#include "wire/dnsmsg.h"
#include <errno.h>
#include <string.h>

#define CLIENT_LEN    8
#define SERVER_MIN    8
#define SERVER_MAX    32
#define SERVER_LEN    16
#define VERSION       1
#define AGE_MAX_S     3600 /* RFC 9018 s4.3 */
#define AGE_RENEW_S   1800
#define AHEAD_MAX_S   300
#define SECRET_LIFE_S 86400

/* --- secrets --- */

static struct siphash_key secret_of_day(const struct siphash_key *master, int64_t day)
{
    uint8_t bytes[9] = {0};
    struct siphash_key key;
    put_be32(bytes, (uint32_t)((uint64_t)day >> 32));
    put_be32(bytes + 4, (uint32_t)day);
    key.k[0] = siphash24(master, bytes, sizeof(bytes));
    bytes[8] = 1;
    key.k[1] = siphash24(master, bytes, sizeof(bytes));
    return key;
}

void cookie_secrets_at(const struct siphash_key *master, int64_t wall_s, struct cookie_secrets *ret)
{
    int64_t day = wall_s / SECRET_LIFE_S;
    *ret = (struct cookie_secrets){
        .count = 2,
        .list = {secret_of_day(master, day), secret_of_day(master, day - 1)},
        .until_s = (day + 1) * SECRET_LIFE_S,
    };
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* 32 digits to the two little-endian words that SipHash takes. */
static bool read_secret(const char *text, size_t len, struct siphash_key *ret)
{
    if (len != 32)
        return false;
    *ret = (struct siphash_key){0};
    for (unsigned i = 0; i < 16; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret->k[i / 8] |= (uint64_t)(high << 4 | low) << 8 * (i % 8);
    }
    return true;
}

/* Steps over blanks at both ends of a line. */
static void trim(const char **text, size_t *len)
{
    while (*len && strchr(" \t\r", (*text)[*len - 1]))
        --*len;
    for (; *len && strchr(" \t", **text); --*len)
        ++*text;
}

int cookie_secrets_parse(const char *text, size_t len, struct cookie_secrets *ret, unsigned *ret_line)
{
    struct cookie_secrets secrets = {0};
    unsigned line = 0;
    for (const char *end = text + len, *next; text < end; text = next) {
        const char *stop = memchr(text, '\n', (size_t)(end - text)), *word = text;
        size_t word_len = (size_t)((stop ? stop : end) - text);
        next = stop ? stop + 1 : end;
        line++;
        trim(&word, &word_len);
        if (word_len == 0 || *word == '#')
            continue;
        if (secrets.count == COOKIE_SECRETS_MAX ||
            !read_secret(word, word_len, &secrets.list[secrets.count++])) {
            *ret_line = line;
            return -EINVAL;
        }
    }
    if (secrets.count == 0)
        return -ENODATA;
    *ret = secrets;
    return 0;
}

/* --- cookies --- */

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

/* The number of the secret that made it, or -1: none did. */
static int made_with(const uint8_t *cookie, const struct cookie_secrets *secrets, const struct ipaddr *client,
                     uint32_t made_s)
{
    uint8_t expected[SERVER_LEN];
    for (unsigned i = 0; i < secrets->count; i++) {
        make_server_part(cookie, &secrets->list[i], client, made_s, expected);
        if (same_bytes(expected, cookie + CLIENT_LEN, SERVER_LEN))
            return (int)i;
    }
    return -1;
}

/* *ret_fresh: it need not be replaced yet. */
static bool is_ours(const uint8_t *cookie, size_t len, const struct cookie_secrets *secrets,
                    const struct ipaddr *client, int64_t wall_s, bool *ret_fresh)
{
    *ret_fresh = false;
    if (len != COOKIE_LEN || cookie[CLIENT_LEN] != VERSION)
        return false;
    uint32_t made_s = get_be32(cookie + CLIENT_LEN + 4);
    int32_t age_s = (int32_t)((uint32_t)wall_s - made_s); /* serial arithmetic (RFC 1982) */
    if (age_s > AGE_MAX_S || age_s < -AHEAD_MAX_S)
        return false;
    int secret = made_with(cookie, secrets, client, made_s);
    *ret_fresh = secret == 0 && age_s < AGE_RENEW_S;
    return secret >= 0;
}

enum cookie_state cookie_take(const uint8_t *cookie, size_t len, const struct cookie_secrets *secrets,
                              const struct ipaddr *client, int64_t wall_s,
                              uint8_t ret_opt[static COOKIE_OPT_LEN])
{
    if (len != CLIENT_LEN && (len < CLIENT_LEN + SERVER_MIN || len > CLIENT_LEN + SERVER_MAX))
        return COOKIE_MALFORMED;
    bool fresh, ours = is_ours(cookie, len, secrets, client, wall_s, &fresh);
    put_be16(ret_opt, EDNS_OPTION_COOKIE);
    put_be16(ret_opt + 2, COOKIE_LEN);
    memcpy(ret_opt + 4, cookie, CLIENT_LEN);
    if (fresh)
        memcpy(ret_opt + 4 + CLIENT_LEN, cookie + CLIENT_LEN, SERVER_LEN);
    else
        make_server_part(cookie, &secrets->list[0], client, (uint32_t)wall_s, ret_opt + 4 + CLIENT_LEN);
    return ours ? COOKIE_GOOD : len == CLIENT_LEN ? COOKIE_CLIENT : COOKIE_BAD;
}
