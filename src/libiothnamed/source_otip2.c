/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth otip2 NETS DOMAIN BASE[/LEN] PASSWORD|@KEYFILE [USER]`: one-time addresses of the second generation, by
 * HMAC-SHA-256 with a key that was ready before the first query (config_secret.c): a microsecond an answer.
 */
#include "libiothnamed/source_otip.h"
#include "libotip/otip2.h"

static void address_of_otip2(const struct query *q, const struct config_rule *rule, const struct ipaddr *base,
                             uint64_t epoch, struct ipaddr *ret)
{
    struct otip2_series series;

    otip2_series_init(&series, &rule->key->ready, q->name, base, rule->prefix_len,
                      q->env->snap->config->options.otipperiod_s);
    otip2_address(&series, epoch, ret);
    otip2_series_wipe(&series);
}

static enum verdict answer_otip2(struct query *q, const struct placement *where)
{
    return answer_one_time(q, where, address_of_otip2);
}

const struct source source_otip2 = {
    .keyword = "otip2",
    .args = SOURCE_DOMAIN | SOURCE_BASE | SOURCE_KEY | SOURCE_USER,
    .final = true,
    .local = true,
    .apex = true,
    .answer = answer_otip2,
};
