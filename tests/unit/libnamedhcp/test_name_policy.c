/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who gets which name: bindings, wishes, claims, made names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "libnamedhcp/name_policy.h"

#define NOW 1000000
#define DAY 86400

static const struct siphash_key key = {{1, 2}};

static struct name_policy *new_policy(const struct name_policy_settings *settings)
{
    struct name_policy_settings s = *settings;
    struct name_policy *p = NULL;

    s.key = key;
    assert_int_equal(name_policy_new(&s, &p), 0);
    return p;
}

struct who {
    uint8_t duid[NAME_IDENTITY_MAX], mac[6], wish[DNAME_MAX];
    struct name_policy_client client;
};

static struct name_policy_client *who(struct who *w, const char *identity, const char *mac, const char *wish)
{
    *w = (struct who){0};
    w->client = (struct name_policy_client){.identity = w->duid, .identity_len = strlen(identity)};
    memcpy(w->duid, identity, strlen(identity));
    if (mac) {
        memcpy(w->mac, mac, 6);
        w->client.mac = w->mac;
    }
    if (wish) {
        assert_true(dname_from_text(wish, strlen(wish), w->wish) > 0);
        w->client.wanted = w->wish;
    }
    return &w->client;
}

static void expect_at(struct name_policy *p, const struct name_policy_client *client, int64_t now,
                      const char *name)
{
    uint8_t got[DNAME_MAX];
    char text[DNAME_TEXT_MAX];

    assert_int_equal(name_policy_find(p, client, now, got), NAME_GIVEN);
    assert_string_equal(dname_to_text(got, text), name);
}

static void expect(struct name_policy *p, const struct name_policy_client *client, const char *name)
{
    expect_at(p, client, NOW, name);
}

static void expect_verdict(struct name_policy *p, const struct name_policy_client *client,
                           enum name_verdict verdict)
{
    uint8_t got[DNAME_MAX];

    assert_int_equal(name_policy_find(p, client, NOW, got), verdict);
}

/* The client gets the name that it wants, and uses it. */
static int use(struct name_policy *p, const struct name_policy_client *client, int64_t now, int64_t *ends)
{
    uint8_t got[DNAME_MAX];

    assert_int_equal(name_policy_find(p, client, now, got), NAME_GIVEN);
    return name_policy_use(p, client, got, now, ends);
}

static struct name_binding binding(const char *identity, const char *mac, const char *name)
{
    struct name_binding b = {.identity_len = (uint8_t)(identity ? strlen(identity) : 0)};

    if (identity)
        memcpy(b.identity, identity, strlen(identity));
    if (mac)
        memcpy(b.mac, mac, 6);
    assert_true(dname_from_text(name, strlen(name), b.name) > 0);
    return b;
}

static void a_wish_is_granted_in_lower_case(void **state)
{
    (void)state;
    struct name_policy *p = new_policy(&(struct name_policy_settings){0});
    struct who w;

    expect(p, who(&w, "id", NULL, "Host1.Hash.LOCAL"), "host1.hash.local");
    expect_verdict(p, who(&w, "id", NULL, NULL), NAME_NONE);
    expect_verdict(p, who(&w, "id", NULL, "."), NAME_FORBIDDEN);
    name_policy_free(p);
}

static void bindings_come_first(void **state)
{
    (void)state;
    const struct name_binding list[] = {
        binding("alpha", NULL, "a.lan"), binding(NULL, "\2\0\0\0\0\1", "M.lan"),
        binding("beta", NULL, "b.lan"), binding("alpha", NULL, "again.lan"), /* the first counts */
    };
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.bindings = list, .n_bindings = ARRAY_LEN(list)});
    struct who w;

    expect(p, who(&w, "alpha", NULL, "wish.lan"), "a.lan");
    expect(p, who(&w, "beta", "\2\0\0\0\0\1", NULL), "b.lan"); /* identity before MAC */
    expect(p, who(&w, "gamma", "\2\0\0\0\0\1", NULL), "m.lan");
    expect(p, who(&w, "gamma", "\2\0\0\0\0\2", "wish.lan"), "wish.lan");
    expect_verdict(p, who(&w, "gamma", NULL, "A.lan"), NAME_TAKEN);
    expect_verdict(p, who(&w, "gamma", NULL, "m.lan"), NAME_TAKEN);
    expect(p, who(&w, "gamma", NULL, "again.lan"), "again.lan"); /* overruled, so nobody's */
    name_policy_free(p);
}

static void domains_and_patterns_bound_wishes(void **state)
{
    (void)state;
    uint8_t lan[DNAME_MAX], hash[DNAME_MAX];
    assert_true(dname_from_text("LAN", 3, lan) > 0 && dname_from_text("hash.local", 10, hash) > 0);
    const uint8_t *domains[] = {lan, hash};
    const char *patterns[] = {"*.LAN", "node-??.hash.local", "a*b*c.hash.local"};
    struct name_policy *p = new_policy(&(struct name_policy_settings){
        .domains = domains, .n_domains = 2, .patterns = patterns, .n_patterns = 3});
    struct who w;

    expect(p, who(&w, "id", NULL, "x.y.lan"), "x.y.lan");
    expect(p, who(&w, "id", NULL, "node-07.hash.local"), "node-07.hash.local");
    expect(p, who(&w, "id", NULL, "axxbyybzc.hash.local"), "axxbyybzc.hash.local");
    expect_verdict(p, who(&w, "id", NULL, "node-7.hash.local"), NAME_FORBIDDEN);
    expect_verdict(p, who(&w, "id", NULL, "axxbyybzd.hash.local"), NAME_FORBIDDEN);
    expect_verdict(p, who(&w, "id", NULL, "www.example.com"), NAME_FORBIDDEN);
    expect_verdict(p, who(&w, "id", NULL, "lan"), NAME_FORBIDDEN); /* the domain itself is no host's */
    expect_verdict(p, who(&w, "id", NULL, "xlan"), NAME_FORBIDDEN);

    who(&w, "id", NULL, "printer")->partial = true;
    expect(p, &w.client, "printer.lan");
    name_policy_free(p);
}

static void a_name_too_long_is_forbidden(void **state)
{
    (void)state;
    uint8_t lan[DNAME_MAX];
    assert_true(dname_from_text("lan", 3, lan) > 0);
    const uint8_t *domains[] = {lan};
    struct name_policy *p = new_policy(&(struct name_policy_settings){.domains = domains, .n_domains = 1});
    struct who w;
    char name[256];

    for (unsigned i = 0; i < 251; i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    name[251] = '\0';
    who(&w, "id", NULL, name)->partial = true;
    expect_verdict(p, &w.client, NAME_FORBIDDEN);
    name_policy_free(p);
}

static void first_come_first_served(void **state)
{
    (void)state;
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = DAY});
    struct who a, b;
    int64_t ends = 0;
    who(&a, "alpha", NULL, "printer.lan");
    who(&b, "beta", NULL, "Printer.LAN");

    expect(p, &b.client, "printer.lan"); /* asked for, not used: nobody's yet */
    assert_int_equal(use(p, &a.client, NOW, &ends), 1);
    assert_int_equal(ends, NOW + DAY);
    expect_verdict(p, &b.client, NAME_TAKEN);
    assert_int_equal(use(p, &a.client, NOW + 10, &ends), 0);           /* nothing new to keep */
    assert_int_equal(use(p, &a.client, NOW + DAY / 2 + 10, &ends), 1); /* now there is */
    expect_at(p, &b.client, NOW + 2 * DAY, "printer.lan");             /* it has ended */
    assert_int_equal(use(p, &b.client, NOW + 2 * DAY, &ends), 1);
    uint8_t name[DNAME_MAX];
    assert_int_equal(name_policy_use(p, &a.client, a.wish, NOW + 2 * DAY, &ends), -EEXIST);
    assert_int_equal(name_policy_first_end(p), NOW + 3 * DAY);
    assert_false(name_policy_expire(p, NOW + 2 * DAY, name));
    assert_true(name_policy_expire(p, NOW + 3 * DAY, name));
    assert_int_equal(name_policy_first_end(p), INT64_MAX);
    name_policy_free(p);
}

/* A disk that was full: what a client was not told of is not on record, and has to be before it is. */
static void a_claim_that_could_not_be_kept_is_kept_anew(void **state)
{
    struct who a, b;
    int64_t ends = 0;

    (void)state;
    who(&a, "alpha", NULL, "printer.lan");
    who(&b, "beta", NULL, "laptop.lan");
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = DAY});
    assert_int_equal(name_policy_restore(p, b.wish, &b.client, NOW + DAY), 0);
    assert_int_equal(use(p, &a.client, NOW, &ends), 1);
    assert_int_equal(use(p, &a.client, NOW + 1, &ends), 0);
    assert_int_equal(use(p, &b.client, NOW + 1, &ends), 0);
    name_policy_lost(p);
    assert_int_equal(use(p, &a.client, NOW + 2, &ends), 1);
    assert_int_equal(ends, NOW + 2 + DAY);
    assert_int_equal(use(p, &b.client, NOW + 2, &ends), 1);
    assert_int_equal(use(p, &a.client, NOW + 3, &ends), 0);
    name_policy_free(p);
}

static void claims_are_bounded_and_a_flood_takes_none(void **state)
{
    (void)state;
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.claims = true, .claims_max = 1000, .claims_keep_s = DAY});
    struct who w;
    int64_t ends = 0;
    assert_int_equal(use(p, who(&w, "honest", NULL, "honest.lan"), NOW, &ends), 1);
    for (unsigned i = 0; i < 100000; i++) {
        char identity[16], name[32];
        snprintf(identity, sizeof(identity), "id%u", i);
        snprintf(name, sizeof(name), "n%u.lan", i);
        assert_int_equal(use(p, who(&w, identity, NULL, name), NOW, &ends), i < 999 ? 1 : -ENOSPC);
    }
    expect_verdict(p, who(&w, "thief", NULL, "honest.lan"), NAME_TAKEN);
    assert_int_equal(use(p, who(&w, "honest", NULL, "honest.lan"), NOW + DAY - 1, &ends), 1);
    name_policy_free(p);
}

static void claims_outlive_a_restart(void **state)
{
    (void)state;
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = DAY});
    struct who w;
    who(&w, "alpha", NULL, "printer.lan");
    assert_int_equal(name_policy_restore(p, w.wish, &w.client, NOW + 100), 0);
    expect(p, &w.client, "printer.lan");
    expect_verdict(p, who(&w, "beta", NULL, "printer.lan"), NAME_TAKEN);
    assert_int_equal(name_policy_restore(p, w.wish, &w.client, NOW + 200),
                     0); /* kept twice: the first counts */
    expect_verdict(p, &w.client, NAME_TAKEN);
    name_policy_free(p);
}

/* A client of DHCPv6 needs not say who it is, and a made name has to fit into 255 bytes. */
static void names_that_cannot_be_made(void **state)
{
    (void)state;
    const char *long_one = "%duid%.%duid%.%duid%.lan";
    struct name_policy *p = new_policy(&(struct name_policy_settings){.made = "n-%duid%.lan"});
    struct who w;

    expect(p, who(&w, "ab", NULL, NULL), "n-6162.lan");
    expect_verdict(p, who(&w, "", "\2\0\0\0\0\1", NULL), NAME_NONE);
    name_policy_free(p);
    p = new_policy(&(struct name_policy_settings){.made = long_one});
    expect(p, who(&w, "0123456789", NULL, NULL),
           "30313233343536373839.30313233343536373839.30313233343536373839.lan");
    char identity[NAME_IDENTITY_MAX];
    memset(identity, 'x', sizeof(identity));
    identity[sizeof(identity) - 1] = '\0';
    expect_verdict(p, who(&w, identity, NULL, NULL), NAME_NONE);
    name_policy_free(p);
}

/* A pattern's last `*` takes nothing, too. */
static void a_star_at_the_end(void **state)
{
    (void)state;
    const char *patterns[] = {"x.lan**"};
    struct name_policy *p = new_policy(&(struct name_policy_settings){.patterns = patterns, .n_patterns = 1});
    struct who w;

    expect(p, who(&w, "id", NULL, "x.lan"), "x.lan");
    expect(p, who(&w, "id", NULL, "x.lan.org"), "x.lan.org");
    expect_verdict(p, who(&w, "id", NULL, "x.la"), NAME_FORBIDDEN);
    name_policy_free(p);
}

/* RFC 4361: the DHCPv4 client identifier has the DUID of DHCPv6 in it. */
#define DUID "\0\1\0\1duid"
#define WITH(d)                                                                                              \
    "\xff"                                                                                                   \
    "iaid" d

static struct name_policy_client *who_bytes(struct who *w, const char *identity, size_t len, const char *mac,
                                            const char *wish)
{
    who(w, "", mac, wish);
    memcpy(w->duid, identity, len);
    w->client.identity_len = len;
    return &w->client;
}
#define WHO(w, identity, mac, wish) who_bytes(w, identity, sizeof(identity) - 1, mac, wish)

static void a_node_has_its_name_on_both_protocols(void **state)
{
    (void)state;
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = DAY});
    struct who w;
    int64_t ends;

    assert_int_equal(use(p, WHO(&w, DUID, NULL, "a.lan"), NOW, &ends), 1);
    assert_int_equal(use(p, WHO(&w, WITH(DUID), NULL, "a.lan"), NOW, &ends), 0);
    expect_verdict(p, WHO(&w, WITH("\0\1\0\1other"), NULL, "a.lan"), NAME_TAKEN);
    expect_verdict(p, WHO(&w, "\1\2\0\0\0\0\7", "\2\0\0\0\0\7", "a.lan"), NAME_TAKEN);
    assert_int_equal(use(p, WHO(&w, WITH(DUID), NULL, "b.lan"), NOW, &ends), 1);
    expect(p, WHO(&w, DUID, NULL, "b.lan"), "b.lan");
    expect_verdict(p, WHO(&w, "\0\1\0\1other", NULL, "b.lan"), NAME_TAKEN);
    name_policy_free(p);
}

/* One that has no DUID on DHCPv4 is known by its hardware address. */
static void hardware_is_known_on_both_protocols(void **state)
{
    static const char mac[] = "\2\0\0\0\0\7", other[] = "\2\0\0\0\0\x8";
    (void)state;
    struct name_policy *p =
        new_policy(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = DAY});
    struct who w;
    int64_t ends;

    assert_int_equal(use(p, WHO(&w, DUID, mac, "a.lan"), NOW, &ends), 1);
    assert_int_equal(use(p, WHO(&w, "\1\2\0\0\0\0\7", mac, "a.lan"), NOW, &ends), 0);
    expect_verdict(p, WHO(&w, "\1\2\0\0\0\0\x8", other, "a.lan"), NAME_TAKEN);
    expect_verdict(p, WHO(&w, "\0\1\0\1other", mac, "a.lan"), NAME_TAKEN); /* two DUIDs are two nodes */
    assert_int_equal(use(p, WHO(&w, "\1\2\0\0\0\0\7", mac, "b.lan"), NOW, &ends), 1);
    expect(p, WHO(&w, DUID, mac, "b.lan"), "b.lan");
    expect_verdict(p, WHO(&w, DUID, NULL, "b.lan"), NAME_TAKEN);
    assert_int_equal(name_policy_restore(p, (const uint8_t *)"\1c\3lan", WHO(&w, DUID, mac, NULL), NOW + 9),
                     0);
    expect(p, WHO(&w, "\1\2\0\0\0\0\7", NULL, "c.lan"), "c.lan");
    name_policy_free(p);
}

static void a_duid_binds_on_both_protocols(void **state)
{
    (void)state;
    struct name_binding b = {.identity_len = sizeof(DUID) - 1, .identity = DUID, .name = "\1a\3lan"};
    struct name_policy *p = new_policy(&(struct name_policy_settings){.bindings = &b, .n_bindings = 1});
    struct who w;

    expect(p, WHO(&w, DUID, NULL, "other.lan"), "a.lan");
    expect(p, WHO(&w, WITH(DUID), NULL, "other.lan"), "a.lan");
    expect(p, WHO(&w, WITH("\0\1\0\1x"), NULL, "other.lan"), "other.lan");
    name_policy_free(p);
}

/* What a client would get without a wish needs no claim, and takes no place among them. */
static void made_names_are_not_claimed(void **state)
{
    (void)state;
    struct name_policy *p = new_policy(&(struct name_policy_settings){
        .claims = true, .claims_max = 10, .claims_keep_s = DAY, .made = "%duid%.lan"});
    struct who w;
    int64_t ends;

    assert_int_equal(use(p, who(&w, "abc", NULL, "616263.lan"), NOW, &ends), 0);
    assert_int_equal(use(p, who(&w, "abc", NULL, "mine.lan"), NOW, &ends), 1);
    name_policy_free(p);
}

static void names_are_made_of_clients(void **state)
{
    (void)state;
    uint8_t lan[DNAME_MAX];
    assert_true(dname_from_text("lan", 3, lan) > 0);
    const uint8_t *domains[] = {lan};
    struct name_policy *p = new_policy(
        &(struct name_policy_settings){.domains = domains, .n_domains = 1, .made = "x%duid%.Hash.local"});
    struct who w;

    expect(p, who(&w, "\1\2\xff", NULL, NULL), "x0102ff.hash.local");
    expect(p, who(&w, "\1\2\xff", NULL, "bad.example"),
           "x0102ff.hash.local"); /* forbidden: it gets that one */
    expect(p, who(&w, "\1\2\xff", NULL, "good.lan"), "good.lan");
    name_policy_free(p);

    p = new_policy(&(struct name_policy_settings){.made = "%mac%.lan"});
    expect(p, who(&w, "i", "\2\0\0\xab\0\1", NULL), "020000ab0001.lan");
    expect_verdict(p, who(&w, "i", NULL, NULL), NAME_NONE);
    name_policy_free(p);
}

static void long_identities_make_several_labels(void **state)
{
    (void)state;
    struct name_policy *p = new_policy(&(struct name_policy_settings){.made = "%duid%.lan"});
    struct who w;
    char identity[131];
    uint8_t name[DNAME_MAX];

    memset(identity, 'A', sizeof(identity) - 1);
    identity[33] = '\0';
    who(&w, identity, NULL, NULL);
    assert_int_equal(name_policy_find(p, &w.client, NOW, name), NAME_GIVEN);
    assert_int_equal(name[0], 62);
    assert_int_equal(name[63], 4);
    identity[33] = 'A';
    identity[130] = '\0';
    expect_verdict(p, who(&w, identity, NULL, NULL), NAME_NONE); /* 260 digits are no name */
    name_policy_free(p);
}

static void what_makes_no_name_is_refused(void **state)
{
    (void)state;
    struct name_policy *p = NULL;
    const char *bad[] = {"same.for.all", "%duid%..lan", "%DUID", ""};

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(name_policy_new(&(struct name_policy_settings){.made = bad[i]}, &p), -EINVAL);
    name_policy_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wish_is_granted_in_lower_case),
        cmocka_unit_test(bindings_come_first),
        cmocka_unit_test(domains_and_patterns_bound_wishes),
        cmocka_unit_test(a_name_too_long_is_forbidden),
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(a_claim_that_could_not_be_kept_is_kept_anew),
        cmocka_unit_test(claims_are_bounded_and_a_flood_takes_none),
        cmocka_unit_test(claims_outlive_a_restart),
        cmocka_unit_test(names_that_cannot_be_made),
        cmocka_unit_test(a_star_at_the_end),
        cmocka_unit_test(a_node_has_its_name_on_both_protocols),
        cmocka_unit_test(hardware_is_known_on_both_protocols),
        cmocka_unit_test(a_duid_binds_on_both_protocols),
        cmocka_unit_test(made_names_are_not_claimed),
        cmocka_unit_test(names_are_made_of_clients),
        cmocka_unit_test(long_identities_make_several_labels),
        cmocka_unit_test(what_makes_no_name_is_refused),
    };
    return cmocka_run_group_tests_name("name_policy", tests, NULL, NULL);
}
