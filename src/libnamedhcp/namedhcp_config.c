/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See namedhcp_config.h. Lines are read as they come, file first, each by the function of its row (namedhcp_rows.c); what is
 * said again counts, and what may repeat adds up. What follows from all lines together (which networks, which of their
 * addresses are by name, what is reserved) is settled at the end.
 *
 * Options of a file and of the command line differ in one thing: a list that the command line begins (dns, dnssearch, ntp)
 * takes the place of the file's.
 */
#include "libnamedhcp/namedhcp_config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Numbers where nothing is said. */
#define CLAIMS_MAX    100000
#define CLAIMS_KEEP_S (30 * 86400)
#define LEASES_MAX    100000
#define WAITING_MAX   1000 /* a session asks the DNS 1,024 things at once */
#define LEASE_S       3600
#define LEASE_MAX_S   86400
#define LIFETIME_MIN  60
#define LIFETIME_MAX  86400
#define ECHO_MS       1000 /* RFC 2131 s2.2 has no number; a client asks again after four seconds */

enum { IN_FILE = 1, ON_COMMAND_LINE = 2 };

int namedhcp_wrong(struct namedhcp_draft *d, const char *format, ...)
{
    va_list args;

    if (d->why[0])
        return -EINVAL;
    int n = d->place ? snprintf(d->why, sizeof(d->why), "%s: ", d->place) : 0;
    va_start(args, format);
    if (n >= 0 && (size_t)n < sizeof(d->why))
        vsnprintf(d->why + n, sizeof(d->why) - (size_t)n, format, args);
    va_end(args);
    return -EINVAL;
}

int namedhcp_warn(struct namedhcp_draft *d, const char *format, ...)
{
    char text[NAMEDHCP_WHY_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    rc_say_place(d->warns_at, 0, text, sizeof(text));
    return daemon_config_warn(&d->config->process, &d->config->arena, text);
}

int namedhcp_keep_place(struct namedhcp_draft *d, const char **ret)
{
    const char *copy = arena_text(&d->config->arena, d->warns_at, strlen(d->warns_at));

    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

void *namedhcp_more(void *array, unsigned *n, size_t size)
{
    if ((*n & (*n - 1)) == 0) { /* a power of two, or none: full */
        array = reallocarray(array, *n ? (size_t)2 * *n : 1, size);
        if (!array)
            return NULL;
    }
    memset((char *)array + *n * size, 0, size);
    ++*n;
    return array;
}

bool namedhcp_piece(const char **at, const char **ret, size_t *ret_len)
{
    const char *text = *at + strspn(*at, " \t");

    if (*text == '\0')
        return false;
    size_t len = strcspn(text, ", \t");
    *ret = text;
    *ret_len = len;
    text += len;
    text += strspn(text, " \t");
    *at = *text == ',' ? text + 1 : text;
    return true;
}

const char *namedhcp_draft_error(const struct namedhcp_draft *d)
{
    return d->why;
}

/* --- life --- */

int namedhcp_draft_new(bool serve4_alone, struct namedhcp_draft **ret)
{
    struct namedhcp_draft *d = calloc(1, sizeof(*d));
    struct namedhcp_config *c = calloc(1, sizeof(*c));

    if (!d || !c) {
        free(d);
        free(c);
        return -ENOMEM;
    }
    c->serve6 = !serve4_alone;
    c->serve4 = serve4_alone;
    c->process.sandbox = c->claims = c->authoritative = c->probe = c->rapid_commit = true;
    c->claims_max = CLAIMS_MAX;
    c->claims_keep_s = CLAIMS_KEEP_S;
    c->leases_max = LEASES_MAX;
    c->echo_ms = ECHO_MS;
    c->waiting_max = WAITING_MAX;
    c->common.lease_s = LEASE_S;
    c->common.lease_max_s = LEASE_MAX_S;
    c->v6.lifetime_min_s = LIFETIME_MIN;
    c->v6.lifetime_max_s = LIFETIME_MAX;
    d->config = c;
    d->places.n_stacks = d->places.n = 1;
    d->place = "command line";
    *ret = d;
    return 0;
}

void namedhcp_draft_free(struct namedhcp_draft *d)
{
    if (!d)
        return;
    namedhcp_config_free(d->config);
    free(d->said_of);
    free(d->bind_at);
    free(d);
}

void namedhcp_config_free(struct namedhcp_config *c)
{
    if (!c)
        return;
    free(c->bindings);
    free(c->domains);
    free(c->patterns);
    free(c->subnets);
    free(c->pools);
    free(c->fixed);
    free(c->reserved);
    arena_fini(&c->arena);
    free(c);
}

/* --- lines --- */

static void begin_layer(struct namedhcp_draft *d, unsigned layer)
{
    if (d->layer == layer)
        return;
    d->layer = layer;
    d->subnet = 0;
    namedhcp_begin_places(d);
}

static int take(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place,
                char *why, size_t why_size)
{
    struct namedhcp_draft *d = arg;
    const struct namedhcp_row *own = (const struct namedhcp_row *)(const void *)row;
    char *kept = arena_text(&d->config->arena, value, strlen(value));

    if (!kept)
        return -ENOMEM;
    begin_layer(d, place->file ? IN_FILE : ON_COMMAND_LINE);
    d->place = NULL; /* the reader says it */
    d->warns_at = place->text;
    int e = own->read ? own->read(d, row->value ? kept : NULL)
                      : daemon_config_read(&d->config->process, &d->config->arena, row->name, value,
                                           place->text, why, why_size);
    if (own->read)
        snprintf(why, why_size, "%s", d->why);
    d->place = "command line";
    d->warns_at = NULL;
    return e;
}

struct rc_reader namedhcp_draft_reader(struct namedhcp_draft *d)
{
    return (struct rc_reader){
        .rows = RC_ROWS(namedhcp_rows), .such_as = "'domain' or 'subnet'", .take = take, .arg = d};
}

int namedhcp_draft_text(struct namedhcp_draft *d, const char *path, const char *text, size_t len)
{
    struct rc_reader reader = namedhcp_draft_reader(d);
    char why[NAMEDHCP_WHY_MAX];
    int e = rc_read_text(&reader, path, text, len, why, sizeof(why));

    if (e < 0)
        memcpy(d->why, why, sizeof(why));
    return e;
}

int namedhcp_draft_option(struct namedhcp_draft *d, const char *name, const char *value)
{
    struct rc_reader reader = namedhcp_draft_reader(d);
    char why[NAMEDHCP_WHY_MAX];
    int e = rc_read_option(&reader, name, value, why, sizeof(why));

    if (e < 0)
        memcpy(d->why, why, sizeof(why));
    return e;
}

/* --- what follows --- */

static bool has_option(const struct dhcp4_subnet *s, uint8_t code)
{
    for (unsigned i = 0; i < s->n_options; i++)
        if (s->options[i].code == code)
            return true;
    return false;
}

static bool has_pool(const struct namedhcp_config *c, unsigned subnet)
{
    for (unsigned i = 0; i < c->n_pools; i++)
        if (c->pools[i].subnet == subnet)
            return true;
    return false;
}

/* What a subnet does not say itself is as for all. */
static int complete_subnet(struct namedhcp_draft *d, unsigned i)
{
    struct namedhcp_config *c = d->config;
    struct dhcp4_subnet *s = &c->subnets[i];
    uint32_t by_name = d->said_of[i].by_name ? d->said_of[i].by_name : d->common_by_name;

    s->by_name = by_name ? by_name == 2 : !has_pool(c, i);
    if (s->lease_s == 0) {
        s->lease_s = c->common.lease_s;
        s->lease_max_s = c->common.lease_max_s;
    }
    for (unsigned k = 0; k < c->common.n_options; k++) {
        if (has_option(s, c->common.options[k].code))
            continue;
        if (s->n_options == DHCP4_SUBNET_OPTIONS_MAX)
            return namedhcp_wrong(d, "too many options of a subnet, expected at most %d",
                                  DHCP4_SUBNET_OPTIONS_MAX);
        s->options[s->n_options++] = c->common.options[k];
    }
    return 0;
}

/* By their clients; of equal ones, which stand in one array, the first before the others. */
static int compare_bindings(const void *a, const void *b)
{
    const struct name_binding *first = *(const struct name_binding *const *)a;
    const struct name_binding *second = *(const struct name_binding *const *)b;
    int order = name_binding_order(first, second);

    return order ? order : (first > second) - (first < second);
}

/* A client that is bound twice has the name that was said first. */
static int warn_of_bindings(struct namedhcp_draft *d)
{
    const struct namedhcp_config *c = d->config;
    const struct name_binding **sorted = calloc(c->n_bindings + 1u, sizeof(const struct name_binding *));
    char name[DNAME_TEXT_MAX];
    int e = sorted ? 0 : -ENOMEM;

    for (unsigned i = 0; i < c->n_bindings && sorted; i++)
        sorted[i] = &c->bindings[i];
    if (sorted)
        qsort(sorted, c->n_bindings, sizeof(const struct name_binding *), compare_bindings);
    for (unsigned i = 1; i < c->n_bindings && e == 0; i++) {
        if (name_binding_order(sorted[i - 1], sorted[i]) != 0)
            continue;
        d->warns_at = d->bind_at[sorted[i] - c->bindings];
        dname_to_text(sorted[i - 1]->name, name);
        e = namedhcp_warn(d, "this client has been bound to %.200s at %.200s, and that counts", name,
                          d->bind_at[sorted[i - 1] - c->bindings]);
        sorted[i] = sorted[i - 1];
    }
    d->warns_at = NULL;
    free(sorted);
    return e;
}

static int reserve_fixed(struct namedhcp_config *c)
{
    c->reserved = calloc(c->n_fixed ? c->n_fixed : 1, sizeof(*c->reserved));
    if (!c->reserved)
        return -ENOMEM;
    for (unsigned i = 0; i < c->n_fixed; i++)
        c->reserved[i] = c->fixed[i].addr;
    return 0;
}

/* The host's addresses of name servers and so on, in the form of each protocol. */
static int complete_common(struct namedhcp_draft *d)
{
    struct namedhcp_config *c = d->config;

    c->v6.rapid_commit = c->rapid_commit;
    c->v6.waiting_max = c->waiting_max;
    c->common.by_name = d->common_by_name != 1;
    if (c->n_subnets > 0 && !d->dhcpv4_said)
        c->serve4 = true;
    d->place = c->at.leases_group;
    if (c->leases_group && !c->leases)
        return namedhcp_wrong(
            d, "'leases-group' is who may read the lease file, expected 'leases FILE' with it");
    d->place = c->at.protocols;
    if (!c->serve6 && !c->serve4)
        return namedhcp_wrong(d, "neither DHCPv6 nor DHCPv4 is to be served, expected one of them");
    d->place = "configuration";
    if (c->n_domains == 0 && c->n_patterns == 0)
        return namedhcp_warn(
            d, "neither 'domain' nor 'allow' says which names clients may claim: they may claim any");
    return 0;
}

int namedhcp_draft_finish(struct namedhcp_draft *d, struct namedhcp_config **ret)
{
    struct namedhcp_config *c = d->config;
    d->place = "configuration";
    int e = complete_common(d);

    if (e == 0)
        e = namedhcp_finish_places(d);
    for (unsigned i = 0; i < c->n_subnets && e == 0; i++)
        e = complete_subnet(d, i);
    if (e == 0)
        e = warn_of_bindings(d);
    if (e == 0)
        e = reserve_fixed(c);
    if (e < 0)
        return e;
    d->config = NULL;
    *ret = c;
    return 0;
}
