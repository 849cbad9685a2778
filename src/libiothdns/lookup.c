/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Look-ups that wait: one name along the search list, its addresses or its records. Aliases are followed within the answer;
 * a server that is asked with RD has followed them for us, and one that has not is no resolver.
 */
#include "libiothdns/answer.h"
#include "libiothdns/ask.h"
#include "libiothdns/packet.h"
#include "libiothdns/search.h"

#include <errno.h>

static int failed(int error)
{
    errno = -error;
    return -1;
}

/* Asks until the search ends. */
static void run(struct iothdns *d, struct search *s, uint16_t type, nsec_t deadline)
{
    struct resolve_question q = {.name = s->wire, .type = type};
    bool over = false;

    while (!over) {
        int more = search_next(s);
        if (more == 0)
            return;
        int error = more < 0 ? more : ask_all(d, s->conf, &q, 1, s->flags, deadline);
        if (error < 0)
            over = search_take(s, error, NULL, 0);
        else
            over = search_take(s, q.error, q.reply, q.reply_len);
    }
}

/* The search for a name, to be ended by end_search; -1 and errno: it found no reply. */
static int begin_search(struct iothdns *d, const char *name, uint16_t type, int flags, int timeout_ms,
                        struct search *s)
{
    const struct resolvconf *conf = resolve_conf_get(d);

    search_init(s, conf, name, flags);
    run(d, s, type, ask_deadline(d, timeout_ms));
    int error = s->error;
    if (error == -ENOENT && flags & IOTHDNS_ASK_ANYREPLY && s->reply)
        error = 0;
    if (error == 0)
        return 0;
    search_fini(s);
    resolve_conf_put(conf);
    return failed(error);
}

static void end_search(struct search *s)
{
    search_fini(s);
    resolve_conf_put(s->conf);
}

/* --- addresses --- */

/* The addresses of the reply, `size` bytes each, at most n of them at addrs. Their number or -errno. */
static int take_addresses(const struct search *s, uint16_t type, size_t size, void *addrs, int n)
{
    struct answer a;
    struct dns_rr rr;
    int count = 0, error = answer_open(s->reply, s->reply_len, &a);

    if (error < 0)
        return error;
    while (answer_next(&a, type, &rr)) {
        if (rr.rdlen != size)
            continue;
        if (count < n)
            memcpy((uint8_t *)addrs + (size_t)count * size, s->reply + rr.rdata, size);
        count++;
    }
    return count;
}

static int lookup_addresses(struct iothdns *d, const char *name, uint16_t type, size_t size, void *addrs,
                            int n)
{
    struct search s;

    if (begin_search(d, name, type, 0, -1, &s) < 0)
        return -1;
    int count = take_addresses(&s, type, size, addrs, n);
    end_search(&s);
    return count < 0 ? failed(count) : count;
}

int iothdns_lookup_a(struct iothdns *iothdns, const char *name, struct in_addr *a, int n)
{
    return lookup_addresses(iothdns, name, RR_A, sizeof(*a), a, n);
}

static bool has_no_aaaa(struct iothdns *d)
{
    const struct resolvconf *conf = resolve_conf_get(d);
    bool no_aaaa = conf->no_aaaa;

    resolve_conf_put(conf);
    return no_aaaa;
}

int iothdns_lookup_aaaa(struct iothdns *iothdns, const char *name, struct in6_addr *aaaa, int n)
{
    if (has_no_aaaa(iothdns))
        return 0;
    return lookup_addresses(iothdns, name, RR_AAAA, sizeof(*aaaa), aaaa, n);
}

/* Turns n IPv4 addresses, which stand at the beginning of the array, into mapped ones, from the last on. */
static void map_addresses(struct in6_addr *addrs, int n)
{
    for (int i = n; i-- > 0;) {
        struct in_addr in;
        memcpy(&in, (uint8_t *)addrs + (size_t)i * sizeof(in), sizeof(in));
        struct ipaddr mapped = ipaddr_of_v4(ntohl(in.s_addr));
        memcpy(&addrs[i], mapped.b, sizeof(addrs[i]));
    }
}

int iothdns_lookup_aaaa_compat(struct iothdns *iothdns, const char *name, struct in6_addr *aaaa, int n)
{
    int count = iothdns_lookup_aaaa(iothdns, name, aaaa, n);

    if (count != 0)
        return count;
    count = lookup_addresses(iothdns, name, RR_A, sizeof(struct in_addr), aaaa, n);
    if (count > 0)
        map_addresses(aaaa, count < n ? count : n);
    return count;
}

/* --- records --- */

/* Calls back for each record, until that says something. */
static int scan(const struct search *s, lookup_cb_t *lookup_cb, void *arg)
{
    char qname[IOTHDNS_MAXNAME], name[IOTHDNS_MAXNAME];
    struct iothdns_header header;
    struct iothdns_pkt pkt;
    struct iothdns_rr rr;
    int section, result = 0;

    int error = packet_read(&pkt, &header, s->reply, s->reply_len, qname);
    if (error < 0)
        return failed(error);
    pkt.r.hides_opt = true;
    while (result == 0 && (section = iothdns_get_rr(&pkt, &rr, name)) > 0)
        result = lookup_cb(section, &rr, &pkt, arg);
    return result == 0 && pkt.error ? failed(-pkt.error) : result;
}

int iothdns_ask(struct iothdns *iothdns, const char *name, int qtype, int flags, int timeout_ms,
                lookup_cb_t *lookup_cb, void *arg)
{
    struct search s;

    if (qtype < 0 || qtype > UINT16_MAX)
        return failed(-EINVAL);
    if (begin_search(iothdns, name, (uint16_t)qtype, flags, timeout_ms, &s) < 0)
        return -1;
    int result = scan(&s, lookup_cb, arg);
    end_search(&s);
    return result;
}

int iothdns_lookup_cb(struct iothdns *iothdns, const char *name, int qtype, lookup_cb_t *lookup_cb, void *arg)
{
    return iothdns_ask(iothdns, name, qtype, 0, -1, lookup_cb, arg);
}

int iothdns_lookup_cb_tcp(struct iothdns *iothdns, const char *name, int qtype, lookup_cb_t *lookup_cb,
                          void *arg)
{
    return iothdns_ask(iothdns, name, qtype, IOTHDNS_ASK_TCP, -1, lookup_cb, arg);
}
