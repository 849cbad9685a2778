/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small stack behind nlq_process_rtrequest: what each request is answered, and what no bytes can do to
 * it. The requests are libmnl's, and libmnl reads the replies. */
#include <arpa/inet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

#include "libnlq/fake_stack.h"

enum { SEQ = 4711, PORT = 815 };

/* A request in a buffer of its own, with what follows the header still to be put. */
struct request {
    struct nlmsghdr *msg;
    uint32_t bytes[256];
};

static void request_init(struct request *request, uint16_t type, uint16_t flags)
{
    memset(request->bytes, 0, sizeof(request->bytes));
    request->msg = mnl_nlmsg_put_header(request->bytes);
    request->msg->nlmsg_type = type;
    request->msg->nlmsg_flags = NLM_F_REQUEST | flags;
    request->msg->nlmsg_seq = SEQ;
    request->msg->nlmsg_pid = PORT;
}

static struct ifinfomsg *request_link(struct request *request, uint16_t type, uint16_t flags)
{
    request_init(request, type, flags);
    return mnl_nlmsg_put_extra_header(request->msg, sizeof(struct ifinfomsg));
}

static struct ifaddrmsg *request_addr(struct request *request, uint16_t type, uint16_t flags,
                                      const char *addr)
{
    struct ifaddrmsg *head;
    struct in_addr in;

    request_init(request, type, flags);
    head = mnl_nlmsg_put_extra_header(request->msg, sizeof(*head));
    head->ifa_family = AF_INET;
    head->ifa_prefixlen = 24;
    head->ifa_index = 7;
    assert_int_equal(inet_pton(AF_INET, addr, &in), 1);
    mnl_attr_put_u32(request->msg, IFA_LOCAL, in.s_addr);
    return head;
}

/* Every reply is a message libmnl takes, with the request's numbers. */
static struct nlq_msg *ask(struct fake_stack *stack, struct request *request)
{
    struct nlq_msg *replies = nlq_process_rtrequest(request->msg, fake_handlers, stack), *reply;
    int i;

    reply = nlq_head(replies);
    for (i = nlq_length(replies); i > 0; i--, reply = reply->nlq_next) {
        assert_true(mnl_nlmsg_ok(reply->nlq_packet, (int)reply->nlq_size));
        assert_int_equal(reply->nlq_packet->nlmsg_len, reply->nlq_size);
        assert_int_equal(reply->nlq_packet->nlmsg_seq, SEQ);
        assert_int_equal(reply->nlq_packet->nlmsg_pid, PORT);
    }
    return replies;
}

/* The code of the NLMSG_ERROR that is the last of the replies, 1 if there is none; frees them. */
static int code_of(struct nlq_msg *replies)
{
    const struct nlmsghdr *last = replies == NULL ? NULL : replies->nlq_packet;
    int code =
        last == NULL || last->nlmsg_type != NLMSG_ERROR ? 1 : ((struct nlmsgerr *)NLMSG_DATA(last))->error;

    nlq_free(&replies);
    return code;
}

static void test_dump(void **state)
{
    struct fake_stack stack;
    struct request request;
    struct nlq_msg *replies, *reply;
    int i;

    (void)state;
    fake_init(&stack, "fake0");
    stack.links[1] = stack.links[0];
    stack.links[1].index = 9;
    request_link(&request, RTM_GETLINK, NLM_F_DUMP | NLM_F_ACK);
    replies = ask(&stack, &request);
    assert_int_equal(nlq_length(replies), 3);
    for (i = 0; i < 3; i++) {
        reply = nlq_dequeue(&replies);
        assert_int_equal(reply->nlq_packet->nlmsg_type, i < 2 ? RTM_NEWLINK : NLMSG_DONE);
        assert_int_equal(reply->nlq_packet->nlmsg_flags, NLM_F_MULTI);
        if (i < 2)
            assert_int_equal(((struct ifinfomsg *)NLMSG_DATA(reply->nlq_packet))->ifi_index, i == 0 ? 7 : 9);
        nlq_freemsg(reply);
    }
    request_init(&request, RTM_GETADDR, NLM_F_DUMP); /* with one byte of family alone, padded, as `ip` does */
    *(uint8_t *)mnl_nlmsg_put_extra_header(request.msg, 1) = AF_INET;
    replies = ask(&stack, &request);
    assert_int_equal(nlq_length(replies), 1);
    assert_int_equal(nlq_head(replies)->nlq_packet->nlmsg_type, NLMSG_DONE);
    nlq_free(&replies);
    request_init(&request, RTM_GETLINK, NLM_F_DUMP); /* with nothing at all */
    replies = ask(&stack, &request);
    assert_int_equal(nlq_length(replies), 3);
    nlq_free(&replies);
}

static void test_get_one(void **state)
{
    struct fake_stack stack;
    struct request request;
    struct nlq_msg *replies;

    (void)state;
    fake_init(&stack, "fake0");
    request_link(&request, RTM_GETLINK, 0)->ifi_index = 7;
    replies = ask(&stack, &request);
    assert_int_equal(nlq_length(replies), 1);
    assert_int_equal(replies->nlq_packet->nlmsg_type, RTM_NEWLINK);
    assert_int_equal(replies->nlq_packet->nlmsg_flags, 0);
    nlq_free(&replies);
    request.msg->nlmsg_flags |= NLM_F_ACK;
    replies = ask(&stack, &request);
    assert_int_equal(nlq_length(replies), 2);
    assert_int_equal(code_of(replies), 0);
    request_link(&request, RTM_GETLINK, 0);
    mnl_attr_put_str(request.msg, IFLA_IFNAME, "fake0"); /* without a NUL, followed by another attribute */
    mnl_attr_put_u32(request.msg, IFLA_EXT_MASK, 0x01010101);
    assert_int_equal(code_of(ask(&stack, &request)), 1);
    request_link(&request, RTM_GETLINK, 0)->ifi_index = 8;
    assert_int_equal(code_of(ask(&stack, &request)), -ENODEV);
}

static void test_error_carries_the_request(void **state)
{
    struct fake_stack stack;
    struct request request;
    struct nlq_msg *replies;
    const struct nlmsgerr *error;

    (void)state;
    fake_init(&stack, "fake0");
    request_addr(&request, RTM_DELADDR, 0, "10.0.0.1");
    replies = ask(&stack, &request);
    error = NLMSG_DATA(replies->nlq_packet);
    assert_int_equal(error->error, -ENODEV);
    assert_int_equal(replies->nlq_size, sizeof(struct nlmsghdr) + sizeof(int) + request.msg->nlmsg_len);
    assert_memory_equal(&error->msg, request.msg, request.msg->nlmsg_len);
    nlq_free(&replies);
}

static void test_new_set_del(void **state)
{
    struct fake_stack stack;
    struct request request;

    (void)state;
    fake_init(&stack, "fake0");
    request_addr(&request, RTM_NEWADDR, 0, "10.0.0.1");
    assert_int_equal(code_of(ask(&stack, &request)), -ENODEV);
    request.msg->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    assert_int_equal(code_of(ask(&stack, &request)), 0);
    assert_int_equal(stack.addrs[0].prefixlen, 24);
    assert_int_equal(code_of(ask(&stack, &request)), -EEXIST);
    request.msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
    assert_int_equal(code_of(ask(&stack, &request)), -EOPNOTSUPP); /* no set for addresses */
    request_addr(&request, RTM_DELADDR, NLM_F_ACK, "10.0.0.1");
    assert_int_equal(code_of(ask(&stack, &request)), 0);
    assert_int_equal(code_of(ask(&stack, &request)), -ENODEV);

    request_link(&request, RTM_NEWLINK, NLM_F_ACK)->ifi_index = 7; /* as `ip link set` asks */
    mnl_attr_put_u32(request.msg, IFLA_MTU, 1300);
    assert_int_equal(code_of(ask(&stack, &request)), 0);
    assert_int_equal(stack.links[0].mtu, 1300);
    request_link(&request, RTM_SETLINK, 0)->ifi_index = 7;
    mnl_attr_put_u32(request.msg, IFLA_MTU, 1200);
    assert_null(ask(&stack, &request)); /* no reply was asked for */
    assert_int_equal(stack.links[0].mtu, 1200);
    request_link(&request, RTM_SETLINK, 0)->ifi_index = 8;
    assert_int_equal(code_of(ask(&stack, &request)), -ENODEV);
}

static void test_echo(void **state)
{
    struct fake_stack stack;
    struct request request;
    struct nlq_msg *replies;

    (void)state;
    fake_init(&stack, "fake0");
    request_link(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO | NLM_F_ACK);
    mnl_attr_put_strz(request.msg, IFLA_IFNAME, "made");
    replies = ask(&stack, &request);
    assert_int_equal(nlq_length(replies), 2);
    assert_int_equal(nlq_head(replies)->nlq_packet->nlmsg_type, RTM_NEWLINK);
    assert_int_equal(code_of(replies), 0);
}

static void test_what_is_not_served(void **state)
{
    const uint16_t types[] = {RTM_GETNEIGH, RTM_NEWRULE, RTM_DELQDISC, RTM_NEWACTION,
                              RTM_MAX,      0x1000,      0xffff};
    struct fake_stack stack;
    struct request request;
    size_t i;

    (void)state;
    fake_init(&stack, "fake0");
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        request_init(&request, types[i], NLM_F_DUMP);
        mnl_nlmsg_put_extra_header(request.msg, sizeof(struct tcmsg));
        assert_int_equal(code_of(ask(&stack, &request)), -EOPNOTSUPP);
    }
    request_init(&request, NLMSG_NOOP, 0);
    assert_null(ask(&stack, &request));
    request_init(&request, NLMSG_NOOP, NLM_F_ACK);
    assert_int_equal(code_of(ask(&stack, &request)), 0);
    request_link(&request, RTM_GETLINK, NLM_F_DUMP);
    request.msg->nlmsg_flags = NLM_F_DUMP;
    assert_null(ask(&stack, &request)); /* no request */
}

static void test_shapes_are_checked(void **state)
{
    struct fake_stack stack;
    struct request request;

    (void)state;
    fake_init(&stack, "fake0");
    request_link(&request, RTM_SETLINK, 0)->ifi_index = 7;
    mnl_attr_put_u16(request.msg, IFLA_MTU, 1300);
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    request_link(&request, RTM_SETLINK, 0)->ifi_index = 7;
    mnl_attr_put_strz(request.msg, IFLA_IFNAME, "a_name_of_16_by_");
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    request_link(&request, RTM_SETLINK, 0)->ifi_index = 7;
    mnl_attr_put(request.msg, IFLA_ADDRESS, 33, request.bytes);
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    request_addr(&request, RTM_NEWADDR, NLM_F_CREATE, "10.0.0.1")->ifa_prefixlen = 33;
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    request_addr(&request, RTM_NEWADDR, NLM_F_CREATE, "10.0.0.1")->ifa_family = AF_INET6;
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    request_addr(&request, RTM_NEWADDR, NLM_F_CREATE, "10.0.0.1");
    mnl_attr_put(request.msg, IFA_CACHEINFO, 4, request.bytes);
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    request_init(&request, RTM_NEWADDR, NLM_F_CREATE); /* shorter than struct ifaddrmsg */
    mnl_nlmsg_put_extra_header(request.msg, 4);
    assert_int_equal(code_of(ask(&stack, &request)), -EINVAL);
    assert_int_equal(stack.links[0].mtu, 1500);
    assert_int_equal(stack.addrs[0].family, 0);
}

/* Every truncation at every alignment, in memory of its exact size, with the length left and made right. */
static void test_truncations(void **state)
{
    struct fake_stack stack;
    struct request request;
    size_t cut, shift;

    (void)state;
    request_link(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_ACK);
    mnl_attr_put_strz(request.msg, IFLA_IFNAME, "made");
    mnl_attr_put_u32(request.msg, IFLA_MTU, 1300);
    for (cut = 0; cut <= request.msg->nlmsg_len; cut++)
        for (shift = 0; shift < 8; shift++) {
            uint8_t *exact = malloc(shift + cut + (shift + cut == 0));
            struct nlq_msg *replies;
            uint32_t len = (uint32_t)cut;

            fake_init(&stack, "fake0");
            memcpy(exact + shift, request.bytes, cut);
            if (shift >= 4 && cut >= sizeof(len))
                memcpy(exact + shift, &len, sizeof(len));
            replies = nlq_process_rtrequests(exact + shift, cut, fake_handlers, &stack);
            if (cut == request.msg->nlmsg_len)
                assert_int_equal(code_of(replies), 0);
            else if (shift < 4 || cut < sizeof(struct nlmsghdr))
                assert_null(replies);
            else
                nlq_free(&replies);
            free(exact);
        }
}

static void test_many_requests_in_one_send(void **state)
{
    struct fake_stack stack;
    struct request request;
    uint8_t bytes[1024];
    size_t len = 0;
    int i;

    (void)state;
    fake_init(&stack, "fake0");
    for (i = 0; i < 3; i++) {
        char addr[] = "10.0.0.1";

        addr[7] = (char)('1' + i);
        request_addr(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_ACK, addr);
        memcpy(bytes + len, request.bytes, request.msg->nlmsg_len);
        len += request.msg->nlmsg_len;
    }
    memset(bytes + len, 0xff, 40); /* and no message at the end */
    struct nlq_msg *replies = nlq_process_rtrequests(bytes, len + 40, fake_handlers, &stack);
    assert_int_equal(nlq_length(replies), 3);
    assert_int_equal(code_of(replies), 0);
    assert_int_equal(stack.addrs[2].family, AF_INET);
    assert_null(nlq_process_rtrequests(bytes, 0, fake_handlers, &stack));
}

static int count_links(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                       void *argenv)
{
    assert_int_equal(msg->nlmsg_type, RTM_NEWLINK);
    assert_string_equal(nlq_attrdata(attr[IFLA_IFNAME]), argin);
    assert_non_null(argenv);
    return ++*(int *)argout;
}

static void test_dialogues_with_oneself(void **state)
{
    struct fake_stack stack;
    struct nlq_msg *msg;
    int calls = 0;

    (void)state;
    fake_init(&stack, "fake0");
    msg = nlq_createmsg(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0);
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    assert_int_equal(nlq_server_rtdialog(msg, fake_handlers, &stack, count_links, "fake0", &calls, &stack),
                     1);
    msg = nlq_createmsg(RTM_GETLINK, 0, 0, 0);
    nlq_addstruct(msg, ifinfomsg, .ifi_index = 7);
    assert_int_equal(nlq_general_rtdialog(msg, fake_handlers, &stack, count_links, "fake0", &calls, &stack),
                     2);
    msg = nlq_createmsg(RTM_DELLINK, 0, 0, 0);
    nlq_addstruct(msg, ifinfomsg, .ifi_index = 8);
    assert_int_equal(nlq_server_rtdialog(msg, fake_handlers, &stack, count_links, NULL, NULL, NULL), -ENODEV);
    assert_int_equal(nlq_server_process_rtreply(NULL, count_links, NULL, NULL, NULL), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_get_one),
        cmocka_unit_test(test_error_carries_the_request),
        cmocka_unit_test(test_new_set_del),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_what_is_not_served),
        cmocka_unit_test(test_shapes_are_checked),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_many_requests_in_one_send),
        cmocka_unit_test(test_dialogues_with_oneself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
