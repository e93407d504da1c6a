/* SPDX-License-Identifier: Apache-2.0 */
/* Access to an event's text. */
#include "core/event.h"

#include <string.h>

const char *mlf__event_field(const struct mlf__event *event, size_t index)
{
    const char *at = event->text;
    const char *end = at + event->text_len;
    for (; index > 0; index--) {
        at = memchr(at, '\0', (size_t)(end - at));
        if (at == NULL)
            return "";
        at++;
    }
    return at;
}
