/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values of configuration options: text to numbers and addresses.

   One function for each kind, in a table. Each gets a piece of the configuration string, which is not
   terminated, and fills its members of struct conf_value or returns what is wrong as the end of a sentence;
   the parser knows the rest of the sentence and the place. Everything that later steps pass to netlink has
   been checked here, so that a string that passes can fail only because of the state of the stack. */
#include "libiothconf/value.h"

#include <arpa/inet.h>
#include <ioth.h>
#include <net/if.h>
#include <string.h>

enum {
    NAME_MAX_LEN = 253, /* text of a domain name without final dot, RFC 1035 s2.3.4 */
    LABEL_MAX_LEN = 63,
    SECONDS_MAX = 86400,    /* a day: who waits longer does not wait */
    PATH_LEN_MAX = 3800,    /* PATH_MAX less the name of a file in that folder */
    DECIMAL_DIGITS_MAX = 9, /* so that a number cannot overflow */
};

/* Nothing that would end a word or a line in resolv.conf or in a log: blanks, control bytes. */
static bool is_word(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    }
    return len > 0;
}

/* A decimal number without sign; false if it is none or has more than DECIMAL_DIGITS_MAX digits. */
static bool parse_decimal(const char *text, size_t len, unsigned *ret)
{
    unsigned n = 0;

    if (len == 0 || len > DECIMAL_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text[i] - '0');
    }
    *ret = n;
    return true;
}

static const char *parse_text(struct conf_value *v)
{
    return v->len > 0 ? NULL : "is empty";
}

static const char *parse_ifname(struct conf_value *v)
{
    bool fine = is_word(v->text, v->len) && v->len < IFNAMSIZ && memchr(v->text, '/', v->len) == NULL;

    return fine ? NULL : "is not the name of an interface (1 to 15 bytes, without blanks and slashes)";
}

static const char *parse_number(struct conf_value *v)
{
    return parse_decimal(v->text, v->len, &v->number) && v->number > 0 ? NULL : "is not a number above 0";
}

static const char *parse_seconds(struct conf_value *v)
{
    bool fine = parse_decimal(v->text, v->len, &v->number) && v->number <= SECONDS_MAX;

    return fine ? NULL : "is not a number of seconds (0 to 86400)";
}

static const char *parse_path(struct conf_value *v)
{
    return v->len < PATH_LEN_MAX ? NULL : "is too long for a path";
}

static const char *parse_name(struct conf_value *v)
{
    const char *label = v->text;
    const char *end = v->text + v->len;

    if (v->len > 1 && end[-1] == '.')
        end--;
    if (!is_word(v->text, v->len) || end - label > NAME_MAX_LEN)
        return "is not a domain name (at most 253 bytes, without blanks)";
    while (label < end) {
        const char *dot = memchr(label, '.', (size_t)(end - label));
        ptrdiff_t label_len = (dot != NULL ? dot : end) - label;

        if (label_len == 0 || label_len > LABEL_MAX_LEN || dot == end - 1)
            return "is not a domain name (its labels have 1 to 63 bytes)";
        label += label_len + 1;
    }
    return NULL;
}

static const char *parse_mac(struct conf_value *v)
{
    static const uint8_t zero[sizeof(v->mac)];
    char copy[MAC_ADDRSTRLEN];

    if (v->len >= sizeof(copy))
        return "is not a MAC address";
    memcpy(copy, v->text, v->len);
    copy[v->len] = '\0';
    if (!ioth_macton(copy, v->mac))
        return "is not a MAC address";
    if (v->mac[0] & 1)
        return "is a multicast MAC address (the lowest bit of the first byte is set)";
    return memcmp(v->mac, zero, sizeof(zero)) == 0 ? "is all zero" : NULL;
}

/* Parses an address of len bytes into v->family and v->addr. */
static bool parse_ip(const char *text, size_t len, struct conf_value *v)
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    v->family = memchr(text, ':', len) != NULL ? AF_INET6 : AF_INET;
    return inet_pton(v->family, copy, v->addr) == 1;
}

static const char *parse_addr(struct conf_value *v)
{
    return parse_ip(v->text, v->len, v) ? NULL : "is not an IPv4 or IPv6 address";
}

static const char *parse_prefix(struct conf_value *v)
{
    const char *slash = memchr(v->text, '/', v->len);
    size_t addr_len = slash == NULL ? v->len : (size_t)(slash - v->text);
    unsigned bits = 0;
    bool number;

    if (!parse_ip(v->text, addr_len, v))
        return "does not begin with an IPv4 or IPv6 address";
    if (slash == NULL)
        return "lacks the length of the prefix";
    number = parse_decimal(slash + 1, v->len - addr_len - 1, &bits);
    if (v->family == AF_INET && (!number || bits > 32))
        return "has a bad prefix length (0 to 32 for IPv4)";
    if (v->family == AF_INET6 && (!number || bits > 128))
        return "has a bad prefix length (0 to 128 for IPv6)";
    v->prefixlen = (int)bits;
    return NULL;
}

const char *conf_value_parse(enum conf_value_kind kind, const char *text, size_t len, struct conf_value *ret)
{
    static const char *(*const parsers[])(struct conf_value *) = {
        [VALUE_NONE] = parse_text,     [VALUE_TEXT] = parse_text,       [VALUE_IFNAME] = parse_ifname,
        [VALUE_NUMBER] = parse_number, [VALUE_SECONDS] = parse_seconds, [VALUE_PATH] = parse_path,
        [VALUE_NAME] = parse_name,     [VALUE_MAC] = parse_mac,         [VALUE_ADDR] = parse_addr,
        [VALUE_PREFIX] = parse_prefix,
    };
    struct conf_value value = {.text = text, .len = len};
    const char *wrong = parsers[kind](&value);

    if (wrong == NULL)
        *ret = value;
    return wrong;
}
