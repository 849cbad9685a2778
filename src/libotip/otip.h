/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_H
#define LIBOTIP_OTIP_H
/* One-time addresses: the address of a server changes every period, in a way that only those can follow who share
 * a secret with it.
 *
 * A `struct otip` is one name in one prefix with one secret: what a client or a server of that name computes
 * with. It is made once, never changes, and may be used by any number of threads. It reads no clock: the caller
 * gives the time, in seconds of the wall clock since 1970 (UTC), rounded down.
 *
 * Time is cut into epochs of `period_s` seconds; epoch n goes from n * period_s to (n + 1) * period_s. Both
 * generations number them alike:
 *   otip1, the talk's: MD5 of name, password and number, see iothaddr.h; the number is taken modulo 2^32;
 *   otip2: HMAC-SHA-256 with a key of 32 bytes, see docs/OTIP2.md.
 *
 *     struct otip_setup s = {.generation = OTIP2, .name = "renzo.otip.example", .base = base, .key = key};
 *     int err = otip_new(&s, &o);
 *     uint64_t epoch = otip_epoch(o, now_s);
 *     otip_address(o, epoch, &addr);               // good until otip_epoch_start(o, epoch + 1)
 */
#include "base/base.h"
#include "base/ipaddr.h"

#include <stdbool.h>
#include <string.h>

enum {
    OTIP_KEY_LEN = 32,        /* bytes */
    OTIP_PERIOD_S = 32,       /* if none is said */
    OTIP_PREFIX_LEN = 64,     /* likewise */
    OTIP_PREFIX_LEN_MIN = 1,  /* otip2 */
    OTIP_PREFIX_LEN_MAX = 96, /* otip2: with fewer than 32 bits an address is found by trying them all */
    OTIP_USER_MAX = 64,       /* bytes of a user's label */
    OTIP_PASSWORD_MAX = 1023, /* bytes: what one line of a password file holds */
};

enum otip_generation { OTIP1 = 1, OTIP2 = 2 };

/* What an otip is made of. All is copied; the caller keeps what it points to, and wipes its secrets. */
struct otip_setup {
    enum otip_generation generation;
    const char *name; /* a domain name as text, in any letter case, with or without its final dot */
    struct ipaddr
        base; /* IPv6. otip1: its last 64 bits are combined with the hash; otip2: its prefix counts */
    unsigned prefix_len; /* bits, otip2: OTIP_PREFIX_LEN_MIN..MAX; 0: 64. Part of what both ends agree on */
    uint32_t period_s;   /* 0: OTIP_PERIOD_S */
    /* The secret: one of these two. */
    const char *password; /* otip1: 1 byte or more. otip2: see otip_password.h */
    const uint8_t *key;   /* otip2: OTIP_KEY_LEN bytes */
    const char *user;     /* otip2: the key is a master, of which this user's is derived. NULL: it is none */
};

struct otip;

/* 0 and *ret, for otip_free().
 * -EINVAL: the name is no domain name (or the root), the base is an IPv4 address, a number is out of its range, the
 * secret is missing or not of this generation's kind, or the label of the user is not one of otip_key_of_user()
 * (otip_key.h).
 * -ENOTSUP: otip2 with a password, which otip_new_from_password() takes. -ENOMEM. */
MUST_CHECK int otip_new(const struct otip_setup *setup, struct otip **ret);
/* The same name and secret at another base. 0 and *ret, for otip_free(); -EINVAL: an IPv4 address; -ENOMEM. */
MUST_CHECK int otip_rebase(const struct otip *o, const struct ipaddr *base, struct otip **ret);
/* Wipes what it knew. NULL is fine. */
void otip_free(struct otip *o);

uint32_t otip_period(const struct otip *o); /* seconds */
/* The epoch that `wall_s` lies in; a time before 1970 lies in epoch 0. */
uint64_t otip_epoch(const struct otip *o, int64_t wall_s);
/* Its first second. A number beyond what time can hold gives INT64_MAX. */
int64_t otip_epoch_start(const struct otip *o, uint64_t epoch);
/* The address of an epoch. A few hundred nanoseconds; allocates nothing, cannot fail. */
void otip_address(const struct otip *o, uint64_t epoch, struct ipaddr *ret);

#define OTIP_NO_BASE "no node can have an address of its prefix, expected no multicast and not 64 zero bits"
/* No multicast group, and nothing of ::/64, where loopback is: nobody could have the addresses that are made of such a base.
 * OTIP_NO_BASE is what to say of others. */
static inline bool otip_can_be_base(const struct ipaddr *addr)
{
    static const uint8_t zeros[8];

    return addr->b[0] != 0xff && memcmp(addr->b, zeros, sizeof(zeros)) != 0;
}

/* --- for who has many names to one secret, such as a DNS server; of otip2 see otip2.h --- */

/* otip_epoch() of that period. */
static inline uint64_t otip_epoch_at(uint32_t period_s, int64_t wall_s)
{
    return wall_s < 0 ? 0 : (uint64_t)wall_s / period_s;
}

/* otip1. name: its labels joined by dots, in any letter case, any bytes. */
void otip1_address(const struct ipaddr *base, const char *name, size_t name_len, const char *password,
                   uint64_t epoch, struct ipaddr *ret);

#endif
