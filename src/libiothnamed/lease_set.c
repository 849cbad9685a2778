/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See lease_set.h. Two sorted arrays and binary search: the set is made anew whenever the file has changed, so what counts is
 * how fast it is made, and a look-up takes some twenty comparisons.
 *
 * A name is kept with its labels in reverse order, "\3lan\6laptop", without the root: then a name and all names below it are
 * neighbours, those that begin with the same bytes, and one search tells whether there is anything at a name or below it.
 * Turned around once more it is the name again. Of one name the leases that end last come first, so a look-up never walks over
 * those that have ended: who may choose names and gets many addresses could leave a great number of them.
 */
#include "libiothnamed/lease_set.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST = 64,
    BELOW_LOOKED_AT =
        64, /* names below a name of which all may have ended; behind so many one is supposed to be there */
};

struct entry {
    struct ipaddr addr;
    int64_t ends_s;
    size_t name_at; /* in `names` */
    uint8_t name_len;
};

struct lease_set {
    atomic_uint users;
    uint32_t max, n, room;
    size_t names_len, names_room;
    struct entry *entries; /* by name; of one name the last to end first, then by address */
    uint32_t *by_addr;     /* indices of entries */
    uint8_t *names;
};

/* The labels in reverse order, the root left out; or, of such a one, the other way. */
static size_t turn(const uint8_t *from, size_t len, uint8_t *ret)
{
    size_t at = len;

    for (size_t i = 0; i < len; i += 1u + from[i]) {
        at -= 1u + from[i];
        memcpy(ret + at, from + i, 1u + from[i]);
    }
    return len;
}

/* --- making one --- */

struct lease_set *lease_set_new(uint32_t max)
{
    struct lease_set *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    atomic_init(&s->users, 1);
    s->max = max;
    return s;
}

struct lease_set *lease_set_ref(struct lease_set *s)
{
    if (s)
        atomic_fetch_add(&s->users, 1);
    return s;
}

void lease_set_unref(struct lease_set *s)
{
    if (!s || atomic_fetch_sub(&s->users, 1) != 1)
        return;
    free(s->entries);
    free(s->by_addr);
    free(s->names);
    free(s);
}

uint32_t lease_set_count(const struct lease_set *s)
{
    return s->n;
}

static bool make_room(struct lease_set *s, size_t name_len)
{
    if (s->n == s->room) {
        uint32_t room = s->room ? 2 * s->room : FIRST;
        struct entry *entries = reallocarray(s->entries, room, sizeof(*entries));
        if (!entries)
            return false;
        s->entries = entries;
        s->room = room;
    }
    if (s->names_room - s->names_len < name_len) {
        size_t room = 2 * s->names_room + FIRST * DNAME_MAX;
        uint8_t *names = realloc(s->names, room);
        if (!names)
            return false;
        s->names = names;
        s->names_room = room;
    }
    return true;
}

int lease_set_add(struct lease_set *s, const struct lease_record *record)
{
    size_t len = dname_len(record->name) - 1; /* without the root */

    if (record->state != LEASE_RECORD_BOUND || len == 0)
        return 0;
    if (s->n == s->max)
        return -E2BIG;
    if (!make_room(s, len))
        return -ENOMEM;
    s->entries[s->n++] = (struct entry){
        .addr = record->addr, .ends_s = record->ends, .name_at = s->names_len, .name_len = (uint8_t)len};
    turn(record->name, len, s->names + s->names_len);
    s->names_len += len;
    return 0;
}

/* As bytes, a name before those below it. */
static int compare_names(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_addrs(const struct ipaddr *a, const struct ipaddr *b)
{
    return memcmp(a->b, b->b, sizeof(a->b));
}

static int by_name(const void *a, const void *b, void *arg)
{
    const struct entry *x = a, *y = b;
    const uint8_t *names = arg;
    int order = compare_names(names + x->name_at, x->name_len, names + y->name_at, y->name_len);

    if (order == 0)
        order = (x->ends_s < y->ends_s) - (x->ends_s > y->ends_s);
    return order ? order : compare_addrs(&x->addr, &y->addr);
}

static int by_addr(const void *a, const void *b, void *arg)
{
    const struct entry *entries = arg;

    return compare_addrs(&entries[*(const uint32_t *)a].addr, &entries[*(const uint32_t *)b].addr);
}

int lease_set_finish(struct lease_set *s)
{
    s->by_addr = malloc((s->n + 1u) * sizeof(*s->by_addr));
    if (!s->by_addr)
        return -ENOMEM;
    for (uint32_t i = 0; i < s->n; i++)
        s->by_addr[i] = i;
    if (s->n > 0) {
        qsort_r(s->entries, s->n, sizeof(*s->entries), by_name, s->names);
        qsort_r(s->by_addr, s->n, sizeof(*s->by_addr), by_addr, s->entries);
    }
    return 0;
}

/* --- looking things up --- */

struct key {
    uint8_t bytes[DNAME_MAX];
    size_t len;
};

static struct key key_of(const uint8_t *name)
{
    struct key k = {.len = dname_len(name) - 1};

    turn(name, k.len, k.bytes);
    return k;
}

/* The first entry whose name is not before the key. */
static uint32_t first_at(const struct lease_set *s, const struct key *k)
{
    uint32_t low = 0, high = s->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct entry *e = &s->entries[middle];
        if (compare_names(s->names + e->name_at, e->name_len, k->bytes, k->len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The entry's name is the key's, or below it. */
static bool is_below(const struct lease_set *s, const struct entry *e, const struct key *k)
{
    return e->name_len >= k->len && memcmp(s->names + e->name_at, k->bytes, k->len) == 0;
}

unsigned lease_set_addrs(const struct lease_set *s, const uint8_t *name, bool v4, int64_t now_s,
                         struct lease_found ret[static LEASE_ADDRS_MAX])
{
    struct key k = key_of(name);
    unsigned n = 0;

    for (uint32_t i = first_at(s, &k); i < s->n && n < LEASE_ADDRS_MAX; i++) {
        const struct entry *e = &s->entries[i];
        if (e->name_len != k.len || !is_below(s, e, &k) || e->ends_s <= now_s)
            break;
        if (ipaddr_is_v4(&e->addr) == v4)
            ret[n++] = (struct lease_found){e->addr, e->ends_s};
    }
    return n;
}

bool lease_set_has_name(const struct lease_set *s, const uint8_t *name, int64_t now_s)
{
    struct key k = key_of(name);
    uint32_t first = first_at(s, &k);

    for (uint32_t i = first; i < s->n && is_below(s, &s->entries[i], &k); i++)
        if (s->entries[i].ends_s > now_s || i - first >= BELOW_LOOKED_AT)
            return true;
    return false;
}

size_t lease_set_name(const struct lease_set *s, const struct ipaddr *addr, int64_t now_s,
                      uint8_t name[static DNAME_MAX], int64_t *ret_ends_s)
{
    uint32_t low = 0, high = s->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_addrs(&s->entries[s->by_addr[middle]].addr, addr) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct entry *e = low < s->n ? &s->entries[s->by_addr[low]] : NULL;
    if (!e || compare_addrs(&e->addr, addr) != 0 || e->ends_s <= now_s)
        return 0;
    size_t len = turn(s->names + e->name_at, e->name_len, name);
    name[len] = 0;
    *ret_ends_s = e->ends_s;
    return len + 1;
}
