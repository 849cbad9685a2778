/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The DHCPv6 codec: messages as they are on the wire, and as nobody should send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "dhcp6_roundtrip.h"

/* --- vectors --- */

#define CLIENT_ID "\0\1\0\12\0\3\0\1\2\0\x5e\x10\0\1"
#define SERVER_ID "\0\2\0\12\0\3\0\1\2\0\x5e\x10\0\2"
#define ADDR_1    "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define ADDR_2    "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"

/* A message as a string without its final NUL. */
struct vector {
    const char *bytes;
    size_t len;
};
#define VECTOR(text)                                                                                         \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

static const struct vector vectors[] = {
    /* SOLICIT: client id, IA_NA, ORO 23 24 82, elapsed time, rapid commit */
    VECTOR("\1\x12\x34\x56" CLIENT_ID "\0\3\0\14\x5e\x10\0\1\0\0\0\0\0\0\0\0"
           "\0\6\0\6\0\27\0\30\0\x52"
           "\0\10\0\2\0\0"
           "\0\16\0\0"),
    /* ADVERTISE: both ids, an IA_NA with an address that has a status, preference, status, SOL_MAX_RT */
    VECTOR("\2\x12\x34\x56" CLIENT_ID SERVER_ID "\0\3\0\x32\x5e\x10\0\1\0\0\x7\x8\0\0\xb\x40"
           "\0\5\0\x22" ADDR_1 "\0\0\xe\x10\0\0\x1c\x20"
           "\0\15\0\6\0\0good"
           "\0\7\0\1\xff"
           "\0\15\0\12\0\0welcome!"
           "\0\x52\0\4\0\0\0\x3c"),
    /* REPLY: two addresses and a status in the IA, DNS, domains, FQDN, ADDR_REG_ENABLE */
    VECTOR("\7\xff\xff\xff" CLIENT_ID SERVER_ID "\0\3\0\x4a\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff"
           "\0\5\0\30" ADDR_1 "\xff\xff\xff\xff\xff\xff\xff\xff"
           "\0\5\0\30" ADDR_2 "\0\0\0\0\0\0\0\0"
           "\0\15\0\2\0\2"
           "\0\27\0\x20" ADDR_1 ADDR_2 "\0\30\0\25\7example\3org\0\3lab\2it\0"
           "\0\x27\0\15\1\2hi\7example\0"
           "\0\x94\0\0"),
    /* REQUEST of a router: IA_PD with a prefix, user and vendor class, FQDN that is not complete */
    VECTOR("\3\0\0\1" CLIENT_ID SERVER_ID "\0\31\0\x29\0\0\0\7\0\0\0\0\0\0\0\0"
           "\0\32\0\31\0\0\xe\x10\0\0\x1c\x20\x38\x20\1\xd\xb8\1\0\0\0\0\0\0\0\0\0\0\0"
           "\0\17\0\5\0\3abc"
           "\0\20\0\10\0\0\x9d\x10\0\2xy"
           "\0\21\0\4\0\0\x9d\x10"
           "\0\x27\0\4\0\2hi"),
    /* REPLY to INFORMATION-REQUEST: refresh time, NTP of three kinds, DNR of both modes, INF_MAX_RT, an
     * unknown option */
    VECTOR("\7\0\0\2" SERVER_ID "\0\x20\0\4\0\0\x2\x58"
           "\0\x38\0\24\0\1\0\20" ADDR_1 "\0\x38\0\24\0\2\0\20\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\1\1"
           "\0\x38\0\11\0\3\0\5\3ntp\0"
           "\0\x53\0\4\0\0\0\x3c"
           "\0\x90\0\11\0\1\0\5\3dns\0"
           "\0\x90\0\x23\0\2\0\5\3dns\0\0\20" ADDR_2 "\0\1\0\4\3dot"
           "\xfa\xce\0\3abc"),
    /* RECONFIGURE; the authentication is looked at by nobody */
    VECTOR("\12\0\0\0" CLIENT_ID SERVER_ID "\0\13\0\13\3\1\0\0\0\0\0\0\0\0\1"
           "\0\23\0\1\5"),
    /* ADDR-REG-INFORM (RFC 9686) */
    VECTOR("\x24\0\0\3" CLIENT_ID "\0\5\0\30" ADDR_1 "\0\0\xe\x10\0\0\x1c\x20\0\10\0\2\0\144"),
    /* no options */
    VECTOR("\4\0\0\0"),
};

#define RELAY_1 "\14\1" ADDR_1 ADDR_2
#define RELAY_2 "\14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

/* Two relays, the outer one with interface id and remote id, the inner with the client's link-layer address
 * and an option that has no row. */
static const struct vector relayed = VECTOR(RELAY_1 "\0\22\0\4eth0\0\x25\0\6\0\0\x9d\x10hi"
                                                    "\0\11\0\x45" RELAY_2 "\0\x4f\0\10\0\1\2\0\x5e\x10\0\1"
                                                    "\xfa\xce\0\1x"
                                                    "\0\11\0\16\1\0\0\1\0\10\0\2\0\0\0\16\0\0");

static struct dhcp6_message message; /* of the test that runs: some 15 KB */

static void read_vector(unsigned i)
{
    assert_int_equal(dhcp6_read(vectors[i].bytes, vectors[i].len, &message), 0);
    assert_int_equal(message.malformed, 0);
}

static void test_vectors_come_back(void **state)
{
    uint8_t buffer[2048];
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        assert_int_equal(dhcp6_roundtrip(vectors[i].bytes, vectors[i].len, buffer, sizeof(buffer), &len),
                         DHCP6_SAME);
        assert_int_equal(len, vectors[i].len);
    }
}

static void test_solicit(void **state)
{
    (void)state;
    read_vector(0);
    assert_int_equal(message.type, DHCP6_SOLICIT);
    assert_int_equal(message.xid, 0x123456);
    assert_int_equal(message.has, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_IA | DHCP6_HAS_ORO | DHCP6_HAS_ELAPSED |
                                      DHCP6_HAS_RAPID_COMMIT);
    assert_int_equal(message.client_id.len, 10);
    assert_int_equal(message.n_ia, 1);
    assert_int_equal(message.ia[0].iaid, 0x5e100001);
    assert_int_equal(message.ia[0].n_leases, 0);
    assert_true(dhcp6_asks_for(&message, DHCP6_OPT_DOMAIN_LIST));
    assert_false(dhcp6_asks_for(&message, DHCP6_OPT_DNR));
}

static void test_advertise(void **state)
{
    (void)state;
    read_vector(1);
    assert_int_equal(message.preference, 255);
    assert_int_equal(message.sol_max_rt_s, 60);
    assert_int_equal(message.status.code, DHCP6_SUCCESS);
    assert_int_equal(message.status.text.len, 8);
    const struct dhcp6_ia *ia = dhcp6_find_ia(&message, DHCP6_OPT_IA_NA, 0x5e100001);
    assert_non_null(ia);
    assert_null(dhcp6_find_ia(&message, DHCP6_OPT_IA_PD, 0x5e100001));
    assert_null(dhcp6_find_ia(&message, DHCP6_OPT_IA_NA, 1));
    assert_int_equal(ia->t1_s, 1800);
    assert_int_equal(ia->t2_s, 2880);
    assert_int_equal(ia->n_leases, 1);
    assert_memory_equal(ia->leases[0].addr.b, ADDR_1, 16);
    assert_int_equal(ia->leases[0].preferred_s, 3600);
    assert_int_equal(ia->leases[0].valid_s, 7200);
    assert_int_equal(ia->leases[0].has, DHCP6_HAS_STATUS);
    assert_memory_equal(ia->leases[0].status.text.at, "good", 4);
}

static void test_reply(void **state)
{
    (void)state;
    read_vector(2);
    assert_int_equal(message.ia[0].n_leases, 2);
    assert_int_equal(message.ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    assert_int_equal(message.ia[0].leases[0].valid_s, DHCP6_INFINITY);
    assert_int_equal(message.n_dns, 2);
    assert_memory_equal(message.dns[1].b, ADDR_2, 16);
    assert_int_equal(message.n_domains, 2);
    assert_memory_equal(message.domains[0], "\7example\3org", 13);
    assert_memory_equal(message.domains[1], "\3lab\2it", 8);
    assert_int_equal(message.fqdn.flags, DHCP6_FQDN_S);
    assert_false(message.fqdn.partial);
    assert_memory_equal(message.fqdn.name, "\2hi\7example", 12);
    assert_true(message.has & DHCP6_HAS_ADDR_REG_ENABLE);
}

static void test_prefixes_and_classes(void **state)
{
    (void)state;
    read_vector(3);
    assert_int_equal(message.ia[0].code, DHCP6_OPT_IA_PD);
    assert_int_equal(message.ia[0].leases[0].prefix_len, 56);
    assert_int_equal(message.ia[0].leases[0].addr.b[4], 1);
    assert_int_equal(message.user_class.len, 5);
    assert_int_equal(message.vendor_class.len, 8);
    assert_int_equal(message.vendor_opts.len, 4);
    assert_true(message.fqdn.partial);
    assert_memory_equal(message.fqdn.name, "\2hi", 4);
}

static void test_information(void **state)
{
    (void)state;
    read_vector(4);
    assert_int_equal(message.refresh_time_s, 600);
    assert_int_equal(message.inf_max_rt_s, 60);
    assert_int_equal(message.n_ntp, 3);
    assert_int_equal(message.ntp[1].kind, DHCP6_NTP_MULTICAST);
    assert_memory_equal(message.ntp[2].name, "\3ntp", 5);
    assert_int_equal(message.n_dnr, 2);
    assert_int_equal(message.dnr[0].n_addrs, 0);
    assert_int_equal(message.dnr[1].priority, 2);
    assert_int_equal(message.dnr[1].n_addrs, 1);
    assert_int_equal(message.dnr[1].params.len, 8);
    assert_int_equal(message.others.n, 1);
    assert_int_equal(message.others.option[0].code, 0xface);
    assert_memory_equal(message.others.option[0].data.at, "abc", 3);
}

static void test_registration(void **state)
{
    (void)state;
    read_vector(6);
    assert_int_equal(message.type, DHCP6_ADDR_REG_INFORM);
    assert_memory_equal(message.addr.addr.b, ADDR_1, 16);
    assert_int_equal(message.addr.valid_s, 7200);
    assert_int_equal(message.elapsed_cs, 100);
}

/* --- relays --- */

static void test_relays(void **state)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;
    uint8_t buffer[256];
    struct writer w = writer_of(buffer, sizeof(buffer));

    (void)state;
    assert_int_equal(dhcp6_unwrap(relayed.bytes, relayed.len, relays, &inner), 2);
    assert_int_equal(relays[0].hop_count, 1);
    assert_memory_equal(relays[0].link.b, ADDR_1, 16);
    assert_memory_equal(relays[0].interface_id.at, "eth0", 4);
    assert_int_equal(relays[0].remote_id.len, 6);
    assert_int_equal(relays[1].peer.b[0], 0xfe);
    assert_int_equal(relays[1].linklayer.len, 8);
    assert_int_equal(relays[1].others.n, 1);
    assert_int_equal(dhcp6_read(inner.at, inner.len, &message), 0);
    assert_int_equal(message.type, DHCP6_SOLICIT);
    assert_int_equal(dhcp6_read(relayed.bytes, relayed.len, &message), -EBADMSG);

    /* The same back, the option that has no row behind those that have. */
    assert_int_equal(dhcp6_wrap(&w, relays, 2, inner.at, inner.len), 0);
    assert_int_equal(w.pos, relayed.len);
    assert_memory_equal(buffer, relayed.bytes, relayed.len);
}

static void test_a_message_that_was_not_relayed(void **state)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;

    (void)state;
    assert_int_equal(dhcp6_unwrap(vectors[0].bytes, vectors[0].len, relays, &inner), 0);
    assert_ptr_equal(inner.at, vectors[0].bytes);
    assert_int_equal(inner.len, vectors[0].len);
    assert_int_equal(dhcp6_unwrap(NULL, 0, relays, &inner), 0);
    assert_int_equal(inner.len, 0);
}

/* Levels around a message; returns the length. */
static size_t nest(uint8_t *buffer, size_t size, unsigned levels)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX] = {0};
    struct writer w = writer_of(buffer, size);

    for (unsigned i = 0; i < levels; i++)
        relays[i] = (struct dhcp6_relay){.type = DHCP6_RELAY_REPL, .hop_count = (uint8_t)(levels - 1 - i)};
    assert_int_equal(dhcp6_wrap(&w, relays, levels, vectors[0].bytes, vectors[0].len), 0);
    return w.pos;
}

static void test_relays_are_bounded(void **state)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX], one = {.type = DHCP6_RELAY_REPL};
    struct dhcp6_bytes inner;
    uint8_t buffer[1024], more[1100];
    size_t len = nest(buffer, sizeof(buffer), DHCP6_RELAYS_MAX);
    struct writer w = writer_of(more, sizeof(more));

    (void)state;
    assert_int_equal(dhcp6_unwrap(buffer, len, relays, &inner), DHCP6_RELAYS_MAX);
    assert_int_equal(inner.len, vectors[0].len);
    assert_int_equal(dhcp6_wrap(&w, &one, 1, buffer, len), 0);
    assert_int_equal(dhcp6_unwrap(more, w.pos, relays, &inner), -EBADMSG);
    w = writer_of(more, sizeof(more));
    assert_int_equal(dhcp6_wrap(&w, relays, DHCP6_RELAYS_MAX + 1, buffer, 0), -EMSGSIZE);
    /* one level of another type */
    buffer[38] = DHCP6_RELAY_FORW;
    assert_int_equal(dhcp6_unwrap(buffer, len, relays, &inner), -EBADMSG);
    /* a level without a message */
    assert_int_equal(dhcp6_unwrap(RELAY_1, 34, relays, &inner), -EBADMSG);
    assert_int_equal(dhcp6_unwrap(RELAY_1 "\0\11\0\0", 38, relays, &inner), -EBADMSG);
}

/* --- hostile bytes --- */

/* In a block of its own size: a sanitizer sees what goes beyond. */
static int read_exactly(const void *bytes, size_t len)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;
    uint8_t *copy = malloc(len + !len);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    int levels = dhcp6_unwrap(copy, len, relays, &inner);
    int rc = levels < 0 ? levels : dhcp6_read(inner.at, inner.len, &message);
    free(copy);
    return rc;
}

static void test_truncation(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        for (size_t len = 0; len < vectors[i].len; len++)
            read_exactly(vectors[i].bytes, len);
    }
    for (size_t len = 0; len < relayed.len; len++)
        assert_int_equal(read_exactly(relayed.bytes, len), -EBADMSG);
    for (size_t len = 0; len < 4; len++)
        assert_int_equal(read_exactly(vectors[0].bytes, len), -EBADMSG);
    assert_int_equal(read_exactly(vectors[0].bytes, vectors[0].len - 1), -EBADMSG);
}

static void test_every_byte_changed(void **state)
{
    uint8_t bytes[512], buffer[4096];
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        for (size_t at = 0; at < vectors[i].len; at++) {
            for (unsigned value = 0; value < 256; value++) {
                memcpy(bytes, vectors[i].bytes, vectors[i].len);
                bytes[at] = (uint8_t)value;
                enum dhcp6_roundtrip r = dhcp6_roundtrip(bytes, vectors[i].len, buffer, sizeof(buffer), &len);
                assert_true(r == DHCP6_SAME || r == DHCP6_UNREADABLE);
            }
        }
    }
}

#define REFUSED(text) assert_int_equal(read_exactly(text, sizeof(text) - 1), -EBADMSG)
/* It is read, and that option left out. */
#define LEFT_OUT(text)                                                                                       \
    do {                                                                                                     \
        assert_int_equal(read_exactly("\7\0\0\1" text, sizeof("\7\0\0\1" text) - 1), 0);                     \
        assert_int_equal(message.malformed, 1);                                                              \
        assert_int_equal(message.has, 0);                                                                    \
    } while (0)

static void test_options_that_matter(void **state)
{
    (void)state;
    REFUSED("\7\0\0\1\0\1\0\2\0\3");                               /* a DUID of a type alone */
    REFUSED("\7\0\0\1\0\7\0\0");                                   /* preference without a value */
    REFUSED("\7\0\0\1\0\7\0\2\0\0");                               /* ... of two bytes */
    REFUSED("\7\0\0\1\0\15\0\1\0");                                /* status */
    REFUSED("\7\0\0\1\0\6\0\3\0\1\0");                             /* ORO of an odd length */
    REFUSED("\7\0\0\1\0\3\0\13\0\0\0\1\0\0\0\0\0\0\0");            /* IA_NA cut */
    REFUSED("\7\0\0\1\0\3\0\20\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\30"); /* an address that goes beyond its IA */
    REFUSED("\7\0\0\1\0\3\0\20\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\0");  /* ... without bytes */
    REFUSED("\7\0\0\1\0\16\0\1x");                                 /* rapid commit with data */
    REFUSED("\14\0\0\1");                                          /* a relay message is not read here */
}

static void test_options_that_can_be_missed(void **state)
{
    (void)state;
    LEFT_OUT("\0\27\0\17\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    LEFT_OUT("\0\27\0\21" ADDR_1 "x");
    assert_int_equal(message.n_dns, 0);
    LEFT_OUT("\0\30\0\4\7exa");              /* a name cut */
    LEFT_OUT("\0\30\0\12\3lab\0\2it\xc0\0"); /* a compressed one behind a good one */
    assert_int_equal(message.n_domains, 0);
    LEFT_OUT("\0\30\0\5\x40"
             "abcd"); /* a label that is none */
    LEFT_OUT("\0\x20\0\3\0\0\0");
    LEFT_OUT("\0\x27\0\4\0\7hi");
    LEFT_OUT("\0\x27\0\6\0\2hi\0x");        /* one byte too many */
    LEFT_OUT("\0\x38\0\6\0\1\0\2xx");       /* an address of two bytes */
    LEFT_OUT("\0\x38\0\4\0\3\0\1");         /* a suboption that goes beyond */
    LEFT_OUT("\0\x90\0\11\0\1\0\4\3dns\0"); /* the length of the name is not that of the name */
    LEFT_OUT("\0\x90\0\14\0\1\0\5\3dns\0\0\1x");
    LEFT_OUT("\0\x94\0\1x");
}

/* Writes options of that code, one after the other, behind a header; returns the length. */
static size_t repeat(uint8_t *buffer, const char *option, size_t option_len, unsigned n)
{
    memcpy(buffer, "\7\0\0\1", 4);
    for (unsigned i = 0; i < n; i++)
        memcpy(buffer + 4 + i * option_len, option, option_len);
    return 4 + n * option_len;
}

static void test_counts_are_bounded(void **state)
{
    static uint8_t buffer[UINT16_MAX];
    static const char ia[] = "\0\3\0\14\0\0\0\1\0\0\0\0\0\0\0\0", other[] = "\xfa\xce\0\0",
                      ntp[] = "\0\x38\0\11\0\3\0\5\3ntp\0", dnr[] = "\0\x90\0\11\0\1\0\5\3dns\0";

    (void)state;
    assert_int_equal(read_exactly(buffer, repeat(buffer, ia, sizeof(ia) - 1, 4000)), 0);
    assert_int_equal(message.n_ia, DHCP6_IAS_MAX);
    assert_int_equal(read_exactly(buffer, repeat(buffer, other, sizeof(other) - 1, 16000)), 0);
    assert_int_equal(message.others.n, DHCP6_OTHERS_MAX);
    assert_int_equal(read_exactly(buffer, repeat(buffer, ntp, sizeof(ntp) - 1, 1000)), 0);
    assert_int_equal(message.n_ntp, DHCP6_NTP_MAX);
    assert_int_equal(read_exactly(buffer, repeat(buffer, dnr, sizeof(dnr) - 1, 1000)), 0);
    assert_int_equal(message.n_dnr, DHCP6_DNR_MAX);

    struct writer w = writer_of(buffer, sizeof(buffer));
    writer_put(&w, "\7\0\0\1\0\27\x10\0", 8);
    memset(writer_reserve(&w, 0x1000), 1, 0x1000);
    writer_put(&w, "\0\6\x10\0", 4);
    memset(writer_reserve(&w, 0x1000), 1, 0x1000);
    writer_put(&w, "\0\30\x10\0", 4);
    memset(writer_reserve(&w, 0x1000), 0, 0x1000);
    assert_int_equal(read_exactly(buffer, w.pos), 0);
    assert_int_equal(message.n_dns, DHCP6_SERVERS_MAX);
    assert_int_equal(message.n_oro, DHCP6_ORO_MAX);
    assert_int_equal(message.n_domains, DHCP6_DOMAINS_MAX);
}

static void test_the_first_of_two_counts(void **state)
{
    (void)state;
    assert_int_equal(read_exactly("\7\0\0\1\0\7\0\1\5\0\7\0\1\6", 14), 0);
    assert_int_equal(message.preference, 5);
    assert_int_equal(read_exactly("\7\0\0\1\0\27\0\20" ADDR_1 "\0\27\0\20" ADDR_2, 44), 0);
    assert_int_equal(message.n_dns, 1);
}

static void test_options_in_the_wrong_place(void **state)
{
    (void)state;
    /* an address in a prefix association, a name server within an IA, a relay's option in a message */
    assert_int_equal(
        read_exactly("\7\0\0\1\0\31\0\x28\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\30" ADDR_1 "\0\0\0\1\0\0\0\1", 48),
        0);
    assert_int_equal(message.ia[0].n_leases, 0);
    assert_int_equal(read_exactly("\7\0\0\1\0\3\0\x20\0\0\0\1\0\0\0\0\0\0\0\0\0\27\0\20" ADDR_1, 40), 0);
    assert_int_equal(message.n_dns, 0);
    assert_int_equal(read_exactly("\7\0\0\1\0\22\0\1x", 9), 0);
    assert_int_equal(message.others.n, 1);
}

static void test_no_room(void **state)
{
    uint8_t buffer[256];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        assert_int_equal(dhcp6_read(vectors[i].bytes, vectors[i].len, &message), 0);
        for (size_t size = 0; size < vectors[i].len; size++) {
            struct writer w = writer_of(buffer, size);
            assert_int_equal(dhcp6_write(&w, &message), -EMSGSIZE);
        }
    }
    struct dhcp6_relay relay = {.type = DHCP6_RELAY_REPL};
    for (size_t size = 0; size < 38 + 4; size++) {
        struct writer w = writer_of(buffer, size);
        assert_int_equal(dhcp6_wrap(&w, &relay, 1, vectors[7].bytes, 4), -EMSGSIZE);
    }
}

static void test_a_message_too_long_for_a_relay(void **state)
{
    static uint8_t big[UINT16_MAX + 1], buffer[UINT16_MAX + 100];
    struct dhcp6_relay relay = {.type = DHCP6_RELAY_REPL};
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;
    struct writer w = writer_of(buffer, sizeof(buffer));

    (void)state;
    assert_int_equal(dhcp6_wrap(&w, &relay, 1, big, sizeof(big)), -EMSGSIZE);
    assert_int_equal(dhcp6_unwrap(buffer, sizeof(buffer), relays, &inner), -EBADMSG);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(dhcp6_type_name(DHCP6_INFORMATION_REQUEST), "INFORMATION-REQUEST");
    assert_null(dhcp6_type_name(0));
    assert_null(dhcp6_type_name(20));
    assert_null(dhcp6_type_name(255));
    assert_string_equal(dhcp6_option_name(DHCP6_OPT_DNR), "OPTION_V6_DNR");
    assert_null(dhcp6_option_name(4)); /* IA_TA is no more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_come_back),
        cmocka_unit_test(test_solicit),
        cmocka_unit_test(test_advertise),
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_prefixes_and_classes),
        cmocka_unit_test(test_information),
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_relays),
        cmocka_unit_test(test_a_message_that_was_not_relayed),
        cmocka_unit_test(test_relays_are_bounded),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_options_that_matter),
        cmocka_unit_test(test_options_that_can_be_missed),
        cmocka_unit_test(test_counts_are_bounded),
        cmocka_unit_test(test_the_first_of_two_counts),
        cmocka_unit_test(test_options_in_the_wrong_place),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_a_message_too_long_for_a_relay),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
