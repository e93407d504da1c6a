/* SPDX-License-Identifier: Apache-2.0 */
/* A program may close every descriptor that it does not know, as daemons do. */
#include "host.h"

int main(void)
{
    touch("before.txt");
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    int first = open("after.txt", O_WRONLY | O_CREAT, 0644);
    EXPECT(first == 3);
    FILE *stream = fopen("stream.txt", "w");
    EXPECT(stream != NULL && fileno(stream) == 4);
    fclose(stream);
    return 0;
}
