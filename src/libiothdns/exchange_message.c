/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One query out, one judgement back.
 *
 * The query: RD, CD as asked, AD too (RFC 6840 s5.7: without DO it asks for validation), one question in random letter case,
 * and an OPT record with our UDP size, DO as asked and a cookie (RFC 7873), unless the server does not know EDNS.
 *
 * A reply is to what was asked (RFC 5452 s9.1) if it is a response of opcode QUERY with the id and the one
 * question sent; over UDP its letter case must agree byte for byte, and a reply that fails in this alone is
 * told apart, since some servers do not keep the case. A FORMERR may come without a question: such a server
 * could not read ours.
 *
 * A cookie in a reply must be ours (RFC 7873 s5.3). None is no fault, unless this server gave one in its last
 * reply: then it is told apart, for TCP to decide. A truncated reply leads to TCP in any case.
 *
 * What a refusal says behind its question is nobody's business but for its OPT record: servers that do not
 * understand EDNS copy counts of records that they do not send. Answers, on the other hand, are handed on and
 * kept, so all of their records must parse, names within RDATA included, and nothing may stand behind the last.
 * Truncated replies are cut anywhere: not read.
 */
#include "libiothdns/exchange_message.h"

#include <string.h>

/* Puts the name down with each letter raised whose bit is set. Length bytes are below all letters. */
static void spell(const uint8_t *name, size_t len, const uint8_t *spelling, uint8_t *spelled)
{
    for (size_t i = 0; i < len; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z';
        bool raise = spelling[i / 8] >> (i % 8) & 1;
        spelled[i] = letter && raise ? (uint8_t)(name[i] - 'a' + 'A') : name[i];
    }
}

/* The COOKIE option for that server; returns its length. */
static uint16_t write_cookie(const struct server_state *server, uint8_t option[static COOKIE_OPTION_LEN_MAX])
{
    struct writer w = writer_of(option, COOKIE_OPTION_LEN_MAX);

    writer_u16(&w, EDNS_OPTION_COOKIE);
    writer_u16(&w, (uint16_t)(CLIENT_COOKIE_LEN + server->server_cookie_len));
    writer_put(&w, server->client_cookie, CLIENT_COOKIE_LEN);
    writer_put(&w, server->server_cookie, server->server_cookie_len);
    return (uint16_t)w.pos;
}

size_t query_write(const struct exchange_question *question, const struct query_sent *sent,
                   const struct server_state *server, uint8_t message[static QUERY_LEN_MAX])
{
    uint8_t spelled[DNAME_MAX], cookie[COOKIE_OPTION_LEN_MAX];
    uint16_t cookie_len = write_cookie(server, cookie);
    struct dns_writer dw;

    spell(question->name, question->name_len, sent->spelling, spelled);
    dns_writer_init(&dw, message, QUERY_LEN_MAX, sent->id,
                    (uint16_t)(DNS_RD | (question->checking_disabled ? DNS_CD : 0) |
                               (question->authentic_data ? DNS_AD : 0)));
    if (sent->edns)
        dns_reserve_opt(&dw, cookie_len);
    dns_put_question(&dw, spelled, question->type, question->class);
    if (sent->edns)
        dns_put_opt(&dw, RCODE_NOERROR, question->dnssec_ok, cookie, cookie_len);
    return dns_finish(&dw);
}

static bool same_question(const struct dns_question *got, const struct exchange_question *asked)
{
    return got->type == asked->type && got->class == asked->class &&
           dname_equal(got->name, got->name_len, asked->name, asked->name_len);
}

static bool same_spelling(const struct dns_question *got, const struct exchange_question *asked,
                          const struct query_sent *sent)
{
    uint8_t spelled[DNAME_MAX];

    spell(asked->name, asked->name_len, sent->spelling, spelled);
    return memcmp(got->name, spelled, asked->name_len) == 0;
}

/* Reads one record; *edns is filled when it is an OPT record. */
static bool record_parses(struct reader *r, enum dns_section section, struct dns_edns *edns, uint8_t *scratch)
{
    struct dns_rr rr;

    dns_read_rr(r, &rr);
    if (r->bad)
        return false;
    if (rr.type == RR_OPT)
        return section == DNS_ADDITIONAL && !edns->present && dns_read_opt(r, &rr, edns) == 0;
    struct reader rdata = {.base = r->base, .pos = rr.rdata, .len = r->len};
    return rrtype_read_rdata(&rdata, rr.type, rr.rdlen, scratch, reply_scratch_len(r->len)) >= 0;
}

static bool records_parse(struct reader *r, const struct dns_header *header, struct dns_edns *ret_edns,
                          uint8_t *scratch)
{
    *ret_edns = (struct dns_edns){0};
    for (enum dns_section section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++) {
        for (unsigned i = 0; i < header->count[section]; i++) {
            if (!record_parses(r, section, ret_edns, scratch))
                return false;
        }
    }
    return reader_left(r) == 0;
}

/* --- cookies --- */

enum cookie_found { COOKIE_ABSENT, COOKIE_OURS, COOKIE_OF_OTHERS };

/* The COOKIE option among the options of a reply. */
static enum cookie_found find_cookie(const uint8_t *bytes, const struct dns_edns *edns,
                                     const struct server_state *server, struct reply_signs *signs)
{
    struct reader r = reader_of(bytes, (size_t)edns->options_off + edns->options_len);

    for (r.pos = edns->options_off; !r.bad && reader_left(&r) > 0;) {
        uint16_t code = reader_u16(&r), len = reader_u16(&r);
        const uint8_t *option = reader_take(&r, len);
        size_t server_len = (size_t)len - CLIENT_COOKIE_LEN;
        if (r.bad || code != EDNS_OPTION_COOKIE || len < CLIENT_COOKIE_LEN + SERVER_COOKIE_LEN_MIN ||
            server_len > SERVER_COOKIE_LEN_MAX)
            continue; /* one of a wrong length is none */
        if (memcmp(option, server->client_cookie, CLIENT_COOKIE_LEN) != 0)
            return COOKIE_OF_OTHERS;
        signs->server_cookie = option + CLIENT_COOKIE_LEN;
        signs->server_cookie_len = server_len;
        return COOKIE_OURS;
    }
    return COOKIE_ABSENT;
}

/* --- judgement --- */

static enum reply_kind judge_rcode(unsigned rcode, bool edns)
{
    switch (rcode) {
    case RCODE_NOERROR:
    case RCODE_NXDOMAIN:
        return REPLY_ANSWER;
    case RCODE_FORMERR:
    case RCODE_NOTIMP:
    case RCODE_BADVERS:
        return edns ? REPLY_NO_EDNS : REPLY_REFUSAL;
    case RCODE_BADCOOKIE:
        return REPLY_BAD_COOKIE;
    default:
        return REPLY_REFUSAL;
    }
}

/* What the rcode and the records behind the question say. */
static enum reply_kind judge_body(struct reader *r, const struct dns_header *header,
                                  const struct query_sent *sent, uint8_t *scratch, struct dns_edns *ret_edns)
{
    unsigned rcode = header->flags & DNS_RCODE;
    bool whole = records_parse(r, header, ret_edns, scratch);

    if (!whole && judge_rcode(rcode, sent->edns) == REPLY_ANSWER)
        return REPLY_BROKEN;
    if (!whole)
        *ret_edns = (struct dns_edns){0};
    return judge_rcode((unsigned)ret_edns->ext_rcode << 4 | rcode, sent->edns);
}

/* What its cookie makes of it. */
static enum reply_kind judge_cookie(enum reply_kind kind, const uint8_t *bytes, const struct dns_edns *edns,
                                    const struct query_sent *sent, const struct server_state *server,
                                    struct reply_signs *signs)
{
    enum cookie_found cookie =
        edns->present && sent->edns ? find_cookie(bytes, edns, server, signs) : COOKIE_ABSENT;

    signs->edns = edns->present;
    if (cookie == COOKIE_OF_OTHERS)
        return REPLY_FOREIGN;
    if (cookie == COOKIE_ABSENT && server->shows_cookies && sent->edns && !sent->tcp)
        return REPLY_UNSIGNED;
    if (cookie == COOKIE_ABSENT && kind == REPLY_BAD_COOKIE)
        return REPLY_REFUSAL;
    return kind;
}

enum reply_kind reply_judge(const uint8_t *bytes, size_t len, const struct exchange_question *question,
                            const struct query_sent *sent, const struct server_state *server,
                            uint8_t *scratch, struct reply_signs *ret_signs)
{
    struct reader r = reader_of(bytes, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question got;
    struct dns_edns edns = {0};

    *ret_signs = (struct reply_signs){.keeps_case = true};
    if (r.bad || !(header.flags & DNS_QR) || (header.flags & DNS_OPCODE) != OPCODE_QUERY ||
        header.id != sent->id)
        return REPLY_FOREIGN;
    if (header.qdcount == 0 && (header.flags & DNS_RCODE) == RCODE_FORMERR)
        return judge_cookie(judge_rcode(RCODE_FORMERR, sent->edns), bytes, &edns, sent, server, ret_signs);
    if (header.qdcount != 1)
        return REPLY_FOREIGN;
    dns_read_question(&r, &got);
    if (r.bad || !same_question(&got, question))
        return REPLY_FOREIGN;
    ret_signs->keeps_case = same_spelling(&got, question, sent);
    if (!sent->tcp && !sent->caseless && !ret_signs->keeps_case)
        return REPLY_MISSPELLED;
    if (header.flags & DNS_TC)
        return sent->tcp ? REPLY_BROKEN : REPLY_TRUNCATED;
    enum reply_kind kind = judge_body(&r, &header, sent, scratch, &edns);
    if (kind == REPLY_BROKEN)
        return kind;
    return judge_cookie(kind, bytes, &edns, sent, server, ret_signs);
}
