/* The weights of Pillow's filters: which input pixels an output pixel is made of, and in which
   proportions. In its arithmetic, operation by operation, so that they are rounded to the same
   numbers. */
#ifndef AUGFLOW_WEIGHTS_H
#define AUGFLOW_WEIGHTS_H

#include <math.h>
#include <stdint.h>

/* As the Python side numbers them. */
enum filter { BOX, BILINEAR, HAMMING, BICUBIC, LANCZOS, FILTERS };

/* A weight of 1 is this power of two. */
enum { WEIGHT_BITS = 22 };

static const double PI = 3.14159265358979323846;

/* How far the filters reach from an output pixel's centre, in pixels. */
static const double REACHES[FILTERS] = {0.5, 1.0, 1.0, 2.0, 3.0};

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= PI;
    return sin(x) / x;
}

/* The height of a filter at a distance from its centre. */
static double height_of(enum filter filter, double x)
{
    const double far = x < 0.0 ? -x : x;

    switch (filter) {
    case BOX: return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case BILINEAR: return far < 1.0 ? 1.0 - far : 0.0;
    case HAMMING:
        if (far == 0.0)
            return 1.0;
        /* The numbers are floats there, the product is not. */
        return far < 1.0 ? sinc(far) * ((double)0.54f + (double)0.46f * cos(far * PI)) : 0.0;
    case BICUBIC:
        if (far < 1.0)
            return (1.5 * far - 2.5) * far * far + 1.0;
        return far < 2.0 ? (((far - 5.0) * far + 8.0) * far - 4.0) * -0.5 : 0.0;
    default: return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
    }
}

/* What output pixels along one axis are made of. */
struct axis {
    int32_t size;  /* of the input, in pixels */
    float low;     /* the part of it that is used */
    float high;
    int32_t count; /* of output pixels */
    enum filter filter;
};

/* Input pixels to one output pixel. */
static double scale_of(const struct axis *axis)
{
    return (double)(axis->high - axis->low) / axis->count;
}

static double reach_of(const struct axis *axis)
{
    const double scale = scale_of(axis);

    return REACHES[axis->filter] * (scale < 1.0 ? 1.0 : scale);
}

/* Weigh for one output pixel. `heights` is memory for `length` numbers, as `weights` is. */
static void weigh_pixel(const struct axis *axis, int32_t pixel, int32_t length, double *heights,
                        int32_t *first, int32_t *taps, int32_t *weights)
{
    const double scale = scale_of(axis), reach = reach_of(axis);
    const double shrink = 1.0 / (scale < 1.0 ? 1.0 : scale);
    const double centre = axis->low + (pixel + 0.5) * scale;
    double sum = 0.0;
    int32_t start = (int32_t)(centre - reach + 0.5), end = (int32_t)(centre + reach + 0.5);

    start = start < 0 ? 0 : start < axis->size ? start : axis->size;
    end = end < start ? start : end < axis->size ? end : axis->size;
    *first = start;
    *taps = end - start < length ? end - start : length;
    for (int32_t i = 0; i < *taps; i++) {
        heights[i] = height_of(axis->filter, (i + start - centre + 0.5) * shrink);
        sum += heights[i];
    }
    for (int32_t i = 0; i < *taps; i++) {
        double weight = (sum != 0.0 ? heights[i] / sum : heights[i]) * (1 << WEIGHT_BITS);
        weights[i] = (int32_t)(weight < 0.0 ? weight - 0.5 : weight + 0.5);
    }
    for (int32_t i = *taps; i < length; i++)
        weights[i] = 0;
}

#endif
