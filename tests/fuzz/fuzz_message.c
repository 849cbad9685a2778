/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a message. If every record of it can be read, then writing them anew gives a message of the
 * same records, and writing that anew gives a message no longer. */
#include "fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rewritten[DNS_MSG_MAX], again[DNS_MSG_MAX];
    size_t len, again_len;

    if (size > DNS_MSG_MAX)
        return 0;
    enum roundtrip result = roundtrip(data, size, rewritten, sizeof(rewritten), &len);
    FUZZ_ASSERT(result != ROUNDTRIP_DIFFERENT);
    if (result != ROUNDTRIP_SAME)
        return 0;
    FUZZ_ASSERT(roundtrip(rewritten, len, again, sizeof(again), &again_len) == ROUNDTRIP_SAME);
    FUZZ_ASSERT(again_len <= len);
    return 0;
}
