/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registration of addresses that the interface made itself (RFC 9686): servers that want to know of them say
 * so by an option in what they send; each address is then told by an ADDR-REG-INFORM of its own, from that
 * address.
 *
 * Three messages at the most, one, two and four seconds apart, until the server acknowledges. What it knows
 * ends when the address does, so it is told again when the end has moved by more than a hundredth, though not
 * before four fifths of the lifetime that it knows have passed (s4.6): routers that advertise every ten
 * seconds cause no message each time. An address that lasts for ever is told every four hours. Those that are
 * due within a minute go together. All these times have a factor of 0.9 to 1.1, drawn once, so that the hosts
 * of a link do not keep step.
 *
 * Nothing depends on it: no answer means no more than that nobody wanted to know.
 */
#include "libiothconf/dhcp6_client_state.h"

#include <errno.h>

#define STATIC_REFRESH (4 * 3600 * NSEC_PER_SEC) /* s4.6.2 */
#define COALESCE       (60 * NSEC_PER_SEC)       /* s4.6.1, AddrRegRefreshCoalesce */
#define ONE            (1 << 16)                 /* of the factor */

static struct dhcp6_registration *end_of(struct dhcp6_client *x)
{
    return x->registrations + DHCP6_REGISTRATIONS_MAX;
}

static struct dhcp6_registration *registration_of(struct dhcp6_client *x, const struct ipaddr *addr)
{
    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        if (r->used && ipaddr_equal(&r->addr, addr))
            return r;
    }
    return NULL;
}

static struct dhcp6_registration *new_registration(struct dhcp6_client *x, const struct ipaddr *addr)
{
    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        if (!r->used || r->valid_until <= x->now) {
            *r = (struct dhcp6_registration){.used = true, .addr = *addr, .refresh_at = NSEC_NEVER};
            return r;
        }
    }
    return NULL;
}

/* AddrRegRefreshInterval, from now. */
static nsec_t refresh_interval(const struct dhcp6_client *x, const struct dhcp6_registration *r)
{
    if (r->valid_until == NSEC_NEVER)
        return STATIC_REFRESH / ONE * x->desync;
    return (r->valid_until - x->now) / 5 * 4 / ONE * x->desync;
}

static void tell(struct dhcp6_client *x, struct dhcp6_registration *r)
{
    r->known = true;
    r->known_valid_until = r->valid_until;
    r->next_refresh = x->now + refresh_interval(x, r);
    r->refresh_at = r->valid_until == NSEC_NEVER ? r->next_refresh : NSEC_NEVER;
    dhcp6_begin(x, &r->sending, DHCP6_ADDR_REG_INFORM, 0);
}

/* The end has moved by more than 1 % of what is left. */
static bool has_moved(const struct dhcp6_client *x, const struct dhcp6_registration *r)
{
    if (r->valid_until == NSEC_NEVER || r->known_valid_until == NSEC_NEVER)
        return r->valid_until != r->known_valid_until;
    nsec_t by = r->valid_until - r->known_valid_until;
    return (by < 0 ? -by : by) > (r->valid_until - x->now) / 100;
}

static void reconsider(struct dhcp6_client *x, struct dhcp6_registration *r)
{
    if (!x->registers)
        return;
    if (!r->known) {
        tell(x, r);
    } else if (has_moved(x, r)) {
        nsec_t at = x->now + refresh_interval(x, r);
        r->refresh_at = at < r->next_refresh ? at : r->next_refresh;
    }
}

int dhcp6_client_register(struct dhcp6_client *x, const struct ipaddr *addr, nsec_t preferred_until,
                          nsec_t valid_until, nsec_t now)
{
    struct dhcp6_registration *r = registration_of(x, addr);

    x->now = now;
    if (!dhcp6_is_assignable(addr) || dhcp6_binding_of(x, addr) || valid_until <= now)
        return -EINVAL;
    if (!r)
        r = new_registration(x, addr);
    if (!r)
        return -ENOSPC;
    if (r->leaving) /* it is back before its farewell was taken */
        r->leaving = r->known = false;
    r->preferred_until = preferred_until;
    r->valid_until = valid_until;
    reconsider(x, r);
    return 0;
}

void dhcp6_client_unregister(struct dhcp6_client *x, const struct ipaddr *addr, nsec_t now)
{
    struct dhcp6_registration *r = registration_of(x, addr);

    x->now = now;
    if (!r)
        return;
    r->used = r->known;
    r->leaving = true;
    r->refresh_at = NSEC_NEVER;
    if (r->known)
        dhcp6_begin(x, &r->sending, DHCP6_ADDR_REG_INFORM, 0);
}

void dhcp6_registers(struct dhcp6_client *x)
{
    if (x->registers)
        return;
    x->registers = true;
    x->desync = (uint32_t)(ONE * 9 / 10 + dhcp6_random_part(x, ONE / 5));
    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        if (r->used && r->valid_until > x->now)
            reconsider(x, r);
    }
}

void dhcp6_registers_no_more(struct dhcp6_client *x)
{
    x->registers = false;
    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        r->known = false;
        r->used = r->used && !r->leaving;
        r->refresh_at = NSEC_NEVER;
        dhcp6_end(&r->sending);
    }
}

void dhcp6_registration_reply(struct dhcp6_client *x, const struct dhcp6_message *m, const struct ipaddr *to)
{
    static const struct ipaddr unknown = {{0}};
    struct dhcp6_registration *r = m->has & DHCP6_HAS_ADDR ? registration_of(x, &m->addr.addr) : NULL;
    bool is_to_it = r && (ipaddr_equal(to, &unknown) || ipaddr_equal(to, &r->addr));

    if (is_to_it && r->sending.count > 0 && r->sending.xid == m->xid && !r->leaving)
        dhcp6_end(&r->sending);
}

static void refresh_together(struct dhcp6_client *x)
{
    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        if (r->used && !r->leaving && r->refresh_at <= x->now + COALESCE)
            tell(x, r);
    }
}

void dhcp6_registrations_timeout(struct dhcp6_client *x)
{
    bool refresh = false;

    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        if (r->used && !r->leaving && r->valid_until <= x->now)
            *r = (struct dhcp6_registration){.refresh_at = NSEC_NEVER};
        if (r->used && dhcp6_is_due(&r->sending, x->now))
            dhcp6_again(x, &r->sending);
        refresh |= r->used && r->refresh_at <= x->now;
    }
    if (refresh)
        refresh_together(x);
}

static nsec_t sooner(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

nsec_t dhcp6_registrations_deadline(const struct dhcp6_client *x)
{
    nsec_t at = NSEC_NEVER;

    for (unsigned i = 0; x->registers && i < DHCP6_REGISTRATIONS_MAX; i++) {
        const struct dhcp6_registration *r = &x->registrations[i];
        if (r->used && !r->leaving)
            at = sooner(at, sooner(r->valid_until, sooner(r->refresh_at, dhcp6_due(&r->sending))));
    }
    return at;
}

bool dhcp6_registration_next(struct dhcp6_client *x, struct client_event *ret)
{
    for (struct dhcp6_registration *r = x->registrations; r < end_of(x); r++) {
        if (!r->sending.send)
            continue;
        dhcp6_send_registration(x, r, ret);
        r->sending.send = false;
        r->known_valid_until = r->valid_until;
        if (r->leaving)
            *r = (struct dhcp6_registration){.refresh_at = NSEC_NEVER};
        return true;
    }
    return false;
}
