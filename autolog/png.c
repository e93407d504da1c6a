/* SPDX-License-Identifier: Apache-2.0 */
/* PNG through libpng's simplified interface, which reports errors by its return value: the other one leaves
 * by longjmp or abort. */
#include "autolog/api.h"

#ifdef MLF__HAVE_PNG

#include "core/mem.h"

#include <png.h>
#include <string.h>

static mlf_status fill_in(const mlf_image *image, png_image *png)
{
    static const png_uint_32 formats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                          PNG_FORMAT_RGBA};
    enum { SIDE_MAX = 1 << 20 };
    if (image->channels < 1 || image->channels > MLF__ARRAY_LEN(formats))
        return mlf__fail(MLF_ERR_INVAL, "an image has 1 to 4 channels, not %u",
                         (unsigned)image->channels);
    if (image->width == 0 || image->height == 0 || image->width > SIDE_MAX ||
        image->height > SIDE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "an image of %u x %u pixels", (unsigned)image->width,
                         (unsigned)image->height);
    *png = (png_image){.version = PNG_IMAGE_VERSION,
                       .width = image->width,
                       .height = image->height,
                       .format = formats[image->channels - 1]};
    return MLF_OK;
}

mlf_status mlf__png_encode(const mlf_image *image, struct mlf__buf *out)
{
    png_image png = {0};
    mlf_status status = fill_in(image, &png);
    if (status != MLF_OK)
        return status;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    void *bytes = mlf__alloc(size);
    if (bytes == NULL)
        return MLF_ERR_NOMEM;
    if (png_image_write_to_memory(&png, bytes, &size, 0, image->pixels, 0, NULL) != 0)
        mlf__buf_add(out, bytes, size);
    else
        status = mlf__fail(MLF_ERR_NOMEM, "the image cannot be written as PNG: %s", png.message);
    png_image_free(&png);
    mlf__free(bytes);
    return out->failed ? MLF_ERR_NOMEM : status;
}

#else

mlf_status mlf__png_encode(const mlf_image *image, struct mlf__buf *out)
{
    (void)image;
    (void)out;
    return mlf__fail(MLF_ERR_UNSUPPORTED, "this mlf was built without libpng: no image can be "
                                          "written as PNG");
}

#endif
