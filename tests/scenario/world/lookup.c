/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look-up goes along the search list, question by question, as a session of libiothdns does. One that has reached its deadline
 * is told so to its asker, whatever the exchange under way is going to say. The property that each question of a client ends is
 * looked at here: a look-up that is told later than its deadline breaks the world.
 *
 * What `ended` wants to ask anew comes in the middle of the exchange table's events; the table allows that, and the question
 * leaves with the pump that runs.
 */
#include "lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- one question --- */

static struct exchange_question question_of(const struct lookup *l, uint8_t lower[static DNAME_MAX])
{
    size_t len = dname_len(l->search.wire);

    dname_lower(lower, l->search.wire, len);
    return (struct exchange_question){
        .name = lower, .name_len = (uint8_t)len, .type = l->type, .class = CLASS_IN};
}

static int ask(struct lookup *l)
{
    struct asking *a = &l->of->asking;
    uint8_t lower[DNAME_MAX];
    struct exchange_question q = question_of(l, lower);
    int error = exchange_ask(a->table, &q, &l->servers, &l->waiter, a->node->world->now);

    l->waits = error == 0;
    return error;
}

/* --- what an answer says --- */

static void take_record(struct lookup *l, const struct answer *a, const struct dns_rr *rr)
{
    const uint8_t *rdata = a->r.base + rr->rdata;

    l->ttl_s = rr->ttl < l->ttl_s ? rr->ttl : l->ttl_s;
    if (l->type == RR_AAAA && rr->rdlen == 16 && l->n_addrs < LOOKUP_ADDRS_MAX)
        memcpy(l->addrs[l->n_addrs++].b, rdata, 16);
    if (l->type == RR_A && rr->rdlen == 4 && l->n_addrs < LOOKUP_ADDRS_MAX)
        l->addrs[l->n_addrs++] = ipaddr_of_v4(get_be32(rdata));
    if (l->type == RR_PTR) {
        struct reader r = a->r;
        uint8_t name[DNAME_MAX];
        r.pos = rr->rdata;
        if (dname_read(&r, name) > 0)
            dname_to_text(name, l->target);
    }
}

static void understand(struct lookup *l)
{
    struct answer a;
    struct dns_rr rr;

    l->error = l->search.error;
    l->ttl_s = UINT32_MAX;
    if (l->error < 0)
        return;
    l->error = answer_open(l->search.reply, l->search.reply_len, &a);
    bool any = false;
    while (l->error == 0 && answer_next(&a, l->type, &rr)) {
        take_record(l, &a, &rr);
        any = true;
    }
    if (l->error == 0 && !any)
        l->error = -ENODATA;
}

/* --- its course --- */

static void forget(struct lookup *l)
{
    TAILQ_REMOVE(&l->of->running, l, others);
    l->of->count--;
    search_fini(&l->search);
    resolvconf_fini(&l->conf);
    free(l);
}

static void tell(struct lookup *l)
{
    struct node *n = l->of->asking.node;

    n->world->answers++;
    if (n->world->now > l->deadline)
        world_break(n->world, "%s: the question for %s has ended %.3f s after its time", n->name, l->name,
                    (double)(n->world->now - l->deadline) / 1e9);
    l->of->ended(n, l);
}

/* Its question is over: the next name, or the end. */
static void advance(struct lookup *l, int error, const uint8_t *reply, size_t reply_len)
{
    uint8_t *copy = NULL;

    if (error == 0) {
        copy = malloc(reply_len);
        if (!copy)
            abort();
        memcpy(copy, reply, reply_len);
    }
    bool at_end = search_take(&l->search, error, copy, reply_len);
    if (!at_end && search_next(&l->search) > 0 && ask(l) == 0)
        return;
    understand(l);
    tell(l);
    forget(l);
}

static int error_of(enum exchange_failure failure)
{
    return failure == EXCHANGE_SILENT ? -ETIMEDOUT : failure == EXCHANGE_REFUSED ? -EAGAIN : -ECONNREFUSED;
}

static void on_done(struct node *n, const struct exchange_event *done)
{
    struct exchange_waiter *next;

    (void)n;
    for (struct exchange_waiter *w = done->waiters; w; w = next) {
        struct lookup *l = (struct lookup *)w;
        next = w->next;
        l->waits = false;
        if (l->expired)
            forget(l);
        else
            advance(l, done->reply ? 0 : error_of(done->failure), done->reply, done->reply_len);
    }
}

static void expire(struct lookup *l)
{
    l->expired = true;
    l->error = -ETIMEDOUT;
    tell(l);
}

/* --- from outside --- */

static int set_servers(struct lookup *l, const struct lookup_wish *wish)
{
    char text[1024];
    int at = snprintf(text, sizeof(text), "options ndots:1\n");

    if (wish->search)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "search %s\n", wish->search);
    for (unsigned i = 0; i < wish->n_servers && i < ARRAY_LEN(l->list) && at < (int)sizeof(text); i++) {
        char addr[IPADDR_STRLEN];
        at += snprintf(text + at, sizeof(text) - (size_t)at, "nameserver %s\n",
                       ipaddr_format(&wish->servers[i], addr));
    }
    int error = resolvconf_parse(text, strlen(text), NULL, &l->conf);
    for (unsigned i = 0; error == 0 && i < l->conf.n_servers; i++)
        l->list[i] = l->conf.servers[i].endpoint;
    l->servers = (struct exchange_servers){
        .count = error == 0 ? l->conf.n_servers : 0, .servers = l->list, .plan = {.listed = true}};
    for (unsigned i = 0; i < l->servers.count; i++) /* questions to others are other questions */
        l->servers.id = l->servers.id * 31 + get_be32(l->list[i].addr.b + 12);
    return error;
}

int lookup_begin(struct lookups *s, const struct lookup_wish *wish)
{
    nsec_t now = s->asking.node->world->now;

    if (s->count == LOOKUPS_MAX)
        return -EBUSY;
    struct lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    *l = (struct lookup){
        .of = s, .type = wish->type, .began = now, .deadline = now + wish->patience, .tag = wish->tag};
    snprintf(l->name, sizeof(l->name), "%s", wish->name);
    int error = set_servers(l, wish);
    search_init(&l->search, &l->conf, l->name, wish->search ? 0 : IOTHDNS_ASK_NOSEARCH);
    if (error == 0 && search_next(&l->search) <= 0)
        error = -EINVAL;
    if (error == 0)
        error = ask(l);
    if (error < 0) {
        resolvconf_fini(&l->conf);
        free(l);
        return error;
    }
    TAILQ_INSERT_TAIL(&s->running, l, others);
    s->count++;
    s->asking.node->world->questions++;
    asking_pump(&s->asking);
    return 0;
}

int lookups_open(struct lookups *s)
{
    TAILQ_INIT(&s->running);
    s->count = 0;
    s->asking.done = on_done;
    return asking_open(&s->asking);
}

void lookups_close(struct lookups *s)
{
    while (!TAILQ_EMPTY(&s->running))
        forget(TAILQ_FIRST(&s->running));
    asking_close(&s->asking);
}

bool lookups_hear(struct lookups *s, const struct packet *p)
{
    return asking_hear(&s->asking, p);
}

void lookups_timeout(struct lookups *s)
{
    nsec_t now = s->asking.node->world->now;
    struct lookup *next;

    s->asking.rests = true; /* what an expired one leads to must not end others in the midst of the walk */
    for (struct lookup *l = TAILQ_FIRST(&s->running); l; l = next) {
        next = TAILQ_NEXT(l, others);
        if (!l->expired && l->deadline <= now)
            expire(l);
    }
    s->asking.rests = false;
    if (exchange_deadline(s->asking.table) <= now)
        exchange_timeout(s->asking.table, now);
    asking_pump(&s->asking);
}

nsec_t lookups_deadline(const struct lookups *s)
{
    nsec_t at = exchange_deadline(s->asking.table);
    const struct lookup *l;

    TAILQ_FOREACH(l, &s->running, others)
    if (!l->expired)
        at = sooner(at, l->deadline);
    return at;
}
