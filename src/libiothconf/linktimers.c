/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See linktimers.h.

   Linux keeps these of each interface and each family, and they are not given back by anybody when a router goes: so
   what the link had before is asked once, before the first change, and set again at the end. Reachable time is what
   Linux draws its own from every few minutes (RFC 4861 s6.3.2), so it is the base that is set. A stack whose
   timers are fixed (lwIP) answers EOPNOTSUPP to the question, and is left alone. */
#include "libiothconf/linktimers.h"

static bool is_known(const struct netconf_timers *t)
{
    return t->reachable_ms != 0 || t->retrans_ms != 0;
}

void linktimers_take(struct linktimers *t, const struct netconf *net, const struct netconf_timers *said)
{
    if (!is_known(&t->own) && (!is_known(said) || netconf_timers(net, &t->own) < 0))
        return;
    struct netconf_timers wanted = {
        .reachable_ms = said->reachable_ms != 0 ? said->reachable_ms : t->own.reachable_ms,
        .retrans_ms = said->retrans_ms != 0 ? said->retrans_ms : t->own.retrans_ms,
    };
    (void)!netconf_set_timers(net, &wanted); /* refused: the link keeps its own */
    if (!is_known(said))
        t->own = (struct netconf_timers){0};
}
