/* SPDX-License-Identifier: Apache-2.0 */
/* A signal handler opens files while the program does the same: nothing blocks, nothing is lost. */
#include "host.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
    int saved = errno;
    (void)signal;
    int fd = open("handler.txt", O_WRONLY | O_CREAT, 0644);
    if (fd >= 0)
        close(fd);
    ticks++;
    errno = saved;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    EXPECT(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (int i = 0; ticks < 200; i++) {
        char path[] = "main00.txt";
        path[4] = (char)('0' + i / 10 % 10);
        path[5] = (char)('0' + i % 10);
        touch(path);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    return 0;
}
