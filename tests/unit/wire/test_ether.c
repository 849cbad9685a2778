/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of Ethernet and UDP over IPv4 in them: a vector, the way back, and everything that must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ether.h"

/* From 0.0.0.0 port 68 to 255.255.255.255 port 67, "abc"; checksums worked out by hand (RFC 1071). */
static const uint8_t vector[] = {
    0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x3a, 0xcf, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0xff, 0x00, 0x44, 0x00, 0x43, 0x00, 0x0b, 0x3a, 0xef, 'a',  'b',  'c',
};

static struct ipendpoint endpoint(const char *text)
{
    struct ipendpoint e;

    assert_int_equal(ipendpoint_parse(text, strlen(text), 0, &e), 0);
    return e;
}

static size_t written(uint8_t *packet, size_t size, const char *from, const char *to, const void *bytes,
                      size_t len)
{
    struct udp datagram = {.from = endpoint(from), .to = endpoint(to), .bytes = bytes, .len = len};
    struct writer w = writer_of(packet, size);

    udp4_write(&w, &datagram);
    return w.bad ? 0 : w.pos;
}

static void test_vector(void **state)
{
    uint8_t packet[sizeof(vector)];
    struct udp read;

    (void)state;
    assert_int_equal(written(packet, sizeof(packet), "0.0.0.0@68", "255.255.255.255@67", "abc", 3),
                     sizeof(vector));
    assert_memory_equal(packet, vector, sizeof(vector));
    assert_int_equal(udp4_read(vector, sizeof(vector), false, &read), 0);
    assert_int_equal(read.from.port, 68);
    assert_int_equal(read.to.port, 67);
    assert_true(ipaddr_is_v4(&read.from.addr) && ipaddr_is_v4(&read.to.addr));
    assert_int_equal(read.to.addr.b[12], 255);
    assert_int_equal(read.len, 3);
    assert_memory_equal(read.bytes, "abc", 3);
}

/* Any length, any bytes: what was written is read. The largest, and one more. */
static void test_way_back(void **state)
{
    enum { LARGEST = 65507 };
    uint8_t *packet = malloc(UINT16_MAX), *bytes = malloc(LARGEST + 1);
    static const size_t lengths[] = {0, 1, 2, 3, 255, 256, 1471, 1472, LARGEST};
    struct udp read;

    (void)state;
    assert_true(packet != NULL && bytes != NULL);
    for (size_t i = 0; i <= LARGEST; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t len = written(packet, UINT16_MAX, "10.1.2.3@67", "10.1.2.4@68", bytes, lengths[i]);

        assert_int_equal(len, UDP4_HEADERS + lengths[i]);
        assert_int_equal(udp4_read(packet, len, false, &read), 0);
        assert_int_equal(read.len, lengths[i]);
        assert_memory_equal(read.bytes, bytes, lengths[i]);
    }
    assert_int_equal(written(packet, UINT16_MAX, "10.1.2.3@67", "10.1.2.4@68", bytes, LARGEST + 1), 0);
    assert_int_equal(written(packet, UDP4_HEADERS + 2, "10.1.2.3@67", "10.1.2.4@68", bytes, 3), 0);
    free(packet);
    free(bytes);
}

/* A sum of 0 is sent as ffff, since 0 says that there is none (RFC 768). */
static void test_checksum_of_zero(void **state)
{
    uint8_t packet[64], bytes[2] = {0, 0};
    struct udp read;
    unsigned zero = 0;

    (void)state;
    for (unsigned value = 0; value <= UINT16_MAX; value++) {
        put_be16(bytes, (uint16_t)value);
        size_t len = written(packet, sizeof(packet), "10.0.0.1@1", "10.0.0.2@2", bytes, 2);

        zero += get_be16(packet + 26) == 0xffff;
        assert_int_not_equal(get_be16(packet + 26), 0);
        assert_int_equal(udp4_read(packet, len, false, &read), 0);
    }
    assert_int_equal(zero, 1);
}

/* Padding of the frame, and options of IP, are stepped over. */
static void test_padding_and_options(void **state)
{
    uint8_t packet[80] = {0};
    struct udp read;

    (void)state;
    memcpy(packet, vector, sizeof(vector));
    assert_int_equal(udp4_read(packet, 46, false, &read), 0);
    assert_int_equal(read.len, 3);

    memset(packet, 0, sizeof(packet));
    memcpy(packet, vector, 20);
    memset(packet + 20, 1, 4); /* four times "no operation" */
    memcpy(packet + 24, vector + 20, sizeof(vector) - 20);
    packet[0] = 0x46;
    packet[3] = sizeof(vector) + 4;
    put_be16(packet + 10, (uint16_t)(0x3acf - 0x0100 - 4 - 0x0202));
    assert_int_equal(udp4_read(packet, 60, false, &read), 0);
    assert_memory_equal(read.bytes, "abc", 3);
}

/* No checksum at all, and one that was left to the hardware. */
static void test_without_checksum(void **state)
{
    uint8_t packet[sizeof(vector)];
    struct udp read;

    (void)state;
    memcpy(packet, vector, sizeof(vector));
    put_be16(packet + 26, 0);
    assert_int_equal(udp4_read(packet, sizeof(packet), false, &read), 0);
    put_be16(packet + 26, 0x1234);
    assert_int_equal(udp4_read(packet, sizeof(packet), false, &read), -EBADMSG);
    assert_int_equal(udp4_read(packet, sizeof(packet), true, &read), 0);
}

/* Every truncation, and every single bit changed, is found out; the bytes end where the buffer ends. */
static void test_damage(void **state)
{
    struct udp read;

    (void)state;
    for (size_t len = 0; len < sizeof(vector); len++) {
        uint8_t *copy = malloc(len + 1);

        assert_non_null(copy);
        memcpy(copy, vector, len);
        assert_int_equal(udp4_read(copy, len, false, &read), -EBADMSG);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * sizeof(vector); bit++) {
        uint8_t copy[sizeof(vector)];

        memcpy(copy, vector, sizeof(vector));
        copy[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        assert_int_equal(udp4_read(copy, sizeof(copy), false, &read), -EBADMSG);
    }
}

/* Headers whose checksum is right, and that are still not a whole datagram. */
static void test_wrong_kinds(void **state)
{
    static const struct {
        size_t at;
        uint16_t value;
        int error;
    } rows[] = {
        {6, 0x2000, -EBADMSG},         /* more fragments */
        {6, 0x0001, -EBADMSG},         /* an offset */
        {8, 0x4006, -EPROTONOSUPPORT}, /* TCP */
        {2, 0x0020, -EBADMSG},         /* longer than it is */
        {2, 0x0013, -EBADMSG},         /* shorter than its header */
        {0, 0x4400, -EBADMSG},         /* a header of 16 bytes */
        {0, 0x4f00, -EBADMSG},         /* of 60 */
        {0, 0x6500, -EBADMSG},         /* IPv6 */
        {24, 0x0007, -EBADMSG},        /* UDP shorter than its header */
        {24, 0x000c, -EBADMSG},        /* ... longer than the packet */
    };
    struct udp read;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t packet[sizeof(vector)];
        uint32_t sum = 0;

        memcpy(packet, vector, sizeof(vector));
        put_be16(packet + rows[i].at, rows[i].value);
        put_be16(packet + 10, 0);
        for (size_t w = 0; w < 20; w += 2)
            sum += get_be16(packet + w);
        sum = (sum & 0xffff) + (sum >> 16);
        put_be16(packet + 10, (uint16_t)~sum);
        assert_int_equal(udp4_read(packet, sizeof(packet), true, &read), rows[i].error);
    }
}

static void test_header(void **state)
{
    const struct ether_header header = {
        .to = {1, 2, 3, 4, 5, 6}, .from = {7, 8, 9, 10, 11, 12}, .type = ETHER_ARP};
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 6};
    struct ether_header read = {0};
    uint8_t frame[ETHER_HEADER];
    struct writer w = writer_of(frame, sizeof(frame));

    (void)state;
    ether_write(&w, &header);
    assert_false(w.bad);
    assert_memory_equal(frame, bytes, sizeof(bytes));
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct reader r = reader_of(bytes, len);

        ether_read(&r, &read);
        assert_int_equal(r.bad, len < sizeof(bytes));
    }
    assert_memory_equal(&read, &header, sizeof(header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),           cmocka_unit_test(test_way_back),
        cmocka_unit_test(test_checksum_of_zero), cmocka_unit_test(test_padding_and_options),
        cmocka_unit_test(test_without_checksum), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_wrong_kinds),      cmocka_unit_test(test_header),
    };

    return cmocka_run_group_tests_name("Ethernet frames", tests, NULL, NULL);
}
