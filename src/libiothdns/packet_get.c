/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages taken apart, over the readers of wire/. A message is foreign: its header, its question and each record are
 * checked when their turn comes, and nothing is read beyond the RDATA of the record in hand. Names whose text is longer
 * than the buffers of the old interface (labels of unprintable bytes have escapes) end the reading; those who want them
 * use iothdns_get_fullname, or look at no names.
 */
#include "libiothdns/packet.h"

#include <errno.h>
#include <stdlib.h>

/* Puts the text of a name into `size` bytes; its length, or -EMSGSIZE. */
static int put_text(const uint8_t *name, char *text, size_t size)
{
    char whole[DNAME_TEXT_MAX];
    size_t len = strlen(dname_to_text(name, whole));

    if (len >= size)
        return -EMSGSIZE;
    memcpy(text, whole, len + 1);
    return (int)len;
}

int packet_read(struct iothdns_pkt *pkt, struct iothdns_header *h, uint8_t *bytes, size_t len, char *qnamebuf)
{
    struct packet_reader r = {.all = reader_of(bytes, len)};
    struct dns_header header = dns_read_header(&r.all);
    struct dns_question question = {0}; /* the root, as "" */

    if (!r.all.bad && header.qdcount == 1)
        dns_read_question(&r.all, &question);
    if (r.all.bad || header.qdcount > 1)
        return -EBADMSG;
    if (qnamebuf && header.qdcount == 0)
        qnamebuf[0] = '\0';
    else if (qnamebuf && put_text(question.name, qnamebuf, IOTHDNS_MAXNAME) < 0)
        return -EMSGSIZE;
    for (unsigned i = 0; i < ARRAY_LEN(r.left); i++)
        r.left[i] = header.count[i];
    *pkt = (struct iothdns_pkt){.bytes = bytes, .len = len, .r = r};
    *h = (struct iothdns_header){.id = header.id,
                                 .flags = header.flags,
                                 .qname = qnamebuf,
                                 .qtype = question.type,
                                 .qclass = question.class};
    return 0;
}

struct iothdns_pkt *iothdns_get_header(struct iothdns_header *h, void *buf, size_t bufsize, char *qnamebuf)
{
    struct iothdns_pkt *pkt = malloc(sizeof(*pkt));

    if (!pkt)
        return NULL;
    int error = packet_read(pkt, h, buf, bufsize, qnamebuf);
    if (error < 0) {
        free(pkt);
        errno = -error;
        return NULL;
    }
    return pkt;
}

/* No record is to be had from here on. */
static int end_of(struct iothdns_pkt *pkt, int error)
{
    pkt->error = error;
    pkt->r.rdata = (struct reader){.bad = true};
    if (error)
        errno = error;
    return 0;
}

/* Reads the next record. Its section; 0: there is none, or it is broken (r->all.bad). */
static int next_record(struct packet_reader *r, struct dns_rr *ret)
{
    for (unsigned i = 0; i < ARRAY_LEN(r->left); i++) {
        while (r->left[i] > 0 && !r->all.bad) {
            r->left[i]--;
            dns_read_rr(&r->all, ret);
            if (!r->all.bad && !(r->hides_opt && ret->type == RR_OPT))
                return (int)i + IOTHDNS_SEC_ANSWER;
        }
    }
    return 0;
}

int iothdns_get_rr(struct iothdns_pkt *pkt, struct iothdns_rr *rr, char *namebuf)
{
    struct packet_reader *r = &pkt->r;
    struct dns_rr got;

    if (pkt->writing || pkt->error) {
        errno = pkt->writing ? EINVAL : pkt->error;
        return 0;
    }
    pkt->rdata_error = 0;
    int section = next_record(r, &got);
    if (section == 0)
        return end_of(pkt, r->all.bad ? EBADMSG : 0);
    if (namebuf && put_text(got.owner, namebuf, IOTHDNS_MAXNAME) < 0)
        return end_of(pkt, EMSGSIZE);
    r->rdata = (struct reader){.base = r->all.base, .pos = got.rdata, .len = got.rdata + got.rdlen};
    *rr = (struct iothdns_rr){
        .name = namebuf, .type = got.type, .class = got.class, .ttl = got.ttl, .rdlength = got.rdlen};
    return section;
}

/* --- RDATA --- */

static void *no_data(struct iothdns_pkt *pkt, int error)
{
    pkt->rdata_error = error;
    errno = error;
    return NULL;
}

/* The next bytes of the RDATA; NULL: there are fewer. */
static const uint8_t *take(struct iothdns_pkt *pkt, size_t len)
{
    const uint8_t *at = pkt->writing ? NULL : reader_take(&pkt->r.rdata, len);

    return at ? at : no_data(pkt, pkt->writing ? EINVAL : EBADMSG);
}

uint8_t iothdns_get_int8(struct iothdns_pkt *pkt)
{
    const uint8_t *at = take(pkt, 1);

    return at ? *at : 0;
}

uint16_t iothdns_get_int16(struct iothdns_pkt *pkt)
{
    const uint8_t *at = take(pkt, 2);

    return at ? get_be16(at) : 0;
}

uint32_t iothdns_get_int32(struct iothdns_pkt *pkt)
{
    const uint8_t *at = take(pkt, 4);

    return at ? get_be32(at) : 0;
}

void *iothdns_get_data(struct iothdns_pkt *pkt, void *data, uint16_t len)
{
    const uint8_t *at = take(pkt, len);

    return at ? memcpy(data, at, len) : NULL;
}

int iothdns_get_fullname(struct iothdns_pkt *pkt, char *name, size_t size)
{
    uint8_t wire[DNAME_MAX];

    if (pkt->writing || dname_read(&pkt->r.rdata, wire) == 0) {
        no_data(pkt, pkt->writing ? EINVAL : EBADMSG);
        return -1;
    }
    int len = put_text(wire, name, size);
    if (len < 0) {
        no_data(pkt, -len);
        return -1;
    }
    return len;
}

char *iothdns_get_name(struct iothdns_pkt *pkt, char *name)
{
    return iothdns_get_fullname(pkt, name, IOTHDNS_MAXNAME) < 0 ? NULL : name;
}

int iothdns_get_text(struct iothdns_pkt *pkt, char *text, size_t size)
{
    const uint8_t *len = take(pkt, 1);
    const uint8_t *at = len ? take(pkt, *len) : NULL;

    if (!at)
        return -1;
    if (*len >= size) {
        no_data(pkt, EMSGSIZE);
        return -1;
    }
    memcpy(text, at, *len);
    text[*len] = '\0';
    return *len;
}

char *iothdns_get_string(struct iothdns_pkt *pkt, char *string)
{
    return iothdns_get_text(pkt, string, IOTHDNS_MAXSTRING) < 0 ? NULL : string;
}

void *iothdns_get_a(struct iothdns_pkt *pkt, void *addr_ipv4)
{
    return iothdns_get_data(pkt, addr_ipv4, sizeof(struct in_addr));
}

void *iothdns_get_aaaa(struct iothdns_pkt *pkt, void *addr_ipv6)
{
    return iothdns_get_data(pkt, addr_ipv6, sizeof(struct in6_addr));
}
