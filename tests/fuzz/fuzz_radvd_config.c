/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text as a file of options, and its first line as an option of the command line too. Either there is one sentence of an
 * error, or a configuration whose advertisements can all be said.
 */
#include "fuzz.h"
#include "libiothradvd/ra_config.h"
#include "libiothradvd/ra_core.h"
#include "libiothradvd/ra_speak.h"

#include <errno.h>

static void no_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 0, len);
}

static void check_interface(const struct ra_interface *it)
{
    const struct ra_env env = {.random = no_chance};
    const struct ra_settings *s = &it->settings;
    const struct ra_place place = {.addr = {{0xfe, 0x80, [15] = 1}}, .mac = {2}};
    struct ra_core *ra;
    struct ra_event e;
    struct nd_message msg;
    struct nd_option o;
    unsigned said = 0, own = 0;

    FUZZ_ASSERT(it->name && it->name[0] && s->n_options <= RA_OPTIONS_MAX);
    FUZZ_ASSERT(s->interval_min > 0 && s->interval_min <= s->interval_max);
    for (unsigned i = 0; i < s->n_options; i++) {
        FUZZ_ASSERT(ra_option_fits(&s->options[i].nd));
        own += s->options[i].own;
    }
    if (ra_new(&env, s, 0, &ra) < 0)
        abort();
    ra_start(ra, &place, 0);
    ra_timeout(ra, ra_deadline(ra));
    while (ra_next(ra, &e) == RA_SEND) {
        FUZZ_ASSERT(nd_read(e.bytes, e.len, &msg) == 0);
        while (nd_next_option(&msg.options, &o))
            said += o.type != ND_SOURCE_MAC && o.type != ND_MTU;
    }
    FUZZ_ASSERT(said == s->n_options - own);
    ra_free(ra);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char name[256];
    struct ra_draft *draft;
    struct ra_config *config = NULL;
    if (ra_draft_new(&draft) < 0)
        abort();
    int e = ra_draft_text(draft, "fuzz.rc", text, size);
    if (e == 0 && size > 0 && text[0] == '-') {
        size_t len = size < sizeof(name) ? size : sizeof(name) - 1;
        memcpy(name, text, len);
        name[len] = '\0';
        char *value = strchr(name, ' ');
        if (value)
            *value++ = '\0';
        e = ra_draft_option(draft, name + 1, value);
    }
    if (e == 0)
        e = ra_draft_finish(draft, &config);
    FUZZ_ASSERT((e == 0) == (config != NULL) && (e == 0) == (ra_draft_error(draft)[0] == '\0'));
    FUZZ_ASSERT(e == 0 || e == -EINVAL);
    for (unsigned i = 0; config && i < config->n_interfaces; i++)
        check_interface(&config->interfaces[i]);
    ra_config_free(config);
    ra_draft_free(draft);
    return 0;
}
