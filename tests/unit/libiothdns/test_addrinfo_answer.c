/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is taken out of replies: addresses over aliases, names of addresses, and nothing hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "libiothdns/addrinfo_answer.h"
#include "libiothdns/answer.h"
#include "libiothdns/reply.h"

#pragma GCC visibility push(default) /* shared libraries are linked with these as well */
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static bool no_memory;

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return no_memory ? NULL : __real_reallocarray(p, n, size);
}
#pragma GCC visibility pop

enum { MESSAGE_MAX = 4096 };

static int read_addresses(const char *name, uint16_t type, uint16_t rcode, const char *records,
                          struct gai_host *host)
{
    uint8_t message[MESSAGE_MAX];
    size_t len = reply_make(message, sizeof(message), name, type, rcode, records);

    *host = (struct gai_host){0};
    return gai_read_addresses(message, len, type, host);
}

/* Of a.test, all asked for as A unless it says AAAA. */
static void addresses_over_aliases(void **state)
{
    static const struct {
        const char *records;
        int outcome;
        const char *addresses, *canonical;
        uint16_t rcode;
    } rows[] = {
        {"a.test A 192.0.2.1; A.TEST A 192.0.2.2", GAI_FOUND, "192.0.2.1 192.0.2.2", "a.test", 0},
        {"a.test AAAA 2001:db8::1", GAI_FOUND, "2001:db8::1", "a.test", 0},
        {"b.test A 192.0.2.1; a.test TXT x", GAI_NODATA, "", NULL, 0},
        {"", GAI_NODATA, "", NULL, 0},
        {"", GAI_NONAME, "", NULL, RCODE_NXDOMAIN},
        {"", GAI_SERVFAIL, "", NULL, RCODE_REFUSED},
        {"a.test CNAME B.test; b.test A 192.0.2.1", GAI_FOUND, "192.0.2.1", "B.test", 0},
        /* in any order, and only what belongs to the question */
        {"c.test A 192.0.2.1; b.test CNAME c.test; x.test A 192.0.2.9; a.test CNAME b.test", GAI_FOUND,
         "192.0.2.1", "c.test", 0},
        {"a.test CNAME b.test", GAI_NONAME, "", NULL, RCODE_NXDOMAIN},
        /* in a circle */
        {"a.test CNAME b.test; b.test CNAME a.test; a.test A 192.0.2.1", GAI_NODATA, "", NULL, 0},
        {"a.test CNAME a.test", GAI_NODATA, "", NULL, 0},
        /* an alias that is no host's is not told */
        {"a.test CNAME x\\032y\\010.test; x\\032y\\010.test A 192.0.2.1", GAI_FOUND, "192.0.2.1", "a.test",
         0},
        {"a.test CNAME .", GAI_NODATA, "", NULL, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint16_t type = strstr(rows[i].records, "AAAA") ? RR_AAAA : RR_A;
        char text[256] = "", one[INET6_ADDRSTRLEN];
        struct gai_host host;
        assert_int_equal(read_addresses("a.test", type, rows[i].rcode, rows[i].records, &host),
                         rows[i].outcome);
        for (unsigned k = 0; k < host.count; k++) {
            assert_int_equal(host.addresses[k].family, type == RR_A ? AF_INET : AF_INET6);
            inet_ntop(host.addresses[k].family, host.addresses[k].addr, one, sizeof(one));
            strcat(strcat(text, k > 0 ? " " : ""), one);
        }
        assert_string_equal(text, rows[i].addresses);
        if (rows[i].canonical)
            assert_string_equal(host.canonical, rows[i].canonical);
        gai_host_fini(&host);
    }
}

/* Of 1.arpa. */
static void names_of_addresses(void **state)
{
    static const struct {
        const char *records;
        int outcome;
        const char *name;
        uint16_t rcode;
    } rows[] = {
        {"1.arpa PTR Host.test; 1.arpa PTR other.test", GAI_FOUND, "Host.test", 0},
        {"1.arpa CNAME 1.0/25.arpa; 1.0/25.arpa PTR h.test", GAI_FOUND, "h.test", 0},
        {"1.arpa PTR a\\010b.test; 1.arpa PTR h_1.test", GAI_FOUND, "h_1.test", 0},
        {"1.arpa PTR a\\010b.test", GAI_NODATA, NULL, 0},
        {"1.arpa PTR $(reboot).test", GAI_NODATA, NULL, 0},
        {"1.arpa PTR a\\.b.test", GAI_NODATA, NULL, 0},
        {"1.arpa PTR -v.test", GAI_NODATA, NULL, 0},
        {"1.arpa PTR .", GAI_NODATA, NULL, 0},
        {"2.arpa PTR h.test", GAI_NODATA, NULL, 0},
        {"1.arpa CNAME 2.arpa; 2.arpa CNAME 1.arpa; 1.arpa PTR h.test", GAI_NODATA, NULL, 0},
        {"", GAI_NONAME, NULL, RCODE_NXDOMAIN},
        {"", GAI_SERVFAIL, NULL, RCODE_SERVFAIL},
    };
    uint8_t message[MESSAGE_MAX];
    char text[DNAME_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = reply_make(message, sizeof(message), "1.arpa", RR_PTR, rows[i].rcode, rows[i].records);
        assert_int_equal(gai_read_pointer(message, len, text), rows[i].outcome);
        if (rows[i].name)
            assert_string_equal(text, rows[i].name);
        for (size_t cut = 0; cut < DNS_HEADER_LEN; cut++)
            assert_int_equal(gai_read_pointer(message, cut, text), GAI_SERVFAIL);
    }
}

static void names_of_hosts(void **state)
{
    static const char *const good[] = {"a", "A-b.c_d.9", "_sip._tcp.x", "a-", "1.2", "xn--nxasmq6b.test"};
    static const char *const bad[] = {".",     "-a",         "a b",   "a\\.b", "a/b",
                                      "\\000", "\\195\\164", "a.b@c", "a*",    "a\\013"};
    uint8_t name[DNAME_MAX];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        reply_name(good[i], name);
        assert_true(answer_is_host_name(name));
    }
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        reply_name(bad[i], name);
        assert_false(answer_is_host_name(name));
    }
}

/* Cut anywhere, and with each byte changed: an outcome, and no address that was not there. */
static void broken_replies(void **state)
{
    uint8_t message[MESSAGE_MAX], broken[MESSAGE_MAX];
    size_t len = reply_make(message, sizeof(message), "a.test", RR_A, 0,
                            "a.test CNAME b.test; b.test A 192.0.2.1; b.test A 192.0.2.2");
    struct gai_host host = {0};

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut + 1); /* for a sanitizer to see what is read behind it */
        memcpy(exact, message, cut);
        int outcome = gai_read_addresses(exact, cut, RR_A, &host);
        assert_true(outcome >= GAI_FOUND && outcome <= GAI_SERVFAIL);
        assert_true(host.count <= 2);
        free(exact);
        gai_host_fini(&host);
    }
    for (size_t at = 0; at < len; at++) {
        for (unsigned value = 0; value < 256; value++) {
            memcpy(broken, message, len);
            broken[at] = (uint8_t)value;
            int outcome = gai_read_addresses(broken, len, RR_A, &host);
            assert_true(outcome >= GAI_FOUND && outcome <= GAI_SERVFAIL);
            assert_true(host.count <= 2);
            gai_host_fini(&host);
        }
    }
}

static void too_many_addresses(void **state)
{
    const struct in_addr in = {0};
    struct gai_host host = {0};

    (void)state;
    for (unsigned i = 0; i < GAI_ADDRESSES_MAX + 10; i++)
        assert_int_equal(gai_host_add(&host, AF_INET, &in, 0), 0);
    assert_int_equal(host.count, GAI_ADDRESSES_MAX);
    gai_host_fini(&host);
}

static void errors_of_questions(void **state)
{
    (void)state;
    assert_int_equal(gai_outcome_of_error(-EAGAIN), GAI_SERVFAIL);
    assert_int_equal(gai_outcome_of_error(-ETIMEDOUT), GAI_SILENCE);
    assert_int_equal(gai_outcome_of_error(-ENETUNREACH), GAI_SILENCE);
    assert_int_equal(gai_outcome_of_error(-ENOMEM), -ENOMEM);
    assert_int_equal(gai_outcome_of_error(-EMFILE), -EMFILE);
}

static void without_memory(void **state)
{
    struct gai_host host;

    (void)state;
    no_memory = true;
    int outcome = read_addresses("a.test", RR_A, 0, "a.test A 192.0.2.1", &host);
    no_memory = false;
    assert_int_equal(outcome, -ENOMEM);
    gai_host_fini(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_over_aliases), cmocka_unit_test(names_of_addresses),
        cmocka_unit_test(names_of_hosts),         cmocka_unit_test(broken_replies),
        cmocka_unit_test(without_memory),         cmocka_unit_test(too_many_addresses),
        cmocka_unit_test(errors_of_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
