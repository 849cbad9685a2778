/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Zones from text, and replies as text, for the tests of authority. */
#ifndef ZONE_WORLD_H
#define ZONE_WORLD_H

#include "query_world.h"

#include "libiothnamed/config_build.h"
#include "libiothnamed/load_zones.h"
#include "libiothnamed/zone_text.h"

/* "FILE:LINE: warning: TEXT\n" for each report; FILE is a number. */
static inline void note_report(void *arg, bool warning, uint16_t file, uint32_t line, const char *text)
{
    fprintf(arg, "%u:%u: %s: %s\n", file, line, warning ? "warning" : "error", text);
}

/* The store of a zone, or NULL with errors. ret_reports: to be freed. */
static inline struct zone *zone_of_text(const char *apex, const char *text, char **ret_reports)
{
    uint8_t name[DNAME_MAX];
    size_t size;
    FILE *reports = open_memstream(ret_reports, &size);
    struct zone *zone = NULL;
    assert_non_null(reports);
    assert_true(dname_from_text(apex, strlen(apex), name) > 0);
    struct zone_text t = {
        .builder = zone_builder_new(&world_key, name), .apex = name, .report = note_report, .arg = reports};
    assert_non_null(t.builder);
    assert_int_equal(zone_text_read(&t, 0, text, strlen(text)), 0);
    assert_int_equal(zone_builder_check(t.builder, note_report, reports), 0);
    fclose(reports);
    if (!strstr(*ret_reports, "error:"))
        assert_int_equal(zone_builder_finish(t.builder, &zone), 0);
    zone_builder_free(t.builder);
    return zone;
}

/* A configuration with one zone file, whose text is this. */
static inline void world_open_zone(struct world *w, const char *config, const char *zone_text)
{
    char apex[DNAME_TEXT_MAX], *reports;
    world_open(w, config);
    struct zones *zones = calloc(1, sizeof(*zones) + sizeof(*zones->list));
    assert_non_null(zones);
    assert_int_equal(w->config->config->n_zones, 1);
    zones->count = 1;
    atomic_init(&zones->users, 1);
    zones->list[0].zone =
        zone_of_text(dname_to_text(w->config->config->zones[0].apex.wire, apex), zone_text, &reports);
    if (!zones->list[0].zone)
        print_error("%s", reports);
    assert_non_null(zones->list[0].zone);
    free(reports);
    w->config->zones = zones;
    snapshot_unref((struct snapshot *)w->env.snap);
    w->env.snap = world_snapshot(w, NULL);
}

static inline const char *rcode_text(unsigned rcode)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN"};
    return rcode < ARRAY_LEN(names) ? names[rcode] : "?";
}

static inline void print_rr(const struct got *g, const struct dns_rr *rr, FILE *out)
{
    static uint8_t rdata[RDATA_MAX];
    char name[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];
    struct reader r = reader_of(g->bytes, g->len);
    r.pos = rr->rdata;
    int len = rrtype_read_rdata(&r, rr->type, rr->rdlen, rdata, sizeof(rdata));
    assert_true(len >= 0);
    fprintf(out, " %s %u %s", dname_to_text(rr->owner, name), rr->ttl, rrtype_to_text(rr->type, type));
    rdata_print(rr->type, rdata, (size_t)len, out);
    fputc('\n', out);
}

/* A reply: "RCODE [AA] [TC]", then a line for each record but OPT: answer, authority or additional, owner, TTL,
 * type, data. Valid until the next call. */
static inline const char *reply_text(const struct got *g)
{
    static const char *const sections[] = {"answer", "authority", "additional"};
    static char *text;
    size_t size;
    free(text);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (g->outcome != QUERY_REPLY)
        fprintf(out, "outcome %d\n", (int)g->outcome);
    fprintf(out, "%s%s%s\n", rcode_text(g->rcode), g->header.flags & DNS_AA ? " AA" : "",
            g->header.flags & DNS_TC ? " TC" : "");
    for (unsigned section = 0, i = 0; section < 3; section++)
        for (unsigned left = g->header.count[section]; left > 0 && i < g->n; left--, i++)
            if (g->rr[i].type != RR_OPT) {
                fputs(sections[section], out);
                print_rr(g, &g->rr[i], out);
            }
    fclose(out);
    return text;
}

/* Asks without EDNS; expects that text. */
static inline void expect(struct world *w, const char *name, uint16_t type, const char *text)
{
    struct got *g = world_ask(w, (struct ask){.name = name, .type = type});
    assert_string_equal(reply_text(g), text);
}

#endif
