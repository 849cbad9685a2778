/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VDESTACK_LINGER_H
#define VDESTACK_LINGER_H

#include "vdestack/helper.h"

/* Waits while neighbours' addresses are being looked up (ARP, RFC 826; Neighbor Discovery, RFC 4861), at most
 * `most_ms`. */
void linger(struct helper *helper, int most_ms);

#endif
