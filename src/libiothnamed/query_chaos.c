/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of class CHAOS by which a server may be asked what and which it is (RFC 4892, and older custom):
 *
 *   version.bind, version.server   `option chaosversion`
 *   hostname.bind, id.server       `option chaosid`
 *
 * An attacker learns from the first what to try, so nothing is said that the configuration does not say, and
 * only to clients that some rule serves; all else is REFUSED.
 */
#include "libiothnamed/query_chaos.h"

struct chaos_name {
    const uint8_t *name;
    size_t len;
    bool version;
};

#define CHAOS_NAME(wire, version_)                                                                           \
    {                                                                                                        \
        (const uint8_t *)wire, sizeof(wire), version_                                                        \
    }

static const struct chaos_name names[] = {
    CHAOS_NAME("\7version\4bind", true),
    CHAOS_NAME("\7version\6server", true),
    CHAOS_NAME("\10hostname\4bind", false),
    CHAOS_NAME("\2id\6server", false),
};

/* The text of that name; NULL: none. */
static const struct config_text *text_of(const struct query *q)
{
    const struct config_options *o = &q->env->snap->config->options;
    const struct dns_question *asked = &q->msg.question;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (dname_equal(asked->name, asked->name_len, names[i].name, names[i].len))
            return names[i].version ? &o->chaosversion : &o->chaosid;
    return NULL;
}

bool query_chaos(struct query *q)
{
    const struct snapshot *s = q->env->snap;
    const struct dns_question *asked = &q->msg.question;
    const struct config_text *text = text_of(q);
    if (asked->class != CLASS_CH || !text || !text->len ||
        !netset_meet(q->nets, policy_served(s->policy), nets_words(s->nets)))
        return false;
    q->authoritative = true;
    if (asked->type != RR_TXT && asked->type != RR_ANY)
        return true; /* no data */
    uint8_t rdata[1 + CONFIG_TEXT_MAX];
    rdata[0] = text->len;
    memcpy(rdata + 1, text->text, text->len);
    if (dns_put_rr(&q->reply, DNS_ANSWER, asked->name, RR_TXT, CLASS_CH, 0, rdata, 1u + text->len) < 0)
        q->truncated = true;
    return true;
}
