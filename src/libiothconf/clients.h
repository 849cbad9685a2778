/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_CLIENTS_H
#define LIBIOTHCONF_CLIENTS_H
/* The three clients (client.h) behind one table of functions, for the keeper, which treats them alike. */

#include "libiothconf/client.h"
#include "libiothconf/dhcp6_client.h"
#include "libiothconf/duid.h"
#include "libiothconf/state.h"

enum { CLIENTS_SECRET_LEN = 32 }; /* bytes; twice what RFC 7217 s5 asks for */

/* What one is made of, besides its env. */
struct client_wish {
    bool slaac;                         /* CONF_RD: identifiers from the MAC address (EUI-64) */
    struct duid duid;                   /* CONF_DHCP4, CONF_DHCP6 */
    enum dhcp6_mode mode;               /* CONF_DHCP6 */
    uint8_t secret[CLIENTS_SECRET_LEN]; /* CONF_RD without slaac and name */
    const uint8_t *saved;               /* what CLIENT_SAVE said last; NULL: nothing */
    size_t saved_len;
    nsec_t saved_age;
};

struct client_methods {
    const char *name; /* of its files */
    int (*create)(const struct client_env *env, const struct client_wish *wish, void **ret);
    void (*free)(void *client);
    void (*start)(void *client, nsec_t now);
    void (*stop)(void *client, nsec_t now);
    void (*input)(void *client, const struct client_packet *packet, nsec_t now);
    void (*verdict)(void *client, const struct ipaddr *addr, bool duplicate, nsec_t now);
    void (*timeout)(void *client, nsec_t now);
    nsec_t (*deadline)(void *client);
    enum client_event_kind (*next)(void *client, struct client_event *ret);
    void (*names)(void *client, struct client_names *ret);
};

/* Of CONF_DHCP4, CONF_DHCP6, CONF_RD. */
const struct client_methods *client_methods(enum conf_source source);

#endif
