/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of the exchange core about servers, by address and port.
 *
 * Order. The fastest by smoothed round trip is asked first. A refusal counts as an answer that took
 * REFUSAL_PENALTY longer, and silence as a round trip of that time at least, so a server that is no use
 * sinks. One question in TRIAL_ONE_IN tries one of the others, so that a server that has become better is
 * noticed; the best is asked soon after (server_trial_wait), so the trial costs that client little.
 *
 * Hold-down. FAILURES_MAX failures in a row (no answer before the next attempt was due, or a socket error),
 * and a server is asked last, after all others, for HOLD_MIN. The first question after that tries it, and with
 * that it counts as held down again, for twice as long up to HOLD_MAX: only an answer, be it a refusal, makes
 * everything good. Of many questions that are out when a server dies, those that fail while it is held down
 * say nothing new. If all are held down their order is that of the list: nobody is ever left unasked.
 *
 * What a server does not understand is remembered for FAULT_TIME after FAULTS_MAX signs of it in a row, then
 * tried anew, since servers are replaced. One sign may be a lost packet or a forger's luck.
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
/* Three in a hundred: a server that has become the best is in use after some hundred questions. */
#define TRIAL_ONE_IN 32
#define TRIAL_MIN    (10 * NSEC_PER_MSEC)
/* More than the round trips of two servers nearby differ. */
#define REFUSAL_PENALTY (100 * NSEC_PER_MSEC)
/* Weights of a new sample, as 1 / 8 and 1 / 4 (RFC 6298 s2). */
#define SRTT_WEIGHT   8
#define RTTVAR_WEIGHT 4

#define FAULTS_MAX 3
#define FAULT_TIME (3600 * NSEC_PER_SEC)

static bool same_endpoint(const struct ipendpoint *a, const struct ipendpoint *b)
{
    return a->port == b->port && a->scope == b->scope && ipaddr_equal(&a->addr, &b->addr);
}

/* Its place in `recent`, or count. */
static unsigned find(const struct server_states *s, const struct ipendpoint *endpoint)
{
    unsigned place = 0;

    while (place < s->count && !same_endpoint(&s->state[s->recent[place]].endpoint, endpoint))
        place++;
    return place;
}

struct server_state *server_state(struct server_states *s, const struct ipendpoint *endpoint)
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
    struct server_state *state = &s->state[index];
    if (!known) {
        *state = (struct server_state){.endpoint = *endpoint};
        s->make_cookie(s->arg, state->client_cookie);
    }
    return state;
}

/* --- order --- */

/* A server to be ordered. */
struct candidate {
    const struct ipendpoint *endpoint;
    nsec_t srtt; /* 0: not known */
    bool held;
};

static bool comes_before(const struct candidate *a, const struct candidate *b)
{
    if (a->held || b->held)
        return !a->held && b->held;
    if (a->srtt == 0 || b->srtt == 0)
        return a->srtt != 0 && b->srtt == 0;
    return a->srtt < b->srtt;
}

/* Stable: those of which nothing tells them apart stay as they are listed. */
static void insert(struct candidate *sorted, unsigned count, const struct candidate *c)
{
    unsigned at = count;

    for (; at > 0 && comes_before(c, &sorted[at - 1]); at--)
        sorted[at] = sorted[at - 1];
    sorted[at] = *c;
}

static void move_to_front(struct candidate *sorted, unsigned from)
{
    struct candidate c = sorted[from];

    memmove(sorted + 1, sorted, from * sizeof(*sorted));
    sorted[0] = c;
}

/* Its hold-down has ended: with this question it is tried, and held down for longer unless it answers. */
static void put_on_trial(struct server_state *state, nsec_t now)
{
    state->hold = state->hold * 2 < HOLD_MAX ? state->hold * 2 : HOLD_MAX;
    state->held_until = now + state->hold;
}

/* Which of the sorted is to be tried before the best; 0: none. */
static unsigned choose_trial(struct server_states *s, const struct candidate *sorted, unsigned count,
                             uint32_t random, nsec_t now)
{
    unsigned n_good = 0;

    if (count == 0 || sorted[0].held)
        return 0; /* all are: the order is that of the list */
    for (unsigned i = 0; i < count; i++) {
        struct server_state *state = server_state(s, sorted[i].endpoint);
        n_good += !sorted[i].held;
        if (!sorted[i].held || now < state->held_until)
            continue;
        put_on_trial(state, now);
        return i;
    }
    if (n_good < 2 || random % TRIAL_ONE_IN != 0)
        return 0;
    return 1 + random / TRIAL_ONE_IN % (n_good - 1);
}

struct server_order servers_order(struct server_states *s, const struct ipendpoint *list, unsigned count,
                                  uint32_t random, nsec_t now, struct ipendpoint *ret, unsigned max)
{
    struct candidate sorted[SERVERS_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < count && n < SERVERS_MAX; i++) {
        const struct server_state *state = server_state(s, &list[i]);
        struct candidate c = {.endpoint = &list[i], .srtt = state->srtt, .held = state->hold > 0};
        insert(sorted, n++, &c);
    }
    unsigned trial = choose_trial(s, sorted, n, random, now);
    move_to_front(sorted, trial);
    struct server_order order = {.count = n < max ? n : max, .trial = trial > 0};
    for (unsigned i = 0; i < order.count; i++)
        ret[i] = *sorted[i].endpoint;
    return order;
}

struct server_order servers_listed(struct server_states *s, const struct ipendpoint *list, unsigned count,
                                   nsec_t now, struct ipendpoint *ret, unsigned max)
{
    struct candidate sorted[SERVERS_MAX];
    const struct ipendpoint *tried = NULL; /* the first one on trial */
    unsigned n = 0;

    for (unsigned i = 0; i < count && n < SERVERS_MAX; i++) {
        struct server_state *state = server_state(s, &list[i]);
        struct candidate c = {.endpoint = &list[i], .held = state->hold > 0 && now < state->held_until};
        if (state->hold > 0 && !c.held) {
            put_on_trial(state, now);
            tried = tried ? tried : &list[i];
        }
        insert(sorted, n++, &c);
    }
    struct server_order order = {.count = n < max ? n : max, .trial = sorted[0].endpoint == tried && n > 1};
    for (unsigned i = 0; i < order.count; i++)
        ret[i] = *sorted[i].endpoint;
    return order;
}

static nsec_t between(nsec_t least, nsec_t value, nsec_t most)
{
    return value < least ? least : value > most ? most : value;
}

nsec_t server_wait(const struct server_state *state)
{
    if (state->srtt == 0)
        return SERVER_WAIT_UNKNOWN;
    return between(SERVER_WAIT_MIN, state->srtt + 4 * state->rttvar, SERVER_WAIT_MAX);
}

nsec_t server_trial_wait(const struct server_state *best)
{
    if (best->srtt == 0)
        return SERVER_WAIT_MIN;
    return between(TRIAL_MIN, best->srtt + 4 * best->rttvar, SERVER_WAIT_MIN);
}

/* --- what they do --- */

static void take_sample(struct server_state *state, nsec_t rtt)
{
    if (state->srtt == 0) {
        state->srtt = rtt;
        state->rttvar = rtt / 2;
        return;
    }
    nsec_t error = rtt > state->srtt ? rtt - state->srtt : state->srtt - rtt;
    state->rttvar += (error - state->rttvar) / RTTVAR_WEIGHT;
    state->srtt += (rtt - state->srtt) / SRTT_WEIGHT;
}

void server_answered(struct server_state *state, nsec_t rtt)
{
    state->failures = 0;
    state->hold = 0;
    if (rtt > 0)
        take_sample(state, rtt);
}

void server_refused(struct server_state *state, nsec_t rtt)
{
    server_answered(state, rtt + REFUSAL_PENALTY);
}

void server_failed(struct server_state *state, nsec_t waited, nsec_t now)
{
    if (state->hold > 0)
        return;
    if (state->srtt > 0 && waited > state->srtt)
        take_sample(state, waited);
    if (++state->failures < FAILURES_MAX)
        return;
    state->failures = 0;
    state->hold = HOLD_MIN;
    state->held_until = now + HOLD_MIN;
    state->shows_cookies = false; /* it may be another one that comes back */
}

/* --- what they understand --- */

bool server_is_plain(const struct server_state *state, nsec_t now)
{
    return now < state->plain_until;
}

void server_showed_edns(struct server_state *state)
{
    state->shows_edns = true;
    state->edns_faults = 0;
}

/* Counts; at FAULTS_MAX *until tells how long it is believed. */
static void count_fault(unsigned *faults, unsigned weight, nsec_t *until, nsec_t now)
{
    *faults += weight;
    if (*faults < FAULTS_MAX)
        return;
    *faults = 0;
    *until = now + FAULT_TIME;
}

void server_fault_edns(struct server_state *state, bool told, nsec_t now)
{
    unsigned weight = told && !state->shows_edns ? FAULTS_MAX : 1;

    count_fault(&state->edns_faults, weight, &state->plain_until, now);
    if (state->plain_until > now)
        state->shows_edns = state->shows_cookies = false;
}

bool server_is_caseless(const struct server_state *state, nsec_t now)
{
    return now < state->lower_until;
}

void server_kept_case(struct server_state *state, bool kept, nsec_t now)
{
    if (kept)
        state->case_faults = 0;
    else
        count_fault(&state->case_faults, 1, &state->lower_until, now);
}

void server_gave_cookie(struct server_state *state, const uint8_t *cookie, size_t len)
{
    state->shows_cookies = cookie != NULL;
    state->server_cookie_len = 0;
    if (cookie && len <= SERVER_COOKIE_LEN_MAX) {
        memcpy(state->server_cookie, cookie, len);
        state->server_cookie_len = (uint8_t)len;
    }
}
