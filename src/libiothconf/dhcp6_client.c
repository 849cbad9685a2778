/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DHCPv6 client: its life, and which exchange follows which (RFC 9915 s18.2).
 *
 *   at rest     start: a CONFIRM if leases stand, else a SOLICIT; stateless: an INFORMATION-REQUEST
 *   soliciting  ADVERTISE: a REQUEST to the best server, when the first second is over; a REPLY with
 *               Rapid Commit: bound
 *   requesting  REPLY: bound; refused, or ten times in vain: soliciting
 *   confirming  REPLY, or none in ten seconds: bound; not on this link: soliciting
 *   bound       T1: renewing
 *   renewing    REPLY: bound; T2: rebinding; forgotten by the server: requesting the same addresses
 *   rebinding   as renewing, of any server; the last lease ends: soliciting
 *   asking      REPLY: informed; after the refresh time: asking
 *
 * A RECONFIGURE leads from bound to renewing, rebinding or asking (s18.2.11), and from informed to asking. Who holds leases
 * and asks is bound again by the REPLY, and renews at T1 without one.
 *
 * Addresses do not depend on the state: a lease stands from the REPLY that gives it to its end, whatever
 * exchange goes on meanwhile, and its end is a deadline of its own. Two exchanges may go on at once, the main
 * one and the farewell to addresses (RELEASE, DECLINE); registrations (RFC 9686) have theirs.
 *
 * The first message waits up to FIRST_DELAY. The RFC says a second (s18.2.1), so that the hosts of a building
 * do not all speak at once when the power comes back; the hosts of this library are threads of a process that
 * somebody waits for, and a tenth of a second spreads a hundred of them well enough. Retransmission has its
 * random part in any case.
 *
 * A discovery that leads to nothing (the server that advertised refuses, or gives an address that is taken)
 * is followed by the next after 1, 2, 4, ... up to AGAIN_MAX seconds (s14.1): what comes from the network
 * never makes us send faster than that. An address that is ours beyond doubt, or a renewal, sets that back.
 */
#include "libiothconf/dhcp6_client_state.h"

#include <errno.h>
#include <stdlib.h>

#define SEC         NSEC_PER_SEC
#define FIRST_DELAY (100 * NSEC_PER_MSEC)
#define AGAIN_MIN   (1 * SEC)
#define AGAIN_MAX   (64 * SEC)

int dhcp6_client_new(const struct client_env *env, const struct dhcp6_client_settings *settings,
                     struct dhcp6_client **ret)
{
    if (settings->duid.len < DUID_MIN || settings->duid.len > DUID_MAX)
        return -EINVAL;
    struct dhcp6_client *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->env = *env;
    x->duid = settings->duid;
    x->iaid = settings->iaid;
    x->mode = settings->mode;
    x->rapid_commit = !settings->no_rapid_commit;
    x->sol_max_rt = x->inf_max_rt = DHCP6_MAX_RT;
    if (settings->saved) {
        dhcp6_restore(x, settings->saved, settings->saved_len, settings->saved_age);
        x->restored = dhcp6_n_bound(x) > 0;
    }
    *ret = x;
    return 0;
}

void dhcp6_client_free(struct dhcp6_client *x)
{
    free(x);
}

/* --- what follows what --- */

static void enter(struct dhcp6_client *x, enum dhcp6_state state, uint8_t type, nsec_t delay)
{
    x->state = state;
    dhcp6_begin(x, &x->main, type, delay);
}

static void rest(struct dhcp6_client *x)
{
    x->state = DHCP6_AT_REST;
    dhcp6_end(&x->main);
}

void dhcp6_discover(struct dhcp6_client *x, nsec_t delay)
{
    x->offer = (struct dhcp6_offer){0};
    enter(x, DHCP6_SOLICITING, DHCP6_SOLICIT, delay);
}

/* How long to wait after so many failures, with the random part that retransmissions have. */
static nsec_t failed(struct dhcp6_client *x)
{
    nsec_t wait = AGAIN_MIN;

    for (unsigned i = 0; i < x->failures && wait < AGAIN_MAX; i++)
        wait *= 2;
    if (wait < AGAIN_MAX)
        x->failures++;
    return wait + dhcp6_random_part(x, wait / 10);
}

void dhcp6_discover_again(struct dhcp6_client *x)
{
    dhcp6_discover(x, failed(x));
}

void dhcp6_request(struct dhcp6_client *x)
{
    enter(x, DHCP6_REQUESTING, DHCP6_REQUEST, 0);
}

void dhcp6_configured(struct dhcp6_client *x)
{
    x->say_bound = x->configured = true;
    x->say_lost = false;
}

void dhcp6_lose(struct dhcp6_client *x)
{
    dhcp6_unbind_all(x);
    dhcp6_forget_names(x);
    dhcp6_forget_key(x);
    x->server.len = 0;
    x->say_lost = x->told_bound;
    x->configured = x->say_bound = false;
}

void dhcp6_settle(struct dhcp6_client *x)
{
    if (dhcp6_n_bound(x) == 0) {
        dhcp6_discover(x, dhcp6_random_part(x, FIRST_DELAY));
    } else if (x->now >= x->t2_at) {
        enter(x, DHCP6_REBINDING, DHCP6_REBIND, 0);
    } else if (x->now >= x->t1_at) {
        enter(x, DHCP6_RENEWING, DHCP6_RENEW, 0);
    } else {
        x->state = DHCP6_BOUND;
        dhcp6_end(&x->main);
    }
}

/* Asks for names while leases stand, since a server has called for that. */
static bool asks_besides(const struct dhcp6_client *x)
{
    return x->state == DHCP6_ASKING && x->mode == DHCP6_MODE_STATEFUL;
}

static bool holds_leases(const struct dhcp6_client *x)
{
    return asks_besides(x) || x->state == DHCP6_CONFIRMING || x->state == DHCP6_BOUND ||
           x->state == DHCP6_RENEWING || x->state == DHCP6_REBINDING;
}

/* Ends the leases that have come to their end. What else goes on to get new ones goes on. */
static void expire(struct dhcp6_client *x)
{
    if (dhcp6_next_end(x) > x->now)
        return;
    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++) {
        if (b->used && b->valid_until <= x->now)
            dhcp6_unbind(x, b);
    }
    if (dhcp6_n_bound(x) > 0)
        return;
    dhcp6_lose(x);
    if (holds_leases(x))
        dhcp6_settle(x);
}

/* Every call begins so. */
static void at(struct dhcp6_client *x, nsec_t now)
{
    x->now = now;
    if (x->started)
        expire(x);
}

/* --- farewell --- */

/* Tells the server that gave them that these addresses are released or declined. Those that were being
 * declined to the same server are declined with them. */
static void part(struct dhcp6_client *x, uint8_t type, const struct ipaddr *addrs, unsigned n)
{
    struct dhcp6_parting *p = &x->parting;
    const struct dhcp6_schedule *going_on = p->sending.schedule;

    if (n == 0 || x->server.len == 0)
        return;
    if (!going_on || going_on->type != type || !duid_equal(&p->server, &x->server))
        p->n = 0;
    p->server = x->server;
    for (unsigned i = 0; i < n && p->n < DHCP6_LEASES_MAX; i++)
        p->addrs[p->n++] = addrs[i];
    dhcp6_begin(x, &p->sending, type, 0);
}

/* All that stands goes, and the server is told. */
static void give_back(struct dhcp6_client *x)
{
    struct ipaddr addrs[DHCP6_LEASES_MAX];

    part(x, DHCP6_RELEASE, addrs, dhcp6_bound(x, addrs));
    dhcp6_unbind_all(x);
    dhcp6_forget_names(x);
    dhcp6_forget_key(x);
    x->server.len = 0;
    x->configured = x->told_bound = x->say_bound = x->say_lost = false;
}

/* --- the calls --- */

static void begin_mode(struct dhcp6_client *x)
{
    nsec_t delay = dhcp6_random_part(x, FIRST_DELAY);

    x->failures = 0;
    if (x->mode == DHCP6_MODE_STATELESS)
        dhcp6_unbind_all(x); /* a saved lease is of no use here */
    if (x->mode == DHCP6_MODE_OFF)
        rest(x);
    else if (x->mode == DHCP6_MODE_STATELESS)
        enter(x, DHCP6_ASKING, DHCP6_INFORMATION_REQUEST, delay);
    else if (dhcp6_n_bound(x) > 0)
        enter(x, DHCP6_CONFIRMING, DHCP6_CONFIRM, delay);
    else
        dhcp6_discover(x, delay);
}

void dhcp6_client_start(struct dhcp6_client *x, nsec_t now)
{
    rest(x);
    if (x->restored)
        dhcp6_shift(x, now);
    x->restored = false;
    x->started = true;
    at(x, now);
    if (x->parting.sending.schedule && x->parting.sending.schedule->type == DHCP6_RELEASE)
        dhcp6_end(&x->parting.sending);
    x->sol_max_rt = x->inf_max_rt = DHCP6_MAX_RT;
    dhcp6_registers_no_more(x);
    begin_mode(x);
}

void dhcp6_client_mode(struct dhcp6_client *x, enum dhcp6_mode mode, nsec_t now)
{
    enum dhcp6_mode before = x->mode;

    x->mode = mode;
    if (!x->started || mode == before)
        return;
    at(x, now);
    rest(x);
    if (before == DHCP6_MODE_STATEFUL || mode == DHCP6_MODE_OFF)
        give_back(x);
    begin_mode(x);
}

void dhcp6_client_stop(struct dhcp6_client *x, nsec_t now)
{
    if (!x->started)
        return;
    at(x, now);
    rest(x);
    give_back(x);
    dhcp6_registers_no_more(x);
    x->started = false;
}

static void reconfigure(struct dhcp6_client *x, const struct client_packet *packet,
                        const struct dhcp6_message *m)
{
    uint8_t exchange = dhcp6_take_reconfigure(x, packet, m);

    if (exchange == DHCP6_RENEW)
        enter(x, DHCP6_RENEWING, DHCP6_RENEW, 0);
    else if (exchange == DHCP6_REBIND)
        enter(x, DHCP6_REBINDING, DHCP6_REBIND, 0);
    else if (exchange == DHCP6_INFORMATION_REQUEST)
        enter(x, DHCP6_ASKING, DHCP6_INFORMATION_REQUEST, 0);
    x->main.called = exchange != 0;
}

void dhcp6_client_input(struct dhcp6_client *x, const struct client_packet *packet, nsec_t now)
{
    struct dhcp6_message m;

    at(x, now);
    if (packet->way != CLIENT_UDP || dhcp6_read(packet->bytes, packet->len, &m) < 0)
        return;
    if (m.type == DHCP6_ADDR_REG_REPLY)
        dhcp6_registration_reply(x, &m, &packet->to.addr);
    else if (m.type == DHCP6_RECONFIGURE)
        reconfigure(x, packet, &m);
    else if (m.type == DHCP6_ADVERTISE || m.type == DHCP6_REPLY)
        dhcp6_take_message(x, &m);
}

/* The exchange that goes on may name the address that is no more, and the answer to it give it again: so it
 * begins anew. */
static void decline(struct dhcp6_client *x, struct dhcp6_binding *b)
{
    part(x, DHCP6_DECLINE, &b->addr, 1);
    dhcp6_unbind(x, b);
    if (dhcp6_n_bound(x) == 0) {
        dhcp6_lose(x);
        x->wait_until = x->now + failed(x);
        x->state = DHCP6_WAITING;
        dhcp6_end(&x->main);
    } else if (x->state == DHCP6_CONFIRMING) {
        enter(x, DHCP6_CONFIRMING, DHCP6_CONFIRM, 0);
    } else if (holds_leases(x)) {
        dhcp6_settle(x);
    }
}

void dhcp6_client_verdict(struct dhcp6_client *x, const struct ipaddr *addr, bool duplicate, nsec_t now)
{
    at(x, now);
    struct dhcp6_binding *b = dhcp6_binding_of(x, addr);
    if (!x->started || !b || !b->used)
        return;
    if (duplicate)
        decline(x, b);
    else
        x->failures = 0;
}

static void main_is_due(struct dhcp6_client *x)
{
    if (x->state == DHCP6_SOLICITING && x->offer.is_there)
        dhcp6_request(x);
    else if (dhcp6_again(x, &x->main))
        return;
    else if (x->state == DHCP6_REQUESTING)
        dhcp6_discover_again(x);
    else if (x->state == DHCP6_CONFIRMING) { /* nobody has said that they are wrong (s18.2.3) */
        dhcp6_tell_bindings(x);
        dhcp6_configured(x);
        dhcp6_settle(x);
    }
}

static nsec_t first_renewal(const struct dhcp6_client *x)
{
    return x->t1_at < x->t2_at ? x->t1_at : x->t2_at;
}

/* When the state ends by itself, whatever is sent meanwhile. */
static nsec_t end_of_state(const struct dhcp6_client *x)
{
    switch (x->state) {
    case DHCP6_WAITING:
        return x->parting.sending.schedule ? NSEC_NEVER : x->wait_until;
    case DHCP6_BOUND:
        return first_renewal(x);
    case DHCP6_ASKING:
        return asks_besides(x) ? first_renewal(x) : NSEC_NEVER;
    case DHCP6_RENEWING:
        return x->t2_at;
    case DHCP6_INFORMED:
        return x->refresh_at;
    default:
        return NSEC_NEVER;
    }
}

static void state_ends(struct dhcp6_client *x)
{
    if (x->state == DHCP6_WAITING)
        dhcp6_discover(x, 0);
    else if (x->state == DHCP6_INFORMED)
        enter(x, DHCP6_ASKING, DHCP6_INFORMATION_REQUEST, dhcp6_random_part(x, FIRST_DELAY));
    else
        dhcp6_settle(x);
}

void dhcp6_client_timeout(struct dhcp6_client *x, nsec_t now)
{
    at(x, now);
    dhcp6_registrations_timeout(x);
    if (dhcp6_is_due(&x->parting.sending, now))
        dhcp6_again(x, &x->parting.sending);
    if (end_of_state(x) <= now)
        state_ends(x);
    else if (dhcp6_is_due(&x->main, now))
        main_is_due(x);
}

static nsec_t sooner(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

nsec_t dhcp6_client_deadline(const struct dhcp6_client *x)
{
    nsec_t due = sooner(dhcp6_due(&x->main), dhcp6_due(&x->parting.sending));

    due = sooner(due, dhcp6_registrations_deadline(x));
    return x->started ? sooner(due, sooner(end_of_state(x), dhcp6_next_end(x))) : due;
}

/* --- events --- */

static bool next_of_binding(struct dhcp6_binding *b, struct client_event *ret)
{
    if (!b->del && !b->add)
        return false;
    *ret = (struct client_event){.kind = b->del ? CLIENT_ADDR_DEL : CLIENT_ADDR_ADD,
                                 .addr = b->addr,
                                 .bits = 128,
                                 .preferred_until = b->preferred_until,
                                 .valid_until = b->valid_until};
    b->told = !b->del;
    b->del = b->add = false;
    return true;
}

/* Addresses that go come first, so that there is never one more than the server has given. */
static bool next_address(struct dhcp6_client *x, bool goes, struct client_event *ret)
{
    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++) {
        if (b->del == goes && next_of_binding(b, ret))
            return true;
    }
    return false;
}

/* Takes a mark back. */
static bool taken(bool *mark)
{
    bool was = *mark;

    *mark = false;
    return was;
}

static enum client_event_kind next_mark(struct dhcp6_client *x)
{
    if (taken(&x->say_names))
        return CLIENT_NAMES;
    if (taken(&x->say_lost)) {
        x->told_bound = false;
        return CLIENT_LOST;
    }
    if (taken(&x->say_bound)) {
        x->told_bound = true;
        return CLIENT_BOUND;
    }
    return taken(&x->say_save) ? CLIENT_SAVE : CLIENT_NONE;
}

static bool next_packet(struct dhcp6_client *x, struct client_event *ret)
{
    if (taken(&x->parting.sending.send))
        dhcp6_send_parting(x, ret);
    else if (taken(&x->main.send))
        dhcp6_send_main(x, ret);
    else
        return dhcp6_registration_next(x, ret);
    return true;
}

enum client_event_kind dhcp6_client_next(struct dhcp6_client *x, struct client_event *ret)
{
    if (next_address(x, true, ret) || next_address(x, false, ret))
        return ret->kind;
    *ret = (struct client_event){.kind = next_mark(x)};
    if (ret->kind == CLIENT_SAVE) {
        ret->bytes = x->bytes;
        ret->len = dhcp6_save(x);
    }
    if (ret->kind == CLIENT_NONE)
        next_packet(x, ret);
    return ret->kind;
}

const struct client_names *dhcp6_client_names(const struct dhcp6_client *x)
{
    return &x->names;
}
