/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two bytes of a type, then fields of presentation form, separated by blanks. RDATA made of them fits its own
 * shape. */
#include "fuzz.h"
#include "wire/rrtype.h"

#include <errno.h>

enum { FIELDS_MAX = 32 };

static unsigned split(const char *text, size_t len, struct text_field fields[static FIELDS_MAX])
{
    unsigned n = 0;

    for (const char *end = text + len; text < end && n < FIELDS_MAX; n++) {
        const char *blank = memchr(text, ' ', (size_t)(end - text));
        fields[n] = (struct text_field){text, (size_t)((blank ? blank : end) - text)};
        text += fields[n].len + 1;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rdata[RDATA_MAX], read[RDATA_MAX];
    struct text_field fields[FIELDS_MAX];
    unsigned wrong_field;
    const char *expected = NULL;

    if (size < 2)
        return 0;
    uint16_t type = get_be16(data);
    unsigned n = split((const char *)data + 2, size - 2, fields);
    int len = rrtype_rdata_from_text(type, fields, n, rdata, sizeof(rdata), &wrong_field, &expected);
    if (len == -EINVAL)
        FUZZ_ASSERT(wrong_field <= n && expected);
    if (len < 0)
        return 0;
    struct reader r = reader_of(rdata, (size_t)len);
    FUZZ_ASSERT(rrtype_read_rdata(&r, type, (uint16_t)len, read, sizeof(read)) == len);
    FUZZ_ASSERT(memcmp(rdata, read, (size_t)len) == 0);
    return 0;
}
