/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), the keyed hash of every table whose
 * keys a peer chooses: without the key nobody can aim at one bucket. Here and not from a library, since a
 * question hashes its name on its way and every user of the libraries would have to load one for it.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k[2]; /* random, drawn once by whoever owns the table */
};

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len);
/* SipHash-2-4, the slower and more careful parent: for what peers see, such as server cookies (RFC 9018
 * s4.4). */
uint64_t siphash24(const struct siphash_key *key, const void *bytes, size_t len);

#endif
