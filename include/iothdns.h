/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTHDNS_H
#define IOTHDNS_H
/*
 * libiothdns: names resolved over any stack of libioth, and DNS messages put together and taken apart.
 *
 * A handle (struct iothdns) is a stack and a configuration in the language of resolv.conf(5). Any number of threads may
 * use one handle at once; no lock is held while a question is under way. Only iothdns_fini wants that nobody uses it any
 * more. See iothdns(3), iothdns_lookup(3), iothdns_getaddrinfo(3), iothdns_message(3).
 *
 * Where nothing else is said a function returns -1 or NULL on failure, with errno.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <ioth.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define IOTHDNS_MAXNAME 256 /* bytes of a buffer for a name as text, its NUL included */
#define IOTHDNS_MAXSTRING                                                                                    \
    255 /* bytes of a buffer for a character-string, its NUL included: iothdns_get_string */
#define IOTHDNS_UDP_MAXBUF   512
#define IOTHDNS_TCP_MAXBUF   65536
#define IOTHDNS_MAXNS        3 /* that others' resolv.conf files have; this library takes more */
#define IOTHDNS_TIMEOUT_MS   1000
#define IOTHDNS_DEFAULT_PORT 53

/* Sections of a message. */
#define IOTHDNS_SEC_QUERY      0
#define IOTHDNS_SEC_ANSWER     1
#define IOTHDNS_SEC_AUTH       2
#define IOTHDNS_SEC_ADDITIONAL 3

/* The flags of a header (RFC 1035 s4.1.1, RFC 4035 s3.2). */
#define IOTHDNS_RESPONSE 0x8000
#define IOTHDNS_AA       0x0400
#define IOTHDNS_TRUNC    0x0200
#define IOTHDNS_RD       0x0100
#define IOTHDNS_RA       0x0080
#define IOTHDNS_Z        0x0040
#define IOTHDNS_AD       0x0020
#define IOTHDNS_CD       0x0010

#define IOTHDNS_IS_QUERY(flags)    (((flags)&IOTHDNS_RESPONSE) == 0)
#define IOTHDNS_IS_RESPONSE(flags) (((flags)&IOTHDNS_RESPONSE) != 0)
#define IOTHDNS_GET_RCODE(flags)   ((flags)&0xf)

#define IOTHDNS_RCODE_OK     0
#define IOTHDNS_RCODE_EFMT   1
#define IOTHDNS_RCODE_EFAIL  2
#define IOTHDNS_RCODE_ENOENT 3
#define IOTHDNS_RCODE_ENOSUP 4
#define IOTHDNS_RCODE_EPERM  5

#define IOTHDNS_CLASS_IN  1
#define IOTHDNS_CLASS_ANY 255

#define IOTHDNS_TYPE_A     1
#define IOTHDNS_TYPE_NS    2
#define IOTHDNS_TYPE_CNAME 5
#define IOTHDNS_TYPE_SOA   6
#define IOTHDNS_TYPE_NULL  10
#define IOTHDNS_TYPE_PTR   12
#define IOTHDNS_TYPE_MX    15
#define IOTHDNS_TYPE_TXT   16
#define IOTHDNS_TYPE_AAAA  28
#define IOTHDNS_TYPE_ANY   255

struct iothdns;
struct iothdns_pkt;
struct addrinfo; /* <netdb.h> gives it but under -std=c99 and the like */

/* --- a resolver --- */

/* A resolver that asks on `stack` (NULL: the default stack, whichever it is at each look-up), as the file at
 * `path_config` says. NULL: /etc/resolv.conf, LOCALDOMAIN and RES_OPTIONS in the environment, as resolv.conf(5) has it;
 * then a missing file means the server on the local machine. The file is read again when it has changed. To be ended by
 * iothdns_fini. Errors: ENOENT, EACCES, ... of the file; EFBIG: it is no resolv.conf; ENOMEM. */
struct iothdns *iothdns_init(struct ioth *stack, const char *path_config);
/* The same with the text itself, or with addresses alone: "8.8.8.8,1.1.1.1". NULL is an empty text. */
struct iothdns *iothdns_init_strcfg(struct ioth *stack, const char *config);
/* Another configuration from now on: 0, or -1 and errno; then the one before stays. Look-ups under way end as they began. */
int iothdns_update(struct iothdns *iothdns, const char *path_config);
int iothdns_update_strcfg(struct iothdns *iothdns, const char *config);
/* One more server, behind the others: AF_INET with a struct in_addr, AF_INET6 with a struct in6_addr. The file is not read
 * again after this. EAFNOSUPPORT; ENOSPC: there are too many. */
int iothdns_add_nameserver(struct iothdns *iothdns, int af, const void *addr);
/* Takes NULL. Sessions of it must have ended before. */
void iothdns_fini(struct iothdns *iothdns);

enum iothdns_pathtag { IOTHDNS_HOSTS, IOTHDNS_SERVICES, IOTHDNS_PATH_SIZE };
/* The file in place of /etc/hosts or /etc/services; NULL: that again. 0; EINVAL: no such tag; ENOMEM. */
int iothdns_setpath(struct iothdns *iothdns, enum iothdns_pathtag pathtag, const char *path);
/* Copies the path, cut to bufsize bytes with its NUL. Returns its whole length; EINVAL: no such tag. */
int iothdns_getpath(struct iothdns *iothdns, enum iothdns_pathtag pathtag, char *buf, size_t bufsize);

/* --- look-ups --- */

/* The addresses of `name` from the DNS, search list and aliases followed; the first n are stored. Returns how many there
 * are; 0: the name has no such record; -1 and errno: ENOENT: no such name, EINVAL: it is no name, ETIMEDOUT: no server
 * answered, EAGAIN: those that did failed, ECONNREFUSED: none could be reached, or what the system says. */
int iothdns_lookup_a(struct iothdns *iothdns, const char *name, struct in_addr *a, int n);
int iothdns_lookup_aaaa(struct iothdns *iothdns, const char *name, struct in6_addr *aaaa, int n);
/* The same; a name that has IPv4 addresses alone gives them as ::ffff:a.b.c.d. */
int iothdns_lookup_aaaa_compat(struct iothdns *iothdns, const char *name, struct in6_addr *aaaa, int n);

struct iothdns_header {
    uint16_t id, flags;
    const char *qname;
    uint16_t qtype, qclass;
};

struct iothdns_rr {
    const char *name;
#ifdef __cplusplus
    uint16_t type, rr_class;
#else
    uint16_t type, class;
#endif
    uint32_t ttl; /* seconds */
    uint16_t rdlength;
};

/* Called for each record of an answer, whose RDATA the iothdns_get_ functions take from the packet. What it returns ends
 * the scan if it is not 0. */
typedef int lookup_cb_t(int section, struct iothdns_rr *rr, struct iothdns_pkt *pkt, void *arg);
/* Asks for any type; returns what the callback returned last, 0 if there was no record, or -1 and errno as
 * iothdns_lookup_a. With _tcp the question goes over TCP at once. */
int iothdns_lookup_cb(struct iothdns *iothdns, const char *name, int qtype, lookup_cb_t *lookup_cb,
                      void *arg);
int iothdns_lookup_cb_tcp(struct iothdns *iothdns, const char *name, int qtype, lookup_cb_t *lookup_cb,
                          void *arg);

/* As getaddrinfo(3) and getnameinfo(3), over the stack and the servers of the handle. */
int iothdns_getaddrinfo(struct iothdns *iothdns, const char *node, const char *service,
                        const struct addrinfo *hints, struct addrinfo **res);
void iothdns_freeaddrinfo(struct addrinfo *res);
const char *iothdns_gai_strerror(int errcode);
#ifndef NI_NUMERICSCOPE /* POSIX has it and glibc has not: the scope of an address in digits */
#define NI_NUMERICSCOPE 0x100
#endif
int iothdns_getnameinfo(struct iothdns *iothdns, const struct sockaddr *addr, socklen_t addrlen, char *host,
                        socklen_t hostlen, char *serv, socklen_t servlen, int flags);

/* --- servers --- */

/* Answers one request: reads it from the socket, has `parse_request` make the reply, sends that. The callback gets the
 * question and returns a packet of iothdns_put_header and so on, which is freed, or NULL for silence. Id and
 * IOTHDNS_RESPONSE are set here, and an answer that is too long for UDP goes out truncated. Requests that cannot be
 * understood are answered here. Returns how many bytes were read; 0 (TCP): the peer has closed the connection; -1 and
 * errno. */
typedef struct iothdns_pkt *parse_request_t(struct iothdns_header *h, void *arg);
int iothdns_udp_process_request(int fd, parse_request_t *parse_request, void *arg);
/* Waits at most 10 s for the rest of a message that has begun and for a peer that does not take its answer (ETIMEDOUT). */
int iothdns_tcp_process_request(int fd, parse_request_t *parse_request, void *arg);

/* --- messages: putting together --- */

/* A packet with this header and question (qname NULL: none). To be freed. EINVAL: qname is no name; ENOMEM. */
struct iothdns_pkt *iothdns_put_header(struct iothdns_header *h);
/* A record; the RDATA is what is put after it, and its length (rdlength is not looked at) is set by itself. Sections are
 * put in order. These return 0, or -1 and errno: EMSGSIZE: the message becomes too long, EINVAL: no name, no such section
 * or one out of order, ENOMEM. An error sticks: iothdns_getbuf gives nothing then (iothdns_pkt_error). */
int iothdns_put_rr(int section, struct iothdns_pkt *pkt, struct iothdns_rr *rr);
int iothdns_put_int8(struct iothdns_pkt *pkt, uint8_t value);
int iothdns_put_int16(struct iothdns_pkt *pkt, uint16_t value);
int iothdns_put_int32(struct iothdns_pkt *pkt, uint32_t value);
int iothdns_put_data(struct iothdns_pkt *pkt, const void *data, uint16_t len);
int iothdns_put_name(struct iothdns_pkt *pkt, const char *name); /* compressed */
int iothdns_put_name_uncompressed(struct iothdns_pkt *pkt, const char *name);
int iothdns_put_string(struct iothdns_pkt *pkt,
                       const char *string); /* a character-string: at most 255 bytes */
int iothdns_put_a(struct iothdns_pkt *pkt, const void *addr_ipv4);
int iothdns_put_aaaa(struct iothdns_pkt *pkt, const void *addr_ipv6);

/* --- messages: taking apart --- */

/* Reads the header and the question of the message in buf, which must stay there as long as the packet. h->qname is
 * qnamebuf, of IOTHDNS_MAXNAME bytes (NULL: qname is NULL); a message without a question has "" and type 0. To be
 * freed. EBADMSG: this is no message; EMSGSIZE: the name does not fit the buffer; ENOMEM. */
struct iothdns_pkt *iothdns_get_header(struct iothdns_header *h, void *buf, size_t bufsize, char *qnamebuf);
/* The next record, its name in namebuf, of IOTHDNS_MAXNAME bytes (NULL: rr->name is NULL). Returns its section; 0: there is
 * none left, or the message is broken there (iothdns_pkt_error). */
int iothdns_get_rr(struct iothdns_pkt *pkt, struct iothdns_rr *rr, char *namebuf);
/* The RDATA of that record, piece by piece and not beyond it. A piece that is not there is 0 or NULL and an error of the
 * packet, which ends with the next iothdns_get_rr. */
uint8_t iothdns_get_int8(struct iothdns_pkt *pkt);
uint16_t iothdns_get_int16(struct iothdns_pkt *pkt);
uint32_t iothdns_get_int32(struct iothdns_pkt *pkt);
void *iothdns_get_data(struct iothdns_pkt *pkt, void *data, uint16_t len);
char *iothdns_get_name(struct iothdns_pkt *pkt, char *name); /* IOTHDNS_MAXNAME bytes */
char *iothdns_get_string(struct iothdns_pkt *pkt,
                         char *string); /* IOTHDNS_MAXSTRING bytes, see iothdns_get_text */
void *iothdns_get_a(struct iothdns_pkt *pkt, void *addr_ipv4);
void *iothdns_get_aaaa(struct iothdns_pkt *pkt, void *addr_ipv6);

/* The message as it is now: the packet's own memory, until it is changed or freed. Empty after an error. */
struct iovec iothdns_getbuf(struct iothdns_pkt *pkt);
void iothdns_free(struct iothdns_pkt *pkt); /* takes NULL */
/* Id and flags of the message, read or set anew in its bytes. */
void iothdns_retrieve_header(struct iothdns_pkt *pkt, uint16_t *id, uint16_t *flags);
void iothdns_rewrite_header(struct iothdns_pkt *pkt, uint16_t id, uint16_t flags);

/* --- extensions --- */

/* 0, or the error that keeps the packet from being read or written on, a positive errno. */
int iothdns_pkt_error(const struct iothdns_pkt *pkt);
/* Names and character-strings of any length: as iothdns_get_name and iothdns_get_string with the buffer's size. Names need
 * 1025 bytes at the most, with escapes (RFC 1035 s5.1); strings 256, and may hold NULs. Return the length without the NUL,
 * or -1: EMSGSIZE, EBADMSG. */
int iothdns_get_fullname(struct iothdns_pkt *pkt, char *name, size_t size);
int iothdns_get_text(struct iothdns_pkt *pkt, char *text, size_t size);

/* How a question is asked. */
#define IOTHDNS_ASK_TCP      1  /* over TCP at once */
#define IOTHDNS_ASK_NOSEARCH 2  /* the name as it is, without the search list */
#define IOTHDNS_ASK_DNSSEC   4  /* with the bit DO: signatures too (RFC 3225) */
#define IOTHDNS_ASK_NOCHECK  8  /* with the bit CD: even what does not validate (RFC 4035 s3.2.2) */
#define IOTHDNS_ASK_ANYREPLY 16 /* "no such name" is no error: its records (the SOA) are given too */

/* As iothdns_lookup_cb, within timeout_ms milliseconds in all (-1: as the configuration says). */
int iothdns_ask(struct iothdns *iothdns, const char *name, int qtype, int flags, int timeout_ms,
                lookup_cb_t *lookup_cb, void *arg);
/* The most that later calls on this handle wait for each name that they ask for, in milliseconds, iothdns_getaddrinfo too
 * (-1: as the configuration says). With a search list a call may ask for several names. */
void iothdns_set_timeout(struct iothdns *iothdns, int timeout_ms);

/* Look-ups that do not block. A session is one descriptor for the program's own poll, a deadline, and iothdns_dispatch,
 * to be called when the descriptor is readable or the deadline has come. It is used by one thread at a time and by one
 * process; sessions of one handle are independent of each other. */
struct iothdns_session;
struct iothdns_lookup;

/* ENOMEM, EMFILE, ... */
struct iothdns_session *iothdns_session_open(struct iothdns *iothdns);
/* Cancels what is under way. Takes NULL. Not from within a callback of this session. */
void iothdns_session_close(struct iothdns_session *session);
int iothdns_session_fd(const struct iothdns_session *session); /* wait for POLLIN; the session closes it */
/* When iothdns_dispatch is to be called at the latest, in nanoseconds of CLOCK_MONOTONIC; INT64_MAX: never. */
int64_t iothdns_session_deadline(const struct iothdns_session *session);
/* The same as milliseconds from now, rounded up, as poll(2) takes them; -1: never. */
int iothdns_session_timeout(const struct iothdns_session *session);
/* Does what is to be done, without waiting, and calls back for look-ups that have ended. Returns how many these were, or
 * -1 and errno. */
int iothdns_dispatch(struct iothdns_session *session);

/* A look-up has ended: `error` is 0 or a positive errno as iothdns_lookup_a has it. With 0 the reply's header and its
 * records, which iothdns_get_rr takes from the packet; both end with the call. It may start and cancel look-ups. */
typedef void iothdns_done_t(struct iothdns_lookup *lookup, int error, struct iothdns_header *header,
                            struct iothdns_pkt *pkt, void *arg);
/* Starts one: flags and timeout_ms as for iothdns_ask. `done` is called once, from iothdns_dispatch, unless the look-up is
 * cancelled; the look-up ends with that call. EINVAL: no name; ENOBUFS: too many at once; ENOMEM. */
struct iothdns_lookup *iothdns_lookup_start(struct iothdns_session *session, const char *name, int qtype,
                                            int flags, int timeout_ms, iothdns_done_t *done, void *arg);
/* Ends it without a word. */
void iothdns_lookup_cancel(struct iothdns_lookup *lookup);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
