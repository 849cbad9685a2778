/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One name looked for along the search list, question by question; for look-ups that wait and those that do not. Inside the
 * library. */
#ifndef IOTHDNS_SEARCH_H
#define IOTHDNS_SEARCH_H

#include "libiothdns/resolve.h"

struct search {
    const struct resolvconf *conf;
    const char *name;
    int flags; /* IOTHDNS_ASK_... */
    unsigned step;
    uint8_t wire[DNAME_MAX]; /* the name to ask for now */
    /* The best that came so far: */
    int error;      /* 0: a reply that is good; -ENOENT at first */
    uint8_t *reply; /* with it, or with -ENOENT; owned */
    size_t reply_len;
};

/* Zeroed but for conf, name and flags, which stay the caller's; then: */
void search_init(struct search *s, const struct resolvconf *conf, const char *name, int flags);
void search_fini(struct search *s);
/* 1: s->wire is to be asked for; 0: there is nothing left; -EINVAL, -ENAMETOOLONG: it is no name. */
MUST_CHECK int search_next(struct search *s);
/* What came of it: an error, or 0 and a reply, which is taken over. True: the search is at its end, with s->error. */
bool search_take(struct search *s, int error, uint8_t *reply, size_t reply_len);

#endif
