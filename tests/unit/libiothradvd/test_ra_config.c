/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options, from the file and from the command line. */
#include "ra_world.h"

struct given {
    const char *name, *value;
};

/* file NULL: none. The error, or NULL with *ret. */
static const char *read_both(const char *file, const struct given *given, struct ra_config **ret)
{
    static char why[RA_CONFIG_WHY_MAX];
    struct ra_draft *draft = NULL;
    assert_int_equal(ra_draft_new(&draft), 0);
    int e = file ? ra_draft_text(draft, "t.rc", file, strlen(file)) : 0;
    for (; e == 0 && given && given->name; given++)
        e = ra_draft_option(draft, given->name, given->value);
    if (e == 0)
        e = ra_draft_finish(draft, ret);
    snprintf(why, sizeof(why), "%s", ra_draft_error(draft));
    ra_draft_free(draft);
    assert_true(e == 0 || (e == -EINVAL && why[0]));
    return e == 0 ? NULL : why;
}

static struct ra_config *read_ok(const char *file, const struct given *given)
{
    struct ra_config *c = NULL;
    const char *why = read_both(file, given, &c);
    if (why)
        fail_msg("%s", why);
    return c;
}

struct wrong {
    const char *text, *why;
};

/* Names of options, and numbers. */
static const struct wrong wrong_lines[] = {
    {"period 10\nprefx fc01::/64\n", "t.rc:2:1: there is no option 'prefx', did you mean 'prefix'?"},
    {"zzzzzzzzzzzzz 1\n",
     "t.rc:1:1: there is no option 'zzzzzzzzzzzzz', expected one such as 'period' or 'prefix'"},
    {"\x01\xff 1\n", "t.rc:1:1: there is no option '?"
                     "?', expected one such as 'period' or 'prefix'"},
    {"  period  ten\n",
     "t.rc:1:11: 'ten' is no number of seconds that is possible here, expected 1 to 65535"},
    {"period 0", "t.rc:1:8: '0' is no number of seconds that is possible here, expected 1 to 65535"},
    {"period", "t.rc:1:1: the value of 'period' is missing, expected SECS"},
    {"daemon yes\n", "t.rc:1:8: 'daemon' takes no value, expected the end of the line"},
    {"rcfile x\n", "t.rc:1:1: 'rcfile' is for the command line, expected an option of the service"},
    {"flags MX\n", "t.rc:1:8: 'X' is no flag, expected some of M, O, H, P, and h or l"},
    {"flags hl\n", "t.rc:1:7: one preference alone is possible, expected h or l"},
    {"mtu 1279\n", "t.rc:1:5: '1279' is no MTU, expected 1280 to 65535, or 0 for none"},
    {"hoplimit 256\n", "t.rc:1:10: '256' is no number of hops that is possible here, expected 0 to 255"},
    {"reachable 3600001\n",
     "t.rc:1:11: '3600001' is no number of milliseconds that is possible here, expected 0 to 3600000"},
};

/* Addresses, prefixes, names. */
static const struct wrong wrong_places[] = {
    {"macaddr 01:00:00:00:00:01\n", "t.rc:1:9: '01:00:00:00:00:01' is no address that an interface can "
                                    "have, expected an even first byte"},
    {"macaddr 02:00\n", "t.rc:1:9: '02:00' is no MAC address, expected one such as 02:00:00:00:00:01"},
    {"prefix fc01::\n", "t.rc:1:8: '' is no length of a prefix, expected 0 to 128"},
    {"prefix fc01::/129\n", "t.rc:1:15: '129' is no length of a prefix, expected 0 to 128"},
    {"prefix 10.0.0.0/8\n",
     "t.rc:1:8: '10.0.0.0' is no IPv6 address, expected ADDR/LEN such as 2001:db8::/64"},
    {"prefix fc01::/64/LX\n", "t.rc:1:18: 'LX' are no flags of a prefix, expected some of L, A, R, P, D"},
    {"prefix fc01::/64/LA/10/20\n", "t.rc:1:8: preferred for longer than valid, expected at most 10"},
    {"prefix fc01::/64/LA/x\n", "t.rc:1:21: 'x' is no lifetime, expected seconds or 'infinity'"},
    {"prefix fc01::/64/LA/1/1/1\n",
     "t.rc:1:8: there is a '/' too many, expected ADDR/LEN/FLAGS/VALID/PREFERRED"},
    {"prefix fe80::/64\n",
     "t.rc:1:8: no host may use this prefix, expected one that is neither link-local nor multicast"},
    {"prefix ff02::/64\n",
     "t.rc:1:8: no host may use this prefix, expected one that is neither link-local nor multicast"},
    {"rdnss fc01::1,,fc01::2\n", "t.rc:1:7: '' is no IPv6 address of a server, expected ADDR[,ADDR...]"},
    {"rdnss fc01::1/1/2\n", "t.rc:1:7: there is a '/' too many, expected a lifetime as the last field"},
    {"dnssl ..\n", "t.rc:1:7: '..' is no domain name, expected one such as example.org"},
    {"dnssl a b\n", "t.rc:1:7: 'a b' is no domain name, expected one such as example.org"},
    {"dnssl a, /600\n", "t.rc:1:7: '' is no domain name, expected one such as example.org"},
    {"route fc01::/16/up\n", "t.rc:1:17: 'up' is no preference, expected high, medium or low"},
    {"pref64 64:ff9b::/95\n",
     "t.rc:1:8: a prefix of NAT64 has no 95 bits, expected 32, 40, 48, 56, 64 or 96"},
    {"pref64 64:ff9b::/96/65529\n",
     "t.rc:1:8: longer than a prefix of NAT64 can live, expected at most 65528 s"},
    {"captive-portal https://a b\n",
     "t.rc:1:16: a URI has no blanks and is plain ASCII, expected https://..."},
    {"captive-portal nothing\n", "t.rc:1:16: this is no URI of at most 2038 bytes, expected https://..."},
    {"prefix fc01::/64/LA/10/x\n", "t.rc:1:24: 'x' is no lifetime, expected seconds or 'infinity'"},
    {"route fc01::\n", "t.rc:1:7: '' is no length of a prefix, expected 0 to 128"},
    {"pref64 10.0.0.0/96\n",
     "t.rc:1:8: '10.0.0.0' is no IPv6 address, expected ADDR/LEN such as 2001:db8::/64"},
    {"pref64 64:ff9b::/96/x\n", "t.rc:1:21: 'x' is no lifetime, expected seconds or 'infinity'"},
    {"minperiod 0\n", "t.rc:1:11: '0' is no number of seconds that is possible here, expected 1 to 65535"},
    {"lifetime 65536\n",
     "t.rc:1:10: '65536' is no number of seconds that is possible here, expected 0 to 65535"},
    {"metrics 127.0.0.1\n",
     "t.rc:1:9: '127.0.0.1' is no address with a port, expected one such as 127.0.0.1@9153"},
    {"solicited both\n", "t.rc:1:11: 'both', expected 'unicast' or 'multicast'"},
    {"sandbox no\n", "t.rc:1:9: 'no', expected 'on' or 'off'"},
};

/* Values of dnr. */
static const struct wrong wrong_resolvers[] = {
    {"dnr x\n", "t.rc:1:5: 'x' is no priority, expected 'PRIORITY NAME [ADDR,...] [KEY=VALUE...]'"},
    {"dnr 1 a.example\n",
     "t.rc:1:5: addresses or protocols are missing, expected such as 2001:db8::53 alpn=dot"},
    {"dnr 1 a.example fc01::1 port=853 alpn=dot\n",
     "t.rc:1:5: parameters come in the order of their keys and once each, expected alpn, port, dohpath, "
     "keyN"},
    {"dnr 1 a.example fc01::1 alpn=dot prot=3\n",
     "t.rc:1:34: 'prot' is no parameter, expected alpn, port, dohpath or keyN"},
    {"dnr 0 a.example fc01::1\n",
     "t.rc:1:5: priority 0 says a name alone, expected a higher one with addresses and parameters"},
    {"dnr 1 a.example fc01::1 fc01::2 alpn=dot\n",
     "t.rc:1:25: 'fc01::2' are addresses again, expected all in one list with commas"},
    {"dnr 1 a.example fc01::z alpn=dot\n",
     "t.rc:1:17: 'fc01::z' is no IPv6 address of a server, expected ADDR[,ADDR...]"},
    {"dnr 1 a.example fc01::1 alpn=dot lifetime\n",
     "t.rc:1:5: the lifetime is missing, expected lifetime=SECONDS"},
    {"dnr 1 a.example fc01::1 alpn=dot lifetime=soon\n",
     "t.rc:1:43: 'soon' is no lifetime, expected seconds or 'infinity'"},
};

/* Lines that do not go together. */
static const struct wrong wrong_together[] = {
    {"iface\n", "t.rc:1:1: the value of 'iface' is missing, expected NAME"},
    {"period 10\nminperiod 8\n", "interface vde0: the minimal period is longer than three quarters of "
                                 "the period of 10 s, expected at most that"},
    {"iface a\niface b\niface a\n",
     "t.rc:3:7: 'a' stands here twice, expected each interface of a stack once"},
    {"stack vde:///tmp/hub\niface a\niface b\n", "t.rc:3:7: 'b' is on the same port without a stack as 'a', "
                                                 "which is one interface; expected another stack"},
    {"stack vde:///tmp/hub\niface a\nprefix ::/64\n",
     "t.rc:2:7: a port without a stack has no addresses to take prefixes from, expected prefixes written "
     "out"},
    /* Errors of sections that nobody wants are errors too. */
    {"iface a\niface b\nmtu 1\n", "t.rc:3:5: '1' is no MTU, expected 1280 to 65535, or 0 for none"},
};

static void say_why(const struct wrong *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ra_config *c = NULL;
        const char *why = read_both(cases[i].text, NULL, &c);
        if (!why)
            fail_msg("no error in: %s", cases[i].text);
        assert_string_equal(why, cases[i].why);
    }
}

static void errors_say_where_and_what(void **state)
{
    (void)state;
    say_why(wrong_lines, ARRAY_LEN(wrong_lines));
    say_why(wrong_places, ARRAY_LEN(wrong_places));
    say_why(wrong_resolvers, ARRAY_LEN(wrong_resolvers));
    say_why(wrong_together, ARRAY_LEN(wrong_together));
}

static void what_is_not_said_has_defaults(void **state)
{
    struct ra_config *c = read_ok(NULL, NULL);
    const struct ra_settings *s = &c->interfaces[0].settings;
    (void)state;
    assert_int_equal(c->n_interfaces, 1);
    assert_string_equal(c->interfaces[0].name, "vde0");
    assert_null(c->interfaces[0].stack);
    assert_true(c->process.sandbox && !c->process.background && !c->process.pidfile);
    assert_true(s->interval_max == 600 * SECOND && s->interval_min == 198 * SECOND);
    assert_int_equal(s->router.lifetime_s, 1800);
    assert_int_equal(s->router.hop_limit, 64);
    assert_true(s->source_mac && !s->multicast && s->mtu == 0 && s->n_options == 0);
    ra_config_free(c);

    c = read_ok("# nothing\n\n  \t\nperiod 4 # soon\nrdnss fc01::1\n", NULL);
    s = &c->interfaces[0].settings;
    assert_int_equal(s->interval_min, 3 * SECOND);
    assert_int_equal(s->options[0].nd.rdnss.lifetime_s, 12);
    ra_config_free(c);
    c = read_ok("period 60000\n", NULL);
    assert_int_equal(c->interfaces[0].settings.router.lifetime_s, UINT16_MAX);
    ra_config_free(c);
}

static void a_prefix_in_all_its_forms(void **state)
{
    static const struct {
        const char *text;
        uint8_t bits, flags;
        uint32_t valid_s, preferred_s;
        bool counts_down, own;
    } cases[] = {
        {"fc01::/64/LA/86400/14400", 64, 0xc0, 86400, 14400, false, false},
        {"fc01::/64", 64, 0xc0, 2592000, 604800, false, false},
        {"fc01::/64/", 64, 0, 2592000, 604800, false, false},
        {"fc01::/64/la", 64, 0xc0, 2592000, 604800, false, false},
        {"fc01::/64/LARP/infinity/100", 64, 0xf0, UINT32_MAX, 100, false, false},
        {"fc01::/64/LAD/100", 64, 0xc0, 100, 100, true, false},
        {"fc01::/64//100/0", 64, 0, 100, 0, false, false},
        {"::/64/LA", 64, 0xc0, 2592000, 604800, false, true},
        {"2001:db8::ffff/48/L", 48, 0x80, 2592000, 604800, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct given given[] = {{"prefix", cases[i].text}, {0}};
        struct ra_config *c = read_ok(NULL, given);
        const struct ra_option *o = &c->interfaces[0].settings.options[0];
        assert_int_equal(c->interfaces[0].settings.n_options, 1);
        assert_int_equal(o->nd.prefix.bits, cases[i].bits);
        assert_int_equal(o->nd.prefix.flags, cases[i].flags);
        assert_int_equal(o->nd.prefix.valid_s, cases[i].valid_s);
        assert_int_equal(o->nd.prefix.preferred_s, cases[i].preferred_s);
        assert_int_equal(o->counts_down, cases[i].counts_down);
        assert_int_equal(o->own, cases[i].own);
        ra_config_free(c);
    }
}

static void the_command_line_wins(void **state)
{
    static const char file[] =
        "period 100\nmtu 1400\nprefix fc01::/64/LA/100/100\nprefix fc02::/64\nverbose\n";
    const struct given given[] = {
        {"period", "50"}, {"prefix", "fc01::/64/L/7/7"}, {"prefix", "fc03::/64"}, {"daemon", NULL}, {0}};
    struct ra_config *c = read_ok(file, given);
    const struct ra_settings *s = &c->interfaces[0].settings;
    (void)state;
    assert_int_equal(s->interval_max, 50 * SECOND);
    assert_int_equal(s->mtu, 1400);
    assert_int_equal(s->n_options, 3);
    assert_int_equal(s->options[0].nd.prefix.valid_s, 7);
    assert_int_equal(s->options[2].nd.prefix.prefix.b[1], 3);
    assert_true(c->process.background && c->process.verbose);
    ra_config_free(c);
}

static void sections_are_of_interfaces(void **state)
{
    static const char file[] = "stack stack=vdestack,vnl=vde://\nperiod 100\nrdnss fc00::53\n"
                               "iface a\nprefix fc01::/64\nperiod 30\niface b\nprefix fc02::/64\n";
    struct ra_config *c = read_ok(file, NULL);
    (void)state;
    assert_int_equal(c->n_interfaces, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct ra_interface *it = &c->interfaces[i];
        assert_string_equal(it->name, i ? "b" : "a");
        assert_string_equal(it->stack, "stack=vdestack,vnl=vde://");
        assert_false(it->is_port);
        assert_int_equal(it->settings.interval_max, (i ? 100 : 30) * SECOND);
        assert_int_equal(it->settings.n_options, 2);
        assert_int_equal(it->settings.options[0].nd.rdnss.lifetime_s, i ? 300 : 90);
        assert_int_equal(it->settings.options[1].nd.prefix.prefix.b[1], i + 1);
    }
    ra_config_free(c);

    /* The command line chooses one of them, and adds to it. */
    const struct given one[] = {{"lifetime", "77"}, {"iface", "b"}, {"mtu", "1300"}, {0}};
    c = read_ok(file, one);
    assert_int_equal(c->n_interfaces, 1);
    assert_string_equal(c->interfaces[0].name, "b");
    assert_int_equal(c->interfaces[0].settings.router.lifetime_s, 77);
    assert_int_equal(c->interfaces[0].settings.mtu, 1300);
    assert_int_equal(c->interfaces[0].settings.interval_max, 100 * SECOND);
    ra_config_free(c);

    /* A file of one interface is used on another. */
    const struct given other[] = {{"iface", "eth7"}, {0}};
    c = read_ok("iface vde0\nperiod 9\nprefix fc01::/64\n", other);
    assert_string_equal(c->interfaces[0].name, "eth7");
    assert_int_equal(c->interfaces[0].settings.interval_max, 9 * SECOND);
    ra_config_free(c);

    /* Two networks, two ports; the same name on two stacks. */
    c = read_ok("iface x\nstack vde:///tmp/a\niface y\nstack vde:///tmp/b\n", NULL);
    assert_true(c->interfaces[0].is_port && c->interfaces[1].is_port);
    ra_config_free(c);
    c = read_ok(
        "iface vde0\nstack stack=lwip,vnl=vde:///tmp/a\niface vde0\nstack stack=lwip,vnl=vde:///tmp/b\n",
        NULL);
    assert_int_equal(c->n_interfaces, 2);
    ra_config_free(c);
}

static void blanks_around_commas_and_slashes(void **state)
{
    struct ra_config *c = read_ok("rdnss fc01::1, fc01::2 / 600\ndnssl a, b.c\n", NULL);
    (void)state;
    assert_int_equal(c->interfaces[0].settings.n_options, 2);
    assert_int_equal(c->interfaces[0].settings.options[0].nd.rdnss.n, 2);
    assert_int_equal(c->interfaces[0].settings.options[0].nd.rdnss.lifetime_s, 600);
    assert_int_equal(c->interfaces[0].settings.options[1].nd.dnssl.names.len, 3 + 5);
    ra_config_free(c);
}

static void what_is_hardly_meant_is_said(void **state)
{
    struct ra_config *c =
        read_ok("period 600\nlifetime 100\nprefix fc01::/60/A\ncaptive-portal http://a/\n", NULL);
    (void)state;
    assert_int_equal(c->process.n_warnings, 3);
    assert_string_equal(c->process.warnings[0],
                        "t.rc:3:8: hosts make themselves addresses (flag A) of prefixes of 64 bits alone");
    assert_string_equal(c->process.warnings[1],
                        "t.rc:4:16: hosts use a captive portal's URI if it begins with https:");
    assert_non_null(
        strstr(c->process.warnings[2], "a router lifetime of 100 s is shorter than the period of 600 s"));
    ra_config_free(c);
}

/* An address where a network is expected; with the flag R it is the router's, and meant. */
static void a_network_has_no_bits_behind_its_length(void **state)
{
    struct ra_config *c = read_ok("prefix fc01::5/64\nroute fd00::1/8\npref64 64:ff9b::1/96\n"
                                  "prefix fd00:3::7/64/LAR\nprefix fc02::/64\n",
                                  NULL);
    (void)state;
    assert_int_equal(c->process.n_warnings, 3);
    assert_string_equal(c->process.warnings[0],
                        "t.rc:1:8: 'fc01::5/64' is an address in its network, which is taken: fc01::/64");
    assert_string_equal(c->process.warnings[1],
                        "t.rc:2:7: 'fd00::1/8' is an address in its network, which is taken: fd00::/8");
    assert_string_equal(c->process.warnings[2], "t.rc:3:8: '64:ff9b::1/96' is an address in its network, "
                                                "which is taken: 64:ff9b::/96");
    ra_config_free(c);
}

static void the_service_has_options(void **state)
{
    static const char file[] = "control /run/c\ncontrolgroup adm\nmetrics ::1@9153\nuser radv:net\n"
                               "pidfile /run/p\nsandbox off\niface a\nmtu 1400\nsourcemac off\n"
                               "macaddr 02:00:00:00:00:01\n";
    struct ra_config *c = read_ok(file, NULL);
    (void)state;
    assert_string_equal(c->process.control, "/run/c");
    assert_string_equal(c->process.controlgroup, "adm");
    assert_string_equal(c->process.user, "radv:net");
    assert_string_equal(c->process.pidfile, "/run/p");
    assert_int_equal(c->process.metrics.port, 9153);
    assert_false(c->process.sandbox);
    assert_true(c->interfaces[0].has_mac);
    assert_memory_equal(c->interfaces[0].mac, "\2\0\0\0\0\1", 6);
    assert_false(c->interfaces[0].settings.source_mac);
    ra_config_free(c);

    /* What the file says can be taken back. */
    const struct given back[] = {{"metrics", "none"}, {"sandbox", "on"}, {"mtu", "0"}, {0}};
    c = read_ok(file, back);
    assert_int_equal(c->process.metrics.port, 0);
    assert_true(c->process.sandbox);
    assert_int_equal(c->interfaces[0].settings.mtu, 0);
    ra_config_free(c);
}

/* Of a route, a prefix of NAT64 and a portal the last line counts; other lengths are other ones. */
static void the_last_line_about_the_same_counts(void **state)
{
    struct ra_config *c =
        read_ok("route 2001:db8::/32/low/100\nroute 2001:db8::1/32/medium/200\nroute 2001:db8::/33\n"
                "pref64 64:ff9b::/96/600\npref64 64:ff9b::/96/800\npref64 64:ff9b:1::/96\n"
                "captive-portal https://a/\ncaptive-portal https://b/\n",
                NULL);
    const struct ra_settings *s = &c->interfaces[0].settings;
    (void)state;
    assert_int_equal(s->n_options, 5);
    assert_int_equal(s->options[0].nd.route.preference, ND_MEDIUM);
    assert_int_equal(s->options[0].nd.route.lifetime_s, 200);
    assert_int_equal(s->options[1].nd.route.bits, 33);
    assert_int_equal(s->options[2].nd.pref64.lifetime_s, 800);
    assert_int_equal(s->options[3].nd.pref64.prefix.b[5], 1);
    assert_memory_equal(s->options[4].nd.portal.bytes, "https://b/", s->options[4].nd.portal.len);
    ra_config_free(c);
}

static void command_line_errors(void **state)
{
    struct ra_config *c = NULL;
    (void)state;
    const struct given bad[] = {{"prefix", "fc01::/64/LA/1/2"}, {0}};
    assert_string_equal(read_both(NULL, bad, &c),
                        "--prefix: preferred for longer than valid, expected at most 1");
    const struct given unknown[] = {{"perid", "1"}, {0}};
    assert_string_equal(read_both(NULL, unknown, &c),
                        "command line: there is no option 'perid', did you mean 'period'?");
}

static void limits_hold(void **state)
{
    struct ra_config *c = NULL;
    char *text = calloc(1, 65536);
    (void)state;
    for (unsigned i = 0; i < RA_OPTIONS_MAX + 1; i++)
        sprintf(text + strlen(text), "prefix fc01:0:0:%x::/64\n", i);
    assert_non_null(strstr(read_both(text, NULL, &c), "expected at most 128"));
    strcpy(text, "rdnss fc01::1");
    for (unsigned i = 0; i < RA_SERVERS_MAX; i++)
        strcat(text, ",fc01::1");
    assert_non_null(strstr(read_both(text, NULL, &c), "expected at most 32"));
    text[0] = '\0';
    for (unsigned i = 0; i < RA_INTERFACES_MAX + 1; i++)
        sprintf(text + strlen(text), "iface a%u\n", i);
    assert_non_null(strstr(read_both(text, NULL, &c), "expected at most 64"));
    strcpy(text, "dnssl ");
    for (unsigned i = 0; i < 12; i++)
        sprintf(text + strlen(text), "%s%0*d.%0*d.example", i ? "," : "", 60, (int)i, 60, 1);
    assert_non_null(strstr(read_both(text, NULL, &c), "too long for an advertisement"));
    strcpy(text, "dnssl ");
    for (unsigned i = 0; i < 512; i++)
        sprintf(text + strlen(text), "%s%0*d.example", i ? "," : "", 60, (int)i);
    assert_non_null(strstr(read_both(text, NULL, &c), "these names are too long for an advertisement"));
    strcpy(text, "dnr 1 a.example fc01::1 alpn=");
    for (unsigned i = 0; i < 50; i++)
        sprintf(text + strlen(text), "%s%060u", i ? "," : "", i);
    assert_non_null(strstr(read_both(text, NULL, &c), "these parameters are too long"));
    text[0] = '\0';
    for (unsigned i = 0; i < 5000; i++)
        strcat(text + 6 * i, "mtu 0\n");
    assert_non_null(strstr(read_both(text, NULL, &c), "too many lines, expected at most 4096"));
    free(text);

    char *long_text = calloc(1, RA_CONFIG_TEXT_MAX + 2);
    memset(long_text, '\n', RA_CONFIG_TEXT_MAX + 1);
    assert_string_equal(read_both(long_text, NULL, &c), "t.rc: too long, expected at most 1048576 bytes");
    free(long_text);
}

static void public_structures(void **state)
{
    struct iothradata data = {.curhoplimit = 5, .flags = 0xc8, .router_lifetime = 9, .mtu = 1280};
    struct iothraprefix prefix = {.prefixlen = 64, .flags = 0xc1, .valid_time = 10, .preferred_time = 5};
    struct ra_settings s;
    (void)state;
    prefix.prefix.s6_addr[0] = 0xfc;
    prefix.prefix.s6_addr[15] = 1;
    assert_int_equal(ra_settings_of(10, &data, &prefix, 1, &s), 0);
    assert_int_equal(s.router.flags, ND_RA_MANAGED | ND_RA_OTHER);
    assert_int_equal(s.router.preference, ND_HIGH);
    assert_int_equal(s.interval_max, 10 * SECOND);
    assert_true(s.options[0].counts_down && s.options[0].nd.prefix.flags == 0xc0);
    assert_int_equal(s.options[0].nd.prefix.prefix.b[15], 0);
    assert_int_equal(ra_settings_of(0, &data, NULL, 0, &s), 0);
    assert_int_equal(s.interval_max, 600 * SECOND);
    data.flags = IOTHRADVD_LOW;
    assert_int_equal(ra_settings_of(0, &data, NULL, 0, &s), 0);
    assert_int_equal(s.router.preference, ND_LOW);
    assert_int_equal(ra_settings_of(-1, &data, NULL, 0, &s), -EINVAL);
    assert_int_equal(ra_settings_of(1, NULL, NULL, 0, &s), -EINVAL);
    assert_int_equal(ra_settings_of(1, &data, NULL, 1, &s), -EINVAL);
    assert_int_equal(ra_settings_of(1, &data, &prefix, RA_OPTIONS_MAX + 1, &s), -EINVAL);
    prefix.preferred_time = 11;
    assert_int_equal(ra_settings_of(1, &data, &prefix, 1, &s), -EINVAL);
    data.flags = 0x10; /* reserved: RFC 4191 s2.2 */
    assert_int_equal(ra_settings_of(1, &data, NULL, 0, &s), -EINVAL);
    data.flags = 0;
    data.mtu = 1279;
    assert_int_equal(ra_settings_of(1, &data, NULL, 0, &s), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(what_is_not_said_has_defaults),
        cmocka_unit_test(a_prefix_in_all_its_forms),
        cmocka_unit_test(the_command_line_wins),
        cmocka_unit_test(sections_are_of_interfaces),
        cmocka_unit_test(blanks_around_commas_and_slashes),
        cmocka_unit_test(what_is_hardly_meant_is_said),
        cmocka_unit_test(a_network_has_no_bits_behind_its_length),
        cmocka_unit_test(command_line_errors),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(public_structures),
        cmocka_unit_test(the_service_has_options),
        cmocka_unit_test(the_last_line_about_the_same_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
