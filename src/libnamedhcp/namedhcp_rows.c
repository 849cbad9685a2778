/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The options of the DHCP servers, one row each, in the order of the help: name, letter, what it takes, and how that is read.
 * The file, the command line and the help are made of this table.
 */
#include "libnamedhcp/namedhcp_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int read_number(struct namedhcp_draft *d, const char *value, uint32_t least, uint32_t most,
                       const char *what, uint32_t *ret)
{
    if (rc_number(value, strlen(value), least, most, ret))
        return 0;
    return namedhcp_wrong(d, "'%.40s' is no number of %s, expected %u to %u", value, what, least, most);
}

static int read_switch(struct namedhcp_draft *d, const char *value, bool *ret)
{
    bool on = strcasecmp(value, "on") == 0;

    if (!on && strcasecmp(value, "off") != 0)
        return namedhcp_wrong(d, "'%.40s', expected 'on' or 'off'", value);
    *ret = on;
    return 0;
}

bool namedhcp_begins_list(struct namedhcp_draft *d, unsigned list)
{
    unsigned bit = 1u << (list + 8 * d->layer);
    bool begins = !(d->lists & bit);

    d->lists |= bit;
    return begins;
}

/* --- the program --- */

/* Its text is in the arena already. */
#define TEXT_ROW(function, member)                                                                           \
    static int function(struct namedhcp_draft *d, const char *value)                                         \
    {                                                                                                        \
        d->config->member = value;                                                                           \
        return namedhcp_keep_place(d, &d->config->at.member);                                                \
    }
TEXT_ROW(read_dnsstack, dnsstack)
TEXT_ROW(read_resolvconf, resolvconf)
TEXT_ROW(read_leases, leases)
TEXT_ROW(read_leases_group, leases_group)
TEXT_ROW(read_duid, duid)
TEXT_ROW(read_made, made)

#define SWITCH_ROW(function, member)                                                                         \
    static int function(struct namedhcp_draft *d, const char *value)                                         \
    {                                                                                                        \
        return read_switch(d, value, &d->config->member);                                                    \
    }
SWITCH_ROW(read_claims, claims)
SWITCH_ROW(read_rapid, rapid_commit)
SWITCH_ROW(read_authoritative, authoritative)
SWITCH_ROW(read_probe, probe)

#define NUMBER_ROW(function, member, least, most, what)                                                      \
    static int function(struct namedhcp_draft *d, const char *value)                                         \
    {                                                                                                        \
        return read_number(d, value, least, most, what, &d->config->member);                                 \
    }
NUMBER_ROW(read_claims_max, claims_max, 1, 10000000, "claims")
NUMBER_ROW(read_claims_keep, claims_keep_s, 60, UINT32_MAX, "seconds")
NUMBER_ROW(read_leases_max, leases_max, 1, 10000000, "leases")

/* Milliseconds; or "off", 0. */
static int read_echo(struct namedhcp_draft *d, const char *value)
{
    if (strcasecmp(value, "off") == 0) {
        d->config->echo_ms = 0;
        return 0;
    }
    if (rc_number(value, strlen(value), 10, 10000, &d->config->echo_ms))
        return 0;
    return namedhcp_wrong(d, "'%.40s', expected milliseconds, 10 to 10000, or 'off'", value);
}

static int read_nameserver(struct namedhcp_draft *d, const char *value)
{
    const char *at = value, *piece;
    struct ipaddr addr;
    size_t len;

    while (namedhcp_piece(&at, &piece, &len))
        if (ipaddr_parse(piece, len, &addr) < 0)
            return namedhcp_wrong(d,
                                  "'%.*s' is no address, expected those of name servers, with commas between",
                                  len > 60 ? 60 : (int)len, piece);
    d->config->nameservers = value;
    return 0;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Hexadecimal digits in pairs, colons or dashes between them or not; how many bytes, 0: it is none, or too long. */
static size_t read_hex(const char *text, size_t len, uint8_t ret[static NAME_IDENTITY_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < len; n++) {
        int high = nibble(text[i]), low = i + 1 < len ? nibble(text[i + 1]) : -1;
        if (high < 0 || low < 0 || n == NAME_IDENTITY_MAX)
            return 0;
        ret[n] = (uint8_t)(high << 4 | low);
        i += 2;
        if (i + 1 < len && (text[i] == ':' || text[i] == '-'))
            i++;
    }
    return n;
}

static int read_mac(struct namedhcp_draft *d, const char *value)
{
    uint8_t bytes[NAME_IDENTITY_MAX];

    if (read_hex(value, strlen(value), bytes) != 6)
        return namedhcp_wrong(d, "'%.40s' is no MAC address, expected one such as 02:00:00:00:00:01", value);
    if (bytes[0] & 1)
        return namedhcp_wrong(
            d, "'%.40s' is no address that an interface can have, expected an even first byte", value);
    return namedhcp_read_mac(d, bytes);
}

static int read_addr4(struct namedhcp_draft *d, const char *text, size_t len, uint32_t *ret)
{
    struct ipaddr addr;

    if (ipaddr_parse(text, len, &addr) < 0 || !ipaddr_is_v4(&addr))
        return namedhcp_wrong(d, "'%.*s' is no IPv4 address, expected one such as 10.0.0.1",
                              len > 40 ? 40 : (int)len, text);
    *ret = ipaddr_to_v4(&addr);
    return 0;
}

/* The network of an address and a length, which mostly are one already. 0 or -ENOMEM. */
static int read_network(struct namedhcp_draft *d, const char *value, struct ipaddr *prefix, unsigned bits)
{
    char network[IPPREFIX_STRLEN];

    if (!ipaddr_mask(prefix, bits))
        return 0;
    return namedhcp_warn(d, "'%.60s' is an address in its network, which is taken: %s", value,
                         ipprefix_format(prefix, bits, network));
}

/* An address that a host can have: clients send to it. */
static int read_server_id(struct namedhcp_draft *d, const char *value)
{
    uint32_t addr;
    int e = read_addr4(d, value, strlen(value), &addr);

    if (e < 0)
        return e;
    if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 0xe)
        return namedhcp_wrong(d, "'%.40s' is no address that a server can have, expected one of its own",
                              value);
    d->config->server_id = addr;
    return 0;
}

/* --- what clients are told --- */

/* What was said before is taken back: in each list, and in the options of DHCPv4 made of it. */
void namedhcp_drop_option4(struct namedhcp_config *c, uint8_t code)
{
    struct dhcp4_subnet *s = &c->common;

    for (unsigned i = 0; i < s->n_options; i++)
        if (s->options[i].code == code) {
            s->options[i] = s->options[--s->n_options];
            return;
        }
}

/* Adds bytes to an option of DHCPv4 for all subnets. */
int namedhcp_add_option4(struct namedhcp_draft *d, uint8_t code, const uint8_t *bytes, size_t len)
{
    struct namedhcp_config *c = d->config;
    struct dhcp4_subnet *s = &c->common;
    unsigned i = 0;

    while (i < s->n_options && s->options[i].code != code)
        i++;
    size_t before = i < s->n_options ? s->options[i].len : 0;
    uint8_t *all = arena_alloc(&c->arena, before + len);
    if (!all)
        return -ENOMEM;
    if (i == DHCP4_SUBNET_OPTIONS_MAX)
        return namedhcp_wrong(d, "too many options, expected at most %d", DHCP4_SUBNET_OPTIONS_MAX);
    if (before > 0)
        memcpy(all, s->options[i].bytes, before);
    memcpy(all + before, bytes, len);
    if (i == s->n_options)
        s->n_options++;
    s->options[i] = (struct dhcp4_server_option){.code = code, .bytes = all, .len = before + len};
    return 0;
}

static int add_addr4(struct namedhcp_draft *d, uint8_t code, const struct ipaddr *addr)
{
    return namedhcp_add_option4(d, code, addr->b + 12, 4);
}

static int read_dns(struct namedhcp_draft *d, const char *value)
{
    struct dhcp6_message *given = &d->config->v6.given;
    const char *piece;
    size_t len;

    if (namedhcp_begins_list(d, NAMEDHCP_LIST_DNS)) {
        given->n_dns = 0;
        given->has &= ~DHCP6_HAS_DNS;
        namedhcp_drop_option4(d->config, DHCP4_NAME_SERVERS);
    }
    while (namedhcp_piece(&value, &piece, &len)) {
        struct ipaddr addr;
        int e = 0;
        if (ipaddr_parse(piece, len, &addr) < 0)
            return namedhcp_wrong(d,
                                  "'%.*s' is no address, expected those of name servers, with commas between",
                                  len > 60 ? 60 : (int)len, piece);
        if (ipaddr_is_v4(&addr))
            e = add_addr4(d, DHCP4_NAME_SERVERS, &addr);
        else if (given->n_dns < DHCP6_SERVERS_MAX)
            given->dns[given->n_dns++] = addr;
        else
            e = namedhcp_wrong(d, "too many name servers, expected at most %d", DHCP6_SERVERS_MAX);
        if (e < 0)
            return e;
    }
    if (given->n_dns > 0)
        given->has |= DHCP6_HAS_DNS;
    return 0;
}

static int read_search(struct namedhcp_draft *d, const char *value)
{
    struct dhcp6_message *given = &d->config->v6.given;
    uint8_t bytes[DHCP6_DOMAINS_MAX * DNAME_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    const char *piece;
    size_t len;

    if (namedhcp_begins_list(d, NAMEDHCP_LIST_SEARCH))
        given->n_domains = 0;
    while (namedhcp_piece(&value, &piece, &len)) {
        if (given->n_domains == DHCP6_DOMAINS_MAX)
            return namedhcp_wrong(d, "too many search domains, expected at most %d", DHCP6_DOMAINS_MAX);
        if (dname_from_text(piece, len, given->domains[given->n_domains]) <= 1)
            return namedhcp_wrong(d, "'%.*s' is no domain, expected names with commas between",
                                  len > 60 ? 60 : (int)len, piece);
        given->n_domains++;
    }
    given->has |= DHCP6_HAS_DOMAINS;
    dhcp4_write_domains(&w, (const uint8_t(*)[DNAME_MAX])given->domains, given->n_domains);
    namedhcp_drop_option4(d->config, DHCP4_DOMAIN_SEARCH);
    return namedhcp_add_option4(d, DHCP4_DOMAIN_SEARCH, bytes, w.pos);
}

/* Addresses of both families; DHCPv6 may have names too (RFC 5908). */
static int add_ntp(struct namedhcp_draft *d, const char *piece, size_t len)
{
    struct dhcp6_message *given = &d->config->v6.given;
    struct dhcp6_ntp ntp = {.kind = DHCP6_NTP_ADDR};

    if (ipaddr_parse(piece, len, &ntp.addr) == 0) {
        if (ipaddr_is_v4(&ntp.addr))
            return add_addr4(d, DHCP4_NTP_SERVERS, &ntp.addr);
        if (ntp.addr.b[0] == 0xff)
            ntp.kind = DHCP6_NTP_MULTICAST;
    } else if (dname_from_text(piece, len, ntp.name) > 1) {
        ntp.kind = DHCP6_NTP_NAME;
    } else {
        return namedhcp_wrong(
            d, "'%.*s' is no address or name, expected those of time servers, with commas between",
            len > 60 ? 60 : (int)len, piece);
    }
    if (given->n_ntp == DHCP6_NTP_MAX)
        return namedhcp_wrong(d, "too many time servers, expected at most %d", DHCP6_NTP_MAX);
    given->ntp[given->n_ntp++] = ntp;
    given->has |= DHCP6_HAS_NTP;
    return 0;
}

static int read_ntp(struct namedhcp_draft *d, const char *value)
{
    struct dhcp6_message *given = &d->config->v6.given;
    const char *piece;
    size_t len;
    int e = 0;

    if (namedhcp_begins_list(d, NAMEDHCP_LIST_NTP)) {
        given->n_ntp = 0;
        given->has &= ~DHCP6_HAS_NTP;
        namedhcp_drop_option4(d->config, DHCP4_NTP_SERVERS);
    }
    while (e == 0 && namedhcp_piece(&value, &piece, &len))
        e = add_ntp(d, piece, len);
    return e;
}

/* --- names --- */

/* A blank is a mistake, "domain = lan" or two names, though the DNS has nothing against one in a label. */
static int read_one_name(const char *text, uint8_t ret[static DNAME_MAX])
{
    return strpbrk(text, " \t") ? -EINVAL : dname_from_text(text, strlen(text), ret);
}

static int read_domain(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;
    uint8_t name[DNAME_MAX];
    int len = read_one_name(value, name);

    if (len <= 1)
        return namedhcp_wrong(d, "'%.60s' is no domain, expected a name such as hash.local", value);
    if (c->n_domains == NAMEDHCP_NAMES_MAX)
        return namedhcp_wrong(d, "too many domains, expected at most %d", NAMEDHCP_NAMES_MAX);
    dname_lower(name, name, (size_t)len);
    const uint8_t *copy = arena_copy(&c->arena, name, (size_t)len);
    const uint8_t **more = copy ? namedhcp_more(c->domains, &c->n_domains, sizeof(*more)) : NULL;
    if (!more)
        return -ENOMEM;
    c->domains = more;
    c->domains[c->n_domains - 1] = copy;
    return 0;
}

static int read_allow(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;

    if (strpbrk(value, " \t"))
        return namedhcp_wrong(d, "'%.60s' has a blank in it, expected one pattern such as *.hash.local",
                              value);
    if (c->n_patterns == NAMEDHCP_NAMES_MAX)
        return namedhcp_wrong(d, "too many patterns, expected at most %d", NAMEDHCP_NAMES_MAX);
    const char **more = namedhcp_more(c->patterns, &c->n_patterns, sizeof(*more));
    if (!more)
        return -ENOMEM;
    c->patterns = more;
    c->patterns[c->n_patterns - 1] = value;
    return 0;
}

/* What stands before the '=': a MAC address, six bytes; or a DUID or client identifier, of any other length or behind
 * "id:". Returns where the '=' is; NULL: it was said what is wrong. */
static const char *read_client(struct namedhcp_draft *d, const char *value, uint8_t *ret_len,
                               uint8_t identity[static NAME_IDENTITY_MAX], uint8_t mac[static 6])
{
    static const char prefix[] = "id:";
    const char *is = strchr(value, '=');
    bool is_id = strncasecmp(value, prefix, strlen(prefix)) == 0;
    const char *text = is_id ? value + strlen(prefix) : value;
    size_t len = is ? read_hex(text, (size_t)(is - text), identity) : 0;

    if (len == 0) {
        namedhcp_wrong(
            d, "'%.60s', expected a MAC address or the digits of an identifier, '=', and what belongs to it",
            value);
        return NULL;
    }
    *ret_len = len == 6 && !is_id ? 0 : (uint8_t)len;
    if (*ret_len == 0)
        memcpy(mac, identity, 6);
    return is;
}

static int read_bind(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;
    struct name_binding binding = {0};
    const char *is = read_client(d, value, &binding.identity_len, binding.identity, binding.mac);
    int len = is ? read_one_name(is + 1, binding.name) : 0;

    if (!is)
        return -EINVAL;
    if (len <= 1)
        return namedhcp_wrong(d, "'%.60s' is no name, expected one such as host.hash.local", is + 1);
    if (c->n_bindings == NAMEDHCP_BINDINGS_MAX)
        return namedhcp_wrong(d, "too many bindings, expected at most %d", NAMEDHCP_BINDINGS_MAX);
    dname_lower(binding.name, binding.name, (size_t)len);
    unsigned n = c->n_bindings;
    const char **places = namedhcp_more(d->bind_at, &n, sizeof(*places));
    if (!places)
        return -ENOMEM;
    d->bind_at = places;
    struct name_binding *more = namedhcp_more(c->bindings, &c->n_bindings, sizeof(*more));
    if (!more)
        return -ENOMEM;
    c->bindings = more;
    c->bindings[n - 1] = binding;
    return namedhcp_keep_place(d, &d->bind_at[n - 1]);
}

/* --- DHCPv6 --- */

static int read_preference(struct namedhcp_draft *d, const char *value)
{
    uint32_t n;
    int e = read_number(d, value, 0, 255, "a preference", &n);

    if (e == 0)
        d->config->v6.preference = (uint8_t)n;
    return e;
}

/* "MIN/MAX", "BOTH". */
static int read_span(struct namedhcp_draft *d, const char *value, uint32_t least, uint32_t *ret_min,
                     uint32_t *ret_max)
{
    size_t len = strcspn(value, "/");
    uint32_t min, max;

    if (!rc_number(value, len, least, UINT32_MAX - 1, &min))
        return namedhcp_wrong(
            d, "'%.40s', expected seconds, %u at least, or two such numbers with '/' between", value, least);
    max = min;
    const char *second = value + len + 1;
    if (value[len] == '/' && !rc_number(second, strlen(second), 0, UINT32_MAX - 1, &max))
        return namedhcp_wrong(d, "'%.40s' is no number of seconds, expected %u or more", second, min);
    if (max < min)
        return namedhcp_wrong(d, "'%.40s' is less than the first number of seconds, expected %u or more",
                              second, min);
    *ret_min = min;
    *ret_max = max;
    return 0;
}

static int read_lifetime(struct namedhcp_draft *d, const char *value)
{
    return read_span(d, value, 1, &d->config->v6.lifetime_min_s, &d->config->v6.lifetime_max_s);
}

static int read_prefix(struct namedhcp_draft *d, const char *value)
{
    struct dhcp6_server_settings *s = &d->config->v6;
    struct ipaddr prefix;
    unsigned bits;
    int e;

    if (ipaddr_parse_prefix(value, strlen(value), &prefix, &bits) < 0 || ipaddr_is_v4(&prefix))
        return namedhcp_wrong(d, "'%.60s' is no prefix of IPv6, expected one such as fd00:1::/64", value);
    if (s->n_prefixes == DHCP6_SERVER_PREFIXES_MAX)
        return namedhcp_wrong(d, "too many prefixes, expected at most %d", DHCP6_SERVER_PREFIXES_MAX);
    if ((e = read_network(d, value, &prefix, bits)) < 0)
        return e;
    s->prefixes[s->n_prefixes].prefix = prefix;
    s->prefixes[s->n_prefixes++].bits = bits;
    return 0;
}

static int read_refresh(struct namedhcp_draft *d, const char *value)
{
    struct dhcp6_message *given = &d->config->v6.given;

    given->has |= DHCP6_HAS_REFRESH_TIME;
    return read_number(d, value, 600, UINT32_MAX, "seconds", &given->refresh_time_s);
}

static int read_register(struct namedhcp_draft *d, const char *value)
{
    bool on = false;
    int e = read_switch(d, value, &on);

    if (e < 0)
        return e;
    d->config->v6.given.has &= ~DHCP6_HAS_ADDR_REG_ENABLE;
    if (on)
        d->config->v6.given.has |= DHCP6_HAS_ADDR_REG_ENABLE;
    return 0;
}

/* --- DHCPv4 --- */

static int find_subnet(const struct namedhcp_config *c, uint32_t addr)
{
    for (unsigned i = 0; i < c->n_subnets; i++)
        if ((addr & dhcp4_mask_of(c->subnets[i].bits)) == c->subnets[i].network)
            return (int)i;
    return -1;
}

static bool same_network(const struct dhcp4_subnet *s, uint32_t network, unsigned bits)
{
    unsigned common = s->bits < bits ? s->bits : bits;

    return ((s->network ^ network) & dhcp4_mask_of(common)) == 0;
}

static int read_dhcpv6(struct namedhcp_draft *d, const char *value)
{
    int e = namedhcp_keep_place(d, &d->config->at.protocols);

    return e < 0 ? e : read_switch(d, value, &d->config->serve6);
}

static int read_dhcpv4(struct namedhcp_draft *d, const char *value)
{
    int e = namedhcp_keep_place(d, &d->config->at.protocols);

    d->dhcpv4_said = true;
    return e < 0 ? e : read_switch(d, value, &d->config->serve4);
}

static int read_subnet(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;
    struct ipaddr prefix;
    unsigned bits, n = c->n_subnets;
    int e;

    if (ipaddr_parse_prefix(value, strlen(value), &prefix, &bits) < 0 || !ipaddr_is_v4(&prefix) || bits < 96)
        return namedhcp_wrong(d, "'%.60s' is no network of IPv4, expected one such as 10.0.0.0/24", value);
    if ((e = read_network(d, value, &prefix, bits)) < 0)
        return e;
    for (unsigned i = 0; i < n; i++) {
        if (!same_network(&c->subnets[i], ipaddr_to_v4(&prefix), bits - 96))
            continue;
        if (c->subnets[i].bits != bits - 96)
            return namedhcp_wrong(
                d, "'%.60s' has addresses in common with another subnet, expected each once", value);
        d->subnet = i + 1; /* the command line goes on with one of the file */
        bool again = d->said_of[i].layer == d->layer;
        d->said_of[i].layer = d->layer;
        return again ? namedhcp_warn(d, "'%.60s' stands here again: the lines of both are about one subnet",
                                     value)
                     : 0;
    }
    if (n == LEASE_SUBNETS_MAX)
        return namedhcp_wrong(d, "too many subnets, expected at most %d", LEASE_SUBNETS_MAX);
    void *said_of = namedhcp_more(d->said_of, &n, sizeof(*d->said_of));
    if (!said_of)
        return -ENOMEM;
    d->said_of = said_of;
    d->said_of[n - 1].layer = d->layer;
    struct dhcp4_subnet *subnets = namedhcp_more(c->subnets, &c->n_subnets, sizeof(*subnets));
    if (!subnets)
        return -ENOMEM;
    c->subnets = subnets;
    c->subnets[n - 1].network = ipaddr_to_v4(&prefix);
    c->subnets[n - 1].bits = bits - 96;
    d->subnet = n;
    return 0;
}

/* Beside those that are there. */
static int check_pool(struct namedhcp_draft *d, const char *value, const struct lease_pool *pool)
{
    const struct namedhcp_config *c = d->config;

    for (unsigned i = 0; i < c->n_pools; i++)
        if (pool->first <= c->pools[i].last && c->pools[i].first <= pool->last)
            return namedhcp_wrong(
                d, "'%.60s' has addresses in common with pool number %u, expected each once", value, i + 1);
    d->n_pooled += (uint64_t)pool->last - pool->first + 1;
    if (d->n_pooled > LEASE_POOL_MAX)
        return namedhcp_wrong(d, "'%.60s': the pools have too many addresses, expected at most %u in all",
                              value, LEASE_POOL_MAX);
    return 0;
}

/* "FIRST-LAST" */
static int read_pool(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;
    struct lease_pool pool = {.subnet = d->subnet - 1};
    const char *dash = strchr(value, '-');
    int e;

    if (d->subnet == 0)
        return namedhcp_wrong(d, "a pool is of a subnet, expected 'subnet NET' before it");
    if (!dash)
        return namedhcp_wrong(d, "'%.60s' is no pool, expected two addresses such as 10.0.0.100-10.0.0.199",
                              value);
    if ((e = read_addr4(d, value, (size_t)(dash - value), &pool.first)) < 0 ||
        (e = read_addr4(d, dash + 1, strlen(dash + 1), &pool.last)) < 0)
        return e;
    if (pool.first > pool.last)
        return namedhcp_wrong(d, "'%.60s' runs backwards, expected the lower address first", value);
    if ((e = check_pool(d, value, &pool)) < 0)
        return e;
    if (find_subnet(c, pool.first) != (int)pool.subnet || find_subnet(c, pool.last) != (int)pool.subnet)
        return namedhcp_wrong(d, "'%.60s' is not within its subnet, expected addresses of that", value);
    if (c->n_pools == NAMEDHCP_POOLS_MAX)
        return namedhcp_wrong(d, "too many pools, expected at most %d", NAMEDHCP_POOLS_MAX);
    struct lease_pool *pools = namedhcp_more(c->pools, &c->n_pools, sizeof(*pools));
    if (!pools)
        return -ENOMEM;
    c->pools = pools;
    c->pools[c->n_pools - 1] = pool;
    return 0;
}

static int read_lease(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;
    struct dhcp4_subnet *s = d->subnet ? &c->subnets[d->subnet - 1] : &c->common;

    return read_span(d, value, 1, &s->lease_s, &s->lease_max_s);
}

static int read_by_name(struct namedhcp_draft *d, const char *value)
{
    bool on = false;
    int e = read_switch(d, value, &on);

    if (e < 0)
        return e;
    if (d->subnet)
        d->said_of[d->subnet - 1].by_name = on ? 2 : 1;
    else
        d->common_by_name = on ? 2 : 1;
    return 0;
}

static int read_fixed(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_config *c = d->config;
    struct dhcp4_fixed fixed = {0};
    const char *is = read_client(d, value, &fixed.identity_len, fixed.identity, fixed.mac);
    int e = is ? read_addr4(d, is + 1, strlen(is + 1), &fixed.addr) : -EINVAL;

    if (e < 0)
        return e;
    if (c->n_fixed == NAMEDHCP_BINDINGS_MAX)
        return namedhcp_wrong(d, "too many fixed addresses, expected at most %d", NAMEDHCP_BINDINGS_MAX);
    struct dhcp4_fixed *more = namedhcp_more(c->fixed, &c->n_fixed, sizeof(*more));
    if (!more)
        return -ENOMEM;
    c->fixed = more;
    c->fixed[c->n_fixed - 1] = fixed;
    return 0;
}

const struct namedhcp_row namedhcp_rows[] = {
    {{"rcfile", 'f', "FILE", "read further options there, one a line"}, NULL},
    {{"stack", 's', "CONF_or_VNL", "the stack that is served, or a network for a port of our own"},
     namedhcp_read_stack},
    {{"dnsstack", 'R', "CONF", "the stack on which the DNS is asked (the system's)"}, read_dnsstack},
    {{"iface", 'i', "NAME", "the interface that is served (vde0); may repeat"}, namedhcp_read_iface},
    {{"macaddr", 'm', "MAC", "its MAC address"}, read_mac},
    {{"ip", 0, "ADDR/LEN", "an address of a port of our own; may repeat"}, namedhcp_read_ip},
    {{"resolvconf", 'r', "FILE", "which DNS is asked (/etc/resolv.conf)"}, read_resolvconf},
    {{"nameserver", 'n', "ADDR[,ADDR...]", "the same without a file"}, read_nameserver},
    {{"dns", 'D', "ADDR[,ADDR...]", "name servers for clients"}, read_dns},
    {{"dnssearch", 'S', "NAME[,NAME...]", "search domains for clients"}, read_search},
    {{"ntp", 'N', "ADDR[,ADDR...]", "time servers for clients"}, read_ntp},
    {{"dnr", 0, "'PRIORITY NAME [ADDR,...] [KEY=VALUE...]'",
      "a resolver that speaks encrypted DNS; may repeat"},
     namedhcp_read_dnr},
    {{"captive-portal", 0, "URI", "where a portal tells about itself"}, namedhcp_read_portal},
    {{"serverid", 'I', "ADDR", "the identifier of the DHCPv4 server (the interface's address)"},
     read_server_id},
    {{"daemon", 'd', NULL, "go to the background once serving; log to syslog"}, NULL},
    {{"pidfile", 'p', "FILE", "write the process id there while running"}, NULL},
    {{"verbose", 'v', NULL, "log everything"}, NULL},
    {{"control", 0, "PATH", "the control socket; 'none'"}, NULL},
    {{"controlgroup", 0, "GROUP", "a group whose members may use it"}, NULL},
    {{"metrics", 0, "ADDR@PORT", "serve counters there over HTTP (OpenMetrics); 'none'"}, NULL},
    {{"user", 0, "USER[:GROUP]", "whom to become, started by root; 'none'"}, NULL},
    {{"sandbox", 0, "on|off", "a filter of system calls (on)"}, NULL},
    {{"domain", 0, "NAME", "names that clients claim are within it; the first one completes short ones"},
     read_domain},
    {{"allow", 0, "PATTERN", "names that clients may claim, * and ? as in a shell"}, read_allow},
    {{"bind", 0, "ID_or_MAC=NAME", "the name of a client that claims none, or may claim no other"},
     read_bind},
    {{"name", 0, "PATTERN", "a name for each other client, of %duid% or %mac%"}, read_made},
    {{"claims", 0, "on|off", "a name belongs to the client that came first (on)"}, read_claims},
    {{"claims-keep", 0, "SECS", "a claim ends so long after its last use (2592000)"}, read_claims_keep},
    {{"claims-max", 0, "NUMBER", "claims at the most (100000)"}, read_claims_max},
    {{"dhcpv6", 0, "on|off", "serve DHCPv6 (on; namedhcp4: off)"}, read_dhcpv6},
    {{"preference", 0, "NUMBER", "of this server; 255: clients wait for no other (0)"}, read_preference},
    {{"rapid-commit", 0, "on|off", "two messages in place of four, if a client wants that (on)"}, read_rapid},
    {{"lifetime", 0, "MIN[/MAX]", "bounds of lifetimes, seconds (60/86400)"}, read_lifetime},
    {{"prefix", 0, "ADDR/LEN", "addresses of names outside of these are not given (all are)"}, read_prefix},
    {{"refresh", 0, "SECS", "when clients without an address ask again"}, read_refresh},
    {{"register", 0, "on|off", "let clients register addresses of their own (off)"}, read_register},
    {{"dhcpv4", 0, "on|off", "serve DHCPv4 (off; namedhcp4, or with a subnet: on)"}, read_dhcpv4},
    {{"option6", 0, "'NAME_or_NUMBER VALUE'", "an option of DHCPv6, for clients that ask for it"},
     namedhcp_read_option6},
    {{"subnet", 0, "ADDR/LEN", "a network of DHCPv4; the lines behind it are about it"}, read_subnet},
    {{"pool", 0, "FIRST-LAST", "addresses to be leased"}, read_pool},
    {{"by-name", 0, "on|off", "addresses from the DNS (on without a pool)"}, read_by_name},
    {{"lease", 0, "SECS[/MAX]", "lease time, and the longest that a client may want (3600/86400)"},
     read_lease},
    {{"option", 0, "'NAME_or_NUMBER VALUE'", "an option of DHCPv4"}, namedhcp_read_option},
    {{"fixed", 0, "ID_or_MAC=ADDR", "an address that is one client's"}, read_fixed},
    {{"authoritative", 0, "on|off", "say no to clients that are not known (on)"}, read_authoritative},
    {{"probe", 0, "on|off", "look whether an address is in use before it is offered (on)"}, read_probe},
    {{"echo", 0, "MS|off", "behind a relay, wait so long for an answer to an echo request (1000)"},
     read_echo},
    {{"leases", 0, "FILE", "where leases and claims are kept (in memory)"}, read_leases},
    {{"leases-group", 0, "GROUP", "who may read that file, as iothnamed does (its owner alone)"},
     read_leases_group},
    {{"leases-max", 0, "NUMBER", "leases at the most (100000)"}, read_leases_max},
    {{"duid", 0, "FILE", "where the server's DUID is kept (made of the MAC address)"}, read_duid},
    {{0}, NULL},
};
