/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which interfaces are served, of which stacks: the lines stack, iface, macaddr, ip.
 *
 *   stack S       from here on lines are about S; those before the first such line are about the first stack
 *   iface I       one more interface of that stack, and the lines behind it are about it
 *   macaddr, ip   of the interface named last; before any, of the first one
 *
 * So one stack and one interface may be said in any order, and several in the order in which a person would write them down.
 * A stack of which no interface is named is served at vde0. A text without an element "stack=" is no stack but a virtual
 * network, on which this server is a port by itself: that is one interface, and its name, if it is given one, is for
 * messages. The same text once more is the same stack, but another port.
 *
 * The first `stack` of the command line takes the place of those of the file, and so does its first `iface`.
 */
#include "libnamedhcp/namedhcp_config.h"

#include "io/rc_stack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_DEFAULT "vde0"

void namedhcp_begin_places(struct namedhcp_draft *d)
{
    d->places.current = 0;
}

static int add_place(struct namedhcp_draft *d, unsigned stack)
{
    struct namedhcp_places *p = &d->places;

    if (p->n == SERVER_LINKS_MAX)
        return namedhcp_wrong(d, "too many interfaces, expected at most %d", SERVER_LINKS_MAX);
    p->current = p->n++;
    p->at[p->current] = (struct namedhcp_place){.stack = stack};
    return 0;
}

/* All interfaces that are known are of the first stack; of those without a name one is enough. */
static void drop_stacks(struct namedhcp_places *p)
{
    unsigned n = 1;

    p->n_stacks = 1;
    p->at[0].stack = 0;
    for (unsigned i = 1; i < p->n; i++) {
        if (p->at[i].name_layer == 0)
            continue;
        p->at[n] = p->at[i];
        p->at[n++].stack = 0;
    }
    p->n = n;
    p->current = 0;
}

int namedhcp_read_stack(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_places *p = &d->places;
    unsigned same = 0;

    if (namedhcp_begins_list(d, NAMEDHCP_LIST_STACK)) {
        drop_stacks(p);
        p->stacks[0] = value;
        return namedhcp_keep_place(d, &p->stacks_at[0]);
    }
    while (same < p->n_stacks && (!rc_names_stack(value) || strcmp(p->stacks[same], value) != 0))
        same++;
    if (same == p->n_stacks) {
        if (same == SERVER_LINKS_MAX)
            return namedhcp_wrong(d, "too many stacks, expected at most %d", SERVER_LINKS_MAX);
        p->stacks[p->n_stacks] = value;
        if (namedhcp_keep_place(d, &p->stacks_at[p->n_stacks++]) < 0)
            return -ENOMEM;
    }
    return add_place(d, same);
}

/* Names that another layer has given. */
static void drop_names(struct namedhcp_places *p, unsigned layer)
{
    unsigned n = 1;

    if (p->at[0].name_layer != layer)
        p->at[0].name_layer = 0;
    for (unsigned i = 1; i < p->n; i++) {
        if (p->at[i].name_layer != 0 && p->at[i].name_layer != layer)
            continue;
        if (p->current == i)
            p->current = n;
        p->at[n++] = p->at[i];
    }
    p->current = p->current < n ? p->current : 0;
    p->n = n;
}

int namedhcp_read_iface(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_places *p = &d->places;
    int e = 0;

    if (namedhcp_begins_list(d, NAMEDHCP_LIST_IFACE))
        drop_names(p, d->layer);
    if (p->at[p->current].name_layer != 0)
        e = add_place(d, p->at[p->current].stack);
    if (e < 0)
        return e;
    p->at[p->current].iface.name = value;
    p->at[p->current].name_layer = d->layer;
    return namedhcp_keep_place(d, &p->at[p->current].iface.at);
}

int namedhcp_read_mac(struct namedhcp_draft *d, const uint8_t mac[static 6])
{
    struct namedhcp_iface *iface = &d->places.at[d->places.current].iface;

    memcpy(iface->mac, mac, sizeof(iface->mac));
    iface->has_mac = true;
    return 0;
}

int namedhcp_read_ip(struct namedhcp_draft *d, const char *value)
{
    struct namedhcp_iface *iface = &d->places.at[d->places.current].iface;
    struct dhcp_port_addr addr;

    if (!strchr(value, '/') || ipaddr_parse_prefix(value, strlen(value), &addr.addr, &addr.bits) < 0)
        return namedhcp_wrong(d, "'%.60s' is no address with its prefix, expected one such as 10.0.0.1/24",
                              value);
    if (iface->n_addrs == DHCP_PORT_ADDRS_MAX)
        return namedhcp_wrong(d, "too many addresses of an interface, expected at most %d",
                              DHCP_PORT_ADDRS_MAX);
    iface->addrs[iface->n_addrs++] = addr;
    return 0;
}

static int check_place(struct namedhcp_draft *d, const struct namedhcp_place *at)
{
    const struct namedhcp_config *c = d->config;

    d->place = at->iface.at ? at->iface.at : at->iface.stack_at ? at->iface.stack_at : "configuration";
    if (at->iface.n_addrs > 0 && !at->iface.is_port)
        return namedhcp_wrong(
            d, "'ip' is for a port of our own, expected 'ip=' within 'stack' for interface %.40s",
            at->iface.name);
    for (unsigned i = 0; i < c->n_ifaces; i++) {
        if (c->ifaces[i].stack != at->iface.stack)
            continue;
        if (at->iface.is_port)
            return namedhcp_wrong(d, "a port on %.60s is one interface, expected one 'iface' for it",
                                  at->iface.stack);
        if (strcmp(c->ifaces[i].name, at->iface.name) == 0)
            return namedhcp_wrong(d, "interface %.40s is named twice, expected each once", at->iface.name);
    }
    return 0;
}

int namedhcp_finish_places(struct namedhcp_draft *d)
{
    struct namedhcp_config *c = d->config;

    for (unsigned i = 0; i < d->places.n; i++) {
        struct namedhcp_place *at = &d->places.at[i];
        at->iface.stack = d->places.stacks[at->stack];
        at->iface.stack_at = d->places.stacks_at[at->stack];
        at->iface.is_port = at->iface.stack && !rc_names_stack(at->iface.stack);
        if (at->name_layer == 0)
            at->iface.name = NAME_DEFAULT;
        int e = check_place(d, at);
        if (e < 0)
            return e;
        c->ifaces[c->n_ifaces++] = at->iface;
    }
    d->place = "configuration";
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_iface(const struct namedhcp_iface *a, const struct namedhcp_iface *b)
{
    bool same = same_text(a->stack, b->stack) && same_text(a->name, b->name) && a->has_mac == b->has_mac &&
                memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->n_addrs == b->n_addrs;

    for (unsigned i = 0; i < a->n_addrs && same; i++)
        same = ipaddr_equal(&a->addrs[i].addr, &b->addrs[i].addr) && a->addrs[i].bits == b->addrs[i].bits;
    return same;
}

bool namedhcp_same_ifaces(const struct namedhcp_config *a, const struct namedhcp_config *b)
{
    bool same = a->n_ifaces == b->n_ifaces;

    for (unsigned i = 0; i < a->n_ifaces && same; i++)
        same = same_iface(&a->ifaces[i], &b->ifaces[i]);
    return same;
}

const char *namedhcp_iface_names(const struct namedhcp_config *c, char text[static NAMEDHCP_NAMES_TEXT])
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < c->n_ifaces && len < NAMEDHCP_NAMES_TEXT; i++)
        len += (size_t)snprintf(text + len, NAMEDHCP_NAMES_TEXT - len, "%s%.40s", i > 0 ? "," : "",
                                c->ifaces[i].name);
    return text;
}
