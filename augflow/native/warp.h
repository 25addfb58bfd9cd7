/* What the parts of the kernel share: the description of a warp, and of where pixels come from. */
#ifndef AUGFLOW_WARP_H
#define AUGFLOW_WARP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Output pixels whose places are computed at once: their places stay in the first-level cache. */
enum { CHUNK = 256 };

/* As the Python side numbers them. */
enum fill_mode { NEAREST, REFLECT, CONSTANT, WRAP, FILL_MODES };

enum source_kind { UINT8, FLOAT32, RAW };

/* One image, and the row of a batch that it becomes. Distances are in bytes and may be negative. */
struct warp {
    enum source_kind kind;
    int order; /* 0 or 1; RAW pixels are only picked, order 0 */
    enum fill_mode fill_mode;
    int32_t height, width, channels;

    const char *source;     /* channels lie side by side, and so do the pixels of a row */
    ptrdiff_t source_row;
    const char *source_end; /* behind the last byte of the image with the highest address */
    ptrdiff_t pixel_bytes;  /* of the source */

    char *target;
    ptrdiff_t target_row, target_column, target_channel;
    ptrdiff_t target_bytes; /* of one channel: 4, for RAW those of the source */
    char *line;             /* memory for a row of packed pixels; NULL: the target's are packed */

    double matrix[6]; /* output (row, column, 1) to input row, then to input column */
    int mirror_rows, mirror_columns; /* flips that follow the warp */
    const char *fill;      /* a pixel as it is written outside of the image */
    const float *multiply; /* for each channel of the source; unused for RAW */
    const float *add;
};

/* Where the pixels of a piece of an output row come from. For order 1 the pixel lies `down` and
   `right`, 0 to 1, behind (row, column). Those before `first` and from `end` on lie outside of the
   image, for CONSTANT; all others inside. */
struct places {
    _Alignas(64) int32_t row[CHUNK], column[CHUNK];
    float down[CHUNK], right[CHUNK];
    int first, end;
};

#endif
