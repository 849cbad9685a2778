/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames into a stack of lwip: the input is frames, each behind two bytes of length. No assertion of lwIP fails, or
 * the stack would be dead. */
#include "fuzz.h"
#include "target.h"

enum { REST_EVERY = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target *target;
    static struct frame_peer peer;
    static unsigned inputs;
    uint8_t frame[FRAME_BYTES];
    size_t len;

    if (target == NULL)
        target = target_new();
    while (size >= 2) {
        len = (size_t)data[0] << 8 | data[1];
        data += 2;
        size -= 2;
        len = len < size ? len : size;
        len = len < sizeof(frame) ? len : sizeof(frame);
        memcpy(frame, data, len);
        frame_peer_say(&peer, frame, len);
        frame_fix_checksums(frame, len);
        FUZZ_ASSERT(target_input(target, frame, len) == 0);
        data += len;
        size -= len;
    }
    if (++inputs % REST_EVERY == 0)
        target_rest(target, &peer);
    while ((len = frame_peer_reset(&peer, frame)) > 0)
        FUZZ_ASSERT(target_input(target, frame, len) == 0);
    return 0;
}
