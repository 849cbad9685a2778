/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_config.h. Each option is a row of the table at the end: its names, what it takes, its help, and the function that
 * reads its value into the draft. The file, the command line and the help are made of that table; what must go together is
 * looked at when all is read.
 *
 * tcp and udp may repeat: lines for other ports add up, one for a port that was said before takes its place, so a command line
 * can change a service of the file.
 */
#include "libotip/proxy_config.h"

#include "libiothconf/open/open_stack.h"
#include "libotip/otip_base.h"
#include "libotip/proxy_window.h"

#include <errno.h>
#include <iothconf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECONDS_MAX = 366 * 24 * 3600, PERIOD_MAX_S = 24 * 3600 };

struct proxy_draft {
    struct proxy_config *config;
    const struct rc_place *place; /* of the option that is read */
    char *why;                    /* what is wrong with it */
    size_t why_size;
};

struct proxy_row {
    struct rc_row row;
    /* NULL: one of io/rc_daemon.h. */
    int (*read)(struct proxy_draft *d, const char *value);
};

static int PRINTF_LIKE(2, 3) wrong(struct proxy_draft *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(d->why, d->why_size, format, args);
    va_end(args);
    return -EINVAL;
}

/* ---- values ---- */

static int keep_text(struct proxy_draft *d, const char *value, const char **ret)
{
    const char *copy = arena_text(&d->config->arena, value, strlen(value));

    if (copy == NULL)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

static int keep_place(struct proxy_draft *d, const char **ret)
{
    return keep_text(d, d->place->text, ret);
}

static int read_number(struct proxy_draft *d, const char *value, uint32_t least, uint32_t most, uint32_t *ret)
{
    if (rc_number(value, strlen(value), least, most, ret))
        return 0;
    return wrong(d, "'%.40s', expected a number from %u to %u", value, least, most);
}

/* Seconds with up to nine digits behind a point. */
static int read_seconds(struct proxy_draft *d, const char *value, nsec_t *ret)
{
    size_t whole_len = strcspn(value, "."), len = strlen(value);
    size_t digits = len > whole_len ? len - whole_len - 1 : 0;
    uint32_t whole, part = 0;

    if (!rc_number(value, whole_len, 0, SECONDS_MAX, &whole) || digits > 9 ||
        (len > whole_len && !rc_number(value + whole_len + 1, digits, 0, 999999999, &part)))
        return wrong(d, "'%.40s', expected seconds from 0 to %d, such as 8 or 0.5", value, SECONDS_MAX);
    for (size_t i = digits; i < 9; i++)
        part *= 10;
    *ret = (nsec_t)whole * NSEC_PER_SEC + (nsec_t)part;
    return 0;
}

/* The same, where 0 means never. */
static int read_patience(struct proxy_draft *d, const char *value, nsec_t *ret)
{
    int e = read_seconds(d, value, ret);

    if (e == 0 && *ret == 0)
        *ret = NSEC_NEVER;
    return e;
}

static int read_stack(struct proxy_draft *d, const char *value, const char **ret)
{
    size_t offset = 0;
    char error[256];

    if (ioth_config_check(value, &offset, error, sizeof(error)) < 0)
        return wrong(d, "at '%.20s': %.200s", value + offset, error);
    return keep_text(d, value, ret);
}

static int read_secret_file(struct proxy_draft *d, const char *value, const char **ret)
{
    const char *path = rc_file_named(d->place, &d->config->arena, value);

    if (path == NULL)
        return -ENOMEM;
    *ret = path;
    return keep_place(d, &d->config->at.secret);
}

static int read_congestion(struct proxy_draft *d, const char *value, const char **ret)
{
    if (value[0] == '\0' || strlen(value) >= PROXY_CONGESTION_MAX)
        return wrong(d, "'%.40s', expected the name of a congestion control, such as cubic", value);
    return keep_text(d, value, ret);
}

#define ROW_OF(name, reader, member)                                                                         \
    static int name(struct proxy_draft *d, const char *value)                                                \
    {                                                                                                        \
        return reader(d, value, &d->config->member);                                                         \
    }
/* The same, and where it was said. */
#define PLACED_ROW(name, reader, member, place_of)                                                           \
    static int name(struct proxy_draft *d, const char *value)                                                \
    {                                                                                                        \
        int e = reader(d, value, &d->config->member);                                                        \
                                                                                                             \
        return e == 0 ? keep_place(d, &d->config->at.place_of) : e;                                          \
    }
PLACED_ROW(row_extstack, read_stack, extstack, extstack)
PLACED_ROW(row_intstack, read_stack, intstack, intstack)
PLACED_ROW(row_base, keep_text, base, base)
PLACED_ROW(row_passwd, keep_text, passwd, secret)
ROW_OF(row_passwdfile, read_secret_file, passwdfile)
ROW_OF(row_keyuser, keep_text, keyuser)
PLACED_ROW(row_congestion, read_congestion, congestion, congestion)
ROW_OF(row_before, read_seconds, before)
ROW_OF(row_after, read_seconds, after)
ROW_OF(row_tcp_timeout, read_patience, tcp_timeout)
ROW_OF(row_udp_timeout, read_patience, udp_timeout)
ROW_OF(row_connect_timeout, read_patience, connect_timeout)
ROW_OF(row_tcp_lifetime, read_patience, tcp_lifetime)

#define NUMBER_ROW(name, member, least, most)                                                                \
    static int name(struct proxy_draft *d, const char *value)                                                \
    {                                                                                                        \
        return read_number(d, value, least, most, &d->config->member);                                       \
    }
NUMBER_ROW(row_period, period_s, 1, PERIOD_MAX_S)
NUMBER_ROW(row_backlog, backlog, 1, 65535)
NUMBER_ROW(row_addresses_max, addresses_max, 1, WINDOW_ADDRESSES_MAX)
NUMBER_ROW(row_flows_max, flows_max, 1, PROXY_FLOWS_MAX)
NUMBER_ROW(row_source_max, source_max, 1, PROXY_FLOWS_MAX)

#define FLAG_ROW(name, member)                                                                               \
    static int name(struct proxy_draft *d, const char *value)                                                \
    {                                                                                                        \
        (void)value;                                                                                         \
        d->config->member = true;                                                                            \
        return 0;                                                                                            \
    }
FLAG_ROW(row_v2, otip2)
FLAG_ROW(row_proxy_protocol, proxy_protocol)

static int row_name(struct proxy_draft *d, const char *value)
{
    if (!otip_is_name(value) || strpbrk(value, " \t"))
        return wrong(d, "'%.60s' is no domain name, expected one such as renzo.otip", value);
    return keep_text(d, value, &d->config->name);
}

/* Passwords make addresses of either generation, a key those of the second. */
static int row_key(struct proxy_draft *d, const char *value)
{
    d->config->otip2 = true;
    return read_secret_file(d, value, &d->config->key);
}

static int row_prefixlen(struct proxy_draft *d, const char *value)
{
    uint32_t bits;
    int e = read_number(d, value, 1, 128, &bits);

    if (e == 0)
        d->config->prefix_bits = (uint8_t)bits;
    return e;
}

static int row_dns(struct proxy_draft *d, const char *value)
{
    struct ipendpoint server;

    if (ipendpoint_parse(value, strlen(value), 53, &server) < 0)
        return wrong(d, "'%.60s', expected the address of a name server, ADDR or ADDR@PORT", value);
    return keep_text(d, value, &d->config->dns);
}

/* ---- services ---- */

/* The next piece up to a comma; *at is behind it then. */
static size_t next_piece(const char **at, const char **ret)
{
    size_t len = strcspn(*at, ",");

    *ret = *at;
    *at += len + ((*at)[len] == ',');
    return len;
}

static bool read_port(const char *text, size_t len, uint16_t *ret)
{
    uint32_t n;

    if (!rc_number(text, len, 1, UINT16_MAX, &n))
        return false;
    *ret = (uint16_t)n;
    return true;
}

/* NULL, or the piece that is wrong, and its length; the whole if one is missing. */
static const char *read_service(const char *value, struct proxy_service *ret, size_t *ret_len)
{
    const char *at = value, *piece;

    for (unsigned i = 0; i < 3; i++) {
        size_t len = *ret_len = next_piece(&at, &piece);
        bool good = i == 0   ? read_port(piece, len, &ret->port)
                    : i == 1 ? ipaddr_parse(piece, len, &ret->server.addr) == 0
                             : read_port(piece, len, &ret->server.port);
        if (!good && len > 0)
            return piece;
        if (!good)
            break;
        if (i == 2 && *at == '\0')
            return NULL;
    }
    *ret_len = strlen(value);
    return value;
}

static int add_service(struct proxy_draft *d, const char *value, bool udp)
{
    struct proxy_config *c = d->config;
    struct proxy_service service = {.udp = udp};
    unsigned i = 0;

    size_t len;
    const char *piece = read_service(value, &service, &len);
    if (piece)
        return wrong(
            d, "'%.*s', expected EXTPORT,INTADDR,INTPORT, two ports and an address, such as 22,10.0.0.1,22",
            len < 60 ? (int)len : 60, piece);
    while (i < c->n_services && (c->services[i].udp != udp || c->services[i].port != service.port))
        i++;
    if (i == PROXY_SERVICES_MAX)
        return wrong(d, "too many services, expected at most %d", PROXY_SERVICES_MAX);
    c->services[i] = service;
    if (i == c->n_services)
        c->n_services++;
    return 0;
}

static int row_tcp(struct proxy_draft *d, const char *value)
{
    return add_service(d, value, false);
}

static int row_udp(struct proxy_draft *d, const char *value)
{
    return add_service(d, value, true);
}

/* ---- the table ---- */

static const struct proxy_row rows[] = {
    {{"rcfile", 'f', "FILE", "read further options there, one a line"}, NULL},
    {{"daemon", 'd', NULL, "go to the background once serving; log to syslog"}, NULL},
    {{"pidfile", 'p', "FILE", "write the process id there while running"}, NULL},
    {{"verbose", 'v', NULL, "log everything, such as each address that comes and goes"}, NULL},
    {{"extstack", 'e', "CONF", "the stack that has the one-time addresses; they come and go on its iface="},
     row_extstack},
    {{"intstack", 'i', "CONF", "the stack that reaches the hidden servers (the system's)"}, row_intstack},
    {{"name", 'n', "FQDN", "the name whose addresses these are"}, row_name},
    {{"base", 'b', "BASE",
      "the base address, or a name that has it in the DNS (what is behind the first dot of the name)"},
     row_base},
    {{"baseaddr", 0, "BASE", "the same"}, row_base},
    {{"dns", 'D', "ADDR", "the name server for that, ADDR or ADDR@PORT (those of /etc/resolv.conf)"},
     row_dns},
    {{"passwd", 'P', "PASSWORD", "the shared secret; better in a file"}, row_passwd},
    {{"passwdfile", 0, "FILE", "its first line is the shared secret"}, row_passwdfile},
    {{"passwd-file", 0, "FILE", "the same"}, row_passwdfile},
    {{"v2", 0, NULL, "addresses of the second generation"}, row_v2},
    {{"key", 0, "FILE", "its key, of otipkey(1) (implies --v2)"}, row_key},
    {{"keyuser", 0, "USER", "the key is a master key, of which this user's is derived"}, row_keyuser},
    {{"tcp", 't', "EXTPORT,INTADDR,INTPORT", "a TCP port and the server behind it; may repeat"}, row_tcp},
    {{"udp", 'u', "EXTPORT,INTADDR,INTPORT", "a UDP port and the server behind it; may repeat"}, row_udp},
    {{"otip_period", 0, "SECS", "how long an address lasts (32)"}, row_period},
    {{"otip_preactive", 0, "SECS", "how early it opens, fractions allowed (8)"}, row_before},
    {{"otip_postactive", 0, "SECS", "how late it closes, fractions allowed (8)"}, row_after},
    {{"prefixlen", 0, "BITS", "of the addresses on the interface; 128 where the prefix is routed here (64)"},
     row_prefixlen},
    {{"addresses_max", 0, "N", "addresses at once, those kept for old flows included (256)"},
     row_addresses_max},
    {{"tcp_listen_backlog", 0, "N", "connections that wait to be accepted (5)"}, row_backlog},
    {{"tcp_congestion", 0, "NAME", "congestion control of clients' connections (the stack's own)"},
     row_congestion},
    {{"tcp_timeout", 0, "SECS", "a connection without a byte ends (120; 0: never)"}, row_tcp_timeout},
    {{"tcp_connect_timeout", 0, "SECS", "for the connection to the hidden server (10)"}, row_connect_timeout},
    {{"tcp_lifetime", 0, "SECS", "any connection ends after this (0: never)"}, row_tcp_lifetime},
    {{"udp_timeout", 0, "SECS", "a UDP flow without a datagram ends (8)"}, row_udp_timeout},
    {{"flows_max", 0, "N", "connections and UDP flows at once (8192)"}, row_flows_max},
    {{"source_max", 0, "N", "of them from one /64 (1024)"}, row_source_max},
    {{"proxy_protocol", 0, NULL,
      "tell the hidden server by the PROXY protocol, version 2, who the client is"},
     row_proxy_protocol},
    {{"control", 0, "PATH", "the control socket; 'none'"}, NULL},
    {{"controlgroup", 0, "GROUP", "a group whose members may use it"}, NULL},
    {{"metrics", 0, "ADDR@PORT", "serve counters there over HTTP (OpenMetrics); 'none'"}, NULL},
    {{"user", 0, "USER[:GROUP]", "whom to become, started by root; 'none'"}, NULL},
    {{"sandbox", 0, "on|off", "a filter of system calls (on)"}, NULL},
    {{NULL, 0, NULL, NULL}, NULL},
};

struct rc_rows proxy_rows(void)
{
    return RC_ROWS(rows);
}

/* ---- the draft ---- */

int proxy_draft_new(struct proxy_draft **ret)
{
    struct proxy_draft *d = calloc(1, sizeof(*d));
    struct proxy_config *c = calloc(1, sizeof(*c));

    if (d == NULL || c == NULL) {
        free(d);
        free(c);
        return -ENOMEM;
    }
    c->process.sandbox = true;
    c->prefix_bits = 64;
    c->period_s = OTIP_PERIOD_S;
    c->before = c->after = 8 * NSEC_PER_SEC;
    c->addresses_max = 256;
    c->backlog = 5;
    c->tcp_timeout = 120 * NSEC_PER_SEC;
    c->connect_timeout = 10 * NSEC_PER_SEC;
    c->tcp_lifetime = NSEC_NEVER;
    c->udp_timeout = 8 * NSEC_PER_SEC;
    c->flows_max = 8192;
    c->source_max = 1024;
    d->config = c;
    *ret = d;
    return 0;
}

void proxy_draft_free(struct proxy_draft *d)
{
    if (d == NULL)
        return;
    proxy_config_free(d->config);
    free(d);
}

void proxy_config_free(struct proxy_config *config)
{
    if (config == NULL)
        return;
    if (config->passwd != NULL)
        explicit_bzero((char *)config->passwd, strlen(config->passwd));
    arena_fini(&config->arena);
    free(config);
}

static int take(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place,
                char *why, size_t why_size)
{
    struct proxy_draft *d = arg;
    const struct proxy_row *own = (const struct proxy_row *)(const void *)row;

    if (own->read == NULL)
        return daemon_config_read(&d->config->process, &d->config->arena, row->name, value, place->text, why,
                                  why_size);
    d->place = place;
    d->why = why;
    d->why_size = why_size;
    return own->read(d, value);
}

struct rc_reader proxy_draft_reader(struct proxy_draft *d)
{
    return (struct rc_reader){.rows = RC_ROWS(rows), .such_as = "'tcp' or 'name'", .take = take, .arg = d};
}

/* ---- what must go together ---- */

size_t proxy_conf_value(const char *conf, const char *keyword, const char **ret)
{
    size_t keyword_len = strlen(keyword);
    int depth = 0;

    for (const char *at = conf; at && *at != '\0';) {
        const char *element = at + strspn(at, " \t");
        for (at = element; *at != '\0' && (depth > 0 || *at != ','); at++)
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        const char *end = at;
        at += *at == ',';
        if (strncasecmp(element, keyword, keyword_len) != 0 || element[keyword_len] != '=')
            continue;
        *ret = element + keyword_len + 1;
        return (size_t)(end - *ret);
    }
    return 0;
}

/* What a stack without that element has: the first interface on a virtual network. */
static int find_iface(struct proxy_config *c)
{
    const char *value;
    size_t len = proxy_conf_value(c->extstack, "iface", &value);

    if (len == 0 && !open_stack_is_system(c->extstack)) {
        value = "vde0";
        len = strlen(value);
    }
    if (len == 0)
        return 0;
    c->iface = arena_text(&c->arena, value, len);
    return c->iface ? 0 : -ENOMEM;
}

static const char *what_is_missing(const struct proxy_config *c)
{
    int secrets = (c->passwd != NULL) + (c->passwdfile != NULL) + (c->key != NULL);

    if (c->name == NULL)
        return "--name is missing: whose addresses these are";
    if (c->iface == NULL)
        return "--extstack is missing, or names no interface (iface=) of the system's stack";
    if (secrets != 1)
        return secrets == 0
                   ? "the secret is missing: --passwdfile, --passwd or --key"
                   : "there is more than one secret: one of --passwdfile, --passwd and --key is expected";
    if (c->keyuser != NULL && c->key == NULL)
        return "--keyuser goes with --key";
    if (c->n_services == 0)
        return "there is no service: --tcp or --udp is expected";
    if (c->base == NULL && (strchr(c->name, '.') == NULL || strchr(c->name, '.')[1] == '\0'))
        return "--base is missing, and --name has nothing behind a dot to look it up by";
    return NULL;
}

int proxy_draft_finish(struct proxy_draft *d, struct proxy_config **ret, char *why, size_t why_size)
{
    struct proxy_config *c = d->config;
    struct window_settings window = {.period_s = c->period_s, .before = c->before, .after = c->after};
    uint64_t breadth = window_breadth(&window);
    unsigned most = c->addresses_max < PROXY_BREADTH_MAX ? c->addresses_max : PROXY_BREADTH_MAX;

    if (find_iface(c) < 0) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    const char *missing = what_is_missing(c);
    if (missing == NULL && breadth > most)
        snprintf(why, why_size, "these windows have %llu addresses open at once, expected at most %u",
                 (unsigned long long)breadth, most);
    else if (missing != NULL)
        snprintf(why, why_size, "%s", missing);
    if (missing != NULL || breadth > most)
        return -EINVAL;
    d->config = NULL;
    *ret = c;
    return 0;
}
