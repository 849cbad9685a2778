/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cores with what they need to know; see makeclient.h.

   Servers know a node by its DUID, so it must stay the same: with a name it is made of the name, which may move to another
   machine and take its leases along; without one it is made of the MAC address the first time and then read from
   the folder statedir=, since the MAC address of a virtual interface is another one at each start. The secret
   from which opaque addresses are made is there too; without a folder that of the stack is taken, which lasts as long as
   the stack does.

   What a client saved is given back to it with its age by the wall clock: the one clock that goes on over a
   restart. */
#include "libiothconf/makeclient.h"

#include "libiothconf/savefile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool is_text(const char *text)
{
    return text[0] != '\0';
}

int client_name(const char *fqdn, uint8_t **ret)
{
    uint8_t name[DNAME_MAX];
    int len;

    *ret = NULL;
    if (!is_text(fqdn))
        return 0;
    len = dname_from_text(fqdn, strlen(fqdn), name);
    if (len < 0)
        return -EINVAL;
    *ret = malloc((size_t)len);
    if (*ret == NULL)
        return -ENOMEM;
    dname_lower(*ret, name, (size_t)len);
    return 0;
}

static void random_bytes(void *arg, void *bytes, size_t len)
{
    uint8_t *at = bytes;

    (void)arg;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
}

/* Keeps in the folder what was made the first time, or anew if it was damaged: -EEXIST if somebody else has just done
 * so, and his is to be read. */
static int keep_own(const char *folder, const char *name, bool is_first, const void *bytes, size_t len)
{
    return is_first ? savefile_create(folder, name, bytes, len) : savefile_write(folder, name, bytes, len);
}

/* A DUID that stays: of the name; else that in the folder, which is made of the MAC address the first time. */
static int find_duid(const struct netconf_link *link, const struct keeper_wish *wish, struct duid *ret)
{
    static const char name[] = "duid";
    char text[DUID_TEXT_MAX];
    uint8_t *bytes;
    nsec_t age;
    ptrdiff_t len;

    *ret = is_text(wish->fqdn) ? duid_from_name(wish->fqdn) : duid_from_mac(link->mac);
    if (is_text(wish->fqdn) || !is_text(wish->statedir))
        return 0;
    len = savefile_read(wish->statedir, name, &bytes, &age);
    if (len < 0 && len != -ENOENT)
        return (int)len;
    if (len >= 0) {
        int rc = duid_parse((const char *)bytes, (size_t)len, ret);

        free(bytes);
        if (rc == 0)
            return 0;
    }
    duid_format(ret, text);
    return keep_own(wish->statedir, name, len == -ENOENT, text, strlen(text));
}

/* The secret of opaque identifiers: that of the folder if there is one, else the one that the stack has drawn. */
static int find_secret(const struct keeper_wish *wish, uint8_t secret[static CLIENTS_SECRET_LEN])
{
    static const char name[] = "secret";
    uint8_t *bytes;
    nsec_t age;
    ptrdiff_t len;

    memcpy(secret, wish->secret, CLIENTS_SECRET_LEN);
    if (!is_text(wish->statedir))
        return 0;
    len = savefile_read(wish->statedir, name, &bytes, &age);
    if (len < 0 && len != -ENOENT)
        return (int)len;
    if (len == CLIENTS_SECRET_LEN)
        memcpy(secret, bytes, CLIENTS_SECRET_LEN);
    if (len >= 0)
        free(bytes);
    if (len == CLIENTS_SECRET_LEN)
        return 0;
    return keep_own(wish->statedir, name, len == -ENOENT, secret, CLIENTS_SECRET_LEN);
}

static int find_own(enum conf_source source, const struct netconf_link *link, const struct keeper_wish *wish,
                    struct client_wish *made)
{
    return source == CONF_RD ? find_secret(wish, made->secret) : find_duid(link, wish, &made->duid);
}

void client_file_name(const char *ifname, enum conf_source source, char name[static CLIENT_FILE_NAME_SIZE])
{
    snprintf(name, CLIENT_FILE_NAME_SIZE, "%.*s.%s", IFNAMSIZ - 1, ifname, client_methods(source)->name);
}

/* What the client saved, if it did: to be freed. A file that cannot be read is as none. */
static uint8_t *find_saved(enum conf_source source, const char *ifname, const char *statedir,
                           struct client_wish *made)
{
    char name[CLIENT_FILE_NAME_SIZE];
    uint8_t *saved = NULL;
    ptrdiff_t len;

    if (source == CONF_RD || !is_text(statedir))
        return NULL;
    client_file_name(ifname, source, name);
    len = savefile_read(statedir, name, &saved, &made->saved_age);
    made->saved = saved;
    made->saved_len = len > 0 ? (size_t)len : 0;
    return saved;
}

int client_make(enum conf_source source, const struct netconf_link *link, unsigned ifindex,
                const uint8_t *fqdn, const struct keeper_wish *wish, void **ret)
{
    struct client_env env = {.mtu = (uint16_t)(link->mtu < UINT16_MAX ? link->mtu : UINT16_MAX),
                             .ifindex = ifindex,
                             .fqdn = fqdn,
                             .random = random_bytes};
    struct client_wish made = {.slaac = wish->slaac, .mode = DHCP6_MODE_OFF};
    uint8_t *saved;
    int rc = is_text(wish->statedir) ? savefile_check_folder(wish->statedir) : 0;

    if (rc == 0)
        rc = find_own(source, link, wish, &made);
    if (rc == -EEXIST)
        rc = find_own(source, link, wish, &made);
    if (rc < 0)
        return rc;
    memcpy(env.mac, link->mac, sizeof(env.mac));
    saved = find_saved(source, link->name, wish->statedir, &made);
    rc = client_methods(source)->create(&env, &made, ret);
    free(saved);
    return rc;
}
