/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets getaddrinfo offers for a service: their types, protocols and ports. */
#ifndef IOTHDNS_ADDRINFO_SERVICE_H
#define IOTHDNS_ADDRINFO_SERVICE_H

#include "libiothdns/services.h"

#include <stdbool.h>

struct gai_socket {
    int socktype, protocol;
    uint16_t port; /* host byte order */
};

/* More than any service has: TCP, UDP, DCCP, UDP-Lite and SCTP twice. */
#define GAI_SOCKETS_MAX 8

/* The hints' part in it. */
struct gai_wish {
    int socktype, protocol; /* 0: any */
    bool numeric;           /* AI_NUMERICSERV */
};

/* Whether `service` has to be looked up in a table of services: it is neither NULL, empty nor a number. */
bool gai_service_is_name(const char *service);
/* Writes the sockets in the order in which they are offered. `services` may be NULL unless gai_service_is_name says so.
 * Returns how many, or a negative EAI_ code: EAI_SOCKTYPE, EAI_SERVICE, EAI_NONAME. (These are negative themselves.) */
int gai_sockets(const struct gai_wish *wish, const char *service, const struct services *services,
                struct gai_socket ret[static GAI_SOCKETS_MAX]);

#endif
