/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of names: the set against a naive one, what lines say, files that change, vanish or are none, and
 * rules that use lists. */
#include "query_world.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libiothnamed/chance.h"
#include "libiothnamed/list.h"

/* ---- the set */

static size_t name_of(const char *text, uint8_t name[static DNAME_MAX])
{
    int len = dname_from_text(text, strlen(text), name);

    assert_true(len > 0);
    return (size_t)len;
}

static void add(struct list_draft *d, const char *text, bool tree)
{
    uint8_t name[DNAME_MAX];
    size_t len = name_of(text, name);

    assert_int_equal(list_draft_add(d, name, len, tree), 0);
}

static struct list *build(struct list_draft *d)
{
    struct list *l = NULL;

    assert_int_equal(list_build(d, &world_key, &l), 0);
    assert_int_equal(d->count, 0);
    return l;
}

static int find(const struct list *l, const char *text)
{
    uint8_t name[DNAME_MAX];

    name_of(text, name);
    return list_find(l, name);
}

static void names_and_trees(void **state)
{
    struct list_draft d = {0};

    (void)state;
    add(&d, "ads.example", false);
    add(&d, "tree.example", true);
    add(&d, "deep.below.it.org", true);
    add(&d, "twice.example", false);
    add(&d, "twice.example", true);
    add(&d, "www.tree.example", false);
    struct list *l = build(&d);

    assert_int_equal(list_count(l), 5);
    assert_int_equal(find(l, "ads.example"), 2);
    assert_int_equal(find(l, "www.ads.example"), -ENOENT);
    assert_int_equal(find(l, "example"), -ENOENT);
    assert_int_equal(find(l, "."), -ENOENT);
    assert_int_equal(find(l, "tree.example"), 2);
    assert_int_equal(find(l, "a.b.c.tree.example"), 2);
    assert_int_equal(find(l, "www.tree.example"), 2);
    assert_int_equal(find(l, "atree.example"), -ENOENT);
    assert_int_equal(find(l, "twice.example"), 2);
    assert_int_equal(find(l, "x.twice.example"), 2);
    assert_int_equal(find(l, "below.it.org"), -ENOENT);
    assert_int_equal(find(l, "x.deep.below.it.org"), 4);
    list_free(list_ref(l));
    assert_int_equal(find(l, "tree.example"), 2);
    list_free(l);
    list_free(NULL);
}

static void an_empty_list_holds_nothing(void **state)
{
    struct list_draft d = {0};

    (void)state;
    struct list *l = build(&d);
    assert_int_equal(list_count(l), 0);
    assert_int_equal(find(l, "."), -ENOENT);
    assert_int_equal(find(l, "a.b.c"), -ENOENT);
    list_free(l);
}

static void the_longest_names(void **state)
{
    uint8_t name[DNAME_MAX], bytes[DNAME_MAX];
    struct list_draft d = {0};

    (void)state;
    memset(name, 0, sizeof(name));
    for (unsigned i = 0; i + 2 < DNAME_MAX; i += 2) { /* 127 labels of one byte */
        name[i] = 1;
        name[i + 1] = (uint8_t)('a' + i % 26);
    }
    memset(bytes, 0xff, sizeof(bytes)); /* 3 of 63 and one of 61 */
    bytes[0] = bytes[64] = bytes[128] = 63;
    bytes[192] = 61;
    bytes[254] = 0;
    assert_int_equal(list_draft_add(&d, name, DNAME_MAX, false), 0);
    assert_int_equal(list_draft_add(&d, bytes, DNAME_MAX, false), 0);
    assert_int_equal(list_draft_add(&d, name + 252, 3, true), 0);
    struct list *l = build(&d);
    assert_int_equal(list_find(l, bytes), 4);
    assert_int_equal(list_find(l, name), 1); /* the tree of its last label */
    assert_int_equal(list_find(l, bytes + 64), -ENOENT);
    list_free(l);
}

enum { NAIVE = 400 };

struct naive {
    uint8_t names[NAIVE][DNAME_MAX];
    bool trees[NAIVE];
};

static size_t a_name(struct chance *c, uint8_t name[static DNAME_MAX])
{
    size_t len = 0;

    for (unsigned labels = 1 + chance_below(c, 4); labels > 0; labels--) {
        unsigned n = chance_below(c, 8) ? 1 : 1 + chance_below(c, 30); /* short ones meet often */
        name[len++] = (uint8_t)n;
        for (; n > 0; n--)
            name[len++] = (uint8_t)('a' + chance_below(c, 3));
    }
    name[len++] = 0;
    return len;
}

static bool naive_holds(const struct naive *naive, unsigned count, const uint8_t *name)
{
    for (unsigned i = 0; i < count; i++)
        if (dname_within(name, naive->names[i]) &&
            (naive->trees[i] || dname_labels(name) == dname_labels(naive->names[i])))
            return true;
    return false;
}

static void against_a_naive_set(void **state)
{
    static struct naive naive;
    struct chance c = {7};
    unsigned held = 0, asked = 0;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct list_draft d = {0};
        unsigned count = chance_below(&c, NAIVE);
        for (unsigned i = 0; i < count; i++) {
            size_t len = a_name(&c, naive.names[i]);
            naive.trees[i] = chance_below(&c, 10) == 0;
            assert_int_equal(list_draft_add(&d, naive.names[i], len, naive.trees[i]), 0);
        }
        struct list *l = build(&d);
        for (unsigned i = 0; i < 1000; i++) {
            uint8_t name[DNAME_MAX];
            a_name(&c, name);
            bool wanted = naive_holds(&naive, count, name);
            assert_int_equal(list_find(l, name) >= 0, wanted);
            held += wanted;
            asked++;
        }
        list_free(l);
    }
    assert_in_range(held, asked / 20, asked - asked / 20);
}

static void a_name_costs_little(void **state)
{
    enum { NAMES = 100000 };
    struct list_draft d = {0};
    size_t text = 0;

    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        char name[64];
        text += (size_t)snprintf(name, sizeof(name), "ads%u.site%u.example", i, i % 1000);
        add(&d, name, i % 2);
    }
    struct list *l = build(&d);
    assert_int_equal(list_count(l), NAMES);
    assert_true(list_bytes(l) < text + (size_t)NAMES * 40);
    for (unsigned i = 0; i < NAMES; i++) {
        char name[64];
        snprintf(name, sizeof(name), "ads%u.site%u.example", i, i % 1000);
        assert_int_equal(find(l, name), 3);
        snprintf(name, sizeof(name), "x.ads%u.site%u.example", i, i % 1000);
        assert_int_equal(find(l, name), i % 2 ? 3 : -ENOENT);
    }
    list_free(l);
}

/* ---- lines */

struct reading {
    struct diags diags;
    struct list_text text;
};

static void begin(struct reading *r)
{
    *r = (struct reading){0};
    r->text = (struct list_text){.path = "ads.txt", .diags = &r->diags};
}

static void say(struct reading *r, const char *line)
{
    size_t len = strlen(line);
    char *exact = malloc(len ? len : 1); /* not a byte more */

    assert_non_null(exact);
    memcpy(exact, line, len);
    list_text_line(&r->text, exact, len);
    free(exact);
}

static struct list *end(struct reading *r)
{
    list_text_end(&r->text);
    assert_false(r->text.out_of_memory);
    return build(&r->text.names);
}

/* What one line says: names as "name" or "*.name", blanks between them; "!": a fault. */
static const struct {
    const char *line, *names;
} lines[] = {
    {"ads.example", "ads.example"},
    {"  ADS.Example.  ", "ads.example"},
    {"\tads.example\r", "ads.example"},
    {"0.0.0.0 ads.example", "ads.example"},
    {"127.0.0.1\tads.example  www.ads.example # two", "ads.example www.ads.example"},
    {":: ads.example", "ads.example"},
    {"::1 ads.example", "ads.example"},
    {"0.0.0.0 *.ads.example", "*.ads.example"},
    {"*.ads.example", "*.ads.example"},
    {".ads.example", "*.ads.example"},
    {"||ads.example^", "*.ads.example"},
    {"ads.example#comment", "ads.example"},
    {"_sip.a-b.example", "_sip.a-b.example"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example"},
    {"zip", "zip"},
    {"*.zip", "*.zip"},
    {"1.example", "1.example"},
    {"\\097\\.b.example", "a\\.b.example"},
    {"", ""},
    {"\r", ""},
    {"   ", ""},
    {"# comment", ""},
    {"  # comment", ""},
    {"! comment of a filter", ""},
    {"[Adblock Plus 2.0]", ""},
    {"127.0.0.1 localhost localhost.localdomain", ""},
    {"::1 localhost ip6-localhost ip6-loopback", ""},
    {"fe80::1%lo0 localhost", ""},
    {"ff02::1 ip6-allnodes", ""},
    {"255.255.255.255 broadcasthost", ""},
    {"0.0.0.0 0.0.0.0", ""},
    {".", "!"},
    {"*.", "!"},
    {"*", "!"},
    {"||^", "!"},
    {"||", "!"},
    {"ads..example", "!"},
    {"..ads.example", "!"},
    {"-.*.example", "!"},
    {"a*.example", "!"},
    {"http://ads.example/", "!"},
    {"ads.example/path", "!"},
    {"ads.example second.example", "!"},
    {"@@||ads.example^", "!"},
    {"||ads.example^$third-party", "!"},
    {"address=/ads.example/0.0.0.0", "!"},
    {"192.168.1.1 printer", "!"},
    {"0.0.0.0", "!"},
    {"1.2.3.4", "!"},
    {"*.1.2.3.4", "!"},
    {"2001:db8::1", "!"},
    {"b\xc3\xbc"
     "cher.example",
     "!"},
    {"a\001b.example", "!"},
    {"\\300.example", "!"},
    {"a\\", "!"},
    {"ads.example\\", "!"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", "!"},
};

static void check_names(const struct list *l, const char *names)
{
    char copy[256], *rest = copy;
    unsigned count = 0;

    snprintf(copy, sizeof(copy), "%s", names);
    for (char *word; (word = strsep(&rest, " ")); count += *word != '\0') {
        bool tree = strncmp(word, "*.", 2) == 0;
        char below[260];
        if (!*word)
            continue;
        word += tree ? 2 : 0;
        snprintf(below, sizeof(below), "x.%s", word);
        assert_true(find(l, word) > 0);
        assert_int_equal(find(l, below) > 0, tree);
    }
    assert_int_equal(list_count(l), count);
}

static void what_lines_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        bool wrong = strcmp(lines[i].names, "!") == 0;
        struct reading r;
        begin(&r);
        say(&r, lines[i].line);
        if (r.text.bad != wrong)
            fail_msg("'%s': %u faults", lines[i].line, r.text.bad);
        struct list *l = end(&r);
        check_names(l, wrong ? "" : lines[i].names);
        list_free(l);
        diags_fini(&r.diags);
    }
}

static void a_byte_order_mark_is_none_of_the_name(void **state)
{
    struct reading r;

    (void)state;
    begin(&r);
    say(&r, "\xef\xbb\xbf"
            "ads.example");
    assert_int_equal(r.text.bad, 0);
    say(&r, "\xef\xbb\xbf"
            "bads.example");
    assert_int_equal(r.text.bad, 1);
    struct list *l = end(&r);
    check_names(l, "ads.example");
    list_free(l);
    diags_fini(&r.diags);
}

static void faults_are_counted_and_the_first_are_shown(void **state)
{
    struct reading r;
    unsigned shown = 0;

    (void)state;
    begin(&r);
    say(&r, "good.example");
    for (unsigned i = 0; i < 1000; i++)
        say(&r, "bad..example");
    list_free(end(&r));
    assert_int_equal(r.text.bad, 1000);
    assert_int_equal(r.diags.errors, 0);
    assert_int_equal(r.diags.warnings, LIST_FAULTS_SHOWN + 1);
    for (const struct diag *d = r.diags.first; d; d = d->next, shown++) {
        assert_string_equal(d->path, "ads.txt");
        if (shown < LIST_FAULTS_SHOWN) {
            assert_int_equal(d->at.line, shown + 2);
            assert_string_equal(d->text, "'bad..example' is no name");
        } else {
            assert_int_equal(d->at.line, 0);
            assert_string_equal(d->text, "990 more lines are not understood");
        }
    }
    diags_fini(&r.diags);
}

/* Whatever the bytes: no harm, and what was taken for a name is one. */
static void hostile_bytes(void **state)
{
    static const char likely[] = "a.b *|^#!\\0123:/%[]-_\t\r\xef\xbb\xbf";
    struct chance c = {99};

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct reading r;
        begin(&r);
        for (unsigned n = 0; n < 50; n++) {
            char line[400];
            size_t len = chance_below(&c, chance_below(&c, 10) ? 30 : 399);
            for (size_t i = 0; i < len; i++) {
                line[i] = chance_below(&c, 4) ? likely[chance_below(&c, sizeof(likely) - 1)]
                                              : (char)chance_next(&c);
                line[i] = line[i] ? line[i] : 'x';
            }
            line[len] = '\0';
            say(&r, line);
        }
        list_free(end(&r));
        diags_fini(&r.diags);
    }
}

/* ---- files */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/list-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const files[] = {"a.txt", "b.txt"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (unlink(path) < 0)
            rmdir(path);
    }
    return rmdir(folder);
}

static void write_file(const char *file, const char *text, size_t len)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void write_text(const char *file, const char *text)
{
    write_file(file, text, strlen(text));
}

static struct config *two_lists(void)
{
    struct diags diags = {0};
    struct config *config;
    char path[128];
    const char *text = "net a 10.1.0.0/16\n"
                       "net b 10.2.0.0/16\n"
                       "auth error a,b @a.txt\n"
                       "auth error b @b.txt refused\n";

    snprintf(path, sizeof(path), "%s/test.rc", folder); /* lists are relative to it */
    assert_int_equal(config_parse(path, text, strlen(text), &config, &diags), 0);
    diags_fini(&diags);
    assert_int_equal(config->n_lists, 2);
    return config;
}

static struct lists *load(const struct config *config, const struct lists *old, int result, unsigned errors,
                          unsigned warnings)
{
    struct diags diags = {0};
    struct lists *l = NULL;

    assert_int_equal(lists_load(config, old, &world_key, &diags, &l), result);
    assert_int_equal(diags.errors, errors);
    assert_int_equal(diags.warnings, warnings);
    diags_fini(&diags);
    return l;
}

static void files_are_read_again_when_they_change(void **state)
{
    struct config *config = two_lists();

    (void)state;
    write_text("a.txt", "one.example\r\ntwo.example"); /* and no last newline */
    write_text("b.txt", "three.example\n");
    struct lists *first = load(config, NULL, 0, 0, 0);
    assert_int_equal(list_count(first->files[0].names), 2);
    assert_int_equal(find(first->files[0].names, "two.example"), 2);

    write_text("b.txt", "four.example\nfive.example\n");
    struct lists *second = load(config, first, 0, 0, 0);
    assert_ptr_equal(second->files[0].names, first->files[0].names);
    assert_ptr_not_equal(second->files[1].names, first->files[1].names);
    lists_free(first);
    assert_int_equal(find(second->files[0].names, "one.example"), 2);
    assert_int_equal(find(second->files[1].names, "four.example"), 2);
    lists_free(second);
    config_free(config);
}

static void a_file_that_cannot_be_read(void **state)
{
    struct config *config = two_lists();
    struct diags diags = {0};
    char path[128];

    (void)state;
    write_text("a.txt", "one.example\n");
    assert_null(load(config, NULL, -EINVAL, 1, 0));
    assert_int_equal(lists_check(config, NULL, &diags), -EINVAL); /* as a start */
    assert_int_equal(diags.errors, 1);
    assert_int_equal(diags.first->at.line, 4);
    diags_fini(&diags);

    write_text("b.txt", "two.example\n");
    struct lists *first = load(config, NULL, 0, 0, 0);
    snprintf(path, sizeof(path), "%s/b.txt", folder);
    unlink(path);
    struct lists *second = load(config, first, 0, 0, 1);
    assert_ptr_equal(second->files[1].names, first->files[1].names);
    assert_int_equal(mkdir(path, 0700), 0);
    struct lists *third = load(config, second, 0, 0, 1);
    assert_ptr_equal(third->files[1].names, first->files[1].names);
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: it is not waited for */
    assert_null(load(config, NULL, -EINVAL, 1, 0));
    lists_free(first);
    lists_free(second);
    lists_free(third);
    config_free(config);
}

static void lines_of_any_length(void **state)
{
    enum { LEN = 3 * LIST_LINE_MAX };
    struct config *config = two_lists();
    char *text = malloc(LEN + 100);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', LEN);
    memcpy(text, "one.example\n", 12);
    memcpy(text + LEN, "\ntwo.example\n", 13);
    write_file("a.txt", text, LEN + 13);
    memset(text, ' ', LIST_LINE_MAX); /* the longest that is taken */
    memcpy(text + LIST_LINE_MAX - 13, "three.example\nfour.example", 26);
    write_file("b.txt", text, LIST_LINE_MAX + 13);
    struct lists *l = load(config, NULL, 0, 0, 1);
    assert_int_equal(list_count(l->files[0].names), 2);
    assert_int_equal(list_count(l->files[1].names), 2);
    lists_free(l);
    free(text);
    config_free(config);
}

/* ---- rules */

static void open_with_lists(struct world *w, const char *text)
{
    struct diags diags = {0};
    char with_paths[1024];

    snprintf(with_paths, sizeof(with_paths), text, folder, folder);
    world_open(w, with_paths);
    assert_int_equal(lists_load(w->config->config, NULL, &world_key, &diags, &w->config->lists), 0);
    diags_fini(&diags);
    snapshot_unref((struct snapshot *)w->env.snap);
    w->env.snap = world_snapshot(w, NULL);
}

static unsigned rcode(struct world *w, const char *from, const char *name)
{
    return world_ask(w, (struct ask){.from = from, .name = name, .type = RR_A})->rcode;
}

static void a_list_for_each_net_in_file_order(void **state)
{
    struct world w;

    (void)state;
    write_text("a.txt", "0.0.0.0 ads.example\n*.tree.example\n");
    write_text("b.txt", "more.example\nads.example\n");
    open_with_lists(&w, "net a 10.1.0.0/16\n"
                        "net b 10.2.0.0/16\n"
                        "auth static a allowed.tree.example\n"
                        "auth error a,b @%s/a.txt\n"
                        "auth error b @%s/b.txt refused\n"
                        "auth static a,b .example\n"
                        "static A allowed.tree.example 1.2.3.4\n"
                        "static A more.example 1.2.3.4\n");

    assert_int_equal(rcode(&w, "10.1.0.1", "ads.example"), RCODE_NXDOMAIN);
    assert_int_equal(rcode(&w, "10.1.0.1", "ADS.Example"), RCODE_NXDOMAIN);
    assert_int_equal(rcode(&w, "10.1.0.1", "more.example"), RCODE_NOERROR);
    assert_int_equal(rcode(&w, "10.2.0.1", "more.example"), RCODE_REFUSED);
    assert_int_equal(rcode(&w, "10.2.0.1", "ads.example"), RCODE_NXDOMAIN); /* a.txt stands before b.txt */
    assert_int_equal(rcode(&w, "10.1.0.1", "allowed.tree.example"), RCODE_NOERROR);
    assert_int_equal(rcode(&w, "10.2.0.1", "allowed.tree.example"), RCODE_NXDOMAIN);
    assert_int_equal(rcode(&w, "10.3.0.1", "ads.example"), RCODE_REFUSED);
    world_close(&w);
}

static void the_answer_has_the_soa_of_the_entry(void **state)
{
    struct world w;

    (void)state;
    write_text("a.txt", "*.tree.example\n");
    write_text("b.txt", "x\n");
    open_with_lists(&w, "net a ::/0\nauth error a @%s/a.txt\nauth error a @%s/b.txt\n");
    struct got *g = world_ask(&w, (struct ask){.name = "www.tree.example", .type = RR_TXT});
    assert_int_equal(g->rcode, RCODE_NXDOMAIN);
    assert_int_equal(g->header.count[DNS_AUTHORITY], 1);
    assert_int_equal(g->rr[0].type, RR_SOA);
    assert_name(g->rr[0].owner, "tree.example");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_trees),
        cmocka_unit_test(an_empty_list_holds_nothing),
        cmocka_unit_test(the_longest_names),
        cmocka_unit_test(against_a_naive_set),
        cmocka_unit_test(a_name_costs_little),
        cmocka_unit_test(what_lines_say),
        cmocka_unit_test(a_byte_order_mark_is_none_of_the_name),
        cmocka_unit_test(faults_are_counted_and_the_first_are_shown),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test_setup_teardown(files_are_read_again_when_they_change, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(lines_of_any_length, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_list_for_each_net_in_file_order, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_answer_has_the_soa_of_the_entry, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
