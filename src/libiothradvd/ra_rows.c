/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of the router, one row each, in the order of the help: name, letter, what it takes, and how that is read. The
 * file, the command line and the help are made of this table. What an advertisement can hold beside numbers is read in
 * ra_texts.c.
 */
#include "libiothradvd/ra_config.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool read_number(struct ra_reading *r, const char *value, uint32_t least, uint32_t most,
                        const char *unit, uint32_t *ret)
{
    if (rc_number(value, strlen(value), least, most, ret))
        return true;
    return ra_fail(r, "'%.40s' is no number of %s that is possible here, expected %u to %u", value, unit,
                   least, most);
}

/* A text that is kept. */
static bool read_text(struct ra_reading *r, const char *value, const char **ret)
{
    const char *copy = arena_text(&r->config->arena, value, strlen(value));
    if (!copy) {
        r->out_of_memory = true;
        return false;
    }
    *ret = copy;
    return true;
}

/* One of two words. */
static bool read_choice(struct ra_reading *r, const char *value, const char *no, const char *yes, bool *ret)
{
    bool is_yes = strcasecmp(value, yes) == 0;
    if (!is_yes && strcasecmp(value, no) != 0)
        return ra_fail(r, "'%.40s', expected '%s' or '%s'", value, no, yes);
    *ret = is_yes;
    return true;
}

/* Gathered apart. */
static bool read_elsewhere(struct ra_reading *r, const char *value)
{
    (void)r, (void)value;
    return true;
}

/* --- where --- */

static bool read_stack(struct ra_reading *r, const char *value)
{
    return read_text(r, value, &r->interface->stack) && read_text(r, r->place, &r->interface->stack_at);
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Six numbers of one or two hexadecimal digits between colons or dashes. */
static bool mac_of(const char *text, uint8_t ret[static 6])
{
    uint8_t mac[6] = {0};
    for (unsigned i = 0; i < 6; i++) {
        unsigned digits = 0;
        for (; nibble(*text) >= 0; text++, digits++)
            mac[i] = (uint8_t)(mac[i] << 4 | nibble(*text));
        if (digits < 1 || digits > 2 || (i < 5 ? *text != ':' && *text != '-' : *text != '\0'))
            return false;
        text++;
    }
    memcpy(ret, mac, sizeof(mac));
    return true;
}

static bool read_mac(struct ra_reading *r, const char *value)
{
    static const uint8_t zero[6];
    uint8_t mac[6];
    if (!mac_of(value, mac))
        return ra_fail(r, "'%.40s' is no MAC address, expected one such as 02:00:00:00:00:01", value);
    if (mac[0] & 1 || memcmp(mac, zero, sizeof(mac)) == 0)
        return ra_fail(r, "'%.40s' is no address that an interface can have, expected an even first byte",
                       value);
    memcpy(r->interface->mac, mac, sizeof(mac));
    r->interface->has_mac = true;
    return true;
}

/* --- when and what --- */

static bool read_period(struct ra_reading *r, const char *value)
{
    uint32_t n;
    if (!read_number(r, value, 1, RA_INTERVAL_MAX_S, "seconds", &n))
        return false;
    r->interface->settings.interval_max = n * NSEC_PER_SEC;
    if (n < 4)
        ra_warn(r, "a period of %u s is less than the 4 s that hosts are used to", n);
    return true;
}

static bool read_min_period(struct ra_reading *r, const char *value)
{
    uint32_t n;
    if (!read_number(r, value, 1, RA_INTERVAL_MAX_S, "seconds", &n))
        return false;
    r->interface->settings.interval_min = n * NSEC_PER_SEC;
    r->interface->has_interval_min = true;
    return true;
}

static bool read_hoplimit(struct ra_reading *r, const char *value)
{
    uint32_t n;
    if (!read_number(r, value, 0, 255, "hops", &n))
        return false;
    r->interface->settings.router.hop_limit = (uint8_t)n;
    return true;
}

static bool add_flag(struct ra_reading *r, char letter, struct nd_router *router)
{
    static const struct {
        char letter;
        uint8_t bit;
    } flags[] = {{'M', ND_RA_MANAGED}, {'O', ND_RA_OTHER}, {'H', ND_RA_HOME}, {'P', ND_RA_PROXY}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].letter == letter) {
            router->flags |= flags[i].bit;
            return true;
        }
    if (letter != 'h' && letter != 'l')
        return ra_fail(r, "'%c' is no flag, expected some of M, O, H, P, and h or l",
                       letter > 32 && letter < 127 ? letter : '?');
    if (router->preference != ND_MEDIUM)
        return ra_fail(r, "one preference alone is possible, expected h or l");
    router->preference = letter == 'h' ? ND_HIGH : ND_LOW;
    return true;
}

static bool read_flags(struct ra_reading *r, const char *value)
{
    struct nd_router router = r->interface->settings.router;
    router.flags = 0;
    router.preference = ND_MEDIUM;
    for (const char *at = value; *at; at++)
        if (!add_flag(r, *at, &router))
            return false;
    r->interface->settings.router = router;
    return true;
}

static bool read_lifetime(struct ra_reading *r, const char *value)
{
    uint32_t n;
    if (!read_number(r, value, 0, UINT16_MAX, "seconds", &n))
        return false;
    r->interface->settings.router.lifetime_s = (uint16_t)n;
    r->interface->has_lifetime = true;
    return true;
}

static bool read_reachable(struct ra_reading *r, const char *value)
{
    return read_number(r, value, 0, RA_REACHABLE_MAX_MS, "milliseconds",
                       &r->interface->settings.router.reachable_ms);
}

static bool read_retransmit(struct ra_reading *r, const char *value)
{
    return read_number(r, value, 0, UINT32_MAX, "milliseconds", &r->interface->settings.router.retrans_ms);
}

static bool read_mtu(struct ra_reading *r, const char *value)
{
    uint32_t n;
    if (strcmp(value, "0") == 0) {
        r->interface->settings.mtu = 0;
        return true;
    }
    if (!rc_number(value, strlen(value), ND_IPV6_MTU_MIN, UINT16_MAX, &n))
        return ra_fail(r, "'%.40s' is no MTU, expected %d to %d, or 0 for none", value, ND_IPV6_MTU_MIN,
                       UINT16_MAX);
    r->interface->settings.mtu = n;
    return true;
}

static bool read_solicited(struct ra_reading *r, const char *value)
{
    return read_choice(r, value, "unicast", "multicast", &r->interface->settings.multicast);
}

static bool read_source_mac(struct ra_reading *r, const char *value)
{
    return read_choice(r, value, "off", "on", &r->interface->settings.source_mac);
}

#define INTERFACE true

const struct ra_row ra_rows[] = {
    {{"stack", 's', "CONF_or_VNL", "the stack, or the network on which to be a port without one"},
     INTERFACE,
     read_stack},
    {{"rcfile", 'f', "FILE", "read further options there, one a line"}, false, NULL},
    {{"daemon", 'd', NULL, "go to the background once serving; log to syslog"}, false, NULL},
    {{"pidfile", 'p', "FILE", "write the process id there while running"}, false, NULL},
    {{"verbose", 'v', NULL, "log everything"}, false, NULL},
    {{"iface", 'i', "NAME", "the interface that the options behind it are about (vde0)"},
     INTERFACE,
     read_elsewhere},
    {{"macaddr", 'm', "MAC", "its MAC address"}, INTERFACE, read_mac},
    {{"period", 'P', "SECS", "at most so long between two advertisements (600)"}, INTERFACE, read_period},
    {{"minperiod", 0, "SECS", "at least so long (a third of the period)"}, INTERFACE, read_min_period},
    {{"hoplimit", 'H', "NUMBER", "hop limit for hosts (64; 0: says nothing)"}, INTERFACE, read_hoplimit},
    {{"flags", 'F', "LETTERS", "M managed, O other, H home agent, h high or l low preference, P proxy"},
     INTERFACE,
     read_flags},
    {{"lifetime", 'L', "SECS", "as a default router (three periods; 0: it is none)"},
     INTERFACE,
     read_lifetime},
    {{"reachable", 'r', "MS", "how long a neighbour counts as reachable (0: says nothing)"},
     INTERFACE,
     read_reachable},
    {{"retransmit", 'R', "MS", "between solicitations of a neighbour (0: says nothing)"},
     INTERFACE,
     read_retransmit},
    {{"mtu", 'M', "BYTES", "MTU of the link (0: says nothing)"}, INTERFACE, read_mtu},
    {{"prefix", 0, "PREFIX", "ADDR/LEN[/FLAGS[/VALID[/PREFERRED]]], flags L A R P D"},
     INTERFACE,
     ra_read_prefix},
    {{"rdnss", 0, "ADDR[,ADDR...][/SECS]", "name servers"}, INTERFACE, ra_read_rdnss},
    {{"dnssl", 0, "NAME[,NAME...][/SECS]", "search domains"}, INTERFACE, ra_read_dnssl},
    {{"route", 0, "ADDR/LEN[/PREFERENCE[/SECS]]", "a route by this router, high, medium or low"},
     INTERFACE,
     ra_read_route},
    {{"pref64", 0, "ADDR/LEN[/SECS]", "the prefix of NAT64"}, INTERFACE, ra_read_pref64},
    {{"captive-portal", 0, "URI", "where a portal tells about itself"}, INTERFACE, ra_read_portal},
    {{"dnr", 0, "'PRIORITY NAME [ADDR,...] [KEY=VALUE...]'", "a resolver that speaks encrypted DNS"},
     INTERFACE,
     ra_read_dnr},
    {{"solicited", 0, "unicast|multicast", "to whom solicited advertisements go (unicast)"},
     INTERFACE,
     read_solicited},
    {{"sourcemac", 0, "on|off", "the source link-layer address option (on)"}, INTERFACE, read_source_mac},
    {{"control", 0, "PATH", "the control socket; 'none'"}, false, NULL},
    {{"controlgroup", 0, "GROUP", "a group whose members may use it"}, false, NULL},
    {{"metrics", 0, "ADDR@PORT", "serve counters there over HTTP (OpenMetrics); 'none'"}, false, NULL},
    {{"user", 0, "USER[:GROUP]", "whom to become, started by root; 'none'"}, false, NULL},
    {{"sandbox", 0, "on|off", "a filter of system calls (on)"}, false, NULL},
    {{0}, false, NULL},
};
