/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A network of UDP datagrams (libvdeplug's udp://), which strangers may send to as well: an empty one is no end of it. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"

enum { ROUNDS = 20, ARP_FRAME = 60, ARP_AT = 14, OPERATION_AT = ARP_AT + 6, DEADLINE_MS = 20000 };

/* A socket of the kernel's, and its port. */
static int udp_socket(uint16_t *ret_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

/* Is the next frame the answer to who has 10.0.0.2? */
static bool is_answer(int fd)
{
    uint8_t frame[2048];
    ssize_t len = recv(fd, frame, sizeof(frame), 0);

    return len >= ARP_AT + 28 && frame[12] == 8 && frame[13] == 6 && frame[OPERATION_AT + 1] == 2;
}

static void play(const char *kind)
{
    static const uint8_t request[ARP_FRAME] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 9, 8, 6,              /* Ethernet */
        0,    1,    8,    0,    6,    4,    0,  1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, /* asks 10.0.0.9 */
        0,    0,    0,    0,    0,    0,    10, 0, 0, 2};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t here, there;
    struct pollfd event = {.events = POLLIN};
    int fd, freed, answers = 0;
    struct ioth *stack;
    char vnl[64];

    if (!lab_has(kind))
        return;
    event.fd = fd = udp_socket(&here);
    freed = udp_socket(&there);
    close(freed);
    to.sin_port = htons(there);
    snprintf(vnl, sizeof(vnl), "udp://%u->127.0.0.1:%u", there, here);
    stack = lab_stack(kind, vnl, "10.0.0.2");
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to)), 0);
        assert_int_equal(sendto(fd, request, sizeof(request), 0, (struct sockaddr *)&to, sizeof(to)),
                         sizeof(request));
    }
    while (answers < ROUNDS && poll(&event, 1, DEADLINE_MS) > 0)
        answers += is_answer(fd);
    assert_int_equal(answers, ROUNDS);
    assert_int_equal(ioth_delstack(stack), 0);
    close(fd);
}

static void test_lwip(void **state)
{
    (void)state;
    play("lwip");
}

static void test_vdestack(void **state)
{
    (void)state;
    play("vdestack");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lwip), cmocka_unit_test(test_vdestack)};
    return lab_run(tests);
}
