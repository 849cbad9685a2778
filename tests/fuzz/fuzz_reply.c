/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a question to a server with rules of many kinds: there is silence, or a reply that is well-formed,
 * is one to this question, has an OPT record if the question had one, and is no longer than the client takes. The
 * first byte of the input chooses the client and the transport.
 */
#include "fuzz.h"
#include "libiothnamed/query.h"
#include <errno.h>

static const char rules[] =
    "dns 192.0.2.53\n"
    "net local 10.0.0.0/8\n"
    "net all ::/0\n"
    "auth error all .blocked.test nxdomain\n"
    "auth static all .test.local\n"
    "auth hash all .hash.local fc00::\n"
    "auth hrev all fc00::/64\n"
    "auth otip all .otip.local fc00:: secret\n"
    "auth otip2 all h.otip2.local fc00::/56 secret\n"
    "auth cache local .\n"
    "auth fwd local .\n"
    "static A one.test.local 192.168.1.1\n"
    "static CNAME loop.test.local loop.test.local\n"
    "static TXT large.test.local xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx "
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy "
    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz "
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy "
    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz "
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n"
    "option nsid one.of.several\n"
    "option chaosid one.of.several\n"
    "option chaosversion 1\n"
    "option rrl 100\n";

static struct query_env *make_env(void)
{
    static const struct siphash_key key = {{1, 2}};
    static const struct cookie_secrets cookies = {.count = 1, .list = {{{3, 4}}}};
    static struct query_env env = {.cookies = &cookies, .now = 1000 * NSEC_PER_SEC, .wall_s = 1700000000};
    static struct upstream_registry registry;
    static const struct base_value none[8];
    struct config *config;
    struct diags diags = {0};
    struct cache *cache;
    struct hrev *hrev;
    struct snapshot *snap;
    FUZZ_ASSERT(config_parse("fuzz.rc", rules, sizeof(rules) - 1, &config, &diags) == 0);
    FUZZ_ASSERT(cache_new(1 << 20, &key, &cache) == 0 && hrev_new(100, &key, &hrev) == 0);
    FUZZ_ASSERT(rrl_new(&key, &env.rrl) == 0);
    const struct snapshot_parts parts = {
        .bases = none, .registry = &registry, .key = &key, .cache = cache, .hrev = hrev, .serial = 1};
    FUZZ_ASSERT(snapshot_build(shared_config_new(config), &parts, &snap) == 0);
    env.snap = snap;
    diags_fini(&diags);
    return &env;
}

/* Reads all of the reply; the number of OPT records in it. */
static unsigned count_opt(const uint8_t *reply, size_t len)
{
    struct reader r = reader_of(reply, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    struct dns_rr rr;
    unsigned opts = 0;
    for (unsigned i = 0; i < header.qdcount; i++)
        dns_read_question(&r, &question);
    for (unsigned i = 0; i < (unsigned)header.count[0] + header.count[1] + header.count[2] && !r.bad; i++) {
        dns_read_rr(&r, &rr);
        opts += rr.type == RR_OPT;
    }
    FUZZ_ASSERT(!r.bad && r.pos == r.len);
    return opts;
}

static void check_reply(const uint8_t *packet, size_t len, bool tcp, const uint8_t *reply, size_t reply_len)
{
    struct dns_query asked;
    int e = dns_parse_query(packet, len, &asked);
    FUZZ_ASSERT(e != -EBADMSG && reply_len >= DNS_HEADER_LEN);
    FUZZ_ASSERT(memcmp(packet, reply, 2) == 0 && (get_be16(reply + 2) & DNS_QR));
    FUZZ_ASSERT(count_opt(reply, reply_len) == asked.edns.present);
    size_t most =
        !asked.edns.present || asked.edns.udp_size < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : asked.edns.udp_size;
    FUZZ_ASSERT(tcp || (reply_len <= most && reply_len <= DNS_UDP_EDNS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct query_env *env;
    static uint8_t reply[DNS_MSG_MAX];
    static struct forward_need need;
    static const struct ipaddr clients[] = {{{[10] = 0xff, [11] = 0xff, [12] = 10}}, {{0x20, 1, 0xd, 0xb8}}};
    if (!env)
        env = make_env();
    if (size < 1 || size > DNS_MSG_MAX)
        return 0;
    bool tcp = data[0] & 1;
    size_t reply_len = 0;
    env->now += NSEC_PER_MSEC;
    enum outcome outcome = query_run(env, &clients[data[0] >> 1 & 1], tcp, data + 1, size - 1, NULL, reply,
                                     tcp ? DNS_MSG_MAX : DNS_UDP_EDNS, &reply_len, &need);
    if (outcome == QUERY_REPLY)
        check_reply(data + 1, size - 1, tcp, reply, reply_len);
    return 0;
}
