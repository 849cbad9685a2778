/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and addresses by the files: which file and line decides, who is believed, epochs, reverse look-ups, no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_folder.h"
#include "libnss_otip/otip_names.h"

#include <errno.h>

#define NOW 1700000000 /* 1700000000 / 32 = 53125000, so an epoch begins here */
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static const char *const written[] = {"otip.conf", "other.conf", "secret", "key", "fifo"};

struct setting {
    struct conf_folder folder;
    struct otip_names_files files;
};

static int set_up(void **state)
{
    static struct setting s;

    conf_folder_open(&s.folder);
    s.files.count = 2;
    snprintf(s.files.path[0], sizeof(s.files.path[0]), "%s/otip.conf", s.folder.path);
    snprintf(s.files.path[1], sizeof(s.files.path[1]), "%s/other.conf", s.folder.path);
    conf_folder_write(&s.folder, "secret", 0600, "mypassword\n");
    conf_folder_write(&s.folder, "key", 0600, KEY);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    conf_folder_close(&s->folder, written, sizeof(written) / sizeof(written[0]));
    return 0;
}

static int find(struct setting *s, const char *name, int64_t now, struct otip_names_answer *ret, char *why)
{
    return otip_names_find(&s->files, name, otip_conf_name_len(name, strlen(name)), now, ret, why);
}

static void assert_found(struct setting *s, const char *name, int64_t now, const char *address,
                         uint32_t ttl_s)
{
    struct otip_names_answer a;
    char why[OTIP_WHY_MAX] = "", text[IPADDR_STRLEN];
    int err = find(s, name, now, &a, why);

    if (err != 0)
        fail_msg("%s: %s (%d)", name, why, err);
    assert_string_equal(ipaddr_format(&a.addr, text), address);
    assert_int_equal(a.ttl_s, ttl_s);
}

static void assert_not_found(struct setting *s, const char *name, int expected, const char *because)
{
    struct otip_names_answer a;
    char why[OTIP_WHY_MAX] = "";

    assert_int_equal(find(s, name, NOW, &a, why), expected);
    if (!strstr(why, because))
        fail_msg("%s: %s", name, why);
}

/* The address that the library of one-time addresses computes. */
static const char *computed(enum otip_generation generation, const char *name, const char *base,
                            uint32_t period_s, int64_t now)
{
    static char text[IPADDR_STRLEN];
    uint8_t key[OTIP_KEY_LEN];
    struct otip_setup setup = {.generation = generation, .name = name, .period_s = period_s};
    struct otip *o;
    struct ipaddr addr;

    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    assert_int_equal(ipaddr_parse(base, strlen(base), &setup.base), 0);
    if (generation == OTIP1)
        setup.password = "mypassword";
    else
        setup.key = key;
    assert_int_equal(otip_new(&setup, &o), 0);
    otip_address(o, otip_epoch(o, now), &addr);
    otip_free(o);
    ipaddr_format(&addr, text);
    return text;
}

static void hashed_names(void **state)
{
    struct setting *s = *state;

    conf_folder_write(&s->folder, "otip.conf", 0644,
                      "hash .hash.local fc00::\nhash one 2001:760:2e00:ff00::/64\n");
    assert_found(s, "renzo.hash.local", NOW, "fc00::4cc:8049:6765:d03a", OTIP_NAMES_HASH_TTL);
    assert_found(s, "HIC_sunt_leones.Hash.LOCAL.", NOW, "fc00::9c8f:74b4:705f:6512", OTIP_NAMES_HASH_TTL);
    assert_not_found(s, "hash.local", -ENOENT, "");
    assert_not_found(s, "x.one", -ENOENT, "");
}

static void one_time_names(void **state)
{
    struct setting *s = *state;

    conf_folder_write(&s->folder, "otip.conf", 0644,
                      "otip renzo.otip fd00:: secret secret\n"
                      "otip2 .two fd00::/64 key key period 10\n");
    assert_found(s, "renzo.otip", NOW, computed(OTIP1, "renzo.otip", "fd00::", 32, NOW), 32);
    assert_found(s, "Renzo.OTIP.", NOW + 31, computed(OTIP1, "renzo.otip", "fd00::", 32, NOW), 1);
    assert_found(s, "renzo.otip", NOW + 32, computed(OTIP1, "renzo.otip", "fd00::", 32, NOW + 32), 32);
    assert_found(s, "a.two", NOW + 7, computed(OTIP2, "a.two", "fd00::", 10, NOW + 7), 3);
    assert_found(s, "b.two", NOW + 7, computed(OTIP2, "b.two", "fd00::", 10, NOW + 7), 3);
}

static void the_first_line_decides(void **state)
{
    struct setting *s = *state;
    struct otip_names_answer a;
    char why[OTIP_WHY_MAX];

    conf_folder_write(&s->folder, "otip.conf", 0644, "# mine\nbad line\nhash a.x 1::\nhash .x 2::\n");
    conf_folder_write(&s->folder, "other.conf", 0644, "hash a.x 3::\nhash .y 3::\n");
    assert_int_equal(find(s, "a.x", NOW, &a, why), 0);
    assert_int_equal(a.addr.b[1], 1);
    assert_int_equal(a.file, 0);
    assert_int_equal(a.line, 3);
    assert_string_equal(a.keyword, "hash");
    assert_int_equal(find(s, "b.x", NOW, &a, why), 0);
    assert_int_equal(a.addr.b[1], 2);
    assert_int_equal(find(s, "b.y", NOW, &a, why), 0);
    assert_int_equal(a.file, 1);
}

static void a_secret_that_cannot_be_had_is_an_error(void **state)
{
    struct setting *s = *state;

    conf_folder_write(
        &s->folder, "otip.conf", 0644,
        "otip a fd00:: secret nowhere\notip b fd00:: secret secret\notip2 c fd00:: key secret\n");
    conf_folder_write(&s->folder, "other.conf", 0644, "hash a fd00::\nhash b fd00::\n");
    assert_not_found(s, "a", -EACCES, "No such file");
    conf_folder_write(&s->folder, "secret", 0644, "mypassword\n");
    assert_not_found(s, "b", -EPERM, "others than its owner may use it");
    conf_folder_write(&s->folder, "secret", 0600, "mypassword\n");
    assert_not_found(s, "c", -EINVAL, "this is no key");
}

static void files_that_are_not_believed(void **state)
{
    struct setting *s = *state;
    char why[OTIP_WHY_MAX], path[128], *text, *big;
    size_t len;

    for (unsigned i = 0; i < 2; i++) {
        conf_folder_write(&s->folder, "otip.conf", i == 0 ? 0664 : 0646, "hash a fd00::\n");
        assert_int_equal(otip_names_read(s->files.path[0], &text, &len, why), -EPERM);
        assert_non_null(strstr(why, "others than its owner may write it"));
        assert_not_found(s, "a", -ENOENT, "");
    }
    big = malloc(OTIP_NAMES_TEXT_MAX + 2);
    assert_non_null(big);
    memset(big, '\n', OTIP_NAMES_TEXT_MAX + 1);
    big[OTIP_NAMES_TEXT_MAX + 1] = '\0';
    conf_folder_write(&s->folder, "otip.conf", 0644, big);
    assert_int_equal(otip_names_read(s->files.path[0], &text, &len, why), -EFBIG);
    free(big);
    conf_folder_path(&s->folder, "fifo", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(otip_names_read(path, &text, &len, why), -EINVAL); /* and does not wait for a writer */
    assert_int_equal(otip_names_read(s->folder.path, &text, &len, why), -EINVAL);
    assert_int_equal(otip_names_read("/nowhere", &text, &len, why), -ENOENT);
    if (geteuid() == 0) {
        conf_folder_write(&s->folder, "otip.conf", 0644, "hash a fd00::\n");
        assert_int_equal(chown(s->files.path[0], 4711, 0), 0);
        assert_int_equal(otip_names_read(s->files.path[0], &text, &len, why), -EPERM);
        assert_non_null(strstr(why, "another user"));
    }
}

static int reverse(struct setting *s, const struct ipaddr *addr, int64_t now, char *name, uint32_t *ttl_s)
{
    return otip_names_reverse(&s->files, addr, now, name, ttl_s);
}

static void names_of_addresses(void **state)
{
    struct setting *s = *state;
    char name[OTIP_NAMES_NAME_MAX + 1], why[OTIP_WHY_MAX];
    struct otip_names_answer a;
    uint32_t ttl_s;

    conf_folder_write(&s->folder, "otip.conf", 0644,
                      "otip broken fd00:: secret nowhere\nhash .below fd01::\nhash One.X fd01::\n"
                      "otip Renzo.otip fd00:: secret secret\notip2 two fd02::/64 key key\n");
    assert_int_equal(find(s, "one.x", NOW, &a, why), 0);
    assert_int_equal(reverse(s, &a.addr, NOW, name, &ttl_s), 0);
    assert_string_equal(name, "one.x");
    assert_int_equal(ttl_s, OTIP_NAMES_HASH_TTL);
    assert_int_equal(find(s, "q.below", NOW, &a, why), 0);
    assert_int_equal(reverse(s, &a.addr, NOW, name, &ttl_s), -ENOENT); /* any of very many names */
    const char *names[] = {"renzo.otip", "two"};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(find(s, names[i], NOW, &a, why), 0);
        for (int64_t now = NOW - 32; now < NOW + 64; now += 31) {
            assert_int_equal(reverse(s, &a.addr, now, name, &ttl_s), 0);
            assert_string_equal(name, names[i]);
        }
        assert_int_equal(reverse(s, &a.addr, NOW + 20, name, &ttl_s), 0);
        assert_int_equal(ttl_s, 12);
        assert_int_equal(reverse(s, &a.addr, NOW - 33, name, &ttl_s), -ENOENT);
        assert_int_equal(reverse(s, &a.addr, NOW + 64, name, &ttl_s), -ENOENT);
    }
}

static void so_many_lines_are_compared(void **state)
{
    struct setting *s = *state;
    char text[OTIP_NAMES_REVERSE_MAX * 24 + 64] = "", name[OTIP_NAMES_NAME_MAX + 1], why[OTIP_WHY_MAX];
    struct otip_names_answer a;
    uint32_t ttl_s;

    for (unsigned i = 0; i <= OTIP_NAMES_REVERSE_MAX; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "hash n%u fd00::\n", i);
    conf_folder_write(&s->folder, "otip.conf", 0644, text);
    snprintf(name, sizeof(name), "n%d", OTIP_NAMES_REVERSE_MAX - 1);
    assert_int_equal(find(s, name, NOW, &a, why), 0);
    assert_int_equal(reverse(s, &a.addr, NOW, name, &ttl_s), 0);
    snprintf(name, sizeof(name), "n%d", OTIP_NAMES_REVERSE_MAX);
    assert_int_equal(find(s, name, NOW, &a, why), 0);
    assert_int_equal(reverse(s, &a.addr, NOW, name, &ttl_s), -ENOENT);
}

static void the_usual_files(void **state)
{
    struct otip_names_files files;
    char deep[OTIP_NAMES_PATH_MAX + 2];

    (void)state;
    setenv("XDG_CONFIG_HOME", "/home/me/.cfg", 1);
    setenv("HOME", "/home/me", 1);
    otip_names_files_usual(&files);
    assert_int_equal(files.count, 2);
    assert_string_equal(files.path[0], "/home/me/.cfg/otip.conf");
    assert_string_equal(files.path[1], "/etc/otip.conf");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    otip_names_files_usual(&files);
    assert_string_equal(files.path[0], "/home/me/.config/otip.conf");
    unsetenv("XDG_CONFIG_HOME");
    memset(deep, '/', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    setenv("HOME", deep, 1);
    otip_names_files_usual(&files);
    assert_int_equal(files.count, 1);
    unsetenv("HOME");
    otip_names_files_usual(&files);
    assert_int_equal(files.count, 1);
    assert_string_equal(files.path[0], "/etc/otip.conf");
}

static int allocations_left = -1; /* -1: any number */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_malloc(size);
}

static void no_memory_for_the_text(void **state)
{
    struct setting *s = *state;
    char why[OTIP_WHY_MAX], *text;
    size_t len;

    conf_folder_write(&s->folder, "otip.conf", 0644, "hash a fd00::\n");
    allocations_left = 0;
    int err = otip_names_read(s->files.path[0], &text, &len, why);
    allocations_left = -1;
    assert_int_equal(err, -ENOMEM);
    assert_string_equal(why, "Cannot allocate memory");
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(hashed_names),
        IN_A_FOLDER(one_time_names),
        IN_A_FOLDER(the_first_line_decides),
        IN_A_FOLDER(a_secret_that_cannot_be_had_is_an_error),
        IN_A_FOLDER(files_that_are_not_believed),
        IN_A_FOLDER(names_of_addresses),
        IN_A_FOLDER(so_many_lines_are_compared),
        IN_A_FOLDER(no_memory_for_the_text),
        cmocka_unit_test(the_usual_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
