/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The static records of a configuration in a store (zone.h): a pool without an apex. */
#ifndef IOTHNAMED_ZONE_POOL_H
#define IOTHNAMED_ZONE_POOL_H

#include "libiothnamed/config.h"
#include "libiothnamed/zone.h"

/* 0 and a store with one reference, or -ENOMEM. It holds nothing of the configuration. */
MUST_CHECK int zone_pool_build(const struct config *config, const struct siphash_key *key, struct zone **ret);

#endif
