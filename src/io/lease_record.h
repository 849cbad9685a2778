/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The records of a lease file, which namedhcp writes and iothnamed reads (an LMDB store, io/lmdb_check.h):
 *
 *   key     'V'                         what file this is: "namedhcp" and the version
 *           'A' and an address          16 bytes, IPv4 as ::ffff:a.b.c.d: a lease
 *           'N', a byte, name           in wire form: a claim. The byte is 0; 4 or 6 is understood too, for one protocol each
 *   value   version 1 (u8), state (u8), began, ends (i64, wall-clock seconds), MAC address (6 bytes), identity (u8 and so many
 *           bytes), name in wire form; numbers big-endian
 */
#ifndef IO_LEASE_RECORD_H
#define IO_LEASE_RECORD_H

#include "base/cursor.h"
#include "base/ipaddr.h"
#include "wire/dname.h"

#define LEASE_RECORD_VERSION  1
#define LEASE_IDENTITY_MAX    255 /* a client identifier (RFC 2132 s9.14), a DUID (RFC 9915 s11.1) */
#define LEASE_RECORD_KEY_MAX  (2 + DNAME_MAX)
#define LEASE_RECORD_DATA_MAX (1 + 1 + 8 + 8 + 6 + 1 + LEASE_IDENTITY_MAX + DNAME_MAX)

enum lease_record_state {
    LEASE_RECORD_BOUND,
    LEASE_RECORD_DECLINED, /* in use by somebody else until `ends` */
    LEASE_RECORD_RELEASED, /* given back */
    LEASE_RECORD_CLAIM,    /* no address: the name belongs to this client */
};

struct lease_record {
    enum lease_record_state state;
    struct ipaddr addr;  /* all zero for a claim */
    int64_t began, ends; /* wall clock, seconds; INT64_MAX: for ever */
    uint8_t mac[6];      /* zero if not known */
    uint8_t identity_len;
    uint8_t identity[LEASE_IDENTITY_MAX];
    uint8_t name[DNAME_MAX]; /* wire form, lower case; the root: none */
};

/* The record of what file this is. */
size_t lease_record_title(uint8_t key[static 1], uint8_t data[static LEASE_RECORD_DATA_MAX],
                          size_t *ret_data_len);
bool lease_record_is_title(const uint8_t *key, size_t key_len); /* of any version */

/* `scope`: the byte before the name of a claim. Their lengths. */
size_t lease_record_key(const struct lease_record *r, uint8_t scope,
                        uint8_t key[static LEASE_RECORD_KEY_MAX]);
size_t lease_record_data(const struct lease_record *r, uint8_t data[static LEASE_RECORD_DATA_MAX]);
/* False: it is none; *ret may be anything then. */
bool lease_record_read(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
                       struct lease_record *ret);

#endif
