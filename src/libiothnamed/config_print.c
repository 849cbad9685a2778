/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration as it was understood, in the syntax of the file: comments gone, lines joined, defaults
 * said, addresses, names and numbers in one form. Read again it gives the same configuration and the same
 * print, but for passwords, which are not shown.
 *
 * Nets stand before the rules in the order of their indices and records after them, whatever their order in
 * the file was; among themselves rules, records and servers keep it.
 */
#include "libiothnamed/config_build.h"
#include "libiothnamed/source.h"
#include "wire/dnsmsg.h"

#include <string.h>

static void print_stack(const char *keyword, const char *text, FILE *out)
{
    bool quoted = strpbrk(text, " \t#'\"");

    if (!quoted) {
        fprintf(out, "%s %s\n", keyword, text);
        return;
    }
    fprintf(out, "%s \"", keyword);
    for (; *text; text++)
        fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fputs("\"\n", out);
}

static void print_stacks(const struct config *c, FILE *out)
{
    if (c->one_stack) {
        print_stack("stack", c->rstack, out);
        return;
    }
    if (c->rstack)
        print_stack("rstack", c->rstack, out);
    if (c->fstack)
        print_stack("fstack", c->fstack, out);
}

static void print_prefix(const struct ipaddr *addr, unsigned bits, FILE *out)
{
    char text[IPPREFIX_STRLEN];

    fputs(ipprefix_format(addr, bits, text), out);
}

static void print_nets(const struct config *c, FILE *out)
{
    for (unsigned i = 0; i < c->n_nets; i++) {
        for (const struct config_range *r = c->nets[i].ranges; r; r = r->next) {
            fprintf(out, "net %s ", c->nets[i].name);
            print_prefix(&r->addr, r->bits, out);
            fputc('\n', out);
        }
    }
}

/* In quotes, so that any byte may stand in the path. */
static void print_file(const char *before, const char *path, FILE *out)
{
    fprintf(out, "\"%s", before);
    for (const char *byte = path; *byte; byte++)
        fprintf(out, *byte == '"' || *byte == '\\' ? "\\%c" : "%c", *byte);
    fputc('"', out);
}

static void print_domain(const struct config *c, const struct config_domain *d, FILE *out)
{
    char len[16];

    switch (d->kind) {
    case DOMAIN_NONE:
        return;
    case DOMAIN_NAME:
    case DOMAIN_TREE:
        name_print("", &d->name, "", out);
        return;
    case DOMAIN_BELOW:
        name_print(d->name.len > 1 ? "." : "", &d->name, "", out);
        return;
    case DOMAIN_PREFIX:
        print_prefix(&d->addr, d->bits, out);
        return;
    case DOMAIN_LIST:
        print_file("@", c->lists[d->list].written, out);
        return;
    case DOMAIN_BASE_PREFIX:
        snprintf(len, sizeof(len), "/%u", d->bits);
        name_print("", &d->name, len, out);
        return;
    }
}

static void print_base(const struct config_base *base, FILE *out)
{
    char text[IPADDR_STRLEN];

    if (base->name.wire)
        name_print("", &base->name, "", out);
    else
        fputs(ipaddr_format(&base->addr, text), out);
}

static void print_servers(const struct config_upstreams *list, const char *before, const char *behind,
                          FILE *out)
{
    char text[IPENDPOINT_STRLEN];

    for (unsigned i = 0; i < list->count; i++) {
        const struct ipendpoint *server = &list->servers[i];
        if (server->port == DNS_PORT)
            ipaddr_format(&server->addr, text);
        else
            ipendpoint_format(server, text);
        fprintf(out, "%s%s%s", before, text, behind);
    }
}

static void print_secret(const struct config_rule *r, FILE *out)
{
    fputc(' ', out);
    if (r->secret_file)
        print_file("@", r->secret_file, out);
    else
        fputs("***", out);
    if (r->user) {
        fputc(' ', out);
        print_file("", r->user, out);
    }
}

static void print_rule(const struct config *c, const struct config_rule *r, FILE *out)
{
    fprintf(out, "auth %s ", r->source->keyword);
    for (unsigned i = 0; i < r->n_nets; i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", c->nets[r->nets[i]].name);
    if (r->source->args & SOURCE_DOMAIN) {
        fputc(' ', out);
        print_domain(c, &r->domain, out);
    }
    if (r->source->args & SOURCE_FILE) {
        fputc(' ', out);
        print_file("", c->zones[r->zone].written, out);
    }
    if (r->source->args & SOURCE_LEASES) {
        fputc(' ', out);
        print_file("", c->leases[r->leases].written, out);
    }
    if (r->source->args & SOURCE_BASE) {
        fputc(' ', out);
        print_base(&c->bases[r->base], out);
    }
    if (r->source->args & SOURCE_KEY)
        fprintf(out, "/%u", r->prefix_len);
    if (r->source->args & (SOURCE_PASSWORD | SOURCE_KEY))
        print_secret(r, out);
    if (r->source->args & SOURCE_UPSTREAMS && r->upstreams > 0)
        print_servers(&c->upstreams[r->upstreams], " ", "", out);
    if (r->source->args & SOURCE_RCODE)
        fputs(r->rcode == RCODE_NXDOMAIN ? " nxdomain" : " refused", out);
    fputc('\n', out);
}

static void print_record(const struct config_record *r, FILE *out)
{
    char type[RRTYPE_TEXT_MAX];

    fprintf(out, "static %" PRIu32 " %s ", r->ttl, rrtype_to_text(r->type, type));
    name_print("", &r->owner, "", out);
    rdata_print(r->type, r->rdata, r->rdlen, out);
    fputc('\n', out);
}

void config_print(const struct config *c, FILE *out)
{
    options_print(&c->options, out);
    print_stacks(c, out);
    print_servers(&c->upstreams[0], "dns ", "\n", out);
    print_nets(c, out);
    for (unsigned i = 0; i < c->n_rules; i++)
        print_rule(c, &c->rules[i], out);
    for (unsigned i = 0; i < c->n_records; i++)
        print_record(&c->records[i], out);
}
