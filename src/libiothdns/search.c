/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search ends with the first answer that has records, and with an error that the next name would meet as well (nobody
 * answers, nobody is reached). A name without data, a name that is not there and a server that failed lead to the next
 * name; if none has records the best of these is the result, in that order.
 */
#include "libiothdns/search.h"

#include <errno.h>
#include <stdlib.h>

void search_init(struct search *s, const struct resolvconf *conf, const char *name, int flags)
{
    *s = (struct search){.conf = conf, .name = name, .flags = flags, .error = -ENOENT};
}

void search_fini(struct search *s)
{
    free(s->reply);
    s->reply = NULL;
}

int search_next(struct search *s)
{
    if (!(s->flags & IOTHDNS_ASK_NOSEARCH))
        return resolve_candidate(s->conf, s->name, s->step++, s->wire);
    if (s->step++ > 0)
        return 0;
    int len = dname_from_text(s->name, strlen(s->name), s->wire);
    return len < 0 ? len : 1;
}

static void keep(struct search *s, int error, uint8_t *reply, size_t reply_len)
{
    free(s->reply);
    s->error = error;
    s->reply = reply;
    s->reply_len = reply_len;
}

/* The order in which results are better than others. */
static int rank(int error)
{
    return error == 0 ? 2 : error == -EAGAIN ? 1 : 0;
}

bool search_take(struct search *s, int error, uint8_t *reply, size_t reply_len)
{
    bool has_records = false;

    if (error == 0) {
        struct reader r = reader_of(reply, reply_len);
        struct dns_header header = dns_read_header(&r);
        has_records = header.count[DNS_ANSWER] > 0;
        error = (header.flags & DNS_RCODE) == RCODE_NXDOMAIN ? -ENOENT : 0;
        has_records &= error == 0;
    }
    bool is_last = has_records || (error < 0 && error != -ENOENT && error != -EAGAIN);
    if (is_last || rank(error) > rank(s->error) || (error == s->error && !s->reply))
        keep(s, error, reply, reply_len);
    else
        free(reply);
    return is_last;
}
