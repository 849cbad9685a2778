/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is an otip.conf(5). What a line says lies within the text and within its ranges, its own name matches it, and a line
 * written from what was read says the same. */
#include "fuzz.h"
#include "libnss_otip/otip_conf.h"

#include <stdio.h>

static void check_line(const struct otip_conf_line *line)
{
    char base[IPADDR_STRLEN], text[4096], rest[2048] = "", name[260];
    const char *file_word = line->kind == OTIP_CONF_OTIP ? "secret" : "key";
    struct otip_conf_line again;
    struct otip_conf_error error;

    if (line->kind != OTIP_CONF_HASH && line->file_len < 1900)
        snprintf(rest, sizeof(rest), "period %u %s %.*s", line->period_s, file_word, (int)line->file_len,
                 line->file);
    else if (line->kind != OTIP_CONF_HASH)
        return;
    int len =
        snprintf(text, sizeof(text), "%s %s%.*s. %s/%u %s", line->keyword, line->below ? "." : "",
                 (int)line->name_len, line->name, ipaddr_format(&line->base, base), line->prefix_len, rest);
    struct otip_conf conf = {text, text + len, 0};
    FUZZ_ASSERT(otip_conf_next(&conf, &again, &error) == 1);
    FUZZ_ASSERT(again.kind == line->kind && again.below == line->below && again.name_len == line->name_len);
    FUZZ_ASSERT(ipaddr_equal(&again.base, &line->base) && again.prefix_len == line->prefix_len);
    FUZZ_ASSERT(again.period_s == line->period_s && again.file_len == line->file_len);

    len = snprintf(name, sizeof(name), "%s%.*s", line->below ? "x." : "", (int)line->name_len, line->name);
    FUZZ_ASSERT(otip_conf_match(line, name, (size_t)len));
    FUZZ_ASSERT(otip_conf_match(line, line->name, line->name_len) == !line->below);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct otip_conf conf = {(const char *)data, (const char *)data + size, 0};
    struct otip_conf_line line;
    struct otip_conf_error error = {0};
    unsigned before = 0;
    int got;

    while ((got = otip_conf_next(&conf, &line, &error)) != 0) {
        FUZZ_ASSERT(conf.number > before);
        before = conf.number;
        if (got == 1)
            check_line(&line);
        else
            FUZZ_ASSERT(error.line == conf.number && error.column > 0 && error.text[0] != '\0');
    }
    return 0;
}
