/* Bilinear blending of 3 or 4 channels by AVX2: a pixel and its right neighbour in one register.

   Eight grey levels loaded at a pixel hold it and its right neighbour; what lies behind the last
   pixel of a row comes in with the weight 0. The operations on each channel are those of BLEND in rows.h,
   in the same order, so the bits are the same. */
#include <immintrin.h>

#define INLINE_AVX2 TARGET_AVX2 static inline __attribute__((always_inline))

/* The most bytes that are loaded at once. */
enum { LOAD = 16 };

/* Whether images are such as this file is for. */
TARGET_AVX2 static int is_for_wide(const struct warp *warp)
{
    const ptrdiff_t row = warp->width * warp->pixel_bytes;

    /* Places are counted in 32 bits, and a row is no shorter than a load. */
    return (warp->channels == 3 || warp->channels == 4) && row >= LOAD &&
           warp->source_row > -INT32_MAX / warp->height &&
           warp->source_row < (INT32_MAX - row) / warp->height;
}

/* Count from the first pixel of the image to those at and below some places, in bytes. Returns the
   largest number. */
TARGET_AVX2 static int32_t count_bytes(const struct warp *warp, const struct places *places,
                                       int count, int32_t *at, int32_t *below)
{
    const int32_t row_bytes = (int32_t)warp->source_row, pixel_bytes = (int32_t)warp->pixel_bytes;
    const int32_t last_row = warp->height - 1;
    int32_t largest = 0;

    for (int i = 0; i < count; i++) {
        at[i] = places->row[i] * row_bytes + places->column[i] * pixel_bytes;
        below[i] = at[i] + (places->row[i] < last_row ? row_bytes : 0);
        largest = at[i] > largest ? at[i] : largest;
        largest = below[i] > largest ? below[i] : largest;
    }
    return largest;
}

/* The 8 bytes at a pixel, those behind the image as 0. */
INLINE_AVX2 __m128i load_levels(const char *pixel, const char *end)
{
    uint64_t levels;

    if (end - pixel >= 8)
        return _mm_loadl_epi64((const __m128i *)pixel);
    memcpy(&levels, end - 8, 8);
    return _mm_cvtsi64_si128((long long)(levels >> 8 * (8 - (end - pixel))));
}

/* The pixel of floats, and for 3 channels the number behind it unless that is not the image's. */
INLINE_AVX2 __m128 load_floats(const char *pixel, const char *end, int channels)
{
    float values[4] = {0};

    if (end - pixel >= 16)
        return _mm_loadu_ps((const float *)pixel);
    memcpy(values, pixel, sizeof *values * (size_t)channels);
    return _mm_loadu_ps(values);
}

/* A pixel of grey levels and its neighbour, as 2 times `channels` floats side by side. */
INLINE_AVX2 __m256 load_uint8(const struct warp *warp, const char *pixel, ptrdiff_t next,
                              int channels, int far)
{
    __m128i levels =
        far ? _mm_loadl_epi64((const __m128i *)pixel) : load_levels(pixel, warp->source_end);

    (void)next;
    (void)channels;
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(levels));
}

INLINE_AVX2 __m128 neighbour_uint8(__m256 pair, int channels)
{
    if (channels == 4)
        return _mm256_extractf128_ps(pair, 1);
    return _mm256_castps256_ps128(
        _mm256_permutevar8x32_ps(pair, _mm256_setr_epi32(3, 4, 5, 5, 5, 5, 5, 5)));
}

/* A pixel of floats in the lower half, its neighbour in the upper one. */
INLINE_AVX2 __m256 load_float32(const struct warp *warp, const char *pixel, ptrdiff_t next,
                                int channels, int far)
{
    const char *end = warp->source_end;

    if (far)
        return _mm256_loadu2_m128((const float *)(pixel + next), (const float *)pixel);
    return _mm256_set_m128(load_floats(pixel + next, end, channels),
                           load_floats(pixel, end, channels));
}

INLINE_AVX2 __m128 neighbour_float32(__m256 pair, int channels)
{
    (void)channels;
    return _mm256_extractf128_ps(pair, 1);
}

INLINE_AVX2 __m128 load_factors(const float *factors, int channels)
{
    return load_floats((const char *)factors, (const char *)(factors + channels), channels);
}

/* Blend pixels of `type`; where they are `far` from the image's end, without looking for it. */
#define BLEND_WIDE(type)                                                                          \
    INLINE_AVX2 void blend_some_##type(const struct warp *warp, const struct places *places,      \
                                       const int32_t *at, const int32_t *below, int first,        \
                                       int count, float *out, const int channels, const int far)  \
    {                                                                                             \
        const __m128 multiply = load_factors(warp->multiply, channels);                           \
        const __m128 add = load_factors(warp->add, channels);                                     \
        const int32_t last_column = warp->width - 1;                                              \
        const char *source = warp->source;                                                        \
        float values[4];                                                                          \
                                                                                                  \
        out += (ptrdiff_t)first * channels;                                                       \
        for (int i = first; i < count; i++, out += channels) {                                    \
            const ptrdiff_t next = places->column[i] < last_column ? warp->pixel_bytes : 0;       \
            __m256 pair = load_##type(warp, source + at[i], next, channels, far);                 \
            __m256 lower = load_##type(warp, source + below[i], next, channels, far);             \
            lower = _mm256_mul_ps(_mm256_set1_ps(places->down[i]), _mm256_sub_ps(lower, pair));   \
            pair = _mm256_add_ps(pair, lower);                                                    \
            __m128 left = _mm256_castps256_ps128(pair);                                           \
            __m128 right = _mm_sub_ps(neighbour_##type(pair, channels), left);                    \
            right = _mm_add_ps(left, _mm_mul_ps(_mm_set1_ps(places->right[i]), right));           \
            right = _mm_add_ps(_mm_mul_ps(right, multiply), add);                                 \
            /* What this writes behind the pixel the next one overwrites; the last has none. */   \
            _mm_storeu_ps(i < count - 1 ? out : values, right);                                   \
        }                                                                                         \
        memcpy(out - channels, values, sizeof *out * (size_t)channels);                           \
    }                                                                                             \
                                                                                                  \
    /* Those from `first` on. */                                                                  \
    TARGET_AVX2 static void blend_rest_##type(const struct warp *warp,                            \
                                              const struct places *places, const int32_t *at,     \
                                              const int32_t *below, int first, int count,         \
                                              float *out, int far)                                \
    {                                                                                             \
        if (warp->channels == 3 && far)                                                           \
            blend_some_##type(warp, places, at, below, first, count, out, 3, 1);                  \
        else if (warp->channels == 3)                                                             \
            blend_some_##type(warp, places, at, below, first, count, out, 3, 0);                  \
        else if (far)                                                                             \
            blend_some_##type(warp, places, at, below, first, count, out, 4, 1);                  \
        else                                                                                      \
            blend_some_##type(warp, places, at, below, first, count, out, 4, 0);                  \
    }                                                                                             \
                                                                                                  \
    TARGET_AVX2 static void blend_wide_##type(const struct warp *warp,                            \
                                              const struct places *places, int count, float *out) \
    {                                                                                             \
        _Alignas(64) int32_t at[CHUNK], below[CHUNK];                                             \
        const ptrdiff_t largest = count_bytes(warp, places, count, at, below);                    \
        const int far = largest + warp->pixel_bytes + LOAD <= warp->source_end - warp->source;    \
                                                                                                  \
        blend_rest_##type(warp, places, at, below, 0, count, out, far);                           \
    }

BLEND_WIDE(uint8)
BLEND_WIDE(float32)
#undef BLEND_WIDE
