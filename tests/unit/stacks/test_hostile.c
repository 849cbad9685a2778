/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mutated frames over the network into the stack of the kernel (by a tap in a namespace of its own), of vdestack and of
 * lwip (by a hub): FRAMES in the environment says how many for each, else FRAMES_DEFAULT; STACKS which, else all.
 *
 * Each BEAT frames are followed by a ping, whose reply says that they have arrived and that the stack lives; each
 * PROBE_BEATS of those by all probes, with a datagram to an echo server on the stack. Whatever the frames did to its
 * tables, a probe that is repeated is answered within the deadline. What the process holds does not grow.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/if_ether.h>

#include "lab.h"
#include "lab/frames.h"
#include "lab/holdings.h"
#include "wire.h"

enum {
    FRAMES_DEFAULT = 20000,
    BEAT = 32,
    PROBE_BEATS = 256,
    AGAIN_MS = 20,        /* a probe that is not answered is sent again */
    ATTEMPTS = 1500,      /* half a minute */
    SETTLED = 500000,     /* frames after which tables are as full as they get */
    GROWTH_MAX = 1 << 20, /* what their fill may differ by */
};

/* ---- the stack under test ---- */

enum { ECHO, NAMES, LISTENER, ICMP, ICMP6, PACKET, SERVED };

struct subject {
    struct ioth *stack;
    int fds[SERVED];
    pthread_t thread;
    atomic_bool stop;
    atomic_uint connections;
};

static int open_any(struct ioth *stack, int domain, int kind, int protocol, unsigned short port)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = ioth_msocket(stack, domain, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        fail_msg("socket(%d, %d, %d): %s", domain, kind, protocol, strerror(errno));
    if (port != 0)
        assert_int_equal(ioth_bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    if (kind == SOCK_STREAM)
        assert_int_equal(ioth_listen(fd, 5), 0);
    return fd;
}

/* Receives all that is there; a datagram to the echo goes back. */
static void drain(int fd, bool is_echo)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    char bytes[2048];
    ssize_t got;

    while ((got = ioth_recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len)) > 0 ||
           (got == 0 && is_echo)) {
        if (is_echo)
            ioth_sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, len);
        len = sizeof(from);
    }
}

static void accept_all(struct subject *subject)
{
    int fd;

    while ((fd = ioth_accept4(subject->fds[LISTENER], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        atomic_fetch_add(&subject->connections, 1);
        drain(fd, false);
        ioth_close(fd);
    }
}

static void *serve(void *arg)
{
    struct subject *subject = arg;
    struct pollfd fds[SERVED];
    int i;

    for (i = 0; i < SERVED; i++)
        fds[i] = (struct pollfd){.fd = subject->fds[i], .events = POLLIN};
    while (!atomic_load(&subject->stop)) {
        if (poll(fds, SERVED, 100) <= 0)
            continue;
        for (i = 0; i < SERVED; i++)
            if (fds[i].revents != 0 && i != LISTENER)
                drain(fds[i].fd, i == ECHO);
        if (fds[LISTENER].revents != 0)
            accept_all(subject);
    }
    return NULL;
}

static void subject_start(struct subject *subject, struct ioth *stack)
{
    unsigned char mac[6] = FRAMES_OWN_MAC;
    int ifindex = ioth_if_nametoindex(stack, "vde0");

    *subject = (struct subject){.stack = stack};
    assert_true(ifindex > 0);
    assert_int_equal(ioth_linksetaddr(stack, (unsigned)ifindex, mac), 0);
    lab_configure(stack, "vde0", "10.0.0.1");
    lab_configure(stack, "vde0", "fc00::1");
    subject->fds[ECHO] = open_any(stack, AF_INET6, SOCK_DGRAM, 0, 7);
    subject->fds[NAMES] = open_any(stack, AF_INET6, SOCK_DGRAM, 0, 53);
    subject->fds[LISTENER] = open_any(stack, AF_INET6, SOCK_STREAM, 0, 80);
    subject->fds[ICMP] = open_any(stack, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0);
    subject->fds[ICMP6] = open_any(stack, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0);
    subject->fds[PACKET] = open_any(stack, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL), 0);
    assert_int_equal(pthread_create(&subject->thread, NULL, serve, subject), 0);
}

static void subject_stop(struct subject *subject)
{
    int i;

    atomic_store(&subject->stop, true);
    assert_int_equal(pthread_join(subject->thread, NULL), 0);
    for (i = 0; i < SERVED; i++)
        assert_int_equal(ioth_close(subject->fds[i]), 0);
    assert_int_equal(ioth_delstack(subject->stack), 0);
}

/* ---- the attack ---- */

struct attack {
    struct wire *wire;
    struct chance random;
    struct frame_peer peer;
    uint16_t number; /* of the last probe */
    int socket;      /* one of the subject's, to be asked how it is */
    long long frames;
};

/* Takes one frame of the subject, answers what a neighbour answers. */
static bool take_frame(struct attack *attack, enum frame_probe awaited, int wait_ms, bool *ret_is_reply)
{
    uint8_t frame[FRAME_BYTES], answer[FRAME_BYTES];
    ssize_t got = wire_recv(attack->wire, frame, sizeof(frame), wait_ms);
    size_t len;

    if (got < 0)
        return false;
    frame_peer_hear(&attack->peer, frame, (size_t)got);
    len = frame_answer(frame, (size_t)got, answer);
    if (len > 0)
        wire_send(attack->wire, answer, len);
    *ret_is_reply = frame_is_reply(awaited, attack->number, frame, (size_t)got);
    return true;
}

static void probe(struct attack *attack, enum frame_probe kind)
{
    uint8_t frame[FRAME_BYTES];
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    bool is_reply = false;
    int attempt;

    attack->number++;
    for (attempt = 0; attempt < ATTEMPTS; attempt++) {
        wire_send(attack->wire, frame, frame_probe(kind, attack->number, frame));
        while (take_frame(attack, kind, AGAIN_MS, &is_reply))
            if (is_reply)
                return;
    }
    if (ioth_getsockname(attack->socket, (struct sockaddr *)&name, &len) < 0)
        print_message("the stack says: %s\n", strerror(errno));
    fail_msg("after %lld frames probe %d is not answered", attack->frames, (int)kind);
}

static void beat(struct attack *attack)
{
    uint8_t frame[FRAME_BYTES];
    size_t len;
    int i;

    for (i = 0; i < BEAT; i++) {
        len = frame_make(&attack->random, &attack->peer, frame);
        wire_send(attack->wire, frame, len);
    }
    attack->frames += BEAT;
    probe(attack, FRAME_PING4);
    while ((len = frame_peer_reset(&attack->peer, frame)) > 0)
        wire_send(attack->wire, frame, len);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void attack_stack(const char *name, struct ioth *stack, struct wire *wire)
{
    struct attack attack = {.wire = wire};
    struct subject subject;
    struct holdings settled = {0}, now;
    long long total = lab_number("FRAMES", FRAMES_DEFAULT), beats;
    double begun = seconds();
    int kind;

    subject_start(&subject, stack);
    attack.socket = subject.fds[ECHO];
    for (beats = 0; attack.frames < total; beats++) {
        beat(&attack);
        for (kind = 0; beats % PROBE_BEATS == 0 && kind < FRAME_PROBES; kind++)
            probe(&attack, (enum frame_probe)kind);
        if (settled.descriptors == 0 && attack.frames >= SETTLED)
            settled = holdings_now();
    }
    now = holdings_now();
    print_message("%s: %lld frames in %.1f s, %u connections, heap %+ld bytes, resident %zu KiB\n", name,
                  attack.frames, seconds() - begun, atomic_load(&subject.connections),
                  settled.descriptors == 0 ? 0 : (long)(now.heap - settled.heap), holdings_resident() / 1024);
    assert_true(atomic_load(&subject.connections) > 0);
    if (settled.descriptors != 0) {
        assert_true(now.heap <= settled.heap + GROWTH_MAX);
        assert_in_range(now.descriptors, 1,
                        settled.descriptors + 4); /* of a connection that is just being served */
    }
    subject_stop(&subject);
}

static bool is_wanted(const char *name)
{
    const char *wanted = getenv("STACKS");

    return wanted == NULL || strstr(wanted, name) != NULL;
}

static void attack_over_hub(const char *name)
{
    struct wire wire;
    struct ioth *stack;

    if (!is_wanted(name) || !lab_has(name))
        skip();
    stack = ioth_newstack(name, lab_vnl());
    assert_non_null(stack);
    wire_open_vde(&wire, lab_vnl());
    attack_stack(name, stack, &wire);
    wire_close(&wire);
}

static void test_lwip(void **state)
{
    (void)state;
    attack_over_hub("lwip");
}

static void test_vdestack(void **state)
{
    (void)state;
    attack_over_hub("vdestack");
}

/* In a namespace of its own, which the program stays in: this is the last test. */
static void test_kernel(void **state)
{
    struct wire wire;

    (void)state;
    if (!is_wanted("kernel"))
        skip();
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        print_message("skipped: no network namespace can be made here: %s\n", strerror(errno));
        skip();
    }
    if (!wire_open_tap(&wire, "vde0"))
        skip();
    attack_stack("kernel", ioth_newstack("kernel", NULL), &wire);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lwip),
        cmocka_unit_test(test_vdestack),
        cmocka_unit_test(test_kernel),
    };
    return lab_run(tests);
}
