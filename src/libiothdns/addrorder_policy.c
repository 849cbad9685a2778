/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of address selection: the tables of RFC 6724 s2.1 and s3.2, and those of a file as glibc's gai.conf(5) has it:
 *
 *     precedence PREFIX/LEN VALUE      label PREFIX/LEN VALUE      scopev4 PREFIX/LEN VALUE
 *
 * scopev4 takes 169.254.0.0/16 or ::ffff:169.254.0.0/112. A file that says one line of a table says that table whole.
 *
 * Rows stand with the longest prefix first, so the first that matches is the one that counts; of equal prefixes it is the
 * one that was said first.
 */
#include "libiothdns/addrorder.h"
#include "libiothdns/hosts_lines.h"

#include <errno.h>
#include <stdlib.h>

enum { V4_BITS = 96 };

/* What an address has that no row of a file matches: the values of ::/0, and the scope of IPv4 addresses. */
enum { OTHER_PRECEDENCE = 40, OTHER_LABEL = 1, OTHER_SCOPE = 14 };

/* RFC 6724 s2.1. */
static const struct {
    struct ipaddr prefix;
    uint8_t bits, precedence, label;
} rfc6724[] = {
    {{{[15] = 1}}, 128, 50, 0},                /* ::1 */
    {{{[10] = 0xff, [11] = 0xff}}, 96, 35, 4}, /* IPv4 */
    {{{0}}, 96, 1, 3},                         /* IPv4-compatible, deprecated */
    {{{0x20, 0x01}}, 32, 5, 5},                /* Teredo */
    {{{0x20, 0x02}}, 16, 30, 2},               /* 6to4 */
    {{{0x3f, 0xfe}}, 16, 1, 12},               /* 6bone */
    {{{0xfe, 0xc0}}, 10, 1, 11},               /* site-local, deprecated */
    {{{0xfc}}, 7, 3, 13},                      /* unique local */
    {{{0}}, 0, OTHER_PRECEDENCE, OTHER_LABEL},
};

static const struct addrorder_row rfc6724_scopes[] = {
    {{{[10] = 0xff, 0xff, 169, 254}}, V4_BITS + 16, 2},
    {{{[10] = 0xff, 0xff, 127}}, V4_BITS + 8, 2},
    {{{0}}, 0, OTHER_SCOPE},
};

static void default_precedence(struct addrorder_table *table)
{
    table->n = ARRAY_LEN(rfc6724);
    for (unsigned i = 0; i < table->n; i++)
        table->rows[i] = (struct addrorder_row){rfc6724[i].prefix, rfc6724[i].bits, rfc6724[i].precedence};
}

static void default_label(struct addrorder_table *table)
{
    table->n = ARRAY_LEN(rfc6724);
    for (unsigned i = 0; i < table->n; i++)
        table->rows[i] = (struct addrorder_row){rfc6724[i].prefix, rfc6724[i].bits, rfc6724[i].label};
}

static void default_scope4(struct addrorder_table *table)
{
    table->n = ARRAY_LEN(rfc6724_scopes);
    memcpy(table->rows, rfc6724_scopes, sizeof(rfc6724_scopes));
}

void addrorder_policy_default(struct addrorder_policy *ret)
{
    default_precedence(&ret->precedence);
    default_label(&ret->label);
    default_scope4(&ret->scope4);
}

/* Puts a row behind those whose prefix is at least as long. One place is left for the last resort. */
static void insert(struct addrorder_table *table, const struct addrorder_row *row)
{
    unsigned at = table->n;

    if (table->n >= ADDRORDER_ROWS_MAX - 1)
        return;
    for (; at > 0 && table->rows[at - 1].bits < row->bits; at--)
        table->rows[at] = table->rows[at - 1];
    table->rows[at] = *row;
    table->n++;
}

static bool read_value(const char *text, int *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || errno != 0 || value > INT32_MAX)
        return false;
    *ret = (int)value;
    return true;
}

static bool read_row(char *fields, struct addrorder_row *ret)
{
    const char *prefix = lines_field(&fields), *value = prefix ? lines_field(&fields) : NULL;
    unsigned bits;

    if (!value || !read_value(value, &ret->value) ||
        ipaddr_parse_prefix(prefix, strlen(prefix), &ret->prefix, &bits) < 0)
        return false;
    ret->bits = (uint8_t)bits;
    return true;
}

static void read_line(char *line, struct addrorder_policy *policy)
{
    const char *keyword = lines_field(&line);
    struct addrorder_row row;

    if (!keyword || !read_row(line, &row))
        return;
    if (strcmp(keyword, "precedence") == 0)
        insert(&policy->precedence, &row);
    else if (strcmp(keyword, "label") == 0)
        insert(&policy->label, &row);
    else if (strcmp(keyword, "scopev4") == 0 && row.bits >= V4_BITS)
        insert(&policy->scope4, &row);
}

/* A file's table, made whole, or the RFC's. */
static void complete(struct addrorder_table *table, void (*make_default)(struct addrorder_table *), int other)
{
    if (table->n == 0)
        make_default(table);
    else if (table->rows[table->n - 1].bits > 0)
        table->rows[table->n++] = (struct addrorder_row){.bits = 0, .value = other};
}

int addrorder_policy_parse(const char *text, size_t len, struct addrorder_policy *ret)
{
    if (len > ADDRORDER_FILE_MAX)
        return -EFBIG;
    char *copy = malloc(len + 1);
    if (!copy)
        return -ENOMEM;
    if (len > 0)
        memcpy(copy, text, len);
    struct lines rest = lines_of(copy, len);
    ret->precedence.n = ret->label.n = ret->scope4.n = 0;
    for (char *line = lines_next(&rest); line; line = lines_next(&rest))
        read_line(line, ret);
    free(copy);
    complete(&ret->precedence, default_precedence, OTHER_PRECEDENCE);
    complete(&ret->label, default_label, OTHER_LABEL);
    complete(&ret->scope4, default_scope4, OTHER_SCOPE);
    return 0;
}
