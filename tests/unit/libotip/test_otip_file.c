/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of secrets: each form of a key, every length near them, who may read the file, passwords of files, pipes and
 * descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libotip/otip_file.h"

#define HEX    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

struct place {
    char folder[64];
    char path[128];
};

static int make_place(void **state)
{
    static struct place p;

    strcpy(p.folder, "/tmp/otip-file-XXXXXX");
    if (!mkdtemp(p.folder))
        return -1;
    snprintf(p.path, sizeof(p.path), "%s/secret", p.folder);
    *state = &p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;

    unlink(p->path);
    return rmdir(p->folder);
}

static void put_file(const struct place *p, const void *bytes, size_t len, mode_t mode)
{
    int fd;

    unlink(p->path);
    fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void put_text(const struct place *p, const char *text)
{
    put_file(p, text, strlen(text), 0600);
}

static void assert_key(const struct place *p)
{
    uint8_t key[OTIP_KEY_LEN];
    char why[OTIP_WHY_MAX] = "";

    if (otip_key_read(p->path, key, why) != 0)
        fail_msg("%s", why);
    for (uint8_t i = 0; i < OTIP_KEY_LEN; i++)
        assert_int_equal(key[i], i);
}

static void assert_no_key(const struct place *p, int err, const char *said)
{
    uint8_t key[OTIP_KEY_LEN] = {42};
    char why[OTIP_WHY_MAX] = "";

    assert_int_equal(otip_key_read(p->path, key, why), err);
    assert_non_null(strstr(why, said));
    assert_int_equal(key[0], 42);
}

static void forms_of_a_key(void **state)
{
    static const char *const texts[] = {HEX, HEX "\n", HEX "\r\n", BASE64, BASE64 "\n", BASE64 "\r\n"};
    uint8_t raw[OTIP_KEY_LEN];

    for (uint8_t i = 0; i < sizeof(raw); i++)
        raw[i] = i;
    put_file(*state, raw, sizeof(raw), 0600);
    assert_key(*state);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        put_text(*state, texts[i]);
        assert_key(*state);
    }
}

static void what_is_no_key(void **state)
{
    static const char *const texts[] = {
        "",
        "secret\n",
        HEX "0",
        HEX "\n\n",
        HEX "\nsecond",
        " " HEX,
        "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "0 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "*AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
        BASE64 "x",
    };
    static const uint8_t zeros[OTIP_KEY_LEN];
    char many[4096];

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        put_text(*state, texts[i]);
        assert_no_key(*state, -EINVAL, "this is no key");
    }
    put_file(*state, zeros, sizeof(zeros), 0600);
    assert_no_key(*state, -EINVAL, "zeros");
    memset(many, 'a', sizeof(many));
    for (size_t len = 0; len < 100; len++) {
        if (len == OTIP_KEY_LEN || len == 64 || len == 44)
            continue;
        put_file(*state, many, len, 0600);
        assert_no_key(*state, -EINVAL, "this is no key");
    }
    put_file(*state, many, sizeof(many), 0600);
    assert_no_key(*state, -EINVAL, "this is no key");
}

static void who_may_read_it(void **state)
{
    static const mode_t open_modes[] = {0604, 0602, 0601, 0644, 0660, 0620, 0666, 0777};

    for (size_t i = 0; i < ARRAY_LEN(open_modes); i++) {
        put_file(*state, HEX, 64, open_modes[i]);
        assert_no_key(*state, -EPERM, "chmod 600");
    }
    put_file(*state, HEX, 64, 0400);
    assert_key(*state);
    put_file(*state, HEX, 64, 0640);
    if (geteuid() == 0)
        assert_key(*state); /* root's, so its group was chosen by the administrator */
    else
        assert_no_key(*state, -EPERM, "its group may use it");
}

static void whose_it_is(void **state)
{
    struct place *p = *state;

    put_file(p, HEX, 64, 0600);
    if (chown(p->path, 4242, (gid_t)-1) < 0) {
        print_message("only root gives files away: skipped\n");
        return;
    }
    assert_no_key(p, -EPERM,
                  "it belongs to another user (4242), so it is not safe as a secret: chown it to root");
}

static void what_is_no_file(void **state)
{
    struct place *p = *state, folder;
    char why[OTIP_WHY_MAX];
    char password[OTIP_PASSWORD_MAX + 1];

    unlink(p->path);
    assert_no_key(p, -ENOENT, "No such file");
    assert_int_equal(otip_password_read(p->path, password, why), -ENOENT);
    snprintf(folder.path, sizeof(folder.path), "%s", p->folder);
    assert_no_key(&folder, -EINVAL, "not a regular file");
    assert_int_equal(mkfifo(p->path, 0600), 0); /* and it is not waited for */
    assert_no_key(p, -EINVAL, "not a regular file");
}

static void a_key_is_written_once(void **state)
{
    struct place *p = *state;
    uint8_t key[OTIP_KEY_LEN];
    char why[OTIP_WHY_MAX], text[64] = "";
    struct stat st;

    for (uint8_t i = 0; i < OTIP_KEY_LEN; i++)
        key[i] = i;
    unlink(p->path);
    mode_t mask = umask(0);
    assert_int_equal(otip_key_write(p->path, key, why), 0);
    umask(mask);
    assert_key(p);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, strlen(BASE64) + 1);
    FILE *in = fopen(p->path, "re");
    assert_non_null(fgets(text, sizeof(text), in));
    fclose(in);
    assert_string_equal(text, BASE64 "\n");

    key[0] = 42;
    assert_int_equal(otip_key_write(p->path, key, why), -EEXIST);
    assert_non_null(strstr(why, "no key is written over"));
    assert_key(p);
    assert_int_equal(otip_key_write("/nowhere/at/all", key, why), -ENOENT);
}

static void assert_password(const struct place *p, const char *expected)
{
    char password[OTIP_PASSWORD_MAX + 1];
    char why[OTIP_WHY_MAX] = "";

    assert_int_equal(otip_password_read(p->path, password, why), 0);
    assert_string_equal(password, expected);
}

static void assert_no_password(const struct place *p, int err, const char *said)
{
    char password[OTIP_PASSWORD_MAX + 1] = "kept";
    char why[OTIP_WHY_MAX] = "";

    assert_int_equal(otip_password_read(p->path, password, why), err);
    assert_non_null(strstr(why, said));
    assert_string_equal(password, "kept");
}

static void passwords_of_files(void **state)
{
    char longest[OTIP_PASSWORD_MAX + 3];

    put_text(*state, "secret");
    assert_password(*state, "secret");
    put_text(*state, " blanks are a part of it \r\nand this is not\n");
    assert_password(*state, " blanks are a part of it ");
    memset(longest, 'x', sizeof(longest));
    longest[OTIP_PASSWORD_MAX] = '\0';
    put_text(*state, longest);
    assert_password(*state, longest);
    memcpy(longest + OTIP_PASSWORD_MAX, "\r\n", 2);
    put_file(*state, longest, OTIP_PASSWORD_MAX + 2, 0600);
    longest[OTIP_PASSWORD_MAX] = '\0';
    assert_password(*state, longest);
    memset(longest, 'x', sizeof(longest));
    put_file(*state, longest, OTIP_PASSWORD_MAX + 1, 0600);
    assert_no_password(*state, -EINVAL, "longer than 1023 bytes");

    put_text(*state, "");
    assert_no_password(*state, -EINVAL, "no password");
    put_text(*state, "\nsecret\n");
    assert_no_password(*state, -EINVAL, "no password");
    put_file(*state, "a\0b\n", 4, 0600);
    assert_no_password(*state, -EINVAL, "a byte 0");
    put_file(*state, "secret", 6, 0644);
    assert_no_password(*state, -EPERM, "mode 644");
}

static void a_password_of_a_pipe(void **state)
{
    char password[OTIP_PASSWORD_MAX + 1], why[OTIP_WHY_MAX];
    int ends[2];
    (void)state;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "sec", 3), 3);
    assert_int_equal(write(ends[1], "ret\n", 4), 4);
    assert_int_equal(otip_password_read_fd(ends[0], password, why), 0); /* though the pipe stays open */
    assert_string_equal(password, "secret");
    close(ends[1]);
    assert_int_equal(otip_password_read_fd(ends[0], password, why), -EINVAL);
    close(ends[0]);
    assert_int_equal(otip_password_read_fd(ends[0], password, why), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_a_key),     cmocka_unit_test(what_is_no_key),
        cmocka_unit_test(who_may_read_it),    cmocka_unit_test(whose_it_is),
        cmocka_unit_test(what_is_no_file),    cmocka_unit_test(a_key_is_written_once),
        cmocka_unit_test(passwords_of_files), cmocka_unit_test(a_password_of_a_pipe),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
