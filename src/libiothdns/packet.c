/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What packets that are written and packets that are read have in common: their bytes and the header in them. */
#include "libiothdns/packet.h"

#include <stdlib.h>

enum { FLAGS_OFFSET = 2 };

/* The counts of the header, and the length of the RDATA that was written last. */
static size_t finish(struct packet_writer *w)
{
    if (w->rdlength > 0)
        put_be16(w->dw.w.base + w->rdlength, (uint16_t)(w->dw.w.pos - w->rdlength - 2));
    return dns_finish(&w->dw);
}

struct iovec iothdns_getbuf(struct iothdns_pkt *pkt)
{
    if (!pkt->writing)
        return (struct iovec){.iov_base = pkt->bytes, .iov_len = pkt->len};
    if (pkt->error)
        return (struct iovec){0};
    return (struct iovec){.iov_base = pkt->bytes, .iov_len = finish(&pkt->w)};
}

void iothdns_free(struct iothdns_pkt *pkt)
{
    free(pkt);
}

void iothdns_retrieve_header(struct iothdns_pkt *pkt, uint16_t *id, uint16_t *flags)
{
    if (id)
        *id = get_be16(pkt->bytes);
    if (flags)
        *flags = get_be16(pkt->bytes + FLAGS_OFFSET);
}

void iothdns_rewrite_header(struct iothdns_pkt *pkt, uint16_t id, uint16_t flags)
{
    put_be16(pkt->bytes, id);
    put_be16(pkt->bytes + FLAGS_OFFSET, flags);
}

int iothdns_pkt_error(const struct iothdns_pkt *pkt)
{
    return pkt->error ? pkt->error : pkt->rdata_error;
}

void packet_truncate(struct iothdns_pkt *pkt)
{
    struct packet_writer *w = &pkt->w;

    dns_truncate(&w->dw);
    w->section = 0;
    w->rdlength = 0;
    w->has_opt = false;
}

void packet_put_opt(struct iothdns_pkt *pkt, uint16_t rcode, bool dnssec_ok)
{
    struct packet_writer *w = &pkt->w;

    if (pkt->error || w->has_opt)
        return;
    finish(w);
    w->rdlength = 0;
    w->section = IOTHDNS_SEC_ADDITIONAL;
    w->has_opt = dns_put_opt(&w->dw, rcode, dnssec_ok, NULL, 0) == 0;
}
