/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_STATE_H
#define LIBOTIP_PROXY_STATE_H
/* What the files of the proxy share. All of it belongs to the proxy's thread, but for what says otherwise. */

#include "io/attendant.h"
#include "libotip/proxy.h"
#include "libotip/proxy_account.h"
#include "libotip/proxy_addresses.h"
#include "libotip/proxy_loop.h"
#include "libotip/proxy_peers.h"
#include "libotip/proxy_renewal.h"
#include "libotip/proxy_window.h"

#include <ioth.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

/* Written by the proxy's thread alone, read by any. */
struct proxy_counters {
#define MEMBER(name, help) _Atomic uint64_t name;
    PROXY_COUNTERS(MEMBER)
#undef MEMBER
    _Atomic uint64_t addresses, addresses_open, tcp_flows, udp_flows, sources;
};

static inline void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* A port that is served; the watch of its socket. It lives as long as a flow of it does. */
struct service {
    struct watch watch;
    struct corpse corpse;
    struct otip_proxy *proxy;
    struct service *next;
    struct proxy_service config;
    int fd;           /* -1: it could not be opened */
    bool retired;     /* a reload took it away: it stays for its flows */
    bool rests;       /* nothing can be taken from its socket for a moment */
    nsec_t failed_at; /* when its socket failed last; 0: not since it was well */
    unsigned flows;
    char congestion[PROXY_CONGESTION_MAX]; /* control that the stack gave it; "": it has none to choose */
};

struct tcp_session;
struct udp_flow;
struct proxy_base;

/* What depends on the configuration and changes with it. */
struct settings {
    struct proxy_config *config;
    struct otip *otip;
    struct ipaddr base;
};

struct otip_proxy {
    struct daemon_host host;
    struct log log;
    struct log_control log_control;
    struct settings settings;
    struct proxy_config *started; /* what stacks and sockets were made of */
    struct ioth *extstack, *intstack;

    struct loop loop;
    struct window window;
    struct proxy_addresses addresses;
    struct proxy_account *account;
    struct service *services;
    struct watch wake, clock, neighbours, monitor;
    int wake_fd, clock_fd;
    struct tcp_session *sessions;
    struct peers peers; /* of UDP flows */
    struct udp_batch *batch;
    struct stream_pool *pool;
    struct proxy_counters counters;

    pthread_t thread;
    bool has_thread;
    struct attendant *attendant;
    _Atomic nsec_t round_at; /* when the loop's last round began */
    atomic_bool stack_is_dead;
    atomic_bool is_cut_off; /* the interface is away, or its network */
    pthread_mutex_t reload_lock;
    _Atomic uint64_t reloads, failed_reloads; /* told while one goes on */
    struct timer pulse;
    struct proxy_base *base; /* the look-up of its name */
    struct turn epochs_turn; /* an address may have lost its last flow */
    bool look;               /* something has changed on the external stack */
    bool refuses;            /* it did not take the last address */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t adopted;
    bool stopping, has_next;
    int adoption; /* how it went */
    char why[PROXY_WHY_MAX];
    struct settings next;
    unsigned n_standing; /* the addresses, as they were told last */
    struct window_address *standing;
};

/* --- proxy_window driver: proxy_epochs.c --- */
/* Opens the clock, and the first addresses. 0 or negative errno and why. */
MUST_CHECK int proxy_epochs_open(struct otip_proxy *p, char *why, size_t why_size);
void proxy_epochs_run(struct otip_proxy *p);                                /* does what is to be done now */
void proxy_epochs_change(struct otip_proxy *p, const struct settings *old); /* the settings are new */
void proxy_epochs_look(struct otip_proxy *p); /* at each pulse: after the interface */
void proxy_epochs_close(struct otip_proxy *p);
/* The open address, or NULL. */
struct window_address *proxy_epochs_open_address(struct otip_proxy *p, const struct ipaddr *addr);
/* A flow begins: admitted, or counted as refused and false. */
MUST_CHECK bool proxy_flow_begins(struct otip_proxy *p, struct service *s, struct window_address *place,
                                  const struct ipaddr *from);
void proxy_flow_ends(struct otip_proxy *p, struct service *s, struct window_address *place,
                     const struct ipaddr *from);

/* --- a base that has a name: proxy_base.c --- */
MUST_CHECK int proxy_base_open(struct otip_proxy *p);
void proxy_base_change(struct otip_proxy *p); /* the settings are new */
void proxy_base_close(struct otip_proxy *p);

/* --- services: proxy_services.c --- */
MUST_CHECK int proxy_services_open(struct otip_proxy *p, const struct proxy_config *config, char *why,
                                   size_t why_size);
const char *proxy_why_not_congestion(int error);  /* an errno, for people */
void proxy_services_filter(struct otip_proxy *p); /* the open addresses are others */
void proxy_services_close(struct otip_proxy *p);
/* Its socket failed, with a positive errno: it is looked at again in a moment. */
void service_rest(struct service *s, int error);
/* Those that have rested are looked at again. At each pulse. */
void proxy_services_wake(struct otip_proxy *p);
/* Which thing a service is: its listener's or its socket's readiness. */
void tcp_ready(struct watch *w, uint32_t events);
void udp_ready(struct watch *w, uint32_t events);

/* --- flows: proxy_tcp.c, proxy_udp.c --- */
MUST_CHECK int proxy_tcp_open(struct otip_proxy *p);
void proxy_tcp_drop(struct otip_proxy *p, const struct window_address *place); /* NULL: all */
void proxy_tcp_close(struct otip_proxy *p);
MUST_CHECK int proxy_udp_open(struct otip_proxy *p);
void proxy_udp_drop(struct otip_proxy *p, const struct window_address *place); /* NULL: all */
void proxy_udp_close(struct otip_proxy *p);

/* --- proxy_settings.c --- */
/* Where the addresses of these settings are to stand; as long as they. */
struct proxy_place proxy_settings_place(const struct settings *s, struct ioth *extstack);
/* Takes the configuration over; 0, or negative errno and why. stack: for the look-up of the base; ret->base: the present
 * one, which stays if its name still has it. */
MUST_CHECK int proxy_settings_make(struct proxy_config *config, struct ioth *stack, struct settings *ret,
                                   char *why, size_t why_size);
void proxy_settings_free(struct settings *s);
/* Base and secret as far as they can be read without a stack: before one is made, which takes its time. 0, or negative errno and
 * why. */
MUST_CHECK int proxy_settings_look(const struct proxy_config *config, char *why, size_t why_size);
/* The base as it was written, or what it is if it was not. */
const char *proxy_base_text(const struct proxy_config *config);

/* Whether the proxy's thread still goes round, and its stacks live. From any thread. */
bool proxy_is_alive(struct otip_proxy *p);

/* --- the attendant: proxy_attendant.c --- */
MUST_CHECK int proxy_attend(struct otip_proxy *p, char *why, size_t why_size); /* opens p->attendant */

#endif
