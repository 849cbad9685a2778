/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RDATA from text, and back to text.
 *
 * Simple types are read by the table of record types, which knows the field that is wrong. All others, and
 * data in the generic form of RFC 3597 (\# LENGTH HEX), go through libzscanner as one line of a zone file: ".
 * 0 IN TYPE RDATA". Words in single quotes, which zone files do not know, are given to it in double ones.
 * Since it takes generic data of any length for any type, the result is checked against the shape of the
 * type.
 *
 * A ';' begins a comment in zone files and not here, so one outside of quotes is an error and not silently
 * the end.
 *
 * Back: types with a simple shape field by field, the others in generic form, which is valid input again.
 */
#include "libiothnamed/config_build.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libzscanner/scanner.h>
#include <stdlib.h>
#include <string.h>

/* --- from words --- */

/* Room for n fields, which serves one record after the other. NULL: out of memory. */
static struct text_field *room_for_fields(struct builder *b, unsigned n)
{
    while (b->fields_size < n) {
        struct text_field *more = array_more(&b->scratch, b->fields, b->fields_size, sizeof(*more));
        if (!more)
            return NULL;
        b->fields = more;
        b->fields_size = b->fields_size > 0 ? b->fields_size * 2 : ARRAY_MIN;
    }
    return b->fields;
}

static int from_fields(struct builder *b, const struct line *line, unsigned first, uint16_t type,
                       uint8_t *rdata)
{
    unsigned n = line->n_words - first, wrong = 0;
    struct text_field *fields = room_for_fields(b, n > 0 ? n : 1);
    const char *expected = NULL;
    char shown[SHOWN_MAX], name[RRTYPE_TEXT_MAX];

    if (!fields)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++)
        fields[i] = (struct text_field){line->words[first + i].value.text, line->words[first + i].value.len};
    int len = rrtype_rdata_from_text(type, fields, n, rdata, RDATA_MAX, &wrong, &expected);
    if (len == -ENOSPC)
        diag_error(b->diags, line->words[first].raw.at, "data of more than %d bytes", RDATA_MAX);
    if (len != -EINVAL)
        return len;
    if (wrong < n)
        diag_error(b->diags, line->words[first + wrong].raw.at, "%s is wrong in data of type %s, expected %s",
                   show(line->words[first + wrong].raw, shown), rrtype_to_text(type, name), expected);
    else
        diag_error(b->diags, line->end, "the line ends too early, data of type %s goes on: expected %s",
                   rrtype_to_text(type, name), expected);
    return len;
}

/* Appends a word in zone-file syntax; room for twice its length and two quotes is there. */
static char *put_word(char *at, const struct word *word)
{
    if (word->quote != '\'') {
        memcpy(at, word->raw.text, word->raw.len);
        return at + word->raw.len;
    }
    *at++ = '"';
    for (size_t i = 0; i < word->value.len; i++) {
        if (word->value.text[i] == '\\' && i + 1 < word->value.len)
            *at++ = word->value.text[i++];
        else if (word->value.text[i] == '"')
            *at++ = '\\';
        *at++ = word->value.text[i];
    }
    *at++ = '"';
    return at;
}

static bool is_generic(const struct word *word)
{
    return word->value.len == 2 && memcmp(word->value.text, "\\#", 2) == 0;
}

/* The line for the scanner, to be freed; NULL: out of memory. */
static char *zone_line(const struct line *line, unsigned first, uint16_t type, size_t *ret_len)
{
    char name[RRTYPE_TEXT_MAX];
    size_t size = 64; /* for what comes before the data */

    for (unsigned i = first; i < line->n_words; i++)
        size += line->words[i].raw.len * 2 + 3;
    char *text = malloc(size);
    if (!text)
        return NULL;
    char *at = text;
    if (line->n_words > first &&
        is_generic(&line->words[first])) /* for types, too, that the scanner has no name for */
        at += sprintf(at, ". 0 IN TYPE%u", type);
    else
        at += sprintf(at, ". 0 IN %s", rrtype_to_text(type, name));
    for (unsigned i = first; i < line->n_words; i++) {
        *at++ = ' ';
        at = put_word(at, &line->words[i]);
    }
    *at++ = '\n';
    *ret_len = (size_t)(at - text);
    return text;
}

struct scan_result {
    unsigned records;
    bool comment;
};

static void on_record(zs_scanner_t *scanner)
{
    struct scan_result *result = scanner->process.data;

    result->records++;
}

static void on_comment(zs_scanner_t *scanner)
{
    struct scan_result *result = scanner->process.data;

    result->comment = true;
}

static void on_error(zs_scanner_t *scanner)
{
    (void)scanner; /* the code stays in it */
}

/* Copies the data out of a scanner that has read its line. The length, or -EINVAL, reported at `at`. */
static int scanned_rdata(struct builder *b, const zs_scanner_t *scanner, const struct scan_result *result,
                         uint16_t type, struct place at, uint8_t *rdata)
{
    char name[RRTYPE_TEXT_MAX];

    rrtype_to_text(type, name);
    if (result->comment) {
        diag_error(b->diags, at, "';' begins a comment in data of type %s, expected it in quotes or as \\;",
                   rrtype_to_text(type, name));
        return -EINVAL;
    }
    if (result->records != 1) {
        diag_error(b->diags, at, "%s, expected data of type %s as in a zone file",
                   zs_strerror(scanner->error.code), rrtype_to_text(type, name));
        return -EINVAL;
    }
    struct reader reader = reader_of(scanner->r_data, scanner->r_data_length);
    int len = rrtype_read_rdata(&reader, type, (uint16_t)scanner->r_data_length, rdata, RDATA_MAX);
    if (len < 0) {
        diag_error(b->diags, at, "the data does not have the form of type %s", rrtype_to_text(type, name));
        return -EINVAL;
    }
    return len;
}

static int from_zone_text(struct builder *b, const struct line *line, unsigned first, uint16_t type,
                          uint8_t *rdata)
{
    struct place at = line->n_words > first ? line->words[first].raw.at : line->end;
    zs_scanner_t *scanner = malloc(sizeof(*scanner));
    struct scan_result result = {0};
    int outcome = -ENOMEM;
    size_t len;
    char *text = zone_line(line, first, type, &len);

    if (text && scanner && zs_init(scanner, ".", CLASS_IN, 0) == 0) {
        if (zs_set_processing(scanner, on_record, on_error, &result) == 0 &&
            zs_set_processing_comment(scanner, on_comment) == 0 &&
            zs_set_input_string(scanner, text, len) == 0) {
            (void)zs_parse_all(scanner); /* what it found says more than what it returns */
            outcome = scanned_rdata(b, scanner, &result, type, at, rdata);
        }
        zs_deinit(scanner);
    }
    free(scanner);
    free(text);
    return outcome;
}

int rdata_from_words(struct builder *b, const struct line *line, unsigned first, uint16_t type,
                     uint8_t rdata[static RDATA_MAX])
{
    bool generic = line->n_words > first && is_generic(&line->words[first]);
    int len = generic ? -EOPNOTSUPP : from_fields(b, line, first, type, rdata);

    return len == -EOPNOTSUPP ? from_zone_text(b, line, first, type, rdata) : len;
}

/* --- to text --- */

void name_print(const char *before, const struct config_name *name, const char *behind, FILE *out)
{
    char text[DNAME_TEXT_MAX];
    struct piece p = {text, strlen(dname_to_text(name->wire, text)), {0, 0}};
    bool quoted = strpbrk(text, "#'\"");

    fprintf(out, "%s%s", quoted ? "\"" : "", before);
    for (const char *c = text; *c; c++) {
        if (*c == ':') /* would look like an IPv6 address */
            fputs("\\058", out);
        else
            fputc(*c, out);
    }
    /* A final dot keeps it from looking like an IPv4 address or a prefix. */
    fprintf(out, "%s%s%s", looks_like_addr(p) || strchr(text, '/') ? "." : "", behind, quoted ? "\"" : "");
}

static void print_name_field(struct reader *r, FILE *out)
{
    uint8_t wire[DNAME_MAX];
    struct config_name name = {.wire = wire};

    name.len = (uint8_t)dname_read(r, wire);
    if (!r->bad)
        name_print("", &name, "", out);
}

static void print_string(struct reader *r, FILE *out)
{
    uint8_t len = reader_u8(r);
    const uint8_t *bytes = reader_take(r, len);

    fputc('"', out);
    for (uint8_t i = 0; bytes && i < len; i++) {
        if (bytes[i] < ' ' || bytes[i] > 126)
            fprintf(out, "\\%03u", bytes[i]);
        else
            fprintf(out, bytes[i] == '"' || bytes[i] == '\\' ? "\\%c" : "%c", bytes[i]);
    }
    fputc('"', out);
}

static void print_address(struct reader *r, unsigned bytes, FILE *out)
{
    struct ipaddr addr = {.b = {[10] = 0xff, [11] = 0xff}};
    const uint8_t *from = reader_take(r, bytes);
    char text[INET6_ADDRSTRLEN];

    if (!from)
        return;
    memcpy(addr.b + sizeof(addr.b) - bytes, from, bytes);
    if (bytes == sizeof(addr.b)) /* ::ffff:a.b.c.d, too, must look like IPv6 here */
        fputs(inet_ntop(AF_INET6, addr.b, text, sizeof(text)), out);
    else
        fputs(ipaddr_format(&addr, text), out);
}

static void print_field(struct reader *r, char letter, FILE *out)
{
    fputc(' ', out);
    switch (letter) {
    case 'N':
    case 'n':
        print_name_field(r, out);
        break;
    case '1':
        fprintf(out, "%u", reader_u8(r));
        break;
    case '2':
        fprintf(out, "%u", reader_u16(r));
        break;
    case '4':
        fprintf(out, "%" PRIu32, reader_u32(r));
        break;
    case 'a':
        print_address(r, 4, out);
        break;
    case '6':
        print_address(r, 16, out);
        break;
    default:
        print_string(r, out);
        break;
    }
}

void rdata_print(uint16_t type, const uint8_t *rdata, size_t len, FILE *out)
{
    const struct rrtype *row = rrtype_by_code(type);
    struct reader r = reader_of(rdata, len);

    if (!row || strchr(row->shape, '*')) {
        fprintf(out, " \\# %zu%s", len, len > 0 ? " " : "");
        for (size_t i = 0; i < len; i++)
            fprintf(out, "%02x", rdata[i]);
        return;
    }
    for (const char *letter = row->shape; *letter; letter++) {
        do
            print_field(&r, *letter, out);
        while (*letter == 'S' && reader_left(&r) > 0);
    }
}
