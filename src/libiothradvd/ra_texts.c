/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values of prefix, route, rdnss, dnssl, pref64, captive-portal and dnr: fields between slashes, lists between commas,
 * a lifetime last. What may not be said by a protocol is an error here: the advertisement is made of what this file lets
 * through, and each option is written once for a try (ra_option_fits).
 *
 * An option about the same thing as an earlier one takes its place, so the command line can change a line of the file.
 */
#include "io/rc_svcparams.h"
#include "libiothradvd/ra_config.h"
#include "libiothradvd/ra_speak.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* --- words --- */

struct word {
    const char *at;
    size_t len;
};

/* printf's "%.*s" of a word, cut to what is read at a glance. */
#define SHOWN(w) (int)((w).len < 60 ? (w).len : 60), (w).at

static bool is_word(struct word w, const char *text)
{
    return strlen(text) == w.len && strncasecmp(w.at, text, w.len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct word trimmed(struct word w)
{
    while (w.len > 0 && is_blank(*w.at))
        w = (struct word){w.at + 1, w.len - 1};
    while (w.len > 0 && is_blank(w.at[w.len - 1]))
        w.len--;
    return w;
}

/* Takes the part before the next separator off, without the blanks around it; false: nothing is left (`at` NULL). */
static bool next(struct word *rest, char separator, struct word *ret)
{
    if (!rest->at)
        return false;
    const char *end = memchr(rest->at, separator, rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    *ret = trimmed((struct word){rest->at, len});
    *rest = end ? (struct word){end + 1, rest->len - len - 1} : (struct word){NULL, 0};
    return true;
}

static unsigned count(struct word list, char separator)
{
    unsigned n = 0;
    struct word w;
    while (next(&list, separator, &w))
        n++;
    return n;
}

/* Seconds, or "infinity". */
static bool read_seconds(struct ra_reading *r, struct word w, uint32_t *ret)
{
    if (is_word(w, "infinity") || is_word(w, "infinite")) {
        *ret = ND_INFINITE;
        return true;
    }
    if (rc_number(w.at, w.len, 0, ND_INFINITE, ret))
        return true;
    return ra_fail(r, "'%.*s' is no lifetime, expected seconds or 'infinity'", SHOWN(w));
}

/* ADDR/LEN, both fields of them. */
static bool read_net(struct ra_reading *r, struct word *rest, struct ipaddr *ret, uint8_t *ret_bits)
{
    struct word addr = {"", 0}, bits = {"", 0};
    uint32_t n;
    next(rest, '/', &addr);
    if (ipaddr_parse(addr.at, addr.len, ret) < 0 || ipaddr_is_v4(ret))
        return ra_fail(r, "'%.*s' is no IPv6 address, expected ADDR/LEN such as 2001:db8::/64", SHOWN(addr));
    next(rest, '/', &bits);
    if (!rc_number(bits.at, bits.len, 0, 128, &n))
        return ra_fail(r, "'%.*s' is no length of a prefix, expected 0 to 128", SHOWN(bits));
    *ret_bits = (uint8_t)n;
    return true;
}

/* Who writes an address where a network is expected has mostly one of the two wrong. */
static void mask(struct ra_reading *r, struct ipaddr *prefix, unsigned bits)
{
    char was[IPPREFIX_STRLEN], is[IPPREFIX_STRLEN];
    ipprefix_format(prefix, bits, was);
    if (ipaddr_mask(prefix, bits))
        ra_warn(r, "'%s' is an address in its network, which is taken: %s", was,
                ipprefix_format(prefix, bits, is));
}

static bool out_of_memory(struct ra_reading *r)
{
    r->out_of_memory = true;
    return false;
}

/* --- the list of options --- */

/* Prefixes, routes and NAT64 prefixes are told apart by their bits; of all others each line is one more. */
static bool is_about_the_same(const struct ra_option *a, const struct ra_option *b)
{
    if (a->nd.type != b->nd.type || a->own != b->own)
        return false;
    switch (a->nd.type) {
    case ND_PREFIX:
        return a->nd.prefix.bits == b->nd.prefix.bits &&
               ipaddr_same_prefix(&a->nd.prefix.prefix, &b->nd.prefix.prefix, a->nd.prefix.bits);
    case ND_ROUTE:
        return a->nd.route.bits == b->nd.route.bits && ipaddr_equal(&a->nd.route.prefix, &b->nd.route.prefix);
    case ND_PREF64:
        return a->nd.pref64.bits == b->nd.pref64.bits &&
               ipaddr_equal(&a->nd.pref64.prefix, &b->nd.pref64.prefix);
    case ND_CAPTIVE_PORTAL:
        return true; /* RFC 8910 s2.3: one */
    default:
        return false;
    }
}

static bool add(struct ra_reading *r, const struct ra_option *option, bool lifetime_is_default)
{
    struct ra_settings *s = &r->interface->settings;
    unsigned i = 0;
    while (i < s->n_options && !is_about_the_same(&s->options[i], option))
        i++;
    if (i == RA_OPTIONS_MAX)
        return ra_fail(r, "too many prefixes, routes and servers, expected at most %d", RA_OPTIONS_MAX);
    if (!ra_option_fits(&option->nd))
        return ra_fail(r, "this is too long for an advertisement, expected less in one line");
    s->options[i] = *option;
    r->interface->lifetime_is_default[i] = lifetime_is_default;
    s->n_options += i == s->n_options;
    return true;
}

/* The last field of a value, if it is there; else three times the period, which is not known yet. */
static bool read_lifetime(struct ra_reading *r, struct word *rest, uint32_t *ret, bool *ret_default)
{
    struct word w;
    *ret = 1;
    *ret_default = !next(rest, '/', &w);
    if (*ret_default)
        return true;
    if (rest->at)
        return ra_fail(r, "there is a '/' too many, expected a lifetime as the last field");
    return read_seconds(r, w, ret);
}

/* --- prefix --- */

static bool read_prefix_flags(struct ra_reading *r, struct word w, struct ra_option *o)
{
    static const struct {
        char letter;
        uint8_t bit;
    } flags[] = {{'L', ND_PREFIX_ON_LINK},
                 {'A', ND_PREFIX_AUTONOMOUS},
                 {'R', ND_PREFIX_ROUTER},
                 {'P', ND_PREFIX_DELEGATED},
                 {'D', 0}};
    o->nd.prefix.flags = 0;
    for (size_t i = 0; i < w.len; i++) {
        size_t at = 0;
        while (at < ARRAY_LEN(flags) && strncasecmp(&flags[at].letter, w.at + i, 1) != 0)
            at++;
        if (at == ARRAY_LEN(flags))
            return ra_fail(r, "'%.*s' are no flags of a prefix, expected some of L, A, R, P, D", SHOWN(w));
        o->nd.prefix.flags |= flags[at].bit;
        o->counts_down |= flags[at].bit == 0;
    }
    return true;
}

static bool read_prefix_fields(struct ra_reading *r, struct word *rest, struct ra_option *o)
{
    struct nd_prefix *p = &o->nd.prefix;
    struct word w;
    if (next(rest, '/', &w) && !read_prefix_flags(r, w, o))
        return false;
    if (next(rest, '/', &w) && !read_seconds(r, w, &p->valid_s))
        return false;
    if (p->preferred_s > p->valid_s)
        p->preferred_s = p->valid_s;
    if (next(rest, '/', &w) && !read_seconds(r, w, &p->preferred_s))
        return false;
    if (rest->at)
        return ra_fail(r, "there is a '/' too many, expected ADDR/LEN/FLAGS/VALID/PREFERRED");
    if (p->preferred_s > p->valid_s)
        return ra_fail(r, "preferred for longer than valid, expected at most %u", p->valid_s);
    return true;
}

bool ra_read_prefix(struct ra_reading *r, const char *value)
{
    struct ra_option o = {.nd = {.type = ND_PREFIX}};
    struct nd_prefix *p = &o.nd.prefix;
    struct word rest = {value, strlen(value)};
    *p = (struct nd_prefix){.flags = ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS,
                            .valid_s = RA_PREFIX_VALID_S,
                            .preferred_s = RA_PREFIX_PREFERRED_S};
    if (!read_net(r, &rest, &p->prefix, &p->bits) || !read_prefix_fields(r, &rest, &o))
        return false;
    if (nd_is_multicast(&p->prefix) || (nd_is_link_local(&p->prefix) && p->bits >= 10))
        return ra_fail(r,
                       "no host may use this prefix, expected one that is neither link-local nor multicast");
    if (!(p->flags & ND_PREFIX_ROUTER))
        mask(r, &p->prefix, p->bits);
    o.own = nd_is_unspecified(&p->prefix) && p->bits > 0;
    if (p->flags & ND_PREFIX_AUTONOMOUS && p->bits != 64)
        ra_warn(r, "hosts make themselves addresses (flag A) of prefixes of 64 bits alone");
    return add(r, &o, false);
}

/* --- route, pref64 --- */

static bool read_preference(struct ra_reading *r, struct word w, enum nd_preference *ret)
{
    if (is_word(w, "high") || is_word(w, "h"))
        *ret = ND_HIGH;
    else if (is_word(w, "low") || is_word(w, "l"))
        *ret = ND_LOW;
    else if (is_word(w, "medium") || is_word(w, "m") || w.len == 0)
        *ret = ND_MEDIUM;
    else
        return ra_fail(r, "'%.*s' is no preference, expected high, medium or low", SHOWN(w));
    return true;
}

bool ra_read_route(struct ra_reading *r, const char *value)
{
    struct ra_option o = {.nd = {.type = ND_ROUTE}};
    struct nd_route *route = &o.nd.route;
    struct word rest = {value, strlen(value)}, w;
    bool is_default;
    if (!read_net(r, &rest, &route->prefix, &route->bits))
        return false;
    mask(r, &route->prefix, route->bits);
    if (next(&rest, '/', &w) && !read_preference(r, w, &route->preference))
        return false;
    return read_lifetime(r, &rest, &route->lifetime_s, &is_default) && add(r, &o, is_default);
}

bool ra_read_pref64(struct ra_reading *r, const char *value)
{
    enum { LIFETIME_MAX = 8191 * 8 }; /* RFC 8781 s4: 13 bits, in steps of 8 s */
    struct ra_option o = {.nd = {.type = ND_PREF64}};
    struct nd_pref64 *p = &o.nd.pref64;
    struct word rest = {value, strlen(value)};
    bool is_default;
    if (!read_net(r, &rest, &p->prefix, &p->bits))
        return false;
    if (p->bits != 96 && (p->bits < 32 || p->bits > 64 || p->bits % 8 != 0))
        return ra_fail(r, "a prefix of NAT64 has no %u bits, expected 32, 40, 48, 56, 64 or 96", p->bits);
    mask(r, &p->prefix, p->bits);
    if (!read_lifetime(r, &rest, &p->lifetime_s, &is_default))
        return false;
    if (p->lifetime_s > LIFETIME_MAX)
        return ra_fail(r, "longer than a prefix of NAT64 can live, expected at most %d s", LIFETIME_MAX);
    return add(r, &o, is_default);
}

/* --- name servers and search domains --- */

/* A list of addresses into the arena; NULL: it has failed. */
static const struct ipaddr *read_addresses(struct ra_reading *r, struct word list, unsigned *ret_n)
{
    unsigned n = 0;
    struct word w;
    if (count(list, ',') > RA_SERVERS_MAX) {
        ra_fail(r, "too many addresses, expected at most %d in one line", RA_SERVERS_MAX);
        return NULL;
    }
    struct ipaddr *at = arena_alloc(&r->config->arena, RA_SERVERS_MAX * sizeof(*at));
    if (!at) {
        out_of_memory(r);
        return NULL;
    }
    while (next(&list, ',', &w)) {
        if (ipaddr_parse(w.at, w.len, &at[n]) < 0 || ipaddr_is_v4(&at[n]) || nd_is_multicast(&at[n]) ||
            nd_is_unspecified(&at[n])) {
            ra_fail(r, "'%.*s' is no IPv6 address of a server, expected ADDR[,ADDR...]", SHOWN(w));
            return NULL;
        }
        n++;
    }
    *ret_n = n;
    return at;
}

bool ra_read_rdnss(struct ra_reading *r, const char *value)
{
    struct ra_option o = {.nd = {.type = ND_RDNSS}};
    struct word rest = {value, strlen(value)}, list;
    bool is_default;
    next(&rest, '/', &list);
    o.nd.rdnss.servers = read_addresses(r, list, &o.nd.rdnss.n);
    return o.nd.rdnss.servers && read_lifetime(r, &rest, &o.nd.rdnss.lifetime_s, &is_default) &&
           add(r, &o, is_default);
}

static bool read_name(struct ra_reading *r, struct word w, uint8_t name[static DNAME_MAX])
{
    bool has_blank = memchr(w.at, ' ', w.len) || memchr(w.at, '\t', w.len);
    if (w.len > 0 && !has_blank && dname_from_text(w.at, w.len, name) > 1)
        return true;
    return ra_fail(r, "'%.*s' is no domain name, expected one such as example.org", SHOWN(w));
}

bool ra_read_dnssl(struct ra_reading *r, const char *value)
{
    struct ra_option o = {.nd = {.type = ND_DNSSL}};
    struct word rest = {value, strlen(value)}, list, w;
    uint8_t names[ND_OPTION_MAX], name[DNAME_MAX];
    struct writer out = writer_of(names, sizeof(names));
    bool is_default;
    next(&rest, '/', &list);
    while (next(&list, ',', &w)) {
        if (!read_name(r, w, name))
            return false;
        writer_put(&out, name, dname_len(name));
    }
    if (out.bad)
        return ra_fail(r, "these names are too long for an advertisement, expected fewer in one line");
    const void *copy = arena_copy(&r->config->arena, names, out.pos);
    if (!copy)
        return out_of_memory(r);
    o.nd.dnssl.names = reader_of(copy, out.pos);
    return read_lifetime(r, &rest, &o.nd.dnssl.lifetime_s, &is_default) && add(r, &o, is_default);
}

/* --- captive portal --- */

bool ra_read_portal(struct ra_reading *r, const char *value)
{
    struct ra_option o = {.nd = {.type = ND_CAPTIVE_PORTAL}};
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if (value[i] <= 32 || value[i] >= 127)
            return ra_fail(r, "a URI has no blanks and is plain ASCII, expected https://...");
    if (!strchr(value, ':') || len > ND_PORTAL_MAX)
        return ra_fail(r, "this is no URI of at most %d bytes, expected https://...", ND_PORTAL_MAX);
    if (strncasecmp(value, "https:", 6) != 0 && strncasecmp(value, "urn:", 4) != 0)
        ra_warn(r, "hosts use a captive portal's URI if it begins with https:");
    o.nd.portal = (struct nd_bytes){arena_copy(&r->config->arena, value, len), len};
    return o.nd.portal.bytes ? add(r, &o, false) : out_of_memory(r);
}

/* --- resolvers that speak encrypted DNS (RFC 9463, RFC 9460) --- */

/* The words behind the name: addresses, then KEY=VALUE. */
static bool read_dnr_words(struct ra_reading *r, struct word rest, struct nd_encrypted_dns *dns,
                           struct rc_svcparams *params, bool *ret_default)
{
    char why[RC_SVCPARAMS_WHY_MAX];
    struct word w;
    *ret_default = true;
    dns->lifetime_s = 1;
    while (next(&rest, ' ', &w)) {
        struct word value = w, key;
        next(&value, '=', &key);
        if (w.len == 0)
            continue;
        if (!value.at && memchr(w.at, ':', w.len)) {
            if (dns->addrs)
                return ra_fail(r, "'%.*s' are addresses again, expected all in one list with commas",
                               SHOWN(w));
            dns->addrs = read_addresses(r, w, &dns->n);
            if (!dns->addrs)
                return false;
        } else if (is_word(key, "lifetime")) {
            *ret_default = false;
            if (!value.at || !read_seconds(r, value, &dns->lifetime_s))
                return ra_fail(r, "the lifetime is missing, expected lifetime=SECONDS");
        } else if (rc_svcparams_add(params, w.at, w.len, why) < 0) {
            return ra_fail(r, "%s", why);
        }
    }
    return true;
}

bool ra_read_dnr(struct ra_reading *r, const char *value)
{
    struct ra_option o = {.nd = {.type = ND_ENCRYPTED_DNS}};
    struct nd_encrypted_dns *dns = &o.nd.encrypted_dns;
    uint8_t bytes[RC_SVCPARAMS_MAX], name[DNAME_MAX];
    struct rc_svcparams params = rc_svcparams_of(bytes, sizeof(bytes));
    struct word rest = {value, strlen(value)}, priority = {"", 0}, adn = {"", 0};
    uint32_t n;
    bool is_default;

    next(&rest, ' ', &priority);
    if (!rc_number(priority.at, priority.len, 0, UINT16_MAX, &n))
        return ra_fail(r, "'%.*s' is no priority, expected 'PRIORITY NAME [ADDR,...] [KEY=VALUE...]'",
                       SHOWN(priority));
    next(&rest, ' ', &adn);
    if (!read_name(r, adn, name) || !read_dnr_words(r, rest, dns, &params, &is_default))
        return false;
    if (params.out.bad)
        return ra_fail(r, "these parameters are too long, expected at most %d bytes", RC_SVCPARAMS_MAX);
    if (n == 0 && (dns->n || params.out.pos))
        return ra_fail(r,
                       "priority 0 says a name alone, expected a higher one with addresses and parameters");
    if (n > 0 && (!dns->n || !rc_svcparams_have_alpn(&params)))
        return ra_fail(r, "addresses or protocols are missing, expected such as 2001:db8::53 alpn=dot");
    dns->priority = (uint16_t)n;
    dns->name = arena_copy(&r->config->arena, name, dname_len(name));
    dns->params_len = params.out.pos;
    dns->params = arena_copy(&r->config->arena, bytes, params.out.pos ? params.out.pos : 1);
    if (!dns->name || !dns->params)
        return out_of_memory(r);
    return add(r, &o, is_default);
}
