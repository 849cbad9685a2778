/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The states of the client and what leads from one to the next.
 *
 *   RESTING --start--> INIT --> SELECTING --offer--> REQUESTING --ack--> PROBING --free--> BOUND
 *                        \----> REBOOTING --ack--> PROBING           (an address it had)
 *   BOUND --T1--> RENEWING --T2--> REBINDING --end--> INIT;  an ack leads back to BOUND
 *   a NAK, and an address that is taken, lead to INIT
 *
 * Two things go side by side: what is being asked for (phase, tries, due), and the lease that is held
 * (has_lease), which ends at its time whatever the phase is. Both meet in granted(): a DHCPACK for the
 * address that stands renews it; one for another takes down what stands, so there are never two, and lets the
 * new one be probed.
 *
 * A phase sends at most one message at a time, and its answers are known by their xid: a new one for each
 * round of discovery and for each renewal, so that late and repeated answers find nobody. What is to be told
 * to the driver follows from the difference of `want` and `told` (dhcp4_client_events.c).
 */
#include "libiothconf/dhcp4_client_core.h"

#include <errno.h>
#include <stdlib.h>

#define START_DELAY_MAX      (250 * NSEC_PER_MSEC)
#define DECLINE_WAIT         (10 * NSEC_PER_SEC) /* RFC 2131 s3.1 step 5 */
#define RATE_LIMIT_WAIT      (60 * NSEC_PER_SEC) /* RFC 5227 s2.1.1: RATE_LIMIT_INTERVAL ... */
#define CONFLICTS_MAX        10                  /* ... after MAX_CONFLICTS */
#define BACKOFF_MAX          4                   /* 4 s << 4 is 64 s */
#define REQUEST_TRIES        4                   /* 60 s together, as RFC 2131 s3.1 step 5 has it */
#define REBOOT_TRIES         2                   /* 12 s: then anything will do */
#define FALLBACK_WAIT        (4 * NSEC_PER_SEC) /* for a better offer than that of the server that failed last */
#define RENEW_INTERVAL_MIN   (60 * NSEC_PER_SEC) /* s4.4.5; short leases: a sixteenth ... */
#define RENEW_INTERVAL_LEAST (4 * NSEC_PER_SEC)  /* ... but the first interval of the back-off */

nsec_t dhcp4_client_random(const struct dhcp4_client *c, nsec_t limit)
{
    uint64_t random;

    c->env.random(c->env.arg, &random, sizeof(random));
    return 1 + (nsec_t)(random % (uint64_t)limit);
}

nsec_t dhcp4_client_backoff(const struct dhcp4_client *c, unsigned tries)
{
    nsec_t interval = 4 * NSEC_PER_SEC << (tries < BACKOFF_MAX ? tries : BACKOFF_MAX);

    return interval - NSEC_PER_SEC + dhcp4_client_random(c, 2 * NSEC_PER_SEC);
}

static nsec_t nsec_min(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

static nsec_t nsec_max(nsec_t a, nsec_t b)
{
    return a > b ? a : b;
}

/* ---- what is held ---- */

void dhcp4_client_drop(struct dhcp4_client *c)
{
    c->has_lease = false;
    c->announcements = 0;
    c->arp_waits = false;
    dhcp4_client_configure(c);
}

static void remember(struct dhcp4_client *c, struct dhcp4_offer hint)
{
    if (c->hint.addr == hint.addr && c->hint.server == hint.server)
        return;
    c->hint = hint;
    c->save_changed = true;
}

static void forget(struct dhcp4_client *c)
{
    remember(c, (struct dhcp4_offer){0});
}

/* ---- phases ---- */

static void enter(struct dhcp4_client *c, enum dhcp4_phase phase, nsec_t due)
{
    c->phase = phase;
    c->due = due;
    c->tries = 0;
}

/* From the beginning, after `delay`. */
static void begin(struct dhcp4_client *c, nsec_t delay, nsec_t now)
{
    enter(c, DHCP4_INIT, now + delay);
    c->began = c->due;
    c->reboots = false;
}

static void discover(struct dhcp4_client *c, nsec_t now)
{
    if (c->tries == 0 || c->rapid_commit)
        dhcp4_client_new_xid(
            c); /* with rapid commit an answer grants a lease: it must be known to which message */
    c->asked_at = now;
    dhcp4_client_say(c, DHCP4_DISCOVER, now);
    c->due = now + dhcp4_client_backoff(c, c->tries++);
}

static void select_server(struct dhcp4_client *c, nsec_t now)
{
    enter(c, DHCP4_SELECTING, now);
    c->fallback = (struct dhcp4_offer){0};
    discover(c, now);
}

/* DHCPREQUEST of REQUESTING and REBOOTING: broadcast, again and again with the same xid. */
static void request(struct dhcp4_client *c, nsec_t now)
{
    if (c->tries == 0)
        c->asked_at = now;
    dhcp4_client_say(c, DHCP4_REQUEST, now);
    c->due = now + dhcp4_client_backoff(c, c->tries++);
}

static void choose(struct dhcp4_client *c, struct dhcp4_offer offer, nsec_t now)
{
    c->offer = offer;
    enter(c, DHCP4_REQUESTING, now);
    request(c, now);
}

static void reboot(struct dhcp4_client *c, nsec_t now)
{
    c->offer = c->hint;
    enter(c, DHCP4_REBOOTING, now);
    dhcp4_client_new_xid(c);
    request(c, now);
}

/* DHCPREQUEST of RENEWING and REBINDING, the next one half-way to `end` (s4.4.5). */
static void renew(struct dhcp4_client *c, nsec_t end, nsec_t now)
{
    nsec_t least = nsec_max(nsec_min(RENEW_INTERVAL_MIN, c->lease.duration / 16), RENEW_INTERVAL_LEAST);

    dhcp4_client_new_xid(c);
    c->asked_at = now;
    dhcp4_client_say(c, DHCP4_REQUEST, now);
    c->tries++;
    c->due = nsec_min(end, now + nsec_max(least, (end - now) / 2));
}

static void begin_renewing(struct dhcp4_client *c, nsec_t now)
{
    c->began = now;
    enter(c, DHCP4_RENEWING, now);
    renew(c, c->lease.rebind_at, now);
}

static void begin_rebinding(struct dhcp4_client *c, nsec_t now)
{
    enter(c, DHCP4_REBINDING, now);
    renew(c, c->lease.expires, now);
}

void dhcp4_client_bind(struct dhcp4_client *c, bool announces, nsec_t now)
{
    /* a short lease, probed slowly or granted late, may be due for renewal already */
    enter(c, DHCP4_BOUND, nsec_max(c->lease.renew_at, now + NSEC_PER_SEC));
    c->failures = c->conflicts = 0;
    c->shunned = 0;
    remember(c, (struct dhcp4_offer){.addr = c->lease.addr, .server = c->lease.server});
    dhcp4_client_configure(c);
    if (announces)
        dhcp4_client_announce(c, now);
}

void dhcp4_client_decline(struct dhcp4_client *c, nsec_t now)
{
    dhcp4_client_new_xid(c);
    dhcp4_client_say(c, DHCP4_DECLINE, now);
    c->shunned = c->lease.server;
    dhcp4_client_drop(c);
    forget(c);
    c->conflicts++;
    begin(c, c->conflicts < CONFLICTS_MAX ? DECLINE_WAIT : RATE_LIMIT_WAIT, now);
}

/* ---- what servers say ---- */

static void offered(struct dhcp4_client *c, const struct dhcp4_message *m, nsec_t now)
{
    struct dhcp4_lease lease;

    if (dhcp4_client_lease_of(c, m, &lease) < 0)
        return;
    struct dhcp4_offer offer = {.addr = lease.addr, .server = lease.server};
    if (offer.server != c->shunned) {
        choose(c, offer, now);
        return;
    }
    c->fallback = offer;
    c->due = nsec_min(c->due, now + FALLBACK_WAIT);
}

static void granted(struct dhcp4_client *c, const struct dhcp4_message *m, nsec_t now)
{
    struct dhcp4_lease lease;

    if (dhcp4_client_lease_of(c, m, &lease) < 0 || lease.expires <= now)
        return;
    bool asked = c->phase == DHCP4_RENEWING || c->phase == DHCP4_REBINDING;
    bool stands = c->want.addr == lease.addr;
    if (!stands)
        dhcp4_client_drop(c);
    c->lease = lease;
    c->has_lease = true;
    if (stands)
        dhcp4_client_bind(c, !asked, now);
    else
        dhcp4_client_probe(c, now);
}

/* The server that we speak with wants something else: from the beginning, at once at first, then more slowly, since
 * one that offers and refuses in turn would keep us busy. */
static void refused(struct dhcp4_client *c, nsec_t now)
{
    bool for_offer = c->phase == DHCP4_REQUESTING;
    uint32_t addr = for_offer || c->phase == DHCP4_REBOOTING ? c->offer.addr : c->lease.addr;

    if (for_offer)
        c->shunned = c->offer.server;
    if (c->has_lease && c->lease.addr == addr)
        dhcp4_client_drop(c);
    if (c->hint.addr == addr)
        forget(c);
    nsec_t delay =
        c->failures == 0 ? dhcp4_client_random(c, START_DELAY_MAX) : dhcp4_client_backoff(c, c->failures - 1);
    c->failures++;
    begin(c, delay, now);
}

/* Is that server the one we speak with? In REBOOTING and REBINDING any is. */
static bool is_chosen(const struct dhcp4_client *c, uint32_t server)
{
    switch (c->phase) {
    case DHCP4_REQUESTING:
        return server == c->offer.server;
    case DHCP4_RENEWING:
        return server == c->lease.server;
    case DHCP4_REBOOTING:
    case DHCP4_REBINDING:
        return true;
    default:
        return false;
    }
}

/* Does the message grant what was asked for? */
static bool is_wanted(const struct dhcp4_client *c, const struct dhcp4_message *m)
{
    if (c->phase == DHCP4_REQUESTING || c->phase == DHCP4_REBOOTING)
        return m->header.yiaddr == c->offer.addr;
    return m->header.yiaddr == c->lease.addr;
}

static void hear_server(struct dhcp4_client *c, const struct client_packet *packet, nsec_t now)
{
    struct dhcp4_message m;
    uint32_t server = 0;

    if (c->phase == DHCP4_RESTING || dhcp4_client_read(c, packet, &m) < 0 ||
        !dhcp4_u32(&m, DHCP4_SERVER_ID, &server) || !dhcp4_client_is_host(server))
        return;
    if (c->phase == DHCP4_SELECTING && m.type == DHCP4_OFFER)
        offered(c, &m, now);
    else if (c->phase == DHCP4_SELECTING && m.type == DHCP4_ACK && c->rapid_commit &&
             dhcp4_has(&m, DHCP4_RAPID_COMMIT))
        granted(c, &m, now);
    else if (m.type == DHCP4_ACK && is_chosen(c, server) && is_wanted(c, &m))
        granted(c, &m, now);
    else if (m.type == DHCP4_NAK && is_chosen(c, server))
        refused(c, now);
}

/* ---- deadlines ---- */

/* The end of the lease comes before everything else. */
static void expire(struct dhcp4_client *c, nsec_t now)
{
    if (!c->has_lease || now < c->lease.expires)
        return;
    bool relied_on_it = c->phase >= DHCP4_PROBING;
    dhcp4_client_drop(c);
    if (relied_on_it)
        begin(c, dhcp4_client_random(c, START_DELAY_MAX), now);
}

static void phase_timeout(struct dhcp4_client *c, nsec_t now)
{
    switch (c->phase) {
    case DHCP4_RESTING:
        break;
    case DHCP4_INIT:
        if (c->reboots)
            reboot(c, now);
        else
            select_server(c, now);
        break;
    case DHCP4_SELECTING:
        if (c->fallback.addr != 0)
            choose(c, c->fallback, now);
        else
            discover(c, now);
        break;
    case DHCP4_REQUESTING:
        if (c->tries < REQUEST_TRIES) {
            request(c, now);
        } else {
            c->shunned = c->offer.server;
            select_server(c, now);
        }
        break;
    case DHCP4_REBOOTING:
        if (c->tries < REBOOT_TRIES)
            request(c, now);
        else
            select_server(c, now);
        break;
    case DHCP4_PROBING:
        dhcp4_client_probe_timeout(c, now);
        break;
    case DHCP4_BOUND:
        if (now < c->lease.rebind_at)
            begin_renewing(c, now);
        else
            begin_rebinding(c, now);
        break;
    case DHCP4_RENEWING:
        if (now < c->lease.rebind_at)
            renew(c, c->lease.rebind_at, now);
        else
            begin_rebinding(c, now);
        break;
    case DHCP4_REBINDING:
        renew(c, c->lease.expires, now);
        break;
    }
}

/* ---- the core's functions ---- */

static int take_settings(struct dhcp4_client *c, const struct dhcp4_client_settings *s)
{
    enum { HARDWARE_ETHERNET = 1 };

    if (s->n_also > DHCP4_CLIENT_ALSO_MAX ||
        (s->client_id && (s->client_id_len < 2 || s->client_id_len > DHCP4_CLIENT_ID_MAX)))
        return -EINVAL;
    if (s->client_id) {
        memcpy(c->client_id, s->client_id, s->client_id_len);
        c->client_id_len = (uint8_t)s->client_id_len;
    } else {
        c->client_id[0] = HARDWARE_ETHERNET;
        memcpy(c->client_id + 1, c->env.mac, sizeof(c->env.mac));
        c->client_id_len = 1 + sizeof(c->env.mac);
    }
    if (s->n_also > 0)
        memcpy(c->also, s->also, s->n_also);
    c->n_also = (uint8_t)s->n_also;
    c->wants_broadcast = s->broadcast;
    c->rapid_commit = s->rapid_commit;
    c->probe_unit = s->probe_unit > 0 ? s->probe_unit : NSEC_PER_SEC;
    if (s->saved)
        (void)dhcp4_client_restore(c, s->saved, s->saved_len, &c->hint);
    return 0;
}

int dhcp4_client_new(const struct client_env *env, const struct dhcp4_client_settings *settings,
                     struct dhcp4_client **ret)
{
    struct dhcp4_client *c = calloc(1, sizeof(*c));

    if (!c)
        return -ENOMEM;
    c->env = *env;
    int error = take_settings(c, settings);
    if (error < 0) {
        free(c);
        return error;
    }
    *ret = c;
    return 0;
}

void dhcp4_client_free(struct dhcp4_client *c)
{
    free(c);
}

void dhcp4_client_start(struct dhcp4_client *c, nsec_t now)
{
    expire(c, now);
    if (c->phase == DHCP4_PROBING)
        dhcp4_client_drop(c); /* it has not been used yet */
    c->failures = 0;
    begin(c, dhcp4_client_random(c, START_DELAY_MAX), now);
    c->reboots = c->hint.addr != 0;
}

void dhcp4_client_input(struct dhcp4_client *c, const struct client_packet *packet, nsec_t now)
{
    expire(c, now);
    if (packet->way == CLIENT_UDP)
        hear_server(c, packet, now);
    else if (packet->way == CLIENT_ARP)
        dhcp4_client_hear_arp(c, packet, now);
}

void dhcp4_client_timeout(struct dhcp4_client *c, nsec_t now)
{
    expire(c, now);
    if (c->announcements > 0 && now >= c->announce_at)
        dhcp4_client_announce(c, now);
    if (now >= c->due)
        phase_timeout(c, now);
}

nsec_t dhcp4_client_deadline(const struct dhcp4_client *c)
{
    nsec_t deadline = c->phase == DHCP4_RESTING ? NSEC_NEVER : c->due;

    if (c->has_lease)
        deadline = nsec_min(deadline, c->lease.expires);
    if (c->announcements > 0)
        deadline = nsec_min(deadline, c->announce_at);
    return deadline;
}

void dhcp4_client_stop(struct dhcp4_client *c, nsec_t now)
{
    expire(c, now);
    c->packet_waits = c->arp_waits = false;
    if (c->want.addr != 0) {
        dhcp4_client_new_xid(c);
        dhcp4_client_say(c, DHCP4_RELEASE, now);
        forget(c);
    }
    dhcp4_client_drop(c);
    enter(c, DHCP4_RESTING, NSEC_NEVER);
}

const struct client_names *dhcp4_client_names(const struct dhcp4_client *c)
{
    return &c->names;
}

const struct dhcp4_message *dhcp4_client_granted(const struct dhcp4_client *c)
{
    return c->want.addr != 0 ? &c->lease.ack : NULL;
}
