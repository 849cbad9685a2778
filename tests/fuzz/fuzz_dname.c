/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a message whose first byte says where in it a name stands; and it is a text. Whatever name
 * comes out survives the way to text and back; if it is a reverse name, also the way to an address and back.
 */
#include "fuzz.h"
#include "wire/dname.h"

static void check_name(const uint8_t *name, size_t len)
{
    uint8_t back[DNAME_MAX], offsets[DNAME_LABELS_MAX + 1];
    char text[DNAME_TEXT_MAX];
    struct ipaddr addr;

    FUZZ_ASSERT(dname_len(name) == len && dname_offsets(name, offsets) == dname_labels(name));
    FUZZ_ASSERT(dname_within(name, name + offsets[dname_labels(name) / 2]));
    dname_to_text(name, text);
    FUZZ_ASSERT(dname_from_text(text, strlen(text), back) == (int)len && memcmp(name, back, len) == 0);
    dname_lower(back, name, len);
    FUZZ_ASSERT(dname_equal(name, len, back, len));
    int bits = dname_reverse_addr(name, &addr);
    if (bits >= 0) {
        size_t back_len = dname_reverse(&addr, (unsigned)bits, back);
        bool is_mapped = ipaddr_is_v4(&addr) && len > 31; /* said in nibbles, told in octets */
        FUZZ_ASSERT(is_mapped || dname_equal(name, len, back, back_len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t name[DNAME_MAX];
    struct reader r = reader_of(data, size);

    reader_take(&r, reader_u8(&r));
    size_t len = dname_read(&r, name);
    if (len > 0)
        check_name(name, len);
    int text_len = dname_from_text((const char *)data, size, name);
    if (text_len > 0)
        check_name(name, (size_t)text_len);
    return 0;
}
