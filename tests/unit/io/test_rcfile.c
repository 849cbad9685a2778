/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of "tag argument". */
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

#include "io/rcfile.h"

static void lines(void **state)
{
    static const char text[] = "# all of it\n\n  one\tthe argument  \r\ntwo#3 a#b # c\n\t\nthree";
    static const struct {
        const char *tag, *value;
        unsigned number, tag_column, value_column;
    } expected[] = {{"one", "the argument", 3, 3, 7}, {"two#3", "a#b", 4, 1, 7}, {"three", "", 6, 1, 1}};
    struct rc_text rc = {.at = text, .end = text + strlen(text)};
    struct rc_line line;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(rc_next(&rc, &line));
        assert_int_equal(line.number, expected[i].number);
        assert_int_equal(line.tag_len, strlen(expected[i].tag));
        assert_memory_equal(line.tag, expected[i].tag, line.tag_len);
        assert_int_equal(line.value_len, strlen(expected[i].value));
        assert_memory_equal(line.value, expected[i].value, line.value_len);
        assert_int_equal(line.tag_column, expected[i].tag_column);
        assert_int_equal(line.value_column, expected[i].value_column);
    }
    assert_false(rc_next(&rc, &line));
    assert_false(rc_next(&rc, &line));
}

static int read_bytes(const void *bytes, size_t len, char **ret, size_t *ret_len)
{
    char path[] = "/tmp/rcfile-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)bytes + done, len - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    close(fd);
    int e = rc_read_file(path, ret, ret_len);
    unlink(path);
    return e;
}

static void files(void **state)
{
    char *text = NULL, *large = calloc(1, RC_TEXT_MAX + 1);
    size_t len = 0;

    (void)state;
    assert_non_null(large);
    memset(large, 'x', RC_TEXT_MAX + 1);
    assert_int_equal(read_bytes("abc", 3, &text, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "abc", 3);
    free(text);
    assert_int_equal(read_bytes("", 0, &text, &len), 0);
    assert_int_equal(len, 0);
    free(text);
    assert_int_equal(read_bytes(large, RC_TEXT_MAX, &text, &len), 0);
    assert_int_equal(len, RC_TEXT_MAX);
    free(text);
    assert_int_equal(read_bytes(large, RC_TEXT_MAX + 1, &text, &len), -EFBIG);
    assert_int_equal(read_bytes("a\0b", 3, &text, &len), -EBADMSG);
    assert_int_equal(rc_read_file("/nowhere/at/all", &text, &len), -ENOENT);
    free(large);
}

/* Whoever puts such a thing in the place of the file shall not stop who loads it again. */
static void what_is_no_file(void **state)
{
    char folder[] = "/tmp/rcfile-XXXXXX", path[64], *text = NULL;
    size_t len = 0;
    int to;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    to = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(write(to, "abc", 3), 3);
    assert_int_equal(rc_read_file(path, &text, &len), -ETIMEDOUT); /* more may come */
    assert_int_equal(rc_read_file(folder, &text, &len), -EISDIR);
    assert_int_equal(rc_read_file("/dev/zero", &text, &len), -EFBIG);
    close(to);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(files),
                                       cmocka_unit_test(what_is_no_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
