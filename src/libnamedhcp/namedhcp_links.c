/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The links of the service: a stack for each string (one for all interfaces that name the same), its interfaces with their
 * sockets, and ports. All of them are opened before privileges are given up, and none later.
 *
 * The DNS is asked on a stack of its own, on the system's, or, if it is the same string, on one that is served.
 */
#include "base/clock.h"
#include "libiothconf/open/open_stack.h"
#include "libnamedhcp/namedhcp_state.h"

#include <ioth.h>
#include <string.h>

/* --- stacks --- */

/* The stack of that string, made if it is not there yet; texts: of those that are. NULL is the system's. */
static int find_stack(struct namedhcp *n, const char *text, const char *texts[static SERVER_LINKS_MAX],
                      struct ioth **ret, char *why, size_t why_size)
{
    *ret = NULL;
    if (!text)
        return 0;
    for (unsigned i = 0; i < n->n_stacks; i++)
        if (strcmp(texts[i], text) == 0) {
            *ret = n->stacks[i];
            return 0;
        }
    int e = open_stack("stack", text, &n->log, ret, why, why_size);
    if (*ret) {
        texts[n->n_stacks] = text;
        n->stacks[n->n_stacks++] = *ret;
    }
    return e;
}

/* --- links --- */

static int open_link(struct namedhcp *n, const struct namedhcp_config *c, const struct namedhcp_iface *iface,
                     struct ioth *stack, char *why, size_t why_size)
{
    const struct server_env env = {.random = namedhcp_draw};
    const struct dhcp_link_settings settings = {.name = iface->name,
                                                .mac = iface->has_mac ? iface->mac : NULL,
                                                .serve6 = c->serve6,
                                                .serve4 = c->serve4,
                                                .echo = c->probe && c->echo_ms > 0,
                                                .log = n->log};
    nsec_t now = monotonic_now();
    struct dhcp_link **at = &n->links[n->n_links];
    int e = iface->is_port ? dhcp_link_open_port(iface->stack, iface->addrs, iface->n_addrs, &settings, &env,
                                                 now, at, why, why_size)
                           : dhcp_link_open_stack(stack, &settings, now, at, why, why_size);

    n->n_links += e == 0;
    return e;
}

int namedhcp_open_links(struct namedhcp *n, const struct namedhcp_config *c, char *why, size_t why_size)
{
    const char *texts[SERVER_LINKS_MAX];
    uint16_t id;
    int e = 0;

    for (unsigned i = 0; i < c->n_ifaces && e == 0; i++) {
        const struct namedhcp_iface *iface = &c->ifaces[i];
        struct ioth *stack = NULL;
        if (!iface->is_port)
            e = find_stack(n, iface->stack, texts, &stack, why, why_size);
        if (e == 0 && !iface->is_port)
            e = open_stack_bring_up(stack, iface->stack, iface->name, why, why_size);
        if (e == 0)
            e = open_link(n, c, iface, stack, why, why_size);
    }
    for (unsigned i = 0; i < n->n_stacks && e == 0 && c->dnsstack; i++)
        if (strcmp(texts[i], c->dnsstack) == 0)
            n->dnsstack = n->stacks[i];
    if (e == 0 && c->dnsstack && !n->dnsstack)
        e = open_stack("dnsstack", c->dnsstack, &n->log, &n->dnsstack, why, why_size);
    namedhcp_draw(NULL, &id, sizeof(id));
    dhcp_probes_init(&n->probes, id);
    return e;
}

void namedhcp_close_links(struct namedhcp *n)
{
    bool shared = false;

    for (unsigned i = 0; i < n->n_links; i++)
        dhcp_link_close(n->links[i]);
    for (unsigned i = 0; i < n->n_stacks; i++)
        shared |= n->stacks[i] == n->dnsstack;
    if (n->dnsstack && !shared)
        ioth_delstack(n->dnsstack);
    for (unsigned i = 0; i < n->n_stacks; i++)
        ioth_delstack(n->stacks[i]);
    n->n_links = n->n_stacks = 0;
    n->dnsstack = NULL;
}
