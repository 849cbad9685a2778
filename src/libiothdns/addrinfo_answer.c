/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a reply says at the end of its aliases (answer.h), as getaddrinfo has it: addresses, the canonical name, the name of
 * an address. Aliases that turn in a circle lead to none of these.
 *
 * Names that come from the network reach programs that write them into logs, pages and commands. So what is told as a
 * name is a host's; an alias that is none is followed and not told, and a PTR to one is passed over.
 */
#include "libiothdns/addrinfo_answer.h"
#include "libiothdns/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 8 }; /* addresses: most hosts have fewer */

void gai_host_fini(struct gai_host *host)
{
    free(host->addresses);
    free(host->canonical);
    *host = (struct gai_host){0};
}

int gai_host_add(struct gai_host *host, int family, const void *addr, uint32_t scope)
{
    if (host->count == GAI_ADDRESSES_MAX)
        return 0;
    if (host->count == host->room) {
        unsigned room = host->room ? host->room * 2 : ROOM_FIRST;
        struct gai_address *larger = reallocarray(host->addresses, room, sizeof(*larger));
        if (!larger)
            return -ENOMEM;
        host->addresses = larger;
        host->room = room;
    }
    struct gai_address *a = &host->addresses[host->count++];
    *a = (struct gai_address){.family = family, .scope = scope};
    memcpy(a->addr, addr, family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr));
    return 0;
}

int gai_host_name(struct gai_host *host, const char *name)
{
    if (!host->canonical)
        host->canonical = strdup(name);
    return host->canonical ? 0 : -ENOMEM;
}

int gai_outcome_of_error(int error)
{
    static const int silence[] = {-ETIMEDOUT, -ECONNREFUSED,  -ECONNRESET, -ENETUNREACH, -EHOSTUNREACH,
                                  -ENETDOWN,  -EADDRNOTAVAIL, -ENODEV,     -EPERM,       -EACCES};

    if (error == -EAGAIN)
        return GAI_SERVFAIL;
    for (unsigned i = 0; i < ARRAY_LEN(silence); i++) {
        if (error == silence[i])
            return GAI_SILENCE;
    }
    return error;
}

/* What a reply comes to that has no such record. */
static int no_records(const struct answer *answer)
{
    if (answer->rcode == RCODE_NXDOMAIN)
        return GAI_NONAME;
    return answer->rcode == RCODE_NOERROR ? GAI_NODATA : GAI_SERVFAIL;
}

/* Why there is no answer to look at. */
static int no_answer(int error)
{
    return error == -ELOOP ? GAI_NODATA : GAI_SERVFAIL;
}

int gai_read_addresses(const uint8_t *reply, size_t len, uint16_t type, struct gai_host *host)
{
    const int family = type == RR_A ? AF_INET : AF_INET6;
    const unsigned addr_len = type == RR_A ? 4 : 16, before = host->count;
    char text[DNAME_TEXT_MAX];
    struct answer answer;
    struct dns_rr rr;
    int error = answer_open(reply, len, &answer);

    if (error < 0)
        return no_answer(error);
    while (answer_next(&answer, type, &rr)) {
        if (rr.rdlen == addr_len && gai_host_add(host, family, reply + rr.rdata, 0) < 0)
            return -ENOMEM;
    }
    if (host->count == before)
        return no_records(&answer);
    return gai_host_name(host, dname_to_text(answer.host, text)) < 0 ? -ENOMEM : GAI_FOUND;
}

int gai_read_pointer(const uint8_t *reply, size_t len, char ret[static DNAME_TEXT_MAX])
{
    uint8_t target[DNAME_MAX];
    struct answer answer;
    struct dns_rr rr;
    int error = answer_open(reply, len, &answer);

    if (error < 0)
        return no_answer(error);
    while (answer_next(&answer, RR_PTR, &rr)) {
        if (answer_target(&answer, &rr, target) > 0 && answer_is_host_name(target)) {
            dname_to_text(target, ret);
            return GAI_FOUND;
        }
    }
    return no_records(&answer);
}
