/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A packet of the public message API: a message that is being written, or one that is being read. Inside the library. */
#ifndef IOTHDNS_PACKET_H
#define IOTHDNS_PACKET_H

#include "wire/dnsmsg.h"

#include <iothdns.h>

/* Where a message that is read stands. */
struct packet_reader {
    struct reader all;   /* behind the record that was read last */
    struct reader rdata; /* within that record */
    unsigned left[3];    /* records of each section still to be read */
    bool hides_opt;      /* the OPT record, which is between the servers and us, is passed over */
};

/* What a message that is written has of its last record. */
struct packet_writer {
    struct dns_writer dw;
    int section;     /* IOTHDNS_SEC_..., 0: there is no record yet */
    size_t rdlength; /* where the length of its RDATA is to be put; 0: no record is open */
    bool has_opt;
};

struct iothdns_pkt {
    bool writing;
    int error;       /* positive errno; sticks */
    int rdata_error; /* reading: of this record alone */
    uint8_t *bytes;  /* the message */
    size_t len;      /* reading */
    union {
        struct packet_reader r;
        struct packet_writer w;
    };
};

/* Reads as iothdns_get_header does; the packet is the caller's memory, and nothing is to be freed. 0, -EBADMSG, -EMSGSIZE. */
MUST_CHECK int packet_read(struct iothdns_pkt *pkt, struct iothdns_header *h, uint8_t *bytes, size_t len,
                           char *qnamebuf);
/* Of what is written: takes back all records and sets the bit TC. */
void packet_truncate(struct iothdns_pkt *pkt);
/* Of what is written: adds an OPT record unless there is one, with the upper bits of rcode, and DO. */
void packet_put_opt(struct iothdns_pkt *pkt, uint16_t rcode, bool dnssec_ok);

#endif
