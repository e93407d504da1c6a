/* SPDX-License-Identifier: Apache-2.0 */
/* The child of a fork is watched as well as its parent. */
#include "host.h"

#include <sys/wait.h>

int main(void)
{
    touch("parent.txt");
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        touch("child.txt");
        _exit(0);
    }
    int status;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    touch("after.txt");
    return 0;
}
