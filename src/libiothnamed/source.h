/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources of answers. A source is one file source_KEYWORD.c that defines `const struct source
 * source_KEYWORD`, and one row in source_table.h; the configuration, its check, the policy and the queries
 * all work from that row.
 */
#ifndef IOTHNAMED_SOURCE_H
#define IOTHNAMED_SOURCE_H

#include "libiothnamed/config.h"

struct query;
struct placement;

/* What the line `auth KEYWORD NETS ...` takes behind its nets, in this order. */
enum source_args {
    SOURCE_DOMAIN = 1 << 0,
    SOURCE_BASE = 1 << 1,      /* an IPv6 address or a name */
    SOURCE_PASSWORD = 1 << 2,  /* or @FILE, a file that has it */
    SOURCE_UPSTREAMS = 1 << 3, /* any number of ADDR[@PORT], maybe none */
    SOURCE_RCODE = 1 << 4,     /* maybe `refused` or `nxdomain` */
    SOURCE_PREFIX = 1 << 5,    /* with SOURCE_DOMAIN: the domain must be a prefix, ADDR/LEN or NAME/LEN */
    SOURCE_LIST = 1 << 6,      /* with SOURCE_DOMAIN: the domain may be @FILE, a file of names */
    SOURCE_TREE = 1 << 7,      /* with SOURCE_DOMAIN: the domain is that name and all below it */
    SOURCE_FILE = 1 << 8,      /* a zone file */
    SOURCE_KEY = 1 << 9,   /* @FILE, a file with a key of otip2, or a password; the base may have a length */
    SOURCE_USER = 1 << 11, /* with SOURCE_KEY: maybe the label of a user, whose key is derived of that */
    SOURCE_LEASES = 1 << 15, /* a file of leases */
};

enum verdict {
    ANSWERED, /* the reply stands */
    PASS,     /* the next rule */
    FOLLOW,   /* an alias was added to the reply and query->name is its target: look up the policy for it */
    FORWARD,  /* query->need says what must be asked of whom first; then the query is run again */
};

struct source {
    const char *keyword;
    unsigned args;
    bool final; /* never passes: rules behind it for the same nets and names are never reached */
    bool local; /* answers from what this server knows: an alias may lead here whatever the question's RD. One
                   that is final and not local minds RD itself */
    bool apex;  /* as ".a.b" it answers for the apex a.b itself, SOA and NS, when nobody else does */
    bool arpa;  /* its names are reverse names */
    /* NULL: a rule that is not about names (accept). */
    enum verdict (*answer)(struct query *query, const struct placement *where);
};

/* keyword in any letter case, `len` bytes; NULL: unknown. */
const struct source *source_by_keyword(const char *keyword, size_t len);
/* Its place in the table. */
unsigned source_number(const struct source *source);
/* All of them, ending with NULL. */
extern const struct source *const source_table[];

#define SOURCE(keyword) extern const struct source source_##keyword;
#include "libiothnamed/source_table.h"
#undef SOURCE

#endif
