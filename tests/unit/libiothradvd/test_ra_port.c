/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The IPv6 of a port: its address, its neighbours, its groups, and frames from anybody. */
#include "ra_world.h"

#include "libiothradvd/ra_port.h"

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1}, other_mac[6] = {2, 0, 0, 0, 0, 9};

struct lab {
    struct world random; /* for its chance alone */
    struct ra_port port;
    nsec_t now;
    unsigned n_frames;
    uint8_t frame[16][RA_FRAME_MAX];
    size_t len[16];
};

static void drain(struct lab *l)
{
    uint8_t frame[RA_FRAME_MAX];
    size_t len;
    while ((len = ra_port_output(&l->port, frame)) > 0) {
        assert_true(l->n_frames < 16);
        memcpy(l->frame[l->n_frames], frame, len);
        l->len[l->n_frames++] = len;
    }
}

static void wait(struct lab *l, nsec_t span)
{
    nsec_t until = l->now + span;
    while (ra_port_deadline(&l->port) <= until) {
        l->now = ra_port_deadline(&l->port);
        ra_port_timeout(&l->port, l->now);
        drain(l);
    }
    l->now = until;
}

static void open_lab(struct lab *l)
{
    memset(l, 0, sizeof(*l));
    l->now = 5 * SECOND;
    struct ra_env env = {.random = world_random, .arg = &l->random};
    ra_port_init(&l->port, &env, own_mac);
    ra_port_up(&l->port, l->now);
}

static void open_ready(struct lab *l)
{
    open_lab(l);
    wait(l, 10 * SECOND);
    assert_int_equal(l->port.host.state, HOST6_READY);
    l->n_frames = 0;
}

/* A frame of another node: next header, hop limit, and whether the checksum is right. */
struct made {
    const char *from, *to;
    const uint8_t *to_mac;
    uint8_t hop_limit;
    bool bad_checksum, alert;
};

static size_t make(const struct made *m, const void *message, size_t message_len, uint8_t *frame)
{
    struct ipaddr from = addr_of(m->from), to = addr_of(m->to);
    size_t alert_len = m->alert ? 8 : 0;
    struct writer w = writer_of(frame, RA_FRAME_MAX);
    uint8_t to_mac[6] = {0x33, 0x33, to.b[12], to.b[13], to.b[14], to.b[15]};
    writer_put(&w, m->to_mac ? m->to_mac : to_mac, 6);
    writer_put(&w, other_mac, 6);
    writer_u16(&w, 0x86dd);
    writer_u32(&w, 6u << 28);
    writer_u16(&w, (uint16_t)(alert_len + message_len));
    writer_u8(&w, m->alert ? 0 : 58);
    writer_u8(&w, m->hop_limit);
    writer_put(&w, from.b, 16);
    writer_put(&w, to.b, 16);
    if (m->alert)
        writer_put(&w, "\72\0\5\2\0\0\1\0", 8);
    uint8_t *at = writer_reserve(&w, message_len);
    assert_non_null(at);
    memcpy(at, message, message_len);
    nd_set_checksum(&from, &to, at, message_len);
    at[2] ^= m->bad_checksum;
    return w.pos;
}

static bool put(struct lab *l, const struct made *m, const void *message, size_t len, struct ra_packet *ret)
{
    static uint8_t frame[RA_FRAME_MAX];
    size_t frame_len = make(m, message, len, frame);
    bool is_message = ra_port_input(&l->port, frame, frame_len, l->now, ret);
    drain(l);
    return is_message;
}

static size_t neighbor(enum nd_type type, const char *target, const uint8_t *nonce, uint8_t *message)
{
    struct writer w = writer_of(message, 128);
    struct nd_message msg = {.type = type, .neighbor.target = addr_of(target)};
    struct nd_option o = {.type = ND_NONCE, .nonce = {nonce, 6}};
    nd_write(&w, &msg);
    if (nonce)
        nd_write_option(&w, &o);
    assert_false(w.bad);
    return w.pos;
}

#define OWN   "fe80::ff:fe00:1"
#define GROUP "ff02::1:ff00:1"

/* What a frame that was sent says, with its checksum seen to. */
static uint8_t type_of(const struct lab *l, unsigned n, struct ipaddr *ret_from, struct ipaddr *ret_to)
{
    const uint8_t *f = l->frame[n];
    size_t head = f[20] == 0 ? 62 : 54;
    memcpy(ret_from->b, f + 22, 16);
    memcpy(ret_to->b, f + 38, 16);
    assert_int_equal(get_be16(f + 12), 0x86dd);
    assert_memory_equal(f + 6, own_mac, 6);
    assert_int_equal(get_be16(f + 18) + 54, l->len[n]);
    assert_int_equal(nd_checksum(ret_from, ret_to, f + head, l->len[n] - head), 0);
    return f[head];
}

static void the_address_is_tried(void **state)
{
    struct lab l;
    struct ipaddr from, to, own = addr_of(OWN), group = addr_of(GROUP);
    unsigned probes = 0, reports = 0;
    (void)state;
    open_lab(&l);
    assert_true(ipaddr_equal(&l.port.host.addrs[0].addr, &own) &&
                ipaddr_equal(&l.port.host.groups[0], &group));
    wait(&l, NSEC_PER_SEC + NSEC_PER_SEC / 2);
    wait(&l, 10 * SECOND);
    assert_int_equal(l.port.host.state, HOST6_READY);
    for (unsigned i = 0; i < l.n_frames; i++) {
        uint8_t type = type_of(&l, i, &from, &to);
        if (type == 135) {
            probes++;
            assert_true(nd_is_unspecified(&from) && ipaddr_equal(&to, &group));
            assert_int_equal(l.frame[i][21], 255);
            assert_memory_equal(l.frame[i] + 54 + 8, own.b, 16);
        } else {
            assert_int_equal(type, 143);
            assert_int_equal(l.frame[i][21], 1);
            assert_memory_equal(l.frame[i] + 54, "\72\0\5\2\0\0\1\0", 8);
            reports++;
        }
    }
    assert_true(probes == 1 && reports == 2);
}

/* Somebody says that the address which is tried now is his, by an advertisement or by a probe of his own. */
static void deny(struct lab *l, bool by_probe)
{
    static const uint8_t nonce[6] = {1, 2, 3, 4, 5, 6};
    char own[IPADDR_STRLEN], group[IPADDR_STRLEN];
    uint8_t message[128];
    struct ra_packet packet;
    size_t len;
    ipaddr_format(&l->port.host.addrs[0].addr, own);
    ipaddr_format(&l->port.host.groups[0], group);
    len = by_probe ? neighbor(ND_NEIGHBOR_SOLICIT, own, nonce, message)
                   : neighbor(ND_NEIGHBOR_ADVERT, own, NULL, message);
    put(l,
        &(struct made){.from = by_probe ? "::" : own, .to = by_probe ? group : "ff02::1", .hop_limit = 255},
        message, len, &packet);
}

/* It keeps silent for a while; then another address is its own, the same whoever spoke. */
static void somebody_has_it(void **state)
{
    struct ipaddr from, to, first = {{0}}, own = addr_of(OWN);
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        struct lab l;
        const struct ipaddr *addr = &l.port.host.addrs[0].addr;
        bool has_probed = false;
        open_lab(&l);
        wait(&l, NSEC_PER_SEC);
        deny(&l, how == 1);
        assert_int_equal(l.port.host.state, HOST6_DUPLICATE);
        l.n_frames = 0;
        wait(&l, 3 * SECOND);
        assert_int_equal(l.port.host.state, HOST6_DUPLICATE);
        assert_int_equal(l.n_frames, 0);
        wait(&l, 10 * SECOND);
        assert_int_equal(l.port.host.state, HOST6_READY);
        assert_true(nd_is_link_local(addr) && !ipaddr_equal(addr, &own));
        for (unsigned i = 0; i < l.n_frames; i++) {
            if (type_of(&l, i, &from, &to) != ND_NEIGHBOR_SOLICIT)
                continue;
            struct ipaddr group = nd_solicited_node(addr);
            assert_true(ipaddr_equal(&to, &group) && ipaddr_equal(&l.port.host.groups[0], &group));
            has_probed = true;
        }
        assert_true(has_probed);
        if (how == 0)
            first = *addr;
        assert_true(ipaddr_equal(addr, &first));
        ra_port_up(&l.port, l.now); /* another network: there the first one may be free */
        assert_true(ipaddr_equal(addr, &own));
    }
}

/* Who denies every address is tried less and less often, and forgotten when he is gone. */
static void somebody_has_them_all(void **state)
{
    struct ipaddr before = addr_of(OWN);
    unsigned tries = 0;
    struct lab l;
    (void)state;
    open_lab(&l);
    for (nsec_t end = l.now + 3600 * SECOND; l.now < end;) {
        l.n_frames = 0;
        wait(&l, NSEC_PER_SEC / 2);
        if (l.port.host.state != HOST6_TRYING)
            continue;
        tries++;
        assert_true(tries == 1 || !ipaddr_equal(&before, &l.port.host.addrs[0].addr));
        before = l.port.host.addrs[0].addr;
        deny(&l, false);
    }
    assert_true(tries >= 10 && tries <= 16);
    l.n_frames = 0;
    wait(&l, 610 * SECOND);
    assert_int_equal(l.port.host.state, HOST6_READY);
}

/* Our own probe, sent back by the network (RFC 7527). */
static void an_echo_is_nobody(void **state)
{
    uint8_t message[128];
    struct ra_packet packet;
    struct lab l;
    (void)state;
    open_lab(&l);
    wait(&l, NSEC_PER_SEC);
    size_t len = neighbor(ND_NEIGHBOR_SOLICIT, OWN, l.port.host.nonce, message);
    put(&l, &(struct made){.from = "::", .to = GROUP, .hop_limit = 255}, message, len, &packet);
    assert_int_equal(l.port.host.state, HOST6_TRYING);
    /* Three probes more make sure, with nonces of their own. */
    l.n_frames = 0;
    wait(&l, 3 * SECOND);
    assert_int_equal(l.port.host.state, HOST6_TRYING);
    put(&l, &(struct made){.from = "::", .to = GROUP, .hop_limit = 255}, message, len, &packet);
    assert_int_equal(l.port.host.state, HOST6_DUPLICATE); /* the old nonce is not ours any more */
    wait(&l, 30 * SECOND);
    assert_int_equal(l.port.host.state, HOST6_READY);
}

/* A network on which everything comes back. */
static void echoes_without_end(void **state)
{
    uint8_t message[128];
    struct ra_packet packet;
    struct lab l;
    (void)state;
    open_lab(&l);
    wait(&l, NSEC_PER_SEC);
    for (unsigned i = 0; i < 8; i++) {
        size_t len = neighbor(ND_NEIGHBOR_SOLICIT, OWN, l.port.host.nonce, message);
        put(&l, &(struct made){.from = "::", .to = GROUP, .hop_limit = 255}, message, len, &packet);
        wait(&l, NSEC_PER_SEC);
    }
    assert_int_equal(l.port.host.state, HOST6_READY);
}

static void neighbours_find_it(void **state)
{
    uint8_t message[128];
    struct ra_packet packet;
    struct ipaddr from, to, own = addr_of(OWN);
    struct lab l;
    (void)state;
    open_ready(&l);
    size_t len = neighbor(ND_NEIGHBOR_SOLICIT, OWN, NULL, message);
    put(&l, &(struct made){.from = "fe80::9", .to = GROUP, .hop_limit = 255}, message, len, &packet);
    assert_int_equal(l.n_frames, 1);
    assert_int_equal(type_of(&l, 0, &from, &to), 136);
    assert_true(ipaddr_equal(&from, &own) && to.b[15] == 9);
    assert_memory_equal(l.frame[0], other_mac, 6);
    struct nd_message msg;
    struct nd_option o;
    assert_int_equal(nd_read(l.frame[0] + 54, l.len[0] - 54, &msg), 0);
    assert_int_equal(msg.neighbor.flags, ND_NA_ROUTER | ND_NA_SOLICITED | ND_NA_OVERRIDE);
    assert_true(nd_next_option(&msg.options, &o) && o.type == ND_TARGET_MAC);
    assert_memory_equal(o.mac, own_mac, 6);

    /* Who tries the address himself hears it together with all. */
    len = neighbor(ND_NEIGHBOR_SOLICIT, OWN, NULL, message);
    put(&l, &(struct made){.from = "::", .to = GROUP, .hop_limit = 255}, message, len, &packet);
    assert_int_equal(type_of(&l, 1, &from, &to), 136);
    assert_true(ipaddr_equal(&to, &nd_all_nodes));

    /* Others' addresses, a hop too many, a wrong checksum, a foreign MAC address: nothing. */
    put(&l, &(struct made){.from = "fe80::9", .to = GROUP, .hop_limit = 254}, message, len, &packet);
    put(&l, &(struct made){.from = "fe80::9", .to = GROUP, .hop_limit = 255, .bad_checksum = true}, message,
        len, &packet);
    put(&l, &(struct made){.from = "fe80::9", .to = GROUP, .hop_limit = 255, .to_mac = other_mac}, message,
        len, &packet);
    len = neighbor(ND_NEIGHBOR_SOLICIT, "fe80::ff:fe00:2", NULL, message);
    put(&l, &(struct made){.from = "fe80::9", .to = GROUP, .hop_limit = 255}, message, len, &packet);
    assert_int_equal(l.n_frames, 2);
}

static void echoes_are_answered(void **state)
{
    static const uint8_t ping[] = {128, 0, 0, 0, 0, 7, 0, 1, 'h', 'i'};
    struct ra_packet packet;
    struct ipaddr from, to;
    struct lab l;
    (void)state;
    open_ready(&l);
    put(&l, &(struct made){.from = "fe80::9", .to = OWN, .to_mac = own_mac, .hop_limit = 64}, ping,
        sizeof(ping), &packet);
    assert_int_equal(l.n_frames, 1);
    assert_int_equal(type_of(&l, 0, &from, &to), 129);
    assert_memory_equal(l.frame[0] + 58, ping + 4, sizeof(ping) - 4);
    put(&l, &(struct made){.from = "::", .to = OWN, .to_mac = own_mac, .hop_limit = 64}, ping, sizeof(ping),
        &packet);
    put(&l, &(struct made){.from = "fe80::9", .to = "ff02::1", .hop_limit = 64}, ping, sizeof(ping), &packet);
    assert_int_equal(l.n_frames, 1);
}

static void groups_are_told(void **state)
{
    uint8_t query[28] = {130, 0, 0, 0, 0x03, 0xe8};
    struct ra_packet packet;
    struct ipaddr from, to, own = addr_of(OWN), group = addr_of(GROUP);
    struct lab l;
    (void)state;
    open_ready(&l);
    const struct made asked = {.from = "fe80::9", .to = "ff02::1", .hop_limit = 1, .alert = true};
    put(&l, &asked, query, sizeof(query), &packet);
    assert_int_equal(l.n_frames, 0);
    wait(&l, SECOND);
    assert_int_equal(l.n_frames, 1);
    assert_int_equal(type_of(&l, 0, &from, &to), 143);
    assert_true(ipaddr_equal(&from, &own));
    const uint8_t *report = l.frame[0] + 62;
    assert_int_equal(get_be16(report + 6), 2);
    assert_int_equal(report[8], 2);
    assert_memory_equal(report + 12, group.b, 16);
    assert_memory_equal(report + 32, nd_all_routers.b, 16);

    put(&l, &asked, query, 24, &packet); /* a querier of version 1 */
    wait(&l, SECOND);
    assert_int_equal(l.n_frames, 3);
    assert_int_equal(type_of(&l, 1, &from, &to), 131);
    assert_true(ipaddr_equal(&to, &group));
    assert_int_equal(type_of(&l, 2, &from, &to), 131);
    assert_true(ipaddr_equal(&to, &nd_all_routers));

    query[8] = 0xff; /* a group that we are not in */
    query[23] = 0x77;
    put(&l, &asked, query, sizeof(query), &packet);
    wait(&l, 20 * SECOND);
    assert_int_equal(l.n_frames, 3);
}

static void messages_reach_the_core(void **state)
{
    static const uint8_t solicitation[8] = {ND_ROUTER_SOLICIT};
    struct ra_packet packet = {0};
    struct lab l;
    (void)state;
    open_ready(&l);
    assert_true(put(&l, &(struct made){.from = "fe80::9", .to = "ff02::2", .hop_limit = 254}, solicitation, 8,
                    &packet));
    assert_int_equal(packet.hop_limit, 254); /* for the core to judge */
    assert_int_equal(packet.len, 8);
    assert_memory_equal(packet.from_mac, other_mac, 6);
    struct ipaddr from = addr_of("fe80::9");
    assert_true(ipaddr_equal(&packet.from, &from) && ipaddr_equal(&packet.to, &nd_all_routers));
    assert_false(put(&l, &(struct made){.from = "fe80::9", .to = "ff02::3", .hop_limit = 255}, solicitation,
                     8, &packet));
}

/* Each truncation, and each byte changed: what comes out is nothing or whole. */
static void frames_from_anybody(void **state)
{
    uint8_t frame[RA_FRAME_MAX], message[128], *copy;
    struct ra_packet packet;
    struct lab l;
    (void)state;
    open_ready(&l);
    size_t len = neighbor(ND_NEIGHBOR_SOLICIT, OWN, NULL, message);
    len = make(&(struct made){.from = "fe80::9", .to = GROUP, .hop_limit = 255, .alert = true}, message, len,
               frame);
    for (size_t cut = 0; cut <= len; cut++) {
        copy = malloc(cut ? cut : 1);
        memcpy(copy, frame, cut);
        ra_port_input(&l.port, copy, cut, l.now, &packet);
        drain(&l);
        free(copy);
    }
    assert_int_equal(l.n_frames, 1); /* the whole one */
    for (size_t at = 0; at < len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            l.n_frames = 0;
            frame[at] ^= (uint8_t)(1u << bit);
            ra_port_input(&l.port, frame, len, l.now, &packet);
            drain(&l);
            frame[at] ^= (uint8_t)(1u << bit);
        }
    wait(&l, 100 * SECOND);
}

static void what_does_not_fit_is_not_sent(void **state)
{
    static uint8_t big[RA_FRAME_MAX];
    uint8_t frame[RA_FRAME_MAX];
    struct lab l;
    (void)state;
    open_ready(&l);
    struct ra_event e = {.to = nd_all_nodes, .bytes = big, .len = RA_FRAME_MAX - 54};
    assert_int_equal(ra_port_wrap(&l.port, &e, frame), RA_FRAME_MAX);
    assert_memory_equal(frame, "\x33\x33\0\0\0\1", 6);
    e.len++;
    assert_int_equal(ra_port_wrap(&l.port, &e, frame), 0);
    e = (struct ra_event){.to = addr_of("fe80::9"), .bytes = big, .len = 16};
    assert_int_equal(ra_port_wrap(&l.port, &e, frame), 0); /* nobody knows its MAC address */
    e.to_mac[0] = 2;
    assert_int_equal(ra_port_wrap(&l.port, &e, frame), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_is_tried),
        cmocka_unit_test(somebody_has_it),
        cmocka_unit_test(somebody_has_them_all),
        cmocka_unit_test(an_echo_is_nobody),
        cmocka_unit_test(echoes_without_end),
        cmocka_unit_test(neighbours_find_it),
        cmocka_unit_test(echoes_are_answered),
        cmocka_unit_test(groups_are_told),
        cmocka_unit_test(messages_reach_the_core),
        cmocka_unit_test(frames_from_anybody),
        cmocka_unit_test(what_does_not_fit_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
