/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One table for the three clients; see clients.h.

   Their functions differ in the type of their first argument, which the wrappers here hide, and in what they are
   made of, for which each has a function of its own. */
#include "libiothconf/clients.h"

#include "libiothconf/dhcp4_client.h"
#include "libiothconf/rd_client.h"

/* Wrappers of the functions that all three have in common. */
#define WRAP(core)                                                                                           \
    static void core##_x_free(void *client)                                                                  \
    {                                                                                                        \
        core##_client_free(client);                                                                          \
    }                                                                                                        \
    static void core##_x_start(void *client, nsec_t now)                                                     \
    {                                                                                                        \
        core##_client_start(client, now);                                                                    \
    }                                                                                                        \
    static void core##_x_stop(void *client, nsec_t now)                                                      \
    {                                                                                                        \
        core##_client_stop(client, now);                                                                     \
    }                                                                                                        \
    static void core##_x_input(void *client, const struct client_packet *packet, nsec_t now)                 \
    {                                                                                                        \
        core##_client_input(client, packet, now);                                                            \
    }                                                                                                        \
    static void core##_x_timeout(void *client, nsec_t now)                                                   \
    {                                                                                                        \
        core##_client_timeout(client, now);                                                                  \
    }                                                                                                        \
    static nsec_t core##_x_deadline(void *client)                                                            \
    {                                                                                                        \
        return core##_client_deadline(client);                                                               \
    }                                                                                                        \
    static enum client_event_kind core##_x_next(void *client, struct client_event *ret)                      \
    {                                                                                                        \
        return core##_client_next(client, ret);                                                              \
    }

#define METHODS(core)                                                                                        \
    .create = core##_x_create, .free = core##_x_free, .start = core##_x_start, .stop = core##_x_stop,        \
    .input = core##_x_input, .verdict = core##_x_verdict, .timeout = core##_x_timeout,                       \
    .deadline = core##_x_deadline, .next = core##_x_next, .names = core##_x_names

/* What RFC 5227 calls a second: its times are for bridges and hosts that need some, and sum up to 4..7 s. On a virtual
 * Ethernet answers take milliseconds, and a program waits for its address: about 1 to 1.6 s in all. */
#define DHCP4_PROBE_UNIT (NSEC_PER_SEC / 5)

/* --- DHCPv4: the client identifier is that of RFC 4361, so a node is the same to servers of both versions --- */

WRAP(dhcp4)

static int dhcp4_x_create(const struct client_env *env, const struct client_wish *wish, void **ret)
{
    uint8_t id[DUID_CLIENT_ID_MAX];
    struct dhcp4_client_settings settings = {
        .client_id = id,
        .client_id_len = duid_client_id(&wish->duid, duid_iaid(env->mac), id),
        .saved = wish->saved,
        .saved_len = wish->saved_len,
        .probe_unit = DHCP4_PROBE_UNIT,
    };
    struct dhcp4_client *client = NULL;
    int rc = dhcp4_client_new(env, &settings, &client);

    if (rc == 0)
        *ret = client;
    return rc;
}

static void dhcp4_x_verdict(void *client, const struct ipaddr *addr, bool duplicate, nsec_t now)
{
    (void)client, (void)addr, (void)duplicate, (void)now; /* it probes its address itself (RFC 5227) */
}

static void dhcp4_x_names(void *client, struct client_names *ret)
{
    *ret = *dhcp4_client_names(client);
}

/* --- DHCPv6 --- */

WRAP(dhcp6)

static int dhcp6_x_create(const struct client_env *env, const struct client_wish *wish, void **ret)
{
    struct dhcp6_client_settings settings = {
        .duid = wish->duid,
        .iaid = duid_iaid(env->mac),
        .mode = wish->mode,
        .saved = wish->saved,
        .saved_len = wish->saved_len,
        .saved_age = wish->saved_age,
    };
    struct dhcp6_client *client = NULL;
    int rc = dhcp6_client_new(env, &settings, &client);

    if (rc == 0)
        *ret = client;
    return rc;
}

static void dhcp6_x_verdict(void *client, const struct ipaddr *addr, bool duplicate, nsec_t now)
{
    dhcp6_client_verdict(client, addr, duplicate, now);
}

static void dhcp6_x_names(void *client, struct client_names *ret)
{
    *ret = *dhcp6_client_names(client);
}

/* --- router discovery --- */

WRAP(rd)

static int rd_x_create(const struct client_env *env, const struct client_wish *wish, void **ret)
{
    struct rd_settings settings = {
        .identifier = wish->slaac         ? RD_EUI64
                      : env->fqdn != NULL ? RD_HASHED
                                          : RD_OPAQUE,
        .secret = wish->secret,
        .secret_len = sizeof(wish->secret),
    };
    struct rd_client *client = NULL;
    int rc = rd_client_new(env, &settings, &client);

    if (rc == 0)
        *ret = client;
    return rc;
}

static void rd_x_verdict(void *client, const struct ipaddr *addr, bool duplicate, nsec_t now)
{
    rd_client_verdict(client, addr, duplicate, now);
}

static void rd_x_names(void *client, struct client_names *ret)
{
    rd_client_names(client, ret);
}

static const struct client_methods methods[CONF_SOURCES] = {
    [CONF_DHCP6] = {.name = "dhcp6", METHODS(dhcp6)},
    [CONF_DHCP4] = {.name = "dhcp4", METHODS(dhcp4)},
    [CONF_RD] = {.name = "rd", METHODS(rd)},
};

const struct client_methods *client_methods(enum conf_source source)
{
    return &methods[source];
}
