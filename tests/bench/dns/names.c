/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions are written once and copied: a pattern has one template, whose digits are set for each question; a
 * file has all its questions one behind the other in one block. Either way a question costs a memcpy, so that the
 * generator measures the server and not itself.
 *
 * All have RD and no EDNS: what most stub resolvers send.
 */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dname.h"

enum { HEADER_LEN = 12 };

struct question {
    size_t at;
    size_t len;
};

struct names {
    uint64_t count;
    /* of a pattern */
    uint8_t template[QUESTION_MAX];
    size_t len, digits_at, n_digits;
    /* of a file; NULL: a pattern */
    struct question *questions;
    uint8_t *bytes;
};

static uint16_t type_number(const char *type)
{
    static const struct {
        const char *name;
        uint16_t number;
    } types[] = {{"A", 1},   {"NS", 2},   {"SOA", 6},   {"PTR", 12},
                 {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].name, type) == 0)
            return types[i].number;
    return (uint16_t)atoi(type);
}

/* Writes a question for a name in text; 0 if it is none. */
static size_t write_question(const char *name, const char *type, uint8_t question[static QUESTION_MAX])
{
    static const uint8_t header[HEADER_LEN] = {0, 0, 0x01, 0, 0, 1};
    const uint16_t number = type_number(type);
    const int len = dname_from_text(name, strlen(name), question + HEADER_LEN);

    if (len < 0 || number == 0)
        return 0;
    memcpy(question, header, HEADER_LEN);
    const uint8_t type_and_class[] = {(uint8_t)(number >> 8), (uint8_t)number, 0, 1};
    memcpy(question + HEADER_LEN + len, type_and_class, sizeof(type_and_class));
    return HEADER_LEN + (size_t)len + sizeof(type_and_class);
}

struct names *names_from_pattern(const char *pattern, const char *type, uint64_t count)
{
    struct names *names = calloc(1, sizeof(*names));

    if (names == NULL)
        abort();
    names->len = write_question(pattern, type, names->template);
    if (names->len == 0 || count == 0) {
        fprintf(stderr, "dns_load: %s %s is no question\n", pattern, type);
        free(names);
        return NULL;
    }
    const uint8_t *digits = memchr(names->template, '#', names->len);
    if (digits != NULL) {
        names->digits_at = (size_t)(digits - names->template);
        while (names->template[names->digits_at + names->n_digits] == '#')
            names->n_digits++;
    }
    names->count = count;
    return names;
}

static void append(struct names *names, const uint8_t *question, size_t len)
{
    const size_t at = names->count == 0
                          ? 0
                          : names->questions[names->count - 1].at + names->questions[names->count - 1].len;

    if ((names->count & (names->count - 1)) == 0) { /* full at powers of two */
        const size_t room = names->count == 0 ? 1 : 2 * names->count;
        names->questions = realloc(names->questions, room * sizeof(*names->questions));
        names->bytes = realloc(names->bytes, room * QUESTION_MAX);
        if (names->questions == NULL || names->bytes == NULL)
            abort();
    }
    memcpy(names->bytes + at, question, len);
    names->questions[names->count++] = (struct question){at, len};
}

struct names *names_from_file(const char *path)
{
    FILE *file = fopen(path, "r");
    struct names *names = calloc(1, sizeof(*names));
    char name[512], type[16];
    uint8_t question[QUESTION_MAX];

    if (names == NULL)
        abort();
    while (file != NULL && fscanf(file, "%511s %15s", name, type) == 2) {
        const size_t len = write_question(name, type, question);
        if (len > 0)
            append(names, question, len);
    }
    if (file != NULL)
        fclose(file);
    if (names->count == 0) {
        fprintf(stderr, "dns_load: no questions in %s\n", path);
        free(names);
        return NULL;
    }
    return names;
}

uint64_t names_count(const struct names *names)
{
    return names->count;
}

size_t names_write(const struct names *names, uint64_t number, uint16_t id,
                   uint8_t question[static QUESTION_MAX])
{
    size_t len = names->len;

    if (names->questions != NULL) {
        len = names->questions[number].len;
        memcpy(question, names->bytes + names->questions[number].at, len);
    } else {
        memcpy(question, names->template, len);
        for (size_t i = names->n_digits; i > 0; i--, number /= 10)
            question[names->digits_at + i - 1] = (uint8_t)('0' + number % 10);
    }
    question[0] = (uint8_t)(id >> 8);
    question[1] = (uint8_t)id;
    return len;
}
