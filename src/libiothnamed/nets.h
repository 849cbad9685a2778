/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which named nets hold a client's address: the line of all addresses in their 128-bit form, cut where the
 * answer changes. Each piece has the full set of nets that hold its addresses: the longest match and all
 * prefixes around it.
 */
#ifndef IOTHNAMED_NETS_H
#define IOTHNAMED_NETS_H

#include "libiothnamed/config.h"

struct nets;

/* A set of nets: nets_words() words, bit i of the whole is config->nets[i]. */
typedef const uint64_t *netset;

MUST_CHECK int nets_build(const struct config *config, struct nets **ret); /* 0 or -ENOMEM */
void nets_free(struct nets *n);
unsigned nets_words(const struct nets *n);
/* Never NULL; lives as long as the nets. */
netset nets_of(const struct nets *n, const struct ipaddr *client);

static inline bool netset_meet(netset a, netset b, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        if (a[i] & b[i])
            return true;
    return false;
}

#endif
