/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of a host's addresses to try first: destination address selection (RFC 6724 s6), and its policy. */
#ifndef IOTHDNS_ADDRORDER_H
#define IOTHDNS_ADDRORDER_H

#include "base/base.h"
#include "base/ipaddr.h"

/* Rows of a table that a file may give: the default policy has nine, and people add a few. */
#define ADDRORDER_ROWS_MAX 128

/* A value for all addresses of a prefix; the longest that matches counts. */
struct addrorder_row {
    struct ipaddr prefix;
    uint8_t bits; /* in the 128-bit form: 10.0.0.0/8 has 104 */
    int value;
};

struct addrorder_table {
    unsigned n;
    struct addrorder_row rows[ADDRORDER_ROWS_MAX]; /* longer prefixes first */
};

/* RFC 6724 s2.1, and the scopes of IPv4 addresses (s3.2). */
struct addrorder_policy {
    struct addrorder_table precedence, label, scope4;
};

/* Bytes of a file of gai.conf(5): more than all rows need, with comments. */
#define ADDRORDER_FILE_MAX (64 * 1024)

/* Understands a file of gai.conf(5), `len` bytes of any text: a table that it has a line of (precedence, label, scopev4) is
 * the file's, with a last resort added if it has none, any other is the RFC's. Lines that make no sense, and those beyond
 * ADDRORDER_ROWS_MAX, are skipped. 0; -EFBIG: longer than ADDRORDER_FILE_MAX; -ENOMEM. */
MUST_CHECK int addrorder_policy_parse(const char *text, size_t len, struct addrorder_policy *ret);
/* The RFC's. */
void addrorder_policy_default(struct addrorder_policy *ret);

/* A destination, and how this host would reach it. */
struct addrorder_candidate {
    struct ipaddr dst;
    bool mapped;     /* dst is IPv4 and asked for as an IPv6 address */
    bool has_source; /* it can be reached: src and what follows is known */
    struct ipaddr src;
    uint8_t src_bits;      /* the prefix length of src, in the 128-bit form; 0: not known */
    bool deprecated, home; /* of src (RFC 4862 s5.5.4, RFC 6275) */
    bool tunnelled;        /* src belongs to an interface that encapsulates */
    unsigned src_ifindex;  /* of that interface; 0: not known */
};

/* Candidates at once: more than messages from the DNS can hold. */
#define ADDRORDER_MAX 8192

/* Writes to `order` the indices of the n candidates, the one to try first at the front. 0; -ENOMEM; -E2BIG: n is above
 * ADDRORDER_MAX. */
MUST_CHECK int addrorder_sort(const struct addrorder_policy *policy,
                              const struct addrorder_candidate *candidates, unsigned n, unsigned *order);

#endif
