/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reverse table: lifetimes, refreshes, collisions, its bound, the shares of networks, threads, and a long
 * run by chance against an oracle. Time is a number here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libiothnamed/chance.h"
#include "libiothnamed/hrev_world.h"

#define START    (1000 * NSEC_PER_SEC)
#define LIFETIME (600 * NSEC_PER_SEC)

static struct ipaddr addr_of(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

/* The client asks for the name with that number. */
static void ask(struct hrev *h, unsigned number, const struct ipaddr *client, nsec_t now)
{
    struct ipaddr addr = numbered_addr(number);
    uint8_t name[DNAME_MAX];
    size_t len = numbered_name(number, name);

    hrev_learn(h, &addr, name, len, client, now, now + LIFETIME);
}

/* Its name, and no other, is found. */
static bool known(struct hrev *h, unsigned number, nsec_t now)
{
    struct ipaddr addr = numbered_addr(number);
    uint8_t name[DNAME_MAX], found[DNAME_MAX];
    int len = hrev_find(h, &addr, now, found);

    if (len < 0) {
        assert_int_equal(len, -ENOENT);
        return false;
    }
    assert_int_equal(len, numbered_name(number, name));
    assert_memory_equal(found, name, (size_t)len);
    return true;
}

static unsigned count_known(struct hrev *h, unsigned from, unsigned to, nsec_t now)
{
    unsigned n = 0;

    for (unsigned number = from; number < to; number++)
        n += known(h, number, now);
    return n;
}

static void known_until_its_end(void **state)
{
    struct hrev *h = new_hrev(10);
    struct ipaddr client = addr_of("fc00::1");

    (void)state;
    assert_false(known(h, 1, START));
    ask(h, 1, &client, START);
    assert_true(known(h, 1, START));
    assert_true(known(h, 1, START + LIFETIME - 1));
    assert_false(known(h, 1, START + LIFETIME));
    assert_false(known(h, 2, START));
    assert_int_equal(hrev_count(h), 1);
    hrev_free(h);
    hrev_free(NULL);
}

static void each_refresh_counts_from_its_time(void **state)
{
    struct hrev *h = new_hrev(10);
    struct ipaddr client = addr_of("192.168.1.1");

    (void)state;
    for (nsec_t t = 0; t < 100; t++) {
        ask(h, 1, &client, START + t * NSEC_PER_SEC * 7);
        assert_true(known(h, 1, START + t * NSEC_PER_SEC * 7 + LIFETIME - 1));
        assert_false(known(h, 1, START + t * NSEC_PER_SEC * 7 + LIFETIME));
    }
    assert_int_equal(hrev_count(h), 1);
    hrev_free(h);
}

static void never_shorter_than_it_was(void **state)
{
    struct hrev *h = new_hrev(10);
    struct ipaddr client = addr_of("fc00::1"), addr = numbered_addr(1);
    uint8_t name[DNAME_MAX];
    size_t len = numbered_name(1, name);

    (void)state;
    ask(h, 1, &client, START);
    hrev_learn(h, &addr, name, len, &client, START, START + 5);
    assert_true(known(h, 1, START + LIFETIME - 1));
    hrev_learn(h, &addr, name, len, &client, START, START); /* no lifetime at all */
    assert_true(known(h, 1, START + LIFETIME - 1));
    hrev_free(h);
}

static void the_last_name_of_an_address_wins(void **state)
{
    struct hrev *h = new_hrev(10);
    struct ipaddr client = addr_of("fc00::1"), addr = addr_of("fc00::77");
    static const uint8_t first[] = "\1a\4hash", second[] = "\3bcd\4hash";
    uint8_t found[DNAME_MAX];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        hrev_learn(h, &addr, first, sizeof(first), &client, START, START + LIFETIME);
        assert_int_equal(hrev_find(h, &addr, START, found), sizeof(first));
        assert_memory_equal(found, first, sizeof(first));
        hrev_learn(h, &addr, second, sizeof(second), &client, START, START + 10);
        assert_int_equal(hrev_find(h, &addr, START, found), sizeof(second));
        assert_memory_equal(found, second, sizeof(second));
        assert_int_equal(hrev_count(h), 1);
    }
    assert_int_equal(hrev_find(h, &addr, START + 10, found),
                     -ENOENT); /* the first one's time is not its own */
    hrev_free(h);
}

static void the_longest_name(void **state)
{
    struct hrev *h = new_hrev(1);
    struct ipaddr client = addr_of("fc00::1"), addr = addr_of("fc00::77");
    uint8_t name[DNAME_MAX + 1] = {0}, found[DNAME_MAX];

    (void)state;
    for (unsigned i = 0; i < DNAME_LABELS_MAX; i++)
        memcpy(name + 2 * i, "\1x", 2);
    hrev_learn(h, &addr, name, DNAME_MAX, &client, START, START + LIFETIME);
    assert_int_equal(hrev_find(h, &addr, START, found), DNAME_MAX);
    assert_memory_equal(found, name, DNAME_MAX);
    hrev_learn(h, &addr, name, DNAME_MAX + 1, &client, START, START + LIFETIME);
    assert_int_equal(hrev_find(h, &addr, START, found), DNAME_MAX);
    hrev_free(h);
}

static void bounded_whatever_is_asked(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 100, 4097, 50000};
    struct ipaddr client = addr_of("fc00::1");

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct hrev *h = new_hrev(sizes[i]);
        for (unsigned number = 0; number < 4 * sizes[i]; number++) {
            ask(h, number, &client, START + number);
            assert_true(known(h, number, START + number));
        }
        assert_int_equal(hrev_count(h), sizes[i]);
        hrev_free(h);
    }
}

static void one_network_may_use_all_of_it(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct ipaddr client = addr_of("10.0.0.1");

    (void)state;
    for (unsigned number = 0; number < 1000; number++)
        ask(h, number, &client, START);
    assert_int_equal(count_known(h, 0, 1000, START), 1000);
    ask(h, 1000, &client, START + 1); /* and then its least recently taught name goes */
    assert_false(known(h, 0, START + 1));
    assert_int_equal(count_known(h, 1, 1001, START + 1), 1000);
    hrev_free(h);
}

static void a_flood_pushes_out_its_own_names(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct ipaddr quiet = addr_of("fc00:0:0:1::1"), other = addr_of("192.168.1.1"),
                  mate = addr_of("192.168.1.2");
    struct ipaddr flooder = addr_of("fc00:0:0:2::1");

    (void)state;
    for (unsigned number = 0; number < 100; number++)
        ask(h, number, &quiet, START);
    for (unsigned number = 100; number < 200; number++)
        ask(h, number, number % 2 ? &other : &mate, START);
    for (unsigned number = 1000; number < 50000; number++) {
        put_be32(flooder.b + 12, number); /* any address of its network */
        ask(h, number, &flooder, START + number);
    }
    assert_int_equal(hrev_count(h), 1000);
    assert_int_equal(count_known(h, 0, 200, START + 50000), 200);
    assert_int_equal(count_known(h, 50000 - 800, 50000, START + 50000), 800);
    hrev_free(h);
}

static void two_floods_share(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct ipaddr first = addr_of("10.0.0.1"), second = addr_of("10.0.1.1");

    (void)state;
    for (unsigned number = 0; number < 10000; number++)
        ask(h, number, &first, START);
    for (unsigned number = 10000; number < 20000; number++)
        ask(h, number, &second, START);
    assert_in_range(count_known(h, 9500, 10000, START), 499, 501);
    assert_in_range(count_known(h, 19500, 20000, START), 499, 501);
    hrev_free(h);
}

/* Asking for the names of others is no way to make them one's own and to let them go. */
/* Somebody with a /48 asks from each of its networks once. */
static void a_flood_from_many_networks_of_one_site(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct ipaddr quiet = addr_of("fc00::1"), other = addr_of("10.1.2.3");

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        ask(h, i, &quiet, START);
        ask(h, 1000 + i, &other, START);
    }
    for (unsigned i = 0; i < 5000; i++) {
        struct ipaddr flood = {{0xfd, [6] = (uint8_t)(i >> 8), [7] = (uint8_t)i}};
        ask(h, 10000 + i, &flood, START + 1);
    }
    assert_int_equal(count_known(h, 0, 100, START + 2), 100);
    assert_int_equal(count_known(h, 1000, 1100, START + 2), 100);
    assert_int_equal(hrev_count(h), 1000);
    hrev_free(h);
}

/* Within a site each network has a share too. */
static void a_flood_from_one_network_of_a_site(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct ipaddr quiet = addr_of("fc00:0:0:1::1"), flood = addr_of("fc00:0:0:2::1");

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        ask(h, i, &quiet, START);
    for (unsigned i = 0; i < 5000; i++)
        ask(h, 10000 + i, &flood, START + 1);
    assert_int_equal(count_known(h, 0, 100, START + 2), 100);
    hrev_free(h);
}

/* quiet: who asks for fifty names that the flooder had asked for. */
static void flood_beside(const char *quiet_text)
{
    struct hrev *h = new_hrev(1000);
    struct ipaddr quiet = addr_of(quiet_text), flooder = addr_of("fc00:0:0:2::1");
    nsec_t now = START;

    for (unsigned number = 0; number < 500; number++)
        ask(h, number, &flooder, now);
    for (unsigned number = 0; number < 50; number++) /* the flooder was first */
        ask(h, number, &quiet, now);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned number = 0; number < 50; number++)
            ask(h, number, &flooder, now += NSEC_PER_SEC / 100);
        for (unsigned number = 0; number < 1000; number++)
            ask(h, 1000 + round * 1000 + number, &flooder, now += NSEC_PER_SEC / 100);
    }
    assert_int_equal(count_known(h, 0, 50, now), 50);
    hrev_free(h);
}

static void a_flood_cannot_take_names_along(void **state)
{
    (void)state;
    flood_beside("fc00:0:0:1::1");  /* of another network of its site */
    flood_beside("fd00:0:77:1::1"); /* of another site */
    flood_beside("192.0.2.1");
}

static void the_expired_go_first(void **state)
{
    struct hrev *h = new_hrev(4);
    struct ipaddr client = addr_of("fc00::1"), addr = numbered_addr(2);
    uint8_t name[DNAME_MAX];
    size_t len = numbered_name(2, name);

    (void)state;
    ask(h, 1, &client, START);
    hrev_learn(h, &addr, name, len, &client, START, START + 10);
    ask(h, 3, &client, START);
    ask(h, 4, &client, START);
    ask(h, 5, &client, START + 10);
    assert_true(known(h, 1, START + 10));
    assert_false(known(h, 2, START + 9));
    assert_int_equal(hrev_count(h), 4);
    ask(h, 6, &client, START + LIFETIME); /* 1, 3 and 4 have expired by now, and make memory free too */
    assert_int_equal(hrev_count(h), 2);
    hrev_free(h);
}

/* Refreshed by little and little, a name outlives those that were not, however lazily its end is kept. */
static void refreshed_names_stay(void **state)
{
    struct hrev *h = new_hrev(100);
    struct ipaddr client = addr_of("fc00::1");
    nsec_t now = START;

    (void)state;
    for (unsigned number = 0; number < 100; number++)
        ask(h, number, &client, now);
    for (unsigned step = 0; step < 20; step++) {
        now += LIFETIME / 20;
        for (unsigned number = 0; number < 50; number++)
            ask(h, number, &client, now);
    }
    for (unsigned number = 100; number < 150; number++)
        ask(h, number, &client, now);
    assert_int_equal(count_known(h, 0, 50, now), 50);
    assert_int_equal(count_known(h, 50, 100, now), 0);
    assert_int_equal(count_known(h, 100, 150, now), 50);
    hrev_free(h);
}

/* ---- against an oracle: as long as there is room nothing is lost, and nothing wrong is ever said */

enum { ADDRS = 500, NAMES_PER_ADDR = 3 };

static void random_names(void **state)
{
    struct chance c = {20260404};
    struct {
        unsigned name;
        nsec_t until;
    } oracle[ADDRS] = {0};
    struct hrev *h = new_hrev(ADDRS);
    nsec_t now = START;

    (void)state;
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = chance_below(&c, ADDRS), pick = i * NAMES_PER_ADDR + chance_below(&c, NAMES_PER_ADDR);
        struct ipaddr addr = numbered_addr(i), client = {{0xfd}};
        uint8_t name[DNAME_MAX], found[DNAME_MAX];
        now += chance_below(&c, 1000000000);
        int len = hrev_find(h, &addr, now, found);
        assert_int_equal(len > 0, oracle[i].until > now);
        if (len > 0) {
            assert_int_equal(len, numbered_name(oracle[i].name, name));
            assert_memory_equal(found, name, (size_t)len);
        }
        if (chance_below(&c, 2))
            pick = oracle[i].name;
        client.b[7] = (uint8_t)chance_below(&c, 5);
        nsec_t until = now + 1 + chance_below(&c, 300) * NSEC_PER_SEC;
        size_t name_len = numbered_name(pick, name);
        hrev_learn(h, &addr, name, name_len, &client, now, until);
        oracle[i].until = pick == oracle[i].name && oracle[i].until > until ? oracle[i].until : until;
        oracle[i].name = pick;
        assert_in_range(hrev_count(h), 1, ADDRS);
    }
    hrev_free(h);
}

/* Too many names of too many networks: only the bound and the truth of what is found are certain. */
static void random_pressure(void **state)
{
    struct chance c = {20260505};
    struct hrev *h = new_hrev(300);
    nsec_t now = START;

    (void)state;
    for (unsigned step = 0; step < 300000; step++) {
        struct ipaddr client = {{0xfd}};
        client.b[7] = (uint8_t)(chance_below(&c, 16) * chance_below(&c, 16));
        unsigned number = chance_below(&c, 40) * chance_below(&c, 40);
        now += chance_below(&c, 100000000);
        ask(h, number, &client, now);
        assert_true(known(h, number, now));
        known(h, chance_below(&c, 1600), now);
        assert_in_range(hrev_count(h), 1, 300);
    }
    hrev_free(h);
}

/* ---- another bound */

static void more_names_are_allowed(void **state)
{
    struct hrev *h = new_hrev(100);
    struct ipaddr client = addr_of("fc00::1");

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        ask(h, i, &client, START);
    assert_int_equal(hrev_resize(h, 10000), 0);
    assert_int_equal(count_known(h, 0, 100, START), 100);
    for (unsigned i = 100; i < 5000; i++)
        ask(h, i, &client, START);
    assert_int_equal(count_known(h, 0, 5000, START), 5000);
    assert_false(known(h, 1, START + LIFETIME));
    hrev_free(h);
}

static void fewer_names_are_allowed(void **state)
{
    struct hrev *h = new_hrev(10000);
    struct ipaddr flood = addr_of("fc00::1"), quiet = addr_of("fc01::1");

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        ask(h, i, &quiet, START);
    for (unsigned i = 1000; i < 6000; i++)
        ask(h, i, &flood, START);
    assert_int_equal(hrev_resize(h, 100), 0);
    assert_in_range(hrev_count(h), 90, 100);
    assert_in_range(count_known(h, 0, 20, START), 15, 20); /* the share of the quiet network holds */
    for (unsigned i = 10000; i < 20000; i++) {
        ask(h, i, &flood, START);
        assert_in_range(hrev_count(h), 90, 100);
    }
    hrev_free(h);
}

/* ---- what a store is told */

struct told {
    unsigned written, deleted;
};

/* A store in a few words: the numbers whose names it has, and until when. */
static struct told take_all(struct hrev *h, nsec_t now, nsec_t stored[], unsigned count)
{
    struct hrev_entry entries[7];
    struct told told = {0};
    unsigned n;

    for (unsigned part = 0; part < hrev_parts(h); part++) {
        do {
            n = hrev_take_changes(h, part, now, entries, 7);
            for (unsigned i = 0; i < n; i++) {
                unsigned number = get_be32(entries[i].addr.b + 12);
                bool gone = entries[i].name_len == 0;
                assert_true(number < count);
                assert_true(!gone || stored[number]);
                stored[number] = gone ? 0 : entries[i].until;
                told.written += !gone;
                told.deleted += gone;
            }
        } while (n == 7);
    }
    return told;
}

static void a_store_is_told_of_each_name(void **state)
{
    static nsec_t stored[3000];
    struct hrev *h = new_hrev(1000);
    struct ipaddr client = addr_of("fc00::1");

    (void)state;
    memset(stored, 0, sizeof(stored));
    hrev_track(h);
    for (unsigned i = 0; i < 1000; i++)
        ask(h, i, &client, START);
    struct told told = take_all(h, START, stored, 3000);
    assert_int_equal(told.written, 1000);
    assert_int_equal(told.deleted, 0);
    assert_int_equal(stored[1], START + LIFETIME + LIFETIME / 8);
    told = take_all(h, START, stored, 3000);
    assert_int_equal(told.written + told.deleted, 0);

    for (unsigned i = 1000; i < 3000; i++) /* what comes and goes between two looks is not heard of */
        ask(h, i, &client, START);
    told = take_all(h, START, stored, 3000);
    assert_int_equal(told.written, 1000);
    assert_int_equal(told.deleted, 1000);

    take_all(h, START + LIFETIME, stored, 3000); /* a few of those that have expired, each time */
    while (hrev_count(h))
        take_all(h, START + LIFETIME, stored, 3000);
    take_all(h, START + LIFETIME, stored, 3000);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(stored[i], 0);
    hrev_free(h);
}

static void refreshes_are_seldom_told(void **state)
{
    nsec_t stored[2] = {0};
    struct hrev *h = new_hrev(10);
    struct ipaddr client = addr_of("fc00::1");
    unsigned written = 0;

    (void)state;
    hrev_track(h);
    for (nsec_t t = 0; t < 10 * LIFETIME; t += NSEC_PER_SEC) {
        ask(h, 1, &client, START + t);
        written += take_all(h, START + t, stored, 2).written;
        assert_true(stored[1] >= START + t + LIFETIME);
        assert_true(stored[1] <= START + t + LIFETIME + LIFETIME / 8);
    }
    assert_in_range(written, 70, 90);
    hrev_change_all(h);
    assert_int_equal(take_all(h, START, stored, 2).written, 1);
    hrev_free(h);
}

static struct hrev_entry entry_of(unsigned number, nsec_t until)
{
    struct hrev_entry entry = {.addr = numbered_addr(number), .network = addr_of("fc00::"), .until = until};

    entry.name_len = (uint8_t)numbered_name(number, entry.name);
    return entry;
}

static void names_come_back_from_a_store(void **state)
{
    struct hrev *h = new_hrev(10);
    struct ipaddr client = addr_of("fc00::1");
    nsec_t stored[20] = {0};

    (void)state;
    hrev_track(h);
    ask(h, 1, &client, START);
    struct hrev_entry late = entry_of(2, START), other = entry_of(3, START + LIFETIME);
    other.addr = numbered_addr(1);
    assert_false(hrev_restore(h, &late, START));
    assert_false(hrev_restore(h, &other, START)); /* the last name asked for stays */
    assert_true(known(h, 1, START));
    for (unsigned i = 2; i <= 10; i++) {
        struct hrev_entry entry = entry_of(i, START + LIFETIME);
        assert_true(hrev_restore(h, &entry, START));
    }
    struct hrev_entry more = entry_of(11, START + LIFETIME);
    assert_false(hrev_restore(h, &more, START));
    assert_int_equal(count_known(h, 0, 20, START), 10);
    assert_int_equal(take_all(h, START, stored, 20).written, 1); /* the store has the others */
    hrev_free(h);
}

/* The table and a store in step, whatever happens: what the store has is what the table has, or more. */
static void a_store_in_step(void **state)
{
    static nsec_t stored[1600];
    struct chance c = {31};
    struct hrev *h = new_hrev(300);
    nsec_t now = START;

    (void)state;
    memset(stored, 0, sizeof(stored));
    hrev_track(h);
    for (unsigned step = 0; step < 100000; step++) {
        struct ipaddr client = {{0xfd, [7] = (uint8_t)chance_below(&c, 20)}};
        now += chance_below(&c, 1000000000);
        ask(h, chance_below(&c, 40) * chance_below(&c, 40), &client, now);
        if (chance_below(&c, 5000) == 0)
            assert_int_equal(hrev_resize(h, 100 + chance_below(&c, 400)), 0);
        if (chance_below(&c, 100) != 0)
            continue;
        take_all(h, now, stored, 1600);
        unsigned in_store = 0;
        for (unsigned i = 0; i < 1600; i++) {
            in_store += stored[i] != 0;
            assert_true(!known(h, i, now) || stored[i] > now);
        }
        assert_int_equal(in_store, hrev_count(h));
    }
    hrev_free(h);
}

/* ---- threads */

enum { THREADS = 4, THREAD_STEPS = 50000, THREAD_MAX = 20000 };

struct thread {
    pthread_t id;
    struct hrev *h;
    unsigned number;
};

static void *one_thread(void *arg)
{
    struct thread *t = arg;
    struct chance c = {t->number + 1};
    struct ipaddr client = {{0xfd, [7] = (uint8_t)t->number}};

    for (unsigned i = 0; i < THREAD_STEPS; i++) {
        nsec_t now = START + i * NSEC_PER_MSEC;
        ask(t->h, chance_below(&c, THREAD_MAX * 2), &client, now);
        known(t->h, chance_below(&c, THREAD_MAX * 2), now);
        assert_in_range(hrev_count(t->h), 0, THREAD_MAX);
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct hrev *h = new_hrev(THREAD_MAX);
    struct thread threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.h = h, .number = i};
        assert_int_equal(pthread_create(&threads[i].id, NULL, one_thread, &threads[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i].id, NULL);
    assert_int_equal(hrev_count(h), THREAD_MAX);
    hrev_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_until_its_end),
        cmocka_unit_test(each_refresh_counts_from_its_time),
        cmocka_unit_test(never_shorter_than_it_was),
        cmocka_unit_test(the_last_name_of_an_address_wins),
        cmocka_unit_test(the_longest_name),
        cmocka_unit_test(bounded_whatever_is_asked),
        cmocka_unit_test(one_network_may_use_all_of_it),
        cmocka_unit_test(a_flood_pushes_out_its_own_names),
        cmocka_unit_test(two_floods_share),
        cmocka_unit_test(a_flood_from_many_networks_of_one_site),
        cmocka_unit_test(a_flood_from_one_network_of_a_site),
        cmocka_unit_test(a_flood_cannot_take_names_along),
        cmocka_unit_test(the_expired_go_first),
        cmocka_unit_test(refreshed_names_stay),
        cmocka_unit_test(random_names),
        cmocka_unit_test(random_pressure),
        cmocka_unit_test(more_names_are_allowed),
        cmocka_unit_test(fewer_names_are_allowed),
        cmocka_unit_test(a_store_is_told_of_each_name),
        cmocka_unit_test(refreshes_are_seldom_told),
        cmocka_unit_test(names_come_back_from_a_store),
        cmocka_unit_test(a_store_in_step),
        cmocka_unit_test(many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
