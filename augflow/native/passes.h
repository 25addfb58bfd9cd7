/* Resizes one image in two passes, along its rows and along its columns. resize.h includes this
   file once for each instruction set, after sums.h.

   For the pass along rows some of them are turned, so that the bytes of all of them at one place
   lie side by side: both passes are then sums of bytes side by side. */

/* The words of all output pixels along an axis. Returns how many belong to one of them. */
TARGET static ptrdiff_t PATH(split_table)(const struct table *table, uint32_t *words)
{
    const ptrdiff_t length =
        (table->taps + PATH(TAPS) - 1) / PATH(TAPS) * (ptrdiff_t)PATH(WORDS);

    for (int32_t i = 0; i < table->count; i++)
        PATH(split_weights)(table_weights(table, i), table_taps(table, i), words + i * length);
    return length;
}

/* Turn `bytes` bytes of some rows, `count` of them, a multiple of 16. */
TARGET static void PATH(turn_in)(const uint8_t *const *rows, ptrdiff_t offset, ptrdiff_t bytes,
                                 ptrdiff_t count, uint8_t *turned)
{
    const uint8_t *from[16];
    uint8_t ends[16][16] = {{0}};

    for (ptrdiff_t row = 0; row < count; row += 16)
        for (ptrdiff_t at = 0; at < bytes; at += 16) {
            const ptrdiff_t left = bytes - at;
            for (int i = 0; i < 16; i++) {
                from[i] = rows[row + i] + offset + at;
                if (left < 16)
                    from[i] = memcpy(ends[i], from[i], (size_t)left);
            }
            PATH(turn)(from, turned + at * count + row, count);
        }
}

/* Turn back `bytes` bytes of rows, of which the first `wanted` are written. */
TARGET static void PATH(turn_out)(const uint8_t *turned, ptrdiff_t bytes, ptrdiff_t count,
                                  ptrdiff_t wanted, uint8_t *rows, ptrdiff_t row_bytes)
{
    const uint8_t *from[16];
    uint8_t corner[16 * 16];

    for (ptrdiff_t row = 0; row < wanted; row += 16)
        for (ptrdiff_t at = 0; at < bytes; at += 16) {
            const ptrdiff_t right = bytes - at, below = wanted - row;
            uint8_t *to = rows + row * row_bytes + at;
            for (int i = 0; i < 16; i++)
                from[i] = turned + (at + i) * count + row;
            if (right >= 16 && below >= 16) {
                PATH(turn)(from, to, row_bytes);
                continue;
            }
            PATH(turn)(from, corner, 16);
            for (int i = 0; i < 16 && i < below; i++)
                memcpy(to + i * row_bytes, corner + 16 * i, (size_t)(right < 16 ? right : 16));
        }
}

/* Resize `count` rows, side by side. The source begins with the image's column `origin`. */
TARGET static void PATH(along_rows)(const struct resize *resize, const uint8_t *source,
                                    ptrdiff_t source_row, int32_t origin, int32_t count,
                                    uint8_t *target, ptrdiff_t target_row)
{
    const struct table *columns = &resize->columns;
    const ptrdiff_t channels = resize->channels;
    const ptrdiff_t length = PATH(split_table)(columns, resize->words);
    const uint8_t *rows[PATH(BLOCK)];

    for (int32_t y = 0; y < count; y += PATH(BLOCK)) {
        const int32_t wanted = count - y < PATH(BLOCK) ? count - y : PATH(BLOCK);
        const ptrdiff_t block = (wanted + 15) / 16 * 16, pixel = channels * block;
        for (int32_t i = 0; i < block; i++)
            rows[i] = source + (y + (i < wanted ? i : wanted - 1)) * source_row;
        for (int32_t x = 0; x < columns->count; x += TILE) {
            const int32_t end = columns->count - x < TILE ? columns->count : x + TILE;
            int32_t low, high;
            used(columns, x, end, &low, &high);
            PATH(turn_in)(rows, (low - origin) * channels, (high - low) * channels, block,
                          resize->turned);
            for (int32_t i = x; i < end; i++)
                PATH(sum_bytes)(resize->turned + (table_first(columns, i) - low) * pixel, pixel,
                                table_taps(columns, i), table_weights(columns, i),
                                resize->words + i * length, resize->tile + (i - x) * pixel, pixel);
            PATH(turn_out)(resize->tile, (end - x) * channels, block, wanted,
                           target + y * target_row + x * channels, target_row);
        }
    }
}

/* Resize columns of `bytes` bytes. The source begins with the image's row `origin`. */
TARGET static void PATH(along_columns)(const struct resize *resize, const uint8_t *source,
                                       ptrdiff_t source_row, int32_t origin, ptrdiff_t bytes,
                                       uint8_t *target, ptrdiff_t target_row)
{
    const struct table *rows = &resize->rows;
    const ptrdiff_t length = PATH(split_table)(rows, resize->words);

    for (int32_t y = 0; y < rows->count; y++)
        PATH(sum_bytes)(source + (table_first(rows, y) - origin) * source_row, source_row,
                        table_taps(rows, y), table_weights(rows, y), resize->words + y * length,
                        target + y * target_row, bytes);
}

TARGET static void PATH(resize_image)(const struct resize *resize)
{
    const ptrdiff_t channels = resize->channels, row = resize->source_row;
    const ptrdiff_t between_row = resize->between_row;
    const int32_t low = resize->low, high = resize->high;

    if (!resize->between && resize->columns.numbers)
        PATH(along_rows)(resize, resize->source, row, 0, resize->height, resize->target,
                         resize->target_row);
    else if (!resize->between)
        PATH(along_columns)(resize, resize->source, row, 0, resize->row_bytes, resize->target,
                            resize->target_row);
    else if (resize->rows_first) {
        PATH(along_rows)(resize, resize->source + low * row, row, 0, high - low, resize->between,
                         between_row);
        PATH(along_columns)(resize, resize->between, between_row, low, resize->row_bytes,
                            resize->target, resize->target_row);
    } else {
        PATH(along_columns)(resize, resize->source + low * channels, row, 0,
                            (high - low) * channels, resize->between, between_row);
        PATH(along_rows)(resize, resize->between, between_row, low, resize->target_height,
                         resize->target, resize->target_row);
    }
}
