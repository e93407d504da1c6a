/* SPDX-License-Identifier: Apache-2.0 */
/* What the host programs share. They know nothing of mlf: they check that the C library behaves for them as
 * it always does, and end with 0 when it did. What they were seen to do is checked by the driver. */
#ifndef MLF_TESTS_PRELOAD_HOST_H
#define MLF_TESTS_PRELOAD_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);      \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Makes a file by a system call of its own kind each, so that the hooks see it. */
__attribute__((unused)) static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    EXPECT(fd >= 0);
    EXPECT(write(fd, "x", 1) == 1);
    close(fd);
}

#endif
