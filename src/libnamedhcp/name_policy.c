/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The decision goes down the list of name_policy.h; the first that gives a name wins. If none does, the verdict is what was
 * wrong with the client's own wish. So a client without a wish, or with a forbidden one, gets the made name where there is
 * one, and with it an address.
 *
 * Bindings are looked up by binary search in two arrays of pointers, sorted by client and by name. Claims are in
 * name_claims.c. A claim that is used again is not kept anew each time: it is given a new end on record only when less than
 * half of the time that it lasts is left there, so a thousand renewals of a lease write it once or twice.
 */
#include "libnamedhcp/name_policy.h"

#include "libnamedhcp/name_claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDENTITY_WORD "%duid%"
#define MAC_WORD      "%mac%"
#define HEX_LABEL_MAX 62 /* digits of a label: whole bytes, 63 at the most (RFC 1035 s2.3.4) */

struct name_policy {
    unsigned n_bindings, n_domains, n_patterns, n_clients, n_names;
    struct name_binding *bindings;
    const struct name_binding **by_client, **by_name; /* n_clients, n_names: none twice */
    uint8_t (*domains)[DNAME_MAX];
    char **patterns;
    char *made;
    bool claiming;
    int64_t keep_s;
    uint32_t losses; /* how often something that was to be kept was lost */
    struct name_claims claims;
};

/* --- bindings --- */

int name_binding_order(const struct name_binding *a, const struct name_binding *b)
{
    if (a->identity_len != b->identity_len)
        return a->identity_len < b->identity_len ? -1 : 1;
    if (a->identity_len > 0)
        return memcmp(a->identity, b->identity, a->identity_len);
    return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static int compare_names(const struct name_binding *a, const struct name_binding *b)
{
    size_t a_len = dname_len(a->name), b_len = dname_len(b->name);

    return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a->name, b->name, a_len);
}

static int by_client(const void *a, const void *b)
{
    return name_binding_order(*(const struct name_binding *const *)a, *(const struct name_binding *const *)b);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(*(const struct name_binding *const *)a, *(const struct name_binding *const *)b);
}

/* For qsort: of equal ones, which stand in one array, the first before the others. */
static int by_client_in_order(const void *a, const void *b)
{
    const struct name_binding *first = *(const struct name_binding *const *)a;
    const struct name_binding *second = *(const struct name_binding *const *)b;
    int order = name_binding_order(first, second);

    return order ? order : (first > second) - (first < second);
}

/* Takes out all that equal the one before them; returns how many are left. */
static unsigned drop_doubles(const struct name_binding **list, unsigned n,
                             int (*compare)(const struct name_binding *, const struct name_binding *))
{
    unsigned kept = 0;

    for (unsigned i = 0; i < n; i++)
        if (kept == 0 || compare(list[kept - 1], list[i]) != 0)
            list[kept++] = list[i];
    return kept;
}

/* A name that is overruled, since its client is bound to another one already, is nobody's: names are those of by_client. */
static int index_bindings(struct name_policy *p)
{
    p->by_client = calloc(p->n_bindings + 1u, sizeof(const struct name_binding *));
    p->by_name = calloc(p->n_bindings + 1u, sizeof(const struct name_binding *));
    if (!p->by_client || !p->by_name)
        return -ENOMEM;
    for (unsigned i = 0; i < p->n_bindings; i++) {
        struct name_binding *b = &p->bindings[i];
        dname_lower(b->name, b->name, dname_len(b->name));
        p->by_client[i] = b;
    }
    qsort(p->by_client, p->n_bindings, sizeof(const struct name_binding *), by_client_in_order);
    p->n_clients = drop_doubles(p->by_client, p->n_bindings, name_binding_order);
    memcpy(p->by_name, p->by_client, p->n_clients * sizeof(const struct name_binding *));
    qsort(p->by_name, p->n_clients, sizeof(const struct name_binding *), by_name);
    p->n_names = drop_doubles(p->by_name, p->n_clients, compare_names);
    return 0;
}

static const struct name_binding *find_binding(const struct name_binding **list, unsigned n,
                                               const struct name_binding *like,
                                               int (*compare)(const void *, const void *))
{
    const struct name_binding **found = bsearch(&like, list, n, sizeof(const struct name_binding *), compare);

    return found ? *found : NULL;
}

static const struct name_binding *bound_identity(const struct name_policy *p, const uint8_t *identity,
                                                 size_t len)
{
    struct name_binding like = {.identity_len = (uint8_t)len};

    if (len == 0)
        return NULL;
    memcpy(like.identity, identity, len);
    return find_binding(p->by_client, p->n_clients, &like, by_client);
}

/* The DUID of a node binds it on both protocols. */
static const struct name_binding *bound_client(const struct name_policy *p,
                                               const struct name_policy_client *client)
{
    const struct name_binding *found = bound_identity(p, client->identity, client->identity_len);
    size_t duid_at = name_duid_at(client->identity, client->identity_len);
    struct name_binding like;

    if (!found && duid_at > 0)
        found = bound_identity(p, client->identity + duid_at, client->identity_len - duid_at);
    if (found || !client->mac)
        return found;
    like = (struct name_binding){0};
    memcpy(like.mac, client->mac, sizeof(like.mac));
    return find_binding(p->by_client, p->n_clients, &like, by_client);
}

static bool is_bound_name(const struct name_policy *p, const uint8_t *name)
{
    struct name_binding like = {0};

    memcpy(like.name, name, dname_len(name));
    return find_binding(p->by_name, p->n_names, &like, by_name) != NULL;
}

/* --- what a client wants --- */

/* `*` any bytes, `?` one; on a mismatch the last `*` takes a byte more, so the time is at most the product of both
 * lengths. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_allowed(const struct name_policy *p, const uint8_t *name)
{
    char text[DNAME_TEXT_MAX];
    bool within = p->n_domains == 0, allowed = p->n_patterns == 0;

    for (unsigned i = 0; i < p->n_domains && !within; i++)
        within = dname_len(name) > dname_len(p->domains[i]) && dname_within(name, p->domains[i]);
    if (!within || allowed)
        return within;
    dname_to_text(name, text);
    for (unsigned i = 0; i < p->n_patterns && !allowed; i++)
        allowed = matches(p->patterns[i], text);
    return allowed;
}

/* The whole of the name that a client wants, in lower case; false: it becomes too long, or is the root. */
static bool complete(const struct name_policy *p, const struct name_policy_client *client,
                     uint8_t ret[static DNAME_MAX])
{
    size_t len = dname_len(client->wanted);
    const uint8_t *domain = client->partial && p->n_domains > 0 ? p->domains[0] : NULL;
    size_t domain_len = domain ? dname_len(domain) : 1;

    if (len <= 1 || len - 1 + domain_len > DNAME_MAX)
        return false;
    dname_lower(ret, client->wanted, len);
    if (domain)
        memcpy(ret + len - 1, domain, domain_len);
    return true;
}

static enum name_verdict judge_wish(const struct name_policy *p, const struct name_policy_client *client,
                                    int64_t now_s, uint8_t ret[static DNAME_MAX])
{
    uint8_t name[DNAME_MAX];

    if (!client->wanted)
        return NAME_NONE;
    if (!complete(p, client, name) || !is_allowed(p, name))
        return NAME_FORBIDDEN;
    if (is_bound_name(p, name))
        return NAME_TAKEN;
    const struct name_claim *claim = p->claiming ? name_claims_find(&p->claims, name) : NULL;
    if (claim && claim->by_end.deadline > now_s && !name_claim_is_of(claim, client))
        return NAME_TAKEN;
    memcpy(ret, name, dname_len(name));
    return NAME_GIVEN;
}

/* --- names made of the client --- */

struct text {
    char bytes[DNAME_TEXT_MAX];
    size_t len;
    bool full;
};

static void put_text(struct text *t, const char *bytes, size_t len)
{
    t->full = t->full || len >= sizeof(t->bytes) - t->len;
    if (t->full)
        return;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

/* Hexadecimal digits, cut into labels where they are more than a label holds: nothing of an identity gets lost, so two
 * clients never get one name. */
static void put_hex(struct text *t, const uint8_t *bytes, size_t len)
{
    char digits[3];

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && 2 * i % HEX_LABEL_MAX == 0)
            put_text(t, ".", 1);
        snprintf(digits, sizeof(digits), "%02x", bytes[i]);
        put_text(t, digits, 2);
    }
}

/* False: the client lacks what the name is made of, or it becomes too long. */
static bool make_name(const char *made, const struct name_policy_client *client,
                      uint8_t ret[static DNAME_MAX])
{
    struct text t = {.len = 0};

    while (*made) {
        if (strncmp(made, IDENTITY_WORD, strlen(IDENTITY_WORD)) == 0) {
            if (client->identity_len == 0)
                return false;
            put_hex(&t, client->identity, client->identity_len);
            made += strlen(IDENTITY_WORD);
        } else if (strncmp(made, MAC_WORD, strlen(MAC_WORD)) == 0) {
            if (!client->mac)
                return false;
            put_hex(&t, client->mac, 6);
            made += strlen(MAC_WORD);
        } else {
            put_text(&t, made++, 1);
        }
    }
    int len = t.full ? -ENAMETOOLONG : dname_from_text(t.bytes, t.len, ret);
    if (len > 0)
        dname_lower(ret, ret, (size_t)len);
    return len > 1;
}

static bool is_made_well(const char *made)
{
    const uint8_t sample[6] = {0};
    const struct name_policy_client client = {.identity = sample, .identity_len = 6, .mac = sample};
    uint8_t name[DNAME_MAX];

    return !strpbrk(made, " \t") && (strstr(made, IDENTITY_WORD) || strstr(made, MAC_WORD)) &&
           make_name(made, &client, name);
}

/* --- what others call --- */

enum name_verdict name_policy_find(const struct name_policy *p, const struct name_policy_client *client,
                                   int64_t now_s, uint8_t ret[static DNAME_MAX])
{
    const struct name_binding *bound = bound_client(p, client);

    if (bound) {
        memcpy(ret, bound->name, dname_len(bound->name));
        return NAME_GIVEN;
    }
    enum name_verdict verdict = judge_wish(p, client, now_s, ret);
    if (verdict != NAME_GIVEN && p->made && make_name(p->made, client, ret))
        verdict = NAME_GIVEN;
    return verdict;
}

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    size_t len = dname_len(a);

    return len == dname_len(b) && memcmp(a, b, len) == 0;
}

/* The name was the client's own wish, and not what it would get without one. */
static bool is_wish(const struct name_policy *p, const struct name_policy_client *client, const uint8_t *name)
{
    uint8_t wish[DNAME_MAX], made[DNAME_MAX];

    if (!client->wanted || bound_client(p, client) || !complete(p, client, wish) || !is_same(wish, name))
        return false;
    return !p->made || !make_name(p->made, client, made) || !is_same(made, name);
}

int name_policy_use(struct name_policy *p, const struct name_policy_client *client, const uint8_t *name,
                    int64_t now_s, int64_t *ret_ends_s)
{
    int64_t ends = now_s + p->keep_s;

    if (!p->claiming || !is_wish(p, client, name))
        return 0;
    struct name_claim *claim = name_claims_find(&p->claims, name);
    if (claim && !name_claim_is_of(claim, client)) {
        if (claim->by_end.deadline > now_s)
            return -EEXIST;
        name_claims_remove(&p->claims, claim);
        claim = NULL;
    }
    if (!claim) {
        int error = name_claims_add(&p->claims, name, client, ends, &claim);
        if (error < 0)
            return error;
    } else if (heap_set(&p->claims.ends, &claim->by_end, ends) < 0) {
        return -ENOMEM;
    }
    if (claim->losses == p->losses && claim->kept_until_s - now_s >= p->keep_s / 2)
        return 0;
    claim->losses = p->losses;
    *ret_ends_s = claim->kept_until_s = ends;
    return 1;
}

void name_policy_lost(struct name_policy *p)
{
    p->losses++;
}

int name_policy_restore(struct name_policy *p, const uint8_t *name, const struct name_policy_client *client,
                        int64_t ends_s)
{
    struct name_claim *claim = name_claims_find(&p->claims, name);

    if (claim)
        return 0;
    int error = name_claims_add(&p->claims, name, client, ends_s, &claim);
    if (error == 0) {
        claim->kept_until_s = ends_s;
        claim->losses = p->losses;
    }
    return error;
}

bool name_policy_expire(struct name_policy *p, int64_t now_s, uint8_t ret[static DNAME_MAX])
{
    struct name_claim *claim = name_claims_first(&p->claims);

    if (!claim || claim->by_end.deadline > now_s)
        return false;
    memcpy(ret, name_claim_name(claim), claim->name_len);
    name_claims_remove(&p->claims, claim);
    return true;
}

int64_t name_policy_first_end(const struct name_policy *p)
{
    const struct name_claim *claim = name_claims_first(&p->claims);

    return claim ? claim->by_end.deadline : INT64_MAX;
}

/* --- its life --- */

static int copy_bindings(struct name_policy *p, const struct name_policy_settings *s)
{
    p->bindings = calloc(s->n_bindings + 1u, sizeof(*p->bindings));
    if (!p->bindings)
        return -ENOMEM;
    p->n_bindings = s->n_bindings;
    if (s->n_bindings > 0)
        memcpy(p->bindings, s->bindings, s->n_bindings * sizeof(*p->bindings));
    return index_bindings(p);
}

static int copy_domains(struct name_policy *p, const struct name_policy_settings *s)
{
    p->domains = calloc(s->n_domains + 1u, sizeof(*p->domains));
    if (!p->domains)
        return -ENOMEM;
    p->n_domains = s->n_domains;
    for (unsigned i = 0; i < s->n_domains; i++)
        dname_lower(p->domains[i], s->domains[i], dname_len(s->domains[i]));
    return 0;
}

static char *lower_copy(const char *text)
{
    char *copy = strdup(text);

    for (char *c = copy; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    return copy;
}

/* Names become text in lower case as they are allowed to, so patterns are kept so, too. */
static int copy_texts(struct name_policy *p, const struct name_policy_settings *s)
{
    p->patterns = calloc(s->n_patterns + 1u, sizeof(*p->patterns));
    if (!p->patterns)
        return -ENOMEM;
    for (; p->n_patterns < s->n_patterns; p->n_patterns++) {
        p->patterns[p->n_patterns] = lower_copy(s->patterns[p->n_patterns]);
        if (!p->patterns[p->n_patterns])
            return -ENOMEM;
    }
    if (!s->made)
        return 0;
    p->made = lower_copy(s->made);
    if (!p->made)
        return -ENOMEM;
    return is_made_well(p->made) ? 0 : -EINVAL;
}

int name_policy_new(const struct name_policy_settings *settings, struct name_policy **ret)
{
    struct name_policy *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->claiming = settings->claims;
    p->keep_s = settings->claims_keep_s;
    int error = name_claims_init(&p->claims, settings->claims_max, &settings->key);
    if (error < 0) {
        free(p);
        return error;
    }
    error = copy_bindings(p, settings);
    if (error == 0)
        error = copy_domains(p, settings);
    if (error == 0)
        error = copy_texts(p, settings);
    if (error < 0) {
        name_policy_free(p);
        return error;
    }
    *ret = p;
    return 0;
}

void name_policy_free(struct name_policy *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->n_patterns; i++)
        free(p->patterns[i]);
    free(p->patterns);
    free(p->made);
    free(p->domains);
    free(p->by_client);
    free(p->by_name);
    free(p->bindings);
    name_claims_fini(&p->claims);
    free(p);
}

bool name_policy_forget(struct name_policy *p, const uint8_t *name)
{
    uint8_t lower[DNAME_MAX];
    size_t len = dname_len(name);

    dname_lower(lower, name, len);
    struct name_claim *claim = p->claiming ? name_claims_find(&p->claims, lower) : NULL;
    if (claim)
        name_claims_remove(&p->claims, claim);
    return claim != NULL;
}

uint32_t name_policy_claims(const struct name_policy *p)
{
    return p->claiming ? p->claims.count : 0;
}
