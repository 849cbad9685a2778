/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of configuration strings, as a table.

   Each keyword is a row: its spelling, what it means (several spellings may mean the same), what its value
   looks like, in which forms it occurs. The parser, the checker and the undo forms are generic code that
   walks this table; a new option is a row here, a step in apply.c if it does something, a test and a line in
   iothconf.h.

   A misspelt word is answered with the nearest keyword, if one is near (base/edits.h). */
#include "libiothconf/keyword.h"

#include "base/edits.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define UNDOABLE (FORM_DO | FORM_UNDO)

static const struct conf_keyword keywords[] = {
    {"stack", KEY_STACK, VALUE_TEXT, FORM_DO, "stack=vdestack"},
    {"vnl", KEY_VNL, VALUE_TEXT, FORM_DO, "vnl=vde:///tmp/hub"},
    {"iface", KEY_IFACE, VALUE_IFNAME, FORM_DO, "iface=vde0"},
    {"ifindex", KEY_IFINDEX, VALUE_NUMBER, FORM_DO, "ifindex=2"},
    {"fqdn", KEY_FQDN, VALUE_NAME, FORM_DO, "fqdn=host.example.org"},
    {"mac", KEY_MAC, VALUE_MAC, FORM_DO, "mac=80:01:01:01:01:01"},
    {"macaddr", KEY_MAC, VALUE_MAC, FORM_DO, "macaddr=80:01:01:01:01:01"},
    {"eth", KEY_ETH, VALUE_NONE, UNDOABLE, NULL},
    {"ip", KEY_IP, VALUE_PREFIX, UNDOABLE | FORM_UNDO_ALL, "ip=10.0.0.1/24"},
    {"gw", KEY_GW, VALUE_ADDR, UNDOABLE | FORM_UNDO_ALL, "gw=10.0.0.254"},
    {"dns", KEY_DNS, VALUE_ADDR, UNDOABLE | FORM_UNDO_ALL, "dns=10.0.0.53"},
    {"domain", KEY_DOMAIN, VALUE_NAME, UNDOABLE | FORM_UNDO_ALL, "domain=example.org"},
    {"static", KEY_STATIC, VALUE_NONE, FORM_UNDO, NULL},
    {"debug", KEY_DEBUG, VALUE_NONE, FORM_DO, NULL},
    {"dhcp", KEY_DHCP, VALUE_NONE, UNDOABLE, NULL},
    {"dhcp4", KEY_DHCP, VALUE_NONE, UNDOABLE, NULL},
    {"dhcpv4", KEY_DHCP, VALUE_NONE, UNDOABLE, NULL},
    {"dhcp6", KEY_DHCP6, VALUE_NONE, UNDOABLE, NULL},
    {"dhcpv6", KEY_DHCP6, VALUE_NONE, UNDOABLE, NULL},
    {"rd", KEY_RD, VALUE_NONE, UNDOABLE, NULL},
    {"rd6", KEY_RD, VALUE_NONE, UNDOABLE, NULL},
    {"slaac", KEY_SLAAC, VALUE_NONE, FORM_DO, NULL},
    {"auto", KEY_AUTO, VALUE_NONE, UNDOABLE, NULL},
    {"auto4", KEY_AUTO4, VALUE_NONE, UNDOABLE, NULL},
    {"autov4", KEY_AUTO4, VALUE_NONE, UNDOABLE, NULL},
    {"auto6", KEY_AUTO6, VALUE_NONE, UNDOABLE, NULL},
    {"autov6", KEY_AUTO6, VALUE_NONE, UNDOABLE, NULL},
    {"timeout", KEY_TIMEOUT, VALUE_SECONDS, FORM_DO, "timeout=15"},
    {"statedir", KEY_STATEDIR, VALUE_PATH, FORM_DO, "statedir=/var/lib/ioth"},
};

const struct conf_keyword *conf_keyword_find(const char *word, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (strlen(keywords[i].name) == len && strncasecmp(keywords[i].name, word, len) == 0)
            return &keywords[i];
    }
    return NULL;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

const struct conf_keyword *conf_keyword_nearest(const char *word, size_t len)
{
    const struct conf_keyword *nearest = NULL;
    size_t best = edits_near(len) + 1;

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        size_t distance = edits_between(word, len, keywords[i].name, strlen(keywords[i].name));

        if (distance < best) {
            best = distance;
            nearest = &keywords[i];
        }
    }
    return nearest;
}

size_t conf_keyword_list(char *text, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct conf_keyword *k = &keywords[i];
        bool alias = i > 0 && k->key == k[-1].key;

        if (!alias && len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s%s", len > 0 ? " " : "",
                                    k->forms & FORM_DO ? "" : "-", k->name);
    }
    return min(len, size - 1);
}
