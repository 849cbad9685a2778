/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See asker.h. Each question is a look-up of libiothdns on the one session, and takes at most what the core was promised
 * (SERVER_ASK_TIME) but for a little, so that an answer that comes late is still one.
 *
 * A client asks twice within milliseconds, to see what it would get and to get it. So addresses that were found are remembered
 * for REMEMBERED, or their TTL if that is less: one place for each name of a table, and who comes later has it.
 *
 * An answer counts as sure only if it is one: that there is no such name or no such record. Silence and failures are not.
 */
#include "libnamedhcp/asker.h"

#include "base/clock.h"
#include "base/siphash.h"
#include "wire/rrtype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#define TIMEOUT_MS ((int)((SERVER_ASK_TIME - 100 * NSEC_PER_MSEC) / NSEC_PER_MSEC))

#define REMEMBERED (2 * NSEC_PER_SEC)
#define PLACES     2048 /* a power of two; 0.4 KiB each */

struct remembered {
    nsec_t until; /* 0: nothing */
    uint16_t qtype;
    uint32_t ttl_s;
    unsigned n_addrs;
    struct ipaddr addrs[SERVER_ANSWER_ADDRS];
    uint8_t name[DNAME_MAX]; /* lower case */
};

struct asker {
    struct iothdns_session *session;
    asker_answered *answered;
    void *arg;
    LIST_HEAD(, asked) waiting;
    unsigned n_waiting;
    struct asker_stats *stats; /* the caller's */
    struct siphash_key key;
    struct remembered *places;
};

struct asked {
    LIST_ENTRY(asked) others;
    struct asker *asker;
    uint32_t question;
    uint16_t qtype;
    nsec_t since;
    uint8_t name[DNAME_MAX];
};

/* --- what is remembered --- */

static struct remembered *place_of(const struct asker *a, const uint8_t *name, uint16_t qtype)
{
    return &a->places[(siphash(&a->key, name, dname_len(name)) ^ qtype) % PLACES];
}

static nsec_t lifetime_of(uint32_t ttl_s)
{
    nsec_t ttl = ttl_s * NSEC_PER_SEC;

    return ttl < REMEMBERED ? ttl : REMEMBERED;
}

static void remember(struct asker *a, const struct asked *asked, const struct server_answer *answer)
{
    struct remembered *r = place_of(a, asked->name, asked->qtype);

    if (answer->status != SERVER_FOUND || answer->n_addrs == 0)
        return;
    r->until = monotonic_now() + lifetime_of(answer->ttl_s);
    r->qtype = asked->qtype;
    r->ttl_s = answer->ttl_s;
    r->n_addrs = answer->n_addrs;
    memcpy(r->addrs, answer->addrs, sizeof(r->addrs));
    memcpy(r->name, asked->name, dname_len(asked->name));
}

bool asker_remembers(const struct asker *a, const uint8_t *name, uint16_t qtype, struct server_answer *ret)
{
    const struct remembered *r = place_of(a, name, qtype);
    size_t len = dname_len(name);
    nsec_t left = r->until - monotonic_now();

    if (left <= 0 || r->qtype != qtype || dname_len(r->name) != len || memcmp(r->name, name, len) != 0)
        return false;
    a->stats->remembered++;
    ret->status = SERVER_FOUND;
    ret->ttl_s = r->ttl_s - (uint32_t)((lifetime_of(r->ttl_s) - left) / NSEC_PER_SEC);
    ret->n_addrs = r->n_addrs;
    memcpy(ret->addrs, r->addrs, sizeof(ret->addrs));
    return true;
}

/* --- life --- */

int asker_open(struct iothdns *dns, struct asker_stats *stats, asker_answered *answered, void *arg,
               struct asker **ret)
{
    struct asker *a = calloc(1, sizeof(*a));

    if (!a)
        return -ENOMEM;
    a->answered = answered;
    a->arg = arg;
    a->stats = stats;
    while (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
        continue;
    a->places = calloc(PLACES, sizeof(*a->places));
    a->session = a->places ? iothdns_session_open(dns) : NULL;
    if (!a->session) {
        int e = a->places ? -errno : -ENOMEM;
        free(a->places);
        free(a);
        return e;
    }
    *ret = a;
    return 0;
}

void asker_close(struct asker *a)
{
    struct asked *asked;

    if (!a)
        return;
    iothdns_session_close(a->session);
    while ((asked = LIST_FIRST(&a->waiting))) {
        LIST_REMOVE(asked, others);
        free(asked);
    }
    free(a->places);
    free(a);
}

/* --- answers --- */

static void take_addr(struct server_answer *answer, struct iothdns_pkt *pkt, uint16_t type)
{
    struct ipaddr addr = {.b = {[10] = 0xff, [11] = 0xff}};
    const void *got = type == RR_A ? iothdns_get_a(pkt, addr.b + 12) : iothdns_get_aaaa(pkt, addr.b);

    if (got && answer->n_addrs < SERVER_ANSWER_ADDRS)
        answer->addrs[answer->n_addrs++] = addr;
}

/* The strings of a TXT record; a comma between records. */
static void take_text(struct server_answer *answer, struct iothdns_pkt *pkt, size_t left)
{
    char text[256];

    if (answer->text_len > 0 && answer->text_len < sizeof(answer->text))
        answer->text[answer->text_len++] = ',';
    while (left > 0) {
        int len = iothdns_get_text(pkt, text, sizeof(text));
        if (len < 0 || (size_t)len > sizeof(answer->text) - answer->text_len)
            return;
        memcpy(answer->text + answer->text_len, text, (size_t)len);
        answer->text_len = (uint16_t)(answer->text_len + len);
        left -= (size_t)len + 1 < left ? (size_t)len + 1 : left;
    }
}

static void take_records(struct server_answer *answer, struct iothdns_pkt *pkt, uint16_t qtype)
{
    struct iothdns_rr rr;
    int section;
    bool found = false;

    answer->ttl_s = UINT32_MAX;
    while ((section = iothdns_get_rr(pkt, &rr, NULL)) > 0) {
        if (section != IOTHDNS_SEC_ANSWER || rr.class != IOTHDNS_CLASS_IN)
            continue;
        if (rr.ttl < answer->ttl_s)
            answer->ttl_s = rr.ttl; /* of aliases too */
        if (rr.type != qtype)
            continue;
        found = true;
        if (qtype == RR_TXT)
            take_text(answer, pkt, rr.rdlength);
        else
            take_addr(answer, pkt, qtype);
    }
    answer->status = found ? SERVER_FOUND : SERVER_NOT_THERE;
}

static void count(struct asker_stats *stats, nsec_t latency, enum server_answer_status status)
{
    static const double bounds[] = ASKER_LATENCY_BOUNDS;
    unsigned i = 0;

    while (i < ARRAY_LEN(bounds) && (double)latency > bounds[i] * (double)NSEC_PER_SEC)
        i++;
    stats->bucket[i]++;
    stats->latency_sum += latency;
    stats->found += status == SERVER_FOUND;
    stats->not_there += status == SERVER_NOT_THERE;
    stats->unknown += status == SERVER_UNKNOWN;
}

static void on_done(struct iothdns_lookup *lookup, int error, struct iothdns_header *header,
                    struct iothdns_pkt *pkt, void *arg)
{
    struct asked *asked = arg;
    struct asker *a = asked->asker;
    struct server_answer answer = {.question = asked->question, .status = SERVER_UNKNOWN};

    (void)lookup, (void)header;
    if (error == ENOENT)
        answer.status = SERVER_NOT_THERE;
    else if (error == 0 && pkt)
        take_records(&answer, pkt, asked->qtype);
    remember(a, asked, &answer);
    count(a->stats, monotonic_now() - asked->since, answer.status);
    LIST_REMOVE(asked, others);
    a->n_waiting--;
    free(asked);
    a->answered(a->arg, &answer);
}

/* --- questions --- */

int asker_ask(struct asker *a, uint32_t question, const uint8_t *name, uint16_t qtype)
{
    char text[DNAME_TEXT_MAX];
    struct asked *asked = malloc(sizeof(*asked));

    if (!asked)
        return -ENOMEM;
    *asked = (struct asked){.asker = a, .question = question, .qtype = qtype, .since = monotonic_now()};
    memcpy(asked->name, name, dname_len(name));
    if (iothdns_lookup_start(a->session, dname_to_text(name, text), qtype, IOTHDNS_ASK_NOSEARCH, TIMEOUT_MS,
                             on_done, asked)) {
        LIST_INSERT_HEAD(&a->waiting, asked, others);
        a->n_waiting++;
        return 0;
    }
    int e = -errno;
    free(asked);
    return e;
}

unsigned asker_waiting(const struct asker *a)
{
    return a->n_waiting;
}

int asker_fd(const struct asker *a)
{
    return iothdns_session_fd(a->session);
}

nsec_t asker_deadline(const struct asker *a)
{
    return iothdns_session_deadline(a->session);
}

void asker_dispatch(struct asker *a)
{
    (void)iothdns_dispatch(a->session); /* what cannot be done now is tried again at the deadline */
}
