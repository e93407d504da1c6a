/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose constructor runs before any other: it took the privilege that the hooks ask for. */
#include "host.h"

__attribute__((constructor)) static void first(void)
{
    if (access("early.txt", F_OK) == 0)
        return;
    touch("early.txt");
    FILE *stream = fopen("early.txt", "r");
    EXPECT(stream != NULL);
    fclose(stream);
}
