/* How an image is resized once all is checked; knows nothing of Python. */
#ifndef AUGFLOW_RESIZE_H
#define AUGFLOW_RESIZE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "paths.h"
#include "weights.h"

/* The longest axis of an image: such numbers are exact as floats, which Pillow's boxes are. */
enum { LONGEST = 1 << 24 };

/* Output columns of the first pass that are made at once, of rows that are. Memory for them stays
   in the second-level cache; a multiple of 16. */
enum { TILE = 64, LARGEST_BLOCK = 64 };

/* No weight is larger: three signed bytes hold it. Pillow's reach 1.3 times 2^22. */
enum { LARGEST_WEIGHT = 126 << 16 };

/* What `weigh` makes of an axis: for each output pixel the first input pixel, the number of taps,
   and the weights. */
struct table {
    const int32_t *numbers; /* NULL: this axis stays as it is */
    int32_t count;          /* of output pixels */
    int32_t taps;           /* memory for each, the largest number */
};

static const int32_t *table_row(const struct table *table, int32_t pixel)
{
    return table->numbers + (ptrdiff_t)pixel * (table->taps + 2);
}

static int32_t table_first(const struct table *table, int32_t pixel)
{
    return table_row(table, pixel)[0];
}

static int32_t table_taps(const struct table *table, int32_t pixel)
{
    return table_row(table, pixel)[1];
}

static const int32_t *table_weights(const struct table *table, int32_t pixel)
{
    return table_row(table, pixel) + 2;
}

/* The input pixels that some output pixels are made of. */
static void used(const struct table *table, int32_t first, int32_t end, int32_t *low, int32_t *high)
{
    *low = LONGEST;
    *high = 0;
    for (int32_t i = first; i < end; i++) {
        const int32_t start = table_first(table, i), behind = start + table_taps(table, i);
        *low = start < *low ? start : *low;
        *high = behind > *high ? behind : *high;
    }
    /* Not below it where nothing is used. */
    *high = *high > *low ? *high : *low;
}

/* One image, and what it becomes. Pixels are packed in rows; distances are in bytes. */
struct resize {
    const uint8_t *source;
    ptrdiff_t source_row;
    int32_t height, channels;
    struct table columns, rows;
    int rows_first; /* which of two passes is first: that along the rows? */
    uint8_t *target;
    ptrdiff_t target_row, row_bytes;
    int32_t target_height;
    /* Memory of the call: the words of an axis, turned rows, what becomes of them, and what lies
       between two passes (NULL for one). Of the image's rows (or columns, if they are second) only
       those from `low` to `high` are used, so only those are there. */
    uint32_t *words;
    uint8_t *turned, *tile, *between;
    ptrdiff_t between_row;
    int32_t low, high;
};

#define PATH(name) name##_plain
#define TARGET
#define VECTORS 0
#include "sums.h"
#include "passes.h"
#undef PATH
#undef TARGET
#undef VECTORS

#if HAS_AVX2
#include "wide_sums.h"
#define PATH(name) name##_avx2
#define TARGET TARGET_AVX2
#define VECTORS 1
#include "sums.h"
#include "passes.h"
#undef PATH
#undef TARGET
#undef VECTORS
#endif

#if HAS_AVX512
#define PATH(name) name##_avx512
#define TARGET TARGET_AVX512
#define VECTORS 2
#include "sums.h"
#include "passes.h"
#undef PATH
#undef TARGET
#undef VECTORS
#endif

static void resize_by(enum path path, const struct resize *resize)
{
    switch (path) {
#if HAS_AVX512
    case AVX512: resize_image_avx512(resize); break;
#endif
#if HAS_AVX2
    case AVX2: resize_image_avx2(resize); break;
#endif
    default: resize_image_plain(resize);
    }
}

#endif
