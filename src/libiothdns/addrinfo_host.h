/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The addresses of a node: from its text, from hosts(5), from the DNS. */
#ifndef IOTHDNS_ADDRINFO_HOST_H
#define IOTHDNS_ADDRINFO_HOST_H

#include "libiothdns/addrinfo_answer.h"

#include <netdb.h>

struct iothdns;

/* Gathers the addresses of `node` (NULL: this host, or any address with AI_PASSIVE) in the families that the hints want, in
 * the order in which they are found, and its canonical name. 0 or an EAI_ code, with EAI_SYSTEM errno. */
MUST_CHECK int gai_find_host(struct iothdns *d, const char *node, const struct addrinfo *hints,
                             struct gai_host *host);

/* What a number behind "%" means for that address: the index of an interface, by its name on the handle's stack (of
 * link-local addresses alone) or in digits. 0, or -EINVAL. */
MUST_CHECK int gai_parse_scope(struct iothdns *d, const struct in6_addr *addr, const char *text,
                               uint32_t *ret);

#endif
