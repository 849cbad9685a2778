/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was promised to a host: it listens beside its clients, and notes until when each address and route was granted by any
 * message that it heard, at the most. What a client then makes of the message may end earlier, never later. Of DHCPv4 the servers'
 * own records tell that (node_host.c).
 */
#include "host.h"

#include "wire/dhcp6.h"
#include "wire/nd.h"

#include <string.h>

static void note(struct host_node *h, enum conf_source source, const struct ipaddr *addr, uint32_t for_s)
{
    nsec_t until = for_s == UINT32_MAX ? NSEC_NEVER : h->node.world->now + SECONDS((nsec_t)for_s);
    struct host_promise *oldest = &h->promises[0];

    for (unsigned i = 0; i < HOST_PROMISES_MAX; i++) {
        struct host_promise *p = &h->promises[i];
        if (p->source == source && ipaddr_equal(&p->addr, addr)) {
            p->until = until > p->until ? until : p->until;
            return;
        }
        if (p->until < oldest->until)
            oldest = p;
    }
    *oldest = (struct host_promise){.source = source, .addr = *addr, .until = until};
}

static void hear_advert(struct host_node *h, const struct packet *p)
{
    struct nd_message m;
    struct nd_option o;

    if (nd_read(p->bytes, p->len, &m) < 0 || m.type != ND_ROUTER_ADVERT)
        return;
    note(h, CONF_RD, &p->from.addr, m.router.lifetime_s);
    while (nd_next_option(&m.options, &o))
        if (o.type == ND_PREFIX)
            note(h, CONF_RD, &o.prefix.prefix, o.prefix.valid_s);
}

static void hear_reply(struct host_node *h, const struct packet *p)
{
    struct dhcp6_message m;

    if (dhcp6_read(p->bytes, p->len, &m) < 0 || m.type != DHCP6_REPLY)
        return;
    for (unsigned i = 0; i < m.n_ia; i++)
        for (unsigned j = 0; j < m.ia[i].n_leases; j++)
            note(h, CONF_DHCP6, &m.ia[i].leases[j].addr, m.ia[i].leases[j].valid_s);
}

void host_hear_promise(struct host_node *h, const struct packet *p)
{
    if (p->way == WAY_ICMP6)
        hear_advert(h, p);
    else if (p->way == WAY_UDP && p->to.port == DHCP6_CLIENT_PORT)
        hear_reply(h, p);
}

nsec_t host_promised_until(const struct host_node *h, enum conf_source source, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < HOST_PROMISES_MAX; i++)
        if (h->promises[i].source == source && ipaddr_equal(&h->promises[i].addr, addr))
            return h->promises[i].until;
    return 0;
}
