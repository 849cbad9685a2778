/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See query_edns.h. Of the options that there are, a server of this kind understands these; all others are
 * ignored (RFC 6891 s6.1.2):
 *
 *   COOKIE (RFC 7873)          the first one counts (s5.2); answered by one that is good from now on
 *   NSID (RFC 5001)            answered by `option nsid`, if it is set
 *   TCP keepalive (RFC 7828)   over TCP answered by the time after which an idle connection ends
 *
 * The reply may also carry an extended error (RFC 8914). Room is kept back for the options that the client
 * asked for, so a reply may be cut for them; behind a long name an NSID may be too much, and is not given. The extended
 * error is added to what room the records left, and cuts nothing.
 */
#include "libiothnamed/query_edns.h"
#include "libiothnamed/ede.h"

enum { OPTION_NSID = 3, OPTION_KEEPALIVE = 11, OPTION_EDE = 15 };

#define OPTION_HEAD   4 /* code and length */
#define KEEPALIVE_LEN (OPTION_HEAD + 2)
#define EDE_HEAD      (OPTION_HEAD + 2) /* with its code */
#define EDE_WORDS_MAX 80
#define OPTIONS_MAX                                                                                          \
    (COOKIE_OPT_LEN + OPTION_HEAD + CONFIG_TEXT_MAX + KEEPALIVE_LEN + EDE_HEAD + EDE_WORDS_MAX)

static const struct {
    uint16_t code;
    uint8_t len;
    const char *words;
} reasons[] = {
#define EDE_ROW(reason, code_, words_) [reason] = {code_, sizeof(words_) - 1, words_},
    EDE_TABLE(EDE_ROW)
#undef EDE_ROW
};

#define EDE_FITS(reason, code, words) _Static_assert(sizeof(words) - 1 <= EDE_WORDS_MAX, words);
EDE_TABLE(EDE_FITS)
#undef EDE_FITS

void query_read_options(struct query *q, const uint8_t *packet)
{
    const struct dns_edns *edns = &q->msg.edns;
    struct reader r = reader_of(packet + edns->options_off, edns->options_len);
    const uint8_t *cookie = NULL;
    uint16_t cookie_len = 0;
    q->wants_nsid = q->wants_keepalive = false;
    q->cookie = COOKIE_NONE;
    if (!edns->present || edns->version != 0)
        return;
    while (reader_left(&r)) {
        uint16_t code = reader_u16(&r), len = reader_u16(&r);
        const uint8_t *data = reader_take(&r, len);
        if (code == EDNS_OPTION_COOKIE && !cookie) {
            cookie = data;
            cookie_len = len;
        }
        q->wants_nsid |= code == OPTION_NSID;
        q->wants_keepalive |= code == OPTION_KEEPALIVE && q->tcp;
    }
    if (cookie)
        q->cookie =
            cookie_take(cookie, cookie_len, q->env->cookies, &q->client, q->env->wall_s, q->cookie_opt);
}

static bool gives_cookie(const struct query *q)
{
    return q->cookie != COOKIE_NONE && q->cookie != COOKIE_MALFORMED;
}

static bool gives_nsid(const struct query *q)
{
    return q->wants_nsid && q->env->snap->config->options.nsid.len;
}

uint16_t query_options_room(struct query *q)
{
    size_t left = writer_left(&q->reply.w), room = 0,
           nsid = OPTION_HEAD + q->env->snap->config->options.nsid.len;
    if (gives_cookie(q))
        room += COOKIE_OPT_LEN;
    if (q->wants_keepalive)
        room += KEEPALIVE_LEN;
    q->wants_nsid &= left >= DNS_OPT_LEN + room + nsid;
    if (gives_nsid(q))
        room += nsid;
    return (uint16_t)room;
}

static void put_nsid(struct writer *w, const struct config_text *nsid)
{
    writer_u16(w, OPTION_NSID);
    writer_u16(w, nsid->len);
    writer_put(w, nsid->text, nsid->len);
}

static void put_keepalive(struct writer *w, uint32_t timeout_s)
{
    writer_u16(w, OPTION_KEEPALIVE);
    writer_u16(w, 2);
    writer_u16(w, (uint16_t)(timeout_s * 10)); /* units of 100 ms; an hour at most */
}

/* The reason, with its words or without them, as far as `room` bytes go. */
static void put_reason(struct writer *w, enum ede why, size_t room)
{
    if (why == EDE_NONE || room < EDE_HEAD)
        return;
    uint16_t words = room < EDE_HEAD + (size_t)reasons[why].len ? 0 : reasons[why].len;
    writer_u16(w, OPTION_EDE);
    writer_u16(w, (uint16_t)(2 + words));
    writer_u16(w, reasons[why].code);
    writer_put(w, reasons[why].words, words);
}

void query_put_opt(struct query *q)
{
    const struct config_options *o = &q->env->snap->config->options;
    uint8_t options[OPTIONS_MAX];
    struct writer w = writer_of(options, sizeof(options));
    if (gives_cookie(q))
        writer_put(&w, q->cookie_opt, COOKIE_OPT_LEN);
    if (gives_nsid(q))
        put_nsid(&w, &o->nsid);
    if (q->wants_keepalive)
        put_keepalive(&w, o->tcptimeout_s);
    size_t left = writer_left(&q->reply.w), needed = DNS_OPT_LEN + w.pos;
    put_reason(&w, q->why, left > needed ? left - needed : 0);
    dns_put_opt(&q->reply, q->rcode, q->msg.edns.dnssec_ok, options, (uint16_t)w.pos);
}
