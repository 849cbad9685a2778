/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of the DHCP servers: bytes as a file, and as options of the command line over it. A configuration, or an error that
 * says where and what. */
#include "fuzz.h"
#include "libnamedhcp/namedhcp_config.h"

#include <errno.h>
#include <stdio.h>

/* Lines of it once more as options: "name value". */
static int options(struct namedhcp_draft *d, const char *text)
{
    char name[64], value[256];
    int e = 0, at = 0;

    while (e == 0 && sscanf(text, "%63[a-z0-9-]%*[ \t]%255[^\n]%*[\n]%n", name, value, &at) == 2 && at > 0) {
        e = namedhcp_draft_option(d, name, value);
        text += at;
        at = 0;
    }
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct namedhcp_draft *d = NULL;
    struct namedhcp_config *c = NULL;

    FUZZ_ASSERT(namedhcp_draft_new(size % 2, &d) == 0);
    char *text = malloc(size + 1);
    FUZZ_ASSERT(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(data[i] ? data[i] : ' ');
    text[size] = '\0';
    int e = namedhcp_draft_text(d, "t.rc", text, size);
    if (e == 0 && size % 3 == 0)
        e = options(d, text);
    if (e == 0)
        e = namedhcp_draft_finish(d, &c);
    FUZZ_ASSERT(e == 0 || (e == -EINVAL && namedhcp_draft_error(d)[0]));
    FUZZ_ASSERT(e < 0 || c);
    free(text);
    namedhcp_draft_free(d);
    namedhcp_config_free(c);
    return 0;
}
