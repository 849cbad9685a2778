/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a zone file. What becomes a store can be looked up, and its data have the form of their types. */
#include "fuzz.h"
#include "libiothnamed/zone_text.h"

static void count_errors(void *arg, bool warning, uint16_t file, uint32_t line, const char *text)
{
    unsigned *errors = arg;

    FUZZ_ASSERT(file == 0 && strlen(text) > 0);
    (void)line;
    *errors += !warning;
}

static void read_rrset(const struct zone_node *node, const struct zone_rrset *set)
{
    static uint8_t out[RDATA_MAX];
    size_t at = 0;

    for (unsigned i = 0; i < set->count; i++) {
        uint8_t room[ZONE_NAMES_MAX];
        size_t len;
        FUZZ_ASSERT(zone_record_at(set, i) == at);
        const uint8_t *rdata = zone_rdata(node, set, at, room, &len);
        struct reader r = reader_of(rdata, len);
        FUZZ_ASSERT(rrtype_read_rdata(&r, set->type, (uint16_t)len, out, sizeof(out)) == (int)len);
        at += zone_record_len(set, at);
    }
    FUZZ_ASSERT(at == set->size);
}

static void look(const struct zone *z, const char *name)
{
    struct zone_look found;

    zone_look_up(z, (const uint8_t *)name, &found);
    FUZZ_ASSERT(found.closest && (found.node == NULL || found.node == found.closest));
    if (found.closest->flags & ZONE_NODE_WILDCARD)
        FUZZ_ASSERT(zone_look_wildcard(z, &found));
    const struct zone_rrset *set = zone_first_rrset(found.closest);
    for (unsigned left = found.closest->n_rrsets; left > 0; left--, set = zone_next_rrset(set))
        read_rrset(found.closest, set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"\7example",    "\1a\7example",  "\1b\1a\7example",
                                        "\1*\7example", "\2ns\7example", "\3sub\7example"};
    static const struct siphash_key key = {{1, 2}};
    unsigned errors = 0;
    struct zone_text text = {.apex = (const uint8_t *)"\7example",
                             .builder = zone_builder_new(&key, (const uint8_t *)"\7example"),
                             .report = count_errors,
                             .arg = &errors};
    struct zone *zone = NULL;

    FUZZ_ASSERT(text.builder);
    FUZZ_ASSERT(zone_text_read(&text, 0, (const char *)data, size) == 0);
    FUZZ_ASSERT(zone_builder_check(text.builder, count_errors, &errors) == 0);
    FUZZ_ASSERT(zone_builder_finish(text.builder, &zone) ==
                0); /* also of one with errors, which nobody would serve */
    zone_builder_free(text.builder);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        look(zone, names[i]);
    zone_unref(zone);
    return 0;
}
