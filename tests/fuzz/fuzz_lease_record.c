/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of a lease file: what is taken for one is written again to the same bytes, and finds its place in a set. */
#include "fuzz.h"
#include "libiothnamed/lease_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lease_record r;
    uint8_t key[LEASE_RECORD_KEY_MAX], bytes[LEASE_RECORD_DATA_MAX];
    size_t key_len = size > 0 ? data[0] + (data[0] == 255) * 2u : 0;

    if (size < 1 + key_len)
        return 0;
    const uint8_t *value = data + 1 + key_len;
    size_t len = size - 1 - key_len;
    if (!lease_record_read(data + 1, key_len, value, len, &r))
        return 0;
    FUZZ_ASSERT(lease_record_key(&r, key_len > 1 ? data[2] : 0, key) == key_len);
    FUZZ_ASSERT(memcmp(key, data + 1, key_len) == 0);
    FUZZ_ASSERT(lease_record_data(&r, bytes) == len && memcmp(bytes, value, len) == 0);

    struct lease_set *set = lease_set_new(1);
    uint8_t name[DNAME_MAX];
    int64_t ends;
    struct lease_found found[LEASE_ADDRS_MAX];
    FUZZ_ASSERT(set && lease_set_add(set, &r) == 0 && lease_set_finish(set) == 0);
    if (lease_set_count(set) == 1 && r.ends > 0) {
        FUZZ_ASSERT(lease_set_addrs(set, r.name, ipaddr_is_v4(&r.addr), 0, found) == 1);
        FUZZ_ASSERT(lease_set_name(set, &r.addr, 0, name, &ends) == dname_len(r.name));
        FUZZ_ASSERT(memcmp(name, r.name, dname_len(r.name)) == 0 && ends == r.ends);
    }
    lease_set_unref(set);
    return 0;
}
