/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks for a password on a terminal, without showing it.

   The terminal must be as it was however this ends, also by ^C. So signals that could end the process are held back
   while the echo is off, and seen by a signalfd that is watched beside the terminal: when one comes the terminal is put
   right first and the signal let through then, which does to the process what it always does.

   What was typed ahead before the echo went off is discarded (TCSAFLUSH). */
#include "libotip/otip_terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static const int held_back[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};

/* Waits for a line or a signal. */
static int wait_for_line(int fd, int signals)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

    while (poll(fds, ARRAY_LEN(fds), -1) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return fds[1].revents ? -EINTR : 0;
}

static int ask_without_echo(int fd, int signals, const char *prompt, char ret[static OTIP_PASSWORD_MAX + 1],
                            char why[static OTIP_WHY_MAX])
{
    struct termios before, silent;
    int err;

    if (tcgetattr(fd, &before) < 0)
        return -errno;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
        return -errno;
    dprintf(fd, "%s", prompt);
    err = wait_for_line(fd, signals);
    if (!err)
        err = otip_password_read_fd(fd, ret, why);
    dprintf(fd, "\n"); /* the one that was typed is not seen either */
    tcsetattr(fd, TCSAFLUSH, &before);
    return err;
}

int otip_password_ask(int fd, const char *prompt, char ret[static OTIP_PASSWORD_MAX + 1],
                      char why[static OTIP_WHY_MAX])
{
    sigset_t ending, before;
    int signals, err;

    sigemptyset(&ending);
    for (size_t i = 0; i < ARRAY_LEN(held_back); i++)
        sigaddset(&ending, held_back[i]);
    signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) {
        err = -errno;
        snprintf(why, OTIP_WHY_MAX, "%s", strerror(-err));
        return err;
    }
    why[0] = '\0';
    pthread_sigmask(SIG_BLOCK, &ending, &before);
    err = ask_without_echo(fd, signals, prompt, ret, why);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(signals);
    if (err && why[0] == '\0')
        snprintf(why, OTIP_WHY_MAX, "%s", strerror(-err));
    return err;
}
