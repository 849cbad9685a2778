/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reply is read front to back once for each name: a CNAME of it gives the next name, until there is none; the records of
 * that last name are the answer. So the order of records does not matter, and a reply whose aliases turn in a circle ends
 * after GAI_ALIASES_MAX rounds without one.
 *
 * Names that come from the network reach programs that write them into logs, pages and commands. So what is told as a
 * name is a host's; an alias that is none is followed and not told, and a PTR to one is passed over.
 */
#include "libiothdns/addrinfo_answer.h"

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

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool gai_is_host_name(const uint8_t *name)
{
    if (*name == 0 || name[1] == '-')
        return false;
    while (*name != 0) {
        for (unsigned left = *name++; left > 0; left--) {
            if (!is_host_byte(*name++))
                return false;
        }
    }
    return true;
}

/* The answer section of a reply. */
struct answer {
    struct reader first; /* at its first record */
    unsigned count;
    unsigned rcode;
};

static bool open_answer(const uint8_t *reply, size_t len, struct answer *ret)
{
    struct reader r = reader_of(reply, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;

    if (header.qdcount == 1)
        dns_read_question(&r, &question);
    *ret = (struct answer){r, header.count[DNS_ANSWER], header.flags & DNS_RCODE};
    return !r.bad && header.qdcount <= 1;
}

/* The next record of `name` and that type, of class IN; false: none is left. *left counts down from answer.count. */
static bool next_record(struct reader *r, unsigned *left, const uint8_t *name, uint16_t type,
                        struct dns_rr *ret)
{
    size_t name_len = dname_len(name);

    while (*left > 0) {
        --*left;
        dns_read_rr(r, ret);
        if (r->bad)
            return false;
        if (ret->type == type && ret->class == CLASS_IN &&
            dname_equal(ret->owner, ret->owner_len, name, name_len))
            return true;
    }
    return false;
}

/* The name in the RDATA of a record, which must fill it. */
static bool read_target(const struct reader *msg, const struct dns_rr *rr, uint8_t name[static DNAME_MAX])
{
    struct reader r = reader_of(msg->base, msg->len);

    r.pos = rr->rdata;
    return dname_read(&r, name) > 0 && r.pos == rr->rdata + rr->rdlen;
}

/* Where the aliases of `name` lead, and the last one of these that is a host's, or `name`. False: in a circle, or too far. */
static bool follow_aliases(const struct answer *answer, const uint8_t *name, uint8_t ret[static DNAME_MAX],
                           uint8_t ret_host[static DNAME_MAX])
{
    memcpy(ret, name, dname_len(name));
    memcpy(ret_host, name, dname_len(name));
    for (unsigned aliases = 0; aliases <= GAI_ALIASES_MAX; aliases++) {
        struct reader r = answer->first;
        unsigned left = answer->count;
        struct dns_rr rr;
        if (!next_record(&r, &left, ret, RR_CNAME, &rr))
            return true;
        if (!read_target(&r, &rr, ret))
            return false;
        if (gai_is_host_name(ret))
            memcpy(ret_host, ret, dname_len(ret));
    }
    return false;
}

static int no_records(const struct answer *answer)
{
    if (answer->rcode == RCODE_NXDOMAIN)
        return GAI_NONAME;
    return answer->rcode == RCODE_NOERROR ? GAI_NODATA : GAI_SERVFAIL;
}

int gai_read_addresses(const uint8_t *reply, size_t len, const uint8_t *name, uint16_t type,
                       struct gai_host *host)
{
    const int family = type == RR_A ? AF_INET : AF_INET6;
    const unsigned addr_len = type == RR_A ? 4 : 16, before = host->count;
    uint8_t last[DNAME_MAX], last_host[DNAME_MAX];
    char text[DNAME_TEXT_MAX];
    struct answer answer;
    struct dns_rr rr;

    if (!open_answer(reply, len, &answer))
        return GAI_SERVFAIL;
    if (!follow_aliases(&answer, name, last, last_host))
        return GAI_NODATA;
    struct reader r = answer.first;
    for (unsigned left = answer.count; next_record(&r, &left, last, type, &rr);) {
        if (rr.rdlen == addr_len && gai_host_add(host, family, r.base + rr.rdata, 0) < 0)
            return -ENOMEM;
    }
    if (host->count == before)
        return no_records(&answer);
    return gai_host_name(host, dname_to_text(last_host, text)) < 0 ? -ENOMEM : GAI_FOUND;
}

int gai_read_pointer(const uint8_t *reply, size_t len, const uint8_t *name, char ret[static DNAME_TEXT_MAX])
{
    uint8_t last[DNAME_MAX], target[DNAME_MAX];
    struct answer answer;
    struct dns_rr rr;

    if (!open_answer(reply, len, &answer))
        return GAI_SERVFAIL;
    if (!follow_aliases(&answer, name, last, target))
        return GAI_NODATA;
    struct reader r = answer.first;
    for (unsigned left = answer.count; next_record(&r, &left, last, RR_PTR, &rr);) {
        if (read_target(&r, &rr, target) && gai_is_host_name(target)) {
            dname_to_text(target, ret);
            return GAI_FOUND;
        }
    }
    return no_records(&answer);
}
