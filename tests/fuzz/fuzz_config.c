/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a configuration. If it is one, its print is one too, and prints the same again. */
#include "fuzz.h"
#include "libiothnamed/config.h"

static struct config *parse(const char *text, size_t len)
{
    struct config *config = NULL;
    struct diags diags = {0};
    int result = config_parse("fuzz.rc", text, len, &config, &diags);

    FUZZ_ASSERT((result == 0) == (config != NULL) && (result == 0) == (diags.errors == 0));
    diags_fini(&diags);
    return config;
}

static char *print(const struct config *config, size_t *ret_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);

    FUZZ_ASSERT(out);
    config_print(config, out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len, again_len;
    struct config *config = parse((const char *)data, size);

    if (!config)
        return 0;
    char *text = print(config, &len);
    struct config *again = parse(text, len);
    FUZZ_ASSERT(again);
    char *text_again = print(again, &again_len);
    FUZZ_ASSERT(len == again_len && memcmp(text, text_again, len) == 0);
    config_free(config);
    config_free(again);
    free(text);
    free(text_again);
    return 0;
}
