/* Warps and resizes noise in many ways, by every path that this processor has, and prints a checksum
   of each result: .ci/arm64 compares them between processors. Ends with 1 where two paths differ. */
#include <stdio.h>
#include <stdlib.h>

#include "../../augflow/native/resize.h"
#include "../../augflow/native/warp_paths.h"

enum { HEIGHT = 61, WIDTH = 83, TARGET_HEIGHT = 40, TARGET_WIDTH = 70, CHANNELS = 4 };
enum { LEVELS = HEIGHT * WIDTH * CHANNELS, LONGEST_ROW = 128 };

static uint32_t state = 1;

/* The upper bits of a linear generator. */
static uint32_t noise(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

static uint64_t checksum(const void *memory, size_t bytes)
{
    const unsigned char *at = memory;
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ at[i]) * 1099511628211u;
    return sum;
}

/* Print a result once; returns whether all paths gave it. */
static int report(const char *what, const int *numbers, const uint64_t *sums)
{
    int same = 1;

    for (int path = PLAIN + 1; path <= (int)best_path(); path++)
        same &= sums[path] == sums[PLAIN];
    printf("%s %d %d %d %016llx%s\n", what, numbers[0], numbers[1], numbers[2],
           (unsigned long long)sums[PLAIN], same ? "" : " and others");
    return same;
}

/* Warp images of uint8 (or float32) by an order and a fill mode. */
static int warp_all(const uint8_t *levels, int as_floats, int order, enum fill_mode fill_mode)
{
    static float floats[LEVELS], out[LEVELS];
    static const float multiply[CHANNELS] = {1.0f / 255, 0.1f, -3.0f, 2.0f};
    static const float add[CHANNELS] = {0.0f, 0.5f, 0.1f, -7.0f};
    static const float fill[CHANNELS] = {1.0f, 2.0f, 3.0f, 4.0f};
    int same = 1;

    for (int i = 0; i < LEVELS; i++)
        floats[i] = (float)levels[i];
    for (int channels = 1; channels <= CHANNELS; channels++)
        for (int turn = 0; turn < 6; turn++) {
            const int numbers[3] = {channels, order * 10 + (int)fill_mode, turn};
            const double angle = 0.3 * turn, size = as_floats ? 4.0 : 1.0;
            uint64_t sums[3] = {0};
            struct warp warp = {.kind = as_floats ? FLOAT32 : UINT8, .order = order,
                                .fill_mode = fill_mode, .height = HEIGHT, .width = WIDTH,
                                .channels = channels, .pixel_bytes = channels * (int)size,
                                .target_bytes = 4, .target_channel = 4, .mirror_rows = turn & 1,
                                .mirror_columns = turn >> 1 & 1, .fill = (const char *)fill,
                                .multiply = multiply, .add = add,
                                .matrix = {1.0 - angle / 3, angle, -7.3 * turn, -angle,
                                           0.9 + angle / 7, 5.1 * turn}};
            warp.source = as_floats ? (const char *)floats : (const char *)levels;
            warp.source_row = warp.pixel_bytes * WIDTH;
            warp.source_end = warp.source + warp.source_row * HEIGHT;
            warp.target = (char *)out;
            warp.target_column = channels * 4;
            warp.target_row = warp.target_column * WIDTH;
            for (int path = PLAIN; path <= (int)best_path(); path++) {
                warp_by((enum path)path, &warp, 0);
                sums[path] = checksum(out, sizeof *out * HEIGHT * WIDTH * (size_t)channels);
            }
            same &= report(as_floats ? "warp float32" : "warp uint8", numbers, sums);
        }
    return same;
}

/* The weights of an axis, as `weigh` makes them. */
static void weigh_axis(struct axis axis, int32_t *numbers, struct table *table)
{
    double heights[LONGEST_ROW];

    table->taps = (int32_t)ceil(reach_of(&axis)) * 2 + 1;
    table->count = axis.count;
    table->numbers = numbers;
    for (int32_t i = 0; i < axis.count; i++, numbers += table->taps + 2)
        weigh_pixel(&axis, i, table->taps, heights, numbers, numbers + 1, numbers + 2);
}

static int resize_all(const uint8_t *levels, enum filter filter)
{
    static int32_t columns[WIDTH * LONGEST_ROW], rows[HEIGHT * LONGEST_ROW];
    static uint32_t words[WIDTH * LONGEST_ROW];
    static uint8_t turned[WIDTH * CHANNELS * LARGEST_BLOCK], tile[TILE * CHANNELS * LARGEST_BLOCK];
    static uint8_t between[LEVELS], out[LEVELS];
    int same = 1;

    for (int channels = 1; channels <= CHANNELS; channels++)
        for (int rows_first = 0; rows_first < 2; rows_first++) {
            const int numbers[3] = {channels, (int)filter, rows_first};
            const struct axis across = {WIDTH, 2.5f, 80.25f, TARGET_WIDTH, filter};
            const struct axis down = {HEIGHT, 0.0f, HEIGHT, TARGET_HEIGHT, filter};
            uint64_t sums[3] = {0};
            struct resize resize = {.source = levels, .source_row = WIDTH * channels,
                                    .height = HEIGHT, .channels = channels,
                                    .rows_first = rows_first, .target = out,
                                    .target_row = TARGET_WIDTH * channels,
                                    .row_bytes = TARGET_WIDTH * channels,
                                    .target_height = TARGET_HEIGHT, .words = words,
                                    .turned = turned, .tile = tile, .between = between};
            weigh_axis(across, columns, &resize.columns);
            weigh_axis(down, rows, &resize.rows);
            used(rows_first ? &resize.rows : &resize.columns, 0,
                 rows_first ? TARGET_HEIGHT : TARGET_WIDTH, &resize.low, &resize.high);
            resize.between_row =
                rows_first ? resize.row_bytes : (resize.high - resize.low) * channels;
            for (int path = PLAIN; path <= (int)best_path(); path++) {
                resize_by((enum path)path, &resize);
                sums[path] = checksum(out, TARGET_HEIGHT * TARGET_WIDTH * (size_t)channels);
            }
            same &= report("resize", numbers, sums);
        }
    return same;
}

int main(void)
{
    static uint8_t levels[LEVELS];
    int same = 1;

    for (int i = 0; i < LEVELS; i++)
        levels[i] = (uint8_t)noise();
    for (int mode = 0; mode < FILL_MODES; mode++)
        for (int order = 0; order < 2; order++)
            for (int as_floats = 0; as_floats < 2; as_floats++)
                same &= warp_all(levels, as_floats, order, (enum fill_mode)mode);
    for (int filter = 0; filter < FILTERS; filter++)
        same &= resize_all(levels, (enum filter)filter);
    return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
