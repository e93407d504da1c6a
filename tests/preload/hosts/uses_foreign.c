/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a function that is called like one of LIBSVM's; it gets all its arguments. */
#include "host.h"

long foreign_call(void);

int main(void)
{
    EXPECT(foreign_call() == 321);
    return 0;
}
