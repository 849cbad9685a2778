/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cores of both protocols as a configuration wants them, with what the store remembers in them. */
#ifndef LIBNAMEDHCP_NAMEDHCP_ENGINE_H
#define LIBNAMEDHCP_NAMEDHCP_ENGINE_H

#include "libnamedhcp/dhcp_link.h"
#include "libnamedhcp/namedhcp_config.h"
#include "libnamedhcp/store.h"

struct namedhcp_engine {
    struct namedhcp_config *config; /* owned */
    struct name_policy *names;      /* of both protocols: who has a name has it on both */
    struct lease_table *leases;
    struct dhcp4_subnet own[SERVER_LINKS_MAX]; /* of each link, if the configuration has none */
    struct dhcp4_server_settings v4_settings;
    struct dhcp6_server *v6; /* NULL: not served */
    struct dhcp4_server *v4;
    unsigned damaged; /* records of the store that could not be read */
};

/* What an engine is made on. */
struct namedhcp_ground {
    struct dhcp_link *const *links; /* their addresses are known */
    unsigned n_links;               /* at most SERVER_LINKS_MAX */
    struct store *store;
    const uint8_t *duid;
    size_t duid_len;
    bool serve6, serve4;
    struct server_time now;
};

/* The configuration is taken over on success. 0, or negative errno and one sentence in why. */
MUST_CHECK int namedhcp_engine_new(struct namedhcp_config *config, const struct namedhcp_ground *ground,
                                   struct namedhcp_engine **ret, char *why, size_t why_size);
void namedhcp_engine_free(struct namedhcp_engine *e); /* takes NULL */
/* What the DHCPv4 server is called on a link, and sends from. */
uint32_t namedhcp_engine_id(const struct namedhcp_engine *e, unsigned link);
/* DHCPv4 has a subnet for who is heard on that link without a relay. */
bool namedhcp_engine_has_subnet(const struct namedhcp_engine *e, unsigned link);

/* Unpredictable bytes, for server_env; arg: unused. */
void namedhcp_draw(void *arg, void *bytes, size_t len);
/* A policy of these settings. 0; -EINVAL: the pattern of names; -ENOMEM. */
MUST_CHECK int namedhcp_names_of(const struct namedhcp_config *c, struct name_policy **ret);

#endif
