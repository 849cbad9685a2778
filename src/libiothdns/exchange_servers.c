/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of the exchange core about servers, by address and port.
 *
 * A server is asked in its place of the configured list until it fails FAILURES_MAX times in a row: no answer
 * before the next attempt was due, or a socket error. Then it is held down: asked last, after all others, for
 * HOLD_MIN. The first question after that finds it in its old place and is the probe: for the others it
 * counts as held down a little longer. An answer, be it a refusal, makes everything good; another failure
 * doubles the hold-down, up to HOLD_MAX. Of many questions that are out when a server dies, those that fail
 * while it is held down already say nothing new.
 *
 * If all are held down their order is again that of the list: nobody is ever left unasked.
 *
 * A handful of servers is the rule, so the table is an array searched from the most recently used on.
 */
#include "libiothdns/exchange_servers.h"

#include <string.h>

/* With half of the packets lost three attempts in four fail: four in a row are no proof of death, but they
 * cost a server no more than its place in the order for a second. */
#define FAILURES_MAX 4
#define HOLD_MIN     (1 * NSEC_PER_SEC)
#define HOLD_MAX     (30 * NSEC_PER_SEC)
/* How long the probe may take before another question becomes one. */
#define PROBE_TIME (1 * NSEC_PER_SEC)
/* Weight of a new round trip in the smoothed one, as 1 / 8 (RFC 6298 s2). */
#define SRTT_WEIGHT 8

static bool same_endpoint(const struct ipendpoint *a, const struct ipendpoint *b)
{
    return a->port == b->port && ipaddr_equal(&a->addr, &b->addr);
}

/* Its place in `recent`, or count. */
static unsigned find(const struct server_states *s, const struct ipendpoint *endpoint)
{
    unsigned place = 0;

    while (place < s->count && !same_endpoint(&s->state[s->recent[place]].endpoint, endpoint))
        place++;
    return place;
}

/* Its state, made if there is none, now the most recently used. */
static struct server_state *state_of(struct server_states *s, const struct ipendpoint *endpoint)
{
    unsigned place = find(s, endpoint);
    bool known = place < s->count;

    if (!known && s->count < SERVERS_MAX) {
        s->recent[place] = (uint8_t)place;
        s->count++;
    } else if (!known) {
        place = SERVERS_MAX - 1;
    }
    uint8_t index = s->recent[place];
    memmove(s->recent + 1, s->recent, place);
    s->recent[0] = index;
    if (!known)
        s->state[index] = (struct server_state){.endpoint = *endpoint};
    return &s->state[index];
}

/* It goes behind the others. If its hold-down is over and it would come first, this question probes it. */
static bool held_down(struct server_state *state, bool first, nsec_t now)
{
    if (state->hold == 0)
        return false;
    if (now < state->held_until)
        return true;
    if (first) {
        state->probed = true;
        state->held_until = now + PROBE_TIME;
    }
    return false;
}

unsigned servers_order(struct server_states *s, const struct ipendpoint *list, unsigned count, nsec_t now,
                       struct ipendpoint *ret, unsigned max)
{
    struct ipendpoint held[SERVERS_MAX];
    unsigned n = 0, n_held = 0;

    for (unsigned i = 0; i < count && n < max; i++) {
        if (!held_down(state_of(s, &list[i]), n == 0, now))
            ret[n++] = list[i];
        else if (n_held < SERVERS_MAX)
            held[n_held++] = list[i];
    }
    for (unsigned i = 0; i < n_held && n < max; i++)
        ret[n++] = held[i];
    return n;
}

nsec_t servers_srtt(struct server_states *s, const struct ipendpoint *endpoint)
{
    return state_of(s, endpoint)->srtt;
}

void servers_answered(struct server_states *s, const struct ipendpoint *endpoint, nsec_t rtt)
{
    struct server_state *state = state_of(s, endpoint);

    state->failures = 0;
    state->hold = 0;
    state->probed = false;
    if (rtt > 0)
        state->srtt = state->srtt == 0 ? rtt : state->srtt + (rtt - state->srtt) / SRTT_WEIGHT;
}

void servers_failed(struct server_states *s, const struct ipendpoint *endpoint, nsec_t now)
{
    struct server_state *state = state_of(s, endpoint);

    if (state->hold > 0 && now < state->held_until && !state->probed)
        return;
    if (state->failures < FAILURES_MAX)
        state->failures++;
    if (state->failures < FAILURES_MAX)
        return;
    state->hold = state->hold == 0 ? HOLD_MIN : state->hold * 2;
    if (state->hold > HOLD_MAX)
        state->hold = HOLD_MAX;
    state->held_until = now + state->hold;
    state->probed = false;
}
