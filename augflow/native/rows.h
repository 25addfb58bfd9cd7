/* Warps images row by row. warp_paths.h includes this file once for each instruction set, with
     PATH(name)  the name of a function of that set,
     TARGET      the attribute that makes the compiler use it,
     WIDE        1 where wide.h has faster versions for 3 and 4 channels,
     BLEND_LEVELS  the name of that for uint8.
   All sets give the same bits: every result is made by the same operations in the same order. */

/* Bring a coordinate to the image as SciPy's map_coordinate does for "reflect" and "wrap" (they
   may be a little outside after that: the caller clips them, which gives the same pixel). */
TARGET static double PATH(fold)(double place, int32_t size, enum fill_mode fill_mode)
{
    const double last = size - 1.0, period = 2.0 * size;

    if (size == 1)
        return 0.0;
    if (fill_mode == WRAP) {
        /* Its period is size - 1, and both ends of the range are kept. */
        if (place < 0.0)
            return place + last * ((double)(int64_t)(-place / last) + 1.0);
        return place - last * (double)(int64_t)(place / last);
    }
    if (place < 0.0) {
        if (place < -period)
            place = period * (double)(int64_t)(-place / period) + place;
        return place < -size ? place + period : (place > -1e-15 ? 1e-15 : -place) - 1.0;
    }
    place -= period * (double)(int64_t)(place / period);
    return place >= size ? period - place - 1.0 : place;
}

/* Narrow [first, end) to the coordinates along a line that lie in the image. They only grow or only
   shrink (rounding keeps that), so those lie side by side. */
TARGET static void PATH(narrow)(const double *places, int32_t size, int *first, int *end)
{
    const double last = size - 1.0;

    while (*first < *end && !(places[*first] >= 0.0 && places[*first] <= last))
        ++*first;
    while (*first < *end && !(places[*end - 1] >= 0.0 && places[*end - 1] <= last))
        --*end;
}

TARGET static void PATH(fold_all)(double *places, int count, int32_t size, enum fill_mode fill_mode)
{
    int first = 0, end = count;

    PATH(narrow)(places, size, &first, &end);
    for (int i = 0; i < first; i++)
        places[i] = PATH(fold)(places[i], size, fill_mode);
    for (int i = end; i < count; i++)
        places[i] = PATH(fold)(places[i], size, fill_mode);
}

/* Split clipped coordinates into a pixel and what lies behind it. */
TARGET static void PATH(split)(const double *places, int count, int32_t size, int32_t *pixel,
                               float *behind)
{
    const double last = size - 1.0;

    for (int i = 0; i < count; i++) {
        double place = places[i] > 0.0 ? places[i] : 0.0;
        place = place < last ? place : last;
        int32_t whole = (int32_t)place;
        pixel[i] = whole;
        behind[i] = (float)(place - (double)whole);
    }
}

/* The pixel that is nearest to a clipped coordinate. */
TARGET static void PATH(round_all)(const double *places, int count, int32_t size, int32_t *pixel)
{
    const double last = size - 1.0;

    for (int i = 0; i < count; i++) {
        double place = places[i] > 0.0 ? places[i] : 0.0;
        place = place < last ? place : last;
        pixel[i] = (int32_t)(place + 0.5);
    }
}

/* Find the places of `count` output pixels from (y, x) on, in SciPy's own arithmetic. */
TARGET static void PATH(locate)(const struct warp *warp, int32_t y, int32_t x, int count,
                                struct places *places)
{
    const double *m = warp->matrix;
    const double down = warp->mirror_rows ? warp->height - 1 - y : y;
    const double first = warp->mirror_columns ? warp->width - 1 - x : x;
    const double step = warp->mirror_columns ? -1.0 : 1.0;
    const double row_start = m[2] + down * m[0], column_start = m[5] + down * m[3];
    _Alignas(64) double rows[CHUNK], columns[CHUNK];

    for (int i = 0; i < count; i++) {
        double right = first + step * i;
        rows[i] = row_start + right * m[1];
        columns[i] = column_start + right * m[4];
    }
    places->first = 0;
    places->end = count;
    if (warp->fill_mode == CONSTANT) {
        PATH(narrow)(rows, warp->height, &places->first, &places->end);
        PATH(narrow)(columns, warp->width, &places->first, &places->end);
    } else if (warp->fill_mode != NEAREST) {
        PATH(fold_all)(rows, count, warp->height, warp->fill_mode);
        PATH(fold_all)(columns, count, warp->width, warp->fill_mode);
    }
    if (warp->order == 0) {
        PATH(round_all)(rows, count, warp->height, places->row);
        PATH(round_all)(columns, count, warp->width, places->column);
    } else {
        PATH(split)(rows, count, warp->height, places->row, places->down);
        PATH(split)(columns, count, warp->width, places->column, places->right);
    }
}

/* Blend pixels of `type`; `channels` is a constant where this is inlined for it. */
#define BLEND(name, type)                                                                         \
    TARGET static inline __attribute__((always_inline)) void PATH(name##_pixel)(                  \
        const type *top, const type *bottom, int32_t next, float down, float right,               \
        const float *multiply, const float *add, float *restrict out, const int32_t channels)     \
    {                                                                                             \
        for (int32_t c = 0; c < channels; c++) {                                                  \
            float left = top[c], to_right = top[c + next];                                        \
            left = left + down * ((float)bottom[c] - left);                                       \
            to_right = to_right + down * ((float)bottom[c + next] - to_right);                    \
            out[c] = (left + right * (to_right - left)) * multiply[c] + add[c];                   \
        }                                                                                         \
    }                                                                                             \
                                                                                                  \
    TARGET static inline __attribute__((always_inline)) void PATH(name)(                          \
        const struct warp *warp, const struct places *places, int count, float *out,              \
        const int32_t channels)                                                                   \
    {                                                                                             \
        for (int i = 0; i < count; i++, out += channels) {                                        \
            const int32_t row = places->row[i], column = places->column[i];                       \
            const float right = places->right[i], down = places->down[i];                         \
            const char *first =                                                                   \
                warp->source + row * warp->source_row + column * warp->pixel_bytes;               \
            const type *top = (const type *)first;                                                \
            const type *bottom =                                                                  \
                (const type *)(first + (row < warp->height - 1 ? warp->source_row : 0));          \
            const int32_t next = column < warp->width - 1 ? channels : 0;                         \
            PATH(name##_pixel)(top, bottom, next, down, right, warp->multiply, warp->add, out,    \
                               channels);                                                         \
        }                                                                                         \
    }

/* Pick pixels of `type`, and scale them. */
#define PICK(name, type)                                                                          \
    TARGET static inline __attribute__((always_inline)) void PATH(name)(                          \
        const struct warp *warp, const struct places *places, int count, float *out,              \
        const int32_t channels)                                                                   \
    {                                                                                             \
        for (int i = 0; i < count; i++, out += channels) {                                        \
            const type *pixel =                                                                   \
                (const type *)(warp->source + places->row[i] * warp->source_row +                 \
                               places->column[i] * warp->pixel_bytes);                            \
            for (int32_t c = 0; c < channels; c++)                                                \
                out[c] = (float)pixel[c] * warp->multiply[c] + warp->add[c];                      \
        }                                                                                         \
    }

BLEND(blend_uint8, uint8_t)
BLEND(blend_float32, float)
PICK(pick_uint8, uint8_t)
PICK(pick_float32, float)
#undef BLEND
#undef PICK

TARGET static inline __attribute__((always_inline)) void PATH(copy_pixels)(
    const struct warp *warp, const struct places *places, int count, char *out, const size_t bytes)
{
    for (int i = 0; i < count; i++, out += bytes)
        memcpy(out,
               warp->source + places->row[i] * warp->source_row +
                   places->column[i] * warp->pixel_bytes,
               bytes);
}

/* `work` for the usual numbers of channels (or bytes), as constants that the compiler unrolls. */
#define FOR_USUAL(work, number)                                                                   \
    switch (number) {                                                                             \
    case 1: work(warp, places, count, out, 1); break;                                             \
    case 3: work(warp, places, count, out, 3); break;                                             \
    case 4: work(warp, places, count, out, 4); break;                                             \
    default: work(warp, places, count, out, number);                                              \
    }

/* Make `count` pixels, packed. */
TARGET static void PATH(sample)(const struct warp *warp, const struct places *places, int count,
                                char *packed)
{
    float *out = warp->kind == RAW ? NULL : (float *)packed;

    if (warp->kind == RAW) {
        char *out = packed;
        FOR_USUAL(PATH(copy_pixels), warp->pixel_bytes)
    } else if (warp->order == 0 && warp->kind == UINT8) {
        FOR_USUAL(PATH(pick_uint8), warp->channels)
    } else if (warp->order == 0) {
        FOR_USUAL(PATH(pick_float32), warp->channels)
#if WIDE
    } else if (is_for_wide(warp)) {
        if (warp->kind == UINT8)
            BLEND_LEVELS(warp, places, count, out);
        else
            blend_wide_float32(warp, places, count, out);
#endif
    } else if (warp->kind == UINT8) {
        FOR_USUAL(PATH(blend_uint8), warp->channels)
    } else {
        FOR_USUAL(PATH(blend_float32), warp->channels)
    }
}
#undef FOR_USUAL

/* Scale a row whose pixels stay where they are, with the same factors for all channels. */
TARGET static void PATH(scale_row)(const struct warp *warp, int32_t y, float *out)
{
    const char *row =
        warp->source + (warp->mirror_rows ? warp->height - 1 - y : y) * warp->source_row;
    const ptrdiff_t count = (ptrdiff_t)warp->width * warp->channels;
    const float multiply = warp->multiply[0], add = warp->add[0];

    if (warp->kind == UINT8)
        for (ptrdiff_t i = 0; i < count; i++)
            out[i] = (float)((const uint8_t *)row)[i] * multiply + add;
    else
        for (ptrdiff_t i = 0; i < count; i++)
            out[i] = ((const float *)row)[i] * multiply + add;
}

/* Write a row of packed pixels to where they belong. */
TARGET static void PATH(spread)(const struct warp *warp, char *target)
{
    const ptrdiff_t bytes = warp->target_bytes;

    for (int32_t c = 0; c < warp->channels; c++) {
        const char *from = warp->line + c * bytes;
        char *to = target + c * warp->target_channel;
        for (int32_t x = 0; x < warp->width; x++) {
            if (bytes == 4)
                memcpy(to, from, 4);
            else
                memcpy(to, from, (size_t)bytes);
            from += warp->channels * bytes;
            to += warp->target_column;
        }
    }
}

/* Write a pixel `count` times, by copying twice as much each time. */
TARGET static void PATH(repeat)(char *out, const char *pixel, ptrdiff_t bytes, int count)
{
    const ptrdiff_t all = bytes * count;

    if (count > 0)
        memcpy(out, pixel, (size_t)bytes);
    for (ptrdiff_t done = bytes; done < all; done *= 2)
        memcpy(out + done, out, (size_t)(done < all - done ? done : all - done));
}

/* Warp one image. `in_rows` says that no pixel changes its row or its column. */
TARGET static void PATH(warp_image)(const struct warp *warp, int in_rows)
{
    const ptrdiff_t bytes = warp->channels * warp->target_bytes;
    struct places places;

    for (int32_t y = 0; y < warp->height; y++) {
        char *target = warp->target + y * warp->target_row;
        char *line = warp->line ? warp->line : target;
        if (in_rows) {
            PATH(scale_row)(warp, y, (float *)line);
        } else {
            for (int32_t x = 0; x < warp->width; x += CHUNK) {
                int count = warp->width - x < CHUNK ? warp->width - x : CHUNK;
                PATH(locate)(warp, y, x, count, &places);
                PATH(sample)(warp, &places, count, line + x * bytes);
                PATH(repeat)(line + x * bytes, warp->fill, bytes, places.first);
                PATH(repeat)(line + (x + places.end) * bytes, warp->fill, bytes,
                             count - places.end);
            }
        }
        if (warp->line)
            PATH(spread)(warp, target);
    }
}
