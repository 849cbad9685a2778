/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups of a host or a DHCP server in the DNS, by the parts of libiothdns that do no input or output: the search list, the
 * exchange core, what an answer says. Each has a deadline of its own. */
#ifndef WORLD_LOOKUP_H
#define WORLD_LOOKUP_H

#include "asking.h"
#include "libiothdns/answer.h"
#include "libiothdns/search.h"

#include <sys/queue.h>

enum { LOOKUP_ADDRS_MAX = 8, LOOKUPS_MAX = 64 };

struct lookup {
    struct exchange_waiter waiter; /* first member */
    TAILQ_ENTRY(lookup) others;
    struct resolvconf conf;
    struct exchange_servers servers;
    struct ipendpoint list[RESOLVCONF_SERVERS_MAX];
    struct search search;
    char name[WORLD_NAME_MAX + 64];
    uint16_t type;
    nsec_t began, deadline;
    struct lookups *of;
    bool waits;   /* for an exchange */
    bool expired; /* its asker has been told, and it only waits for the end of its exchange */
    uint64_t tag; /* the asker's own */
    /* What came of it: */
    int error; /* 0; -ENOENT: no such name; -ENODATA: no such record; -ETIMEDOUT; -EAGAIN, ...: failure */
    unsigned n_addrs;
    struct ipaddr addrs[LOOKUP_ADDRS_MAX]; /* A, AAAA */
    char target[DNAME_TEXT_MAX];           /* PTR */
    uint32_t ttl_s;
};

TAILQ_HEAD(lookup_list, lookup);

struct lookups {
    struct asking asking;
    /* Called once for each; the lookup is gone afterwards. */
    void (*ended)(struct node *n, const struct lookup *l);
    struct lookup_list running;
    unsigned count;
};

/* asking.node, asking.source and ended are set. 0 or -ENOMEM. */
MUST_CHECK int lookups_open(struct lookups *s);
void lookups_close(struct lookups *s); /* nobody is told of what runs */

struct lookup_wish {
    const char *name;
    uint16_t type;
    const struct ipaddr *servers;
    unsigned n_servers;
    const char *search; /* a search list, separated by blanks; NULL: none */
    nsec_t patience;
    uint64_t tag;
};

/* Asks. 0; -EBUSY: too many run; -EINVAL: no name; -EDESTADDRREQ: no servers; -ENOMEM. Else `ended` is called: not before this
 * returns, and at the latest at the end of the patience. */
MUST_CHECK int lookup_begin(struct lookups *s, const struct lookup_wish *wish);
bool lookups_hear(struct lookups *s, const struct packet *p);
void lookups_timeout(struct lookups *s);
nsec_t lookups_deadline(const struct lookups *s);

#endif
