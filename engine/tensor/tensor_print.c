/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The short picture of a tensor: columns of one width, long dimensions shortened. */
#include "engine/tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_SIZE = 40 };

/* How the values that are shown look, and what is known of them so far. */
typedef struct Picture {
    const Tensor *tensor;
    bool scientific;
    int width; /* of the widest value */
    double largest;
    Buffer *out;
} Picture;

/* How many of a dimension's first and last elements are shown; 0: all of them. */
static void edges(const Tensor *tensor, int dim, int64_t *first, int64_t *last)
{
    int below = tensor->ndim - 1 - dim;
    int64_t whole = below > 1 ? 3 : 8;
    *first = *last = 0;
    if (tensor->shape[dim] <= whole) return;
    *first = below > 1 ? 1 : 3;
    *last = below == 1 ? 3 : 1;
}

/* The element that is shown behind element i. */
static int64_t next_shown(const Tensor *tensor, int dim, int64_t i)
{
    int64_t first, last;
    edges(tensor, dim, &first, &last);
    return first && i + 1 == first ? tensor->shape[dim] - last : i + 1;
}

static void put_real(const Picture *picture, double value, char text[VALUE_SIZE])
{
    double size = fabs(value);
    if (isnan(value))
        strcpy(text, "nan");
    else if (isinf(value))
        strcpy(text, value < 0 ? "-inf" : "inf");
    else if (picture->scientific)
        snprintf(text, VALUE_SIZE, "%.3e", value);
    else if (size > 0 && size < 0.5e-4) /* would look like 0 */
        snprintf(text, VALUE_SIZE, "%.0e", value);
    else
        snprintf(text, VALUE_SIZE, "%.4f", value);
}

static void put_value(const Picture *picture, int64_t place, char text[VALUE_SIZE])
{
    if (dtype_is_real(picture->tensor->dtype))
        put_real(picture, tensor_get(picture->tensor, place), text);
    else
        snprintf(text, VALUE_SIZE, "%lld", (long long)tensor_get_integer(picture->tensor, place));
}

/* visit(picture, place) for each element that is shown; place counts in row-major order. */
static void each_shown(Picture *picture, int dim, int64_t place, void (*visit)(Picture *picture, int64_t place))
{
    const Tensor *tensor = picture->tensor;
    if (dim == tensor->ndim) {
        visit(picture, place);
        return;
    }
    for (int64_t i = 0; i < tensor->shape[dim]; i = next_shown(tensor, dim, i))
        each_shown(picture, dim + 1, place * tensor->shape[dim] + i, visit);
}

static void note_size(Picture *picture, int64_t place)
{
    double size = fabs(tensor_get(picture->tensor, place));
    if (isfinite(size)) picture->largest = fmax(picture->largest, size);
}

static void note_width(Picture *picture, int64_t place)
{
    char text[VALUE_SIZE];
    put_value(picture, place, text);
    int width = (int)strlen(text);
    if (width > picture->width) picture->width = width;
}

static Status print_dim(const Picture *picture, int dim, int64_t place)
{
    const Tensor *tensor = picture->tensor;
    char text[VALUE_SIZE];
    if (dim == tensor->ndim) {
        put_value(picture, place, text);
        return buffer_printf(picture->out, "%*s", picture->width, text);
    }
    bool row = dim == tensor->ndim - 1;
    TRY(buffer_text(picture->out, "["));
    for (int64_t i = 0, before = -1; i < tensor->shape[dim]; before = i, i = next_shown(tensor, dim, i)) {
        if (i > before + 1)
            TRY(row ? buffer_text(picture->out, " ...") : buffer_printf(picture->out, "\n%*s...", dim + 1, ""));
        if (i) TRY(row ? buffer_text(picture->out, " ") : buffer_printf(picture->out, "\n%*s", dim + 1, ""));
        TRY(print_dim(picture, dim + 1, place * tensor->shape[dim] + i));
    }
    return buffer_text(picture->out, "]");
}

Status tensor_print(const Tensor *tensor, Buffer *out)
{
    Picture picture = {.tensor = tensor, .out = out};
    each_shown(&picture, 0, 0, note_size);
    picture.scientific = picture.largest >= 1e5 || (picture.largest > 0 && picture.largest < 1e-3);
    each_shown(&picture, 0, 0, note_width);
    return print_dim(&picture, 0, 0);
}
