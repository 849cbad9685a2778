/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each client holds of the server at this moment, over all workers: questions that wait for upstream, TCP
 * connections. A client is an IPv4 address, or a /64 of IPv6, since any host may use any address in it.
 */
#ifndef IOTHNAMED_CLIENTS_H
#define IOTHNAMED_CLIENTS_H

#include "base/ipaddr.h"
#include "base/siphash.h"

struct clients;

enum client_use { CLIENT_WAITS, CLIENT_CONNECTS, CLIENT_USES };

/* 0 or -ENOMEM. key: secret, of its hash table. */
MUST_CHECK int clients_new(const struct siphash_key *key, struct clients **ret);
void clients_free(struct clients *c);
/* One more use by this client, unless it has `limit` of them: then false. True must be ended by clients_give_back
 * with the same use and address. */
MUST_CHECK bool clients_take(struct clients *c, enum client_use use, const struct ipaddr *client,
                             uint32_t limit);
void clients_give_back(struct clients *c, enum client_use use, const struct ipaddr *client);
/* Of all clients together, at about this moment. */
uint32_t clients_total(const struct clients *c, enum client_use use);

#endif
