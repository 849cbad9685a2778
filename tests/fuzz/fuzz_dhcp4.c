/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a DHCPv4 message, and an ARP packet: what is read of it, written anew and read again is the same. And its
 * first bytes say the size of a message into which the rest is written as options, which come back if they
 * fit. */
#include "fuzz.h"
#include "wire/arp.h"
#include "wire/dhcp4_roundtrip.h"

static void check_arp(const uint8_t *data, size_t size)
{
    struct arp_packet arp, back;
    uint8_t bytes[ARP_LEN];

    if (arp_read(data, size, &arp) < 0)
        return;
    arp_write(&arp, bytes);
    FUZZ_ASSERT(memcmp(bytes, data, sizeof(bytes)) == 0 && arp_read(bytes, sizeof(bytes), &back) == 0);
    FUZZ_ASSERT(!arp_conflicts(&arp, arp.sender_mac, arp.sender));
}

/* Options: a code, a length of two bytes, so many bytes of the input. */
static void put_options(struct reader *r, struct dhcp4_writer *dw, size_t *lengths)
{
    while (reader_left(r) >= 3) {
        uint8_t code = reader_u8(r);
        size_t len = reader_u16(r) % (reader_left(r) + 1);
        const uint8_t *value = reader_take(r, len);
        if (!value || code == DHCP4_PAD || code == DHCP4_END || code == DHCP4_OVERLOAD)
            continue;
        dhcp4_put(dw, code, value, len);
        lengths[code] += 1 + len;
    }
}

static void check_writer(const uint8_t *data, size_t size)
{
    static const struct dhcp4_header header = {.op = DHCP4_BOOTREQUEST};
    struct reader r = reader_of(data, size);
    size_t room = reader_u16(&r) % (DHCP4_MESSAGE_MAX + 1), lengths[256] = {0};
    struct dhcp4_layout layout = {.overload = reader_u8(&r) & 1, .relay_len = reader_u8(&r)};
    struct dhcp4_writer dw;
    struct dhcp4_message m;
    uint8_t *bytes = malloc(room);

    layout.relay = reader_take(&r, layout.relay_len);
    if (!bytes)
        return;
    dhcp4_begin(&dw, bytes, room, &header, layout.relay ? &layout : NULL);
    put_options(&r, &dw, lengths);
    int len = dhcp4_end(&dw);
    FUZZ_ASSERT(len < 0 || ((size_t)len <= room && dhcp4_read(bytes, (size_t)len, &m) == 0));
    for (unsigned code = 1; len >= 0 && code < DHCP4_END; code++) {
        if (code != DHCP4_OVERLOAD && code != DHCP4_RELAY_INFORMATION)
            FUZZ_ASSERT((m.at[code] != 0) == (lengths[code] != 0) && m.len[code] <= lengths[code]);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dhcp4_message m;

    FUZZ_ASSERT(dhcp4_roundtrip(data, size) != DHCP4_DIFFERENT);
    if (dhcp4_read(data, size, &m) == 0)
        FUZZ_ASSERT(dhcp4_values_survive(&m));
    check_arp(data, size);
    check_writer(data, size);
    return 0;
}
