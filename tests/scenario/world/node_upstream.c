/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `upstream NAME on LINK address A`: a name server of the outer world, which knows every name below example.org: its AAAA record
 * is computed from it and changes each half hour (upstream_truth), so whoever hears an answer can tell whether it is true, and
 * whether it is too old; names that begin with "no" do not
 * exist. Its words, also for `set`:
 *
 *   good, slow, dead, failing     how it is: answers, after three seconds, never, SERVFAIL
 *   cookies                       it gives DNS cookies (RFC 7873)
 *   truncating                    over UDP it says TC and nothing else
 */
#include "words.h"

#include "wire/dnsmsg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOW  SECONDS(3)
#define EPOCH SECONDS(1800)
enum {
    TTL_MIN = 20,
    TTL_SPAN = (int)(UPSTREAM_TTL_MAX / NSEC_PER_SEC) - TTL_MIN,
    NEGATIVE_TTL = 30,
    SLOW_MAX = 64,
    COOKIE_MAX = 4 + 8 + 8
};

static const struct ipaddr true_base = {{0x20, 0x01, 0x0d, 0xb8, 0x60, 0x0d}};
static const uint8_t apex[] = "\7example\3org";

struct late {
    nsec_t at;
    struct packet packet;
    uint8_t bytes[DNS_UDP_EDNS];
};

struct upstream_node {
    struct node node; /* first member */
    enum { GOOD, SLOW_ONE, DEAD, FAILING } mood;
    bool cookies, truncating;
    unsigned n_late;
    struct late *late; /* SLOW_MAX; owned */
};

static struct upstream_node *of(struct node *n)
{
    return (struct upstream_node *)n;
}

struct ipaddr upstream_truth(const char *name, nsec_t at)
{
    struct ipaddr addr = world_hash(&true_base, name);

    addr.b[7] = (uint8_t)(at / EPOCH);
    return addr;
}

static int upstream_option(struct node *n, const char *word, const char *value,
                           char why[static WORLD_WHY_MAX])
{
    static const char *const moods[] = {"good", "slow", "dead", "failing"};
    struct upstream_node *u = of(n);

    (void)value;
    for (unsigned i = 0; i < ARRAY_LEN(moods); i++)
        if (strcmp(word, moods[i]) == 0) {
            u->mood = i;
            return 0;
        }
    if (strcmp(word, "cookies") == 0)
        u->cookies = true;
    else if (strcmp(word, "truncating") == 0)
        u->truncating = true;
    else
        return word_is_no(word, "word of an upstream server", why);
    return 0;
}

/* --- what it answers --- */

static void put_soa(struct dns_writer *w)
{
    uint8_t rdata[2 * sizeof(apex) + 20];

    memcpy(rdata, apex, sizeof(apex));
    memcpy(rdata + sizeof(apex), apex, sizeof(apex));
    for (unsigned i = 0; i < 5; i++)
        put_be32(rdata + 2 * sizeof(apex) + (size_t)4 * i, NEGATIVE_TTL);
    if (dns_put_rr(w, DNS_AUTHORITY, apex, RR_SOA, CLASS_IN, NEGATIVE_TTL, rdata, sizeof(rdata)) < 0)
        abort();
}

static void put_records(struct upstream_node *u, struct dns_writer *w, const struct dns_question *q)
{
    uint8_t lower[DNAME_MAX];
    char text[DNAME_TEXT_MAX];

    dname_lower(lower, q->name, q->name_len);
    dname_to_text(lower, text);
    if (strncmp(text, "no", 2) == 0 || !dname_within(q->name, apex)) {
        dns_set_flags(w, dns_get_flags(w) | RCODE_NXDOMAIN);
        put_soa(w);
    } else if (q->type == RR_AAAA) {
        struct ipaddr addr = upstream_truth(text, u->node.world->now);
        uint32_t ttl = TTL_MIN + (uint32_t)world_below(&u->node.chance, TTL_SPAN);
        if (dns_put_rr(w, DNS_ANSWER, q->name, RR_AAAA, CLASS_IN, ttl, addr.b, 16) < 0)
            abort();
    } else {
        put_soa(w);
    }
}

/* The client's cookie and one of our own, as an option; 0: it has sent none. */
static size_t cookie_of(const struct packet *p, const struct dns_query *q, uint8_t option[static COOKIE_MAX])
{
    struct reader r = reader_of(p->bytes, (size_t)q->edns.options_off + q->edns.options_len);

    r.pos = q->edns.options_off;
    while (q->edns.present && !r.bad && reader_left(&r) > 0) {
        uint16_t code = reader_u16(&r), len = reader_u16(&r);
        const uint8_t *bytes = reader_take(&r, len);
        if (r.bad || code != EDNS_OPTION_COOKIE || len < 8)
            continue;
        put_be16(option, code);
        put_be16(option + 2, 16);
        memcpy(option + 4, bytes, 8);
        memcpy(option + 12, "upstream", 8);
        return COOKIE_MAX;
    }
    return 0;
}

static size_t answer(struct upstream_node *u, const struct packet *p, uint8_t out[static DNS_UDP_EDNS])
{
    uint8_t cookie[COOKIE_MAX];
    struct dns_query q;
    struct dns_writer w;

    if (dns_parse_query(p->bytes, p->len, &q) < 0 || !q.has_question)
        return 0;
    size_t cookie_len = u->cookies ? cookie_of(p, &q, cookie) : 0;
    dns_writer_init(&w, out, DNS_UDP_EDNS, q.header.id, (uint16_t)(DNS_QR | DNS_RD | DNS_RA));
    dns_reserve_opt(&w, (uint16_t)cookie_len);
    dns_put_question(&w, q.question.name, q.question.type, q.question.class);
    if (u->mood == FAILING)
        dns_set_flags(&w, dns_get_flags(&w) | RCODE_SERVFAIL);
    else if (u->truncating && p->way == WAY_UDP)
        dns_set_flags(&w, dns_get_flags(&w) | DNS_TC);
    else
        put_records(u, &w, &q.question);
    if (q.edns.present && dns_put_opt(&w, 0, false, cookie, (uint16_t)cookie_len) < 0)
        abort();
    return dns_finish(&w);
}

/* --- its life --- */

static void upstream_hear(struct node *n, const struct packet *p)
{
    struct upstream_node *u = of(n);
    struct late now;

    if (p->to.port != 53 || (p->way != WAY_UDP && p->way != WAY_TCP) || u->mood == DEAD)
        return;
    now.packet = (struct packet){.way = p->way, .from = p->to, .to = p->from};
    now.packet.len = answer(u, p, now.bytes);
    now.at = n->world->now + SLOW;
    if (now.packet.len == 0)
        return;
    if (u->mood == SLOW_ONE && u->n_late < SLOW_MAX) {
        u->late[u->n_late++] = now;
        return;
    }
    now.packet.bytes = now.bytes;
    world_send(n, &now.packet);
}

static void upstream_timeout(struct node *n)
{
    struct upstream_node *u = of(n);
    unsigned sent = 0;

    while (sent < u->n_late && u->late[sent].at <= n->world->now) {
        u->late[sent].packet.bytes = u->late[sent].bytes;
        world_send(n, &u->late[sent].packet);
        sent++;
    }
    u->n_late -= sent;
    memmove(u->late, u->late + sent, u->n_late * sizeof(*u->late));
}

static nsec_t upstream_deadline(struct node *n)
{
    return of(n)->n_late > 0 ? of(n)->late[0].at : NSEC_NEVER;
}

static void upstream_start(struct node *n)
{
    of(n)->late = calloc(SLOW_MAX, sizeof(*of(n)->late));
    if (!of(n)->late)
        abort();
}

static void upstream_kill(struct node *n)
{
    free(of(n)->late);
    of(n)->late = NULL;
    of(n)->n_late = 0;
}

const struct node_kind kind_upstream = {
    .word = "upstream",
    .size = sizeof(struct upstream_node),
    .option = upstream_option,
    .start = upstream_start,
    .kill = upstream_kill,
    .hear = upstream_hear,
    .timeout = upstream_timeout,
    .deadline = upstream_deadline,
};
