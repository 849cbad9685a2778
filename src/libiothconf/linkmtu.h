/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_LINKMTU_H
#define LIBIOTHCONF_LINKMTU_H
/* The MTU of a link, of which several clients may say something. */

#include "libiothconf/netconf.h"
#include "libiothconf/state.h"

/* Begins as zeros. */
struct linkmtu {
    uint32_t own;                /* what the link had before a client said another; 0: none did */
    uint16_t said[CONF_SOURCES]; /* 0: nothing */
};

/* A client says another one, 0: none any more. Sets that of the link, and link->mtu with it. uses_ipv6: clients of IPv6
 * run on it. */
void linkmtu_take(struct linkmtu *m, const struct netconf *net, struct netconf_link *link,
                  enum conf_source source, uint16_t mtu, bool uses_ipv6);

#endif
