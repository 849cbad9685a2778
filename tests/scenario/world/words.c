/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See words.h. All of it comes from a file that a person writes, so each error names the word and says what would be right. */
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int word_is_no(const char *text, const char *expected, char why[static WORLD_WHY_MAX])
{
    snprintf(why, WORLD_WHY_MAX, "'%.80s' is no %s", text, expected);
    return -EINVAL;
}

static nsec_t unit_of(const char **text)
{
    static const struct {
        const char *word;
        nsec_t length;
    } units[] = {{"ms", NSEC_PER_MSEC},
                 {"s", SECONDS(1)},
                 {"m", SECONDS(60)},
                 {"h", SECONDS(3600)},
                 {"d", SECONDS(86400)}};

    for (unsigned i = 0; i < ARRAY_LEN(units); i++) {
        size_t len = strlen(units[i].word);
        if (strncmp(*text, units[i].word, len) == 0 && (i > 0 || (*text)[1] == 's')) {
            *text += len;
            return units[i].length;
        }
    }
    return 0;
}

int word_time(const char *text, nsec_t *ret)
{
    nsec_t sum = 0;

    if (*text == '\0')
        return -EINVAL;
    while (*text) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || number > 1000000)
            return -EINVAL;
        text = end;
        nsec_t unit = unit_of(&text);
        if (unit == 0)
            return -EINVAL;
        sum += (nsec_t)number * unit;
    }
    *ret = sum;
    return 0;
}

int word_share(const char *text, unsigned *ret)
{
    char *end;
    double share = strtod(text, &end);

    if (end == text || strcmp(end, "%") != 0 || !(share >= 0 && share <= 100))
        return -EINVAL;
    *ret = (unsigned)(share * 10 + 0.5);
    return 0;
}

int word_number(const char *text, uint32_t max, uint32_t *ret)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || number > max)
        return -EINVAL;
    *ret = (uint32_t)number;
    return 0;
}

int word_addrs(const char *text, struct ipaddr *ret, unsigned max)
{
    unsigned n = 0;

    for (;;) {
        size_t len = strcspn(text, ",");
        if (n == max || ipaddr_parse(text, len, &ret[n]) < 0)
            return -EINVAL;
        n++;
        if (text[len] == '\0')
            return (int)n;
        text += len + 1;
    }
}

int word_prefix(const char *text, struct ipaddr *ret, unsigned *ret_bits)
{
    return ipaddr_parse_prefix(text, strlen(text), ret, ret_bits);
}
