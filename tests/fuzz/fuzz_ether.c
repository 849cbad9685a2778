/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames from a packet socket: what is read of any bytes lies within them, and is the same when it is written again. */
#include "fuzz.h"

#include "wire/ether.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(data, size);
    struct ether_header header;
    struct udp first, again;
    uint8_t packet[UINT16_MAX];
    struct writer w = writer_of(packet, sizeof(packet));

    ether_read(&r, &header);
    if (r.bad || udp4_read(data + r.pos, reader_left(&r), header.type % 2 != 0, &first) < 0)
        return 0;
    FUZZ_ASSERT(first.bytes >= data && first.bytes + first.len <= data + size);
    udp4_write(&w, &first);
    FUZZ_ASSERT(!w.bad && udp4_read(packet, w.pos, false, &again) == 0);
    FUZZ_ASSERT(again.len == first.len && memcmp(again.bytes, first.bytes, first.len) == 0);
    return 0;
}
