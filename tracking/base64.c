/* SPDX-License-Identifier: Apache-2.0 */
/* Base64. */
#include "tracking/base64.h"

#include "core/mem.h"

#include <ctype.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

char *mlf__base64_encode(const char *bytes, size_t len)
{
    if (len > INT_MAX / 2) {
        mlf__fail(MLF_ERR_NOMEM, "%zu bytes are too many for base64", len);
        return NULL;
    }
    char *text = mlf__alloc((len + 2) / 3 * 4 + 1);
    if (text != NULL)
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)len);
    return text;
}

mlf_status mlf__base64_decode(const char *text, char **out)
{
    size_t len = strlen(text), n = 0;
    *out = NULL;
    if (len > INT_MAX / 2)
        return MLF_ERR_INVAL;
    char *plain = mlf__alloc(len + 1);
    char *bytes = mlf__zalloc(len + 4, 1);
    mlf_status status = plain != NULL && bytes != NULL ? MLF_OK : MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < len; i++)
        if (isalnum((unsigned char)text[i]) || strchr("+/=", text[i]) != NULL)
            plain[n++] = text[i];
    if (status == MLF_OK &&
        (n % 4 != 0 ||
         EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)plain, (int)n) < 0))
        status = MLF_ERR_INVAL;
    mlf__free(plain);
    if (status == MLF_OK)
        *out = bytes;
    else
        mlf__free(bytes);
    return status;
}
