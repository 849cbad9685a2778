/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Neighbour discovery: messages and options as bytes, both ways; every truncation; what is wrong inside of an option;
 * who may say what; the checksum. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vector.h"
#include "wire/nd.h"

static struct vector advert;

static int load(void **state)
{
    (void)state;
    vector_load(SOURCE_DIR "/tests/vectors/nd/advert.hex", &advert);
    return 0;
}

static struct ipaddr addr_of(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

static void assert_addr(const struct ipaddr *addr, const char *text)
{
    char got[IPADDR_STRLEN];

    assert_string_equal(ipaddr_format(addr, got), text);
}

static struct nd_message message_of(const uint8_t *bytes, size_t len)
{
    struct nd_message msg;

    assert_int_equal(nd_read(bytes, len, &msg), 0);
    return msg;
}

static struct nd_option next_of(struct reader *options, enum nd_option_type type)
{
    struct nd_option option;

    assert_true(nd_next_option(options, &option));
    assert_int_equal(option.type, type);
    return option;
}

static void assert_names(struct reader names, const char *first, const char *second)
{
    const char *expected[] = {first, second};
    uint8_t name[DNAME_MAX];
    char text[DNAME_TEXT_MAX];

    for (unsigned i = 0; i < 2 && expected[i]; i++) {
        assert_true(nd_next_name(&names, name));
        assert_string_equal(dname_to_text(name, text), expected[i]);
    }
    assert_false(nd_next_name(&names, name));
    assert_false(names.bad);
}

static void test_advert_is_read(void **state)
{
    uint8_t *bytes = exact_copy(advert.bytes, advert.len);
    struct nd_message msg = message_of(bytes, advert.len);
    struct nd_option o;

    (void)state;
    assert_int_equal(msg.type, ND_ROUTER_ADVERT);
    assert_int_equal(msg.router.hop_limit, 64);
    assert_int_equal(msg.router.flags, ND_RA_MANAGED | ND_RA_OTHER);
    assert_int_equal(msg.router.preference, ND_HIGH);
    assert_int_equal(msg.router.lifetime_s, 1800);
    assert_int_equal(msg.router.reachable_ms, 30000);
    assert_int_equal(msg.router.retrans_ms, 1000);

    o = next_of(&msg.options, ND_SOURCE_MAC);
    assert_memory_equal(o.mac, ((uint8_t[]){2, 0, 0, 0, 0, 1}), 6);
    o = next_of(&msg.options, ND_MTU);
    assert_int_equal(o.mtu, 1400);
    o = next_of(&msg.options, ND_PREFIX);
    assert_int_equal(o.prefix.flags, ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS | ND_PREFIX_DELEGATED);
    assert_int_equal(o.prefix.valid_s, 86400);
    assert_int_equal(o.prefix.preferred_s, 14400);
    assert_int_equal(o.prefix.bits, 64);
    assert_addr(&o.prefix.prefix, "2001:db8:1:2::");
    o = next_of(&msg.options, ND_ROUTE);
    assert_int_equal(o.route.bits, 48);
    assert_int_equal(o.route.preference, ND_LOW);
    assert_int_equal(o.route.lifetime_s, 600);
    assert_addr(&o.route.prefix, "fd00:1:2::");
    o = next_of(&msg.options, ND_RDNSS);
    assert_int_equal(o.rdnss.n, 1);
    assert_int_equal(o.rdnss.lifetime_s, 3600);
    assert_addr(&o.rdnss.servers[0], "fe80::53");
    o = next_of(&msg.options, ND_DNSSL);
    assert_int_equal(o.dnssl.lifetime_s, 3600);
    assert_names(o.dnssl.names, "a.example", "local");
    o = next_of(&msg.options, ND_PREF64);
    assert_int_equal(o.pref64.lifetime_s, 1800);
    assert_int_equal(o.pref64.bits, 96);
    assert_addr(&o.pref64.prefix, "64:ff9b::");
    o = next_of(&msg.options, ND_CAPTIVE_PORTAL);
    assert_int_equal(o.portal.len, 10);
    assert_memory_equal(o.portal.bytes, "https://p/", 10);
    o = next_of(&msg.options, ND_NONCE);
    assert_int_equal(o.nonce.len, 6);
    o = next_of(&msg.options, ND_ENCRYPTED_DNS);
    assert_int_equal(o.encrypted_dns.priority, 1);
    assert_memory_equal(o.encrypted_dns.name, "\4dns1", 6);
    assert_int_equal(o.encrypted_dns.n, 1);
    assert_addr(&o.encrypted_dns.addrs[0], "2001:db8::53");
    assert_int_equal(o.encrypted_dns.params_len, 7);
    assert_false(nd_next_option(&msg.options, &o));
    free(bytes);
}

/* Reads, writes, and compares all but the checksum; nobody's option goes. */
static void test_advert_is_written_as_it_was_read(void **state)
{
    struct nd_message msg = message_of(advert.bytes, advert.len);
    uint8_t buffer[VECTOR_MAX];
    struct writer w = writer_of(buffer, sizeof(buffer));
    struct nd_option option;

    (void)state;
    nd_write(&w, &msg);
    while (nd_next_option(&msg.options, &option))
        nd_write_option(&w, &option);
    assert_false(w.bad);
    assert_int_equal(w.pos, advert.len - 8);
    assert_memory_equal(buffer + 4, advert.bytes + 4, 60); /* behind the checksum, to nobody's option */
    assert_memory_equal(buffer + 64, advert.bytes + 72, w.pos - 64); /* and from there */
}

static void test_other_messages(void **state)
{
    static const uint8_t solicit[] = {133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 9};
    static const uint8_t ns[] = {135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0,
                                 0,   0, 0, 0, 0, 0, 0, 0, 0,    1,    2, 3};
    static const uint8_t na[] = {136, 0, 0, 0, 0xe0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                 0,   0, 0, 0, 0,    1, 2, 3, 2,    1,    2, 0, 0, 0, 0, 9};
    const struct nd_bytes all[] = {{solicit, sizeof(solicit)}, {ns, sizeof(ns)}, {na, sizeof(na)}};
    uint8_t buffer[64];

    (void)state;
    assert_int_equal(message_of(solicit, sizeof(solicit)).type, ND_ROUTER_SOLICIT);
    assert_addr(&(struct ipaddr[]){message_of(ns, sizeof(ns)).neighbor.target}[0], "fe80::1:203");
    assert_int_equal(message_of(na, sizeof(na)).neighbor.flags,
                     ND_NA_ROUTER | ND_NA_SOLICITED | ND_NA_OVERRIDE);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        struct nd_message msg = message_of(all[i].bytes, all[i].len);
        struct writer w = writer_of(buffer, sizeof(buffer));
        struct nd_option option;
        nd_write(&w, &msg);
        while (nd_next_option(&msg.options, &option))
            nd_write_option(&w, &option);
        assert_int_equal(w.pos, all[i].len);
        assert_memory_equal(buffer, all[i].bytes, w.pos);
    }
}

/* Where an option ends the message is one without the rest; anywhere else it is none. */
static void test_truncations(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < advert.len; cut++) {
        uint8_t *bytes = exact_copy(advert.bytes, cut);
        struct nd_message msg = {.type = ND_ROUTER_SOLICIT};
        struct nd_option option;
        size_t boundary = 16;
        while (boundary < cut)
            boundary += (size_t)advert.bytes[boundary + 1] * 8;
        int error = nd_read(bytes, cut, &msg);
        assert_int_equal(error, boundary == cut ? 0 : -EBADMSG);
        while (error == 0 && nd_next_option(&msg.options, &option))
            continue;
        assert_int_equal(msg.type, error == 0 ? ND_ROUTER_ADVERT : ND_ROUTER_SOLICIT);
        free(bytes);
    }
}

static void test_messages_that_are_none(void **state)
{
    uint8_t bytes[VECTOR_MAX];
    struct nd_message msg;

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        memcpy(bytes, advert.bytes, advert.len);
        bytes[0] = (uint8_t)type;
        if (type < 133 || type > 136)
            assert_int_equal(nd_read(bytes, advert.len, &msg), -EBADMSG);
    }
    memcpy(bytes, advert.bytes, advert.len);
    bytes[1] = 1; /* code */
    assert_int_equal(nd_read(bytes, advert.len, &msg), -EBADMSG);
    bytes[1] = 0;
    bytes[65] = 0; /* the length of nobody's option: RFC 4861 s6.1.2 */
    assert_int_equal(nd_read(bytes, advert.len, &msg), -EBADMSG);
    assert_int_equal(nd_read(NULL, 0, &msg), -EBADMSG);
}

/* --- options that are wrong in themselves: skipped, the one behind is read --- */

#define BODY(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})
#define ZERO4     0, 0, 0, 0
#define ZERO8     ZERO4, ZERO4
#define ZERO16    ZERO8, ZERO8

static const struct {
    const uint8_t *bytes;
    size_t len;
} wrong[] = {
    {BODY(200, 1, 0, 0, ZERO4)},                                      /* of a type that nobody knows */
    {BODY(1, 2, 2, 0, 0, 0, 0, 1, ZERO8)},                            /* a MAC address of another link */
    {BODY(3, 4, 129, 0xc0, ZERO4, ZERO8, ZERO16)},                    /* 129 bits */
    {BODY(3, 3, 64, 0xc0, ZERO4, ZERO16)},                            /* short */
    {BODY(3, 5, 64, 0xc0, ZERO4, ZERO8, ZERO16, ZERO8)},              /* long */
    {BODY(5, 2, 0, 0, 0, 0, 5, 0xdc, ZERO8)},                         /* MTU, long */
    {BODY(24, 1, 1, 0, ZERO4)},                                       /* a bit, but no byte of it */
    {BODY(24, 2, 65, 0, ZERO4, ZERO8)},                               /* 65 bits in 8 bytes */
    {BODY(24, 3, 129, 0, ZERO4, ZERO16)},                             /* 129 bits */
    {BODY(24, 4, 64, 0, ZERO4, ZERO16, ZERO8)},                       /* long */
    {BODY(24, 2, 64, 0x10, ZERO4, ZERO8)},                            /* the reserved preference */
    {BODY(25, 1, 0, 0, ZERO4)},                                       /* no server */
    {BODY(25, 2, 0, 0, ZERO4, ZERO8)},                                /* half a server */
    {BODY(25, 4, 0, 0, ZERO4, ZERO16, ZERO8)},                        /* one and a half */
    {BODY(31, 1, 0, 0, ZERO4)},                                       /* no name */
    {BODY(31, 2, 0, 0, ZERO4, ZERO8)},                                /* padding alone */
    {BODY(31, 2, 0, 0, ZERO4, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e')}, /* a name without its end */
    {BODY(31, 2, 0, 0, ZERO4, 1, 'a', 0, 9, 'b', 'b', 'b', 'b')},     /* the second without its end */
    {BODY(31, 2, 0, 0, ZERO4, 1, 'a', 0xc0, 0, 0, 0, 0, 0)},          /* compressed */
    {BODY(38, 2, 0x07, 0x0e, 0, 0x64, 0xff, 0x9b, ZERO8)},            /* PREF64 of an unknown length */
    {BODY(38, 3, 0x07, 0x08, 0, 0x64, 0xff, 0x9b, ZERO8, ZERO8)},     /* long */
    {BODY(37, 1, 0, 0, 0, 0, 0, 0)},                                  /* no URI */
    {BODY(144, 1, 0, 1, ZERO4)},                                      /* no name */
    {BODY(144, 2, 0, 1, ZERO4, 0, 0, 0, 0, 0, 0, 0, 0)},              /* a name of no bytes */
    {BODY(144, 2, 0, 1, ZERO4, 0, 1, 0, 0, 0, 0, 0, 0)},              /* the root */
    {BODY(144, 2, 0, 1, ZERO4, 0, 9, 1, 'a', 0, 0, 0, 0)},            /* a name longer than the option */
    {BODY(144, 2, 0, 1, ZERO4, 0, 4, 1, 'a', 0, 0, 0, 0)},            /* a name shorter than said */
    {BODY(144, 3, 0, 1, ZERO4, 0, 3, 1, 'a', 0, 0, 15, ZERO8, 0)},    /* addresses that are none */
    {BODY(144, 3, 0, 1, ZERO4, 0, 3, 1, 'a', 0, 0, 0, 0, 9, ZERO4, 0, 0, 0)}, /* parameters beyond the end */
};

static void test_wrong_options_are_skipped(void **state)
{
    static const uint8_t mtu[] = {5, 1, 0, 0, 0, 0, 5, 0xdc};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        uint8_t bytes[128] = {133};
        size_t len = 8 + wrong[i].len;
        assert_int_equal(wrong[i].len, (size_t)wrong[i].bytes[1] * 8);
        memcpy(bytes + 8, wrong[i].bytes, wrong[i].len);
        memcpy(bytes + len, mtu, sizeof(mtu));
        uint8_t *exact = exact_copy(bytes, len + sizeof(mtu));
        struct nd_message msg = message_of(exact, len + sizeof(mtu));
        struct nd_option option;
        if (!nd_next_option(&msg.options, &option) || option.type != ND_MTU || option.mtu != 1500)
            fail_msg("option %zu of the table was not skipped", i);
        assert_false(nd_next_option(&msg.options, &option));
        free(exact);
    }
}

static struct nd_option read_one(const uint8_t *bytes, size_t len)
{
    struct reader options = reader_of(bytes, len);
    struct nd_option option;

    assert_true(nd_next_option(&options, &option));
    return option;
}

static void test_edges_of_options(void **state)
{
    struct nd_option o;

    (void)state;
    o = read_one(BODY(24, 1, 0, 0x08, ZERO4)); /* the default route */
    assert_int_equal(o.route.bits, 0);
    assert_int_equal(o.route.preference, ND_HIGH);
    o = read_one(BODY(24, 3, 4, 0, ZERO4, 0xff, 0xff, ZERO4, ZERO8, 0, 0)); /* more bytes than it needs */
    assert_addr(&o.route.prefix, "f000::");
    o = read_one(BODY(38, 2, 0xff, 0xfd, 0x20, 1, 0x0d, 0xb8, 0xff, 0, 0, 0, 0, 0, 0, 0));
    assert_int_equal(o.pref64.lifetime_s, 65528);
    assert_int_equal(o.pref64.bits, 32);
    assert_addr(&o.pref64.prefix, "2001:db8::");
    o = read_one(BODY(144, 2, 0, 1, ZERO4, 0, 3, 1, 'a', 0, 0, 0, 0)); /* by name alone */
    assert_int_equal(o.encrypted_dns.n, 0);
    assert_int_equal(o.encrypted_dns.params_len, 0);
    o = read_one(BODY(37, 1, 'a', 'b', 'c', 'd', 'e', 'f')); /* without a NUL */
    assert_int_equal(o.portal.len, 6);
}

/* --- writing --- */

static bool is_written(const struct nd_option *option, size_t room)
{
    static uint8_t buffer[4096];
    struct writer w = writer_of(buffer, room);

    nd_write_option(&w, option);
    return !w.bad;
}

static void test_what_cannot_be_said_is_not_written(void **state)
{
    static const struct ipaddr servers[128];
    static char uri[ND_PORTAL_MAX + 1];
    struct nd_option o;

    (void)state;
    memset(uri, 'u', sizeof(uri));
    o = (struct nd_option){.type = ND_RDNSS, .rdnss = {.n = 127, .servers = servers}};
    assert_true(is_written(&o, ND_OPTION_MAX));
    assert_false(is_written(&o, ND_OPTION_MAX - 8));
    o.rdnss.n = 128;
    assert_false(is_written(&o, 4096));
    o.rdnss.n = 0;
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = ND_CAPTIVE_PORTAL, .portal = {(uint8_t *)uri, ND_PORTAL_MAX}};
    assert_true(is_written(&o, ND_OPTION_MAX));
    o.portal.len++;
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = ND_CAPTIVE_PORTAL, .portal = {(const uint8_t *)"a\0b", 3}};
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = ND_PREFIX, .prefix = {.bits = 129}};
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = ND_ROUTE, .route = {.bits = 129}};
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = ND_PREF64, .pref64 = {.bits = 95}};
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = ND_NONCE, .nonce = {servers[0].b, 5}};
    assert_false(is_written(&o, 4096));
    o.nonce.len = 14;
    assert_true(is_written(&o, 16));
    o = (struct nd_option){.type = ND_DNSSL, .dnssl = {.names = reader_of("\1a", 2)}};
    assert_false(is_written(&o, 4096));
    o.dnssl.names = reader_of("\1a", 3);
    assert_true(is_written(&o, 16));
    o = (struct nd_option){.type = ND_ENCRYPTED_DNS, .encrypted_dns = {.name = (const uint8_t *)""}};
    assert_false(is_written(&o, 4096));
    o.encrypted_dns = (struct nd_encrypted_dns){.name = (const uint8_t *)"\1a", .n = 128, .addrs = servers};
    assert_false(is_written(&o, 4096));
    o = (struct nd_option){.type = (enum nd_option_type)99};
    assert_false(is_written(&o, 4096));
}

static void test_pref64_lifetimes_are_rounded_up(void **state)
{
    const uint32_t pairs[][2] = {
        {0, 0}, {1, 8}, {8, 8}, {1799, 1800}, {65528, 65528}, {65529, 65528}, {UINT32_MAX, 65528}};
    uint8_t buffer[16];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(pairs); i++) {
        struct writer w = writer_of(buffer, sizeof(buffer));
        nd_write_option(
            &w, &(struct nd_option){.type = ND_PREF64, .pref64 = {.lifetime_s = pairs[i][0], .bits = 96}});
        assert_false(w.bad);
        assert_int_equal(read_one(buffer, w.pos).pref64.lifetime_s, pairs[i][1]);
    }
}

static void test_no_preference_without_lifetime(void **state)
{
    struct nd_message msg = {.type = ND_ROUTER_ADVERT, .router = {.preference = ND_LOW, .flags = 0xff}};
    uint8_t buffer[16];

    (void)state;
    for (uint16_t lifetime_s = 0; lifetime_s < 2; lifetime_s++) {
        struct writer w = writer_of(buffer, sizeof(buffer));
        msg.router.lifetime_s = lifetime_s;
        nd_write(&w, &msg);
        assert_int_equal(buffer[5], lifetime_s == 0 ? 0xe7 : 0xff); /* RFC 4191 s2.2 */
        buffer[5] = 0xff;
        assert_int_equal(message_of(buffer, w.pos).router.preference, lifetime_s == 0 ? ND_MEDIUM : ND_LOW);
        buffer[5] = 0x10; /* reserved: as if medium */
        assert_int_equal(message_of(buffer, w.pos).router.preference, ND_MEDIUM);
    }
}

/* --- validity --- */

static bool is_valid(const struct nd_message *msg, const char *from, const char *to, uint8_t hop_limit)
{
    struct ipaddr source = addr_of(from), target = addr_of(to ? to : "::");

    return nd_is_valid(msg, &source, to ? &target : NULL, hop_limit);
}

static void test_validity(void **state)
{
    static const uint8_t mac[] = {1, 1, 2, 0, 0, 0, 0, 1};
    struct nd_message ra = {.type = ND_ROUTER_ADVERT}, rs = {.type = ND_ROUTER_SOLICIT},
                      ns = {.type = ND_NEIGHBOR_SOLICIT, .neighbor.target = addr_of("fe80::1:203")},
                      na = {.type = ND_NEIGHBOR_ADVERT, .neighbor.target = addr_of("fe80::1:203")};
    struct nd_message with_mac = rs;

    (void)state;
    assert_true(is_valid(&ra, "fe80::1", "ff02::1", 255));
    assert_true(is_valid(&ra, "febf::1", NULL, 255));
    assert_false(is_valid(&ra, "fe80::1", "ff02::1", 254));
    assert_false(is_valid(&ra, "fec0::1", "ff02::1", 255));
    assert_false(is_valid(&ra, "2001:db8::1", "ff02::1", 255));
    assert_false(is_valid(&ra, "::", "ff02::1", 255));

    assert_true(is_valid(&rs, "::", "ff02::2", 255));
    assert_true(is_valid(&rs, "2001:db8::1", "ff02::2", 255));
    assert_false(is_valid(&rs, "ff02::1", "ff02::2", 255));
    with_mac.options = reader_of(mac, sizeof(mac));
    assert_true(is_valid(&with_mac, "fe80::1", "ff02::2", 255));
    assert_false(is_valid(&with_mac, "::", "ff02::2", 255));

    assert_true(is_valid(&ns, "::", "ff02::1:ff01:203", 255));
    assert_true(is_valid(&ns, "::", NULL, 255));
    assert_false(is_valid(&ns, "::", "fe80::1:203", 255));
    assert_true(is_valid(&ns, "fe80::2", "fe80::1:203", 255));
    ns.options = with_mac.options;
    assert_false(is_valid(&ns, "::", "ff02::1:ff01:203", 255));
    ns.neighbor.target = nd_all_nodes;
    assert_false(is_valid(&ns, "fe80::2", "ff02::1", 255));

    na.neighbor.flags = ND_NA_SOLICITED;
    assert_true(is_valid(&na, "fe80::2", "fe80::3", 255));
    assert_false(is_valid(&na, "fe80::2", "ff02::1", 255));
    na.neighbor.flags = ND_NA_OVERRIDE;
    assert_true(is_valid(&na, "fe80::2", "ff02::1", 255));
    assert_false(is_valid(&na, "::", "ff02::1", 255));
    na.neighbor.target = nd_all_nodes;
    assert_false(is_valid(&na, "fe80::2", "fe80::3", 255));
}

/* --- the checksum --- */

/* As a peer does it: the pseudo header written down, summed byte by byte. */
static uint16_t plain_checksum(const struct ipaddr *from, const struct ipaddr *to, const uint8_t *bytes,
                               size_t len)
{
    uint8_t all[40 + 2048] = {0};
    uint32_t sum = 0;

    memcpy(all, from->b, 16);
    memcpy(all + 16, to->b, 16);
    put_be32(all + 32, (uint32_t)len);
    all[39] = 58;
    memcpy(all + 40, bytes, len);
    for (size_t i = 0; i < 40 + len; i++)
        sum += i % 2 ? all[i] : (uint32_t)all[i] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void test_checksum(void **state)
{
    static uint8_t longest[ND_MESSAGE_MAX];
    struct ipaddr from = addr_of("fe80::ff:fe00:1"), to = addr_of("ff02::1");
    uint8_t bytes[VECTOR_MAX];

    (void)state;
    for (size_t len = 16; len <= advert.len; len++) {
        memcpy(bytes, advert.bytes, len);
        nd_set_checksum(&from, &to, bytes, len);
        assert_int_equal(nd_checksum(&from, &to, bytes, len), 0);
        uint16_t sum = get_be16(bytes + 2);
        put_be16(bytes + 2, 0);
        assert_int_equal(plain_checksum(&from, &to, bytes, len), sum);
        put_be16(bytes + 2, sum);
        bytes[len / 2] ^= 0x10;
        assert_int_not_equal(nd_checksum(&from, &to, bytes, len), 0);
    }
    memset(longest, 0xff, sizeof(longest));
    memset(&from, 0xff, sizeof(from));
    memset(&to, 0xff, sizeof(to));
    nd_set_checksum(&from, &to, longest, sizeof(longest));
    assert_int_equal(nd_checksum(&from, &to, longest, sizeof(longest)), 0);
}

static void test_addresses(void **state)
{
    struct ipaddr target = addr_of("2001:db8::1234:5678:9abc"), group = nd_solicited_node(&target);

    (void)state;
    assert_addr(&group, "ff02::1:ff78:9abc");
    assert_addr(&nd_all_nodes, "ff02::1");
    assert_addr(&nd_all_routers, "ff02::2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_advert_is_read),
        cmocka_unit_test(test_advert_is_written_as_it_was_read),
        cmocka_unit_test(test_other_messages),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_messages_that_are_none),
        cmocka_unit_test(test_wrong_options_are_skipped),
        cmocka_unit_test(test_edges_of_options),
        cmocka_unit_test(test_what_cannot_be_said_is_not_written),
        cmocka_unit_test(test_pref64_lifetimes_are_rounded_up),
        cmocka_unit_test(test_no_preference_without_lifetime),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
