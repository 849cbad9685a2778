/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_LICENSE_H
#define LIBIOTH_LICENSE_H

#include <stdbool.h>

/* May a program under the licence `program` load a plug-in under the licence `plugin`? Both are SPDX
 * expressions of identifiers joined by OR; NULL or "" for a program: it did not say; for a plug-in: free for
 * all. */
bool license_allows(const char *program, const char *plugin);

#endif
