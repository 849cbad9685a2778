/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_window.h. Nothing is planned ahead: window_next compares what stands with what should stand at `now` and tells the
 * first difference, so a clock that steps by hours, a reload, and a wake-up that comes late are all the same to it.
 *
 * The order of differences is that of safety: what must be closed first, so an old address never answers longer because
 * a new one makes trouble; then the addresses that are to open, that of the present epoch before the others, so that the
 * one which most clients know is the last to suffer where a stack has no room.
 *
 * Who gives way: of the muted addresses the one with the fewest flows, of equals the oldest. When none is muted, of the open
 * ones that are neither the present epoch's nor a later one's likewise. The present one never does.
 *
 * Cost: a few comparisons for each address that stands, some hundred nanoseconds, a few times in an epoch.
 */
#include "libotip/proxy_window.h"

#include <string.h>

void window_init(struct window *w, const struct window_settings *settings)
{
    memset(w, 0, sizeof(*w));
    w->settings = *settings;
    w->generation = 1;
}

void window_set(struct window *w, const struct window_settings *settings, bool same)
{
    w->settings = *settings;
    w->retry = 0;
    if (!same)
        w->generation++;
}

static nsec_t period_of(const struct window_settings *s)
{
    return (nsec_t)s->period_s * NSEC_PER_SEC;
}

/* Times before 1970 count as 1970, as iothaddr_otiptime has it. */
static uint64_t epoch_at(const struct window_settings *s, nsec_t when)
{
    return when < 0 ? 0 : (uint64_t)(when / period_of(s));
}

uint64_t window_epoch(const struct window_settings *s, nsec_t now)
{
    return epoch_at(s, now);
}

void window_span(const struct window_settings *s, nsec_t now, uint64_t *ret_first, uint64_t *ret_last)
{
    *ret_first = epoch_at(s, now - s->after);
    *ret_last = epoch_at(s, now + s->before);
}

uint64_t window_breadth(const struct window_settings *s)
{
    nsec_t period = period_of(s);

    return (uint64_t)((period + s->before + s->after + period - 1) / period);
}

/* ---- the places ---- */

static bool is_open_at(const struct window *w, const struct window_address *a, uint64_t first, uint64_t last)
{
    return a->generation == w->generation && a->epoch >= first && a->epoch <= last;
}

static struct window_address *place_of(struct window *w, uint64_t epoch)
{
    for (unsigned i = 0; i < w->top; i++) {
        struct window_address *a = &w->places[i];
        if (a->state != WINDOW_FREE && a->generation == w->generation && a->epoch == epoch)
            return a;
    }
    return NULL;
}

static struct window_address *free_place(struct window *w)
{
    for (unsigned i = 0; i < w->top; i++)
        if (w->places[i].state == WINDOW_FREE)
            return &w->places[i];
    return w->top < WINDOW_ADDRESSES_MAX ? &w->places[w->top++] : NULL;
}

static struct window_event take_away(struct window *w, struct window_address *a, enum window_step step)
{
    struct window_event event = {.step = step, .place = a, .at = *a};

    a->state = WINDOW_FREE;
    w->n--;
    while (w->top > 0 && w->places[w->top - 1].state == WINDOW_FREE)
        w->top--;
    if (step == WINDOW_GIVE_WAY)
        w->given_way++;
    else
        w->removed++;
    return event;
}

/* Closes an address for new flows. */
static struct window_event shut(struct window *w, struct window_address *a)
{
    if (a->flows == 0)
        return take_away(w, a, WINDOW_REMOVE);
    a->state = WINDOW_MUTED;
    w->muted++;
    return (struct window_event){.step = WINDOW_MUTE, .place = a, .at = *a};
}

/* ---- who gives way ---- */

static bool gives_way_before(const struct window_address *a, const struct window_address *b)
{
    if (!b || a->state != b->state)
        return !b || a->state == WINDOW_MUTED;
    return a->flows != b->flows ? a->flows < b->flows : a->epoch < b->epoch;
}

static struct window_address *who_gives_way(struct window *w, nsec_t now)
{
    uint64_t present = window_epoch(&w->settings, now);
    struct window_address *found = NULL;

    for (unsigned i = 0; i < w->top; i++) {
        struct window_address *a = &w->places[i];
        bool may = a->state == WINDOW_MUTED || (a->state == WINDOW_OPEN && a->epoch < present);
        if (may && !a->dropped && gives_way_before(a, found))
            found = a;
    }
    return found;
}

/* ---- the differences ---- */

/* The epoch that has no address yet and comes next: the present one, then the later ones, then the earlier ones. */
static bool find_missing(struct window *w, nsec_t now, uint64_t first, uint64_t last, uint64_t *ret)
{
    uint64_t present = window_epoch(&w->settings, now);

    for (uint64_t e = present; e <= last; e++)
        if (!place_of(w, e)) {
            *ret = e;
            return true;
        }
    for (uint64_t e = present; e-- > first;)
        if (!place_of(w, e)) {
            *ret = e;
            return true;
        }
    return false;
}

static struct window_event add(struct window *w, uint64_t epoch)
{
    struct window_address *a = free_place(w);

    *a = (struct window_address){.state = WINDOW_OPEN, .generation = w->generation, .epoch = epoch};
    w->settings.address_of(w->settings.arg, epoch, &a->addr);
    w->n++;
    w->opened++;
    return (struct window_event){.step = WINDOW_ADD, .place = a, .at = *a};
}

static struct window_event add_missing(struct window *w, nsec_t now, uint64_t first, uint64_t last)
{
    uint64_t missing;

    if ((w->retry != 0 && now < w->retry && w->retry - now <= WINDOW_RETRY) ||
        !find_missing(w, now, first, last, &missing))
        return (struct window_event){.step = WINDOW_STANDS};
    w->retry = 0;
    if (w->n < w->settings.capacity)
        return add(w, missing);
    struct window_address *victim = who_gives_way(w, now);
    /* An open one of the past does not give way to another of the past. */
    if (victim && (victim->state == WINDOW_MUTED || missing >= window_epoch(&w->settings, now)))
        return take_away(w, victim, WINDOW_GIVE_WAY);
    return (struct window_event){.step = WINDOW_STANDS};
}

/* What is closed though it should be open, or the other way round; or has lost its last flow, or given way. */
static struct window_event settle(struct window *w, struct window_address *a, uint64_t first, uint64_t last)
{
    bool open = is_open_at(w, a, first, last);

    if (a->dropped)
        return take_away(w, a, WINDOW_GIVE_WAY);
    if (a->state == WINDOW_OPEN && !open)
        return shut(w, a);
    if (a->state == WINDOW_MUTED && open) {
        a->state = WINDOW_OPEN;
        w->opened++;
        return (struct window_event){.step = WINDOW_REOPEN, .place = a, .at = *a};
    }
    if (a->state == WINDOW_MUTED && a->flows == 0)
        return take_away(w, a, WINDOW_REMOVE);
    return (struct window_event){.step = WINDOW_STANDS};
}

struct window_event window_next(struct window *w, nsec_t now)
{
    uint64_t first, last;

    window_span(&w->settings, now, &first, &last);
    for (unsigned i = 0; i < w->top; i++) {
        if (w->places[i].state == WINDOW_FREE)
            continue;
        struct window_event event = settle(w, &w->places[i], first, last);
        if (event.step != WINDOW_STANDS)
            return event;
    }
    return add_missing(w, now, first, last);
}

struct window_event window_close(struct window *w)
{
    for (unsigned i = 0; i < w->top; i++) {
        struct window_address *a = &w->places[i];
        if (a->state != WINDOW_FREE)
            return take_away(w, a, a->flows > 0 ? WINDOW_GIVE_WAY : WINDOW_REMOVE);
    }
    return (struct window_event){.step = WINDOW_STANDS};
}

void window_failed(struct window *w, struct window_address *place, nsec_t now)
{
    /* A muted address that cannot be opened stays for its flows, out of reach of new ones. */
    if (place->flows > 0)
        place->dropped = true;
    else
        take_away(w, place, WINDOW_REMOVE);
    w->opened--;
    w->retry = now + WINDOW_RETRY;
}

bool window_crowded(struct window *w, struct window_address *place, nsec_t now)
{
    uint64_t epoch = place->epoch;

    window_failed(w, place, now);
    struct window_address *victim = who_gives_way(w, now);
    if (!victim || (victim->state == WINDOW_OPEN && epoch < window_epoch(&w->settings, now)))
        return false;
    victim->dropped = true;
    w->retry = 0;
    return true;
}

nsec_t window_deadline(const struct window *w, nsec_t now)
{
    const struct window_settings *s = &w->settings;
    nsec_t period = period_of(s);
    uint64_t first, last;

    window_span(s, now, &first, &last);
    nsec_t opens = (nsec_t)(last + 1) * period - s->before;
    nsec_t closes = (nsec_t)(first + 1) * period + s->after;
    nsec_t next = opens < closes ? opens : closes;
    return w->retry > now && w->retry < next ? w->retry : next;
}

/* ---- flows ---- */

struct window_address *window_find(struct window *w, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < w->top; i++)
        if (w->places[i].state != WINDOW_FREE && ipaddr_equal(&w->places[i].addr, addr))
            return &w->places[i];
    return NULL;
}

void window_flow_begins(struct window_address *place)
{
    place->flows++;
}

void window_flow_ends(struct window_address *place)
{
    place->flows--;
}
