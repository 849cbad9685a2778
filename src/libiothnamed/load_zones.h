/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The zones of a configuration, from their files. A zone whose files did not change is taken over from the
 * configuration before; snapshots share what is here.
 */
#ifndef IOTHNAMED_LOAD_ZONES_H
#define IOTHNAMED_LOAD_ZONES_H

#include "libiothnamed/config.h"
#include "libiothnamed/zone.h"
#include <stdatomic.h>

/* Bytes of a zone file, and of a file that it includes: some fifty million records. */
#define ZONE_FILE_MAX (UINT64_C(4) << 30)

struct zone_input;

struct loaded_zone {
    struct zone *zone;
    uint8_t *apex;
    char *path;
    struct zone_input *inputs; /* the file and those that it includes, in that order */
    unsigned n_inputs;
};

/* By the indices of config->zones. Counted: the configuration and its snapshots share it. */
struct zones {
    atomic_uint users;
    unsigned count;
    struct loaded_zone list[];
};

/* Reads the zones of a configuration. What is wrong goes to diags, by file and line. One that is in `old` (or
 * NULL) keeps its old content if its files did not change, or if they have errors, with a warning that says so. 0
 * and *ret, with one reference; -EINVAL: some zone has errors, and none of before; -ENOMEM. */
MUST_CHECK int zones_load(const struct config *config, const struct zones *old, const struct siphash_key *key,
                          struct diags *diags, struct zones **ret);
/* Reads them and says what a start (old: NULL) or a reload would say of them. 0; -EINVAL: there are errors; -ENOMEM. */
MUST_CHECK int zones_check(const struct config *config, const struct zones *old, struct diags *diags);
struct zones *zones_ref(struct zones *z);
void zones_unref(struct zones *z);

#endif
