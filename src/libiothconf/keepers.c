/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keepers of a stack; see keepers.h.

   All sockets of a stack's keepers are in one epoll instance, and so is a timerfd that is set to the earliest of
   their deadlines: one descriptor tells all that there is to do. It is what the program's own loop gets.

   The lock is the right to run the keepers: a core belongs to one thread at a time. Whoever runs them does so without
   waiting: sockets do not block, netlink requests are answered at once by the stack itself. Nobody polls with the lock
   held, and it is given in turn.

   Among those who wait in keepers_wait(), and the thread of the library, one is the driver: it polls for all, others
   sleep on `moved` and look again whenever the keepers have run. When the driver leaves, it wakes them, and one takes
   its place. If the program's loop runs the keepers meanwhile, the driver is woken by `wake`.

   The end of the stack: keepers_hold() takes the lock, so that no socket is opened or closed while libioth compares
   their number with that of all open sockets of the stack; then keepers_free(), or keepers_resume(). A call that
   waits inside makes it -EBUSY, as an open socket would. */
#include "libiothconf/keepers.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    EVENTS = 16,
    KEEPERS_MAX = 64, /* interfaces of a stack that are configured by clients: each costs some descriptors */
};

struct keepers {
    struct ioth *stack;
    struct conf_state *state;
    pthread_mutex_t next; /* to get the lock */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* the keepers have run; of the monotonic clock */
    int epoll, timer, wake;
    struct keeper *all[KEEPERS_MAX];
    unsigned n;
    unsigned changes_before; /* of those that are no more */
    unsigned inside;         /* calls that wait */
    bool driven;             /* somebody polls */
    bool held;               /* the stack may be about to end */
    bool has_thread, stopping;
    pthread_t thread;
    uint8_t secret[CLIENTS_SECRET_LEN];
};

/* In turn: who comes back at once, as the driver does while a network floods it, waits behind whoever waits already. */
static void enter(struct keepers *ks)
{
    pthread_mutex_lock(&ks->next);
    pthread_mutex_lock(&ks->lock);
    pthread_mutex_unlock(&ks->next);
}

static void leave(struct keepers *ks)
{
    pthread_mutex_unlock(&ks->lock);
}

/* --- life --- */

static int watch(struct keepers *ks, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    return epoll_ctl(ks->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_descriptors(struct keepers *ks)
{
    ks->epoll = epoll_create1(EPOLL_CLOEXEC);
    ks->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    ks->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ks->epoll < 0 || ks->timer < 0 || ks->wake < 0 || watch(ks, ks->timer) < 0)
        return -errno;
    return getrandom(ks->secret, sizeof(ks->secret), 0) == sizeof(ks->secret) ? 0 : -EIO;
}

static void close_descriptor(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void init_lock(struct keepers *ks)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&ks->next, NULL);
    pthread_mutex_init(&ks->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ks->moved, &attr);
    pthread_condattr_destroy(&attr);
}

int keepers_new(struct ioth *stack, struct conf_state *state, struct keepers **ret)
{
    struct keepers *ks = calloc(1, sizeof(*ks));
    int rc;

    if (ks == NULL)
        return -ENOMEM;
    ks->stack = stack;
    ks->state = state;
    ks->epoll = ks->timer = ks->wake = -1;
    init_lock(ks);
    rc = open_descriptors(ks);
    if (rc < 0)
        keepers_free(ks);
    else
        *ret = ks;
    return rc;
}

/* Called with the lock held, which it lets go. */
static void end_thread(struct keepers *ks)
{
    ks->stopping = true;
    (void)eventfd_write(ks->wake, 1);
    pthread_cond_broadcast(&ks->moved);
    leave(ks);
    pthread_join(ks->thread, NULL);
}

void keepers_free(struct keepers *ks)
{
    if (ks == NULL)
        return;
    if (!ks->held)
        enter(ks);
    if (ks->has_thread)
        end_thread(ks);
    else
        leave(ks);
    for (unsigned i = 0; i < ks->n; i++)
        keeper_free(ks->all[i]);
    close_descriptor(ks->epoll);
    close_descriptor(ks->timer);
    close_descriptor(ks->wake);
    pthread_cond_destroy(&ks->moved);
    pthread_mutex_destroy(&ks->lock);
    pthread_mutex_destroy(&ks->next);
    free(ks);
}

int keepers_hold(struct keepers *ks)
{
    int sockets = 0;

    if (ks == NULL)
        return 0;
    enter(ks);
    if (ks->inside > 0) {
        leave(ks);
        return -EBUSY;
    }
    ks->held = true;
    for (unsigned i = 0; i < ks->n; i++)
        sockets += keeper_sockets(ks->all[i]);
    return sockets;
}

void keepers_resume(struct keepers *ks)
{
    if (ks == NULL)
        return;
    ks->held = false;
    leave(ks);
}

/* --- running them, with the lock held --- */

static nsec_t deadline_of_all(const struct keepers *ks)
{
    nsec_t deadline = NSEC_NEVER;

    for (unsigned i = 0; i < ks->n; i++)
        if (keeper_deadline(ks->all[i]) < deadline)
            deadline = keeper_deadline(ks->all[i]);
    return deadline;
}

static unsigned changes_of_all(const struct keepers *ks)
{
    unsigned changes = ks->changes_before;

    for (unsigned i = 0; i < ks->n; i++)
        changes += keeper_changes(ks->all[i]);
    return changes;
}

/* An old deadline becomes the first nanosecond: 0 would stop the clock. */
static void set_timer(struct keepers *ks)
{
    nsec_t deadline = deadline_of_all(ks);
    struct itimerspec when = {.it_value = timespec_of(deadline == NSEC_NEVER ? 0
                                                      : deadline > 0         ? deadline
                                                                             : 1)};

    timerfd_settime(ks->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* What they do changes what others wait for. */
static void announce(struct keepers *ks)
{
    set_timer(ks);
    pthread_cond_broadcast(&ks->moved);
    if (ks->driven)
        (void)eventfd_write(ks->wake, 1);
}

static void clear(int fd)
{
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
}

static void run(struct keepers *ks)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(ks->epoll, events, EVENTS, 0);
    nsec_t now = monotonic_now();

    for (int i = 0; i < n; i++) {
        struct keeper_event *event = events[i].data.ptr;

        if (event == NULL)
            clear(ks->timer);
        else
            keeper_readable(event->keeper, event->kind, now);
    }
    for (unsigned i = 0; i < ks->n; i++)
        keeper_turn(ks->all[i], now);
    set_timer(ks);
    pthread_cond_broadcast(&ks->moved);
}

/* --- the driver --- */

/* Polls until there is something to do, or `until`, and does it. The lock is let go meanwhile. */
static void drive(struct keepers *ks, nsec_t until)
{
    struct pollfd fds[] = {{.fd = ks->epoll, .events = POLLIN}, {.fd = ks->wake, .events = POLLIN}};
    nsec_t left = until - monotonic_now();
    struct timespec timeout = timespec_of(left > 0 ? left : 0);

    ks->driven = true;
    leave(ks);
    (void)ppoll(fds, ARRAY_LEN(fds), until == NSEC_NEVER ? NULL : &timeout, NULL);
    enter(ks);
    ks->driven = false;
    clear(ks->wake);
    if (!ks->stopping) /* else the stack may be going */
        run(ks);
}

/* Lets others run the keepers, or runs them, until something may have changed, or `until`. */
static void wait_a_step(struct keepers *ks, nsec_t until)
{
    struct timespec at = timespec_of(until);

    if (!ks->driven)
        drive(ks, until);
    else if (until == NSEC_NEVER)
        pthread_cond_wait(&ks->moved, &ks->lock);
    else
        pthread_cond_timedwait(&ks->moved, &ks->lock, &at);
}

static struct keeper *find(struct keepers *ks, unsigned ifindex)
{
    for (unsigned i = 0; i < ks->n; i++)
        if (keeper_ifindex(ks->all[i]) == ifindex)
            return ks->all[i];
    return NULL;
}

/* Of the sources, the bits of those that stand in *ret_stand. Returns whether the others are worth waiting for, or
 * negative errno. */
static int look(const struct keeper *k, unsigned sources, int *ret_stand)
{
    int waits = 0;

    *ret_stand = 0;
    for (enum conf_source source = CONF_STATIC; k != NULL && source < CONF_SOURCES; source++) {
        int result = (sources & 1u << source) == 0 ? KEEPER_UNUSED : keeper_result(k, source);

        if (result < 0)
            return result;
        if (result == KEEPER_STANDS)
            *ret_stand |= 1 << source;
        waits |= result == KEEPER_WAITS;
    }
    return waits;
}

int keepers_wait(struct keepers *ks, unsigned ifindex, unsigned sources, unsigned timeout_s)
{
    nsec_t until = monotonic_now() + timeout_s * NSEC_PER_SEC;
    int stand = 0, rc;

    enter(ks);
    ks->inside++;
    while ((rc = look(find(ks, ifindex), sources, &stand)) > 0 && monotonic_now() < until)
        wait_a_step(ks, until);
    ks->inside--;
    pthread_cond_broadcast(&ks->moved); /* somebody else has to poll now */
    leave(ks);
    return rc < 0 ? rc : stand;
}

/* --- begin and end of clients --- */

/* Ends those that keep nothing, perhaps since their interface is gone. */
static void forget_idle(struct keepers *ks)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ks->n; i++) {
        if (keeper_clients(ks->all[i]) > 0) {
            ks->all[n++] = ks->all[i];
            continue;
        }
        ks->changes_before += keeper_changes(ks->all[i]);
        keeper_free(ks->all[i]);
    }
    ks->n = n;
}

static int make(struct keepers *ks, unsigned ifindex, struct keeper **ret)
{
    int rc;

    *ret = find(ks, ifindex);
    if (*ret != NULL)
        return 0;
    if (ks->n == KEEPERS_MAX)
        forget_idle(ks);
    if (ks->n == KEEPERS_MAX)
        return -ENOSPC;
    rc = keeper_new(ks->stack, ks->state, ifindex, ks->epoll, monotonic_now(), ret);
    if (rc == 0)
        ks->all[ks->n++] = *ret;
    return rc;
}

int keepers_begin(struct keepers *ks, unsigned ifindex, enum conf_source source,
                  const struct keeper_wish *wish)
{
    struct keeper_wish whole = *wish;
    struct keeper *k = NULL;
    int rc;

    enter(ks);
    whole.secret = ks->secret;
    rc = make(ks, ifindex, &k);
    if (rc == 0)
        rc = keeper_begin(k, source, &whole, monotonic_now());
    announce(ks);
    leave(ks);
    return rc;
}

void keepers_end(struct keepers *ks, unsigned ifindex, enum conf_source source)
{
    struct keeper *k;

    enter(ks);
    k = find(ks, ifindex);
    if (k != NULL)
        keeper_end(k, source, monotonic_now());
    announce(ks);
    leave(ks);
}

void keepers_look(struct keepers *ks, unsigned ifindex)
{
    struct keeper *k;

    enter(ks);
    k = find(ks, ifindex);
    if (k != NULL)
        keeper_look(k, monotonic_now());
    announce(ks);
    leave(ks);
}

/* --- the thread --- */

static void *thread_main(void *arg)
{
    struct keepers *ks = arg;

    enter(ks);
    while (!ks->stopping)
        wait_a_step(ks, NSEC_NEVER);
    pthread_cond_broadcast(&ks->moved);
    leave(ks);
    return NULL;
}

static int create_thread(struct keepers *ks)
{
    int error = thread_start(&ks->thread, thread_main, ks);

    if (error < 0)
        return error;
    pthread_setname_np(ks->thread, "ioth-conf");
    return 0;
}

int keepers_start(struct keepers *ks)
{
    int rc = 0;

    enter(ks);
    if (!ks->has_thread && !ks->stopping) {
        rc = create_thread(ks);
        ks->has_thread = rc == 0;
    }
    leave(ks);
    return rc;
}

void keepers_stop(struct keepers *ks)
{
    enter(ks);
    if (ks->has_thread && !ks->stopping) {
        end_thread(ks);
        enter(ks);
        ks->has_thread = ks->stopping = false;
    }
    leave(ks);
}

/* --- the program's own loop --- */

int keepers_fd(struct keepers *ks)
{
    return ks->epoll;
}

int keepers_timeout_ms(struct keepers *ks)
{
    nsec_t deadline, left;

    enter(ks);
    deadline = deadline_of_all(ks);
    leave(ks);
    if (deadline == NSEC_NEVER)
        return -1;
    left = deadline - monotonic_now();
    left = left > 0 ? (left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC : 0;
    return left < INT32_MAX ? (int)left : INT32_MAX;
}

int keepers_dispatch(struct keepers *ks)
{
    unsigned before, after;

    enter(ks);
    before = changes_of_all(ks);
    run(ks);
    after = changes_of_all(ks);
    if (ks->driven)
        (void)eventfd_write(ks->wake, 1);
    leave(ks);
    return before != after;
}

unsigned keepers_changes(struct keepers *ks)
{
    unsigned changes;

    enter(ks);
    changes = changes_of_all(ks);
    leave(ks);
    return changes;
}

int keepers_clients(struct keepers *ks)
{
    int n = 0;

    enter(ks);
    for (unsigned i = 0; i < ks->n; i++)
        n += keeper_clients(ks->all[i]);
    leave(ks);
    return n;
}
