/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `forger NAME on LINK`: somebody off the path who answers questions in a server's name. It is the strongest one there can be: it
 * learns of each question at once, and knows everything that makes a reply good but one thing, which it gets wrong. So nothing is
 * left to chance: each of its replies is wrong in one point, and if one is believed the point is not looked at.
 *
 * `rate N`: it forges replies to one of N questions (1).
 */
#include "words.h"

#include "wire/dnsmsg.h"

#include <stdlib.h>
#include <string.h>

enum { FORGED_TTL = 86400 };

/* What it gets wrong. */
enum flaw { FLAW_ID, FLAW_NAME, FLAW_CASE, FLAW_TYPE, FLAW_COOKIE, FLAW_PORT, FLAWS };

struct forger_node {
    struct node node; /* first member */
    uint32_t rate;
};

static int forger_option(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    uint32_t *rate = &((struct forger_node *)n)->rate;

    if (strcmp(word, "rate") != 0 || !value || word_number(value, 1000000, rate) < 0)
        return word_is_no(word, "word of a forger: rate NUMBER", why);
    return 1;
}

/* Changes the letter case of one letter; false: there is none. */
static bool spoil_case(uint8_t *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z')) {
            name[i] ^= 0x20;
            return true;
        }
    return false;
}

/* A cookie as servers give it, but made for somebody else. */
static bool put_foreign_cookie(struct dns_writer *w, const struct packet *p, const struct dns_query *q)
{
    const uint8_t *asked = p->bytes + q->edns.options_off;
    uint8_t option[4 + 8 + 8] = "";

    if (q->edns.options_len < 12 || get_be16(asked) != EDNS_OPTION_COOKIE)
        return false;
    put_be16(option, EDNS_OPTION_COOKIE);
    put_be16(option + 2, 16);
    memcpy(option + 4, asked + 4, 8);
    option[4] ^= 1;
    return dns_put_opt(w, 0, false, option, sizeof(option)) == 0;
}

static bool put_own_cookie(struct dns_writer *w, const struct packet *p, const struct dns_query *q)
{
    return !q->edns.present ||
           dns_put_opt(w, 0, false, p->bytes + q->edns.options_off, q->edns.options_len) == 0;
}

/* A reply to the question that is wrong in one point; 0: it cannot be. */
static size_t forge(const struct packet *p, struct dns_query *q, enum flaw flaw,
                    uint8_t out[static DNS_UDP_PLAIN])
{
    struct dns_question *asked = &q->question;
    struct ipaddr addr = world_forged;
    struct dns_writer w;

    addr.b[15] = (uint8_t)flaw;
    if (flaw == FLAW_NAME)
        asked->name[1] = asked->name[1] == 'x' ? 'y' : 'x';
    if (flaw == FLAW_CASE && !spoil_case(asked->name, asked->name_len))
        return 0;
    if (flaw == FLAW_TYPE)
        asked->type = RR_TXT;
    uint16_t id = flaw == FLAW_ID ? (uint16_t)(q->header.id ^ 1) : q->header.id;
    dns_writer_init(&w, out, DNS_UDP_PLAIN, id, DNS_QR | DNS_RD | DNS_RA);
    dns_put_question(&w, asked->name, asked->type, asked->class);
    if (dns_put_rr(&w, DNS_ANSWER, asked->name, RR_AAAA, CLASS_IN, FORGED_TTL, addr.b, 16) < 0)
        return 0;
    if (flaw == FLAW_COOKIE ? !put_foreign_cookie(&w, p, q) : !put_own_cookie(&w, p, q))
        return 0;
    return dns_finish(&w);
}

static void attack(struct node *n, const struct packet *question)
{
    enum flaw flaw = (enum flaw)world_below(&n->chance, FLAWS);
    uint8_t bytes[DNS_UDP_PLAIN];
    struct dns_query q;

    if (dns_parse_query(question->bytes, question->len, &q) < 0 || !q.has_question)
        return;
    struct packet p = {.way = WAY_UDP, .from = question->to, .to = question->from, .bytes = bytes};
    p.len = forge(question, &q, flaw, bytes);
    if (flaw == FLAW_PORT)
        p.to.port ^= 1;
    if (p.len == 0)
        return;
    n->world->forged++;
    world_send(n, &p);
}

void forger_notice(struct node *asker, const struct packet *question)
{
    struct world *w = asker->world;

    for (unsigned i = 0; i < w->n_nodes; i++) {
        struct node *n = w->nodes[i];
        uint32_t rate = n->kind == &kind_forger && n->up ? ((struct forger_node *)n)->rate : 0;
        if (n->kind == &kind_forger && n->up && (rate <= 1 || world_below(&n->chance, rate) == 0))
            attack(n, question);
    }
}

static void forger_nothing(struct node *n)
{
    (void)n;
}

static void forger_hear(struct node *n, const struct packet *p)
{
    (void)n, (void)p;
}

static nsec_t forger_deadline(struct node *n)
{
    (void)n;
    return NSEC_NEVER;
}

const struct node_kind kind_forger = {
    .word = "forger",
    .size = sizeof(struct forger_node),
    .option = forger_option,
    .start = forger_nothing,
    .kill = forger_nothing,
    .hear = forger_hear,
    .timeout = forger_nothing,
    .deadline = forger_deadline,
};
