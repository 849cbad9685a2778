/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients of both protocols are told: resolvers with encrypted DNS, captive portals, DHCPv6 options by name and number. */
#include "config_world.h"

static const struct dhcp4_server_option *option4(const struct namedhcp_config *c, uint8_t code)
{
    for (unsigned i = 0; i < c->common.n_options; i++)
        if (c->common.options[i].code == code)
            return &c->common.options[i];
    return NULL;
}

static const struct dhcp6_other *option6(const struct namedhcp_config *c, uint16_t code)
{
    for (unsigned i = 0; i < c->v6.given.others.n; i++)
        if (c->v6.given.others.option[i].code == code)
            return &c->v6.given.others.option[i];
    return NULL;
}

static void assert_option6(const struct namedhcp_config *c, uint16_t code, const void *bytes, size_t len)
{
    const struct dhcp6_other *o = option6(c, code);

    assert_non_null(o);
    assert_int_equal(o->data.len, len);
    assert_memory_equal(o->data.at, bytes, len);
}
#define ASSERT_OPTION6(c, code, bytes) assert_option6(c, code, bytes, sizeof(bytes) - 1)

static void a_resolver_is_told_by_both(void **state)
{
    static const uint8_t wire4[] = "\0\x1c\0\1\x0a\3dns\4home\0\4\x0a\0\0\x35"
                                   "\0\1\0\4\3dot";
    static const uint8_t params[] = "\0\1\0\4\3dot";
    (void)state;
    struct namedhcp_config *c = read_ok(false, "dnr 1 dns.home fd00::53,10.0.0.53 alpn=dot\n", NULL);
    const struct dhcp4_server_option *o = option4(c, DHCP4_DNR);
    const struct dhcp6_message *given = &c->v6.given;

    assert_non_null(o);
    assert_int_equal(o->len, 2 + get_be16(o->bytes));
    assert_int_equal(o->len, sizeof(wire4) - 1);
    assert_memory_equal(o->bytes + 2, wire4 + 2, sizeof(wire4) - 3);
    assert_true(given->has & DHCP6_HAS_DNR);
    assert_int_equal(given->n_dnr, 1);
    assert_int_equal(given->dnr[0].priority, 1);
    assert_int_equal(given->dnr[0].n_addrs, 1);
    assert_int_equal(given->dnr[0].addrs[0].b[15], 0x53);
    assert_int_equal(given->dnr[0].params.len, sizeof(params) - 1);
    assert_memory_equal(given->dnr[0].params.at, params, sizeof(params) - 1);
    namedhcp_config_free(c);
}

static void resolvers_of_one_family_and_by_name_alone(void **state)
{
    (void)state;
    struct namedhcp_config *c =
        read_ok(false,
                "dnr 1 a.home fd00::53 alpn=dot\ndnr 2 b.home 10.0.0.53 alpn=h2 port=8443 "
                "dohpath=/q{?dns}\ndnr 0 c.home\n",
                NULL);
    const struct dhcp4_server_option *o = option4(c, DHCP4_DNR);

    assert_int_equal(c->v6.given.n_dnr, 2);
    assert_int_equal(c->v6.given.dnr[1].n_addrs, 0);
    assert_int_equal(c->v6.given.dnr[1].params.len, 0);
    size_t first = 2 + get_be16(o->bytes);
    assert_int_equal(get_be16(o->bytes + 2), 2);
    assert_int_equal(get_be16(o->bytes + first), 2 + 1 + 8); /* priority, name */
    assert_int_equal(o->len, first + 2 + 2 + 1 + 8);
    namedhcp_config_free(c);
    c = read_ok(false, "dnr 1 a.home fd00::53 alpn=dot\n",
                GIVEN("dnr", "5 b.home fd00::54 alpn=dot")); /* in its place */
    assert_int_equal(c->v6.given.n_dnr, 1);
    assert_int_equal(c->v6.given.dnr[0].priority, 5);
    namedhcp_config_free(c);
}

static void a_portal_is_told_by_both(void **state)
{
    static const char uri[] = "https://portal.example/api";
    (void)state;
    struct namedhcp_config *c = read_ok(false, "captive-portal https://old.example/\n",
                                        GIVEN("captive-portal", "https://portal.example/api"));
    const struct dhcp4_server_option *o = option4(c, DHCP4_CAPTIVE_PORTAL);

    assert_int_equal(o->len, strlen(uri));
    assert_memory_equal(o->bytes, uri, strlen(uri));
    ASSERT_OPTION6(c, DHCP6_OPT_CAPTIVE_PORTAL, "https://portal.example/api");
    assert_int_equal(c->v6.given.others.n, 1);
    namedhcp_config_free(c);
}

static void options_of_dhcpv6(void **state)
{
    (void)state;
    struct namedhcp_config *c = read_ok(false,
                                        "option6 bootfile-url http://x/boot\n"
                                        "option6 SNTP-Servers fd00::1, fd00::2\n"
                                        "option6 65001 00:1f:a0\n"
                                        "option6 65002 \"text\"\n"
                                        "option6 bootfile-param a,bc\n"
                                        "option6 nis-domain-name nis.home\n"
                                        "option6 22 fd00::5\n"
                                        "option6 sol-max-rt 600\n"
                                        "option6 83=120\n",
                                        NULL);

    ASSERT_OPTION6(c, 59, "http://x/boot");
    assert_int_equal(option6(c, 31)->data.len, 32);
    ASSERT_OPTION6(c, 65001, "\x00\x1f\xa0");
    ASSERT_OPTION6(c, 65002, "text");
    ASSERT_OPTION6(c, 60, "\0\1a\0\2bc");
    ASSERT_OPTION6(c, 29, "\3nis\4home\0");
    ASSERT_OPTION6(c, 22, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5");
    assert_int_equal(c->v6.given.sol_max_rt_s, 600);
    assert_int_equal(c->v6.given.inf_max_rt_s, 120);
    assert_true(c->v6.given.has & DHCP6_HAS_SOL_MAX_RT && c->v6.given.has & DHCP6_HAS_INF_MAX_RT);
    namedhcp_config_free(c);
}

static void errors_say_where_and_what(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"dnr", "t.rc:1:1: the value of 'dnr' is missing"},
        {"dnr x dns.home fd00::1 alpn=dot", "t.rc:1:5: 'x' is no priority, expected 'PRIORITY NAME"},
        {"dnr 1", "t.rc:1:5: '' is no name of a resolver"},
        {"dnr 1 dns.home", "t.rc:1:5: addresses or protocols are missing"},
        {"dnr 1 dns.home fd00::1", "t.rc:1:5: addresses or protocols are missing"},
        {"dnr 1 dns.home alpn=dot", "t.rc:1:5: addresses or protocols are missing"},
        {"dnr 0 dns.home fd00::1 alpn=dot", "t.rc:1:5: priority 0 says a name alone"},
        {"dnr 1 dns.home fd00::1,x.y alpn=dot", "t.rc:1:24: 'x.y' is no address"},
        {"dnr 1 dns.home fd00::1 fd00::2 alpn=dot", "t.rc:1:24: 'fd00::2' are addresses again"},
        {"dnr 1 dns.home fd00::1,fd00::2,fd00::3,fd00::4,fd00::5 alpn=dot", "t.rc:1:5: too many addresses"},
        {"dnr 1 dns.home fd00::1 port=853 alpn=dot", "t.rc:1:5: parameters come in the order of their keys"},
        {"dnr 1 dns.home fd00::1 alpn=,", "t.rc:1:29: ',' is no list of protocols"},
        {"dnr 1 dns.home fd00::1 alpn=dot port=0", "t.rc:1:38: '0' is no port"},
        {"dnr 1 dns.home fd00::1 alpn=dot lifetime=5", "t.rc:1:5: DHCP tells no lifetime"},
        {"captive-portal https://a b", "t.rc:1:16: a URI has no blanks"},
        {"captive-portal portal", "t.rc:1:16: this is no URI"},
        {"option6 dns fd00::1", "t.rc:1:9: 'dns' is no option of DHCPv6"},
        {"option6 23 fd00::1", "t.rc:1:9: option 23 is said by 'dns', expected another one"},
        {"option6 1 00", "t.rc:1:9: option 1 is the server's own, expected another one"},
        {"option6 sntp-servers 10.0.0.1",
         "t.rc:1:22: '10.0.0.1' is no value of option 'sntp-servers', expected IPv6"},
        {"option6 65001 0g", "t.rc:1:15: '0g' is no value of option '65001', expected hexadecimal digits"},
        {"option6 sol-max-rt x", "t.rc:1:20: 'x' is no value of option 'sol-max-rt', expected a number"},
        {"option6 nis-domain-name a b", "t.rc:1:25: 'a b' is no value of option 'nis-domain-name'"},
    };
    (void)state;

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct namedhcp_config *c = NULL;
        const char *why = read_both(false, cases[i].text, NULL, &c);
        assert_non_null(why);
        if (strncmp(why, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s\nis not\n%s", why, cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resolver_is_told_by_both),
        cmocka_unit_test(resolvers_of_one_family_and_by_name_alone),
        cmocka_unit_test(a_portal_is_told_by_both),
        cmocka_unit_test(options_of_dhcpv6),
        cmocka_unit_test(errors_say_where_and_what),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
