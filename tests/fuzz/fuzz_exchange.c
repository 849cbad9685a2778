/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for the exchange core: ask, answer (the query that was sent, made into a reply and
 * spoilt at will), fail, let time pass, abandon. Checked after each step: attempts are sent once and closed
 * once, nothing is sent for a question that nobody waits for, nobody is told twice or later than
 * EXCHANGE_TOTAL, a believed reply has the id and the question of an attempt. At the end everybody is told
 * and every attempt closed.
 */
#include "base/cursor.h"
#include "fuzz.h"
#include "libiothdns/exchange.h"

enum { EXCHANGES = 6, WAITERS = 16, ATTEMPTS = 512, SERVERS = 4, MESSAGE_MAX = 600 };

struct sent {
    attempt_id id;
    bool open;
    uint8_t bytes[MESSAGE_MAX];
    size_t len;
};

struct waiter {
    struct exchange_waiter link;
    bool waits;
    nsec_t since;
};

struct world {
    struct exchange_table *table;
    struct reader script;
    nsec_t now;
    uint64_t random;
    struct ipendpoint servers[SERVERS];
    struct sent sent[ATTEMPTS];
    unsigned n_sent, n_open, n_waiting;
    struct waiter waiters[WAITERS];
    uint8_t reply[MESSAGE_MAX];
};

static void draw(void *arg, void *bytes, size_t len)
{
    struct world *w = arg;

    for (size_t i = 0; i < len; i++) {
        w->random = w->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(w->random >> 56);
    }
}

static struct sent *sent_of(struct world *w, attempt_id id)
{
    for (unsigned i = 0; i < w->n_sent; i++) {
        if (w->sent[i].id == id)
            return &w->sent[i];
    }
    return NULL;
}

static void on_send(struct world *w, const struct exchange_event *e)
{
    FUZZ_ASSERT(e->attempt != 0 && !sent_of(w, e->attempt));
    FUZZ_ASSERT(w->n_waiting > 0 && e->len >= DNS_HEADER_LEN && e->len <= MESSAGE_MAX);
    FUZZ_ASSERT(w->n_sent < ATTEMPTS);
    struct sent *s = &w->sent[w->n_sent++];
    *s = (struct sent){.id = e->attempt, .open = true, .len = e->len};
    memcpy(s->bytes, e->bytes, e->len);
    exchange_attach(w->table, e->attempt, s);
    FUZZ_ASSERT(exchange_attached(w->table, e->attempt) == s);
    w->n_open++;
}

static void on_close(struct world *w, const struct exchange_event *e)
{
    struct sent *s = sent_of(w, e->attempt);

    FUZZ_ASSERT(s && s->open && e->handle == s);
    FUZZ_ASSERT(exchange_attached(w->table, e->attempt) == NULL);
    s->open = false;
    w->n_open--;
}

static void check_reply(const struct world *w, const struct exchange_event *e)
{
    struct reader r = reader_of(e->reply, e->reply_len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question q;
    bool id_is_known = false;

    dns_read_question(&r, &q);
    FUZZ_ASSERT(!r.bad && header.flags & DNS_QR && header.qdcount == 1);
    FUZZ_ASSERT(q.type == e->question.type && q.class == e->question.class);
    FUZZ_ASSERT(dname_equal(q.name, q.name_len, e->question.name, e->question.name_len));
    for (unsigned i = 0; i < w->n_sent; i++)
        id_is_known |= get_be16(w->sent[i].bytes) == header.id;
    FUZZ_ASSERT(id_is_known);
}

static void on_done(struct world *w, const struct exchange_event *e)
{
    FUZZ_ASSERT(e->waiters);
    for (struct exchange_waiter *at = e->waiters; at; at = at->next) {
        struct waiter *waiter = (struct waiter *)at;
        FUZZ_ASSERT(waiter->waits && w->now <= waiter->since + EXCHANGE_TOTAL);
        waiter->waits = false;
        w->n_waiting--;
    }
    if (e->reply)
        check_reply(w, e);
}

static void drain(struct world *w)
{
    struct exchange_event e;

    while (exchange_next(w->table, &e) != EXCHANGE_NONE) {
        if (e.kind == EXCHANGE_SEND)
            on_send(w, &e);
        else if (e.kind == EXCHANGE_CLOSE)
            on_close(w, &e);
        else
            on_done(w, &e);
    }
    FUZZ_ASSERT((exchange_deadline(w->table) == NSEC_NEVER) == (w->n_waiting == 0));
}

static void ask(struct world *w)
{
    static const uint8_t names[4][DNAME_MAX] = {"\3abc", "\1a\7example", "\012hic_sunt_1\3org", ""};
    uint8_t which = reader_u8(&w->script), how = reader_u8(&w->script);
    struct waiter *waiter = w->waiters;

    while (waiter < w->waiters + WAITERS && waiter->waits)
        waiter++;
    if (waiter == w->waiters + WAITERS)
        return;
    struct exchange_question q = {.name = names[which % 4],
                                  .name_len = (uint8_t)dname_len(names[which % 4]),
                                  .type = which & 4 ? RR_A : RR_TXT,
                                  .class = CLASS_IN,
                                  .dnssec_ok = which & 8,
                                  .checking_disabled = which & 16};
    struct exchange_servers servers = {.id = how % 2,
                                       .count = how % (SERVERS + 1),
                                       .servers = w->servers,
                                       .plan = {.listed = how & 16, .tcp = how & 32, .attempts = how >> 6}};
    if (exchange_ask(w->table, &q, &servers, &waiter->link, w->now) < 0)
        return;
    waiter->waits = true;
    waiter->since = w->now;
    w->n_waiting++;
}

/* The attempt that the script chooses, late ones first; NULL: there is none yet. */
static struct sent *choose(struct world *w)
{
    unsigned back = reader_u8(&w->script);

    return w->n_sent == 0 ? NULL : &w->sent[w->n_sent - 1 - back % w->n_sent];
}

/* Puts a server's cookie behind ours, the last option of the message; returns how much longer it is. */
static size_t add_cookie(struct world *w, size_t len)
{
    enum { COOKIE_LEN = 8, OPTION_LEN = 4 + COOKIE_LEN };
    uint8_t *option = w->reply + len - OPTION_LEN;

    if (get_be16(option) != EDNS_OPTION_COOKIE || get_be16(option + 2) != COOKIE_LEN)
        return 0; /* there is one already */
    put_be16(option + 2, 2 * COOKIE_LEN);
    put_be16(option - 2, OPTION_LEN + COOKIE_LEN);
    memset(option + OPTION_LEN, (uint8_t)len, COOKIE_LEN);
    return COOKIE_LEN;
}

/* The query as its reply: flags of the script, OPT kept or cut, then bytes changed as the script says. */
static void answer(struct world *w)
{
    const struct sent *s = choose(w);
    uint16_t flags = reader_u16(&w->script);
    uint8_t how = reader_u8(&w->script);

    if (!s)
        return;
    size_t len = s->len;
    memcpy(w->reply, s->bytes, len);
    put_be16(w->reply + 2, flags | DNS_QR);
    if (how & 1 && get_be16(w->reply + 10) == 1) {
        put_be16(w->reply + 10, 0);
        len = DNS_HEADER_LEN + dname_len(w->reply + DNS_HEADER_LEN) + 4;
    } else if (how & 0x10 && get_be16(w->reply + 10) == 1) {
        len += add_cookie(w, len);
    }
    for (unsigned i = 0; i < (how >> 1 & 7U); i++) {
        uint16_t at = reader_u16(&w->script);
        w->reply[at % len] ^= reader_u8(&w->script);
    }
    size_t more = how >> 4;
    const uint8_t *tail = reader_take(&w->script, more);
    if (tail)
        memcpy(w->reply + len, tail, more);
    exchange_input(w->table, s->id, w->reply, len + (tail ? more : 0), w->now);
}

static void garbage(struct world *w)
{
    const struct sent *s = choose(w);
    size_t len = reader_u8(&w->script);
    const uint8_t *bytes = reader_take(&w->script, len);

    if (s && bytes)
        exchange_input(w->table, s->id, bytes, len, w->now);
}

static void fail(struct world *w)
{
    static void (*const ends[])(struct exchange_table *, attempt_id, nsec_t) = {
        exchange_failed, exchange_unsent, exchange_again, exchange_guessed};
    const struct sent *s = choose(w);
    unsigned how = reader_u8(&w->script) % ARRAY_LEN(ends);

    if (s)
        ends[how](w->table, s->id, w->now);
}

/* As far as the script says, with a stop at each deadline. */
static void wait(struct world *w, nsec_t span)
{
    nsec_t until = w->now + span;

    while (exchange_deadline(w->table) <= until) {
        if (exchange_deadline(w->table) > w->now)
            w->now = exchange_deadline(w->table);
        exchange_timeout(w->table, w->now);
        drain(w);
    }
    w->now = until;
}

static void step(struct world *w)
{
    switch (reader_u8(&w->script) % 8) {
    case 0:
    case 1:
        ask(w);
        break;
    case 2:
    case 3:
    case 4:
        answer(w);
        break;
    case 5:
        garbage(w);
        break;
    case 6:
        fail(w);
        break;
    default:
        if (reader_u8(&w->script) == 0xff)
            exchange_abandon(w->table);
        else
            wait(w, reader_u8(&w->script) * 10 * NSEC_PER_MSEC);
    }
    drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w; /* some 300 KB */
    struct exchange_settings settings = {.max = EXCHANGES, .max_waiters = 3, .random = draw, .arg = &w};

    w.script = reader_of(data, size);
    w.now = NSEC_PER_SEC;
    w.n_sent = w.n_open = w.n_waiting = 0;
    w.random = size;
    memset(w.waiters, 0, sizeof(w.waiters));
    for (unsigned i = 0; i < SERVERS; i++)
        w.servers[i].port = (uint16_t)(53 + i);
    if (exchange_table_new(&settings, &w.table) < 0)
        abort();
    while (reader_left(&w.script) > 0 && w.n_sent + (EXCHANGES + 1) * EXCHANGE_ATTEMPTS_MAX < ATTEMPTS)
        step(&w);
    wait(&w, EXCHANGE_TOTAL);
    FUZZ_ASSERT(w.n_waiting == 0 && w.n_open == 0);
    exchange_table_free(w.table);
    return 0;
}
