/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See proxy_loop.h. A round: events, then deadlines, then turns that were asked for before the round began with them; so none
 * of the three can keep the others waiting. What died in it is freed at its end. */
#include "libotip/proxy_loop.h"

#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_PER_ROUND = 256 };

int loop_init(struct loop *l)
{
    memset(l, 0, sizeof(*l));
    l->last = &l->first;
    l->now = monotonic_now();
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    return l->epoll < 0 ? -errno : 0;
}

static void free_dead(struct loop *l)
{
    while (l->dead) {
        struct corpse *c = l->dead;
        l->dead = c->next;
        c->free(c);
    }
}

void loop_fini(struct loop *l)
{
    free_dead(l);
    heap_fini(&l->timers);
    if (l->epoll >= 0)
        close(l->epoll);
    l->epoll = -1;
}

int loop_watch(struct loop *l, int fd, uint32_t events, struct watch *w)
{
    struct epoll_event event = {.events = events, .data = {.ptr = w}};

    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void loop_unwatch(struct loop *l, int fd)
{
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int loop_set(struct loop *l, struct timer *t, nsec_t deadline)
{
    if (deadline != NSEC_NEVER)
        return heap_set(&l->timers, &t->node, deadline);
    heap_remove(&l->timers, &t->node);
    return 0;
}

void loop_hasten(struct loop *l, struct timer *t, nsec_t deadline)
{
    if (t->node.slot != 0 && deadline < t->node.deadline && heap_set(&l->timers, &t->node, deadline) < 0)
        return; /* one that is in can be moved */
}

void loop_turn(struct loop *l, struct turn *t)
{
    if (t->is_waiting)
        return;
    t->is_waiting = true;
    l->n_turns++;
    t->next = NULL;
    *l->last = t;
    l->last = &t->next;
}

void loop_forget_turn(struct loop *l, struct turn *t)
{
    if (!t->is_waiting)
        return;
    struct turn **at = &l->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (l->last == &t->next)
        l->last = at;
    t->is_waiting = false;
    l->n_turns--;
}

void loop_bury(struct loop *l, struct corpse *c)
{
    c->next = l->dead;
    l->dead = c;
}

static int patience(const struct loop *l)
{
    nsec_t deadline = heap_deadline(&l->timers);

    if (l->first)
        return 0;
    if (deadline == NSEC_NEVER)
        return -1;
    nsec_t wait = deadline - monotonic_now();
    if (wait <= 0)
        return 0;
    return wait > 3600 * NSEC_PER_SEC ? 3600 * 1000 : (int)((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

static void run_timers(struct loop *l)
{
    struct heap_node *node;

    while ((node = heap_first(&l->timers)) != NULL && node->deadline <= l->now) {
        heap_remove(&l->timers, node);
        struct timer *t = (struct timer *)((char *)node - offsetof(struct timer, node));
        t->fire(t);
    }
}

static void run_turns(struct loop *l)
{
    for (unsigned n = l->n_turns; n > 0 && l->first; n--) {
        struct turn *t = l->first;
        loop_forget_turn(l, t);
        t->run(t);
    }
}

void loop_round(struct loop *l)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    int n = epoll_wait(l->epoll, events, EVENTS_PER_ROUND, patience(l));

    l->now = monotonic_now();
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        w->ready(w, events[i].events);
    }
    run_timers(l);
    run_turns(l);
    free_dead(l);
}
