/* Bilinear blending of 3 or 4 channels by AVX2: a pixel and the one below it in one register.

   Eight bytes loaded at a pixel hold it and its right neighbour. The operations on each channel are
   those of BLEND in rows.h, so the bits are the same. Images are at least two pixels wide. */
#include <immintrin.h>

#define TARGET_AVX2 __attribute__((target("avx2")))

/* Whether loads of 16 bytes at a pixel of these places, or at the one below it, stay in the image:
   then nothing has to be looked at for each pixel. */
TARGET_AVX2 static int are_far_from_end(const struct warp *warp, const struct places *places,
                                        int count)
{
    int32_t highest = 0;

    for (int i = 0; i < count; i++)
        highest = places->row[i] > highest ? places->row[i] : highest;
    return warp->source_row >= 16 && highest < warp->height - 2;
}

/* Two neighbouring pixels of grey levels; of 3 channels with two bytes too many, unless they lie
   behind the image. */
TARGET_AVX2 static inline __m128i load_pair(const char *pixel, const char *end, int channels)
{
    uint64_t pair = 0;

    if (end - pixel >= 8)
        return _mm_loadl_epi64((const __m128i *)pixel);
    memcpy(&pair, pixel, 2 * (size_t)channels);
    return _mm_cvtsi64_si128((long long)pair);
}

/* A pixel of floats, the same about the fourth of 3. */
TARGET_AVX2 static inline __m128 load_floats(const char *pixel, const char *end, int channels)
{
    float values[4] = {0};

    if (end - pixel >= 16)
        return _mm_loadu_ps((const float *)pixel);
    memcpy(values, pixel, 4 * (size_t)channels);
    return _mm_loadu_ps(values);
}

TARGET_AVX2 static inline __m128 load_factors(const float *factors, int channels)
{
    return load_floats((const char *)factors, (const char *)(factors + channels), channels);
}

/* A pixel and its right neighbour in the lower half, those below them in the upper half. */
struct square {
    __m256 left, right;
};

TARGET_AVX2 static inline __attribute__((always_inline)) struct square load_uint8(
    const struct warp *warp, const char *top, const char *bottom, int32_t column, int channels,
    int far)
{
    /* From (top pair, bottom pair) to (top left, bottom left, top right, bottom right). */
    const __m128i order =
        channels == 3 ? _mm_setr_epi8(0, 1, 2, -1, 8, 9, 10, -1, 3, 4, 5, -1, 11, 12, 13, -1)
                      : _mm_setr_epi8(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15);
    __m128i pairs;

    (void)column;
    if (far)
        pairs = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)top),
                                   _mm_loadl_epi64((const __m128i *)bottom));
    else
        pairs = _mm_unpacklo_epi64(load_pair(top, warp->source_end, channels),
                                   load_pair(bottom, warp->source_end, channels));
    pairs = _mm_shuffle_epi8(pairs, order);
    return (struct square){_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(pairs)),
                           _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(pairs, 8)))};
}

TARGET_AVX2 static inline __attribute__((always_inline)) struct square load_float32(
    const struct warp *warp, const char *top, const char *bottom, int32_t column, int channels,
    int far)
{
    const ptrdiff_t next = column < warp->width - 1 ? warp->pixel_bytes : 0;
    const char *end = warp->source_end;

    if (far)
        return (struct square){
            _mm256_loadu2_m128((const float *)bottom, (const float *)top),
            _mm256_loadu2_m128((const float *)(bottom + next), (const float *)(top + next))};
    return (struct square){_mm256_set_m128(load_floats(bottom, end, channels),
                                           load_floats(top, end, channels)),
                           _mm256_set_m128(load_floats(bottom + next, end, channels),
                                           load_floats(top + next, end, channels))};
}

/* Blend `count` pixels; where they are `far` from the image's end, without looking for it. */
#define BLEND_WIDE(name, load)                                                                    \
    TARGET_AVX2 static inline __attribute__((always_inline)) void name##_some(                    \
        const struct warp *warp, const struct places *places, int count, float *out,              \
        const int channels, const int far)                                                        \
    {                                                                                             \
        const __m128 multiply = load_factors(warp->multiply, channels);                           \
        const __m128 add = load_factors(warp->add, channels);                                     \
        const int32_t last = warp->height - 1;                                                    \
                                                                                                  \
        for (int i = 0; i < count; i++, out += channels) {                                        \
            const int32_t row = places->row[i], column = places->column[i];                       \
            const char *top =                                                                     \
                warp->source + row * warp->source_row + column * warp->pixel_bytes;               \
            const char *bottom = top + (far || row < last ? warp->source_row : 0);                \
            struct square square = load(warp, top, bottom, column, channels, far);                \
            __m256 both = _mm256_sub_ps(square.right, square.left);                               \
            both = _mm256_mul_ps(_mm256_set1_ps(places->right[i]), both);                         \
            both = _mm256_add_ps(square.left, both);                                              \
            __m128 above = _mm256_castps256_ps128(both);                                          \
            __m128 value = _mm_sub_ps(_mm256_extractf128_ps(both, 1), above);                     \
            value = _mm_add_ps(above, _mm_mul_ps(_mm_set1_ps(places->down[i]), value));           \
            value = _mm_add_ps(_mm_mul_ps(value, multiply), add);                                 \
            /* What this writes behind the pixel the next one overwrites; the last has none. */   \
            if (i < count - 1) {                                                                  \
                _mm_storeu_ps(out, value);                                                        \
            } else {                                                                              \
                float values[4];                                                                  \
                _mm_storeu_ps(values, value);                                                     \
                memcpy(out, values, sizeof *out * (size_t)channels);                              \
            }                                                                                     \
        }                                                                                         \
    }                                                                                             \
                                                                                                  \
    TARGET_AVX2 static void name(const struct warp *warp, const struct places *places, int count, \
                                 float *out)                                                      \
    {                                                                                             \
        if (warp->channels == 4)                                                                  \
            name##_some(warp, places, count, out, 4, 0);                                          \
        else if (are_far_from_end(warp, places, count))                                           \
            name##_some(warp, places, count, out, 3, 1);                                          \
        else                                                                                      \
            name##_some(warp, places, count, out, 3, 0);                                          \
    }

BLEND_WIDE(blend_uint8_wide, load_uint8)
BLEND_WIDE(blend_float32_wide, load_float32)
#undef BLEND_WIDE
