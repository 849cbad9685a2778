/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of configuration strings: what each option gives, how values are quoted, and for each mistake
   where it is found and what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iothconf.h"
#include "libiothconf/parse.h"

/* Parses a string of one option. */
static struct conf_item only_item(const char *config)
{
    struct conf_parser p;
    struct conf_item item;
    struct conf_item rest;

    conf_parser_init(&p, config);
    assert_int_equal(conf_parser_next(&p, &item), 1);
    assert_int_equal(conf_parser_next(&p, &rest), 0);
    return item;
}

static void assert_text(const char *config, enum conf_key key, const char *text)
{
    struct conf_item item = only_item(config);

    assert_int_equal(item.keyword->key, key);
    assert_true(item.has_value);
    assert_int_equal(item.value.len, strlen(text));
    assert_memory_equal(item.value.text, text, item.value.len);
}

static void test_texts(void **state)
{
    (void)state;
    assert_text("stack=vdestack", KEY_STACK, "vdestack");
    assert_text("vnl=vde:///tmp/hub", KEY_VNL, "vde:///tmp/hub");
    assert_text("vnl=eth0:vxvde://234.0.0.1/port=14789", KEY_VNL, "eth0:vxvde://234.0.0.1/port=14789");
    assert_text("iface=eth0", KEY_IFACE, "eth0");
    assert_text("fqdn=host.v2.cs.unibo.it", KEY_FQDN, "host.v2.cs.unibo.it");
    assert_text("domain=v2.cs.unibo.it.", KEY_DOMAIN, "v2.cs.unibo.it.");
    assert_text("STACK=Kernel", KEY_STACK, "Kernel");
    assert_text("  stack =\tkernel  ", KEY_STACK, "kernel");
}

static void test_quotes(void **state)
{
    (void)state;
    assert_text("stack={vdestack,opt=1}", KEY_STACK, "vdestack,opt=1");
    assert_text("stack='vdestack,opt=1'", KEY_STACK, "vdestack,opt=1");
    assert_text("stack=\"vdestack,opt=1\" ,", KEY_STACK, "vdestack,opt=1");
    assert_text("vnl='it\"s'", KEY_VNL, "it\"s");
    assert_text("vnl=vde:///tmp/hub[22,0700]", KEY_VNL, "vde:///tmp/hub[22,0700]");
    assert_text("vnl=agno:///key{vxvde://,x}", KEY_VNL, "agno:///key{vxvde://,x}");
    assert_text("vnl={a,{b,c},d}", KEY_VNL, "a,{b,c},d");
    assert_text("vnl={a}{b,c}", KEY_VNL, "{a}{b,c}");
    assert_text("vnl=it's", KEY_VNL, "it's");
    assert_text("vnl=a]b", KEY_VNL, "a]b");
}

static void test_numbers(void **state)
{
    struct conf_item item;
    const uint8_t mac[] = {0x80, 0x01, 0xab, 0xcd, 0xef, 0x09};

    (void)state;
    item = only_item("ifindex=42");
    assert_int_equal(item.keyword->key, KEY_IFINDEX);
    assert_int_equal(item.value.number, 42);
    item = only_item("mac=80:01:ab:CD:eF:09");
    assert_int_equal(item.keyword->key, KEY_MAC);
    assert_memory_equal(item.value.mac, mac, 6);
    item = only_item("macaddr=80:01:ab:CD:eF:09");
    assert_int_equal(item.keyword->key, KEY_MAC);
}

static void assert_ip(const char *config, enum conf_key key, bool undo, int family, const char *addr,
                      int prefixlen)
{
    struct conf_item item = only_item(config);
    char text[INET6_ADDRSTRLEN];

    assert_int_equal(item.keyword->key, key);
    assert_int_equal(item.undo, undo);
    assert_int_equal(item.value.family, family);
    assert_string_equal(inet_ntop(family, item.value.addr, text, sizeof(text)), addr);
    assert_int_equal(item.value.prefixlen, prefixlen);
}

static void test_addresses(void **state)
{
    (void)state;
    assert_ip("ip=10.0.0.1/24", KEY_IP, false, AF_INET, "10.0.0.1", 24);
    assert_ip("ip=10.0.0.1/0", KEY_IP, false, AF_INET, "10.0.0.1", 0);
    assert_ip("ip=2001:760:2e00:ff00::fd/64", KEY_IP, false, AF_INET6, "2001:760:2e00:ff00::fd", 64);
    assert_ip("ip='fc00::24/128'", KEY_IP, false, AF_INET6, "fc00::24", 128);
    assert_ip("gw=10.0.0.254", KEY_GW, false, AF_INET, "10.0.0.254", 0);
    assert_ip("gw=fe80::1", KEY_GW, false, AF_INET6, "fe80::1", 0);
    assert_ip("dns=8.8.8.8", KEY_DNS, false, AF_INET, "8.8.8.8", 0);
    assert_ip("-ip=10.0.0.1/24", KEY_IP, true, AF_INET, "10.0.0.1", 24);
    assert_ip("-gw=fe80::1", KEY_GW, true, AF_INET6, "fe80::1", 0);
    assert_ip("-dns=8.8.8.8", KEY_DNS, true, AF_INET, "8.8.8.8", 0);
}

static void test_forms(void **state)
{
    static const struct {
        const char *config;
        enum conf_key key;
        bool undo;
    } cases[] = {
        {"eth", KEY_ETH, false},       {"-eth", KEY_ETH, true},       {"debug", KEY_DEBUG, false},
        {"-static", KEY_STATIC, true}, {"-ip", KEY_IP, true},         {"-gw=", KEY_GW, true},
        {"-dns", KEY_DNS, true},       {"-domain", KEY_DOMAIN, true}, {"-Static", KEY_STATIC, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf_item item = only_item(cases[i].config);

        assert_int_equal(item.keyword->key, cases[i].key);
        assert_int_equal(item.undo, cases[i].undo);
        assert_false(item.has_value);
    }
}

/* The strings of the talk, whole. */
static void test_whole_strings(void **state)
{
    static const char *const configs[] = {
        "",
        " , ,, ",
        "stack=kernel",
        "stack=vdestack,vnl=vde:///tmp/hub,mac=80:01:01:01:01:01,eth,ip=192.168.1.24/24",
        "stack=vdestack,vnl=vde:///tmp/hub,mac=80:01:01:01:01:02,eth,ip=130.136.31.253/24,gw=130.136.31.1",
        "ip=2001:760:2e00:ff00::fd/64,ip=2001:760:2e00:ff00::ff/64",
        "stack=vdestack,vnl=vxvde://234.0.0.1,eth,ip=10.0.0.1/24,gw=10.0.0.254",
        "stack=vdestack,\n  vnl=vde:///a,\n  vnl=vde:///b,\n  eth\n",
        "stack=lwip,vnl=vde:///tmp/hub,fqdn=host.v2.cs.unibo.it,auto",
        "eth,dhcp,-rd,-dhcp6,timeout=3,statedir=/tmp",
        "-static,-eth,-ip=10.0.0.1/8,-gw=10.0.0.2,-dns=1.1.1.1,-domain=local",
    };
    size_t offset = 12345;
    char error[64] = "untouched";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        assert_int_equal(ioth_config_check(configs[i], &offset, error, sizeof(error)), 0);
    assert_int_equal(ioth_config_check(NULL, &offset, error, sizeof(error)), 0);
    assert_int_equal(offset, 12345);
    assert_string_equal(error, "untouched");
}

static const struct mistake {
    const char *config;
    size_t offset;
    const char *said; /* somewhere in the message */
    int error;
} mistakes[] = {
    {"eth,ipp=10.0.0.1/24", 4, "unknown option \"ipp\", the nearest known is \"ip\"", EINVAL},
    {"stakc=kernel", 0, "nearest known is \"stack\"", EINVAL},
    {"iface=vde0, doman=x", 12, "nearest known is \"domain\"", EINVAL},
    {"-statik", 0, "nearest known is \"-static\"", EINVAL},
    {"eth,gateway=10.0.0.1", 4, "unknown option \"gateway\", known are: stack vnl iface", EINVAL},
    {"averyveryveryveryveryveryveryverylongwordindeedyes", 0, "\"averyveryveryveryveryveryveryverylongwor\"",
     EINVAL},
    {"=x", 0, "unknown option \"\"", EINVAL},
    {"eth,vde:///tmp/hub", 4,
     "\"vde:///tmp/hub\" is a virtual network, expected vnl= before it, as in "
     "stack=vdestack,vnl=vde:///tmp/hub",
     EINVAL},
    {"-", 0, "unknown option \"\"", EINVAL},
    {"stack", 0, "\"stack\" needs a value, e.g. stack=vdestack", EINVAL},
    {"eth,stack=,eth", 4, "\"stack\" needs a value", EINVAL},
    {"vnl=''", 0, "\"vnl\" needs a value", EINVAL},
    {"ip", 0, "\"ip\" needs a value", EINVAL},
    {"gw", 0, "\"gw\" needs a value", EINVAL},
    {"dns=", 0, "\"dns\" needs a value", EINVAL},
    {"mac", 0, "\"mac\" needs a value", EINVAL},
    {"eth=1", 0, "\"eth\" takes no value", EINVAL},
    {"eth,-eth=1", 4, "\"-eth\" takes no value", EINVAL},
    {"debug=1", 0, "\"debug\" takes no value", EINVAL},
    {"eth,-stack=kernel", 4, "\"stack\" has no form to undo it", EINVAL},
    {"-mac", 0, "\"mac\" has no form to undo it", EINVAL},
    {"static", 0, "exists to undo only: \"-static\"", EINVAL},
    {"vnl='abc", 4, "no closing '", EINVAL},
    {"vnl=\"abc", 4, "no closing \"", EINVAL},
    {"vnl='abc'd,eth", 9, "expected a comma after the closing '", EINVAL},
    {"eth,vnl=vde[1,eth", 8, "does not close", EINVAL},
    {"vnl={a", 4, "does not close", EINVAL},
    {"iface=averylonginterfacename", 6, "is not the name of an interface", EINVAL},
    {"iface=a/b", 6, "is not the name of an interface", EINVAL},
    {"ifindex=0", 8, "is not a number above 0", EINVAL},
    {"ifindex=-1", 8, "is not a number above 0", EINVAL},
    {"ifindex=4294967297", 8, "is not a number above 0", EINVAL},
    {"ifindex=2x", 8, "is not a number above 0", EINVAL},
    {"fqdn=a..b", 5, "labels have 1 to 63 bytes", EINVAL},
    {"fqdn=.", 5, "labels have 1 to 63 bytes", EINVAL},
    {"domain=a..", 7, "labels have 1 to 63 bytes", EINVAL},
    {"domain='a b'", 8, "is not a domain name", EINVAL},
    {"domain='a\nnameserver 1.2.3.4'", 8, "is not a domain name", EINVAL},
    {"mac=80:01:01:01:01", 4, "\"80:01:01:01:01\" is not a MAC address", EINVAL},
    {"mac=80.01.01.01.01.01", 4, "is not a MAC address", EINVAL},
    {"mac=80:01:01:01:01:01:01", 4, "is not a MAC address", EINVAL},
    {"mac=80:01:01:01:01:0g", 4, "is not a MAC address", EINVAL},
    {"mac=81:01:01:01:01:01", 4, "is a multicast MAC address", EINVAL},
    {"mac=00:00:00:00:00:00", 4, "is all zero", EINVAL},
    {"eth, ip = 10.0.0.1", 10, "lacks the length of the prefix", EINVAL},
    {"ip=10.0.0/24", 3, "does not begin with an IPv4 or IPv6 address", EINVAL},
    {"ip=10.0.0.1/33", 3, "bad prefix length (0 to 32 for IPv4)", EINVAL},
    {"ip=10.0.0.1/", 3, "bad prefix length", EINVAL},
    {"ip=10.0.0.1/-1", 3, "bad prefix length", EINVAL},
    {"ip=fc00::1/129", 3, "bad prefix length (0 to 128 for IPv6)", EINVAL},
    {"ip=fc00::1/9999999999999999999", 3, "bad prefix length", EINVAL},
    {"gw=10.0.0.1/24", 3, "is not an IPv4 or IPv6 address; expected is e.g. gw=10.0.0.254", EINVAL},
    {"gw=router", 3, "\"router\" is not an IPv4 or IPv6 address", EINVAL},
    {"dns=8.8.8", 4, "is not an IPv4 or IPv6 address", EINVAL},
    {"dns=1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", 4, "is not an IPv4 or IPv6", EINVAL},
    {"-dns=8.8.8", 5, "is not an IPv4 or IPv6 address", EINVAL},
    {"eth,dhpc", 4, "nearest known is \"dhcp\"", EINVAL},
    {"dhcp=1", 0, "\"dhcp\" takes no value", EINVAL},
    {"auto=6", 0, "\"auto\" takes no value", EINVAL},
    {"-slaac", 0, "\"slaac\" has no form to undo it", EINVAL},
    {"rd,timeout", 3, "\"timeout\" needs a value, e.g. timeout=15", EINVAL},
    {"timeout=1.5", 8, "is not a number of seconds (0 to 86400)", EINVAL},
    {"timeout=-1", 8, "is not a number of seconds", EINVAL},
    {"timeout=86401", 8, "is not a number of seconds", EINVAL},
    {"-timeout=1", 0, "\"timeout\" has no form to undo it", EINVAL},
    {"statedir=", 0, "\"statedir\" needs a value, e.g. statedir=/var/lib/ioth", EINVAL},
    {"-statedir=/tmp", 0, "\"statedir\" has no form to undo it", EINVAL},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        const struct mistake *m = &mistakes[i];
        char error[CONF_ERROR_SIZE] = "";
        size_t offset = 12345;

        errno = 0;
        assert_int_equal(ioth_config_check(m->config, &offset, error, sizeof(error)), -1);
        if (offset != m->offset || strstr(error, m->said) == NULL)
            fail_msg("\"%s\": at %zu, \"%s\", expected at %zu, \"%s\"", m->config, offset, error, m->offset,
                     m->said);
        assert_int_equal(errno, m->error);
    }
}

/* Every spelling of the clients, to do and to undo. */
static void test_clients(void **state)
{
    static const struct {
        const char *word;
        enum conf_key key;
    } rows[] = {
        {"dhcp", KEY_DHCP},    {"dhcp4", KEY_DHCP},   {"dhcpv4", KEY_DHCP}, {"dhcp6", KEY_DHCP6},
        {"dhcpv6", KEY_DHCP6}, {"rd", KEY_RD},        {"rd6", KEY_RD},      {"auto", KEY_AUTO},
        {"auto4", KEY_AUTO4},  {"autov4", KEY_AUTO4}, {"auto6", KEY_AUTO6}, {"autov6", KEY_AUTO6},
        {"Dhcp", KEY_DHCP},    {"AUTO6", KEY_AUTO6},
    };

    (void)state;
    assert_int_equal(only_item("slaac").keyword->key, KEY_SLAAC);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char undo[16];
        struct conf_item item = only_item(rows[i].word);

        assert_int_equal(item.keyword->key, rows[i].key);
        assert_false(item.undo);
        snprintf(undo, sizeof(undo), "-%s", rows[i].word);
        item = only_item(undo);
        assert_int_equal(item.keyword->key, rows[i].key);
        assert_true(item.undo);
    }
}

static void test_settings_of_clients(void **state)
{
    (void)state;
    assert_int_equal(only_item("timeout=0").value.number, 0);
    assert_int_equal(only_item("Timeout = 86400").value.number, 86400);
    assert_text("statedir=/var/lib/ioth", KEY_STATEDIR, "/var/lib/ioth");
    assert_text("statedir='/tmp/a,b'", KEY_STATEDIR, "/tmp/a,b");
}

/* A message that does not fit is cut; no buffer at all is fine too. */
static void test_small_buffer(void **state)
{
    char error[8];

    (void)state;
    assert_int_equal(ioth_config_check("ipp=1", NULL, error, sizeof(error)), -1);
    assert_string_equal(error, "unknown");
    assert_int_equal(ioth_config_check("ipp=1", NULL, NULL, 0), -1);
}

/* Every prefix of a string, and every string with one byte changed, is read to an end or to an error inside
 * of it. */
static void test_any_bytes(void **state)
{
    static const char whole[] =
        "stack={v,o=1},vnl=a[1,2],mac=80:01:01:01:01:01,-ip=10.0.0.1/24,gw='fe80::1',domain=a.b";
    static const char bytes[] = {'\0', ',', '=', '{', '}', '[', '"', '\'', '-', ' ', (char)0xff};

    (void)state;
    for (size_t i = 0; i < sizeof(whole); i++) {
        for (size_t b = 0; b < sizeof(bytes); b++) {
            char *copy = strdup(whole);
            size_t offset = 0;

            assert_non_null(copy);
            copy[i] = bytes[b];
            if (i < sizeof(whole) - 1 && ioth_config_check(copy, &offset, NULL, 0) < 0)
                assert_in_range(offset, 0, strlen(copy));
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_whole_strings),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_settings_of_clients),
        cmocka_unit_test(test_small_buffer),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests_name("configuration strings", tests, NULL, NULL);
}
