/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DHCPv6 messages, relayed or not: what can be read can be written, and comes back the same. The reading
 * stays within the bytes, which lie in a block of their own size.
 */
#include "fuzz.h"
#include "wire/dhcp6_roundtrip.h"

static void relays_come_back(const struct dhcp6_relay *relays, unsigned n, struct dhcp6_bytes message)
{
    static uint8_t first[1 << 17], second[1 << 17];
    struct dhcp6_relay again[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;
    struct writer w = writer_of(first, sizeof(first)), w2 = writer_of(second, sizeof(second));

    FUZZ_ASSERT(dhcp6_wrap(&w, relays, n, message.at, message.len) == 0);
    FUZZ_ASSERT(dhcp6_unwrap(first, w.pos, again, &inner) == (int)n);
    FUZZ_ASSERT(dhcp6_bytes_equal(inner, message));
    FUZZ_ASSERT(dhcp6_wrap(&w2, again, n, inner.at, inner.len) == 0);
    FUZZ_ASSERT(w.pos == w2.pos && memcmp(first, second, w.pos) == 0);
}

static void message_comes_back(struct dhcp6_bytes message)
{
    static uint8_t written[1 << 17];
    size_t len;
    enum dhcp6_roundtrip r = dhcp6_roundtrip(message.at, message.len, written, sizeof(written), &len);

    FUZZ_ASSERT(r == DHCP6_UNREADABLE || r == DHCP6_SAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;
    uint8_t *copy = malloc(size + !size);

    memcpy(copy, data, size);
    int n = dhcp6_unwrap(copy, size, relays, &inner);
    if (n > 0)
        relays_come_back(relays, (unsigned)n, inner);
    if (n >= 0)
        message_comes_back(inner);
    free(copy);
    return 0;
}
