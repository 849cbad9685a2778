/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An index of domains: which of those in it hold all names of another. */
#ifndef IOTHNAMED_CHECK_COVER_H
#define IOTHNAMED_CHECK_COVER_H

#include "libiothnamed/config.h"
#include "libiothnamed/config_numbering.h"

#define COVER_NONE UINT32_MAX

struct cover {
    struct arena *arena; /* zero-initialised but for this: empty */
    struct numbering keys;
    unsigned *owners; /* of each key */
};

/* `owner` has the domain, under a tag (a net, say); the first owner of a domain counts. false: out of memory.
 */
MUST_CHECK bool cover_add(struct cover *cover, const struct config_domain *domain, unsigned tag,
                          unsigned owner);
/* The lowest owner of a domain, under that tag, that holds all of this one's names; or COVER_NONE. */
unsigned cover_find(const struct cover *cover, const struct config_domain *domain, unsigned tag);
/* The same for one name. */
unsigned cover_find_name(const struct cover *cover, const struct config_name *name, unsigned tag);

#endif
