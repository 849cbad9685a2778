/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The static records of a configuration, as one pool. */
#include "libiothnamed/zone_pool.h"
#include "libiothnamed/zone_build.h"
#include <errno.h>

int zone_pool_build(const struct config *config, const struct siphash_key *key, struct zone **ret)
{
    struct zone_builder *b = zone_builder_new(key, NULL);
    int e = b ? 0 : -ENOMEM;
    for (unsigned i = 0; e == 0 && i < config->n_records; i++) {
        const struct config_record *r = &config->records[i];
        struct zone_record record = {.owner = r->owner.wire,
                                     .rdata = r->rdata,
                                     .ttl = r->ttl,
                                     .line = r->at.line,
                                     .type = r->type,
                                     .rdlen = r->rdlen};
        e = zone_builder_add(b, &record);
    }
    if (e == 0)
        e = zone_builder_finish(b, ret);
    zone_builder_free(b);
    return e;
}
