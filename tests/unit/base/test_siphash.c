/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SipHash: the key is 00 01 .. 0f, the input 00 01 02 ... of each length. The column of 2-4 begins with the
 * reference vectors of its authors; both columns come from OpenSSL's SipHash (openssl mac -macopt size:8
 * -macopt c-rounds:1 -macopt d-rounds:3), an implementation that shares nothing with this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/base.h"
#include "base/siphash.h"

static const struct siphash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

static const struct {
    size_t len;
    uint64_t sip13, sip24;
} vectors[] = {
    {0, 0xabac0158050fc4dc, 0x726fdb47dd0e0e31},   {1, 0xc9f49bf37d57ca93, 0x74f839c593dc67fd},
    {2, 0x82cb9b024dc7d44d, 0x0d6c8009d9a94f5a},   {3, 0x8bf80ab8e7ddf7fb, 0x85676696d7fb7e2d},
    {4, 0xcf75576088d38328, 0xcf2794e0277187b7},   {5, 0xdef9d52f49533b67, 0x18765564cd99a68d},
    {6, 0xc50d2b50c59f22a7, 0xcbc9466e58fee3ce},   {7, 0xd3927d989bb11140, 0xab0200f58b01d137},
    {8, 0x369095118d299a8e, 0x93f5f5799a932462},   {9, 0x25a48eb36c063de4, 0x9e0082df0ba9e4b0},
    {10, 0x79de85ee92ff097f, 0x7a5dbbc594ddb9f3},  {11, 0x70c118c1f94dc352, 0xf4b32f46226bada7},
    {12, 0x78a384b157b4d9a2, 0x751e8fbc860ee5fb},  {13, 0x306f760c1229ffa7, 0x14ea5627c0843d90},
    {14, 0x605aa111c0f95d34, 0xf723ca908e7af2ee},  {15, 0xd320d86d2a519956, 0xa129ca6149be45e5},
    {16, 0xcc4fdd1a7d908b66, 0x3f2acc7f57c29bdb},  {17, 0x9cf2689063dbd80c, 0x699ae9f52cbe4794},
    {23, 0x525a0e7fdae6c123, 0xa80c038ccd5ccec8},  {24, 0xf464aeb267349c8c, 0xb8ad50c6f649af94},
    {31, 0x2370dd1f8c21d1bc, 0x32d892fad841c342},  {32, 0x81157b6c16a7b60d, 0x7127512f72f27cce},
    {63, 0x9d199062b7bbb3a8, 0x958a324ceb064572},  {255, 0xf76214e3153c4a15, 0xa9c169fec74db21a},
    {256, 0x75b3e64e167de370, 0x999d0526d2a7bfd7},
};

static void vectors_of_both_variants(void **state)
{
    uint8_t input[256];

    (void)state;
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        assert_int_equal(siphash(&key, input, vectors[i].len), vectors[i].sip13);
        assert_int_equal(siphash24(&key, input, vectors[i].len), vectors[i].sip24);
    }
}

static void alignment_does_not_matter(void **state)
{
    uint8_t buffer[64 + 8];

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < 63; i++)
            buffer[shift + i] = (uint8_t)i;
        assert_int_equal(siphash(&key, buffer + shift, 63), UINT64_C(0x9d199062b7bbb3a8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_both_variants),
        cmocka_unit_test(alignment_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
