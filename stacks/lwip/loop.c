/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread for all stacks of the process, asleep in epoll_wait while no frame comes and no timer is due.
 *
 * The thread holds loop.lock while it works on what epoll_wait reported, and takes a stack's lock inside it;
 * never the other way round. Who removes a descriptor or a stack counts up `removals`: a report that was
 * fetched before is thrown away then, since its pointers may be stale; epoll reports again what still holds.
 * Wires end only within the thread or in loop_leave, both of which hold loop.lock.
 *
 * Timers: each stack says when it is next due (lwIP's own timers, the neighbours' probes, lost networks). The
 * thread sleeps until the first of them.
 */
#include "lwip/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "lwip/neigh.h"
#include "lwip/stack.h"
#include "lwip/trial.h"
#include "lwip/wire.h"

enum {
    EVENTS = 64,
    NEVER_MS = 60000 /* the longest sleep */
};

static struct {
    pthread_mutex_t life; /* of the thread: taken by loop_enter and loop_leave */
    pthread_mutex_t lock; /* of the list, and of the work on it */
    struct stack *stacks;
    int epoll, wake;
    bool stop;
    unsigned users, removals;
    pthread_t thread;
} loop = {.life = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .epoll = -1, .wake = -1};

int loop_watch(int fd, uint32_t events, void *watched)
{
    struct epoll_event event = {.events = events, .data.ptr = watched};

    if (epoll_ctl(loop.epoll, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void loop_unwatch(int fd)
{
    loop.removals++;
    epoll_ctl(loop.epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- the thread ---- */

struct frames {
    void *watched;
    uint32_t events;
};

static ssize_t take_frames(void *arg)
{
    const struct frames *frames = arg;

    wire_event(frames->watched, frames->events);
    return 0;
}

static void handle(const struct epoll_event *event)
{
    struct frames frames = {event->data.ptr, event->events};
    struct stack *stack = wire_stack(event->data.ptr);

    stack_lock(stack);
    if (stack_run(stack, take_frames, &frames) < 0)
        wire_abandon_all(stack);
    stack_unlock(stack);
}

/* Runs what is due and says when to come back. */
static ssize_t run_timers(void *arg)
{
    struct stack *stack = arg;
    uint64_t now = stack_now_ms(), due;
    uint32_t sleep;

    stack->lw.sys_check_timeouts();
    trial_settle(stack);
    sleep = stack->lw.sys_timeouts_sleeptime();
    due = now + (sleep < NEVER_MS ? sleep : NEVER_MS);
    now = neigh_tick(stack, now);
    stack->due_ms = now < due ? now : due;
    return 0;
}

static void run_stack(struct stack *stack, uint64_t now)
{
    stack_lock(stack);
    if (now >= stack->due_ms && stack_run(stack, run_timers, stack) < 0) {
        stack->due_ms = UINT64_MAX;
        wire_abandon_all(stack);
    }
    if (now >= stack->wires_due_ms)
        stack->wires_due_ms = stack->dead ? UINT64_MAX : wire_tend_all(stack);
    stack_unlock(stack);
}

/* Runs the timers of all stacks; returns how long to sleep, in ms. */
static int run_all_timers(void)
{
    uint64_t now = stack_now_ms(), first = now + NEVER_MS;
    struct stack *stack;

    for (stack = loop.stacks; stack != NULL; stack = stack->next) {
        if (now >= stack->due_ms || now >= stack->wires_due_ms)
            run_stack(stack, now);
        if (stack->due_ms < first)
            first = stack->due_ms;
        if (stack->wires_due_ms < first)
            first = stack->wires_due_ms;
    }
    now = stack_now_ms();
    return first > now ? (int)(first - now) : 0;
}

static void *loop_main(void *arg)
{
    struct epoll_event events[EVENTS];
    unsigned removals;
    int i, n, timeout;

    (void)arg;
    pthread_mutex_lock(&loop.lock);
    while (!loop.stop) {
        timeout = run_all_timers();
        removals = loop.removals;
        pthread_mutex_unlock(&loop.lock);
        n = epoll_wait(loop.epoll, events, EVENTS, timeout);
        pthread_mutex_lock(&loop.lock);
        for (i = 0; i < n && removals == loop.removals; i++)
            if (events[i].data.ptr != NULL)
                handle(&events[i]);
    }
    pthread_mutex_unlock(&loop.lock);
    return NULL;
}

/* ---- its life ---- */

static void close_descriptors(void)
{
    close(loop.epoll);
    close(loop.wake);
    loop.epoll = loop.wake = -1;
}

static int start(void)
{
    int error;

    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll < 0)
        return -errno;
    loop.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    error = loop.wake < 0 ? -errno : loop_watch(loop.wake, EPOLLIN | EPOLLET, NULL);
    loop.stop = false;
    if (error == 0)
        error = thread_start(&loop.thread, loop_main, NULL);
    if (error < 0)
        close_descriptors();
    return error;
}

static void wake(void)
{
    const uint64_t one = 1;

    if (write(loop.wake, &one, sizeof(one)) < 0)
        return; /* it is full of wake-ups already */
}

void loop_tend(struct stack *stack)
{
    stack->wires_due_ms = 0;
    wake();
}

int loop_enter(struct stack *stack)
{
    int error = 0;

    stack->due_ms = 0;
    stack->wires_due_ms = 0;
    pthread_mutex_lock(&loop.life);
    if (loop.users == 0)
        error = start();
    if (error == 0) {
        loop.users++;
        pthread_mutex_lock(&loop.lock);
        stack->next = loop.stacks;
        loop.stacks = stack;
        wake();
        pthread_mutex_unlock(&loop.lock);
    }
    pthread_mutex_unlock(&loop.life);
    return error;
}

void loop_leave(struct stack *stack, void (*end)(struct stack *stack))
{
    struct stack **at;

    pthread_mutex_lock(&loop.life);
    pthread_mutex_lock(&loop.lock);
    for (at = &loop.stacks; *at != stack; at = &(*at)->next)
        ;
    *at = stack->next;
    end(stack);
    loop.stop = --loop.users == 0;
    pthread_mutex_unlock(&loop.lock);
    if (loop.stop) {
        wake();
        pthread_join(loop.thread, NULL);
        close_descriptors();
    }
    pthread_mutex_unlock(&loop.life);
}
