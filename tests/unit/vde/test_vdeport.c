/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports on hubs: frames, networks that go away and come back, switches that take connections and never answer. */
#include "base/clock.h"
#include "vde/opening.h"
#include "vde/vdeport.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/holdings.h"
#include "lab/hub.h"

#define DEADLINE (20 * NSEC_PER_SEC)

static char folder[] = "/tmp/vde-unit-XXXXXX";
static struct hub hub;

/* --- what fails on demand --- */

static int fails_at = -1; /* counts down; 0: the next one fails */

static bool fails(void)
{
    return fails_at >= 0 && fails_at-- == 0;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    return fails() ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

/* --- hubs, and what is none --- */

static void remove_hub(const struct hub *h)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", h->path);
    assert_int_equal(system(command), 0);
}

static void start_hub(struct hub *h, const char *name)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(hub_start(h, path), 0);
}

static void end_hub(struct hub *h)
{
    hub_kill(h);
    remove_hub(h);
}

/* A switch that listens where `h` would, and does nothing: its socket. */
static int start_silent_switch(struct hub *h, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(h->path, sizeof(h->path), "%s/%s", folder, name);
    snprintf(h->vnl, sizeof(h->vnl), "vde://%s", h->path);
    snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/ctl", h->path);
    assert_int_equal(mkdir(h->path, 0700), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void let_pass(void)
{
    poll(NULL, 0, 2);
}

/* Reconnects as a loop does; false: not within the deadline. */
static bool comes_back(struct vdeport *p)
{
    for (nsec_t end = monotonic_now() + DEADLINE; monotonic_now() < end; let_pass())
        if (vdeport_reconnect(p, monotonic_now()))
            return true;
    return false;
}

/* Waits for a frame or the end of the network. */
static int next(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM])
{
    struct pollfd at[VDEPORT_FDS_MAX];
    int fds[VDEPORT_FDS_MAX], len;

    while ((len = vdeport_next(p, frame)) == -EAGAIN) {
        unsigned n = vdeport_fds(p, fds);
        for (unsigned i = 0; i < n; i++)
            at[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        assert_true(poll(at, n, (int)(DEADLINE / NSEC_PER_MSEC)) > 0);
    }
    return len;
}

/* A hub that has just begun may lose a frame: it is sent until it comes. */
static void exchange(struct vdeport *from, struct vdeport *to)
{
    static uint8_t sent[600] = "a frame", got[VDEPORT_FRAME_ROOM];
    struct pollfd at = {.fd = to->data, .events = POLLIN};

    do
        assert_int_equal(vdeport_send(from, sent, sizeof(sent)), 0);
    while (poll(&at, 1, 500) == 0);
    assert_int_equal(next(to, got), sizeof(sent));
    assert_memory_equal(got, sent, sizeof(sent));
    while (vdeport_next(to, got) > 0)
        ;
}

/* --- a network that answers --- */

static void frames_and_the_end_of_a_hub(void **state)
{
    uint8_t frame[VDEPORT_FRAME_ROOM] = {0};
    struct holdings before = holdings_now(), now;
    struct vdeport one = {0}, other = {0};
    struct hub mortal;
    int fds[VDEPORT_FDS_MAX];

    (void)state;
    start_hub(&mortal, "mortal");
    assert_int_equal(vdeport_open(&one, mortal.vnl, "one"), 0);
    assert_int_equal(vdeport_open(&other, mortal.vnl, "other"), 0);
    assert_int_equal(vdeport_next(&one, frame), -EAGAIN);
    assert_int_equal(vdeport_look(&one), -EAGAIN);
    assert_true(vdeport_deadline(&one) == NSEC_NEVER);
    assert_int_equal(vdeport_fds(&one, fds), 2);
    assert_false(vdeport_reconnect(&one, NSEC_NEVER - 1));
    exchange(&one, &other);
    exchange(&other, &one);

    end_hub(&mortal);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next(&one, frame), -ENETDOWN);
        assert_int_equal(next(&other, frame), -ENETDOWN);
        assert_int_equal(vdeport_fds(&one, fds), 0);
        assert_int_equal(vdeport_next(&one, frame), -EAGAIN);
        assert_int_equal(vdeport_send(&one, frame, 60), -ENETDOWN);
        start_hub(&mortal, "mortal");
        assert_true(comes_back(&one) && comes_back(&other));
        exchange(&one, &other);
        end_hub(&mortal);
    }
    vdeport_close(&one);
    vdeport_close(&one);
    vdeport_close(&other);
    assert_true(holdings_are_back(&before, &now));
}

/* Nobody is there, and nothing of it stays; memory and threads end where they like. */
static void ports_that_do_not_open(void **state)
{
    struct holdings before = holdings_now(), now;
    struct vdeport p = {0};

    (void)state;
    assert_int_equal(vdeport_open(&p, "vde:///nowhere/at/all", "p"), -ENOENT);
    assert_true(vdeport_open(&p, "nosuchkind://", "p") < 0);
    static const int errors[] = {-ENOMEM, -EAGAIN, -ENOMEM, 0};
    for (int i = 0; i < 4; i++) {
        fails_at = i; /* what is shared by the two threads, the thread, the copy of the locator */
        assert_int_equal(vdeport_open(&p, hub.vnl, "p"), errors[i]);
        fails_at = -1;
    }
    vdeport_lose(&p);
    fails_at = 0;
    assert_false(vdeport_reconnect(&p, 1000));
    fails_at = -1;
    assert_true(vdeport_deadline(&p) == 1000 + NSEC_PER_SEC);
    vdeport_close(&p);
    assert_true(holdings_are_back(&before, &now));
}

/* Attempts are a second apart, from beginning to beginning, also those that succeed. */
static void attempts_are_a_second_apart(void **state)
{
    struct vdeport p = {0};
    nsec_t now = NSEC_PER_SEC * 1000;

    (void)state;
    assert_int_equal(vdeport_open(&p, hub.vnl, "p"), 0);
    for (int i = 0; i < 3; i++) {
        vdeport_lose(&p);
        for (nsec_t end = monotonic_now() + DEADLINE; !p.is_connected && monotonic_now() < end; let_pass())
            if (vdeport_reconnect(&p, now) == false)
                now = vdeport_deadline(&p);
        assert_true(p.is_connected);
        vdeport_lose(&p);
        assert_true(vdeport_deadline(&p) == p.tried_at + NSEC_PER_SEC);
        assert_false(vdeport_reconnect(&p, p.tried_at + NSEC_PER_SEC - 1));
        assert_null(p.opening);
    }
    vdeport_close(&p);
}

/* --- a network that does not --- */

static void a_silent_switch_ends_the_patience(void **state)
{
    struct holdings before = holdings_now(), now;
    struct vdeport p = {0};
    struct hub silent;
    struct opening *other;
    VDECONN *conn;
    int fd = start_silent_switch(&silent, "silent");
    nsec_t begin = monotonic_now();

    (void)state;
    assert_int_equal(opening_begin(silent.vnl, "other", &other), 0);
    assert_int_equal(vdeport_open(&p, silent.vnl, "p"), -ETIMEDOUT);
    assert_true(monotonic_now() - begin >= VDEPORT_PATIENCE);
    assert_string_equal(vdeport_strerror(-ETIMEDOUT), "no answer within 5 s");
    assert_string_equal(vdeport_strerror(-ENOENT),
                        "it is not there: does its hub or switch run, and is this its path?");
    assert_string_equal(vdeport_strerror(-ECONNREFUSED), "nobody serves it: does its hub or switch run?");
    assert_non_null(strstr(vdeport_strerror(-EACCES), "it is not open for this user"));
    assert_non_null(strstr(vdeport_strerror(-ENOTDIR), "no folder, expected "));
    assert_non_null(strstr(vdeport_strerror(-EPROTONOSUPPORT), "expected one such as vde:///"));
    assert_string_equal(vdeport_strerror(-EMFILE), strerror(EMFILE));
    assert_int_equal(vdeport_open(&p, hub.vnl, "p"), 0); /* others are not kept out */
    vdeport_close(&p);
    assert_int_equal(opening_take(other, 0, &conn), -EINPROGRESS);
    opening_abandon(other);

    close(fd);
    remove_hub(&silent);
    assert_true(holdings_are_back(&before, &now));
}

/* A hub that stands still takes connections: nobody waits for it, one attempt goes on, and ends when it goes on. */
static void a_hub_that_stands_still(void **state)
{
    struct vdeport one = {0}, other = {0}, third = {0};
    struct hub frozen;

    (void)state;
    start_hub(&frozen, "frozen");
    struct holdings before = holdings_now(), now;
    assert_int_equal(vdeport_open(&one, frozen.vnl, "one"), 0);
    assert_int_equal(vdeport_open(&other, frozen.vnl, "other"), 0);
    assert_int_equal(vdeport_open(&third, frozen.vnl, "third"), 0);
    struct holdings connected = holdings_now();
    assert_int_equal(kill(frozen.pid, SIGSTOP), 0);
    vdeport_lose(&one);
    vdeport_lose(&other);
    for (nsec_t at = monotonic_now(); at < monotonic_now() + 4 * NSEC_PER_SEC; at += NSEC_PER_SEC / 4) {
        assert_false(vdeport_reconnect(&one, at));
        assert_false(vdeport_reconnect(&other, at));
        assert_true(vdeport_deadline(&one) > at && vdeport_deadline(&one) <= at + NSEC_PER_SEC);
    }
    assert_int_equal(holdings_now().threads, connected.threads + 2);
    vdeport_close(&other); /* with an attempt under way */
    assert_int_equal(kill(frozen.pid, SIGCONT), 0);
    one.retry_at = 0; /* it was told of times to come */
    assert_true(comes_back(&one));
    exchange(&one, &third);
    vdeport_close(&one);
    vdeport_close(&third);
    assert_true(holdings_are_back(&before, &now));
    end_hub(&frozen);
}

/* Whether a port is closed at once while another is being opened at a switch that does not answer. */
static bool closes_at_once(struct vdeport *p, const struct hub *silent, int listener)
{
    struct opening *slow;
    VDECONN *none;

    assert_int_equal(opening_begin(silent->vnl, "slow", &slow), 0);
    int taken = accept(listener, NULL, NULL); /* it is at it now */
    assert_true(taken >= 0);
    nsec_t begin = monotonic_now();
    vdeport_close(p);
    bool at_once = monotonic_now() - begin < NSEC_PER_SEC / 2;
    close(taken);
    assert_true(opening_take(slow, monotonic_now() + DEADLINE, &none) < 0);
    return at_once;
}

/* A loop that closes goes on. On a busy machine not each time. */
static void who_closes_does_not_wait(void **state)
{
    struct holdings before = holdings_now(), now;
    struct vdeport ports[8] = {0};
    struct hub silent;
    int fd = start_silent_switch(&silent, "silent");
    bool at_once = false;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        assert_int_equal(vdeport_open(&ports[i], hub.vnl, "p"), 0);
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (at_once)
            vdeport_close(&ports[i]);
        else
            at_once = closes_at_once(&ports[i], &silent, fd);
    assert_true(at_once);
    close(fd);
    remove_hub(&silent);
    assert_true(holdings_are_back(&before, &now));
}

static int set_up(void **state)
{
    (void)state;
    start_hub(&hub, "hub");
    struct vdeport p; /* what the C library and libvdeplug keep from their first use on */
    assert_int_equal(vdeport_open(&p, hub.vnl, "p"), 0);
    vdeport_close(&p);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end_hub(&hub);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_and_the_end_of_a_hub), cmocka_unit_test(ports_that_do_not_open),
        cmocka_unit_test(attempts_are_a_second_apart), cmocka_unit_test(a_silent_switch_ends_the_patience),
        cmocka_unit_test(a_hub_that_stands_still),     cmocka_unit_test(who_closes_does_not_wait),
    };
    if (system("command -v vde_plug >/dev/null") != 0) {
        printf("skipped: vde_plug is not installed\n");
        return 77;
    }
    if (!mkdtemp(folder))
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
