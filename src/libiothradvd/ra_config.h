/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration of a router: options, from the command line and from a file that holds the long ones, one a line,
 * "tag argument". Those behind `iface NAME` are about that interface, those before the first one about all.
 *
 *   ra_draft_new(&draft)
 *   ra_draft_text(draft, path, text, len)      the file, if there is one; before options of the command line
 *   ra_draft_option(draft, "period", "600")    the command line, which wins: any number of times
 *   ra_draft_finish(draft, &config)
 *   ra_draft_free(draft)
 *
 * Each gives 0, -ENOMEM, or -EINVAL with one sentence in ra_draft_error(), with its place and what was expected; then the
 * draft is of no more use.
 */
#ifndef IOTHRADVD_RA_CONFIG_H
#define IOTHRADVD_RA_CONFIG_H

#include "base/arena.h"
#include "io/rc_daemon.h"
#include "io/rc_rows.h"
#include "libiothradvd/ra_settings.h"

#define RA_INTERFACES_MAX    64 /* of one process: a person writes them */
#define RA_CONFIG_TEXT_MAX   (1 << 20)
#define RA_CONFIG_WHY_MAX    512
#define RA_INTERFACE_DEFAULT "vde0"

struct ra_interface {
    const char *name;
    const char *stack; /* a configuration string for ioth_newstackc, or a VNL; NULL: the system's stack */
    const char *stack_at, *at; /* where that was said, and where the interface */
    bool is_port;              /* it is a VNL: a port of a virtual Ethernet, without a stack */
    bool has_mac;
    uint8_t mac[6];
    struct ra_settings settings;
    bool has_lifetime, has_interval_min;
    bool lifetime_is_default[RA_OPTIONS_MAX]; /* of settings.options: three times the period */
};

struct ra_config {
    struct daemon_config process; /* the first, see there */
    struct arena arena;
    unsigned n_interfaces;
    struct ra_interface *interfaces;
};

struct ra_draft;

MUST_CHECK int ra_draft_new(struct ra_draft **ret);
void ra_draft_free(struct ra_draft *draft); /* takes NULL */
/* path: for messages; copied. text: any bytes. */
MUST_CHECK int ra_draft_text(struct ra_draft *draft, const char *path, const char *text, size_t len);
/* An option of the command line by its long name; value NULL: it takes none. */
MUST_CHECK int ra_draft_option(struct ra_draft *draft, const char *name, const char *value);
/* Reads lines and options into the draft: the same by the functions of io/rc_rows.h, which then have what is wrong. */
struct rc_reader ra_draft_reader(struct ra_draft *draft);
MUST_CHECK int ra_draft_finish(struct ra_draft *draft, struct ra_config **ret);
const char *ra_draft_error(const struct ra_draft *draft); /* "": there was none */
void ra_config_free(struct ra_config *config);            /* takes NULL */

/* --- the options: one row each --- */

struct ra_reading;

struct ra_row {
    struct rc_row row;
    bool of_interface; /* else of the whole program */
    /* Reads the value. False: it has called ra_fail, or memory has run out. NULL: one of io/rc_daemon.h. */
    bool (*read)(struct ra_reading *r, const char *value);
};

extern const struct ra_row ra_rows[]; /* the last has no name */

/* What the functions of the rows work on. */
struct ra_reading {
    struct ra_draft *draft;
    struct ra_config *config;
    struct ra_interface *interface; /* NULL: a row of the program */
    const char *place;              /* "radvd.rc:3:8", "--prefix" */
    const char *value;              /* of the line of a file that is there; NULL: on the command line */
    bool out_of_memory;
};

/* Says what is wrong, and returns false: "PLACE: " and the sentence. */
bool ra_fail(struct ra_reading *r, const char *format, ...) PRINTF_LIKE(2, 3);
/* Says what is hardly meant. */
void ra_warn(struct ra_reading *r, const char *format, ...) PRINTF_LIKE(2, 3);

/* ra_texts.c: the options of an advertisement. */
bool ra_read_prefix(struct ra_reading *r, const char *value);
bool ra_read_route(struct ra_reading *r, const char *value);
bool ra_read_rdnss(struct ra_reading *r, const char *value);
bool ra_read_dnssl(struct ra_reading *r, const char *value);
bool ra_read_pref64(struct ra_reading *r, const char *value);
bool ra_read_portal(struct ra_reading *r, const char *value);
bool ra_read_dnr(struct ra_reading *r, const char *value);

#endif
