/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_AUTOCONF_H
#define LIBIOTHCONF_AUTOCONF_H
/* The autoconfiguration of IPv6 that Linux does by itself, which is not to run beside ours. */

#include <ioth.h>
#include <net/if.h>
#include <stdbool.h>

struct autoconf {
    bool suspended;
    char ifname[IFNAMSIZ];
    char before; /* accept_ra, a digit */
};

/* Switches it off on an interface of the network namespace of this process; on any other stack it does nothing. */
void autoconf_suspend(struct autoconf *a, struct ioth *stack, const char *ifname);
/* As it was before, if it was switched off and nobody has changed it since. */
void autoconf_resume(struct autoconf *a);

#endif
