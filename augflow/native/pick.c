/* Resizing by the nearest neighbour: pixels of any kind are picked by given rows and columns. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "buffers.h"
#include "resample.h"

/* Pick the pixels of a row; `bytes` is a constant where this is inlined for it. */
static inline __attribute__((always_inline)) void pick_row(const char *row, const int32_t *columns,
                                                           ptrdiff_t count, char *out,
                                                           const size_t bytes)
{
    for (ptrdiff_t x = 0; x < count; x++)
        memcpy(out + x * (ptrdiff_t)bytes, row + columns[x] * (ptrdiff_t)bytes, bytes);
}

/* Likewise for 3 bytes, by copying 4: what is behind the pixel the next one overwrites. Only of
   columns that have a pixel to their right, and not for the last of the output. */
static void pick_row_of_3(const char *row, const int32_t *columns, ptrdiff_t count, char *out)
{
    for (ptrdiff_t x = 0; x < count; x++)
        memcpy(out + 3 * x, row + 3 * (ptrdiff_t)columns[x], 4);
}

static void pick_all(const Py_buffer *source, const Py_buffer *target, const int32_t *rows,
                     const int32_t *columns)
{
    const size_t bytes = (size_t)(source->shape[2] * source->itemsize);
    const Py_ssize_t count = target->shape[1], last = source->shape[1] - 1;
    Py_ssize_t inner = 0;

    while (inner < count - 1 && columns[inner] < last)
        inner++;
    for (Py_ssize_t y = 0; y < target->shape[0]; y++) {
        const char *row = (const char *)source->buf + rows[y] * source->strides[0];
        char *out = (char *)target->buf + y * target->strides[0];
        if (y > 0 && rows[y] == rows[y - 1]) {
            memcpy(out, out - target->strides[0], bytes * (size_t)count);
            continue;
        }
        switch (bytes) {
        case 1: pick_row(row, columns, count, out, 1); break;
        case 2: pick_row(row, columns, count, out, 2); break;
        case 3:
            pick_row_of_3(row, columns, inner, out);
            pick_row(row, columns + inner, count - inner, out + 3 * inner, 3);
            break;
        case 4: pick_row(row, columns, count, out, 4); break;
        case 6: pick_row(row, columns, count, out, 6); break;
        case 8: pick_row(row, columns, count, out, 8); break;
        case 12: pick_row(row, columns, count, out, 12); break;
        default: pick_row(row, columns, count, out, bytes);
        }
    }
}

/* Whether a buffer holds `count` numbers of int32, each of them from 0 to `size` - 1. */
static int are_places(const Py_buffer *buffer, Py_ssize_t count, Py_ssize_t size)
{
    const int32_t *places = buffer->buf;
    int fit = 1;

    if (!is_format(buffer, "i") || !is_aligned(buffer, sizeof *places) ||
        buffer->len / (Py_ssize_t)sizeof *places != count)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        fit &= places[i] >= 0 && places[i] < size;
    return fit;
}

static int check(const Py_buffer *source, const Py_buffer *target, const Py_buffer *rows,
                 const Py_buffer *columns)
{
    if (source->ndim != 3 || target->ndim != 3 || source->shape[2] != target->shape[2] ||
        source->itemsize != target->itemsize || holds_objects(source) || holds_objects(target) ||
        !is_packed(source) || !is_packed(target) || overlaps(source, target)) {
        PyErr_SetString(PyExc_ValueError,
                        "expected a source and a target of one dtype, each of shape (height, "
                        "width, channels) with packed rows, and in memory of their own");
        return 0;
    }
    if (!are_places(rows, target->shape[0], source->shape[0]) ||
        !are_places(columns, target->shape[1], source->shape[1])) {
        PyErr_SetString(PyExc_ValueError,
                        "expected rows and columns of the source, as int32, one for each of the "
                        "target");
        return 0;
    }
    return 1;
}

const char pick_doc[] = "pick(source, target, rows, columns)\n"
                        "See augflow.native.resample, which fills in the arguments.";

PyObject *pick(PyObject *module, PyObject *arguments)
{
    PyObject *objects[4];
    Py_buffer buffers[4] = {{0}};
    int taken = 0, done = 0;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOO:pick", &objects[0], &objects[1], &objects[2],
                          &objects[3]))
        return NULL;
    for (; taken < 4; taken++) {
        const int flags = taken == 0   ? PyBUF_STRIDED_RO
                          : taken == 1 ? PyBUF_STRIDED | PyBUF_WRITABLE
                                       : PyBUF_C_CONTIGUOUS;
        if (PyObject_GetBuffer(objects[taken], &buffers[taken], flags | PyBUF_FORMAT) != 0)
            goto end;
    }
    if (!check(&buffers[0], &buffers[1], &buffers[2], &buffers[3]))
        goto end;
    Py_BEGIN_ALLOW_THREADS
    if (buffers[1].len > 0)
        pick_all(&buffers[0], &buffers[1], buffers[2].buf, buffers[3].buf);
    Py_END_ALLOW_THREADS
    done = 1;
end:
    while (taken > 0)
        PyBuffer_Release(&buffers[--taken]);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}
