/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_MAKECLIENT_H
#define LIBIOTHCONF_MAKECLIENT_H
/* Cores with what they need to know of the node: its name, its identifiers, what it kept. */

#include "libiothconf/keeper.h"
#include "libiothconf/netconf.h"

/* The name in wire form and lower case, to be freed; *ret NULL for "". 0, -EINVAL, -ENOMEM. */
MUST_CHECK int client_name(const char *fqdn, uint8_t **ret);

enum { CLIENT_FILE_NAME_SIZE = IFNAMSIZ + 16 };

/* Of the file where a client keeps what it wants to know after a restart. */
void client_file_name(const char *ifname, enum conf_source source, char name[static CLIENT_FILE_NAME_SIZE]);

/* Makes a core, at rest; DHCPv6's is off. fqdn: of client_name(), must outlive it. 0 or negative errno: -ENOMEM, -EINVAL,
 * what the folder wish->statedir says. */
MUST_CHECK int client_make(enum conf_source source, const struct netconf_link *link, unsigned ifindex,
                           const uint8_t *fqdn, const struct keeper_wish *wish, void **ret);

#endif
