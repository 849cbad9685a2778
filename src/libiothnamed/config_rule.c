/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * auth: the rules. The source's row says which words follow the nets (source.h), and this file knows each
 * kind of word: domains, bases, passwords, servers, rcodes. So a new source with known kinds of words changes
 * nothing here.
 *
 * A domain is a prefix if it ends in a slash and digits, or begins with an address and a slash; anything else
 * is a name, slashes and all (RFC 2317 makes names such as 0/25.2.0.192.in-addr.arpa). Bases are kept once
 * each, also those that a domain NAME/LEN rests on, since a name is looked up once, whoever uses it.
 *
 * All wrong words of a rule are reported, each at its place; the rule is kept only if there are none.
 */
#include "libiothnamed/config_build.h"
#include "libiothnamed/source.h"
#include "wire/dnsmsg.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    FIRST_ARG = 3, /* words: auth TYPE NETS, then what the source takes */
    SYNOPSIS_MAX = 80,
};

/* The words that a source takes, in their order. */
static const struct {
    unsigned arg;
    const char *name;
    bool required;
} arg_words[] = {
    {SOURCE_DOMAIN, "DOMAIN", true},
    {SOURCE_FILE, "FILE", true},
    {SOURCE_LEASES, "FILE", true},
    {SOURCE_BASE, "BASE", true},
    {SOURCE_PASSWORD, "PASSWORD|@FILE", true},
    {SOURCE_KEY, "PASSWORD|@KEYFILE", true},
    {SOURCE_USER, "[USER]", false},
    {SOURCE_UPSTREAMS, "[ADDR[@PORT]...]", false},
    {SOURCE_RCODE, "[refused|nxdomain]", false},
};

static const char *synopsis_of(const struct source *source, char text[static SYNOPSIS_MAX])
{
    int at = snprintf(text, SYNOPSIS_MAX, "auth %s NETS", source->keyword);

    for (size_t i = 0; i < ARRAY_LEN(arg_words); i++) {
        const char *name = arg_words[i].name;
        if (arg_words[i].arg == SOURCE_DOMAIN)
            name = source->args & SOURCE_PREFIX ? "PREFIX"
                   : source->args & SOURCE_LIST ? "DOMAIN|@FILE"
                                                : name;
        if (source->args & arg_words[i].arg)
            at += snprintf(text + at, SYNOPSIS_MAX - (size_t)at, " %s", name);
    }
    return text;
}

/* How many words the line must have, and how many it may have. */
static unsigned words_of(const struct source *source, bool all)
{
    unsigned count = FIRST_ARG;

    for (size_t i = 0; i < ARRAY_LEN(arg_words); i++)
        count += source->args & arg_words[i].arg && (all || arg_words[i].required);
    return all && source->args & SOURCE_UPSTREAMS ? UINT16_MAX : count;
}

/* As in "net1, net2": what was meant for a net stands where the next word should. */
static bool has_blank_in_nets(const struct line *line, unsigned max)
{
    if (line->n_words <= FIRST_ARG)
        return false;
    struct piece nets = line->words[FIRST_ARG - 1].value, next = line->words[FIRST_ARG].value;
    bool ends = nets.len > 0 && nets.text[nets.len - 1] == ',';
    return ends || (line->n_words > max && next.len > 0 && next.text[0] == ',');
}

static bool count_rule_words(struct builder *b, const struct line *line, const struct source *source)
{
    char synopsis[SYNOPSIS_MAX];
    unsigned max = words_of(source, true);

    synopsis_of(source, synopsis);
    if (has_blank_in_nets(line, max)) {
        diag_error(b->diags, line->words[FIRST_ARG].raw.at,
                   "a blank in the list of nets, expected names separated by commas alone");
        return false;
    }
    if (line->n_words > max &&
        source->args & (SOURCE_PASSWORD | SOURCE_KEY)) { /* the word may be a part of the secret */
        diag_error(b->diags, line->words[max].raw.at,
                   "one word too many, expected '%s'; a password with blanks stands in quotes", synopsis);
        return false;
    }
    return count_words(b, line, words_of(source, false), max, synopsis);
}

static const struct source *read_type(struct builder *b, const struct line *line)
{
    if (line->n_words < 2) {
        diag_error(b->diags, line->end, "the line ends too early, expected 'auth TYPE NETS ...'");
        return NULL;
    }
    struct piece type = line->words[1].value;
    const struct source *source = source_by_keyword(type.text, type.len);
    if (!source) {
        struct suggestion known;
        suggestion_init(&known, type.text, type.len);
        for (const struct source *const *row = source_table; *row; row++)
            suggestion_offer(&known, (*row)->keyword);
        report_unknown(b, "type of rule", type, &known);
    }
    return source;
}

/* --- nets --- */

static bool add_net(struct builder *b, struct piece name, unsigned **nets, unsigned *count)
{
    int index = is_net_name(b, name) ? net_index(b, name) : -EINVAL;

    if (index < 0) {
        b->out_of_memory |= index == -ENOMEM;
        return false;
    }
    for (unsigned i = 0; i < *count; i++) {
        if ((*nets)[i] == (unsigned)index) {
            diag_warning(b->diags, name.at, "net %s is named twice", b->config->nets[index].name);
            return true;
        }
    }
    unsigned *more = array_more(&b->config->arena, *nets, *count, sizeof(*more));
    struct net_mention *mentions = array_more(&b->scratch, b->mentions, b->n_mentions, sizeof(*mentions));
    if (!got_memory(b, more) || !got_memory(b, mentions))
        return false;
    more[(*count)++] = (unsigned)index;
    *nets = more;
    mentions[b->n_mentions++] = (struct net_mention){.net = (unsigned)index, .at = name.at};
    b->mentions = mentions;
    return true;
}

static bool read_nets(struct builder *b, struct piece p, struct config_rule *rule)
{
    unsigned *nets = NULL;
    bool ok = true;
    size_t at = 0;

    for (;;) {
        const char *comma = memchr(p.text + at, ',', p.len - at);
        size_t end = comma ? (size_t)(comma - p.text) : p.len;
        ok &= add_net(b, piece_part(p, at, end - at), &nets, &rule->n_nets);
        if (!comma)
            break;
        at = end + 1;
    }
    rule->nets = nets;
    return ok;
}

/* --- bases --- */

/* What bases are told apart by: name or, if it has no wire, address. Returns its length. */
static size_t base_key(const struct config_name *name, const struct ipaddr *addr,
                       uint8_t key[static 1 + DNAME_MAX])
{
    const uint8_t *bytes = name->wire ? name->wire : addr->b;
    size_t len = name->wire ? name->len : sizeof(addr->b);

    key[0] = name->wire != NULL; /* a name is not an address with the same bytes */
    memcpy(key + 1, bytes, len);
    return 1 + len;
}

int base_by_name(const struct builder *b, const struct config_name *name)
{
    uint8_t key[1 + DNAME_MAX];
    size_t len = base_key(name, NULL, key);

    return numbering_find(&b->bases, key, len);
}

/* The index in config->bases, new if need be; -ENOMEM. */
static int base_index(struct builder *b, const struct config_name *name, const struct ipaddr *addr,
                      struct place at)
{
    struct config *c = b->config;
    uint8_t key[1 + DNAME_MAX];
    size_t len = base_key(name, addr, key);
    int index = numbering_add(&b->bases, &b->scratch, key, len);

    if (index < 0 || (unsigned)index < c->n_bases)
        return index;
    struct config_base *bases = array_more(&c->arena, c->bases, c->n_bases, sizeof(*bases));
    if (!bases)
        return -ENOMEM;
    bases[c->n_bases++] = (struct config_base){.name = *name, .addr = *addr, .at = at};
    c->bases = bases;
    return index;
}

static bool set_base(struct builder *b, const struct config_name *name, const struct ipaddr *addr,
                     struct place at, unsigned *ret)
{
    int index = base_index(b, name, addr, at);

    if (index < 0) {
        b->out_of_memory = true;
        return false;
    }
    *ret = (unsigned)index;
    return true;
}

/* Takes the length of the prefix, /LEN, off the base of a source that binds it in. */
static bool read_base_length(struct builder *b, struct piece *base, struct config_rule *rule)
{
    const char *slash = memrchr(base->text, '/', base->len);
    size_t at = slash ? (size_t)(slash - base->text) : base->len;
    uint64_t bits = OTIP_PREFIX_LEN;

    if (slash && !read_number(b, "prefix length", piece_part(*base, at + 1, base->len - at - 1), UNIT_NONE,
                              OTIP_PREFIX_LEN_MIN, OTIP_PREFIX_LEN_MAX, &bits))
        return false;
    *base = piece_part(*base, 0, at);
    rule->prefix_len = (unsigned)bits;
    return true;
}

/* An address whose hosts have 64 bits may say so; other lengths are for sources that bind it in. */
static struct piece without_64(struct piece p)
{
    static const char len[] = "/64";
    size_t n = strlen(len);

    return p.len > n && memcmp(p.text + p.len - n, len, n) == 0 ? piece_part(p, 0, p.len - n) : p;
}

/* It has a length, but not that of this source. */
static bool has_other_length(struct piece p)
{
    const char *slash = memrchr(p.text, '/', p.len);
    struct ipaddr addr;

    return slash && ipaddr_parse(p.text, (size_t)(slash - p.text), &addr) == 0 && !ipaddr_is_v4(&addr);
}

static bool read_base(struct builder *b, struct piece p, struct config_rule *rule)
{
    struct config_name name = {0};
    struct ipaddr addr = {0};
    char shown[SHOWN_MAX];

    if (rule->source->args & SOURCE_KEY && !read_base_length(b, &p, rule))
        return false;
    if (!looks_like_addr(p))
        return read_name(b, p, &name) && set_base(b, &name, &addr, p.at, &rule->base);
    struct piece bare = without_64(p);
    if (ipaddr_parse(bare.text, bare.len, &addr) < 0 || ipaddr_is_v4(&addr)) {
        diag_error(b->diags, p.at,
                   has_other_length(p) ? "%s has another length than 64, expected /64 or none"
                                       : "%s is no base, expected an IPv6 address or the name of one",
                   show(p, shown));
        return false;
    }
    if (!otip_can_be_base(&addr)) {
        diag_error(b->diags, p.at, "%s is no base: " OTIP_NO_BASE, show(p, shown));
        return false;
    }
    return set_base(b, &name, &addr, p.at, &rule->base);
}

/* --- domains --- */

/* Where LEN begins in a domain that is a prefix; 0: it is none. */
static size_t prefix_len_at(struct piece p)
{
    const char *slash = memrchr(p.text, '/', p.len);
    size_t at = slash ? (size_t)(slash - p.text) + 1 : 0;
    size_t end = at;

    if (at == 0 || looks_like_addr(piece_part(p, 0, at - 1)))
        return at;
    while (end < p.len && p.text[end] >= '0' && p.text[end] <= '9')
        end++;
    return end == p.len ? at : 0;
}

static bool read_prefix_domain(struct builder *b, struct piece p, size_t len_at, struct config_domain *domain)
{
    struct piece base = piece_part(p, 0, len_at - 1);
    const struct ipaddr none = {0};
    uint64_t bits;

    if (looks_like_addr(base)) {
        domain->kind = DOMAIN_PREFIX;
        return read_prefix(b, p, &domain->addr, &domain->bits);
    }
    domain->kind = DOMAIN_BASE_PREFIX;
    if (!read_name(b, base, &domain->name) ||
        !read_number(b, "prefix length", piece_part(p, len_at, p.len - len_at), UNIT_NONE, 0, 128, &bits))
        return false;
    domain->bits = (unsigned)bits;
    return set_base(b, &domain->name, &none, p.at, &domain->base);
}

static bool read_name_domain(struct builder *b, struct piece p, struct config_domain *domain)
{
    bool below = p.len > 0 && p.text[0] == '.';
    char shown[SHOWN_MAX];

    if (!below && looks_like_addr(p)) {
        diag_error(b->diags, p.at,
                   "%s is no domain, expected a name, or ADDR/LEN for the reverse names of addresses",
                   show(p, shown));
        return false;
    }
    domain->kind = below ? DOMAIN_BELOW : DOMAIN_NAME;
    return read_name(b, below && p.len > 1 ? piece_part(p, 1, p.len - 1) : p, &domain->name);
}

/* @FILE. The file itself is read later: see list.h. */
static bool read_list(struct builder *b, const struct word *word, struct config_rule *rule)
{
    struct config *c = b->config;
    const char *written = plain_text(b, word);
    const char *path = written ? path_of(b, written + 1) : NULL;

    if (!path)
        return false;
    if (!written[1]) {
        diag_error(b->diags, word->value.at, "'@' without a file, expected @FILE");
        return false;
    }
    int index = numbering_add(&b->list_paths, &b->scratch, path, strlen(path));
    if (index < 0) {
        b->out_of_memory = true;
        return false;
    }
    rule->domain = (struct config_domain){.kind = DOMAIN_LIST, .list = (unsigned)index};
    if ((unsigned)index < c->n_lists)
        return true;
    struct config_list *lists = array_more(&c->arena, c->lists, c->n_lists, sizeof(*lists));
    if (!got_memory(b, lists))
        return false;
    lists[c->n_lists++] = (struct config_list){.written = written + 1, .path = path, .at = word->value.at};
    c->lists = lists;
    return true;
}

/* The name of a zone. */
static bool read_tree_domain(struct builder *b, struct piece p, size_t len_at, struct config_domain *domain)
{
    char shown[SHOWN_MAX];

    if (len_at > 0 || looks_like_addr(p) || (p.len > 1 && p.text[0] == '.')) {
        diag_error(b->diags, p.at, "%s is not the name of a zone, expected one such as example.org%s",
                   show(p, shown), p.len > 1 && p.text[0] == '.' ? ", without the dot before it" : "");
        return false;
    }
    domain->kind = DOMAIN_TREE;
    return read_name(b, p, &domain->name);
}

static bool read_domain(struct builder *b, const struct word *word, struct config_rule *rule)
{
    struct piece p = word->value;
    const char *keyword = rule->source->keyword;
    size_t len_at = prefix_len_at(p);
    char shown[SHOWN_MAX];

    rule->domain_at = p.at;
    if (p.len > 0 && p.text[0] == '@') {
        if (rule->source->args & SOURCE_LIST)
            return read_list(b, word, rule);
        diag_error(b->diags, p.at, "%s takes no file of names (%s), expected a domain", keyword,
                   show(p, shown));
        return false;
    }
    if (rule->source->args & SOURCE_TREE)
        return read_tree_domain(b, p, len_at, &rule->domain);
    if (len_at == 0 && rule->source->args & SOURCE_PREFIX) {
        diag_error(b->diags, p.at,
                   "%s is no prefix, expected ADDR/LEN or NAME/LEN, since %s is about reverse names",
                   show(p, shown), keyword);
        return false;
    }
    if (len_at > 0 && rule->source->args & SOURCE_BASE) {
        diag_error(b->diags, p.at, "%s is a prefix, expected a name, since %s makes addresses of names",
                   show(p, shown), keyword);
        return false;
    }
    return len_at > 0 ? read_prefix_domain(b, p, len_at, &rule->domain)
                      : read_name_domain(b, p, &rule->domain);
}

/* --- the other words, and the line --- */

/* The file of the zone that the rule's domain names. */
static bool read_zone_file(struct builder *b, const struct word *word, struct config_rule *rule)
{
    struct config *c = b->config;
    const struct config_name *apex = &rule->domain.name;
    const char *written = plain_text(b, word), *path = written ? path_of(b, written) : NULL;
    uint8_t key[DNAME_MAX + PATH_MAX];
    size_t path_len = path ? strlen(path) : 0;

    if (!path || !apex->wire)
        return false;
    if (path_len == 0 || path_len >= PATH_MAX) {
        diag_error(b->diags, word->raw.at, "expected the path of a zone file");
        return false;
    }
    memcpy(key, apex->wire, apex->len);
    memcpy(key + apex->len, path, path_len);
    int index = numbering_add(&b->zones, &b->scratch, key, apex->len + path_len);
    b->out_of_memory |= index < 0;
    rule->zone = (unsigned)index;
    if (index < 0 || (unsigned)index < c->n_zones)
        return index >= 0;
    struct config_zone *zones = array_more(&c->arena, c->zones, c->n_zones, sizeof(*zones));
    if (!got_memory(b, zones))
        return false;
    zones[c->n_zones++] =
        (struct config_zone){.apex = *apex, .written = written, .path = path, .at = word->value.at};
    c->zones = zones;
    return true;
}

static bool read_lease_file(struct builder *b, const struct word *word, struct config_rule *rule)
{
    struct config *c = b->config;
    const char *written = plain_text(b, word), *path = written ? path_of(b, written) : NULL;

    if (!path)
        return false;
    if (!written[0]) {
        diag_error(b->diags, word->raw.at, "expected the path of a file of leases");
        return false;
    }
    int index = numbering_add(&b->lease_paths, &b->scratch, path, strlen(path));
    b->out_of_memory |= index < 0;
    rule->leases = (unsigned)index;
    if (index < 0 || (unsigned)index < c->n_leases)
        return index >= 0;
    struct config_lease *leases = array_more(&c->arena, c->leases, c->n_leases, sizeof(*leases));
    if (!got_memory(b, leases))
        return false;
    leases[c->n_leases++] = (struct config_lease){.written = written, .path = path, .at = word->value.at};
    c->leases = leases;
    return true;
}

static bool read_rcode(struct builder *b, struct piece p, struct config_rule *rule)
{
    static const struct {
        const char *keyword;
        uint16_t rcode;
    } rcodes[] = {{"refused", RCODE_REFUSED}, {"nxdomain", RCODE_NXDOMAIN}};
    struct suggestion known;

    suggestion_init(&known, p.text, p.len);
    for (size_t i = 0; i < ARRAY_LEN(rcodes); i++) {
        if (word_is(p, rcodes[i].keyword)) {
            rule->rcode = rcodes[i].rcode;
            return true;
        }
        suggestion_offer(&known, rcodes[i].keyword);
    }
    report_unknown(b, "rcode", p, &known);
    return false;
}

static bool read_servers(struct builder *b, const struct line *line, unsigned first)
{
    struct server_list list = {.rule = b->config->n_rules};
    bool ok = true;

    for (unsigned i = first; i < line->n_words; i++) {
        struct ipendpoint server;
        if (read_endpoint(b, line->words[i].value, &server))
            add_server(b, &list.servers, &list.count, &server, line->words[i].value);
        else
            ok = false;
    }
    if (!ok || list.count == 0)
        return ok;
    struct server_list *lists = array_more(&b->scratch, b->lists, b->n_lists, sizeof(*lists));
    if (!got_memory(b, lists))
        return false;
    lists[b->n_lists++] = list;
    b->lists = lists;
    return true;
}

/* Reads the word of one argument (count_rule_words has seen that the required ones are there). */
static bool read_arg(struct builder *b, const struct line *line, unsigned arg, unsigned at,
                     struct config_rule *rule)
{
    const struct word *word = &line->words[at];

    switch (arg) {
    case SOURCE_DOMAIN:
        return read_domain(b, word, rule);
    case SOURCE_FILE:
        return read_zone_file(b, word, rule);
    case SOURCE_LEASES:
        return read_lease_file(b, word, rule);
    case SOURCE_BASE:
        return read_base(b, word->value, rule);
    case SOURCE_PASSWORD:
        return read_password(b, word, rule);
    case SOURCE_KEY:
        return read_key(b, word, rule);
    case SOURCE_USER:
        return read_user(b, word, rule);
    case SOURCE_UPSTREAMS:
        return read_servers(b, line, at);
    default:
        return read_rcode(b, word->value, rule);
    }
}

static void add_rule(struct builder *b, const struct config_rule *rule)
{
    struct config *c = b->config;
    struct config_rule *rules = array_more(&c->arena, c->rules, c->n_rules, sizeof(*rules));

    if (!got_memory(b, rules))
        return;
    rules[c->n_rules++] = *rule;
    c->rules = rules;
    c->has_accept |= rule->domain.kind == DOMAIN_NONE;
}

void directive_auth(struct builder *b, const struct line *line)
{
    const struct source *source = read_type(b, line);
    struct config_rule rule = {.source = source, .at = line->words[0].raw.at, .rcode = RCODE_NOERROR};

    if (!source || !count_rule_words(b, line, source))
        return;
    bool ok = read_nets(b, line->words[2].value, &rule);
    unsigned at = FIRST_ARG, lists_before = b->n_lists;
    for (size_t i = 0; i < ARRAY_LEN(arg_words) && at < line->n_words; i++) {
        if (source->args & arg_words[i].arg)
            ok &= read_arg(b, line, arg_words[i].arg, at++, &rule);
    }
    if (rule.rcode == RCODE_NOERROR) /* not said; of what a list blocks, stubs would ask another server */
        rule.rcode = rule.domain.kind == DOMAIN_LIST ? RCODE_NXDOMAIN : RCODE_REFUSED;
    if (ok) {
        add_rule(b, &rule);
    } else {
        b->n_lists = lists_before; /* its servers go with it */
        rule_wipe(&rule);
    }
}
