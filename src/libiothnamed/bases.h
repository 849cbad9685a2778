/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper of base names: those whose address only upstream knows. It asks for their AAAA records at the
 * start and again whenever their TTL has ended, in a thread of its own, so that nobody waits for it. When
 * upstream is silent the last addresses stay.
 */
#ifndef IOTHNAMED_BASES_H
#define IOTHNAMED_BASES_H

#include "io/log.h"
#include "libiothnamed/snapshot.h"
#include <ioth.h>

struct base_keeper;

struct base_keeper_settings {
    struct ioth *fstack;
    const struct siphash_key *forward_key; /* of the cookies in questions to upstream */
    const struct log *log;
    void (*changed)(void *arg); /* some addresses are not what they were; called in the keeper's thread */
    void *arg;
};

MUST_CHECK int base_keeper_start(const struct base_keeper_settings *settings, struct base_keeper **ret);
void base_keeper_stop(struct base_keeper *k); /* NULL: nothing */
/* From now on keep the names that this snapshot needs and that nothing in it fixes. */
MUST_CHECK int base_keeper_adopt(struct base_keeper *k, const struct snapshot *snap);
/* The addresses known now, for each config_base: of names that are not kept, unknown. */
void base_keeper_values(struct base_keeper *k, const struct config *config, struct base_value *values);

#endif
