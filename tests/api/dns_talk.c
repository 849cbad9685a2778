/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All of iothdns.h as programs of the talk's audience use it: every function, type and constant, with arguments of the types
 * that such programs have (strings that are not const, int lengths, void pointers), and no more includes than this one. It
 * must compile without a warning and link. Run, it puts a message together and takes it apart, which needs no network.
 */
#include <iothdns.h>

#include <string.h>

#define SAME(constant, value) _Static_assert((constant) == (value), #constant)
SAME(IOTHDNS_MAXNAME, 256);
SAME(IOTHDNS_MAXSTRING, 255);
SAME(IOTHDNS_UDP_MAXBUF, 512);
SAME(IOTHDNS_TCP_MAXBUF, 65536);
SAME(IOTHDNS_MAXNS, 3);
SAME(IOTHDNS_TIMEOUT_MS, 1000);
SAME(IOTHDNS_DEFAULT_PORT, 53);
SAME(IOTHDNS_SEC_QUERY, 0);
SAME(IOTHDNS_SEC_ANSWER, 1);
SAME(IOTHDNS_SEC_AUTH, 2);
SAME(IOTHDNS_SEC_ADDITIONAL, 3);
SAME(IOTHDNS_RESPONSE | IOTHDNS_AA | IOTHDNS_TRUNC | IOTHDNS_RD, 0x8700);
SAME(IOTHDNS_RA | IOTHDNS_Z | IOTHDNS_AD | IOTHDNS_CD, 0xf0);
SAME(IOTHDNS_GET_RCODE(0x8183), IOTHDNS_RCODE_ENOENT);
SAME(IOTHDNS_RCODE_OK, 0);
SAME(IOTHDNS_RCODE_EFMT, 1);
SAME(IOTHDNS_RCODE_EFAIL, 2);
SAME(IOTHDNS_RCODE_ENOENT, 3);
SAME(IOTHDNS_RCODE_ENOSUP, 4);
SAME(IOTHDNS_RCODE_EPERM, 5);
SAME(IOTHDNS_CLASS_IN, 1);
SAME(IOTHDNS_CLASS_ANY, 255);
SAME(IOTHDNS_TYPE_A + IOTHDNS_TYPE_NS + IOTHDNS_TYPE_CNAME + IOTHDNS_TYPE_SOA, 1 + 2 + 5 + 6);
SAME(IOTHDNS_TYPE_NULL + IOTHDNS_TYPE_PTR + IOTHDNS_TYPE_MX + IOTHDNS_TYPE_TXT, 10 + 12 + 15 + 16);
SAME(IOTHDNS_TYPE_AAAA + IOTHDNS_TYPE_ANY, 28 + 255);

static int each(int section, struct iothdns_rr *rr, struct iothdns_pkt *pkt, void *arg)
{
    uint8_t addr[16];
    char *name = arg;

    if (section == IOTHDNS_SEC_ANSWER && rr->class == IOTHDNS_CLASS_IN && rr->type == IOTHDNS_TYPE_AAAA)
        return iothdns_get_aaaa(pkt, addr) == NULL;
    return iothdns_get_name(pkt, name) == NULL;
}

static struct iothdns_pkt *reply(struct iothdns_header *h, void *arg)
{
    (void)arg;
    if (!IOTHDNS_IS_QUERY(h->flags) || IOTHDNS_IS_RESPONSE(h->flags))
        return NULL;
    h->flags = IOTHDNS_RESPONSE | IOTHDNS_RCODE_EPERM;
    return iothdns_put_header(h);
}

/* Never called: it is there to be compiled and linked. */
int resolve(struct ioth *stack, char *path, char *config, char *host, char *service, int fd)
{
    struct iothdns *idd = iothdns_init(stack, path), *other = iothdns_init_strcfg(stack, config);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *result;
    char buf[NI_MAXHOST], serv[NI_MAXSERV], name[IOTHDNS_MAXNAME];
    struct in_addr a[2];
    struct in6_addr aaaa[2];

    int s = iothdns_getaddrinfo(idd, host, service, &hints, &result);
    if (s != 0)
        fprintf(stderr, "getaddrinfo: %s\n", iothdns_gai_strerror(s));
    iothdns_getnameinfo(idd, result->ai_addr, result->ai_addrlen, buf, sizeof(buf), serv, sizeof(serv),
                        NI_NUMERICHOST);
    iothdns_freeaddrinfo(result);
    iothdns_update(idd, path);
    iothdns_update_strcfg(idd, config);
    iothdns_add_nameserver(idd, AF_INET, &a[0]);
    iothdns_setpath(idd, IOTHDNS_HOSTS, path);
    iothdns_getpath(idd, IOTHDNS_SERVICES, buf, sizeof(buf));
    s += iothdns_lookup_a(idd, host, a, 2) + iothdns_lookup_aaaa(idd, host, aaaa, 2);
    s += iothdns_lookup_aaaa_compat(idd, host, aaaa, 2);
    s += iothdns_lookup_cb(idd, host, IOTHDNS_TYPE_ANY, each, name);
    s += iothdns_lookup_cb_tcp(idd, host, IOTHDNS_TYPE_ANY, each, name);
    s += iothdns_udp_process_request(fd, reply, NULL) + iothdns_tcp_process_request(fd, reply, NULL);
    iothdns_fini(other);
    iothdns_fini(idd);
    return s;
}

static struct iothdns_pkt *put(struct iothdns_header *h, char *name)
{
    struct iothdns_pkt *pkt = iothdns_put_header(h);
    struct iothdns_rr rr = {name, IOTHDNS_TYPE_TXT, IOTHDNS_CLASS_IN, 3600, 0};
    unsigned char addr[16] = {0};

    iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr);
    iothdns_put_int8(pkt, 1);
    iothdns_put_int16(pkt, 2);
    iothdns_put_int32(pkt, 3);
    iothdns_put_data(pkt, addr, 4);
    iothdns_put_name(pkt, name);
    iothdns_put_name_uncompressed(pkt, name);
    iothdns_put_string(pkt, name);
    iothdns_put_a(pkt, addr);
    iothdns_put_aaaa(pkt, addr);
    return pkt;
}

static int get(struct iothdns_pkt *pkt, char *name)
{
    char text[IOTHDNS_MAXNAME], string[IOTHDNS_MAXSTRING], data[16];
    struct iothdns_rr rr;

    int ok =
        iothdns_get_rr(pkt, &rr, text) == IOTHDNS_SEC_ANSWER && strcmp(rr.name, name) == 0 && rr.ttl == 3600;
    ok = ok && iothdns_get_int8(pkt) == 1 && iothdns_get_int16(pkt) == 2 && iothdns_get_int32(pkt) == 3;
    ok = ok && iothdns_get_data(pkt, data, 4) == data;
    ok = ok && strcmp(iothdns_get_name(pkt, text), name) == 0 &&
         strcmp(iothdns_get_name(pkt, text), name) == 0;
    ok = ok && strcmp(iothdns_get_string(pkt, string), name) == 0;
    ok = ok && iothdns_get_a(pkt, data) && iothdns_get_aaaa(pkt, data);
    return ok && iothdns_get_rr(pkt, &rr, text) == 0;
}

int main(void)
{
    char name[] = "a.name.example", qname[IOTHDNS_MAXNAME];
    struct iothdns_header h = {1, IOTHDNS_RD, name, IOTHDNS_TYPE_TXT, IOTHDNS_CLASS_IN};
    struct iothdns_pkt *out = put(&h, name);
    struct iovec buf = iothdns_getbuf(out);
    uint16_t id, flags;

    iothdns_retrieve_header(out, &id, &flags);
    iothdns_rewrite_header(out, (uint16_t)(id + 1), flags | IOTHDNS_RESPONSE);
    struct iothdns_pkt *in = iothdns_get_header(&h, buf.iov_base, buf.iov_len, qname);
    int ok = in && h.id == 2 && IOTHDNS_IS_RESPONSE(h.flags) && strcmp(h.qname, name) == 0 && get(in, name);
    iothdns_free(in);
    iothdns_free(out);
    return !ok;
}
