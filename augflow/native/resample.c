/* Resizing by Pillow's filters: checks what Python hands over, then resizes without the GIL.

   Read weights.h first, then resize.h, sums.h, wide_sums.h, passes.h and this file from its end. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "buffers.h"
#include "paths.h"
#include "resample.h"
#include "resize.h"

const char weigh_doc[] = "weigh(size, low, high, count, filter) -> bytes\n"
                         "See augflow.native.resample.";

PyObject *weigh(PyObject *module, PyObject *arguments)
{
    struct axis axis;
    int filter;
    PyObject *table = NULL;
    double *heights = NULL;
    int32_t *numbers;
    Py_ssize_t length, bytes;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "iffii:weigh", &axis.size, &axis.low, &axis.high, &axis.count,
                          &filter))
        return NULL;
    if (axis.size < 1 || axis.size > LONGEST || axis.count < 1 || axis.count > LONGEST ||
        filter < 0 || filter >= FILTERS) {
        PyErr_Format(PyExc_ValueError, "expected sizes of 1 to %d and a known filter", LONGEST);
        return NULL;
    }
    /* Also false for NaN. */
    if (!(axis.low >= 0.0f && axis.high > axis.low && axis.high <= (float)axis.size)) {
        PyErr_SetString(PyExc_ValueError, "expected a box within the image");
        return NULL;
    }
    axis.filter = (enum filter)filter;
    length = (Py_ssize_t)ceil(reach_of(&axis)) * 2 + 1;
    if (__builtin_mul_overflow((length + 2) * (Py_ssize_t)sizeof *numbers, axis.count, &bytes)) {
        PyErr_SetString(PyExc_OverflowError, "the weights take too many bytes");
        return NULL;
    }
    heights = PyMem_Malloc((size_t)length * sizeof *heights);
    numbers = PyMem_Malloc((size_t)bytes);
    if (!heights || !numbers) {
        PyErr_NoMemory();
    } else {
        int32_t *row = numbers;
        Py_BEGIN_ALLOW_THREADS
        for (int32_t i = 0; i < axis.count; i++, row += length + 2)
            weigh_pixel(&axis, i, (int32_t)length, heights, row, row + 1, row + 2);
        Py_END_ALLOW_THREADS
        table = PyBytes_FromStringAndSize((const char *)numbers, bytes);
    }
    PyMem_Free(heights);
    PyMem_Free(numbers);
    return table;
}

/* Look at a table for an axis that becomes `count` pixels of `size`. */
static int check_table(const Py_buffer *buffer, Py_ssize_t size, Py_ssize_t count,
                       struct table *table)
{
    const Py_ssize_t row_bytes = buffer->len / count, fewest = 3 * (Py_ssize_t)sizeof(int32_t);
    int32_t largest = 0, smallest = 0;

    if (buffer->len % count != 0 || row_bytes < fewest || row_bytes % sizeof(int32_t) != 0 ||
        row_bytes / (Py_ssize_t)sizeof(int32_t) > 8 * (Py_ssize_t)LONGEST ||
        (uintptr_t)buffer->buf % sizeof(int32_t) != 0)
        goto wrong;
    table->numbers = buffer->buf;
    table->count = (int32_t)count;
    table->taps = (int32_t)(row_bytes / (Py_ssize_t)sizeof(int32_t)) - 2;
    for (int32_t i = 0; i < table->count; i++) {
        const int32_t first = table_first(table, i), taps = table_taps(table, i);
        const int32_t *weights = table_weights(table, i);
        if (first < 0 || taps < 0 || taps > table->taps || taps > size || first > size - taps)
            goto wrong;
        for (int32_t t = 0; t < taps; t++) {
            largest = weights[t] > largest ? weights[t] : largest;
            smallest = weights[t] < smallest ? weights[t] : smallest;
        }
    }
    if (largest <= LARGEST_WEIGHT && smallest >= -LARGEST_WEIGHT)
        return 1;
wrong:
    PyErr_SetString(PyExc_ValueError, "expected weights as `weigh` makes them, for these sizes");
    return 0;
}

/* Look at the images. Returns 0 and sets an error for what cannot be resized. */
static int check_arrays(const Py_buffer *source, const Py_buffer *target)
{
    if (source->ndim != 3 || target->ndim != 3 || source->shape[2] != target->shape[2] ||
        !is_format(source, "B") || !is_format(target, "B") || !is_packed(source) ||
        !is_packed(target) || overlaps(source, target)) {
        PyErr_SetString(PyExc_ValueError,
                        "expected a source and a target of uint8, each of shape (height, width, "
                        "channels) with packed rows, and in memory of their own");
        return 0;
    }
    for (int axis = 0; axis < 3; axis++)
        if (source->shape[axis] < 1 || source->shape[axis] > LONGEST || target->shape[axis] < 1 ||
            target->shape[axis] > LONGEST) {
            PyErr_Format(PyExc_ValueError, "height, width and channels must be 1 to %d", LONGEST);
            return 0;
        }
    return 1;
}

/* How many words the weights of a table take at most; more than one for each weight on no path. */
static ptrdiff_t count_words(const struct table *table)
{
    return table->numbers ? (ptrdiff_t)table->count * (table->taps + 3) : 0;
}

/* The most input columns that a tile of output columns is made of. */
static int32_t widest_tile(const struct table *columns)
{
    int32_t widest = 0;

    for (int32_t x = 0; x < columns->count; x += TILE) {
        const int32_t end = columns->count - x < TILE ? columns->count : x + TILE;
        int32_t low, high;
        used(columns, x, end, &low, &high);
        widest = high - low > widest ? high - low : widest;
    }
    return widest;
}

/* Take all memory of a call at once; returns what is to be freed, NULL with an error set. */
static void *take_memory(struct resize *resize)
{
    const struct table *columns = &resize->columns, *rows = &resize->rows;
    const int is_double = columns->numbers && rows->numbers;
    const ptrdiff_t channels = resize->channels;
    ptrdiff_t words = count_words(columns), turned = 0, tile = 0, between = 0, all = 64;
    char *memory;

    words = words > count_words(rows) ? words : count_words(rows);
    if (is_double) {
        used(resize->rows_first ? rows : columns, 0,
             resize->rows_first ? rows->count : columns->count, &resize->low, &resize->high);
        between = resize->rows_first ? resize->row_bytes : (resize->high - resize->low) * channels;
        resize->between_row = between;
    }
    if (columns->numbers) {
        turned = (widest_tile(columns) * channels + 15) / 16 * 16;
        tile = TILE * channels;
    }
    if (__builtin_mul_overflow(words, (ptrdiff_t)sizeof *resize->words, &words) ||
        __builtin_mul_overflow(turned, (ptrdiff_t)LARGEST_BLOCK, &turned) ||
        __builtin_mul_overflow(tile, (ptrdiff_t)LARGEST_BLOCK, &tile) ||
        __builtin_mul_overflow(
            between, resize->rows_first ? resize->high - resize->low : resize->target_height,
            &between) ||
        __builtin_add_overflow(all, words, &all) || __builtin_add_overflow(all, turned, &all) ||
        __builtin_add_overflow(all, tile, &all) || __builtin_add_overflow(all, between, &all)) {
        PyErr_SetString(PyExc_OverflowError, "an image takes too many bytes");
        return NULL;
    }
    memory = PyMem_Malloc((size_t)all);
    if (!memory)
        return PyErr_NoMemory();
    resize->words = (uint32_t *)memory;
    resize->turned = (uint8_t *)memory + words;
    resize->tile = resize->turned + turned;
    resize->between = is_double ? resize->tile + tile : NULL;
    /* The last tile is turned back by 16 columns, of which it may have fewer. */
    memset(resize->tile, 0, (size_t)tile);
    return memory;
}

/* Fetch the table of an axis, unless it is None: then the axis must stay as it is. */
static int fetch_table(PyObject *object, Py_buffer *buffer, Py_ssize_t size, Py_ssize_t count,
                       struct table *table)
{
    if (object != Py_None)
        return PyObject_GetBuffer(object, buffer, PyBUF_C_CONTIGUOUS) == 0 &&
               check_table(buffer, size, count, table);
    if (size == count)
        return 1;
    PyErr_SetString(PyExc_ValueError, "an axis without weights keeps its size");
    return 0;
}

const char resample_doc[] = "resample(source, target, columns, rows, rows_first, path)\n"
                            "See augflow.native.resample, which fills in the arguments.";

PyObject *resample(PyObject *module, PyObject *arguments)
{
    PyObject *objects[4];
    Py_buffer source = {0}, target = {0}, columns = {0}, rows = {0};
    struct resize resize = {0};
    void *memory = NULL;
    int path, done = 0;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOpi:resample", &objects[0], &objects[1], &objects[2],
                          &objects[3], &resize.rows_first, &path))
        return NULL;
    if (path < PLAIN || path > (int)best_path()) {
        PyErr_SetString(PyExc_ValueError, "unknown path");
        return NULL;
    }
    if (PyObject_GetBuffer(objects[0], &source, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0 ||
        PyObject_GetBuffer(objects[1], &target,
                           PyBUF_STRIDED | PyBUF_WRITABLE | PyBUF_FORMAT) != 0 ||
        !check_arrays(&source, &target) ||
        !fetch_table(objects[2], &columns, source.shape[1], target.shape[1], &resize.columns) ||
        !fetch_table(objects[3], &rows, source.shape[0], target.shape[0], &resize.rows))
        goto end;
    if (!resize.columns.numbers && !resize.rows.numbers) {
        PyErr_SetString(PyExc_ValueError, "nothing to resize");
        goto end;
    }
    resize.source = source.buf;
    resize.source_row = source.strides[0];
    resize.height = (int32_t)source.shape[0];
    resize.channels = (int32_t)source.shape[2];
    resize.target = target.buf;
    resize.target_row = target.strides[0];
    resize.target_height = (int32_t)target.shape[0];
    resize.row_bytes = (ptrdiff_t)(target.shape[1] * target.shape[2]);
    memory = take_memory(&resize);
    if (!memory)
        goto end;
    Py_BEGIN_ALLOW_THREADS
    resize_by((enum path)path, &resize);
    Py_END_ALLOW_THREADS
    done = 1;
end:
    PyMem_Free(memory);
    PyBuffer_Release(&rows);
    PyBuffer_Release(&columns);
    PyBuffer_Release(&target);
    PyBuffer_Release(&source);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}
