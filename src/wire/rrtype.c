/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of record types and the two walks over their shapes: from a message to uncompressed RDATA, and
 * from presentation form to RDATA. (The third walk, from RDATA into a message, belongs to the writer of
 * messages.)
 *
 * Rows stand at the index of their code, so finding one is an array access. Codes from 32768 on are few and
 * unused; they have no rows and are opaque bytes, as are all types that nobody has told us about (RFC 3597).
 *
 * A type gets a shape other than "*" if it holds names that are to be decompressed when received, or has a
 * presentation form as simple as its fields. Types that RFC 3597 s4 lists as possibly compressed by old
 * servers are decompressed; later ones (RRSIG, NSEC, SVCB) never have pointers in them and pass as opaque
 * bytes.
 *
 * Reading RDATA works on a cursor that ends where the RDATA ends: a field that runs over it is an error, and
 * so is what is left behind the last field.
 */
#include "wire/rrtype.h"
#include "wire/dname.h"
#include "wire/escape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROW(code, mnemonic, shape) [code] = {code, mnemonic, shape}

static const struct rrtype rows[] = {
    ROW(RR_A, "A", "a"),
    ROW(RR_NS, "NS", "N"),
    ROW(3, "MD", "N"),
    ROW(4, "MF", "N"),
    ROW(RR_CNAME, "CNAME", "N"),
    ROW(RR_SOA, "SOA", "NN44444"),
    ROW(7, "MB", "N"),
    ROW(8, "MG", "N"),
    ROW(9, "MR", "N"),
    ROW(10, "NULL", "*"),
    ROW(11, "WKS", "*"),
    ROW(RR_PTR, "PTR", "N"),
    ROW(RR_HINFO, "HINFO", "ss"),
    ROW(14, "MINFO", "NN"),
    ROW(RR_MX, "MX", "2N"),
    ROW(RR_TXT, "TXT", "S"),
    ROW(17, "RP", "nn"),
    ROW(18, "AFSDB", "2n"),
    ROW(19, "X25", "s"),
    ROW(20, "ISDN", "*"),
    ROW(21, "RT", "2n"),
    ROW(22, "NSAP", "*"),
    ROW(23, "NSAP-PTR", "*"),
    ROW(24, "SIG", "2114442n*"),
    ROW(25, "KEY", "*"),
    ROW(26, "PX", "2nn"),
    ROW(27, "GPOS", "sss"),
    ROW(RR_AAAA, "AAAA", "6"),
    ROW(29, "LOC", "*"),
    ROW(30, "NXT", "n*"),
    ROW(31, "EID", "*"),
    ROW(32, "NIMLOC", "*"),
    ROW(RR_SRV, "SRV", "222n"),
    ROW(34, "ATMA", "*"),
    ROW(RR_NAPTR, "NAPTR", "22sssn"),
    ROW(36, "KX", "2n"),
    ROW(37, "CERT", "*"),
    ROW(38, "A6", "*"),
    ROW(RR_DNAME, "DNAME", "n"),
    ROW(40, "SINK", "*"),
    ROW(RR_OPT, "OPT", "*"),
    ROW(42, "APL", "*"),
    ROW(RR_DS, "DS", "*"),
    ROW(44, "SSHFP", "*"),
    ROW(45, "IPSECKEY", "*"),
    ROW(RR_RRSIG, "RRSIG", "*"),
    ROW(RR_NSEC, "NSEC", "*"),
    ROW(RR_DNSKEY, "DNSKEY", "*"),
    ROW(49, "DHCID", "*"),
    ROW(50, "NSEC3", "*"),
    ROW(51, "NSEC3PARAM", "*"),
    ROW(52, "TLSA", "*"),
    ROW(53, "SMIMEA", "*"),
    ROW(55, "HIP", "*"),
    ROW(56, "NINFO", "S"),
    ROW(57, "RKEY", "*"),
    ROW(58, "TALINK", "*"),
    ROW(59, "CDS", "*"),
    ROW(60, "CDNSKEY", "*"),
    ROW(61, "OPENPGPKEY", "*"),
    ROW(62, "CSYNC", "*"),
    ROW(63, "ZONEMD", "*"),
    ROW(64, "SVCB", "*"),
    ROW(65, "HTTPS", "*"),
    ROW(99, "SPF", "S"),
    ROW(104, "NID", "*"),
    ROW(105, "L32", "2a"),
    ROW(106, "L64", "*"),
    ROW(107, "LP", "2n"),
    ROW(108, "EUI48", "*"),
    ROW(109, "EUI64", "*"),
    ROW(RR_TKEY, "TKEY", "*"),
    ROW(RR_TSIG, "TSIG", "*"),
    ROW(RR_IXFR, "IXFR", "*"),
    ROW(RR_AXFR, "AXFR", "*"),
    ROW(RR_MAILB, "MAILB", "*"),
    ROW(RR_MAILA, "MAILA", "*"),
    ROW(RR_ANY, "ANY", "*"),
    ROW(256, "URI", "*"),
    ROW(257, "CAA", "*"),
    ROW(258, "AVC", "S"),
    ROW(259, "DOA", "*"),
    ROW(260, "AMTRELAY", "*"),
    ROW(261, "RESINFO", "S"),
};

#undef ROW

const struct rrtype *rrtype_by_code(uint16_t code)
{
    return code < ARRAY_LEN(rows) && rows[code].name ? &rows[code] : NULL;
}

/* text is `word` (upper case) in any letter case; independent of the locale. */
static bool is_word(const char *text, size_t len, const char *word)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - ('a' - 'A')) : text[i];
        if (word[i] == '\0' || c != word[i])
            return false;
    }
    return word[len] == '\0';
}

/* A decimal number without sign or leading zeros, 0..max. */
static bool decimal_from_text(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (len == 0 || len > 10 || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (decimal_digit(text[i]) > 9)
            return false;
        value = value * 10 + decimal_digit(text[i]);
    }
    if (value > max)
        return false;
    *ret = value;
    return true;
}

int rrtype_from_text(const char *text, size_t len)
{
    const size_t prefix_len = strlen("TYPE");
    uint64_t code;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].name && is_word(text, len, rows[i].name))
            return rows[i].code;
    }
    if (len > prefix_len && is_word(text, prefix_len, "TYPE") &&
        decimal_from_text(text + prefix_len, len - prefix_len, UINT16_MAX, &code))
        return (int)code;
    return -ENOENT;
}

const char *rrtype_to_text(uint16_t code, char text[static RRTYPE_TEXT_MAX])
{
    const struct rrtype *row = rrtype_by_code(code);

    if (row)
        return row->name;
    snprintf(text, RRTYPE_TEXT_MAX, "TYPE%u", (unsigned)code);
    return text;
}

bool rrtype_is_meta(uint16_t code)
{
    return code == RR_OPT || (code >= 128 && code <= 255);
}

/* --- from a message --- */

static void copy_bytes(struct reader *r, size_t len, struct writer *out)
{
    const uint8_t *bytes = reader_take(r, len);

    if (bytes)
        writer_put(out, bytes, len);
}

static void copy_name(struct reader *r, struct writer *out)
{
    uint8_t name[DNAME_MAX];
    size_t len = dname_read(r, name);

    if (len > 0)
        writer_put(out, name, len);
}

static void copy_string(struct reader *r, struct writer *out)
{
    uint8_t len = reader_u8(r);

    writer_u8(out, len);
    copy_bytes(r, len, out);
}

static void copy_field(struct reader *r, char letter, struct writer *out)
{
    switch (letter) {
    case 'N':
    case 'n':
        copy_name(r, out);
        break;
    case '1':
    case '2':
    case '4':
        copy_bytes(r, (size_t)(letter - '0'), out);
        break;
    case 'a':
        copy_bytes(r, 4, out);
        break;
    case '6':
        copy_bytes(r, 16, out);
        break;
    case 's':
        copy_string(r, out);
        break;
    case 'S':
        do
            copy_string(r, out);
        while (reader_left(r) > 0);
        break;
    case '*':
        copy_bytes(r, reader_left(r), out);
        break;
    }
}

int rrtype_read_rdata(struct reader *msg, uint16_t type, uint16_t rdlen, uint8_t *out, size_t size)
{
    const struct rrtype *row = rrtype_by_code(type);
    struct reader rdata = *msg;
    struct writer w = writer_of(out, size < RDATA_MAX ? size : RDATA_MAX);

    if (!reader_take(msg, rdlen))
        return -EBADMSG;
    rdata.len = msg->pos;
    for (const char *letter = row ? row->shape : "*"; *letter != '\0'; letter++)
        copy_field(&rdata, *letter, &w);
    if (rdata.bad || reader_left(&rdata) > 0)
        return -EBADMSG;
    return w.bad ? -ENOSPC : (int)w.pos;
}

/* --- from presentation form --- */

static bool name_from_field(const struct text_field *field, struct writer *out)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(field->text, field->len, name);

    if (len < 0)
        return false;
    writer_put(out, name, (size_t)len);
    return true;
}

static bool number_from_field(const struct text_field *field, unsigned bytes, struct writer *out)
{
    uint64_t value;

    if (!decimal_from_text(field->text, field->len, (UINT64_C(1) << bytes * 8) - 1, &value))
        return false;
    for (unsigned left = bytes; left > 0; left--)
        writer_u8(out, (uint8_t)(value >> (left - 1) * 8));
    return true;
}

static bool address_from_field(const struct text_field *field, size_t len, struct writer *out)
{
    struct ipaddr addr;
    bool is_v6 = memchr(field->text, ':', field->len);

    if (is_v6 != (len == sizeof(addr.b)) || ipaddr_parse(field->text, field->len, &addr) < 0)
        return false;
    writer_put(out, addr.b + sizeof(addr.b) - len, len);
    return true;
}

static bool string_from_field(const struct text_field *field, struct writer *out)
{
    uint8_t string[UINT8_MAX];
    uint8_t len = 0;

    for (size_t pos = 0; pos < field->len;) {
        int byte = escape_read(field->text, field->len, &pos);
        if (byte < 0 || len == UINT8_MAX)
            return false;
        string[len++] = (uint8_t)byte;
    }
    writer_u8(out, len);
    writer_put(out, string, len);
    return true;
}

static bool put_field(const struct text_field *field, char letter, struct writer *out)
{
    switch (letter) {
    case 'N':
    case 'n':
        return name_from_field(field, out);
    case '1':
    case '2':
    case '4':
        return number_from_field(field, (unsigned)(letter - '0'), out);
    case 'a':
        return address_from_field(field, 4, out);
    case '6':
        return address_from_field(field, 16, out);
    default:
        return string_from_field(field, out);
    }
}

static const char *expected_of(char letter)
{
    switch (letter) {
    case 'N':
    case 'n':
        return "a domain name";
    case '1':
        return "a number from 0 to 255";
    case '2':
        return "a number from 0 to 65535";
    case '4':
        return "a number from 0 to 4294967295";
    case 'a':
        return "an IPv4 address";
    case '6':
        return "an IPv6 address";
    case '\0':
        return "nothing more";
    default:
        return "a text of at most 255 bytes";
    }
}

int rrtype_rdata_from_text(uint16_t type, const struct text_field *fields, unsigned n, uint8_t *out,
                           size_t size, unsigned *ret_field, const char **ret_expected)
{
    const struct rrtype *row = rrtype_by_code(type);
    struct writer w = writer_of(out, size < RDATA_MAX ? size : RDATA_MAX);
    unsigned i = 0;

    if (!row || strchr(row->shape, '*'))
        return -EOPNOTSUPP;
    const char *letter = row->shape;
    while (*letter != '\0' && i < n && put_field(&fields[i], *letter, &w)) {
        i++;
        if (*letter != 'S' || i == n) /* 'S' takes all that is left */
            letter++;
    }
    if (*letter != '\0' || i < n) {
        *ret_field = i;
        *ret_expected = expected_of(*letter);
        return -EINVAL;
    }
    return w.bad ? -ENOSPC : (int)w.pos;
}
