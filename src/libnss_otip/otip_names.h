/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and their computed addresses, as the files of otip.conf(5) say. What the module for the C library and otipconf(1)
 * share. Nothing is kept between calls.
 */
#ifndef NSS_OTIP_NAMES_H
#define NSS_OTIP_NAMES_H

#include "libnss_otip/otip_conf.h"
#include "libotip/otip_file.h"

#define OTIP_NAMES_SYSTEM_FILE "/etc/otip.conf"
#define OTIP_NAMES_FILES       2
#define OTIP_NAMES_PATH_MAX    1024       /* bytes, its NUL included: no home is that deep */
#define OTIP_NAMES_TEXT_MAX    (64 << 10) /* bytes of a file: a thousand names, and read for each look-up */
#define OTIP_NAMES_NAME_MAX    253        /* text of a domain name without final dot, RFC 1035 s2.3.4 */
/* Lines of a file that an address is compared with: each costs a file of a secret and three digests, and programs ask for
 * every address that they show. */
#define OTIP_NAMES_REVERSE_MAX 64
#define OTIP_NAMES_HASH_TTL    600 /* seconds; the address of a hashed name never changes */

/* The files to look in, the first first. Those that do not exist are not missed. */
struct otip_names_files {
    unsigned count;
    char path[OTIP_NAMES_FILES][OTIP_NAMES_PATH_MAX];
};

/* The user's own file, in $XDG_CONFIG_HOME or $HOME/.config, and the system's. A program that runs with more power than who
 * started it (setuid, setgid, capabilities: AT_SECURE) gets the system's alone. */
void otip_names_files_usual(struct otip_names_files *ret);

/* Reads a file of otip.conf(5) whole; *ret is to be freed. It must be a regular file, of root's or of this process's user's,
 * that nobody else may write. 0, or a negative errno and why: -EPERM: who may write it; -EFBIG. */
MUST_CHECK int otip_names_read(const char *path, char **ret, size_t *ret_len, char why[static OTIP_WHY_MAX]);

struct otip_names_answer {
    struct ipaddr addr;
    uint32_t ttl_s;      /* 1 or more: until the end of the epoch */
    unsigned file, line; /* where it is said */
    const char *keyword;
    char
        secret[OTIP_NAMES_PATH_MAX]; /* the file of its secret; "": it has none, or a path that is too long */
};

/* The address of a line for a name that it matches. conf_path: of the file in which the line stands; a file that it names is
 * looked for in the same folder. 0, or a negative errno and why. */
MUST_CHECK int otip_names_address(const char *conf_path, const struct otip_conf_line *line, const char *name,
                                  size_t name_len, int64_t wall_s, struct otip_names_answer *ret,
                                  char why[static OTIP_WHY_MAX]);

/* What failed may succeed in a moment: memory, descriptors, the disk. */
bool otip_names_is_passing(int err);

/* The address of a name, from the first line that matches it. name: text without final dot, otip_conf_name_len() has seen it.
 * 0; -ENOENT: no line matches; otip_names_is_passing(): it could not be told; any other negative errno: a line does, but its
 * address cannot be known; `why` says why, and ret->file, line and keyword where. */
MUST_CHECK int otip_names_find(const struct otip_names_files *files, const char *name, size_t name_len,
                               int64_t wall_s, struct otip_names_answer *ret, char why[static OTIP_WHY_MAX]);

/* The name of an address: the first whose line gives just that one name, and whose address this is in the current epoch, the
 * one before or the one behind. 0; -ENOENT; or an error that is passing. ret_name is in lower case. */
MUST_CHECK int otip_names_reverse(const struct otip_names_files *files, const struct ipaddr *addr,
                                  int64_t wall_s, char ret_name[static OTIP_NAMES_NAME_MAX + 1],
                                  uint32_t *ret_ttl_s);

#endif
