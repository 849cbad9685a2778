/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What getaddrinfo and getnameinfo take out of a reply, and the addresses of a host that they gather. */
#ifndef IOTHDNS_ADDRINFO_ANSWER_H
#define IOTHDNS_ADDRINFO_ANSWER_H

#include "wire/dnsmsg.h"

#include <netinet/in.h>

/* Addresses of one host: more than two messages from the DNS hold. A hosts file may say more; those are left out. */
#define GAI_ADDRESSES_MAX 8192

struct gai_address {
    int family;       /* AF_INET, AF_INET6 */
    uint8_t addr[16]; /* the first 4 for AF_INET */
    uint32_t scope;   /* of AF_INET6; 0: none */
};

/* Addresses of one host. All zero: none. */
struct gai_host {
    struct gai_address *addresses;
    unsigned count, room;
    char *canonical; /* NULL: not known yet */
};

void gai_host_fini(struct gai_host *host);
/* Adds one: 4 or 16 bytes; none beyond GAI_ADDRESSES_MAX. 0 or -ENOMEM. */
MUST_CHECK int gai_host_add(struct gai_host *host, int family, const void *addr, uint32_t scope);
/* Sets the canonical name if none is known yet. 0 or -ENOMEM. */
MUST_CHECK int gai_host_name(struct gai_host *host, const char *name);

/* What became of a question. */
enum gai_outcome {
    GAI_FOUND,
    GAI_NODATA,   /* the name is there, without such a record */
    GAI_NONAME,   /* no such name */
    GAI_SERVFAIL, /* servers answered, and could not */
    GAI_SILENCE,  /* no server answered */
};

/* The outcome of a question that has ended with a negative errno: GAI_SERVFAIL, GAI_SILENCE (also: the servers cannot be
 * reached), or the error itself where it is this side's (-ENOMEM, -EMFILE, ...). */
MUST_CHECK int gai_outcome_of_error(int error);

/* Adds the addresses that a reply has for the name in its question, of the type RR_A or RR_AAAA, and for aliases of it; the
 * canonical name becomes the last of these that is a host's. Returns
 * GAI_FOUND, GAI_NODATA, GAI_NONAME, GAI_SERVFAIL (the message makes no sense); or -ENOMEM. */
MUST_CHECK int gai_read_addresses(const uint8_t *reply, size_t len, uint16_t type, struct gai_host *host);
/* The first host's name that the reply has as PTR for the name in its question and its aliases. The same returns. */
MUST_CHECK int gai_read_pointer(const uint8_t *reply, size_t len, char ret[static DNAME_TEXT_MAX]);

#endif
