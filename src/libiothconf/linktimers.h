/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_LINKTIMERS_H
#define LIBIOTHCONF_LINKTIMERS_H
/* How often a link's neighbours are asked for, as routers say it. */

#include "libiothconf/netconf.h"

/* Begins as zeros. */
struct linktimers {
    struct netconf_timers own; /* what the link had before routers said others; 0: none did */
};

/* Routers say these; 0: the link's own. Where the stack has no such timers to set nothing happens. */
void linktimers_take(struct linktimers *t, const struct netconf *net, const struct netconf_timers *said);

#endif
