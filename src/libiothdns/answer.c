/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Servers give the aliases of a name and the records at their end in one answer, mostly but not always in this order; so
 * for each alias the section is looked through from its beginning. What belongs to other names is not looked at: a server
 * may say what it likes about them, it was not asked.
 */
#include "libiothdns/answer.h"

#include <errno.h>

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool answer_is_host_name(const uint8_t *name)
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

/* The next record of the section that has this owner and type. */
static bool find(struct answer *a, uint16_t type, struct dns_rr *ret)
{
    while (a->left > 0) {
        a->left--;
        dns_read_rr(&a->r, ret);
        if (a->r.bad)
            return false;
        if (ret->type == type && ret->class == CLASS_IN &&
            dname_equal(ret->owner, ret->owner_len, a->name, a->name_len))
            return true;
    }
    return false;
}

size_t answer_target(const struct answer *a, const struct dns_rr *rr, uint8_t name[static DNAME_MAX])
{
    struct reader r = {.base = a->r.base, .pos = rr->rdata, .len = rr->rdata + rr->rdlen};
    size_t len = dname_read(&r, name);

    return r.pos == r.len ? len : 0;
}

/* The name becomes what its alias says; false: it has none. */
static bool follow(struct answer *a)
{
    struct dns_rr rr;

    if (!find(a, RR_CNAME, &rr))
        return false;
    a->name_len = answer_target(a, &rr, a->name);
    if (a->name_len == 0)
        a->r.bad = true;
    else if (answer_is_host_name(a->name))
        memcpy(a->host, a->name, a->name_len);
    return true;
}

int answer_open(const uint8_t *reply, size_t len, struct answer *ret)
{
    struct answer a = {.r = reader_of(reply, len)};
    struct dns_header header = dns_read_header(&a.r);
    struct dns_question question;

    if (header.qdcount != 1)
        return -EBADMSG;
    dns_read_question(&a.r, &question);
    if (a.r.bad)
        return -EBADMSG;
    a.rcode = header.flags & DNS_RCODE;
    memcpy(a.name, question.name, question.name_len);
    memcpy(a.host, question.name, question.name_len);
    a.name_len = question.name_len;
    const struct reader records = a.r;
    for (unsigned i = 0; i <= ANSWER_ALIASES_MAX; i++) {
        a.left = header.count[DNS_ANSWER];
        bool followed = follow(&a);
        if (a.r.bad)
            return -EBADMSG;
        a.r = records;
        if (!followed) {
            a.left = header.count[DNS_ANSWER];
            *ret = a;
            return 0;
        }
    }
    return -ELOOP;
}

bool answer_next(struct answer *a, uint16_t type, struct dns_rr *ret)
{
    return find(a, type, ret);
}
