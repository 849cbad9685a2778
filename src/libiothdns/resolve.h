/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the public functions of libiothdns stand on: a resolver's handle, its configuration, and questions asked of its
 * servers. The handle is struct iothdns (iothdns.h). Any number of threads use one at once; no lock is held across input
 * and output.
 */
#ifndef IOTHDNS_RESOLVE_H
#define IOTHDNS_RESOLVE_H

#include "libiothdns/resolvconf.h" /* struct resolvconf: resolv.conf(5), parsed */
#include "wire/dnsmsg.h"

#include <iothdns.h>

/* The configuration as it stands (the file is read again if it has changed). Immutable and counted: give it back. */
const struct resolvconf *resolve_conf_get(struct iothdns *d);
void resolve_conf_put(const struct resolvconf *conf);

/* The stack on which questions are asked; NULL: the default one (ioth.h). */
struct ioth *resolve_stack(struct iothdns *d);

/* What getaddrinfo keeps with the handle (addrinfo_files.h). */
struct addrinfo_files;
struct addrinfo_files *resolve_files(struct iothdns *d);

/* One question, and what became of it. */
struct resolve_question {
    const uint8_t *name; /* wire form, as spelled */
    uint16_t type;
    /* out: */
    int error; /* 0: there is a reply. -ETIMEDOUT: no server answered in time; -ECONNREFUSED: none could be reached;
                       -EAGAIN: those that answered failed; -ENOMEM, -EMFILE, ... */
    uint8_t *
        reply; /* a whole message to our question, its rcode NOERROR or NXDOMAIN; to be freed (resolve_free) */
    size_t reply_len;
};

#define RESOLVE_MAX 8 /* questions at once: A and AAAA, with room for a caller's own */

/* Asks `count` (1..RESOLVE_MAX) questions at once and waits for all, as long as the configuration says. Returns 0 when
 * each has its error or its reply, or negative errno: nothing was asked. */
MUST_CHECK int resolve_all(struct iothdns *d, const struct resolvconf *conf,
                           struct resolve_question *questions, unsigned count);
void resolve_free(struct resolve_question *questions, unsigned count);

/* The names to try for `name`, one after the other, as the search list and ndots say (resolv.conf(5)): step 0, 1, ... gives
 * the name to ask in wire form, as spelled. Returns 1; 0: there is no further one; -EINVAL, -ENAMETOOLONG: `name` is none
 * (a candidate that becomes too long is left out). A name with a final dot is tried as it is alone. */
MUST_CHECK int resolve_candidate(const struct resolvconf *conf, const char *name, unsigned step,
                                 uint8_t ret[static DNAME_MAX]);

#endif
