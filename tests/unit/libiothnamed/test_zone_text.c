/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Zone files: what is read, what is reported and at which line; included files; reloads. */
#include "zone_world.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_reports(const char *text, const char *reports)
{
    char *got;
    struct zone *zone = zone_of_text("example", text, &got);
    assert_string_equal(got, reports);
    free(got);
    zone_unref(zone);
}

#define HEAD "$ORIGIN example.\n$TTL 3600\n@ SOA ns h 1 2 3 4 5\n@ NS ns.x.\n" /* lines 1 to 4 */

static void good_zones(void **state)
{
    (void)state;
    expect_reports(HEAD "a A 192.0.2.1 ; comment\n  AAAA 2001:db8::1\nq TXT ( \"two\"\n \"lines\" )\n", "");
    expect_reports(HEAD "a A 192.0.2.1\nb A 192.0.2.1", ""); /* no last newline */
    expect_reports(HEAD "a CNAME b\na RRSIG CNAME 8 2 3600 20300101000000 20200101000000 1 example. AAAA\n",
                   "");
    expect_reports(HEAD "a TYPE65280 \\# 3 010203\nb SVCB 1 . alpn=h2\nc CAA 0 issue \"x\"\n", "");
    expect_reports("@ 60 SOA ns h 1 2 3 4 5\n@ NS ns.x.\n", ""); /* the origin is the apex */
    expect_reports(HEAD "@ SOA ns h 1 2 3 4 5\n", "");           /* the same twice is once */
}

static void what_is_wrong(void **state)
{
    static const struct {
        const char *text, *reports;
    } cases[] = {
        {"", "0:0: error: example has no SOA, expected one\n0:0: error: example has no NS, expected one\n"},
        {"$TTL 60\n@ SOA ns h 1 2 3 4 5\n", "0:0: error: example has no NS, expected one\n"},
        {HEAD "@ SOA ns h 2 2 3 4 5\n", "0:5: error: example has two SOA, expected one\n"},
        {HEAD "a SOA ns h 2 2 3 4 5\n", "0:5: error: a.example has an SOA and is not the apex of the zone\n"},
        {HEAD "a A 192.0.2\nb A 192.0.2.1\nc A x\n",
         "0:5: error: '192.0.2': invalid IPv4 address, expected one such as 192.0.2.1\n"
         "0:7: error: 'x': invalid address character, expected an address such as 192.0.2.1 or "
         "2001:db8::1\n"},
        {HEAD "a CNAME b\na A 192.0.2.1\n",
         "0:6: error: a.example has a CNAME and other data, expected a CNAME alone\n"},
        {HEAD "a CNAME b\na CNAME c\n", "0:6: error: a.example has two CNAME, expected one\n"},
        {HEAD "a DNAME b\na DNAME c\n", "0:6: error: a.example has two DNAME, expected one\n"},
        {HEAD "a CH A 192.0.2.1\n", /* what it takes CH for */
         "0:5: error: 'CH': unsupported record type, expected one such as AAAA, or TYPE with its number\n"},
        {HEAD "a A 192.0.2.1\r\n",
         "0:5: error: unsupported CRLF newline, remove CR bytes; the rest of the file is not read\n"},
        {HEAD "a TYPE255 \\# 0\n", "0:5: error: a type that no record can have\n"},
        {HEAD "a TYPE1 \\# 3 010203\n", "0:5: error: the data do not have the form of their type\n"},
        {HEAD "a 3000000000 A 192.0.2.1\n", "0:5: error: the TTL is above 2147483647\n"},
        {HEAD "a.org. A 192.0.2.1\n", "0:5: warning: a.org is not within example: the record is left out\n"},
        {HEAD "$GENERATE 1-3 a$ A 192.0.2.$\nb A x\n",
         "0:5: error: '$GENERATE': invalid directive, expected the records "
         "of $GENERATE written out; the rest of the file is "
         "not read\n"},
        {HEAD "$NONSENSE\n",
         "0:5: error: '$NONSENSE': invalid directive, expected $ORIGIN, $TTL or $INCLUDE; the rest of "
         "the file is not read\n"},
        {HEAD "$TTL\n",
         "0:5: error: '$TTL': invalid zone TTL, expected seconds, or a time such as 1h; the rest of "
         "the file is not read\n"},
        {HEAD "$ORIGIN foo\n",
         "0:5: error: 'foo': invalid FQDN zone origin, expected a name with a dot at its end; the rest "
         "of the file is not read\n"},
        {HEAD "a MX x y\nb AAAA 192.0.2.1\nc A 192.0.2.1 more\n",
         "0:5: error: 'x': invalid number, expected decimal digits\n"
         "0:6: error: '192.0.2.1': invalid IPv6 address, expected one such as 2001:db8::1\n"
         "0:7: error: 'more': unexpected data, expected nothing more\n"},
        {HEAD "a A ( 192.0.2.1\n",
         "0:6: error: unclosed last multiline block, expected a ')'; the rest of the file is not read\n"},
        {HEAD "$INCLUDE a.zone\n", "0:5: error: $INCLUDE has no place here\n"},
        {HEAD "d DNAME t\nx.d A 192.0.2.1\n",
         "0:6: warning: x.d.example lies below a DNAME: nobody will see it\n"},
        {HEAD "s NS ns.x.\nx.s A 192.0.2.1\nx.s TXT a\n",
         "0:7: warning: x.s.example lies below a delegation: nobody will see it\n"},
        {HEAD "s NS ns.s\n",
         "0:5: warning: ns.s.example is a name server in this zone and has no address here\n"},
        {HEAD "@ NS a\na CNAME b\n", "0:5: warning: a.example is a name server and an alias\n"},
        {HEAD "s NS ns.t\nt NS ns.t\nns.t A 192.0.2.1\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_reports(cases[i].text, cases[i].reports);
}

static void hostile_bytes(void **state)
{
    static const char *const texts[] = {"\0x",
                                        "(",
                                        ")",
                                        "\"",
                                        "$",
                                        "$TTL",
                                        "$ORIGIN",
                                        "@",
                                        "a\\",
                                        "a 1 2 3 4",
                                        "\xff\xff",
                                        "$INCLUDE",
                                        "$TTL 99999999999999999999\n",
                                        "a A \\# 4 \n",
                                        "a NSEC \\# 0\n"};
    char *got;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        zone_unref(zone_of_text("example", texts[i], &got));
        free(got);
    }
}

/* --- files --- */

struct folder {
    char path[64], config[96];
};

/* text NULL: removes it. */
static void write_file(const struct folder *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", f->path, name);
    if (!text) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static struct folder a_folder(void)
{
    struct folder f = {.path = "/tmp/test_zone_text.XXXXXX"};
    assert_non_null(mkdtemp(f.path));
    snprintf(f.config, sizeof(f.config), "%s/test.rc", f.path);
    return f;
}

static void remove_folder(const struct folder *f)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -r %s", f->path);
    assert_int_equal(system(command), 0);
}

static struct config *config_of(const struct folder *f, const char *text)
{
    struct diags diags = {0};
    struct config *config;
    assert_int_equal(config_parse(f->config, text, strlen(text), &config, &diags), 0);
    diags_fini(&diags);
    return config;
}

/* What zones_load says: "FILE:LINE: error: TEXT\n" for each, with the paths below the folder. */
static int load(const struct folder *f, const struct config *c, const struct zones *old, struct zones **ret,
                char **ret_says)
{
    struct diags diags = {0};
    size_t size;
    FILE *out = open_memstream(ret_says, &size);
    int e = zones_load(c, old, &world_key, &diags, ret);
    for (const struct diag *d = diags.first; d; d = d->next)
        fprintf(out, "%s:%u: %s: %s\n", (d->path ? d->path : f->config) + strlen(f->path) + 1, d->at.line,
                d->warning ? "warning" : "error", d->text);
    fclose(out);
    diags_fini(&diags);
    return e;
}

#define RULES                                                                                                \
    "net all ::/0\nnet few 10.0.0.0/8\nauth zone all example a.zone\nauth zone few EXAMPLE a.zone\nauth "    \
    "zone few org 'a.zone'\n"

static void included_files(void **state)
{
    struct folder f = a_folder();
    struct config *c = config_of(&f, "net all ::/0\nauth zone all example a.zone\n");
    struct zones *zones = NULL;
    char path[128], expected[256], *says;
    (void)state;

    snprintf(path, sizeof(path), "%s/sub", f.path);
    assert_int_equal(mkdir(path, 0755), 0);
    write_file(&f, "a.zone",
               HEAD "$INCLUDE sub/b.zone\n$INCLUDE sub/b.zone in.example. ; there too\nlast A 192.0.2.2\n");
    write_file(&f, "sub/b.zone", "b A 192.0.2.1\n$INCLUDE c.zone\n$ORIGIN other.example.\nx A 192.0.2.3\n");
    write_file(&f, "sub/c.zone", "c A 192.0.2.1\n");
    assert_int_equal(load(&f, c, NULL, &zones, &says), 0);
    assert_string_equal(says, "");
    free(says);
    static const char *const names[] = {"\1b\7example",     "\1c\7example",        "\1b\2in\7example",
                                        "\1c\2in\7example", "\1x\5other\7example", "\4last\7example"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(zone_rrset(zone_find(zones->list[0].zone, (const uint8_t *)names[i]), RR_A));
    zones_unref(zones);

    write_file(&f, "sub/c.zone", "c A x\n$INCLUDE gone.zone\n");
    assert_int_equal(load(&f, c, NULL, &zones, &says), -EINVAL);
    assert_non_null(strstr(says, "sub/c.zone:1: error: 'x': invalid address character, expected an address"));
    snprintf(expected, sizeof(expected),
             "sub/c.zone:2: error: cannot include %s/sub/gone.zone: No such file or directory\n", f.path);
    assert_non_null(strstr(says, expected));
    free(says);

    write_file(&f, "sub/c.zone", "$INCLUDE c.zone\n"); /* itself */
    assert_int_equal(load(&f, c, NULL, &zones, &says), -EINVAL);
    assert_non_null(strstr(says, "sub/c.zone:1: error: too many files include each other\n"));
    free(says);
    config_free(c);
    remove_folder(&f);
}

static void reloads(void **state)
{
    struct folder f = a_folder();
    struct config *c = config_of(&f, RULES);
    struct zones *first = NULL, *second = NULL, *third = NULL;
    char *says, expected[512];
    (void)state;

    assert_int_equal(c->n_zones, 2); /* one file for two rules; another zone from the same file */
    assert_int_equal(load(&f, c, NULL, &first, &says), -EINVAL);
    snprintf(
        expected, sizeof(expected),
        "test.rc:3: error: %1$s/a.zone cannot be read: No such file or directory, expected a zone file\n"
        "test.rc:5: error: %1$s/a.zone cannot be read: No such file or directory, expected a zone file\n",
        f.path);
    assert_string_equal(says, expected);
    free(says);
    write_file(&f, "a.zone", "@ 60 SOA ns h 1 2 3 4 5\n@ NS ns.x.\n");
    assert_int_equal(load(&f, c, NULL, &first, &says), 0);
    assert_string_equal(says, "");
    free(says);
    assert_ptr_not_equal(first->list[0].zone, first->list[1].zone);

    assert_int_equal(load(&f, c, first, &second, &says), 0); /* nothing changed: the same store */
    free(says);
    assert_ptr_equal(second->list[0].zone, first->list[0].zone);
    zones_unref(first);

    write_file(&f, "a.zone", "@ 60 SOA ns h 2 2 3 4 5\n@ NS ns.x.\nbad\n"); /* the old content stays */
    assert_int_equal(load(&f, c, second, &third, &says), 0);
    assert_string_equal(says,
                        "a.zone:0: warning: has errors; the zone stays as it was (serial 1)\n"
                        "a.zone:0: warning: has errors; the zone stays as it was (serial 1)\n"
                        "a.zone:3: warning: 'bad': owner is invalid, expected NAME [TTL] [IN] TYPE DATA\n"
                        "a.zone:3: warning: 'bad': owner is invalid, expected NAME [TTL] [IN] TYPE DATA\n");
    free(says);
    assert_ptr_equal(third->list[0].zone, second->list[0].zone);
    zones_unref(second);

    write_file(&f, "a.zone", NULL); /* so it does if the file is gone */
    assert_int_equal(load(&f, c, third, &second, &says), 0);
    assert_int_equal(strncmp(says, "test.rc:3: warning: ", 20), 0);
    assert_non_null(strstr(says, "a.zone:0: warning: has errors; the zone stays as it was (serial 1)\n"));
    free(says);
    zones_unref(third);
    third = second;

    write_file(&f, "a.zone", "@ 60 SOA ns h 3 2 3 4 5\n@ NS ns.x.\n"); /* mended */
    assert_int_equal(load(&f, c, third, &first, &says), 0);
    free(says);
    assert_int_equal(zone_serial(first->list[0].zone), 3);
    zones_unref(third);
    zones_unref(first);
    config_free(c);
    remove_folder(&f);
}

static void no_files(void **state)
{
    struct folder f = a_folder();
    struct config *c = config_of(&f, "net all ::/0\nauth zone all example .\nauth zone all org /dev/null\n");
    struct zones *zones;
    char *says;
    (void)state;
    assert_int_equal(load(&f, c, NULL, &zones, &says), -EINVAL);
    assert_non_null(strstr(says, "Is a directory"));
    assert_non_null(strstr(says, "it is no regular file"));
    free(says);
    config_free(c);
    remove_folder(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_zones),     cmocka_unit_test(what_is_wrong), cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(included_files), cmocka_unit_test(reloads),       cmocka_unit_test(no_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
