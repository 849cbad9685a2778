/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What clients of both protocols are told, from one line each: resolvers that speak encrypted DNS (RFC 9463), and where a
 * captive portal tells about itself (RFC 8910).
 *
 *   dnr 1 dns.example.org fd00:1::53,10.0.0.53 alpn=dot,h2 dohpath=/dns-query{?dns}
 *
 * A resolver's addresses are told by the protocol of their family. One that has none of a family is not told there: a name
 * without addresses would have the client ask the resolver that it is to replace; who means that says so, by priority 0.
 */
#include "libnamedhcp/namedhcp_config.h"

#include "io/rc_svcparams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URI_MAX 255 /* RFC 8910 s2.1 */

/* A resolver as it is read. */
struct resolver {
    uint32_t priority;
    uint8_t name[DNAME_MAX];
    unsigned n4, n6;
    struct ipaddr addrs4[DHCP6_DNR_ADDRS], addrs6[DHCP6_DNR_ADDRS];
    uint8_t bytes[RC_SVCPARAMS_MAX];
    struct rc_svcparams params;
};

/* printf's "%.*s" of a word, cut to what is read at a glance. */
#define SHOWN(at, len) (int)((len) < 60 ? (len) : 60), (at)

/* The next word, blanks around it taken off; false: there is none. */
static bool next_word(const char **at, const char **ret, size_t *ret_len)
{
    *at += strspn(*at, " \t");
    *ret = *at;
    *ret_len = strcspn(*at, " \t");
    *at += *ret_len;
    return *ret_len > 0;
}

static int add_addr(struct namedhcp_draft *d, struct resolver *r, const char *at, size_t len)
{
    struct ipaddr addr;

    if (ipaddr_parse(at, len, &addr) < 0)
        return namedhcp_wrong(d, "'%.*s' is no address, expected those of the resolver, with commas between",
                              SHOWN(at, len));
    bool v4 = ipaddr_is_v4(&addr);
    unsigned *n = v4 ? &r->n4 : &r->n6;
    if (*n == DHCP6_DNR_ADDRS)
        return namedhcp_wrong(d, "too many addresses of a resolver, expected at most %d of each family",
                              DHCP6_DNR_ADDRS);
    (v4 ? r->addrs4 : r->addrs6)[(*n)++] = addr;
    return 0;
}

static int read_addrs(struct namedhcp_draft *d, struct resolver *r, const char *at, size_t len)
{
    const char *end = at + len;
    int e = 0;

    if (r->n4 + r->n6 > 0)
        return namedhcp_wrong(d, "'%.*s' are addresses again, expected all in one list with commas",
                              SHOWN(at, len));
    while (e == 0 && at <= end) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        size_t n = (size_t)((comma ? comma : end) - at);
        e = add_addr(d, r, at, n);
        at += n + 1;
    }
    return e;
}

/* Behind the name: addresses, which begin with a digit or have a colon, then KEY=VALUE. */
static int read_words(struct namedhcp_draft *d, struct resolver *r, const char *at)
{
    char why[RC_SVCPARAMS_WHY_MAX];
    const char *word;
    size_t len;
    int e = 0;

    while (e == 0 && next_word(&at, &word, &len)) {
        bool is_param = memchr(word, '=', len) || !(memchr(word, ':', len) || memchr(word, '.', len));
        if (is_param && strncasecmp(word, "lifetime", 8) == 0)
            e = namedhcp_wrong(d, "DHCP tells no lifetime of a resolver: it goes with the lease");
        else if (!is_param)
            e = read_addrs(d, r, word, len);
        else if (rc_svcparams_add(&r->params, word, len, why) < 0)
            e = namedhcp_wrong(d, "%s", why);
    }
    return e;
}

static int read_resolver(struct namedhcp_draft *d, const char *value, struct resolver *r)
{
    static const char form[] = "expected 'PRIORITY NAME [ADDR,...] [KEY=VALUE...]'";
    const char *at = value, *word;
    size_t len;

    if (!next_word(&at, &word, &len) || !rc_number(word, len, 0, UINT16_MAX, &r->priority))
        return namedhcp_wrong(d, "'%.*s' is no priority, %s", SHOWN(word, len), form);
    if (!next_word(&at, &word, &len) || dname_from_text(word, len, r->name) <= 1)
        return namedhcp_wrong(d, "'%.*s' is no name of a resolver, %s", SHOWN(word, len), form);
    int e = read_words(d, r, at);
    if (e < 0)
        return e;
    if (r->params.out.bad)
        return namedhcp_wrong(d, "these parameters are too long, expected at most %d bytes",
                              RC_SVCPARAMS_MAX);
    unsigned n = r->n4 + r->n6;
    if (r->priority == 0 && (n > 0 || r->params.out.pos > 0))
        return namedhcp_wrong(
            d, "priority 0 says a name alone, expected a higher one with addresses and parameters");
    if (r->priority > 0 && (n == 0 || !rc_svcparams_have_alpn(&r->params)))
        return namedhcp_wrong(d, "addresses or protocols are missing, expected such as fd00::53 alpn=dot");
    return 0;
}

/* RFC 9463 s4.1. */
static int tell6(struct namedhcp_draft *d, const struct resolver *r)
{
    struct dhcp6_message *given = &d->config->v6.given;

    if (given->n_dnr == DHCP6_DNR_MAX)
        return namedhcp_wrong(d, "too many resolvers, expected at most %d", DHCP6_DNR_MAX);
    struct dhcp6_dnr *dnr = &given->dnr[given->n_dnr];
    *dnr = (struct dhcp6_dnr){.priority = (uint16_t)r->priority, .n_addrs = r->n6};
    memcpy(dnr->adn, r->name, dname_len(r->name));
    memcpy(dnr->addrs, r->addrs6, sizeof(dnr->addrs));
    dnr->params.len = (uint16_t)r->params.out.pos;
    dnr->params.at = arena_copy(&d->config->arena, r->bytes, r->params.out.pos + 1);
    if (!dnr->params.at)
        return -ENOMEM;
    given->n_dnr++;
    given->has |= DHCP6_HAS_DNR;
    return 0;
}

/* RFC 9463 s5.1: one option has all resolvers, each behind its length. */
static int tell4(struct namedhcp_draft *d, const struct resolver *r)
{
    uint8_t bytes[2 + 2 + 1 + DNAME_MAX + 1 + 4 * DHCP6_DNR_ADDRS + RC_SVCPARAMS_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    size_t name_len = dname_len(r->name);

    writer_u16(&w, 0);
    writer_u16(&w, (uint16_t)r->priority);
    writer_u8(&w, (uint8_t)name_len);
    writer_put(&w, r->name, name_len);
    if (r->n4 > 0) {
        writer_u8(&w, (uint8_t)(4 * r->n4));
        for (unsigned i = 0; i < r->n4; i++)
            writer_put(&w, r->addrs4[i].b + 12, 4);
        writer_put(&w, r->bytes, r->params.out.pos);
    }
    put_be16(bytes, (uint16_t)(w.pos - 2));
    return namedhcp_add_option4(d, DHCP4_DNR, bytes, w.pos);
}

int namedhcp_read_dnr(struct namedhcp_draft *d, const char *value)
{
    struct dhcp6_message *given = &d->config->v6.given;
    struct resolver r = {.priority = 0};
    int e;

    if (namedhcp_begins_list(d, NAMEDHCP_LIST_DNR)) {
        given->n_dnr = 0;
        given->has &= ~DHCP6_HAS_DNR;
        namedhcp_drop_option4(d->config, DHCP4_DNR);
    }
    r.params = rc_svcparams_of(r.bytes, sizeof(r.bytes) - 1);
    e = read_resolver(d, value, &r);
    if (e == 0 && (r.priority == 0 || r.n6 > 0))
        e = tell6(d, &r);
    if (e == 0 && (r.priority == 0 || r.n4 > 0))
        e = tell4(d, &r);
    return e;
}

/* --- the captive portal --- */

int namedhcp_read_portal(struct namedhcp_draft *d, const char *value)
{
    size_t len = strlen(value);

    for (size_t i = 0; i < len; i++)
        if (value[i] <= 32 || value[i] >= 127)
            return namedhcp_wrong(d, "a URI has no blanks and is plain ASCII, expected https://...");
    if (!strchr(value, ':') || len > URI_MAX)
        return namedhcp_wrong(d, "this is no URI of at most %d bytes, expected https://...", URI_MAX);
    namedhcp_drop_option4(d->config, DHCP4_CAPTIVE_PORTAL);
    int e = namedhcp_add_option4(d, DHCP4_CAPTIVE_PORTAL, (const uint8_t *)value, len);
    return e < 0 ? e : namedhcp_set_option6(d, DHCP6_OPT_CAPTIVE_PORTAL, (const uint8_t *)value, len);
}
