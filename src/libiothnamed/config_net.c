/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * net: named address spaces; dns: the upstream servers; and the lists of servers, each of which is kept once.
 *
 * A net gets its index when its name is first seen, in a net line or in a rule, whichever comes first; what
 * rules name and no line defines is found at the end. Names of nets are compared as they are written: they
 * are names of the administrator's and not keywords. A net line that is wrong still defines the name, so that
 * one mistake is one error.
 *
 * Two lists of servers are the same if they hold the same servers, in whatever order: a list stands for a set
 * whose answers may be shared.
 */
#include "libiothnamed/config_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a net's name: as much as a label, and still a word. */
#define NET_NAME_MAX 63

int net_index(struct builder *b, struct piece name)
{
    struct config *c = b->config;
    int index = numbering_add(&b->net_names, &b->scratch, name.text, name.len);

    if (index < 0 || (unsigned)index < c->n_nets)
        return index;
    struct config_net *nets = array_more(&c->arena, c->nets, c->n_nets, sizeof(*nets));
    struct net_build *builds = array_more(&b->scratch, b->nets, c->n_nets, sizeof(*builds));
    const char *text = arena_text(&c->arena, name.text, name.len);
    if (!nets || !builds || !text)
        return -ENOMEM;
    nets[index] = (struct config_net){.name = text, .at = name.at};
    builds[index] = (struct net_build){0};
    c->nets = nets;
    b->nets = builds;
    c->n_nets++;
    return index;
}

bool is_net_name(struct builder *b, struct piece name)
{
    if (name.len == 0) {
        diag_error(b->diags, name.at,
                   "empty name of a net, expected names separated by commas without blanks");
        return false;
    }
    if (name.len > NET_NAME_MAX) {
        diag_error(b->diags, name.at, "name of a net of %zu bytes, expected at most %d", name.len,
                   NET_NAME_MAX);
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (strchr(", \t#'\"\\", name.text[i])) {
            diag_error(b->diags, place_right(name.at, i),
                       "'%c' in the name of a net, expected other characters", name.text[i]);
            return false;
        }
    }
    return true;
}

static void add_range(struct builder *b, unsigned net, struct piece p, const struct ipaddr *addr,
                      unsigned bits)
{
    struct {
        unsigned net, bits;
        struct ipaddr addr;
    } key = {net, bits, *addr};
    unsigned known = b->ranges.count;
    int index = numbering_add(&b->ranges, &b->scratch, &key, sizeof(key));

    if (index >= 0 && (unsigned)index < known) {
        diag_warning(b->diags, p.at, "net %s has %.*s already, this line is dropped",
                     b->config->nets[net].name, (int)p.len, p.text);
        return;
    }
    struct config_range *range = arena_alloc(&b->config->arena, sizeof(*range));
    if (!got_memory(b, index < 0 ? NULL : range))
        return;
    *range = (struct config_range){.addr = *addr, .bits = bits};
    if (b->nets[net].last)
        b->nets[net].last->next = range;
    else
        b->config->nets[net].ranges = range;
    b->nets[net].last = range;
}

void directive_net(struct builder *b, const struct line *line)
{
    static const char synopsis[] = "net NAME ADDR/LEN";
    struct ipaddr addr;
    unsigned bits;

    if (line->n_words < 2) {
        count_words(b, line, 3, 3, synopsis);
        return;
    }
    struct piece name = line->words[1].value;
    if (!is_net_name(b, name))
        return;
    int index = net_index(b, name);
    if (index < 0) {
        b->out_of_memory = true;
        return;
    }
    if (!b->nets[index].defined) {
        b->nets[index].defined = true;
        b->config->nets[index].at = name.at;
    }
    if (count_words(b, line, 3, 3, synopsis) && read_prefix(b, line->words[2].value, &addr, &bits))
        add_range(b, (unsigned)index, line->words[2].value, &addr, bits);
}

/* Rules may have named nets that no line defines. */
void nets_finish(struct builder *b)
{
    const struct config *c = b->config;

    for (unsigned i = 0; i < b->n_mentions; i++) {
        unsigned net = b->mentions[i].net;
        struct piece name = {c->nets[net].name, strlen(c->nets[net].name), b->mentions[i].at};
        struct suggestion known;

        if (b->nets[net].defined)
            continue;
        suggestion_init(&known, name.text, name.len);
        /* Beyond DIAGS_MAX nobody reads the suggestion. */
        for (unsigned other = 0; other < c->n_nets && b->diags->errors < DIAGS_MAX; other++) {
            if (b->nets[other].defined)
                suggestion_offer(&known, c->nets[other].name);
        }
        report_unknown(b, "net", name, &known);
    }
}

void directive_dns(struct builder *b, const struct line *line)
{
    struct ipendpoint server;

    if (count_words(b, line, 2, 2, "dns ADDR[@PORT]") && read_endpoint(b, line->words[1].value, &server))
        add_server(b, &b->dns, &b->n_dns, &server, line->words[1].value);
}

static int compare_servers(const void *a, const void *b)
{
    const struct ipendpoint *x = a, *y = b;
    int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

    return order != 0 ? order : (int)x->port - (int)y->port;
}

enum { SERVER_KEY_LEN = sizeof(struct ipaddr) + sizeof(uint16_t) };

/* What tells one set of servers from another: all of them in order, without padding. NULL: no memory. */
static uint8_t *servers_key(struct builder *b, const struct ipendpoint *servers, unsigned count)
{
    struct ipendpoint *sorted = arena_copy(&b->scratch, servers, count * sizeof(*sorted));
    uint8_t *key = arena_alloc(&b->scratch, count * SERVER_KEY_LEN);

    if (!sorted || !key)
        return NULL;
    qsort(sorted, count, sizeof(*sorted), compare_servers);
    for (unsigned i = 0; i < count; i++) {
        memcpy(key + i * SERVER_KEY_LEN, &sorted[i].addr, sizeof(sorted[i].addr));
        put_be16(key + i * SERVER_KEY_LEN + sizeof(sorted[i].addr), sorted[i].port);
    }
    return key;
}

/* The index in config->upstreams of a list of servers, new if need be; -ENOMEM. */
static int upstreams_index(struct builder *b, const struct ipendpoint *servers, unsigned count)
{
    struct config *c = b->config;
    const uint8_t *key = servers_key(b, servers, count);

    if (!key)
        return -ENOMEM;
    int index = numbering_add(&b->upstreams, &b->scratch, key, count * SERVER_KEY_LEN);
    if (index < 0 || (unsigned)index < c->n_upstreams)
        return index;
    struct config_upstreams *more = array_more(&c->arena, c->upstreams, c->n_upstreams, sizeof(*more));
    if (!more)
        return -ENOMEM;
    more[c->n_upstreams++] = (struct config_upstreams){.servers = servers, .count = count};
    c->upstreams = more;
    return index;
}

void upstreams_finish(struct builder *b)
{
    int index = upstreams_index(b, b->dns, b->n_dns); /* the first: 0 */

    for (unsigned i = 0; i < b->n_lists && index >= 0; i++) {
        const struct server_list *list = &b->lists[i];
        index = upstreams_index(b, list->servers, list->count);
        if (index >= 0)
            b->config->rules[list->rule].upstreams = (unsigned)index;
    }
    if (index < 0)
        b->out_of_memory = true;
}
