/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash with its two numbers of rounds as parameters: c for each block of 8 bytes, d at the end. The tables
 * of the libraries use 1-3, which is enough where only a bucket hangs on it; server cookies of the DNS use
 * 2-4.
 *
 * The state is four words, made from the key and four constants that spell
 * "somepseudorandomlygeneratedbytes". Each block of the input, read as a little-endian word, is xored in
 * before its rounds and once more after them. The last block holds what is left of the input, 0 to 7 bytes,
 * and the length of the input modulo 256 in its top byte.
 *
 * Both variants are one inlined body, so that the compiler unrolls the rounds of each. Nothing is allocated,
 * nothing is kept; the time depends on the length alone.
 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_rounds(struct sip_state *s, unsigned rounds)
{
    for (; rounds > 0; rounds--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 = rotate_left(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 = rotate_left(s->v2, 32);
    }
}

static inline void sip_block(struct sip_state *s, uint64_t block, unsigned rounds)
{
    s->v3 ^= block;
    sip_rounds(s, rounds);
    s->v0 ^= block;
}

static inline uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

/* The last 0 to 7 bytes and the length. */
static inline uint64_t last_block(const uint8_t *bytes, size_t len)
{
    uint64_t block = (uint64_t)len << 56;
    const uint8_t *tail = bytes + (len & ~(size_t)7);

    for (size_t i = 0; i < (len & 7); i++)
        block |= (uint64_t)tail[i] << 8 * i;
    return block;
}

static inline uint64_t sip(const struct siphash_key *key, const uint8_t *bytes, size_t len, unsigned c,
                           unsigned d)
{
    struct sip_state s = {
        key->k[0] ^ UINT64_C(0x736f6d6570736575),
        key->k[1] ^ UINT64_C(0x646f72616e646f6d),
        key->k[0] ^ UINT64_C(0x6c7967656e657261),
        key->k[1] ^ UINT64_C(0x7465646279746573),
    };

    for (size_t at = 0; at + 8 <= len; at += 8)
        sip_block(&s, load_le64(bytes + at), c);
    sip_block(&s, last_block(bytes, len), c);
    s.v2 ^= 0xff;
    sip_rounds(&s, d);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len)
{
    return sip(key, bytes, len, 1, 3);
}

uint64_t siphash24(const struct siphash_key *key, const void *bytes, size_t len)
{
    return sip(key, bytes, len, 2, 4);
}
