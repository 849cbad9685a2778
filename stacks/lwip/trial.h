/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_TRIAL_H
#define LWIP_TRIAL_H
/* Duplicate address detection (RFC 4862 s5.4) of addresses that were added with IFA_F_TENTATIVE. */

#include "lwip/stack.h"

/* It is being tried, or somebody else has it: not to be used. */
bool trial_forbids(const struct address *address);
/* Somebody else has, or wants, this address (s5.4.3, s5.4.4): if it is being tried here, it has failed. */
void trial_refute(struct port *port, const ip_addr_t *ip);
/* To be called after lwIP's timers: trials that are over are addresses now. */
void trial_settle(struct stack *stack);

#endif
