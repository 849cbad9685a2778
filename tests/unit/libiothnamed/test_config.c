/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file: what each directive gives, how lines are read, and every error at its line and
 * column. */
#include "config_world.h"

#include "libiothnamed/source.h"
#include "wire/dnsmsg.h"
#include "wire/rrtype.h"

#include <glob.h>
#include <unistd.h>

static void assert_name(const struct config_name *name, const char *text)
{
    char shown[DNAME_TEXT_MAX];

    assert_non_null(name->wire);
    assert_int_equal(name->len, dname_len(name->wire));
    assert_string_equal(dname_to_text(name->wire, shown), text);
}

static void assert_addr(const struct ipaddr *addr, const char *text)
{
    char shown[IPADDR_STRLEN];

    assert_string_equal(ipaddr_format(addr, shown), text);
}

/* --- what directives give --- */

static void test_defaults(void **state)
{
    struct config *c = parse_good("");
    const struct config_options *o = &c->options;
    (void)state;

    assert_int_equal(o->hrevmode, HREV_ALWAYS);
    assert_int_equal(o->hashttl_s, 600);
    assert_int_equal(o->staticttl_s, 3600);
    assert_int_equal(o->otipperiod_s, 32);
    assert_int_equal(o->hrevmax, 65536);
    assert_int_equal(o->tcplistenbacklog, 5);
    assert_int_equal(o->tcptimeout_s, 60);
    assert_int_equal(o->port, 53);
    assert_int_equal(o->workers, 0);
    assert_int_equal(o->cachesize, 64 << 20);
    assert_null(o->nsname.wire);
    assert_int_equal(o->n_listen, 0);
    assert_null(c->rstack);
    assert_null(c->fstack);
    assert_false(c->one_stack);
    assert_int_equal(c->n_upstreams, 1);
    assert_int_equal(c->upstreams[0].count, 0);
    assert_string_equal(c->path, "test.rc");
    config_free(c);
}

static void test_options(void **state)
{
    struct config *c = parse_good("option hrevmode Same\noption hashttl 1h30m\noption tcplisten 7\n"
                                  "option tcptimeout 2m\noption port 5300\noption listen ::1\n"
                                  "option listen 127.0.0.1\noption workers 0\noption cachesize 2G\n"
                                  "option staticttl 2d\noption otipperiod 16\noption hrevmax 10\n"
                                  "OPTION NsName NS.example\n");
    const struct config_options *o = &c->options;
    (void)state;

    assert_int_equal(o->hrevmode, HREV_SAME);
    assert_int_equal(o->hashttl_s, 5400);
    assert_int_equal(o->tcplistenbacklog, 7);
    assert_int_equal(o->tcptimeout_s, 120);
    assert_int_equal(o->port, 5300);
    assert_int_equal(o->n_listen, 2);
    assert_addr(&o->listen[0], "::1");
    assert_addr(&o->listen[1], "127.0.0.1");
    assert_int_equal(o->workers, 0);
    assert_int_equal(o->cachesize, UINT64_C(2) << 30);
    assert_int_equal(o->staticttl_s, 172800);
    assert_int_equal(o->otipperiod_s, 16);
    assert_int_equal(o->hrevmax, 10);
    assert_name(&o->nsname, "ns.example");
    config_free(c);
}

static void test_stacks(void **state)
{
    struct config *c = parse_good("rstack  stack=vdestack,vnl=vde:///tmp/hub, # the hub\n"
                                  "rstack  ,mac=80:01:01:01:01:01,eth ,\n"
                                  "rstack  ip=10.0.0.1/24\n"
                                  "fstack  'stack=kernel'\n");
    (void)state;

    assert_string_equal(c->rstack,
                        "stack=vdestack,vnl=vde:///tmp/hub,mac=80:01:01:01:01:01,eth,ip=10.0.0.1/24");
    assert_string_equal(c->fstack, "stack=kernel");
    assert_false(c->one_stack);
    config_free(c);

    c = parse_good("stack stack=kernel");
    assert_true(c->one_stack);
    assert_string_equal(c->rstack, "stack=kernel");
    assert_string_equal(c->fstack, "stack=kernel");
    config_free(c);
}

static void test_nets(void **state)
{
    struct config *c = parse_good("net a ::/0\nnet b 0.0.0.0/0\nnet a 10.0.0.0/8\nnet A 2001:db8::/32\n"
                                  "auth fwd a,A,b .");
    (void)state;

    assert_int_equal(c->n_nets, 3);
    assert_string_equal(c->nets[0].name, "a");
    assert_int_equal(c->nets[0].ranges->bits, 0);
    assert_int_equal(c->nets[0].ranges->next->bits, 104);
    assert_null(c->nets[0].ranges->next->next);
    assert_int_equal(c->nets[1].ranges->bits, 96);
    assert_addr(&c->nets[2].ranges->addr, "2001:db8::");
    assert_int_equal(c->rules[0].n_nets, 3);
    assert_int_equal(c->rules[0].nets[0], 0);
    assert_int_equal(c->rules[0].nets[1], 2);
    assert_int_equal(c->rules[0].nets[2], 1);
    config_free(c);
}

static void test_rules(void **state)
{
    struct config *c = parse_good("net n ::/0\n"
                                  "auth Accept n\n"
                                  "auth error n bad.example NXDOMAIN\n"
                                  "auth static n .Test.Local.\n"
                                  "auth static n 192.168.1.0/24\n"
                                  "auth hash n .hash.local hash.local\n"
                                  "auth hrev n HASH.local/64\n"
                                  "auth otip n .otip.local fc00::/64 'a \"secret\" # \\'word\\''\n"
                                  "auth cache n .\n"
                                  "auth fwd n .\n");
    const struct config_rule *r = c->rules;
    (void)state;

    assert_int_equal(c->n_rules, 9);
    assert_true(c->has_accept);
    assert_string_equal(r[0].source->keyword, "accept");
    assert_int_equal(r[0].domain.kind, DOMAIN_NONE);
    assert_int_equal(r[0].at.line, 2);
    assert_int_equal(r[1].rcode, RCODE_NXDOMAIN);
    assert_int_equal(r[1].domain.kind, DOMAIN_NAME);
    assert_name(&r[1].domain.name, "bad.example");
    assert_int_equal(r[2].domain.kind, DOMAIN_BELOW);
    assert_name(&r[2].domain.name, "test.local");
    assert_int_equal(r[2].domain_at.column, 15);
    assert_int_equal(r[3].domain.kind, DOMAIN_PREFIX);
    assert_addr(&r[3].domain.addr, "192.168.1.0");
    assert_int_equal(r[3].domain.bits, 120);
    assert_int_equal(r[5].domain.kind, DOMAIN_BASE_PREFIX);
    assert_int_equal(r[5].domain.bits, 64);
    assert_name(&r[5].domain.name, "hash.local");
    assert_int_equal(r[5].domain.base, r[4].base);
    assert_int_equal(c->n_bases, 2);
    assert_name(&c->bases[r[4].base].name, "hash.local");
    assert_null(c->bases[r[6].base].name.wire);
    assert_addr(&c->bases[r[6].base].addr, "fc00::");
    assert_string_equal(r[6].password, "a \"secret\" # 'word'");
    assert_int_equal(r[8].domain.kind, DOMAIN_BELOW);
    assert_name(&r[8].domain.name, ".");
    config_free(c);
}

static void test_domains_with_slashes(void **state)
{
    struct config *c = parse_good("net n ::/0\n"
                                  "auth static n 0/25.2.0.192.in-addr.arpa\n"
                                  "auth static n a/24.\n"
                                  "auth static n 1.2.3.4.\n"
                                  "auth static n ::1/128\n");
    (void)state;

    assert_int_equal(c->rules[0].domain.kind, DOMAIN_NAME);
    assert_name(&c->rules[0].domain.name, "0/25.2.0.192.in-addr.arpa");
    assert_name(&c->rules[1].domain.name, "a/24");
    assert_name(&c->rules[2].domain.name, "1.2.3.4");
    assert_int_equal(c->rules[3].domain.kind, DOMAIN_PREFIX);
    assert_int_equal(c->rules[3].domain.bits, 128);
    config_free(c);
}

static void test_upstreams(void **state)
{
    struct config *c = parse_good("net n ::/0\n"
                                  "auth fwd n .a 9.9.9.9 1.1.1.1@5353\n"
                                  "auth fwd n .b 1.1.1.1@5353 9.9.9.9@53\n"
                                  "auth fwd n .c ::1\n"
                                  "auth fwd n .d 8.8.8.8\n"
                                  "auth fwd n .\n"
                                  "dns 8.8.8.8\n");
    const struct config_rule *r = c->rules;
    (void)state;

    assert_int_equal(c->n_upstreams, 3);
    assert_int_equal(c->upstreams[0].count, 1);
    assert_int_equal(c->upstreams[0].servers[0].port, 53);
    assert_int_equal(r[0].upstreams, r[1].upstreams);
    assert_int_equal(c->upstreams[r[0].upstreams].servers[1].port, 5353);
    assert_int_equal(r[2].upstreams, 2);
    assert_int_equal(r[3].upstreams, 0);
    assert_int_equal(r[4].upstreams, 0);
    config_free(c);
}

static void assert_record(const struct config_record *r, const char *owner, uint16_t type, uint32_t ttl,
                          const char *rdata, size_t rdlen)
{
    assert_name(&r->owner, owner);
    assert_int_equal(r->type, type);
    assert_int_equal(r->ttl, ttl);
    assert_int_equal(r->rdlen, rdlen);
    assert_memory_equal(r->rdata, rdata, rdlen);
}

static void test_records(void **state)
{
    struct config *c = parse_good("static A One.test 192.168.1.1\n"
                                  "static 60 aaaa one.test. fc00::1\n"
                                  "static PTR 192.168.1.1 one.test\n"
                                  "static 1h PTR fc00::1 one.test\n"
                                  "static MX one.test 10 Mail.test\n"
                                  "static TXT one.test \"a # b\" 'c \"d\"' it's\n"
                                  "static SRV _sip._tcp.test 0 5 5060 one.test\n"
                                  "static CAA one.test 0 issue \"ca.test;x\"\n"
                                  "static TYPE65280 one.test \\# 3 010203\n"
                                  "static HTTPS one.test 1 . alpn=\"h2\"\n"
                                  "static CNAME hic_sunt\\032leones.test one.test\n"
                                  "option staticttl 5m\n");
    const struct config_record *r = c->records;
    (void)state;

    assert_int_equal(c->n_records, 11);
    assert_record(&r[0], "one.test", RR_A, 300, "\300\250\1\1", 4);
    assert_int_equal(r[1].ttl, 60);
    assert_int_equal(r[1].rdlen, 16);
    assert_record(&r[2], "1.1.168.192.in-addr.arpa", RR_PTR, 300, "\3one\4test", 10);
    assert_int_equal(r[3].ttl, 3600);
    assert_int_equal(dname_labels(r[3].owner.wire), 34);
    assert_record(&r[4], "one.test", RR_MX, 300, "\0\12\4Mail\4test", 13);
    assert_record(&r[5], "one.test", RR_TXT, 300, "\5a # b\5c \"d\"\4it's", 17);
    assert_record(&r[6], "_sip._tcp.test", RR_SRV, 300, "\0\0\0\5\23\304\3one\4test", 16);
    assert_record(&r[7], "one.test", 257, 300, "\0\5issueca.test;x", 16);
    assert_record(&r[8], "one.test", 65280, 300, "\1\2\3", 3);
    assert_record(&r[9], "one.test", 65, 300, "\0\1\0\0\1\0\3\2h2", 10);
    assert_record(&r[10], "hic_sunt\\032leones.test", RR_CNAME, 300, "\3one\4test", 10);
    config_free(c);
}

/* --- how lines are read --- */

static void test_lines(void **state)
{
    struct config *c = parse_good("\xef\xbb\xbf# a comment\r\n"
                                  "\r\n"
                                  "\t  DNS \t 8.8.8.8   # behind a value\r\n"
                                  "  # indented\r\n"
                                  "dns '1.1.1.1'\r\n"
                                  "Static TXT X.test a#b \"# c\"\r\n"
                                  "dns \"9.9.9.9\"");
    (void)state;

    assert_int_equal(c->upstreams[0].count, 3);
    assert_int_equal(c->records[0].rdlen, 8);
    assert_memory_equal(c->records[0].rdata, "\3a#b\3# c", 8);
    config_free(c);
}

static void test_any_order(void **state)
{
    struct config *c = parse_good("static AAAA hash.local fc00::\n"
                                  "auth hrev late hash.local/64\n"
                                  "auth hash late .hash.local hash.local\n"
                                  "net late fc00::/64\n"
                                  "option hashttl 5\n");
    (void)state;

    assert_int_equal(c->n_nets, 1);
    assert_int_equal(c->rules[0].nets[0], 0);
    assert_int_equal(c->nets[0].at.line, 4);
    config_free(c);
}

static void test_seventy_nets(void **state)
{
    enum { NETS = 70 };
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    (void)state;

    for (int i = 0; i < NETS; i++)
        fprintf(f, "net n%d 10.%d.0.0/16\nauth static n%d,n%d n%d.test\n", i, i, i, (i + 1) % NETS, i);
    fclose(f);
    struct config *c = parse_good(text);
    assert_int_equal(c->n_nets, NETS);
    assert_int_equal(c->n_rules, NETS);
    for (unsigned i = 0; i < NETS; i++) {
        assert_string_equal(c->nets[c->rules[i].nets[0]].name + 1, c->nets[i].name + 1);
        assert_int_equal(c->nets[i].ranges->addr.b[13], i);
        assert_int_equal(c->rules[i].nets[1], (i + 1) % NETS);
    }
    config_free(c);
    free(text);
}

/* --- errors --- */

/* One wrong line (the last), and what is said of it. */
static const struct {
    const char *text, *reports;
} wrong[] = {
    {"dsn 8.8.8.8", "1:1: error: unknown directive 'dsn', did you mean 'dns'?\n"},
    {"\n  zone x",
     "2:3: error: unknown directive 'zone', expected one of stack, rstack, fstack, dns, net, auth, "
     "static, option\n"},
    {"dns", "1:4: error: the line ends too early, expected 'dns ADDR[@PORT]'\n"},
    {"dns 8.8.8.8 9.9.9.9", "1:13: error: '9.9.9.9' is one word too many, expected 'dns ADDR[@PORT]'\n"},
    {"dns 8.8.8",
     "1:5: error: '8.8.8' is not an address, expected one such as 192.0.2.1 or 2001:db8::1, a port "
     "behind it as @53\n"},
    {"dns ::1@70000", "1:9: error: '70000' is not a port, expected a number from 1 to 65535\n"},
    {"net n", "1:6: error: the line ends too early, expected 'net NAME ADDR/LEN'\n"},
    {"net n 10.0.0.0", "1:15: error: prefix length missing, expected ADDR/LEN with a LEN from 0 to 32\n"},
    {"net n 10.0.0.0/33", "1:16: error: '33' is not a prefix length, expected a number from 0 to 32\n"},
    {"net n fe80::/129", "1:14: error: '129' is not a prefix length, expected a number from 0 to 128\n"},
    {"net n 10.0.0/8",
     "1:7: error: '10.0.0' is not an address, expected one such as 192.0.2.1 or 2001:db8::1\n"},
    {"net a,b ::/0", "1:6: error: ',' in the name of a net, expected other characters\n"},
    {"net aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ::/0",
     "1:5: error: name of a net of 64 bytes, expected at most 63\n"},
    {"auth", "1:5: error: the line ends too early, expected 'auth TYPE NETS ...'\n"},
    {"auth statc n .", "1:6: error: unknown type of rule 'statc', did you mean 'static'?\n"},
    {"auth accept", "1:12: error: the line ends too early, expected 'auth accept NETS'\n"},
    {"net n ::/0\nauth accept n .", "2:15: error: '.' is one word too many, expected 'auth accept NETS'\n"},
    {"net local ::/0\nauth accept locla", "2:13: error: unknown net 'locla', did you mean 'local'?\n"},
    {"net Local ::/0\nauth accept local", "2:13: error: unknown net 'local', did you mean 'Local'?\n"},
    {"auth accept n", "1:13: error: unknown net 'n'\n"},
    {"net n ::/0\nauth accept n,",
     "2:15: error: empty name of a net, expected names separated by commas without "
     "blanks\n"},
    {"net n ::/0\nauth hash n .a.b",
     "2:17: error: the line ends too early, expected 'auth hash NETS DOMAIN BASE'\n"},
    {"net n ::/0\nauth hash n 10.0.0.0/8 fc00::",
     "2:13: error: '10.0.0.0/8' is a prefix, expected a name, since hash makes addresses of names\n"},
    {"net n ::/0\nauth hash n .a.b 10.0.0.1",
     "2:18: error: '10.0.0.1' is no base, expected an IPv6 address or the name of one\n"},
    {"net n ::/0\nauth hash n .a.b fc00:::",
     "2:18: error: 'fc00:::' is no base, expected an IPv6 address or the name of one\n"},
    {"net n ::/0\nauth hash n .a.b fc00::/56",
     "2:18: error: 'fc00::/56' has another length than 64, expected /64 or none\n"},
    {"net n ::/0\nauth hash n .a.b ff02::/64", "2:18: error: 'ff02::/64' is no base: no node can have an "
                                               "address of its prefix, expected no multicast and not 64 "
                                               "zero bits\n"},
    {"net n ::/0\nauth otip n .a.b ::1 x", "2:18: error: '::1' is no base: no node can have an address of "
                                           "its prefix, expected no multicast and not 64 zero "
                                           "bits\n"},
    {"net n ::/0\nauth otip2 n .a.b ff02::/48 @k",
     "2:19: error: 'ff02::' is no base: no node can have an address of its prefix, expected no multicast and "
     "not 64 "
     "zero "
     "bits\n2:29: error: the secret k: No such file or directory\n"},
    {"net n ::/0\nnet m ::/0\nauth static n, m .",
     "3:16: error: a blank in the list of nets, expected names separated by commas alone\n"},
    {"net n ::/0\nnet m ::/0\nauth static n ,m .",
     "3:15: error: a blank in the list of nets, expected names separated by commas alone\n"},
    {"option listen fe80::1", "1:15: error: fe80::1 is a link-local address, whose interface cannot be said, "
                              "expected another one\n"},
    {"option listen ff02::1", "1:15: error: 'ff02::1' is an address of a group, expected one of this host\n"},
    {"option metrics ::1@53\noption port 53\noption listen ::1",
     "1:16: error: questions come to ::1@53 too, expected another port for metrics\n"},
    {"option metrics 127.0.0.1@53", "1:16: error: questions come to 127.0.0.1@53 too, expected another port "
                                    "for metrics\n"},
    {"net n ::/0\nauth hrev n hash.local", "2:13: error: 'hash.local' is no prefix, expected ADDR/LEN or "
                                           "NAME/LEN, since hrev is about reverse names\n"},
    {"net n ::/0\nauth hrev n hash.local/129",
     "2:24: error: prefix length '129' is out of range, expected a number from 0 to 128\n"},
    {"net n ::/0\nauth static n 10.0.0.1", "2:15: error: '10.0.0.1' is no domain, expected a name, or "
                                           "ADDR/LEN for the reverse names of addresses\n"},
    {"net n ::/0\nauth static n @names.txt",
     "2:15: error: static takes no file of names ('@names.txt'), expected a domain\n"},
    {"net n ::/0\nauth error n @", "2:14: error: '@' without a file, expected @FILE\n"},
    {"net n ::/0\nauth error n @a @b",
     "2:17: error: unknown rcode '@b', expected one of refused, nxdomain\n"},
    {"net n ::/0\nauth error n",
     "2:13: error: the line ends too early, expected 'auth error NETS DOMAIN|@FILE [refused|nxdomain]'\n"},
    {"net n ::/0\nauth error n . nxdomian",
     "2:16: error: unknown rcode 'nxdomian', did you mean 'nxdomain'?\n"},
    {"net n ::/0\nauth otip n .a fc00:: my secret",
     "2:26: error: one word too many, expected 'auth otip NETS DOMAIN BASE PASSWORD|@FILE'; a password with "
     "blanks "
     "stands "
     "in quotes\n"},
    {"net n ::/0\nauth otip n .a fc00:: ''", "2:23: error: empty password, expected one\n"},
    {"net n ::/0\nauth otip n .a fc00:: @", "2:23: error: '@' without a file, expected @FILE\n"},
    {"net n ::/0\nauth otip n .a fc00:: @/no/such/file",
     "2:23: error: the secret /no/such/file: No such file or directory\n"},
    {"net n ::/0\nauth otip2 n .a fc00:: @/no/such/file",
     "2:24: error: the secret /no/such/file: No such file or directory\n"},
    {"net n ::/0\nauth otip2 n .a fc00:: ''", "2:24: error: empty password, expected one\n"},
    {"net n ::/0\nauth otip2 n .a fc00:: secret",
     "2:14: error: a password of otip2 is that of one name, expected a name without a dot before it, or "
     "@KEYFILE\n"},
    {"net n ::/0\nauth otip2 n . fc00::/97 @k",
     "2:23: error: prefix length '97' is out of range, expected a number from 1 to 96\n"
     "2:26: error: the secret k: No such file or directory\n"},
    {"net n ::/0\nauth otip2 n a fc00:: my secret word",
     "2:33: error: one word too many, expected 'auth otip2 NETS DOMAIN BASE PASSWORD|@KEYFILE [USER]'; a "
     "password "
     "with blanks stands in quotes\n"},
    {"net n ::/0\nauth otip2 n a fc00:: my secret", "2:26: error: a user's key is derived of a key, expected "
                                                    "@KEYFILE before it; a password with blanks stands in "
                                                    "quotes\n"},
    {"net n ::/0\nauth fwd n . 1.1.1.1 x",
     "2:22: error: 'x' is not an address, expected one such as 192.0.2.1 or 2001:db8::1, a port behind it as "
     "@53\n"},
    {"net n ::/0\nauth static n .a..b",
     "2:18: error: empty label in a name, expected something before the dot\n"},
    {"net n ::/0\nauth static n a\\299.b", "2:16: error: wrong escape in a name, expected \\ and three "
                                           "digits up to 255, or \\ and another character\n"},
    {"static A a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1.1.1.1",
     "1:12: error: label of more than 63 bytes in a name\n"},
    {"option", "1:7: error: the line ends too early, expected 'option KEY VALUE'\n"},
    {"option hrevmod always", "1:8: error: unknown option 'hrevmod', did you mean 'hrevmode'?\n"},
    {"option hrevmode alwyas", "1:17: error: unknown hrevmode 'alwyas', did you mean 'always'?\n"},
    {"option port", "1:12: error: the line ends too early, expected 'option port PORT'\n"},
    {"option port 0", "1:13: error: port '0' is out of range, expected a number from 1 to 65535\n"},
    {"option port 53x", "1:13: error: port '53x' is not a number, expected one from 1 to 65535\n"},
    {"option cachesize 99999999999999999999G", "1:18: error: cachesize '99999999999999999999G' is out of "
                                               "range, expected a number from 0 to 1099511627776 "
                                               "(bytes, or with a unit k M G)\n"},
    {"option tcptimeout 2h", "1:19: error: tcptimeout '2h' is out of range, expected a number from 1 to 3600 "
                             "(seconds, or with units s m h d "
                             "w)\n"},
    {"option listen x",
     "1:15: error: 'x' is not an address, expected one such as 192.0.2.1 or 2001:db8::1\n"},
    {"static", "1:7: error: the line ends too early, expected 'static [TTL] TYPE NAME RDATA...'\n"},
    {"static 60", "1:10: error: the line ends too early, expected 'static [TTL] TYPE NAME RDATA...'\n"},
    {"static A", "1:9: error: the line ends too early, expected 'static [TTL] TYPE NAME RDATA...'\n"},
    {"static 3000000000 A a 1.1.1.1", "1:8: error: TTL '3000000000' is out of range, expected a number from "
                                      "0 to 2147483647 (seconds, or with units s "
                                      "m h d w)\n"},
    {"static a.test A 1.2.3.4",
     "1:8: error: unknown record type 'a.test', expected 'static [TTL] TYPE NAME RDATA...'\n"},
    {"static AAA a ::1", "1:8: error: unknown record type 'AAA', did you mean 'AAAA'?\n"},
    {"static AXFR a b", "1:8: error: no record can have the type 'AXFR', expected one of data\n"},
    {"static A 1.1.1.1 1.1.1.1",
     "1:10: error: '1.1.1.1' is an address, expected a name: only of PTR records the name may be one\n"},
    {"static A a",
     "1:11: error: the line ends too early, data of type A goes on: expected an IPv4 address\n"},
    {"static A a ::1", "1:12: error: '::1' is wrong in data of type A, expected an IPv4 address\n"},
    {"static A a 1.1.1.1 x", "1:20: error: 'x' is wrong in data of type A, expected nothing more\n"},
    {"static MX a 70000 b",
     "1:13: error: '70000' is wrong in data of type MX, expected a number from 0 to 65535\n"},
    {"static DS a 1 8 2 zz",
     "1:13: error: invalid hexadecimal character, expected data of type DS as in a zone file\n"},
    {"static DS a", "1:12: error: invalid number, expected data of type DS as in a zone file\n"},
    {"static CAA a 0 issue x;y",
     "1:14: error: ';' begins a comment in data of type CAA, expected it in quotes or as \\;\n"},
    {"static A a \\# 3 010203", "1:12: error: the data does not have the form of type A\n"},
    {"static CNAME a b\nstatic A a 1.1.1.1",
     "2:1: error: CNAME and other data at one name: a has type CNAME in line 1, expected a CNAME alone\n"},
    {"static A a 1.1.1.1\nstatic CNAME A b",
     "2:1: error: CNAME and other data at one name: a has type A in line 1, expected a CNAME alone\n"},
    {"static CNAME a b\nstatic CNAME a c",
     "2:1: error: a has type CNAME in line 1 already, expected one alone\n"},
    {"rstack",
     "1:7: error: the line ends too early, expected 'rstack STRING' such as stack=vdestack,vnl=vde://\n"},
    {"rstack ,", "1:9: error: nothing but commas and blanks, expected 'rstack STRING'\n"},
    {"rstack eth",
     "1:8: error: no stack= in what rstack says, expected one such as stack=vdestack or stack=kernel\n"},
    {"stack stack=kernel\nfstack stack=kernel",
     "2:8: error: fstack beside the stack of line 1, expected either stack alone or rstack and fstack\n"},
    {"dns 'x", "1:5: error: quote without an end, expected another ' in this line\n"},
    {"dns \"8.8.8.8\"x", "1:14: error: text behind a closing quote, expected a blank\n"},
    {"dns\v8.8.8.8", "1:4: error: control character 0x0b, expected text\n"},
    {"dns 8.8.8.8\r\r\n", "1:12: error: control character 0x0d, expected text\n"},
};

static void test_errors(void **state)
{
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        expect_reports(wrong[i].text, wrong[i].reports);
}

static void test_zone_rules(void **state)
{
    struct config *c = parse_good("net n 10.0.0.0/8\nnet m 11.0.0.0/8\nauth zone n Example.ORG z/a.zone\n"
                                  "auth zone m example.org. 'z/a.zone'\nauth zone n . /abs/root.zone\n"
                                  "auth zone m org z/a.zone\n");
    (void)state;

    assert_int_equal(c->n_zones, 3); /* one for each zone and file */
    assert_int_equal(c->rules[0].zone, c->rules[1].zone);
    assert_int_equal(c->rules[0].domain.kind, DOMAIN_TREE);
    assert_memory_equal(c->zones[0].apex.wire, "\7example\3org", 13);
    assert_string_equal(c->zones[0].path, "z/a.zone"); /* test.rc lies in no folder */
    assert_string_equal(c->zones[1].path, "/abs/root.zone");
    char *print = print_of(c);
    assert_non_null(
        strstr(print, "auth zone m example.org \"z/a.zone\"\nauth zone n . \"/abs/root.zone\"\n"));
    free(print);
    config_free(c);

    expect_reports(
        "net n 10.0.0.0/8\nauth zone n .a.b f\nauth zone n 10.0.0.0/8 f\nauth zone n a.b\nauth zone n a.b "
        "''\n",
        "2:13: error: '.a.b' is not the name of a zone, expected one such as example.org, without the dot "
        "before it\n"
        "3:13: error: '10.0.0.0/8' is not the name of a zone, expected one such as example.org\n"
        "4:16: error: the line ends too early, expected 'auth zone NETS DOMAIN FILE'\n"
        "5:17: error: expected the path of a zone file\n");
    /* a zone holds its name and all below */
    expect_reports("net n 10.0.0.0/8\nauth zone n a.b f\nauth error n a.b\nauth error n .a.b\n"
                   "auth zone n c.b f\nauth error n .d.b\nauth zone n d.b f\n",
                   "3:1: warning: this rule is never reached: the rule of line 2 answers before it\n"
                   "4:1: warning: this rule is never reached: the rule of line 2 answers before it\n");
}

static void test_unknown_rule_is_answered_with_all_types(void **state)
{
    char reports[512] = "1:6: error: unknown type of rule 'tsig', expected one of ";

    (void)state;
    for (const struct source *const *s = source_table; *s; s++) {
        strcat(reports, (*s)->keyword);
        strcat(reports, s[1] ? ", " : "\n");
    }
    expect_reports("auth tsig n a.b f", reports);
}

/* The library that reads the strings of stacks says what is wrong; the place must be that of the right line.
 */
static void test_stack_error_place(void **state)
{
    struct outcome o = parse("rstack stack=vdestack\n\n  rstack  , eth,ipp=10.0.0.1/24\nrstack mac=x");
    unsigned line, column;
    (void)state;

    assert_int_equal(o.errors, 1);
    assert_int_equal(sscanf(o.reports, "%u:%u: error: ", &line, &column), 2);
    assert_int_equal(line, 3);
    assert_int_equal(column, 17);
    outcome_fini(&o);
}

static void test_seven_mistakes(void **state)
{
    (void)state;

    expect_reports("  dns  8.8.8.8888\n"
                   "net local 192.168.1.0/240\n"
                   "auth  static local,lcoal .test.local\n"
                   "auth hsah local .hash.local fc00::\n"
                   "option hrevmod always\n"
                   "static A one.test.local fc00::1\n"
                   "Dnss 1.1.1.1\n"
                   "auth cache local .\n",
                   "1:8: error: '8.8.8.8888' is not an address, expected one such as 192.0.2.1 or "
                   "2001:db8::1, a port behind it as @53\n"
                   "2:23: error: '240' is not a prefix length, expected a number from 0 to 32\n"
                   "3:20: error: unknown net 'lcoal', did you mean 'local'?\n"
                   "4:6: error: unknown type of rule 'hsah', did you mean 'hash'?\n"
                   "5:8: error: unknown option 'hrevmod', did you mean 'hrevmode'?\n"
                   "6:25: error: 'fc00::1' is wrong in data of type A, expected an IPv4 address\n"
                   "7:1: error: unknown directive 'Dnss', did you mean 'dns'?\n");
}

static void test_binary_and_long(void **state)
{
    enum { LINES = 5000, LONG = 300001 };
    char *bytes = calloc(1, LONG);
    (void)state;

    assert_non_null(bytes);
    struct outcome o = parse_bytes("dns\0 8.8.8.8\n\xff\xfe\n", 15);
    assert_string_equal(o.reports, "1:4: error: a byte 0: this file is no text, expected a configuration\n");
    outcome_fini(&o);
    o = parse_bytes("\1\n\2\n\0\n\3\n", 8);
    assert_string_equal(o.reports, "3:1: error: a byte 0: this file is no text, expected a configuration\n");
    outcome_fini(&o);

    for (int i = 0; i < LINES; i++)
        memcpy(bytes + 2 * i, "\1\n", 2);
    o = parse_bytes(bytes, 2 * LINES);
    assert_int_equal(o.errors, LINES); /* counted, though only the first DIAGS_MAX are kept */
    outcome_fini(&o);

    memset(bytes, 'x', LONG);
    o = parse_bytes(bytes, LONG);
    assert_string_equal(o.reports, "1:300001: error: the line has 300001 bytes, expected at most 300000\n");
    outcome_fini(&o);
    free(bytes);
}

static void test_too_many_addresses(void **state)
{
    char text[64 * LISTEN_MAX], reports[128];
    int len = snprintf(text, sizeof(text), "net n ::/0\nauth static n .\n");

    (void)state;
    for (unsigned i = 1; i <= LISTEN_MAX + 1; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "option listen 127.0.0.%u\n", i);
    snprintf(reports, sizeof(reports),
             "%d:15: error: listen address '127.0.0.%d' is one too many, expected %d at most\n",
             LISTEN_MAX + 3, LISTEN_MAX + 1, LISTEN_MAX);
    expect_reports(text, reports);
}

/* --- slips that are put right with a warning --- */

static void test_slips(void **state)
{
    (void)state;

    expect_reports("net n 10.0.0.1/8\nauth accept n,n\nnet n 10.0.0.0/8",
                   "1:7: warning: '10.0.0.1/8' has bits behind its prefix length, taken as 10.0.0.0/8\n"
                   "2:15: warning: net n is named twice\n"
                   "3:7: warning: net n has 10.0.0.0/8 already, this line is dropped\n");
    expect_reports("dns 8.8.8.8\ndns 8.8.8.8@53\noption port 1\noption port 2\noption tcplisten 1\n"
                   "option tcplistenbacklog 2\noption listen ::1\noption listen ::1",
                   "0:0: warning: no auth line: every question is refused\n"
                   "2:5: warning: server '8.8.8.8@53' is there already, this one is dropped\n"
                   "4:8: warning: option port stands in line 3 already, this one counts\n"
                   "6:8: warning: option tcplistenbacklog stands in line 5 already, this one counts\n"
                   "8:15: warning: listen address '::1' is there already, this one is dropped\n");
    expect_reports(
        "net n ::/0\nauth static n .\nstatic A a 1.1.1.1\nstatic A a 1.1.1.1\nstatic CNAME b 1.1.1.1",
        "4:1: warning: the same record stands in line 3\n"
        "5:16: warning: '1.1.1.1' in data of type CNAME is taken as a name, although it looks like an "
        "address\n");
}

/* --- files --- */

static void expect_unreadable(const char *path, const char *reports)
{
    struct config *c = NULL;
    struct diags d = {0};

    assert_int_equal(config_load(path, &c, &d), -EINVAL);
    char *text = reports_of(&d);
    assert_string_equal(text, reports);
    assert_null(c);
    free(text);
    diags_fini(&d);
}

static void test_unreadable_files(void **state)
{
    (void)state;

    expect_unreadable("/", "0:0: error: is a directory, expected a configuration file\n");
    expect_unreadable(SOURCE_DIR "/no-such-file", "0:0: error: cannot be read: No such file or directory\n");
}

static void load_good(const char *path)
{
    struct config *c = NULL;
    struct diags d = {0};
    int result = config_load(path, &c, &d);
    char *text = reports_of(&d);

    if (result != 0)
        print_error("%s: %s", path, text);
    assert_int_equal(result, 0);
    assert_string_equal(c->path, path);
    free(text);
    config_free(c);
    diags_fini(&d);
}

static void test_examples(void **state)
{
    static const char *const patterns[] = {SOURCE_DIR "/examples/quickstart.rc",
                                           SOURCE_DIR "/examples/scenarios/*.rc"};
    (void)state;

    for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
        glob_t found;
        assert_int_equal(glob(patterns[p], 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++)
            load_good(found.gl_pathv[i]);
        globfree(&found);
    }
}

static void test_restart_needed(void **state)
{
    static const struct {
        const char *before, *after, *needed;
    } cases[] = {
        {"", "option hashttl 1\ndns ::1\nnet n ::/0", ""},
        {"option port 1", "option port 2\noption workers 3\noption listen ::1", "listen,port,workers"},
        {"option listen ::1\noption listen ::2", "option listen ::2\noption listen ::1", ""},
        {"rstack stack=kernel", "fstack stack=kernel", "rstack,fstack"},
        {"stack stack=kernel", "rstack stack=kernel\nfstack stack=kernel", "stack"},
        {"stack stack=kernel", "stack stack=vdestack", "stack"},
        {"rstack stack=kernel,eth", "rstack stack=kernel\nrstack eth", ""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *before = parse_good(cases[i].before), *after = parse_good(cases[i].after);
        char text[100];
        assert_string_equal(config_restart_needed(before, after, text, sizeof(text)), cases[i].needed);
        config_free(before);
        config_free(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_domains_with_slashes),
        cmocka_unit_test(test_upstreams),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_seventy_nets),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unknown_rule_is_answered_with_all_types),
        cmocka_unit_test(test_zone_rules),
        cmocka_unit_test(test_stack_error_place),
        cmocka_unit_test(test_seven_mistakes),
        cmocka_unit_test(test_binary_and_long),
        cmocka_unit_test(test_too_many_addresses),
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_unreadable_files),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_restart_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
