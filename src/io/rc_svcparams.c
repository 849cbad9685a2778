/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rc_svcparams.h. A parameter in wire form is its number, the length of its value, the value; numbers rise, each once
 * (RFC 9460 s2.2). The value of alpn is a list, each protocol with a byte of length before it; that of port is two bytes; those
 * of dohpath and of keys by number are the text as it stands.
 */
#include "io/rc_svcparams.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { KEY_ALPN = 1, KEY_NO_DEFAULT_ALPN = 2, KEY_PORT = 3, KEY_DOHPATH = 7, KEY_MAX = 65534 };

struct word {
    const char *at;
    size_t len;
};

/* printf's "%.*s" of a word, cut to what is read at a glance. */
#define SHOWN(w) (int)((w).len < 60 ? (w).len : 60), (w).at

static PRINTF_LIKE(2, 3) int wrong(char why[static RC_SVCPARAMS_WHY_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, RC_SVCPARAMS_WHY_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

static bool is_word(struct word w, const char *text)
{
    return strlen(text) == w.len && strncasecmp(w.at, text, w.len) == 0;
}

/* Decimal, from least to most. */
static bool read_number(const char *text, size_t len, uint32_t least, uint32_t most, uint32_t *ret)
{
    uint32_t n = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text[i] - '0');
    }
    *ret = n;
    return n >= least && n <= most;
}

static int begin(struct rc_svcparams *p, uint32_t key, size_t len, char why[static RC_SVCPARAMS_WHY_MAX])
{
    if ((int)key <= p->last_key)
        return wrong(why, "parameters come in the order of their keys and once each, expected alpn, port, "
                          "dohpath, keyN");
    p->last_key = (int)key;
    writer_u16(&p->out, (uint16_t)key);
    writer_u16(&p->out, (uint16_t)len);
    return 0;
}

static int add_bytes(struct rc_svcparams *p, uint32_t key, struct word value,
                     char why[static RC_SVCPARAMS_WHY_MAX])
{
    int e = begin(p, key, value.len, why);

    if (e == 0)
        writer_put(&p->out, value.at, value.len);
    return e;
}

/* Protocols between commas: each a byte of length and the name. */
static int add_alpn(struct rc_svcparams *p, struct word value, char why[static RC_SVCPARAMS_WHY_MAX])
{
    int e = begin(p, KEY_ALPN, value.len + 1, why);
    const char *at = value.at, *end = value.at + value.len;

    while (e == 0 && at <= end) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        size_t len = (size_t)((comma ? comma : end) - at);
        if (len == 0 || len > 255)
            return wrong(why, "'%.*s' is no list of protocols, expected one such as alpn=dot,h2",
                         SHOWN(value));
        writer_u8(&p->out, (uint8_t)len);
        writer_put(&p->out, at, len);
        at += len + 1;
    }
    return e;
}

static int add_port(struct rc_svcparams *p, struct word value, char why[static RC_SVCPARAMS_WHY_MAX])
{
    uint32_t port;
    int e;

    if (!read_number(value.at, value.len, 1, UINT16_MAX, &port))
        return wrong(why, "'%.*s' is no port, expected 1 to 65535", SHOWN(value));
    e = begin(p, KEY_PORT, 2, why);
    if (e == 0)
        writer_u16(&p->out, (uint16_t)port);
    return e;
}

int rc_svcparams_add(struct rc_svcparams *p, const char *word, size_t len,
                     char why[static RC_SVCPARAMS_WHY_MAX])
{
    const char *is = memchr(word, '=', len);
    struct word key = {word, is ? (size_t)(is - word) : len};
    struct word value = {is ? is + 1 : "", is ? len - key.len - 1 : 0};
    uint32_t number;

    if (is_word(key, "alpn"))
        return add_alpn(p, value, why);
    if (is_word(key, "no-default-alpn"))
        return add_bytes(p, KEY_NO_DEFAULT_ALPN, (struct word){"", 0}, why);
    if (is_word(key, "port"))
        return add_port(p, value, why);
    if (is_word(key, "dohpath"))
        return add_bytes(p, KEY_DOHPATH, value, why);
    if (key.len > 3 && strncasecmp(key.at, "key", 3) == 0 &&
        read_number(key.at + 3, key.len - 3, KEY_DOHPATH + 1, KEY_MAX, &number))
        return add_bytes(p, number, value, why);
    return wrong(why, "'%.*s' is no parameter, expected alpn, port, dohpath or keyN", SHOWN(key));
}

bool rc_svcparams_have_alpn(const struct rc_svcparams *p)
{
    return p->last_key >= KEY_ALPN && get_be16(p->out.base) == KEY_ALPN;
}
