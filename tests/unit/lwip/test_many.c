/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 200 stacks in one process, each with an address of its own: all answer a ping and echo a datagram, asked at once by
 * one more, and the process stays below 100 MB of resident memory (without a sanitizer).
 *
 * A hub with many on it may drop frames, so who has not answered within AGAIN_MS is asked again.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"
#include "lab/holdings.h"

enum {
    STACKS = 200,
    RESIDENT_MAX = 100 << 20,
    ECHO_PORT = 7,
    AGAIN_MS = 100,
    ROUNDS = 500,  /* of asking those who are missing */
    PER_STACK = 16 /* descriptors, at most */
};

struct crowd {
    struct ioth *stacks[STACKS];
    int servers[STACKS];
    bool pinged[STACKS], echoed[STACKS];
    int epoll; /* of all servers and of the two below */
    int ping, client;
};

static const char *address_of(int i)
{
    static char text[32];

    snprintf(text, sizeof(text), "10.0.0.%d", i + 1);
    return text;
}

static void watch(const struct crowd *crowd, int fd, int index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};

    assert_int_equal(epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static void crowd_open(struct crowd *crowd, struct ioth *asker)
{
    int i;

    memset(crowd, 0, sizeof(*crowd));
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (i = 0; i < STACKS; i++) {
        crowd->stacks[i] = lab_stack("lwip", NULL, address_of(i));
        crowd->servers[i] = lab_bound(crowd->stacks[i], SOCK_DGRAM, address_of(i), ECHO_PORT);
        watch(crowd, crowd->servers[i], i);
    }
    crowd->ping = lab_ping_open(asker, AF_INET);
    crowd->client = lab_bound(asker, SOCK_DGRAM, "10.0.0.254", ECHO_PORT);
    watch(crowd, crowd->ping, STACKS);
    watch(crowd, crowd->client, STACKS + 1);
}

static void crowd_close(struct crowd *crowd)
{
    int i;

    assert_int_equal(ioth_close(crowd->ping), 0);
    assert_int_equal(ioth_close(crowd->client), 0);
    for (i = 0; i < STACKS; i++) {
        assert_int_equal(ioth_close(crowd->servers[i]), 0);
        assert_int_equal(ioth_delstack(crowd->stacks[i]), 0);
    }
    close(crowd->epoll);
}

/* Asks all that have not answered; how many those are. */
static int ask(const struct crowd *crowd)
{
    struct sockaddr_storage to;
    socklen_t len;
    int i, missing = 0;

    for (i = 0; i < STACKS; i++) {
        if (!crowd->pinged[i])
            lab_ping_send(crowd->ping, address_of(i), (uint16_t)i);
        len = lab_sockaddr(&to, address_of(i), ECHO_PORT);
        if (!crowd->echoed[i])
            assert_int_equal(ioth_sendto(crowd->client, &i, sizeof(i), 0, (struct sockaddr *)&to, len),
                             sizeof(i));
        missing += !crowd->pinged[i] || !crowd->echoed[i];
    }
    return missing;
}

static void echo(int fd)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int number;

    if (ioth_recvfrom(fd, &number, sizeof(number), MSG_DONTWAIT, (struct sockaddr *)&from, &len) ==
        sizeof(number))
        assert_int_equal(ioth_sendto(fd, &number, sizeof(number), 0, (struct sockaddr *)&from, len),
                         sizeof(number));
}

static void serve(struct crowd *crowd, uint32_t index)
{
    int number = -1;

    if (index < STACKS) {
        echo(crowd->servers[index]);
    } else if (index == STACKS) {
        number = lab_ping_reply(crowd->ping);
        if (number >= 0 && number < STACKS)
            crowd->pinged[number] = true;
    } else if (ioth_recv(crowd->client, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number)) {
        assert_in_range(number, 0, STACKS - 1);
        crowd->echoed[number] = true;
    }
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_all_answer(void **state)
{
    struct ioth *asker = lab_stack("lwip", NULL, "10.0.0.254");
    struct epoll_event events[64];
    struct crowd crowd;
    int rounds = 0, n, i;
    double begun = seconds(CLOCK_MONOTONIC), made;

    (void)state;
    crowd_open(&crowd, asker);
    made = seconds(CLOCK_MONOTONIC);
    while (ask(&crowd) > 0) {
        if (++rounds == ROUNDS)
            fail_msg("not all have answered");
        while ((n = epoll_wait(crowd.epoll, events, 64, AGAIN_MS)) > 0)
            for (i = 0; i < n; i++)
                serve(&crowd, events[i].data.u32);
    }
    print_message("%d stacks: %.0f ms each to make, all answered in %.2f s (%d rounds), resident %zu KiB\n",
                  STACKS, (made - begun) * 1000 / STACKS, seconds(CLOCK_MONOTONIC) - made, rounds,
                  holdings_resident() / 1024);
    if (!holdings_are_a_sanitizers())
        assert_in_range(holdings_resident(), 1, RESIDENT_MAX);
    crowd_close(&crowd);
    assert_int_equal(ioth_delstack(asker), 0);
}

/* Descriptors for all of them. */
static bool has_room(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= STACKS * PER_STACK)
        return true;
    printf("skipped: this process may have %llu descriptors\n", (unsigned long long)limit.rlim_max);
    return false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_answer)};

    if (!has_room())
        return 77;
    return lab_run(tests);
}
