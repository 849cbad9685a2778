/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages, queues, attributes, masks; libmnl reads what is written here, and writes what is read here. */
#include <arpa/inet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

#include <libnlq.h>

#include "fails.h"

static int store_attr(const struct nlattr *attr, void *data)
{
    ((const struct nlattr **)data)[mnl_attr_get_type(attr)] = attr;
    return MNL_CB_OK;
}

static void test_libmnl_reads_what_we_write(void **state)
{
    const struct nlattr *attr[NLQ_ATTRS] = {NULL}, *nested[NLQ_ATTRS] = {NULL};
    struct nlq_msg *msg = nlq_createmsg(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE, 77, 99);
    struct nlq_msg *info = nlq_createxattr();
    const uint32_t mtu = 1400;
    const struct ifinfomsg *head;

    (void)state;
    nlq_addstruct(msg, ifinfomsg, .ifi_index = 5, .ifi_change = IFF_UP);
    nlq_addattr(msg, IFLA_IFNAME, "eth10", 6);
    nlq_addattr(msg, IFLA_MTU, &mtu, sizeof(mtu));
    nlq_addattr(info, IFLA_INFO_KIND, "bridge", 6);
    nlq_addattr(info, IFLA_INFO_DATA, NULL, 0);
    nlq_addxattr(msg, IFLA_LINKINFO, info);
    assert_int_equal(nlq_complete(msg), 0);

    assert_true(mnl_nlmsg_ok(msg->nlq_packet, (int)msg->nlq_size));
    assert_int_equal(msg->nlq_packet->nlmsg_len, msg->nlq_size);
    assert_true(mnl_nlmsg_seq_ok(msg->nlq_packet, 77) && mnl_nlmsg_portid_ok(msg->nlq_packet, 99));
    head = mnl_nlmsg_get_payload(msg->nlq_packet);
    assert_int_equal(head->ifi_index, 5);
    assert_int_equal(head->ifi_change, IFF_UP);
    assert_int_equal(mnl_attr_parse(msg->nlq_packet, sizeof(*head), store_attr, attr), MNL_CB_OK);
    assert_string_equal(mnl_attr_get_str(attr[IFLA_IFNAME]), "eth10");
    assert_int_equal(mnl_attr_get_u32(attr[IFLA_MTU]), 1400);
    assert_int_equal(mnl_attr_validate(attr[IFLA_LINKINFO], MNL_TYPE_NESTED), 0);
    assert_int_equal(mnl_attr_parse_nested(attr[IFLA_LINKINFO], store_attr, nested), MNL_CB_OK);
    assert_int_equal(mnl_attr_get_payload_len(nested[IFLA_INFO_KIND]), 6);
    assert_memory_equal(mnl_attr_get_payload(nested[IFLA_INFO_KIND]), "bridge", 6);
    assert_int_equal(mnl_attr_get_payload_len(nested[IFLA_INFO_DATA]), 0);
    nlq_freemsg(msg);
}

/* ---- answers, written by libmnl and sent over a socket pair ---- */

struct answer {
    uint8_t bytes[4096];
    size_t len;
};

static struct nlmsghdr *answer_begin(struct answer *answer, uint16_t type)
{
    struct nlmsghdr *msg = mnl_nlmsg_put_header(answer->bytes + answer->len);

    msg->nlmsg_type = type;
    msg->nlmsg_seq = 3;
    return msg;
}

static void answer_end(struct answer *answer, const struct nlmsghdr *msg)
{
    answer->len += (msg->nlmsg_len + 3u) & ~3u;
}

static void answer_link(struct answer *answer, int index, const char *name)
{
    struct nlmsghdr *msg = answer_begin(answer, RTM_NEWLINK);
    struct ifinfomsg *head = mnl_nlmsg_put_extra_header(msg, sizeof(*head));
    struct nlattr *nest;

    head->ifi_index = index;
    mnl_attr_put_strz(msg, IFLA_IFNAME, name);
    mnl_attr_put_u32(msg, IFLA_MTU, 1300);
    nest = mnl_attr_nest_start(msg, IFLA_LINKINFO);
    mnl_attr_put_str(msg, IFLA_INFO_KIND, "veth");
    mnl_attr_nest_end(msg, nest);
    answer_end(answer, msg);
}

static void answer_code(struct answer *answer, uint16_t type, int code)
{
    struct nlmsghdr *msg = answer_begin(answer, type);

    *(int *)mnl_nlmsg_put_extra_header(msg, sizeof(code)) = code;
    answer_end(answer, msg);
}

/* Gives the bytes as one datagram to nlq_recv_process_rtreply. */
static int receive(const void *bytes, size_t len, nlq_doit_f cb, void *argout)
{
    int fds[2], result;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    assert_int_equal(send(fds[1], bytes, len, 0), len);
    close(fds[1]);
    assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
    result = nlq_recv_process_rtreply(fds[0], cb, NULL, argout, NULL);
    close(fds[0]);
    return result;
}

static int check_link(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                      void *argenv)
{
    const struct ifinfomsg *head = NLMSG_DATA(msg);
    struct nlattr *nested[IFLA_INFO_DATA + 1];
    int *calls = argout;

    (void)argin, (void)argenv;
    ++*calls;
    assert_int_equal(head->ifi_index, *calls);
    assert_string_equal(nlq_attrdata(attr[IFLA_IFNAME]), *calls == 1 ? "one" : "another");
    assert_int_equal(*(uint32_t *)nlq_attrdata(attr[IFLA_MTU]), 1300);
    assert_null(attr[IFLA_ADDRESS]);
    assert_int_equal(nlq_parsexattr(attr[IFLA_LINKINFO], nested, IFLA_INFO_DATA + 1), 0);
    assert_int_equal(nlq_attrlen(nested[IFLA_INFO_KIND]), 4);
    assert_memory_equal(nlq_attrdata(nested[IFLA_INFO_KIND]), "veth", 4);
    assert_null(nested[IFLA_INFO_DATA]);
    return 40 + *calls;
}

static void test_we_read_what_libmnl_writes(void **state)
{
    struct answer answer = {.len = 0};
    int calls = 0;

    (void)state;
    answer_link(&answer, 1, "one");
    answer_link(&answer, 2, "another");
    answer_code(&answer, NLMSG_DONE, 0);
    assert_int_equal(receive(answer.bytes, answer.len, check_link, &calls), 42);
    assert_int_equal(calls, 2);
}

static int refuse_first(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                        void *argenv)
{
    (void)msg, (void)attr, (void)argin, (void)argenv;
    return ++*(int *)argout == 1 ? -EXDEV : 0;
}

static void test_ends_of_answers(void **state)
{
    struct answer answer = {.len = 0};
    int calls = 0;

    (void)state;
    answer_code(&answer, NLMSG_ERROR, -ESRCH);
    assert_int_equal(receive(answer.bytes, answer.len, nlq_process_null_cb, NULL), -ESRCH);
    answer.len = 0;
    answer_code(&answer, NLMSG_ERROR, 0);
    assert_int_equal(receive(answer.bytes, answer.len, nlq_process_null_cb, NULL), 0);
    answer.len = 0;
    answer_code(&answer, NLMSG_DONE, -EINTR);
    assert_int_equal(receive(answer.bytes, answer.len, nlq_process_null_cb, NULL), -EINTR);
    answer.len = 0; /* the callback is not asked again after it failed */
    answer_link(&answer, 1, "one");
    answer_link(&answer, 2, "two");
    answer_code(&answer, NLMSG_DONE, 0);
    assert_int_equal(receive(answer.bytes, answer.len, refuse_first, &calls), -EXDEV);
    assert_int_equal(calls, 1);
    assert_int_equal(nlq_recv_process_rtreply(-1, nlq_process_null_cb, NULL, NULL, NULL), -EBADF);
}

/* However it is cut, an answer is data, an end, or no netlink. */
static void test_damaged_answers(void **state)
{
    struct answer answer = {.len = 0};
    size_t len;
    int i;

    (void)state;
    answer_link(&answer, 1, "one");
    for (len = 1; len < answer.len; len++) {
        void *exact = malloc(len);

        memcpy(exact, answer.bytes, len);
        assert_int_equal(receive(exact, len, nlq_process_null_cb, NULL), -EBADMSG);
        free(exact);
    }
    for (i = 0; i < 4; i++) { /* lengths of the first attribute that do not fit */
        const uint16_t lengths[] = {0, 3, 0xffff, 200};
        struct nlattr *attr = (struct nlattr *)(answer.bytes + NLMSG_LENGTH(sizeof(struct ifinfomsg)));

        attr->nla_len = lengths[i];
        assert_int_equal(receive(answer.bytes, answer.len, nlq_process_null_cb, NULL), -EBADMSG);
    }
}

static void test_nested_attributes_that_do_not_fit(void **state)
{
    uint16_t bytes[8] = {12, IFLA_LINKINFO, 8, IFLA_INFO_KIND, 0, 0};
    struct nlattr *xattr[3] = {(struct nlattr *)bytes, NULL, NULL};
    int len;

    (void)state;
    assert_int_equal(nlq_parsexattr((struct nlattr *)bytes, xattr, 3), 0);
    assert_ptr_equal(xattr[IFLA_INFO_KIND], bytes + 2);
    for (len = 0; len < 16; len++) {
        bytes[2] = (uint16_t)len;
        if (len < 4 || len > 8) {
            assert_fails(nlq_parsexattr((struct nlattr *)bytes, xattr, 3), EINVAL);
            assert_null(xattr[IFLA_INFO_KIND]);
        }
    }
    bytes[2] = 8;
    assert_int_equal(nlq_parsexattr((struct nlattr *)bytes, xattr, IFLA_INFO_KIND), 0); /* passed over */
    assert_null(xattr[0]);
    assert_int_equal(nlq_parsexattr(NULL, xattr, 3), 0);
}

/* ---- limits, memory, queues ---- */

static void test_what_fails_is_told_at_the_end(void **state)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_NEWLINK, 0, 0, 0);
    void *much = calloc(1, 65536);

    (void)state;
    nlq_addattr(msg, 1, much, 65531);
    assert_int_equal(nlq_complete(msg), 0);
    nlq_addattr(msg, 1, much, 65532);
    nlq_addattr(msg, 1, much, 1);
    assert_fails(nlq_complete(msg), EMSGSIZE);
    nlq_dropmsg(msg);
    free(much);
    msg = nlq_createmsg(RTM_NEWLINK, 0, 0, 0);
    nlq_addxattr(msg, IFLA_LINKINFO, NULL);
    assert_fails(nlq_complete(msg), ENOMEM);
    assert_fails(nlq_complete_send_freemsg(-1, msg), ENOMEM);
    nlq_add(NULL, "", 1);
    nlq_addattr(NULL, 1, NULL, 0);
    nlq_addxattr(NULL, 1, nlq_createxattr());
    assert_fails(nlq_complete(NULL), ENOMEM);
    nlq_freemsg(NULL);
    assert_int_equal(nlq_rtdialog(NULL, nlq_process_null_cb, NULL, NULL, NULL), -ENOMEM);
}

static void test_queues(void **state)
{
    struct nlq_msg *queue = NULL, *msg;
    int i;

    (void)state;
    assert_null(nlq_head(queue));
    assert_null(nlq_dequeue(&queue));
    assert_int_equal(nlq_length(queue), 0);
    for (i = 1; i <= 3; i++) {
        assert_int_equal(nlq_complete_enqueue(nlq_createmsg((uint16_t)i, 0, 0, 0), &queue), 0);
        assert_int_equal(nlq_length(queue), i);
        assert_int_equal(nlq_head(queue)->nlq_packet->nlmsg_type, 1);
    }
    nlq_enqueue(NULL, &queue);
    for (i = 1; i <= 3; i++) {
        msg = nlq_dequeue(&queue);
        assert_int_equal(msg->nlq_packet->nlmsg_type, i);
        nlq_freemsg(msg);
    }
    assert_null(queue);
    nlq_enqueue(nlq_createmsg(1, 0, 0, 0), &queue);
    nlq_enqueue(nlq_createmsg(2, 0, 0, 0), &queue);
    nlq_free(&queue);
    assert_null(queue);
    assert_fails(nlq_complete_enqueue(NULL, &queue), ENOMEM);
}

static void test_masks(void **state)
{
    uint8_t mask[17];
    int prefixlen;

    (void)state;
    assert_int_equal(nlq_family2addrlen(AF_INET), 4);
    assert_int_equal(nlq_family2addrlen(AF_INET6), 16);
    assert_int_equal(nlq_family2addrlen(AF_PACKET), 0);
    for (prefixlen = 0; prefixlen <= 128; prefixlen++) {
        memset(mask, 0x55, sizeof(mask));
        assert_int_equal(nlq_prefix2mask(AF_INET6, mask, prefixlen), 0);
        assert_int_equal(nlq_mask2prefix(AF_INET6, mask), prefixlen);
        assert_int_equal(mask[16], 0x55);
        if (prefixlen <= 32)
            assert_int_equal(nlq_mask2prefix(AF_INET, mask), prefixlen);
    }
    assert_int_equal(nlq_prefix2mask(AF_INET, mask, 20), 0);
    assert_memory_equal(mask, "\xff\xff\xf0\x00\xff", 5);
    assert_fails(nlq_mask2prefix(AF_INET, "\xff\x00\xff\x00"), EINVAL);
    assert_fails(nlq_prefix2mask(AF_INET, mask, 33), EINVAL);
    assert_fails(nlq_prefix2mask(AF_INET6, mask, -1), EINVAL);
    assert_fails(nlq_prefix2mask(AF_UNIX, mask, 1), EAFNOSUPPORT);
    assert_fails(nlq_mask2prefix(AF_UNIX, mask), EAFNOSUPPORT);
    assert_int_equal(nlq_addrdata2prefix(24, IFA_F_NODAD, RT_SCOPE_LINK),
                     (int)(24 | IFA_F_NODAD << 16 | 253u << 24));
    assert_int_equal(nlq_routedata2prefix(24, RTN_BLACKHOLE, 0), 24 | RTN_BLACKHOLE << 16);
    assert_int_equal(nlq_return_errno(5), 5);
    assert_fails(nlq_return_errno(-EXDEV), EXDEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libmnl_reads_what_we_write),
        cmocka_unit_test(test_we_read_what_libmnl_writes),
        cmocka_unit_test(test_ends_of_answers),
        cmocka_unit_test(test_damaged_answers),
        cmocka_unit_test(test_nested_attributes_that_do_not_fit),
        cmocka_unit_test(test_what_fails_is_told_at_the_end),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_masks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
