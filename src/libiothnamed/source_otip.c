/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth otip NETS DOMAIN BASE PASSWORD|@FILE`: one-time addresses, computed from the name, the password and the
 * number of the current epoch. An answer lives as long as its epoch. The second generation, source_otip2.c,
 * differs in the address alone.
 */
#include "libiothnamed/source_otip.h"
#include "libotip/otip.h"

/* The addresses of an epoch, each once: addresses of a base that lie in one prefix may give the same. Their number. */
static unsigned addresses_of(const struct query *q, const struct config_rule *rule, uint64_t epoch,
                             one_time_address *address, struct ipaddr addrs[static BASE_ADDRS_MAX])
{
    const struct base_value *base = &q->env->snap->bases[rule->base];
    unsigned count = 0, at;

    for (unsigned i = 0; i < base->count; i++) {
        address(q, rule, &base->addrs[i], epoch, &addrs[count]);
        for (at = 0; !ipaddr_equal(&addrs[at], &addrs[count]); at++)
            ;
        count += at == count;
    }
    return count;
}

enum verdict answer_one_time(struct query *q, const struct placement *where, one_time_address *address)
{
    const struct snapshot *s = q->env->snap;
    const struct base_value *base = &s->bases[where->rule->base];
    if (q->labels == 0)
        return query_apex(q, 0); /* of a rule for ".": the root has no text to hash */
    if (!base->known) {
        query_explain(q, EDE_BASE_UNKNOWN);
        return query_fail(q, RCODE_SERVFAIL);
    }
    q->authoritative |= q->hops == 0;
    uint32_t period = s->config->options.otipperiod_s;
    uint32_t ttl = (uint32_t)(period - q->env->wall_s % period);
    if (q->type != RR_AAAA && q->type != RR_ANY)
        return query_negative(q, RCODE_NOERROR, where->apex_labels, ttl);

    struct ipaddr addrs[BASE_ADDRS_MAX];
    unsigned count = addresses_of(q, where->rule, otip_epoch_at(period, q->env->wall_s), address, addrs);
    for (unsigned i = 0; i < count; i++)
        query_answer(q, RR_AAAA, ttl, addrs[i].b, sizeof(addrs[i].b));
    return ANSWERED;
}

static void address_of_otip(const struct query *q, const struct config_rule *rule, const struct ipaddr *base,
                            uint64_t epoch, struct ipaddr *ret)
{
    char text[DNAME_MAX];
    size_t len = query_dotted(q, text);

    otip1_address(base, text, len, rule->password, epoch, ret);
}

static enum verdict answer_otip(struct query *q, const struct placement *where)
{
    return answer_one_time(q, where, address_of_otip);
}

const struct source source_otip = {
    .keyword = "otip",
    .args = SOURCE_DOMAIN | SOURCE_BASE | SOURCE_PASSWORD,
    .final = true,
    .local = true,
    .apex = true,
    .answer = answer_otip,
};
