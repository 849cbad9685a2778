/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of configuration strings, as a table.

   Each keyword is a row: its spelling, what it means (several spellings may mean the same), what its value
   looks like, in which forms it occurs. The parser, the checker and the undo forms are generic code that
   walks this table; a new option is a row here, a step in config.c if it does something, a test and a line in
   iothconf.h.

   A misspelt word is answered with the nearest keyword by edit distance, where exchanging two neighbours
   counts as one edit. Only words that differ by at most a third of their letters, or by one, are near. */
#include "libiothconf/keyword.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define UNDOABLE (FORM_DO | FORM_UNDO)

static const struct conf_keyword keywords[] = {
    {"stack", KEY_STACK, VALUE_TEXT, FORM_DO, false, "stack=vdestack"},
    {"vnl", KEY_VNL, VALUE_TEXT, FORM_DO, false, "vnl=vde:///tmp/hub"},
    {"iface", KEY_IFACE, VALUE_IFNAME, FORM_DO, false, "iface=vde0"},
    {"ifindex", KEY_IFINDEX, VALUE_NUMBER, FORM_DO, false, "ifindex=2"},
    {"fqdn", KEY_FQDN, VALUE_NAME, FORM_DO, false, "fqdn=host.example.org"},
    {"mac", KEY_MAC, VALUE_MAC, FORM_DO, false, "mac=80:01:01:01:01:01"},
    {"macaddr", KEY_MAC, VALUE_MAC, FORM_DO, false, "macaddr=80:01:01:01:01:01"},
    {"eth", KEY_ETH, VALUE_NONE, UNDOABLE, false, NULL},
    {"ip", KEY_IP, VALUE_PREFIX, UNDOABLE | FORM_UNDO_ALL, false, "ip=10.0.0.1/24"},
    {"gw", KEY_GW, VALUE_ADDR, UNDOABLE | FORM_UNDO_ALL, false, "gw=10.0.0.254"},
    {"dns", KEY_DNS, VALUE_ADDR, UNDOABLE | FORM_UNDO_ALL, false, "dns=10.0.0.53"},
    {"domain", KEY_DOMAIN, VALUE_NAME, UNDOABLE | FORM_UNDO_ALL, false, "domain=example.org"},
    {"static", KEY_STATIC, VALUE_NONE, FORM_UNDO, false, NULL},
    {"debug", KEY_DEBUG, VALUE_NONE, FORM_DO, false, NULL},
    {"dhcp", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"dhcp4", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"dhcpv4", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"dhcp6", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"dhcpv6", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"rd", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"rd6", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"slaac", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"auto", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"auto4", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"autov4", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"auto6", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
    {"autov6", KEY_AUTOMATIC, VALUE_NONE, UNDOABLE, true, NULL},
};

/* Longer than any keyword by more than what could be near. */
enum { WORD_MAX = 15 };

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

/* Edits (insert, delete, replace, swap neighbours) from a to b; both are at most WORD_MAX long. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t d[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= a_len; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            size_t replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            d[i][j] = min(replace, min(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a_len][b_len];
}

const struct conf_keyword *conf_keyword_nearest(const char *word, size_t len)
{
    const struct conf_keyword *nearest = NULL;
    char lowered[WORD_MAX];
    size_t best = len < 3 ? 2 : len / 3 + 1; /* a distance below this is near */

    if (len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < len; i++)
        lowered[i] = (char)tolower((unsigned char)word[i]);
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        size_t distance = edit_distance(lowered, len, keywords[i].name, strlen(keywords[i].name));

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

        if (!k->unbuilt && !alias && len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s%s", len > 0 ? " " : "",
                                    k->forms & FORM_DO ? "" : "-", k->name);
    }
    return min(len, size - 1);
}
