/* What is asked of the memory that Python hands over. */
#ifndef AUGFLOW_BUFFERS_H
#define AUGFLOW_BUFFERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int is_format(const Py_buffer *buffer, const char *format)
{
    const char *given = buffer->format ? buffer->format : "B";

    if (*given == '@' || *given == '=' || (*given == '<' && PY_LITTLE_ENDIAN))
        given++;
    return strcmp(given, format) == 0;
}

/* Whether a buffer holds references, which may not be copied as bytes. */
static inline int holds_objects(const Py_buffer *buffer)
{
    return buffer->format && strchr(buffer->format, 'O') != NULL;
}

/* Whether everything in a buffer lies at a multiple of `bytes`. */
static inline int is_aligned(const Py_buffer *buffer, size_t bytes)
{
    int aligned = (uintptr_t)buffer->buf % bytes == 0;

    for (int axis = 0; axis < buffer->ndim; axis++)
        aligned &= (size_t)buffer->strides[axis] % bytes == 0;
    return aligned;
}

/* Whether the channels (the last axis) of a pixel lie side by side, and so do the pixels. */
static inline int is_packed(const Py_buffer *buffer)
{
    const Py_ssize_t *shape = buffer->shape + buffer->ndim - 2;
    const Py_ssize_t *strides = buffer->strides + buffer->ndim - 2;

    return (shape[1] == 1 || strides[1] == buffer->itemsize) &&
           (shape[0] == 1 || strides[0] == shape[1] * buffer->itemsize);
}

/* The first and the last byte + 1 of what a buffer's axes from `axis` on reach. */
static inline void bounds(const Py_buffer *buffer, int axis, const char *start, const char **low,
                          const char **high)
{
    *low = start;
    *high = start + buffer->itemsize;
    for (; axis < buffer->ndim; axis++) {
        ptrdiff_t reach = (buffer->shape[axis] - 1) * buffer->strides[axis];
        *(reach < 0 ? low : high) += reach;
    }
}

/* Whether two buffers may share bytes. */
static inline int overlaps(const Py_buffer *one, const Py_buffer *other)
{
    const char *low, *high, *other_low, *other_high;

    bounds(one, 0, one->buf, &low, &high);
    bounds(other, 0, other->buf, &other_low, &other_high);
    return low < other_high && other_low < high;
}

#endif
