/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of the DHCP servers, from the file and from the command line. */
#include "config_world.h"

#include "libnamedhcp/namedhcp.h"

static const struct dhcp4_server_option *option_of(const struct dhcp4_subnet *s, uint8_t code)
{
    for (unsigned i = 0; i < s->n_options; i++)
        if (s->options[i].code == code)
            return &s->options[i];
    fail_msg("option %u is not there", code);
    return NULL;
}

static void assert_option(const struct dhcp4_subnet *s, uint8_t code, const void *bytes, size_t len)
{
    const struct dhcp4_server_option *option = option_of(s, code);

    assert_int_equal(option->len, len);
    assert_memory_equal(option->bytes, bytes, len);
}

static const struct {
    const char *text, *why;
} mistakes[] = {
    {"domain a\nsubnt 10.0.0.0/8\n", "t.rc:2:1: there is no option 'subnt', did you mean 'subnet'?"},
    {"zzzzzzzzzzzzz 1\n",
     "t.rc:1:1: there is no option 'zzzzzzzzzzzzz', expected one such as 'domain' or 'subnet'"},
    {"\x01\xff 1\n", "t.rc:1:1: there is no option '?"
                     "?', expected one such as 'domain' or 'subnet'"},
    {"rcfile x", "t.rc:1:1: 'rcfile' is for the command line, expected an option of the service"},
    {"daemon yes", "t.rc:1:8: 'daemon' takes no value, expected the end of the line"},
    {"domain", "t.rc:1:1: the value of 'domain' is missing, expected NAME"},
    {"  domain a..b", "t.rc:1:10: 'a..b' is no domain, expected a name such as hash.local"},
    {"domain = lan", "t.rc:1:8: '= lan' is no domain, expected a name such as hash.local"},
    {"allow *.a *.b", "t.rc:1:7: '*.a *.b' has a blank in it, expected one pattern such as *.hash.local"},
    {"bind 02:00:00:00:00:01=a b", "t.rc:1:24: 'a b' is no name, expected one such as host.hash.local"},
    {"claims maybe", "t.rc:1:8: 'maybe', expected 'on' or 'off'"},
    {"claims-max 0", "t.rc:1:12: '0' is no number of claims, expected 1 to 10000000"},
    {"preference 256", "t.rc:1:12: '256' is no number of a preference, expected 0 to 255"},
    {"nameserver 1.1.1.1,x",
     "t.rc:1:20: 'x' is no address, expected those of name servers, with commas between"},
    {"macaddr 02:00:00:00:01",
     "t.rc:1:9: '02:00:00:00:01' is no MAC address, expected one such as 02:00:00:00:00:01"},
    {"macaddr 03:00:00:00:00:01", "t.rc:1:9: '03:00:00:00:00:01' is no address that an interface can "
                                  "have, expected an even first byte"},
    {"bind 02:00:00:00:00:01",
     "t.rc:1:6: '02:00:00:00:00:01', expected a MAC address or the digits of an identifier, "
     "'=', and what belongs to it"},
    {"ip 10.0.0.1", "t.rc:1:4: '10.0.0.1' is no address with its prefix, expected one such as 10.0.0.1/24"},
    {"ip 10.0.0.1/24",
     "configuration: 'ip' is for a port of our own, expected 'ip=' within 'stack' for interface vde0"},
    {"iface a\niface a", "t.rc:2:7: interface a is named twice, expected each once"},
    {"stack vde://h\niface a\niface b",
     "t.rc:3:7: a port on vde://h is one interface, expected one 'iface' for it"},
    {"domain a\ndhcpv6 off\n", "t.rc:2:8: neither DHCPv6 nor DHCPv4 is to be served, expected one of them"},
    {"leases-group y",
     "t.rc:1:14: 'leases-group' is who may read the lease file, expected 'leases FILE' with it"},
    {"dns 1.2.3.4,xx", "t.rc:1:13: 'xx' is no address, expected those of name servers, with commas between"},
    {"option routers 10.0.0.1,xx",
     "t.rc:1:25: 'xx' is no value of option 'routers', expected IPv4 addresses, with commas between"},
    {"lifetime 60/x", "t.rc:1:13: 'x' is no number of seconds, expected 60 or more"},
    {"serverid 224.0.0.1",
     "t.rc:1:10: '224.0.0.1' is no address that a server can have, expected one of its own"},
    {"serverid 255.255.255.255",
     "t.rc:1:10: '255.255.255.255' is no address that a server can have, expected one of its own"},
    {"serverid 127.0.0.1",
     "t.rc:1:10: '127.0.0.1' is no address that a server can have, expected one of its own"},
    {"serverid 0.0.0.0",
     "t.rc:1:10: '0.0.0.0' is no address that a server can have, expected one of its own"},
    {"subnet 0.0.0.0/0\npool 0.0.0.0-255.255.255.255",
     "t.rc:2:6: '0.0.0.0-255.255.255.255': the pools have too many addresses, expected at most 16777216 "
     "in "
     "all"},
    {"echo 5", "t.rc:1:6: '5', expected milliseconds, 10 to 10000, or 'off'"},
    {"bind 0203=", "t.rc:1:6: '' is no name, expected one such as host.hash.local"},
    {"prefix 10.0.0.0/8", "t.rc:1:8: '10.0.0.0/8' is no prefix of IPv6, expected one such as fd00:1::/64"},
    {"subnet fd00::/8", "t.rc:1:8: 'fd00::/8' is no network of IPv4, expected one such as 10.0.0.0/24"},
    {"subnet 10.0.0.0/8\nsubnet 10.1.0.0/16",
     "t.rc:2:8: '10.1.0.0/16' has addresses in common with another subnet, expected each once"},
    {"pool 10.0.0.1-10.0.0.2", "t.rc:1:6: a pool is of a subnet, expected 'subnet NET' before it"},
    {"subnet 10.0.0.0/24\npool 10.0.0.9-10.0.0.2",
     "t.rc:2:6: '10.0.0.9-10.0.0.2' runs backwards, expected the lower address first"},
    {"subnet 10.0.0.0/24\npool 10.0.0.9-10.0.1.2",
     "t.rc:2:6: '10.0.0.9-10.0.1.2' is not within its subnet, expected addresses of that"},
    {"subnet 10.0.0.0/24\npool 10.0.0.1-10.0.0.9\npool 10.0.0.9-10.0.0.10",
     "t.rc:3:6: '10.0.0.9-10.0.0.10' has addresses in common with pool number 1, expected each once"},
    {"lease 60/59", "t.rc:1:10: '59' is less than the first number of seconds, expected 60 or more"},
    {"option nonsense 1",
     "t.rc:1:8: 'nonsense' is no option of DHCPv4, expected a name such as 'routers', or 1 to 254"},
    {"option 255 00",
     "t.rc:1:8: '255' is no option of DHCPv4, expected a name such as 'routers', or 1 to 254"},
    {"option 53 1", "t.rc:1:8: option '53' is the server's own, expected another one"},
    {"option routers fd00::1", "t.rc:1:16: 'fd00::1' is no value of option 'routers', expected IPv4 "
                               "addresses, with commas between"},
    {"option interface-mtu 65536",
     "t.rc:1:22: '65536' is no value of option 'interface-mtu', expected a number up to 65535"},
    {"option 224 1",
     "t.rc:1:12: '1' is no value of option '224', expected hexadecimal digits, or a text in quotes"},
    {"option classless-static-routes 10.0.0.0/8",
     "t.rc:1:32: '10.0.0.0/8' is no value of option 'classless-static-routes', expected routes such as "
     "10.7.0.0/16=10.0.0.2, with commas between"},
};

static void errors_say_where_and_what(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct namedhcp_config *c = NULL;
        const char *why = read_both(false, mistakes[i].text, NULL, &c);
        assert_non_null(why);
        assert_string_equal(why, mistakes[i].why);
    }
}

static void a_network_has_no_bits_behind_its_length(void **state)
{
    struct namedhcp_config *c = read_ok(
        false, "domain lan\nsubnet 10.0.0.5/24\nprefix fd00::5/64\nsubnet 10.1.0.0/24\nprefix fd01::/64\n",
        NULL);

    (void)state;
    assert_int_equal(c->process.n_warnings, 2);
    assert_string_equal(c->process.warnings[0],
                        "t.rc:2:8: '10.0.0.5/24' is an address in its network, which is taken: 10.0.0.0/24");
    assert_string_equal(c->process.warnings[1],
                        "t.rc:3:8: 'fd00::5/64' is an address in its network, which is taken: fd00::/64");
    assert_int_equal(c->subnets[0].network, 0x0a000000);
    namedhcp_config_free(c);
}

/* Which of two lines counts. */
static void what_stands_twice(void **state)
{
    const struct given more[] = {{"subnet", "10.0.0.0/24"}, {0}};
    struct namedhcp_config *c =
        read_ok(false,
                "domain lan\nbind 02:00:00:00:00:01=a.lan\nbind 02:00:00:00:00:02=b.lan\n"
                "bind 02-00-00-00-00-01=c.lan\nsubnet 10.0.0.0/24\nsubnet 10.0.1.0/24\n"
                "subnet 10.0.0.0/24\n",
                more);

    (void)state;
    assert_int_equal(c->process.n_warnings, 2);
    assert_string_equal(c->process.warnings[0],
                        "t.rc:7:8: '10.0.0.0/24' stands here again: the lines of both are about one subnet");
    assert_string_equal(c->process.warnings[1],
                        "t.rc:4:6: this client has been bound to a.lan at t.rc:2:6, and that counts");
    namedhcp_config_free(c);
}

static void the_defaults(void **state)
{
    struct namedhcp_config *c = read_ok(false, NULL, NULL);

    (void)state;
    assert_true(c->serve6 && !c->serve4 && c->claims && c->process.sandbox && c->probe && c->authoritative);
    assert_string_equal(c->ifaces[0].name, "vde0");
    assert_int_equal(c->v6.lifetime_min_s, 60);
    assert_int_equal(c->v6.lifetime_max_s, 86400);
    assert_int_equal(c->process.n_warnings, 1);
    namedhcp_config_free(c);
    c = read_ok(true, NULL, NULL);
    assert_true(!c->serve6 && c->serve4 && c->common.by_name);
    namedhcp_config_free(c);
}

/* "STACK NAME" of each, with '|' between; '-': the system's stack, '*' before: a port. */
static const char *ifaces_of(const struct namedhcp_config *c)
{
    static char text[1024];
    size_t len = 0;

    for (unsigned i = 0; i < c->n_ifaces; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s %s", i > 0 ? "|" : "",
                                c->ifaces[i].is_port ? "*" : "",
                                c->ifaces[i].stack ? c->ifaces[i].stack : "-", c->ifaces[i].name);
    return text;
}

static void which_interfaces(void **state)
{
    static const struct {
        const char *file;
        struct given given[5];
        const char *ifaces;
    } cases[] = {
        {NULL, {{0}}, "- vde0"},
        {"iface lan0", {{0}}, "- lan0"},
        {"iface lan0\niface lan1", {{0}}, "- lan0|- lan1"},
        {"iface lan0\nstack stack=lwip,vnl=x", {{0}}, "stack=lwip,vnl=x lan0"},
        {"stack vde:///tmp/hub", {{0}}, "*vde:///tmp/hub vde0"},
        {"stack vnl=x, stack=lwip", {{0}}, "vnl=x, stack=lwip vde0"},
        {"stack vnl=x, Stack=lwip", {{0}}, "vnl=x, Stack=lwip vde0"},
        {"stack stack=a\niface x\niface y\nstack stack=b\niface z", {{0}}, "stack=a x|stack=a y|stack=b z"},
        {"stack stack=a\niface x\nstack stack=a\niface y", {{0}}, "stack=a x|stack=a y"},
        {"stack vde://a\nstack vde://a\niface y", {{0}}, "*vde://a vde0|*vde://a y"},
        {"stack stack=kernel\niface x\nstack vde://b", {{0}}, "stack=kernel x|*vde://b vde0"},
        {"iface lan0\niface lan1", {{"iface", "x"}}, "- x"},
        {"iface lan0\niface lan1", {{"stack", "stack=a"}}, "stack=a lan0|stack=a lan1"},
        {"stack stack=a\niface x\nstack stack=b\niface y",
         {{"stack", "vde://c"}, {"iface", "z"}},
         "*vde://c z"},
        {"iface x",
         {{"stack", "stack=a"}, {"iface", "y"}, {"stack", "stack=b"}, {"iface", "z"}},
         "stack=a y|stack=b z"},
        {"iface x\niface w",
         {{"stack", "stack=a"}, {"stack", "stack=b"}, {"iface", "z"}},
         "stack=a vde0|stack=b z"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct namedhcp_config *c = read_ok(false, cases[i].file, cases[i].given);
        assert_string_equal(ifaces_of(c), cases[i].ifaces);
        namedhcp_config_free(c);
    }
}

static void what_belongs_to_an_interface(void **state)
{
    static const struct given given[] = {{"macaddr", "02:00:00:00:00:09"}, {"iface", "q"}, {0}};
    const char text[] = "stack vde://a\nip 10.0.0.1/24\nip fd00::1/64\nmacaddr 02:00:00:00:00:01\n"
                        "stack vde://b\niface far\nip 10.1.0.1/24\n";
    struct namedhcp_config *c = read_ok(false, text, NULL), *same = read_ok(false, text, NULL), *other;
    char names[NAMEDHCP_NAMES_TEXT];

    (void)state;
    assert_int_equal(c->n_ifaces, 2);
    assert_true(c->ifaces[0].n_addrs == 2 && c->ifaces[1].n_addrs == 1);
    assert_true(c->ifaces[0].has_mac && c->ifaces[0].mac[5] == 1 && !c->ifaces[1].has_mac);
    assert_true(c->ifaces[0].addrs[0].bits == 120 && c->ifaces[0].addrs[1].bits == 64);
    assert_string_equal(namedhcp_iface_names(c, names), "vde0,far");
    assert_true(namedhcp_same_ifaces(c, same));
    same->ifaces[1].addrs[0].bits--;
    assert_false(namedhcp_same_ifaces(c, same));
    other = read_ok(false, "macaddr 02:00:00:00:00:01\niface x", given);
    assert_string_equal(ifaces_of(other), "- q");
    assert_int_equal(other->ifaces[0].mac[5], 9);
    assert_false(namedhcp_same_ifaces(c, other));
    namedhcp_config_free(c);
    namedhcp_config_free(same);
    namedhcp_config_free(other);
}

static void the_command_line_wins(void **state)
{
    static const struct given given[] = {
        {"iface", "eth1"}, {"dns", "fd00::2"}, {"dnssearch", "x.y"}, {"domain", "b"}, {0}};
    static const uint8_t search[] = "\1x\1y";
    struct namedhcp_config *c = read_ok(
        false, "iface eth0\ndns fd00::1,10.0.0.53\ndnssearch a.b\ndomain A # comment\nallow *.a\n", given);

    (void)state;
    assert_string_equal(c->ifaces[0].name, "eth1");
    assert_int_equal(c->v6.given.n_dns, 1);
    assert_int_equal(c->v6.given.dns[0].b[15], 2);
    assert_int_equal(c->v6.given.n_domains, 1);
    assert_memory_equal(c->v6.given.domains[0], search, sizeof(search));
    assert_option(&c->common, DHCP4_DOMAIN_SEARCH, search, sizeof(search));
    assert_int_equal(c->common.n_options, 1); /* the name server of the file is not told any more */
    assert_int_equal(c->n_domains, 2);
    assert_memory_equal(c->domains[0], "\1a", 3);
    assert_int_equal(c->n_patterns, 1);
    assert_int_equal(c->process.n_warnings, 0);
    namedhcp_config_free(c);
}

static void clients_and_their_names(void **state)
{
    struct namedhcp_config *c = read_ok(false,
                                        "domain lan\n"
                                        "bind 02:00:00:00:00:01=One.lan\n"
                                        "bind 000300010200000000aa=two.lan\n"
                                        "bind id:020000000003=three.lan\n"
                                        "fixed 02-00-00-00-00-04=10.0.0.4\n"
                                        "fixed 01:02:00:00:00:00:05=10.0.0.5\n",
                                        NULL);

    (void)state;
    assert_int_equal(c->n_bindings, 3);
    assert_int_equal(c->bindings[0].identity_len, 0);
    assert_memory_equal(c->bindings[0].mac, "\2\0\0\0\0\1", 6);
    assert_memory_equal(c->bindings[0].name, "\3one\3lan", 9);
    assert_int_equal(c->bindings[1].identity_len, 10);
    assert_memory_equal(c->bindings[1].identity, "\0\3\0\1\2\0\0\0\0\xaa", 10);
    assert_int_equal(c->bindings[2].identity_len, 6);
    assert_int_equal(c->n_fixed, 2);
    assert_int_equal(c->fixed[0].addr, 0x0a000004);
    assert_int_equal(c->fixed[1].identity_len, 7);
    assert_int_equal(c->reserved[1], 0x0a000005);
    namedhcp_config_free(c);
}

static void subnets(void **state)
{
    struct namedhcp_config *c =
        read_ok(false,
                "lease 600/1200\noption ntp-servers 10.0.0.9\n"
                "subnet 10.1.0.0/24\npool 10.1.0.10-10.1.0.19\npool 10.1.0.30-10.1.0.30\n"
                "option routers 10.1.0.1\noption 42 10.1.0.9\n"
                "subnet 10.2.0.0/24\nlease 60\n"
                "subnet 10.3.0.0/24\npool 10.3.0.1-10.3.0.9\nby-name on\n",
                NULL);

    (void)state;
    assert_true(c->serve4 && c->serve6);
    assert_int_equal(c->n_subnets, 3);
    assert_int_equal(c->n_pools, 3);
    assert_int_equal(c->pools[1].first, 0x0a01001e);
    assert_int_equal(c->pools[2].subnet, 2);
    assert_true(!c->subnets[0].by_name && c->subnets[1].by_name && c->subnets[2].by_name);
    assert_int_equal(c->subnets[0].lease_s, 600);
    assert_int_equal(c->subnets[0].lease_max_s, 1200);
    assert_int_equal(c->subnets[1].lease_s, 60);
    assert_int_equal(c->subnets[1].lease_max_s, 60);
    assert_option(&c->subnets[0], DHCP4_NTP_SERVERS, "\x0a\1\0\x09", 4);
    assert_option(&c->subnets[1], DHCP4_NTP_SERVERS, "\x0a\0\0\x09", 4);
    assert_option(&c->subnets[0], DHCP4_ROUTERS, "\x0a\1\0\1", 4);
    namedhcp_config_free(c);
}

static void options_by_name_and_by_number(void **state)
{
    struct namedhcp_config *c = read_ok(false,
                                        "option routers 10.0.0.1, 10.0.0.2\n"
                                        "option interface-mtu 1400\n"
                                        "option 121 10.7.0.0/16=10.0.0.2,0.0.0.0/0=10.0.0.1\n"
                                        "option domain-name \"a.b\"\n"
                                        "option ip-forwarding on\n"
                                        "option 224 00:1f:A0\n"
                                        "option 225 'text'\n"
                                        "option 226 0102\n"
                                        "option 226 03\n",
                                        NULL);
    const struct dhcp4_subnet *s = &c->common;

    (void)state;
    assert_option(s, DHCP4_ROUTERS, "\x0a\0\0\1\x0a\0\0\2", 8);
    assert_option(s, DHCP4_MTU, "\5\x78", 2);
    assert_option(s, DHCP4_CLASSLESS_ROUTES, "\x10\x0a\7\x0a\0\0\2\0\x0a\0\0\1", 12);
    assert_option(s, DHCP4_DOMAIN_NAME, "a.b", 3);
    assert_option(s, 19, "\1", 1);
    assert_option(s, 224, "\0\x1f\xa0", 3);
    assert_option(s, 225, "text", 4);
    assert_option(s, 226, "\3", 1);
    namedhcp_config_free(c);
}

static void what_is_checked_without_opening(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"name host.lan\n",
         "t.rc:1:6: 'host.lan' makes no names, expected a name with %duid% or %mac% in it"},
        {"stack stack=lwip,nosuch=1\n", "t.rc:1:7: stack of interface vde0: at 'nosuch=1': unknown option"},
        {"dnsstack stack=nosuch\n", "t.rc:1:10: dnsstack: there is no stack 'nosuch'"},
        {"stack stack=lwip,ip=10.0.0.1/33\n",
         "t.rc:1:7: stack of interface vde0: \"10.0.0.1/33\" has a bad prefix length"},
        {"name %mac% .lan\n",
         "t.rc:1:6: '%mac% .lan' makes no names, expected a name with %duid% or %mac% in it"},
    };
    char why[NAMEDHCP_WHY_MAX];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct namedhcp_config *c = read_ok(false, cases[i].text, NULL);
        assert_true(namedhcp_check(&c->process, why, sizeof(why)) < 0);
        assert_memory_equal(why, cases[i].why, strlen(cases[i].why));
        namedhcp_config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(a_network_has_no_bits_behind_its_length),
        cmocka_unit_test(what_stands_twice),
        cmocka_unit_test(the_defaults),
        cmocka_unit_test(which_interfaces),
        cmocka_unit_test(what_belongs_to_an_interface),
        cmocka_unit_test(the_command_line_wins),
        cmocka_unit_test(clients_and_their_names),
        cmocka_unit_test(subnets),
        cmocka_unit_test(options_by_name_and_by_number),
        cmocka_unit_test(what_is_checked_without_opening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
