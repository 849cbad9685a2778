/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The attendant of a server (io/attendant.h): a thread beside the workers that answers those who run it, on the control socket
 * and at the metrics port, and looks after the workers. Queries never wait for it, nor it for queries.
 */
#ifndef IOTHNAMED_ATTENDANT_H
#define IOTHNAMED_ATTENDANT_H

#include "io/attendant.h"

struct iothnamed;

/* Binds what the configuration in force wants; its thread comes with attendant_start. 0 and *ret (NULL: nothing is
 * wanted), or -errno and one sentence in why. */
MUST_CHECK int attendant_new(struct iothnamed *server, struct attendant **ret, char *why, size_t why_size);
/* NULL: nothing to start. */
MUST_CHECK int attendant_start(struct attendant *a, char *why, size_t why_size);

#endif
