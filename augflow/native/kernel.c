/* The extension module: checks what Python hands over, then warps without the GIL.

   Nothing is read or written but through buffers whose shape, strides and format were looked at
   here. Read warp.h first, then rows.h, wide.h, warp_paths.h and this file from its end. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "buffers.h"
#include "paths.h"
#include "resample.h"
#include "warp_paths.h"

/* Counted up with each change of what Python calls: a module that was built before is not used. */
enum { INTERFACE = 3 };

/* One image is described by its matrix, row by row, then by its flips. */
enum { MOVE_LENGTH = 8 };

/* The longest axis of an image: sums of two such numbers still fit into 32 bits. */
enum { LONGEST = 1 << 30 };

/* Beyond this, neighbouring doubles are further apart than the digits that matter. */
static const double FARTHEST = 1e12;

/* Everything one call works with. */
struct call {
    Py_buffer source, target, moves, fill, multiply, add;
    struct warp warp; /* but for what differs from image to image */
    Py_ssize_t images;
    enum path path;
    char *copy; /* memory for one image, NULL if images are read where they lie */
};

/* Look at the images. Returns 0 and sets an error for what cannot be warped. */
static int check_images(struct call *call)
{
    const Py_buffer *source = &call->source, *target = &call->target;
    struct warp *warp = &call->warp;

    if (source->ndim != 4 || target->ndim != 4 ||
        memcmp(source->shape, target->shape, 4 * sizeof *source->shape) != 0) {
        PyErr_SetString(PyExc_ValueError, "expected source and target of the same shape (images, "
                                          "height, width, channels)");
        return 0;
    }
    for (int axis = 1; axis < 4; axis++)
        if (source->shape[axis] < 1 || source->shape[axis] > LONGEST) {
            PyErr_Format(PyExc_ValueError,
                         "height, width and channels must be 1 to %d. Received: %zd", LONGEST,
                         source->shape[axis]);
            return 0;
        }
    if (warp->kind != RAW) {
        if (!is_format(target, "f") || !(is_format(source, "f") || is_format(source, "B"))) {
            PyErr_SetString(PyExc_ValueError,
                            "expected a source of uint8 or float32 and a target of float32");
            return 0;
        }
        warp->kind = is_format(source, "B") ? UINT8 : FLOAT32;
        if (!is_aligned(target, 4) || (warp->kind == FLOAT32 && !is_aligned(source, 4))) {
            PyErr_SetString(PyExc_ValueError, "expected aligned arrays");
            return 0;
        }
    } else if (source->itemsize != target->itemsize || warp->order != 0 ||
               holds_objects(source) || holds_objects(target)) {
        PyErr_SetString(PyExc_ValueError, "pixels are only picked between arrays of one dtype");
        return 0;
    }
    call->images = source->shape[0];
    warp->height = (int32_t)source->shape[1];
    warp->width = (int32_t)source->shape[2];
    warp->channels = (int32_t)source->shape[3];
    if (__builtin_mul_overflow(source->itemsize, source->shape[3], &warp->pixel_bytes)) {
        PyErr_SetString(PyExc_OverflowError, "the channels of a pixel take too many bytes");
        return 0;
    }
    return 1;
}

/* Look at what belongs to each image or each channel. */
static int check_numbers(struct call *call)
{
    const struct warp *warp = &call->warp;
    const double *move = call->moves.buf;

    if (call->moves.len / (Py_ssize_t)(MOVE_LENGTH * sizeof *move) != call->images ||
        call->moves.len % (Py_ssize_t)(MOVE_LENGTH * sizeof *move) != 0 ||
        !is_format(&call->moves, "d") || !is_aligned(&call->moves, sizeof *move)) {
        PyErr_SetString(PyExc_ValueError, "expected moves of float64, 8 for each image");
        return 0;
    }
    for (Py_ssize_t image = 0; image < call->images; image++, move += MOVE_LENGTH)
        for (int axis = 0; axis < 6; axis += 3) {
            double reach = 0.0;
            for (int i = axis; i < axis + 3; i++)
                reach += (move[i] < 0.0 ? -move[i] : move[i]) *
                         (i % 3 == 2 ? 1 : i % 3 == 0 ? warp->height : warp->width);
            /* Also false for NaN. */
            if (!(reach < FARTHEST)) {
                PyErr_SetString(PyExc_ValueError, "expected matrices of finite numbers that stay "
                                                  "within 1e12 pixels");
                return 0;
            }
        }
    if (call->fill.len !=
        (warp->kind == RAW ? warp->pixel_bytes : warp->channels * (ptrdiff_t)sizeof(float))) {
        PyErr_SetString(PyExc_ValueError, "expected the values of one pixel to fill with");
        return 0;
    }
    if (warp->kind != RAW &&
        (!is_format(&call->multiply, "f") || !is_aligned(&call->multiply, sizeof(float)) ||
         !is_format(&call->add, "f") || !is_aligned(&call->add, sizeof(float)) ||
         call->multiply.len / (Py_ssize_t)sizeof(float) != warp->channels ||
         call->add.len / (Py_ssize_t)sizeof(float) != warp->channels)) {
        PyErr_SetString(PyExc_ValueError, "expected factors of float32, one for each channel");
        return 0;
    }
    return 1;
}

/* Take memory for what cannot be read or written in place. */
static int take_memory(struct call *call)
{
    const Py_buffer *source = &call->source, *target = &call->target;
    struct warp *warp = &call->warp;
    ptrdiff_t row = 0, image = 0, line = 0;

    warp->target_bytes = target->itemsize;
    if (__builtin_mul_overflow(warp->pixel_bytes, warp->width, &row) ||
        __builtin_mul_overflow(row, warp->height, &image) ||
        __builtin_mul_overflow(warp->channels * warp->target_bytes, warp->width, &line)) {
        PyErr_SetString(PyExc_OverflowError, "an image takes too many bytes");
        return 0;
    }
    if (!is_packed(target)) {
        warp->line = PyMem_Malloc((size_t)line);
        if (!warp->line)
            return PyErr_NoMemory() != NULL;
    }
    if (!is_packed(source) || overlaps(source, target)) {
        call->copy = PyMem_Malloc((size_t)image);
        if (!call->copy)
            return PyErr_NoMemory() != NULL;
    }
    return 1;
}

/* Pack one image into the call's own memory. */
static void pack(const struct call *call, const char *image)
{
    const Py_buffer *source = &call->source;
    const struct warp *warp = &call->warp;
    const size_t bytes = (size_t)source->itemsize;
    const size_t row_bytes = (size_t)(warp->pixel_bytes * warp->width);
    char *to = call->copy;

    for (int32_t y = 0; y < warp->height; y++) {
        const char *row = image + y * source->strides[1];
        if (is_packed(source)) {
            memcpy(to, row, row_bytes);
            to += row_bytes;
            continue;
        }
        for (int32_t x = 0; x < warp->width; x++)
            for (int32_t c = 0; c < warp->channels; c++, to += bytes)
                memcpy(to, row + x * source->strides[2] + c * source->strides[3], bytes);
    }
}

/* Whether all pixels stay in their rows and columns, and all channels have the same factors. */
static int is_in_rows(const struct warp *warp)
{
    static const double still[6] = {1, 0, 0, 0, 1, 0};

    if (warp->kind == RAW || warp->mirror_columns)
        return 0;
    for (int i = 0; i < 6; i++)
        if (warp->matrix[i] != still[i])
            return 0;
    for (int32_t c = 1; c < warp->channels; c++)
        if (warp->multiply[c] != warp->multiply[0] || warp->add[c] != warp->add[0])
            return 0;
    return 1;
}

static void warp_all(const struct call *call)
{
    struct warp warp = call->warp;
    const double *move = call->moves.buf;

    warp.target_row = call->target.strides[1];
    warp.target_column = call->target.strides[2];
    warp.target_channel = call->target.strides[3];
    for (Py_ssize_t image = 0; image < call->images; image++, move += MOVE_LENGTH) {
        const char *low;
        warp.source = (const char *)call->source.buf + image * call->source.strides[0];
        warp.source_row = call->source.strides[1];
        warp.target = (char *)call->target.buf + image * call->target.strides[0];
        memcpy(warp.matrix, move, sizeof warp.matrix);
        warp.mirror_columns = move[6] != 0.0;
        warp.mirror_rows = move[7] != 0.0;
        if (call->copy) {
            pack(call, warp.source);
            warp.source = call->copy;
            warp.source_row = warp.pixel_bytes * warp.width;
            warp.source_end = warp.source + warp.source_row * warp.height;
        } else {
            bounds(&call->source, 1, warp.source, &low, &warp.source_end);
        }
        warp_by(call->path, &warp, is_in_rows(&warp));
    }
}

PyDoc_STRVAR(warp_doc, "warp(source, target, moves, fill_mode, order, fill, multiply, add, path)\n"
                       "See augflow.native.kernel, which fills in the arguments.");

static PyObject *warp(PyObject *module, PyObject *arguments)
{
    PyObject *objects[6];
    struct call call = {0};
    Py_buffer *buffers[6] = {&call.source, &call.target,   &call.moves,
                             &call.fill,   &call.multiply, &call.add};
    int fill_mode, order, path, taken = 0, done = 0;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOiiOOOi:warp", &objects[0], &objects[1], &objects[2],
                          &fill_mode, &order, &objects[3], &objects[4], &objects[5], &path))
        return NULL;
    if (fill_mode < 0 || fill_mode >= FILL_MODES || order < 0 || order > 1 || path < PLAIN ||
        path > (int)best_path()) {
        PyErr_SetString(PyExc_ValueError, "unknown fill mode, order or path");
        return NULL;
    }
    call.warp.fill_mode = (enum fill_mode)fill_mode;
    call.warp.order = order;
    call.warp.kind = objects[4] == Py_None ? RAW : UINT8;
    call.path = (enum path)path;
    for (; taken < 6; taken++) {
        int flags = taken == 0   ? PyBUF_STRIDED_RO
                    : taken == 1 ? PyBUF_STRIDED | PyBUF_WRITABLE
                                 : PyBUF_C_CONTIGUOUS;
        if (taken >= 4 && call.warp.kind == RAW)
            break;
        if (PyObject_GetBuffer(objects[taken], buffers[taken], flags | PyBUF_FORMAT) != 0)
            goto end;
    }
    if (!check_images(&call) || !check_numbers(&call) || !take_memory(&call))
        goto end;
    call.warp.fill = call.fill.buf;
    call.warp.multiply = call.multiply.buf;
    call.warp.add = call.add.buf;
    Py_BEGIN_ALLOW_THREADS
    warp_all(&call);
    Py_END_ALLOW_THREADS
    done = 1;
end:
    PyMem_Free(call.copy);
    PyMem_Free(call.warp.line);
    while (taken > 0)
        PyBuffer_Release(buffers[--taken]);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(best_doc, "best() -> int\n"
                       "The fastest path that this processor runs; those before it run, too.");

static PyObject *best(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
    return PyLong_FromLong(best_path());
}

static PyMethodDef methods[] = {
    {"warp", warp, METH_VARARGS, warp_doc},
    {"weigh", weigh, METH_VARARGS, weigh_doc},
    {"resample", resample, METH_VARARGS, resample_doc},
    {"pick", pick, METH_VARARGS, pick_doc},
    {"best", best, METH_NOARGS, best_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "Warps images; see augflow.native.kernel.", 0, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (module && PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) != 0)
        Py_CLEAR(module);
    return module;
}
