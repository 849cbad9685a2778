/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_renewal.h. A name may have several addresses, and servers give them in an order that turns; so the one that is used is
 * kept as long as it is there, or each answer would move all epochs. Whoever answers may say any address; one that no node can have
 * would take all addresses away, so it is passed over.
 */
#include "libotip/proxy_renewal.h"

#include "libotip/otip.h"

#include <string.h>

nsec_t renewal_answered(struct renewal *r, uint32_t ttl_s)
{
    nsec_t ttl = ttl_s * NSEC_PER_SEC;

    r->retry = 0;
    return ttl < RENEWAL_MIN ? RENEWAL_MIN : ttl > RENEWAL_MAX ? RENEWAL_MAX : ttl;
}

nsec_t renewal_failed(struct renewal *r)
{
    r->retry = r->retry == 0 ? RENEWAL_MIN : 2 * r->retry;
    if (r->retry > RENEWAL_RETRY_MAX)
        r->retry = RENEWAL_RETRY_MAX;
    return r->retry;
}

void renewal_see(struct renewal_choice *c, const struct ipaddr *addr)
{
    if (!otip_can_be_base(addr))
        return;
    if (c->n++ == 0 || ipaddr_equal(addr, &c->present))
        c->chosen = *addr;
}
