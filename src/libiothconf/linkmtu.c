/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See linkmtu.h.

   The link has the least of what clients say, and no more than it had before. Less than IPv6 needs would take IPv6 away
   from Linux, with all addresses, so it does not get that where IPv6 is used: by clients, or by whoever has given the
   interface an address beside the link-local one. */
#include "libiothconf/linkmtu.h"

enum { IPV6_MTU_MIN = 1280 /* RFC 8200 s5 */ };

static uint32_t least_of(const struct linkmtu *m)
{
    uint32_t least = m->own;

    for (size_t i = 0; i < ARRAY_LEN(m->said); i++)
        if (m->said[i] != 0 && m->said[i] < least)
            least = m->said[i];
    return least;
}

void linkmtu_take(struct linkmtu *m, const struct netconf *net, struct netconf_link *link,
                  enum conf_source source, uint16_t mtu, bool uses_ipv6)
{
    uint32_t least;

    if (mtu == m->said[source])
        return;
    if (mtu != 0 && mtu < IPV6_MTU_MIN && (uses_ipv6 || netconf_uses_ipv6(net)))
        mtu = IPV6_MTU_MIN;
    m->said[source] = mtu;
    if (m->own == 0)
        m->own = link->mtu;
    least = least_of(m);
    if (least != link->mtu && netconf_set_mtu(net, least) == 0)
        link->mtu = least;
    if (least == m->own)
        m->own = 0;
}
