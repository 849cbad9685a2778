/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_KEYWORD_H
#define LIBIOTHCONF_KEYWORD_H

#include "base/base.h"
#include <stdbool.h>

enum conf_key {
    KEY_STACK,
    KEY_VNL,
    KEY_IFACE,
    KEY_IFINDEX,
    KEY_FQDN,
    KEY_MAC,
    KEY_ETH,
    KEY_IP,
    KEY_GW,
    KEY_DNS,
    KEY_DOMAIN,
    KEY_STATIC,
    KEY_DHCP,
    KEY_DHCP6,
    KEY_RD,
    KEY_SLAAC,
    KEY_AUTO,
    KEY_AUTO4,
    KEY_AUTO6,
    KEY_TIMEOUT,
    KEY_STATEDIR,
    KEY_DEBUG,
};

enum conf_value_kind {
    VALUE_NONE,
    VALUE_TEXT,   /* anything but nothing */
    VALUE_IFNAME, /* name of an interface */
    VALUE_NUMBER, /* index of an interface */
    VALUE_SECONDS,
    VALUE_PATH, /* of a folder */
    VALUE_NAME, /* domain name */
    VALUE_MAC,
    VALUE_ADDR,   /* IPv4 or IPv6 */
    VALUE_PREFIX, /* address/length */
};

/* How a keyword may be written. */
enum {
    FORM_DO = 1,       /* keyword */
    FORM_UNDO = 2,     /* -keyword */
    FORM_UNDO_ALL = 4, /* -keyword without the value that it has otherwise */
};

struct conf_keyword {
    const char *name; /* lower case */
    enum conf_key key;
    enum conf_value_kind value;
    unsigned forms;
    const char *example; /* of a value, for error messages; NULL if it has none */
};

/* The keyword spelt by len bytes, in any letter case; NULL if there is none. */
const struct conf_keyword *conf_keyword_find(const char *word, size_t len);

/* The keyword that a person probably meant by len bytes; NULL if nothing is near. */
const struct conf_keyword *conf_keyword_nearest(const char *word, size_t len);

/* Writes the keywords, separated by blanks, cut to size (> 0) bytes with the final NUL.
   Returns the length of the text. */
size_t conf_keyword_list(char *text, size_t size);

#endif
