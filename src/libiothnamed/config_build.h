/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A configuration while it is read: the model, what is needed only until the end of the file, and the
 * functions that the directives share. Functions that return bool have reported what was wrong when they
 * return false.
 */
#ifndef IOTHNAMED_CONFIG_BUILD_H
#define IOTHNAMED_CONFIG_BUILD_H

#include "libiothnamed/config.h"
#include "libiothnamed/config_lex.h"
#include "libiothnamed/config_numbering.h"
#include "libiothnamed/suggest.h"
#include "wire/rrtype.h"

#include <inttypes.h>

#define DNS_PORT 53
#define TTL_MAX  INT32_MAX /* seconds, RFC 2181 s8 */

enum stack_use { STACK_BOTH, STACK_REQUESTS, STACK_FORWARDING, STACK_USES };

/* Where a line begins in a stack_text. */
struct stack_part {
    size_t offset;
    struct place at;
};

/* What the lines of one of stack, rstack, fstack say, joined by commas. */
struct stack_text {
    char *text;
    size_t len, size;
    struct stack_part *parts;
    unsigned n_parts;
};

struct net_build {
    struct config_range *last;
    bool defined; /* by a net line, be it with errors; else only named by rules so far */
};

/* A rule's mention of a net. */
struct net_mention {
    unsigned net;
    struct place at;
};

/* The servers that a rule names; they become one of config->upstreams at the end, when the dns lines are
 * known. */
struct server_list {
    struct ipendpoint *servers;
    unsigned count;
    unsigned rule; /* index of it */
};

/* A server, and where a dns line or a rule names it. */
struct server_mention {
    struct ipendpoint server;
    struct place at;
};

struct builder {
    struct config *config;
    struct diags *diags;
    struct arena scratch;
    bool out_of_memory; /* sticks; whatever is built after that is thrown away */
    struct stack_text stacks[STACK_USES];
    struct numbering net_names, bases, upstreams, zones, list_paths,
        lease_paths;         /* by their indices in config */
    struct numbering ranges; /* of all nets, each once a net */
    struct net_build *nets;  /* as many as config->nets */
    struct net_mention *mentions;
    unsigned n_mentions;
    struct ipendpoint *dns;
    unsigned n_dns;
    struct server_list *lists;
    unsigned n_lists;
    struct server_mention *servers;
    unsigned n_servers;
    struct text_field *fields; /* of the record that is read */
    unsigned fields_size;
    struct place listen_at[LISTEN_MAX]; /* of the addresses */
};

/* Sets out_of_memory if p is NULL; returns whether it is not. */
bool got_memory(struct builder *b, const void *p);

/* --- config_value.c: words to values; the errors are at the word, or at what is wrong in it --- */

#define SHOWN_MAX 128
/* Text as it can stand in a message: in quotes, without unprintable bytes, cut when long. */
const char *show(struct piece p, char text[static SHOWN_MAX]);

bool word_is(struct piece p, const char *keyword); /* in any letter case */
/* A value that is no record data: inside quotes \\ and the hidden quote stand for themselves. NULL: out of
 * memory. */
const char *plain_text(struct builder *b, const struct word *word);

/* "WHAT 'word' is unknown", and the nearest of what was offered. */
void report_unknown(struct builder *b, const char *what, struct piece word, const struct suggestion *known);
/* Between min and max words, the directive included; `synopsis`: all of them, for the message. */
bool count_words(struct builder *b, const struct line *line, unsigned min, unsigned max,
                 const char *synopsis);

bool read_name(struct builder *b, struct piece p, struct config_name *ret); /* lower case, in the arena */
/* Meant as an address, right or wrong: has a colon, or nothing but digits and dots and no final dot. */
bool looks_like_addr(struct piece p);
bool read_addr(struct builder *b, struct piece p, struct ipaddr *ret);
bool read_endpoint(struct builder *b, struct piece p, struct ipendpoint *ret);
/* ADDR/LEN; bits of the host are cleared with a warning. */
bool read_prefix(struct builder *b, struct piece p, struct ipaddr *ret, unsigned *ret_bits);

enum number_unit {
    UNIT_NONE,
    UNIT_SECONDS, /* 3600 or 1h30m: s m h d w */
    UNIT_BYTES,   /* 65536 or 64K: k M G */
};
/* `what` it is, for the message. */
bool read_number(struct builder *b, const char *what, struct piece p, enum number_unit unit, uint64_t min,
                 uint64_t max, uint64_t *ret);

/* A file that the configuration names, as a path: one that is relative is so to the folder of the
 * configuration. In the arena. NULL: out of memory. */
const char *path_of(struct builder *b, const char *written);

/* Appends a server, or warns if it is there already. */
void add_server(struct builder *b, struct ipendpoint **servers, unsigned *count,
                const struct ipendpoint *server, struct piece p);

/* --- the directives; line->words[0] is their keyword --- */

void directive_stack(struct builder *b, const struct line *line);
void directive_rstack(struct builder *b, const struct line *line);
void directive_fstack(struct builder *b, const struct line *line);
void directive_dns(struct builder *b, const struct line *line);
void directive_net(struct builder *b, const struct line *line);
void directive_auth(struct builder *b, const struct line *line);
void directive_static(struct builder *b, const struct line *line);
void directive_option(struct builder *b, const struct line *line);

/* --- net names --- */

/* The index in config->nets of that name, new if need be; -ENOMEM. */
int net_index(struct builder *b, struct piece name);
bool is_net_name(struct builder *b, struct piece name);

/* --- bases --- */

/* The index in config->bases, or -ENOENT: that name is none. */
int base_by_name(const struct builder *b, const struct config_name *name);

/* --- config_secret.c: the words about secrets --- */

/* PASSWORD or @FILE. */
bool read_password(struct builder *b, const struct word *word, struct config_rule *rule);
/* PASSWORD or @FILE, of otip2: the domain of the rule is known. */
bool read_key(struct builder *b, const struct word *word, struct config_rule *rule);
/* The user whose key is derived of the one that was read. */
bool read_user(struct builder *b, const struct word *word, struct config_rule *rule);
/* Takes the secrets of a rule out of memory. */
void rule_wipe(struct config_rule *rule);

/* --- before the first line and at the end of the file, in this order --- */

void options_set_defaults(struct builder *b);
/* "FILE:LINE:COLUMN" of the value of an option, which there is; in the arena. NULL: it was not given, or no memory. */
const char *options_place(struct builder *b, const char *name);
void stacks_finish(struct builder *b);
void nets_finish(struct builder *b);
void upstreams_finish(struct builder *b);
void options_finish(struct builder *b); /* behind stacks_finish */
void records_finish(struct builder *b);

/* --- options.c: what else is to be known of its table --- */

void options_print(const struct config_options *o, FILE *out);
/* The first row from *row on that differs and needs a restart, as its name; *row is behind it then. NULL: no
 * more. */
const char *options_restart_needed(const struct config_options *a, const struct config_options *b,
                                   unsigned *row);

/* --- rdata_text.c: record data that only zone-file text can express, and the way back --- */

/* The words of the line from `first` on. The length, or a negative error, reported unless it is -ENOMEM. */
MUST_CHECK int rdata_from_words(struct builder *b, const struct line *line, unsigned first, uint16_t type,
                                uint8_t rdata[static RDATA_MAX]);
void rdata_print(uint16_t type, const uint8_t *rdata, size_t len, FILE *out);
/* A name as a word that reads back as that name wherever a name may stand; `before` and `behind`: parts of
 * that word. */
void name_print(const char *before, const struct config_name *name, const char *behind, FILE *out);

/* --- check.c: warnings about a configuration without errors --- */

void config_check(struct builder *b);

#endif
