/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages on their way are a binary heap by the time of their arrival; those of one moment arrive in the order in which
 * they were sent, so a link without faults is a queue. A message is one block of memory, which the receiver frees.
 *
 * What happens to a message is settled when it is sent, by so many draws from the link's chance (splitmix64, Steele, Lea and
 * Flood): is a copy of it made; then, for each, is it lost, is it corrupted, how long does it take. The same seed and the
 * same calls give the same run, on every machine.
 *
 * A message that finds no memory, or FLIGHT_MAX others on their way, is lost as by a full queue. A core that answers each
 * message by two would otherwise fill the memory before its test fails.
 */
#include "lab/simlink.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLIGHT_MAX = 4096,   /* a client and a few servers have a dozen on their way */
    WHOLE = 1000,        /* shares of chance are thousandths */
    BYTES_SPOILT_MAX = 4 /* few: a message that is noise altogether gets no further than the first check */
};

struct flight {
    uint64_t number; /* of sending */
    struct simlink_message *message;
};

struct simlink {
    uint64_t chance, number;
    struct simlink_faults faults;
    struct flight
        *flights; /* a heap: flight 0 is the first to arrive, those below flight n are 2n+1 and 2n+2 */
    size_t n_flights, size;
};

struct simlink *simlink_new(uint64_t seed)
{
    struct simlink *link = calloc(1, sizeof *link);

    if (link)
        link->chance = seed;
    return link;
}

void simlink_free(struct simlink *link)
{
    if (!link)
        return;
    for (size_t i = 0; i < link->n_flights; i++)
        free(link->flights[i].message);
    free(link->flights);
    free(link);
}

void simlink_set_faults(struct simlink *link, const struct simlink_faults *faults)
{
    link->faults = *faults;
}

/* ---- chance ---- */

uint64_t simlink_random(struct simlink *link)
{
    uint64_t z = link->chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void simlink_random_bytes(void *arg, void *bytes, size_t len)
{
    uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(simlink_random(arg) >> 56);
}

/* 0..n-1; n is not 0. */
static uint64_t below(struct simlink *link, uint64_t n)
{
    return simlink_random(link) % n;
}

static bool happens(struct simlink *link, unsigned share)
{
    return share > 0 && below(link, WHOLE) < share;
}

static nsec_t delay(struct simlink *link)
{
    nsec_t least = link->faults.delay_min, most = link->faults.delay_max;

    return most > least ? least + (nsec_t)below(link, (uint64_t)(most - least) + 1) : least;
}

/* ---- the heap ---- */

static bool is_before(const struct flight *one, const struct flight *other)
{
    if (one->message->at != other->message->at)
        return one->message->at < other->message->at;
    return one->number < other->number;
}

static void sift_up(struct flight *flights, size_t hole, struct flight flight)
{
    while (hole > 0 && is_before(&flight, &flights[(hole - 1) / 2])) {
        flights[hole] = flights[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    flights[hole] = flight;
}

static void sift_down(struct flight *flights, size_t count, struct flight flight)
{
    size_t hole = 0, child;

    while ((child = 2 * hole + 1) < count) {
        if (child + 1 < count && is_before(&flights[child + 1], &flights[child]))
            child++;
        if (is_before(&flight, &flights[child]))
            break;
        flights[hole] = flights[child];
        hole = child;
    }
    flights[hole] = flight;
}

static bool have_room(struct simlink *link)
{
    if (link->n_flights < link->size)
        return true;
    if (link->size == FLIGHT_MAX)
        return false;
    size_t size = link->size > 0 ? 2 * link->size : 16;
    struct flight *flights = reallocarray(link->flights, size, sizeof *flights);
    if (!flights)
        return false;
    link->flights = flights;
    link->size = size;
    return true;
}

/* ---- sending and receiving ---- */

/* Changes some of the bytes, or gives a shorter length, as chance says. */
static size_t corrupt(struct simlink *link, uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (happens(link, WHOLE / 4))
        return (size_t)below(link, len);
    for (uint64_t n = 1 + below(link, BYTES_SPOILT_MAX); n > 0; n--)
        bytes[below(link, len)] ^= (uint8_t)(1 + below(link, 255));
    return len;
}

static void put_on_its_way(struct simlink *link, const struct simlink_message *header, const void *head,
                           size_t head_len, const void *bytes, size_t len)
{
    if (happens(link, link->faults.loss) || !have_room(link))
        return;
    struct simlink_message *m = malloc(sizeof *m + head_len + len);
    if (!m)
        return;
    *m = *header;
    if (head_len > 0)
        memcpy(m->bytes, head, head_len);
    if (len > 0)
        memcpy(m->bytes + head_len, bytes, len);
    if (happens(link, link->faults.corruption))
        len = corrupt(link, m->bytes + head_len, len);
    m->len = head_len + len;
    m->at = header->at + delay(link);
    sift_up(link->flights, link->n_flights++, (struct flight){link->number++, m});
}

void simlink_send(struct simlink *link, nsec_t now, unsigned from, unsigned to, const void *head,
                  size_t head_len, const void *bytes, size_t len)
{
    const struct simlink_message header = {.at = now, .to = to, .from = from};
    unsigned copies = happens(link, link->faults.duplication) ? 2 : 1;

    while (copies-- > 0)
        put_on_its_way(link, &header, head, head_len, bytes, len);
}

nsec_t simlink_due(const struct simlink *link)
{
    return link->n_flights > 0 ? link->flights[0].message->at : NSEC_NEVER;
}

struct simlink_message *simlink_take(struct simlink *link, nsec_t now)
{
    if (link->n_flights == 0 || simlink_due(link) > now)
        return NULL;
    struct simlink_message *first = link->flights[0].message;
    struct flight last = link->flights[--link->n_flights];
    if (link->n_flights > 0)
        sift_down(link->flights, link->n_flights, last);
    return first;
}
