/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_STATE_H
#define LIBIOTHCONF_STATE_H

#include "base/base.h"
#include "libiothconf/client.h"
#include "libiothconf/keyword.h"
#include "libiothconf/value.h"
#include <ioth.h>
#include <net/if.h>

/* Who said it, in the order of preference among name servers: the string; DHCP before routers (RFC 8106 s5.3.1),
 * and the newer protocol first. */
enum conf_source { CONF_STATIC, CONF_DHCP6, CONF_DHCP4, CONF_RD, CONF_SOURCES };

/* Something that was configured. Of sources other than the string, only names are here. */
struct conf_record {
    struct conf_record *next;
    enum conf_source source;
    enum conf_key key;    /* KEY_IP, KEY_GW, KEY_DNS, KEY_DOMAIN */
    unsigned ifindex;     /* 0: of no interface */
    int family;           /* all but KEY_DOMAIN */
    int prefixlen;        /* KEY_IP, else 0 */
    uint8_t addr[16];     /* all but KEY_DOMAIN; the first 4 bytes for AF_INET */
    char scope[IFNAMSIZ]; /* KEY_DNS: the interface of a link-local address, else "" */
    char domain[];        /* KEY_DOMAIN, else "" */
};

struct conf_state;
struct keepers;

/* The records of a stack, made when first asked for; they end with the stack. Returns 0 or -ENOMEM. */
MUST_CHECK int conf_state_get(struct ioth *stack, struct conf_state **ret);

/* The keepers of a stack's interfaces (keepers.h), made when first asked for. Returns 0 or negative errno. */
MUST_CHECK int conf_state_keepers(struct conf_state *state, struct keepers **ret);
/* NULL: none have been made. */
struct keepers *conf_state_keepers_made(struct conf_state *state);

/* A record of the string as key, interface and value say, to be given to conf_state_add() or conf_record_free(). NULL: no
 * memory. */
struct conf_record *conf_record_new(enum conf_key key, unsigned ifindex, const struct conf_value *value);
void conf_record_free(struct conf_record *record);

/* True if an equal record is there. */
bool conf_state_has(struct conf_state *state, const struct conf_record *record);

/* Appends a record, or frees it if an equal one is there. Takes ownership. */
void conf_state_add(struct conf_state *state, struct conf_record *record);

/* Removes the record that equals `like`, if any. */
void conf_state_remove(struct conf_state *state, const struct conf_record *like);

/* Takes one record of that key and interface out of the state; NULL if there is none. The caller frees it. */
struct conf_record *conf_state_take(struct conf_state *state, enum conf_key key, unsigned ifindex);

/* From now on these are the names that a client of the interface `ifname` has learnt, in place of those before; NULL:
 * none. Returns 0 or -ENOMEM: nothing has changed. */
MUST_CHECK int conf_state_set_names(struct conf_state *state, enum conf_source source, unsigned ifindex,
                                    const char *ifname, const struct client_names *names);

/* The text of resolv.conf(5) for one interface (0: for all). Returns 1 and *ret (the caller frees it) if it
   differs from the text given last (from "" the first time), 0 if not, -ENOMEM. */
MUST_CHECK int conf_state_resolvconf(struct conf_state *state, unsigned ifindex, char **ret);

#endif
