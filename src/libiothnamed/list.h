/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists: sets of names by the hundred thousand, such as blocklists, each read from a file of its own.
 *
 * A name in a list stands for itself alone, or for itself and all names below it (a tree). A list never
 * changes; rules and snapshots share it and count its users.
 */
#ifndef IOTHNAMED_LIST_H
#define IOTHNAMED_LIST_H

#include "base/siphash.h"
#include "libiothnamed/config.h"
#include "libiothnamed/data_file.h"

struct list;

/* --- list.c: the set --- */

/* Names on their way into a list; zero-initialised: none. */
struct list_draft {
    uint8_t *bytes;
    size_t len, size;
    uint32_t count; /* names, equal ones too */
};

/* name: lower case, wire form, not the root. 0 or -ENOMEM (also: 4 GiB of names). */
MUST_CHECK int list_draft_add(struct list_draft *d, const uint8_t *name, size_t name_len, bool tree);
void list_draft_fini(struct list_draft *d);
/* The list of these names; the draft is empty then. key: of its hashes. 0 or -ENOMEM (the draft is as
 * before). */
MUST_CHECK int list_build(struct list_draft *d, const struct siphash_key *key, struct list **ret);

struct list *list_ref(struct list *l);
void list_free(struct list *l);
/* The name is in the list, or in a tree of it: how many labels its entry has; or -ENOENT. name: lower case,
 * wire form. */
int list_find(const struct list *l, const uint8_t *name);
uint32_t list_count(const struct list *l); /* different names */
size_t list_bytes(const struct list *l);   /* memory */

/* --- list_text.c: what a file of names says --- */

/* A file that is being read, line by line. */
struct list_text {
    struct list_draft names;
    const char *path; /* for messages */
    struct diags *diags;
    unsigned line; /* lines so far */
    unsigned bad;  /* of them not understood */
    bool out_of_memory;
};

/* Messages about single lines of one list; how many more there are is said in one of their own. */
#define LIST_FAULTS_SHOWN 10
/* Bytes of a line: a line of a hosts file with some hundred names. */
#define LIST_LINE_MAX 65536

/* One line, without its newline. */
void list_text_line(struct list_text *t, const char *line, size_t len);
/* A line of more than LIST_LINE_MAX bytes. */
void list_text_long_line(struct list_text *t);
/* The end of the file. */
void list_text_end(struct list_text *t);

/* --- list_file.c: the files --- */

/* Bytes of a file: thirty million names. */
#define LIST_FILE_MAX (UINT64_C(1) << 30)

/* By what a file is known to be the same as before. */
struct list_file {
    const char *path;
    struct list *names;
    struct file_mark mark;
};

/* The lists of one configuration, by the indices of config->lists. */
struct lists {
    unsigned count;
    struct list_file files[];
};

/* Reads the lists of a configuration. A file that is the same as in `old` (or NULL) is not read again: the
 * list is shared. One that cannot be read keeps the names that it has in `old`, with a warning; if it has
 * none there, that is an error. Lines that are not understood are warnings. 0 and *ret; -EINVAL: there were
 * errors; -ENOMEM. */
MUST_CHECK int lists_load(const struct config *config, const struct lists *old, const struct siphash_key *key,
                          struct diags *diags, struct lists **ret);
/* Reads them and says what a start (old: NULL) or a reload would say of them. 0; -EINVAL: it would fail; -ENOMEM. */
MUST_CHECK int lists_check(const struct config *config, const struct lists *old, struct diags *diags);
void lists_free(struct lists *l);

#endif
