/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of tests/vectors/dns: text files of hexadecimal bytes with comments from '#' to the end of the
 * line. */
#ifndef TEST_WIRE_VECTOR_H
#define TEST_WIRE_VECTOR_H

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VECTOR_MAX = 4096, VECTORS_MIN = 15 };

struct vector {
    const char *name; /* of the file, without its path */
    uint8_t bytes[VECTOR_MAX];
    size_t len;
};

static inline void vector_load(const char *path, struct vector *ret)
{
    FILE *file = fopen(path, "r");
    char line[256];

    assert_non_null(file);
    ret->name = strrchr(path, '/') + 1;
    ret->len = 0;
    while (fgets(line, sizeof(line), file)) {
        char *at = line, *end;
        line[strcspn(line, "#\n")] = '\0';
        for (unsigned long byte = strtoul(at, &end, 16); end > at; byte = strtoul(at, &end, 16)) {
            assert_true(byte <= UINT8_MAX && ret->len < VECTOR_MAX);
            ret->bytes[ret->len++] = (uint8_t)byte;
            at = end;
        }
        assert_int_equal(*at, '\0');
    }
    fclose(file);
}

/* Calls `each` for every vector. */
static inline void vectors_for_each(void (*each)(const struct vector *))
{
    glob_t paths;

    assert_int_equal(glob(SOURCE_DIR "/tests/vectors/dns/*.hex", 0, NULL, &paths), 0);
    assert_true(paths.gl_pathc >= VECTORS_MIN);
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        struct vector vector;
        vector_load(paths.gl_pathv[i], &vector);
        each(&vector);
    }
    globfree(&paths);
}

/* A copy in memory of exactly its size, so that the address sanitizer sees each byte read outside. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len);

    assert_true(copy || len == 0);
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

#endif
