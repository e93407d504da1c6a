/* SPDX-License-Identifier: Apache-2.0 */
/* The pseudo-terminal translates nothing: the real one does, once. It keeps OPOST set, so that a command that
 * clears it (raw output) can be told from one that leaves it alone. */
#include "cli/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Clears what would translate output, and asks for a word when modes are set. */
static void make_transparent(struct termios *modes)
{
    modes->c_oflag &= OPOST;
    modes->c_lflag |= EXTPROC;
}

void mlf__pty_resize(int master, int terminal)
{
    struct winsize size;

    if (ioctl(terminal, TIOCGWINSZ, &size) == 0)
        ioctl(master, TIOCSWINSZ, &size);
}

static mlf_status set_up(int master, int slave, int terminal)
{
    struct termios modes;
    int on = 1;

    if (tcgetattr(terminal, &modes) != 0)
        return mlf__fail_errno(errno, "the terminal's modes cannot be read");
    make_transparent(&modes);
    if (tcsetattr(slave, TCSANOW, &modes) != 0 || ioctl(master, TIOCPKT, &on) != 0)
        return mlf__fail_errno(errno, "a pseudo-terminal cannot be set up");
    mlf__pty_resize(master, terminal);
    return MLF_OK;
}

mlf_status mlf__pty_open(int terminal, int *master, int *slave)
{
    char name[64];
    mlf_status status;

    *slave = -1;
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0 &&
        ptsname_r(*master, name, sizeof(name)) == 0)
        *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave < 0)
        status = mlf__fail_errno(errno, "no pseudo-terminal can be made");
    else
        status = set_up(*master, *slave, terminal);
    if (status == MLF_OK)
        return MLF_OK;
    if (*slave >= 0)
        close(*slave);
    if (*master >= 0)
        close(*master);
    *master = *slave = -1;
    return status;
}

static bool same_modes(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
           memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

/* The command has set modes: what it means for keyboard and output becomes the real terminal's. */
static void mirror(int master, int terminal)
{
    struct termios set, real;

    if (tcgetattr(master, &set) != 0 || tcgetattr(terminal, &real) != 0)
        return;
    struct termios next = real;
    next.c_iflag = set.c_iflag;
    next.c_lflag = set.c_lflag & ~(tcflag_t)EXTPROC;
    next.c_oflag = (real.c_oflag & ~(tcflag_t)OPOST) | (set.c_oflag & OPOST);
    memcpy(next.c_cc, set.c_cc, sizeof(next.c_cc));
    if (!same_modes(&next, &real))
        tcsetattr(terminal, TCSANOW, &next);
    struct termios clear = set;
    make_transparent(&clear);
    if (!same_modes(&clear, &set))
        tcsetattr(master, TCSANOW, &clear);
}

ssize_t mlf__pty_read(int master, int terminal, char *buffer, size_t size)
{
    ssize_t n = read(master, buffer, size);

    if (n < 0)
        return errno == EIO ? 0 : -1; /* EIO: no process holds the other side any more */
    if (n > 0 && ((unsigned char)buffer[0] & TIOCPKT_IOCTL) != 0)
        mirror(master, terminal);
    if (n > 1 && buffer[0] == TIOCPKT_DATA)
        return n - 1;
    errno = EAGAIN;
    return n == 0 ? 0 : -1;
}
