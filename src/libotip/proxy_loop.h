/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_LOOP_H
#define LIBOTIP_PROXY_LOOP_H
/*
 * The loop of the proxy: descriptors, deadlines, and what wants another turn.
 *
 * epoll by hand and not libuv: descriptors of flows are registered once, for edges, and never touched again, so a byte that is
 * moved costs no call but those that move it; libuv's level-triggered uv_poll would have epoll_ctl called each time that a
 * direction is blocked.
 */
#include "base/heap.h"

#include <stdbool.h>
#include <sys/epoll.h>

/* What waits for a descriptor; embedded. */
struct watch {
    void (*ready)(struct watch *w, uint32_t events); /* EPOLL bits */
};

/* What waits for a time; embedded. `node` is zero at first. */
struct timer {
    struct heap_node node;
    void (*fire)(struct timer *t);
};

/* What has more to do than one turn may take; embedded. */
struct turn {
    struct turn *next;
    bool is_waiting;
    void (*run)(struct turn *t);
};

/* What is to be freed when no event of this round can point at it any more; embedded. */
struct corpse {
    struct corpse *next;
    void (*free)(struct corpse *c);
};

struct loop {
    int epoll;
    nsec_t now; /* monotonic, of this round */
    struct heap timers;
    struct turn *first, **last;
    unsigned n_turns;
    struct corpse *dead;
};

MUST_CHECK int loop_init(struct loop *l);
void loop_fini(struct loop *l);
/* events: EPOLL bits, with or without EPOLLET. 0 or negative errno. The descriptor's close takes it out. */
MUST_CHECK int loop_watch(struct loop *l, int fd, uint32_t events, struct watch *w);
void loop_unwatch(struct loop *l, int fd);
/* deadline: NSEC_NEVER takes it out. 0 or -ENOMEM. */
MUST_CHECK int loop_set(struct loop *l, struct timer *t, nsec_t deadline);
/* Not later than that, for one that waits already: cannot fail. */
void loop_hasten(struct loop *l, struct timer *t, nsec_t deadline);
void loop_turn(struct loop *l, struct turn *t);
void loop_forget_turn(struct loop *l, struct turn *t);
void loop_bury(struct loop *l, struct corpse *c);
/* One round: waits, runs what is ready, what is due, and what wants another turn. */
void loop_round(struct loop *l);

#endif
