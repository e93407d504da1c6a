/* SPDX-License-Identifier: Apache-2.0 */
/* The child of a vfork may open files before it becomes another program; the parent goes on. */
#include "host.h"

#include <sys/wait.h>

int main(int argc, char **argv)
{
    if (argc > 1) {
        touch("image.txt");
        return 0;
    }
    for (int i = 0; i < 20; i++) {
        pid_t child = vfork();
        if (child == 0) {
            int fd = open("vforked.txt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
            if (fd < 0)
                _exit(3);
            execl("/proc/self/exe", argv[0], "image", (char *)NULL);
            _exit(4);
        }
        int status;
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    touch("after.txt");
    return 0;
}
