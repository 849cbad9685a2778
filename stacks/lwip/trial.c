/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lwIP itself asks for an address whose state is IP6_ADDR_TENTATIVE, once, and calls it preferred a second later (nd6_tmr).
 * Answers come to neigh.c, as all of neighbour discovery does, so it is seen here that somebody else has the address; and
 * the flags of netlink are kept here, IFA_F_TENTATIVE, and IFA_F_DADFAILED with it when the trial has failed. An
 * address that failed stays on the list, of no use, until it is removed.
 *
 * Tried are addresses that are added with lifetimes, IFA_CACHEINFO: somebody on the network has handed them out, or the
 * prefix they were made of. An address that a person has chosen, and the link-local one, which follows from the MAC
 * address, are there at once, as with IFA_F_NODAD: a server's stack can be used as soon as it is configured.
 */
#include "lwip/trial.h"

#include <linux/if_addr.h>

#include "lwip/port.h"
#include "lwip/route.h"

bool trial_forbids(const struct address *address)
{
    return (address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0;
}

void trial_refute(struct port *port, const ip_addr_t *ip)
{
    struct address *address = route_listed_address(port->stack, ip, port);
    const uint32_t tentative = IFA_F_TENTATIVE;

    if (address == NULL || (address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != tentative)
        return;
    address->flags |= IFA_F_DADFAILED;
    port->stack->lw.netif_ip6_addr_set_state(&address->card->netif, (s8_t)address->slot, IP6_ADDR_DUPLICATED);
}

void trial_settle(struct stack *stack)
{
    struct address *address;

    for (address = stack->addresses; address != NULL; address = address->next)
        if ((address->flags & IFA_F_TENTATIVE) != 0 &&
            ip6_addr_isvalid(address->card->netif.ip6_addr_state[address->slot]))
            address->flags &= ~(uint32_t)IFA_F_TENTATIVE;
}
