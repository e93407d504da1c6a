/* SPDX-License-Identifier: Apache-2.0 */
/* A program for the tests of several commands in one session. Each argument is one thing that it does:
 * log=KEY:VALUE:STEP a metric by the API, param=KEY:VALUE, print=TEXT a line, tick=N prints "tick 0", … each after
 * 20 ms until N, ignore (SIGTERM), sleep=MS, exit=CODE, raise=SIGNAL, eat=MIB of memory, pause for ever,
 * child=ARGUMENT: does that in a child which is not waited for, daemon=ARGUMENT: likewise, in a session of its own. */
#include <mlf/mlf.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void nap(long ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&wait, &wait) != 0) {
    }
}

static void eat(size_t mib)
{
    volatile char *bytes = malloc(mib << 20);
    if (bytes == NULL) {
        puts("no memory");
        exit(3);
    }
    for (size_t i = 0; i < mib << 20; i += 4096)
        bytes[i] = 1;
    free((void *)bytes);
}

static void act(char *what);

static void in_child(char *what, int own_session)
{
    fflush(NULL);
    if (fork() != 0)
        return;
    if (own_session) {
        setsid();
        if (fork() != 0)
            _exit(0);
    }
    act(what);
    exit(0);
}

static void act(char *what)
{
    char *value = strchr(what, '=');
    if (value != NULL)
        *value++ = '\0';
    if (strcmp(what, "log") == 0) {
        char *key = strsep(&value, ":"), *number = strsep(&value, ":");
        if (mlf_log_metric(key, strtod(number, NULL), atoll(value)) != MLF_OK)
            exit(4);
    } else if (strcmp(what, "param") == 0) {
        char *key = strsep(&value, ":");
        if (mlf_log_param(key, value) != MLF_OK)
            exit(4);
    } else if (strcmp(what, "print") == 0) {
        puts(value);
    } else if (strcmp(what, "tick") == 0) {
        for (int i = 0; i < atoi(value); i++, nap(20))
            printf("tick %d loss = %g\n", i, i / 10.0);
    } else if (strcmp(what, "flush") == 0) {
        fflush(stdout);
    } else if (strcmp(what, "ignore") == 0) {
        signal(SIGTERM, SIG_IGN);
    } else if (strcmp(what, "sleep") == 0) {
        nap(atol(value));
    } else if (strcmp(what, "exit") == 0) {
        exit(atoi(value));
    } else if (strcmp(what, "raise") == 0) {
        raise(atoi(value));
    } else if (strcmp(what, "eat") == 0) {
        eat((size_t)atol(value));
    } else if (strcmp(what, "pause") == 0) {
        for (;;)
            pause();
    } else if (strcmp(what, "child") == 0 || strcmp(what, "daemon") == 0) {
        in_child(value, strcmp(what, "daemon") == 0);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        act(argv[i]);
    return 0;
}
