/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources otip and otip2: secrets of lines, files and users, against libotip; the base's length, the period, bases with
 * several addresses, and what the print shows of it. */
#include "query_world.h"
#include "libotip/otip_password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t master[OTIP_KEY_LEN] = {7, 1};

struct files {
    char folder[64], key[96], password[96];
};

static void put_file(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static int make_files(void **state)
{
    static struct files f;

    strcpy(f.folder, "/tmp/source-otip-XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.key, sizeof(f.key), "%s/key", f.folder);
    snprintf(f.password, sizeof(f.password), "%s/password", f.folder);
    put_file(f.key, master, sizeof(master));
    put_file(f.password, "secret\n", 7);
    *state = &f;
    return 0;
}

static int remove_files(void **state)
{
    struct files *f = *state;

    unlink(f->key);
    unlink(f->password);
    return rmdir(f->folder);
}

static struct ipaddr address(const char *written)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(written, strlen(written), &a), 0);
    return a;
}

/* What libotip says that the address is. */
static struct ipaddr expected(struct otip_setup setup, int64_t wall_s)
{
    struct otip *o;
    struct ipaddr a;

    if (!setup.name)
        setup.name = "renzo.otip";
    if (setup.generation == OTIP2 && !setup.password)
        setup.key = master;
    assert_int_equal(otip_new_from_password(&setup, &o), 0);
    otip_address(o, otip_epoch(o, wall_s), &a);
    otip_free(o);
    return a;
}

/* Asks a world of these rules, between two epochs of 32 seconds, and compares. */
static void check(const char *rules, struct otip_setup setup)
{
    struct world w;
    char text[512];

    snprintf(text, sizeof(text), "net n ::/0\n%s\n", rules);
    world_open(&w, text);
    for (int64_t wall_s = 32 * 1000 + 31; wall_s <= 32 * 1001; wall_s++) {
        uint32_t period = setup.period_s ? setup.period_s : 32;
        struct ipaddr a = expected(setup, wall_s);

        w.env.wall_s = wall_s;
        struct got *g = world_ask(&w, (struct ask){.from = "fc00::1", .name = "Renzo.otip", .type = RR_AAAA});
        assert_int_equal(g->header.count[DNS_ANSWER], 1);
        assert_int_equal(g->rr[0].ttl, period - wall_s % period);
        assert_memory_equal(g->bytes + g->rr[0].rdata, a.b, 16);
    }
    world_close(&w);
}

static void the_first_generation(void **state)
{
    const struct files *f = *state;
    struct otip_setup setup = {.generation = OTIP1, .base = address("fc00::"), .password = "secret"};
    char rules[256];

    check("auth otip n .otip fc00:: secret", setup);
    snprintf(rules, sizeof(rules), "auth otip n .otip fc00:: @%s", f->password);
    check(rules, setup);
    setup.period_s = 5;
    check("option otipperiod 5\nauth otip n .otip fc00:: secret", setup);
}

static void keys(void **state)
{
    const struct files *f = *state;
    struct otip_setup setup = {.generation = OTIP2, .base = address("fc00::")};
    char rules[256];

    snprintf(rules, sizeof(rules), "auth otip2 n .otip fc00:: @%s", f->key);
    check(rules, setup);
    snprintf(rules, sizeof(rules), "auth otip2 n .otip fc00::/64 @%s", f->key);
    check(rules, setup);
    snprintf(rules, sizeof(rules), "option otipperiod 7\nauth otip2 n .otip fc00::1 @%s", f->key);
    setup.period_s = 7;
    check(rules, setup);
    snprintf(rules, sizeof(rules), "auth otip2 n .otip fc00::/56 @%s 'renzo davoli'", f->key);
    setup.period_s = 0, setup.prefix_len = 56, setup.user = "renzo davoli";
    check(rules, setup);
    snprintf(rules, sizeof(rules), "static AAAA b fc00::\nauth otip2 n .otip b/56 @%s 'renzo davoli'",
             f->key);
    check(rules, setup);
}

static void passwords_of_one_name(void **state)
{
    struct otip_setup setup = {.generation = OTIP2, .base = address("fc00::"), .password = "my secret"};
    (void)state;

    check("auth otip2 n renzo.otip fc00:: 'my secret'", setup);
}

/* Users of different nets have each their own address of a name. */
static void a_user_for_each_net(void **state)
{
    const struct files *f = *state;
    struct otip_setup setup = {.generation = OTIP2, .base = address("fc00::"), .user = "renzo"};
    struct ipaddr a, b;
    struct world w;
    char text[512];

    snprintf(text, sizeof(text),
             "net a fc00:a::/32\nnet b fc00:b::/32\n"
             "auth otip2 a .otip fc00:: @%s renzo\nauth otip2 b .otip fc00:: @%s davoli\n",
             f->key, f->key);
    world_open(&w, text);
    a = expected(setup, w.env.wall_s);
    setup.user = "davoli";
    b = expected(setup, w.env.wall_s);
    struct got *g = world_ask(&w, (struct ask){.from = "fc00:a::1", .name = "renzo.otip", .type = RR_AAAA});
    assert_memory_equal(g->bytes + g->rr[0].rdata, a.b, 16);
    g = world_ask(&w, (struct ask){.from = "fc00:b::1", .name = "renzo.otip", .type = RR_AAAA});
    assert_memory_equal(g->bytes + g->rr[0].rdata, b.b, 16);
    world_close(&w);
}

/* A base with three addresses in two prefixes: two addresses. */
static void each_address_once(void **state)
{
    const struct files *f = *state;
    struct world w;
    char text[512];

    snprintf(text, sizeof(text),
             "net n ::/0\nstatic AAAA b fc00:1::1\nstatic AAAA b fc00:1::2\nstatic AAAA b fc00:2::1\n"
             "auth otip2 n .otip b @%s\nauth otip n .one b secret\n",
             f->key);
    world_open(&w, text);
    struct got *g = world_ask(&w, (struct ask){.from = "::1", .name = "renzo.otip", .type = RR_AAAA});
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    g = world_ask(&w, (struct ask){.from = "::1", .name = "renzo.one", .type = RR_AAAA});
    assert_int_equal(g->header.count[DNS_ANSWER], 3);
    g = world_ask(&w, (struct ask){.from = "::1", .name = "renzo.otip", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(g->header.count[DNS_ANSWER], 0);
    g = world_ask(&w, (struct ask){.from = "::1", .name = "otip", .type = RR_SOA});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    world_close(&w);
}

static struct config *parse(const char *text, int result, const char *said)
{
    struct diags diags = {0};
    struct config *c = NULL;

    assert_int_equal(config_parse("t.rc", text, strlen(text), &c, &diags), result);
    if (said) {
        assert_int_equal(diags.errors, 1);
        assert_non_null(strstr(diags.first->text, said));
    }
    diags_fini(&diags);
    return c;
}

static void print_shows_files_and_no_secrets(void **state)
{
    const struct files *f = *state;
    char text[512], rule[256], *print = NULL;
    size_t size;

    snprintf(rule, sizeof(rule), "auth otip2 n .b fc00::/56 \"@%s\" \"renzo\"\n", f->key);
    snprintf(text, sizeof(text), "net n ::/0\nauth otip n .a fc00:: @%s\n%sauth otip2 n c fc00:: secret\n",
             f->password, rule);
    struct config *c = parse(text, 0, NULL);
    FILE *out = open_memstream(&print, &size);
    config_print(c, out);
    fclose(out);
    assert_non_null(strstr(print, rule));
    assert_non_null(strstr(print, "auth otip2 n c fc00::/64 ***\n"));
    assert_non_null(strstr(print, "auth otip n .a fc00:: \"@/tmp/"));
    assert_null(strstr(print, "secret"));
    config_free(parse(print, 0, NULL)); /* and can be read again, but for the password */
    free(print);
    config_free(c);
}

static void a_file_that_others_can_read(void **state)
{
    const struct files *f = *state;
    char text[512];

    assert_int_equal(chmod(f->key, 0644), 0);
    snprintf(text, sizeof(text), "net n ::/0\nauth otip2 n .b fc00:: @%s\n", f->key);
    assert_null(parse(text, -EINVAL, "mode 644"));
    assert_int_equal(chmod(f->key, 0600), 0);
    assert_int_equal(chmod(f->password, 0640), 0);
    if (geteuid() != 0) {
        snprintf(text, sizeof(text), "net n ::/0\nauth otip n .b fc00:: @%s\n", f->password);
        assert_null(parse(text, -EINVAL, "its group may use it"));
    }
    snprintf(text, sizeof(text), "net n ::/0\nauth otip2 n .b fc00:: @%s ''\n", f->key);
    assert_null(parse(text, -EINVAL, "expected the label of a user"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_generation),        cmocka_unit_test(keys),
        cmocka_unit_test(passwords_of_one_name),       cmocka_unit_test(a_user_for_each_net),
        cmocka_unit_test(each_address_once),           cmocka_unit_test(print_shows_files_and_no_secrets),
        cmocka_unit_test(a_file_that_others_can_read),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
