/* SPDX-License-Identifier: Apache-2.0 */
/* A program that parses options by every function there is for it; the index is kept as the C library keeps it. */
#include "host.h"

#include <getopt.h>

int main(int argc, char **argv)
{
    static int fast;
    static const struct option longs[] = {{"learning-rate", required_argument, NULL, 'l'},
                                          {"epochs", required_argument, NULL, 'e'},
                                          {"fast", no_argument, &fast, 1},
                                          {"verbose", optional_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    int index = 77, seen = 0;
    for (int c; (c = getopt_long(argc, argv, "l:e:xv::", longs, &index)) != -1; seen++) {
        if (c == 'e')
            EXPECT(index == 77); /* given as -e: the index is left alone */
        if (c == 'l')
            EXPECT(index == 0);
        if (c == 'l')
            index = 77;
        if (c == '?')
            return 3;
    }
    EXPECT(fast == 1 && seen == argc - 1 - 2);
    optind = 1;
    while (getopt_long_only(argc, argv, "l:e:xv::", longs, NULL) != -1)
        continue;
    return 0;
}
