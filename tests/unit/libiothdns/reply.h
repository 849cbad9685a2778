/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies as servers make them, from text, for the tests of what reads them. */
#ifndef TEST_REPLY_H
#define TEST_REPLY_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dnsmsg.h"

static inline size_t reply_name(const char *text, uint8_t name[static DNAME_MAX])
{
    int len = dname_from_text(text, strlen(text), name);

    assert_true(len > 0);
    return (size_t)len;
}

/* One record, "OWNER TYPE DATA": DATA is an address, or a name in presentation form. */
static inline void reply_record(struct dns_writer *dw, const char *text)
{
    uint8_t owner[DNAME_MAX], rdata[DNAME_MAX];
    char words[3][256];

    assert_int_equal(sscanf(text, "%255s %255s %255s", words[0], words[1], words[2]), 3);
    int type = rrtype_from_text(words[1], strlen(words[1]));
    size_t len = type == RR_A ? 4 : 16;
    if (type == RR_A || type == RR_AAAA)
        assert_int_equal(inet_pton(type == RR_A ? AF_INET : AF_INET6, words[2], rdata), 1);
    else
        len = reply_name(words[2], rdata);
    reply_name(words[0], owner);
    assert_int_equal(dns_put_rr(dw, DNS_ANSWER, owner, (uint16_t)type, CLASS_IN, 60, rdata, len), 0);
}

/* A reply to (question, type); its answer are the records, separated by ';'. Returns its length. */
static inline size_t reply_make(uint8_t *buffer, size_t size, const char *question, uint16_t type,
                                uint16_t rcode, const char *records)
{
    uint8_t name[DNAME_MAX];
    struct dns_writer dw;
    char text[1024], *rest = NULL;

    dns_writer_init(&dw, buffer, size, 7, (uint16_t)(DNS_QR | DNS_RD | DNS_RA | rcode));
    reply_name(question, name);
    assert_int_equal(dns_put_question(&dw, name, type, CLASS_IN), 0);
    snprintf(text, sizeof(text), "%s", records);
    for (char *record = strtok_r(text, ";", &rest); record; record = strtok_r(NULL, ";", &rest))
        reply_record(&dw, record);
    return dns_finish(&dw);
}

#endif
