/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_core.h. This file knows when to speak.
 *
 * There is one time for the next advertisement to all, next_multicast. Whatever causes one (the interval, a solicitation, a
 * change) can only move it to an earlier time, and never closer to the one before than RA_MIN_DELAY allows (RFC 4861
 * s6.2.6). When one goes out the time of the next is drawn anew (s6.2.4): evenly between the two intervals, but at most
 * 16 s for the first three, and for three after each change.
 *
 * Who asks with an address of his own gets an answer of his own (RFC 7772 s4), after a delay that is drawn; who has none
 * yet, or asks when one to all is coming within his delay anyway, gets that one. Answers to single hosts cost from an
 * allowance; where that is used up, or too many wait, all who ask get one answer together. So solicitations, however many
 * and from whomever, cost the link a bounded number of packets, and nobody who asks is left without answer.
 *
 * Ending is one advertisement with lifetime 0 at once (s6.2.5): whoever stops a program does not wait seconds for more.
 */
#include "libiothradvd/ra_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Evenly from least to most. */
static nsec_t draw(const struct ra_core *ra, nsec_t least, nsec_t most)
{
    uint64_t random;
    ra->env.random(ra->env.arg, &random, sizeof(random));
    return most <= least ? least : least + (nsec_t)(random % ((uint64_t)(most - least) + 1));
}

static nsec_t min_delay(const struct ra_core *ra)
{
    return ra->settings.interval_min < RA_MIN_DELAY ? ra->settings.interval_min : RA_MIN_DELAY;
}

/* An advertisement to all at that time, or earlier if one is planned. */
static void plan(struct ra_core *ra, nsec_t at)
{
    nsec_t least = ra->has_sent ? ra->last_multicast + min_delay(ra) : at;
    if (at < least)
        at = least;
    if (at < ra->next_multicast)
        ra->next_multicast = at;
}

/* --- life --- */

/* A copy of its own. 0 or -ENOMEM. */
static int copy_settings(const struct ra_settings *s, struct arena *ret_arena, struct ra_settings *ret)
{
    struct arena arena = {0};
    *ret = *s;
    for (unsigned i = 0; i < s->n_options; i++)
        if (!ra_take_over(&arena, &ret->options[i].nd)) {
            arena_fini(&arena);
            return -ENOMEM;
        }
    *ret_arena = arena;
    return 0;
}

int ra_new(const struct ra_env *env, const struct ra_settings *settings, nsec_t now, struct ra_core **ret)
{
    struct ra_core *ra = calloc(1, sizeof(*ra));
    if (!ra)
        return -ENOMEM;
    ra->env = *env;
    ra->next_multicast = NSEC_NEVER;
    ra->now = ra->remarks_at = now;
    ra->remarks_allowance = RA_REMARKS_MAX * NSEC_PER_SEC;
    int e = copy_settings(settings, &ra->arena, &ra->settings);
    if (e == 0)
        e = ra_entries_make(settings, NULL, 0, &(struct ra_entries){0}, now, &ra->entries);
    if (e < 0)
        ra_free(ra);
    else
        *ret = ra;
    return e;
}

void ra_free(struct ra_core *ra)
{
    if (!ra)
        return;
    ra_entries_fini(&ra->entries);
    arena_fini(&ra->arena);
    free(ra);
}

void ra_start(struct ra_core *ra, const struct ra_place *at, nsec_t now)
{
    ra->now = now;
    ra->place = *at;
    ra->advertising = true;
    ra->initial_left = RA_INITIAL_COUNT;
    ra->allowance = RA_ANSWERS_BURST * (NSEC_PER_SEC / RA_ANSWERS_RATE);
    ra->allowance_at = now;
    /* Routers that begin together, when the power is back, do not speak all at once. */
    plan(ra, now + draw(ra, 0, RA_MAX_ANSWER_DELAY));
}

void ra_rest(struct ra_core *ra)
{
    ra->advertising = ra->multicast_due = ra->final_due = false;
    ra->job.under_way = false;
    ra->next_multicast = NSEC_NEVER;
    ra->n_askers = 0;
}

void ra_stop(struct ra_core *ra, nsec_t now)
{
    bool said_anything = ra->advertising && (ra->has_sent || ra->stats.sent_unicast > 0);
    ra->now = now;
    ra_rest(ra);
    ra->final_due = said_anything;
}

/* --- changes --- */

static int remake(struct ra_core *ra, const struct ra_settings *s, const struct ra_own *own, unsigned n,
                  nsec_t now)
{
    struct ra_entries entries;
    ra->now = now;
    int e = ra_entries_make(s, own, n, &ra->entries, now, &entries);
    if (e < 0)
        return e;
    ra_entries_fini(&ra->entries);
    ra->entries = entries;
    ra->job.under_way = false; /* its place among the entries is gone */
    if (ra->advertising) {
        ra->initial_left = RA_INITIAL_COUNT; /* s6.2.4: a change is said soon, and again */
        plan(ra, now);
    }
    return 0;
}

int ra_change(struct ra_core *ra, const struct ra_settings *settings, nsec_t now)
{
    struct ra_settings copy;
    struct arena arena;
    int e = copy_settings(settings, &arena, &copy);
    if (e < 0)
        return e;
    e = remake(ra, settings, ra->own, ra->n_own, now);
    if (e < 0) {
        arena_fini(&arena);
        return e;
    }
    arena_fini(&ra->arena);
    ra->arena = arena;
    ra->settings = copy;
    return 0;
}

/* Lifetimes are read in seconds, so times that are near mean the same. */
static bool is_near(nsec_t a, nsec_t b)
{
    return a == b || (a != NSEC_NEVER && b != NSEC_NEVER && llabs(a - b) <= 2 * NSEC_PER_SEC);
}

static bool is_same_own(const struct ra_core *ra, const struct ra_own *own, unsigned n)
{
    if (n != ra->n_own)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (own[i].bits != ra->own[i].bits || !ipaddr_equal(&own[i].prefix, &ra->own[i].prefix) ||
            !is_near(own[i].valid_until, ra->own[i].valid_until) ||
            !is_near(own[i].preferred_until, ra->own[i].preferred_until))
            return false;
    return true;
}

int ra_set_own(struct ra_core *ra, const struct ra_own *own, unsigned n, nsec_t now)
{
    if (n > RA_OWN_MAX)
        n = RA_OWN_MAX;
    if (is_same_own(ra, own, n))
        return 0;
    int e = remake(ra, &ra->settings, own, n, now);
    if (e == 0 && n > 0)
        memcpy(ra->own, own, n * sizeof(*own));
    ra->n_own = e == 0 ? n : ra->n_own;
    return e;
}

/* --- who asks --- */

/* An answer to a single host is within the allowance. */
static bool may_answer(struct ra_core *ra)
{
    const nsec_t cost = NSEC_PER_SEC / RA_ANSWERS_RATE, most = RA_ANSWERS_BURST * cost;
    ra->allowance += ra->now - ra->allowance_at;
    ra->allowance_at = ra->now;
    if (ra->allowance > most)
        ra->allowance = most;
    if (ra->allowance < cost)
        return false;
    ra->allowance -= cost;
    return true;
}

static bool waits_already(const struct ra_core *ra, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < ra->n_askers; i++)
        if (ipaddr_equal(&ra->askers[i].addr, addr))
            return true;
    return false;
}

static void solicited(struct ra_core *ra, const struct nd_message *msg, const struct ra_packet *packet)
{
    struct ra_asker asker = {.addr = packet->from, .due = ra->now + draw(ra, 0, RA_MAX_ANSWER_DELAY)};
    struct reader options = msg->options;
    struct nd_option option;

    ra->stats.solicitations++;
    memcpy(asker.mac, packet->from_mac, sizeof(asker.mac));
    while (nd_next_option(&options, &option))
        if (option.type == ND_SOURCE_MAC)
            memcpy(asker.mac, option.mac, sizeof(asker.mac));
    if (ra->next_multicast <= asker.due || waits_already(ra, &asker.addr)) {
        ra->stats.solicitations_alike++;
        return;
    }
    if (ra->settings.multicast || nd_is_unspecified(&asker.addr) || ra->n_askers == RA_ASKERS_MAX ||
        !may_answer(ra)) {
        /* The delay is behind the shortest pause, so that routers that hear the same flood do not march in step. */
        nsec_t pause = ra->has_sent ? ra->last_multicast + min_delay(ra) : 0;
        plan(ra, pause > ra->now ? pause + (asker.due - ra->now) : asker.due);
        return;
    }
    ra->askers[ra->n_askers++] = asker;
}

/* --- in --- */

void ra_input(struct ra_core *ra, const struct ra_packet *packet, nsec_t now)
{
    struct nd_message msg;
    ra->now = now;
    if (!ra->advertising || ipaddr_equal(&packet->from, &ra->place.addr))
        return;
    if (packet->len == 0 || (packet->bytes[0] != ND_ROUTER_SOLICIT && packet->bytes[0] != ND_ROUTER_ADVERT))
        return;
    if (nd_read(packet->bytes, packet->len, &msg) < 0 ||
        !nd_is_valid(&msg, &packet->from, &packet->to, packet->hop_limit)) {
        ra->stats.invalid++;
        return;
    }
    if (msg.type == ND_ROUTER_SOLICIT)
        solicited(ra, &msg, packet);
    else
        ra_listen(ra, &msg, &packet->from);
}

/* --- time --- */

nsec_t ra_deadline(const struct ra_core *ra)
{
    nsec_t deadline = ra->next_multicast;
    for (unsigned i = 0; i < ra->n_askers; i++)
        if (ra->askers[i].due < deadline)
            deadline = ra->askers[i].due;
    return deadline;
}

void ra_timeout(struct ra_core *ra, nsec_t now)
{
    ra->now = now;
    if (ra->next_multicast > now)
        return;
    ra->multicast_due = true;
    ra->last_multicast = now;
    ra->has_sent = true;
    ra->n_askers = 0; /* they hear it too */
    nsec_t wait = draw(ra, ra->settings.interval_min, ra->settings.interval_max);
    if (ra->initial_left > 0) {
        ra->initial_left--;
        if (ra->initial_left > 0 && wait > RA_INITIAL_INTERVAL)
            wait = RA_INITIAL_INTERVAL;
    }
    ra->next_multicast = now + wait;
}

/* --- out --- */

static void begin_job(struct ra_core *ra, const struct ra_asker *to)
{
    ra->job = (struct ra_job){.under_way = true, .final = ra->final_due, .to = nd_all_nodes};
    if (to) {
        ra->job.to = to->addr;
        memcpy(ra->job.to_mac, to->mac, sizeof(to->mac));
        ra->stats.sent_unicast++;
    } else {
        ra->multicast_due = ra->final_due = false;
        ra->stats.sent_multicast++;
    }
}

/* Takes up what is due. False: nothing is. */
static bool find_job(struct ra_core *ra)
{
    if (ra->multicast_due || ra->final_due) {
        begin_job(ra, NULL);
        return true;
    }
    for (unsigned i = 0; i < ra->n_askers; i++) {
        if (ra->askers[i].due > ra->now)
            continue;
        struct ra_asker asker = ra->askers[i];
        ra->askers[i] = ra->askers[--ra->n_askers];
        begin_job(ra, &asker);
        return true;
    }
    return false;
}

enum ra_event_kind ra_next(struct ra_core *ra, struct ra_event *event)
{
    *event = (struct ra_event){.kind = RA_NOTHING};
    if (ra->job.under_way || find_job(ra)) {
        event->kind = RA_SEND;
        event->to = ra->job.to;
        memcpy(event->to_mac, ra->job.to_mac, sizeof(event->to_mac));
        event->bytes = ra->message;
        event->len = ra_speak(ra);
    } else if (ra->n_remarks > 0) {
        *event = ra->remarks[0];
        ra->n_remarks--;
        memmove(ra->remarks, ra->remarks + 1, ra->n_remarks * sizeof(*ra->remarks));
    }
    return event->kind;
}

/* --- to look at --- */

const struct iothradvd_stats *ra_stats(const struct ra_core *ra)
{
    return &ra->stats;
}

unsigned ra_routers(const struct ra_core *ra, const struct ra_router **ret)
{
    *ret = ra->routers;
    return ra->n_routers;
}

const struct ra_entries *ra_entries(const struct ra_core *ra)
{
    return &ra->entries;
}

const struct ra_settings *ra_settings(const struct ra_core *ra)
{
    return &ra->settings;
}

bool ra_is_advertising(const struct ra_core *ra)
{
    return ra->advertising;
}

const struct ra_place *ra_place(const struct ra_core *ra)
{
    return &ra->place;
}
