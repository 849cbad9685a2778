/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_settings.h. The public structures carry flags as they are on the wire; the codec keeps the two bits of the
 * preference apart, and of 10, which RFC 4191 s2.2 reserves, nobody is to be made: it is an error here, as is a prefix
 * that is preferred longer than it is valid.
 */
#include "libiothradvd/ra_settings.h"

#include <errno.h>
#include <iothradvd.h>
#include <string.h>

enum { PREFERENCE_BITS = 0x18 };

nsec_t ra_interval_min(nsec_t interval_max)
{
    return interval_max >= 9 * NSEC_PER_SEC ? interval_max * 33 / 100 : interval_max * 3 / 4;
}

void ra_settings_init(struct ra_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->interval_max = RA_INTERVAL_DEFAULT_S * NSEC_PER_SEC;
    s->interval_min = ra_interval_min(s->interval_max);
    s->router =
        (struct nd_router){.hop_limit = RA_HOP_LIMIT_DEFAULT, .lifetime_s = 3 * RA_INTERVAL_DEFAULT_S};
    s->source_mac = true;
}

static int preference_of(uint8_t flags, enum nd_preference *ret)
{
    switch (flags & PREFERENCE_BITS) {
    case 0:
        *ret = ND_MEDIUM;
        return 0;
    case IOTHRADVD_HIGH:
        *ret = ND_HIGH;
        return 0;
    case IOTHRADVD_LOW:
        *ret = ND_LOW;
        return 0;
    default:
        return -EINVAL;
    }
}

static int prefix_of(const struct iothraprefix *p, struct ra_option *ret)
{
    if (p->prefixlen > 128 || p->preferred_time > p->valid_time)
        return -EINVAL;
    *ret =
        (struct ra_option){.nd = {.type = ND_PREFIX}, .counts_down = p->flags & IOTHRADVD_PREFIX_COUNTDOWN};
    struct nd_prefix *to = &ret->nd.prefix;
    memcpy(to->prefix.b, &p->prefix, sizeof(to->prefix.b));
    to->bits = p->prefixlen;
    to->flags = p->flags & ND_PREFIX_FLAGS;
    to->valid_s = p->valid_time;
    to->preferred_s = p->preferred_time;
    if (!(to->flags & ND_PREFIX_ROUTER))
        ipaddr_mask(&to->prefix, to->bits);
    return 0;
}

int ra_settings_of(int period_s, const struct iothradata *data, const struct iothraprefix *prefixes, int n,
                   struct ra_settings *ret)
{
    enum nd_preference preference;
    if (period_s < 0 || period_s > RA_INTERVAL_MAX_S || n < 0 || n > RA_OPTIONS_MAX || !data ||
        (n > 0 && !prefixes) || preference_of(data->flags, &preference) < 0 ||
        (data->mtu != 0 && data->mtu < ND_IPV6_MTU_MIN) || data->reachable > RA_REACHABLE_MAX_MS)
        return -EINVAL;
    for (int i = 0; i < n; i++) {
        struct ra_option option;
        if (prefix_of(&prefixes[i], &option) < 0)
            return -EINVAL;
    }
    ra_settings_init(ret);
    if (period_s > 0) {
        ret->interval_max = period_s * NSEC_PER_SEC;
        ret->interval_min = ra_interval_min(ret->interval_max);
    }
    ret->router = (struct nd_router){
        .hop_limit = data->curhoplimit,
        .flags = data->flags & ND_RA_FLAGS,
        .preference = preference,
        .lifetime_s = data->router_lifetime,
        .reachable_ms = data->reachable,
        .retrans_ms = data->retransmit,
    };
    ret->mtu = data->mtu;
    for (int i = 0; i < n; i++)
        if (prefix_of(&prefixes[i], &ret->options[ret->n_options]) == 0)
            ret->n_options++;
    return 0;
}

uint32_t *ra_lifetime_of(struct nd_option *option)
{
    switch (option->type) {
    case ND_PREFIX:
        return &option->prefix.valid_s;
    case ND_ROUTE:
        return &option->route.lifetime_s;
    case ND_RDNSS:
        return &option->rdnss.lifetime_s;
    case ND_DNSSL:
        return &option->dnssl.lifetime_s;
    case ND_PREF64:
        return &option->pref64.lifetime_s;
    case ND_ENCRYPTED_DNS:
        return &option->encrypted_dns.lifetime_s;
    default:
        return NULL;
    }
}

bool ra_wants_own_prefixes(const struct ra_settings *s)
{
    for (unsigned i = 0; i < s->n_options; i++)
        if (s->options[i].own)
            return true;
    return false;
}
