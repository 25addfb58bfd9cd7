/* Weighted sums of bytes by AVX2 and AVX-512: products of integers, added up exactly.

   Two taps: a weight is 15 bits and what is above them, so one instruction multiplies the bytes of
   two taps by 16 bits and adds the two products. Four taps: a weight is three signed bytes, and
   one instruction adds four products of bytes. Bytes of several taps are brought together, and sums
   apart, by unpacking and packing within lanes of 16 bytes, which undo each other. */
#include <immintrin.h>

/* A vector is `mm`'s; `si` ends the names of what does not care for numbers. */
#define SUM_TWO(name, TARGET, vector, mm, si)                                                     \
    TARGET static inline __attribute__((always_inline)) void name(                                \
        const uint8_t *source, ptrdiff_t stride, int32_t taps, const uint32_t *words,             \
        uint8_t *out)                                                                             \
    {                                                                                             \
        const vector zero = mm##_setzero_##si();                                                  \
        vector low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};             \
                                                                                                  \
        for (int32_t t = 0; t < taps; t += 2, words += 2) {                                       \
            const uint8_t *next = source + (t + 1 < taps ? t + 1 : t) * stride;                   \
            const vector one = mm##_loadu_##si((const vector *)(source + t * stride));            \
            const vector other = mm##_loadu_##si((const vector *)next);                           \
            const vector begin = mm##_unpacklo_epi8(one, other);                                  \
            const vector end = mm##_unpackhi_epi8(one, other);                                    \
            const vector pairs[4] = {                                                             \
                mm##_unpacklo_epi8(begin, zero), mm##_unpackhi_epi8(begin, zero),                 \
                mm##_unpacklo_epi8(end, zero), mm##_unpackhi_epi8(end, zero)};                    \
            const vector below = mm##_set1_epi32((int32_t)words[0]);                              \
            const vector above = mm##_set1_epi32((int32_t)words[1]);                              \
            for (int i = 0; i < 4; i++) {                                                         \
                low[i] = mm##_add_epi32(low[i], mm##_madd_epi16(pairs[i], below));                \
                high[i] = mm##_add_epi32(high[i], mm##_madd_epi16(pairs[i], above));              \
            }                                                                                     \
        }                                                                                         \
        for (int i = 0; i < 4; i++) {                                                             \
            low[i] = mm##_add_epi32(low[i], mm##_slli_epi32(high[i], 15));                        \
            low[i] = mm##_add_epi32(low[i], mm##_set1_epi32(1 << (WEIGHT_BITS - 1)));             \
            low[i] = mm##_srai_epi32(low[i], WEIGHT_BITS);                                        \
        }                                                                                         \
        low[0] = mm##_packs_epi32(low[0], low[1]);                                                \
        low[2] = mm##_packs_epi32(low[2], low[3]);                                                \
        mm##_storeu_##si((vector *)out, mm##_packus_epi16(low[0], low[2]));                       \
    }

SUM_TWO(sum_16_two, TARGET_AVX2, __m128i, _mm, si128)
SUM_TWO(sum_32_two, TARGET_AVX2, __m256i, _mm256, si256)
#undef SUM_TWO

#if HAS_AVX512
#define SUM_FOUR(name, TARGET, vector, mm, si)                                                    \
    TARGET static inline __attribute__((always_inline)) void name(                                \
        const uint8_t *source, ptrdiff_t stride, int32_t taps, const uint32_t *words,             \
        uint8_t *out)                                                                             \
    {                                                                                             \
        const vector zero = mm##_setzero_##si();                                                  \
        vector low[4], middle[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};  \
                                                                                                  \
        for (int i = 0; i < 4; i++)                                                               \
            low[i] = mm##_set1_epi32(1 << (WEIGHT_BITS - 1));                                     \
        for (int32_t t = 0; t < taps; t += 4, words += 3) {                                       \
            vector tap[4], pairs[4], fours[4];                                                    \
            for (int i = 0; i < 4; i++)                                                           \
                tap[i] = mm##_loadu_##si(                                                         \
                    (const vector *)(source + (t + i < taps ? t + i : t) * stride));              \
            pairs[0] = mm##_unpacklo_epi8(tap[0], tap[1]);                                        \
            pairs[1] = mm##_unpackhi_epi8(tap[0], tap[1]);                                        \
            pairs[2] = mm##_unpacklo_epi8(tap[2], tap[3]);                                        \
            pairs[3] = mm##_unpackhi_epi8(tap[2], tap[3]);                                        \
            fours[0] = mm##_unpacklo_epi16(pairs[0], pairs[2]);                                   \
            fours[1] = mm##_unpackhi_epi16(pairs[0], pairs[2]);                                   \
            fours[2] = mm##_unpacklo_epi16(pairs[1], pairs[3]);                                   \
            fours[3] = mm##_unpackhi_epi16(pairs[1], pairs[3]);                                   \
            for (int i = 0; i < 4; i++) {                                                         \
                low[i] = mm##_dpbusd_epi32(low[i], fours[i], mm##_set1_epi32((int)words[0]));     \
                middle[i] =                                                                       \
                    mm##_dpbusd_epi32(middle[i], fours[i], mm##_set1_epi32((int)words[1]));       \
                high[i] = mm##_dpbusd_epi32(high[i], fours[i], mm##_set1_epi32((int)words[2]));   \
            }                                                                                     \
        }                                                                                         \
        for (int i = 0; i < 4; i++) {                                                             \
            middle[i] = mm##_add_epi32(middle[i], mm##_slli_epi32(high[i], 8));                   \
            low[i] = mm##_add_epi32(low[i], mm##_slli_epi32(middle[i], 8));                       \
            low[i] = mm##_srai_epi32(low[i], WEIGHT_BITS);                                        \
        }                                                                                         \
        low[0] = mm##_packs_epi32(low[0], low[1]);                                                \
        low[2] = mm##_packs_epi32(low[2], low[3]);                                                \
        mm##_storeu_##si((vector *)out, mm##_packus_epi16(low[0], low[2]));                       \
    }

SUM_FOUR(sum_16_four, TARGET_AVX512, __m128i, _mm, si128)
SUM_FOUR(sum_32_four, TARGET_AVX512, __m256i, _mm256, si256)
SUM_FOUR(sum_64_four, TARGET_AVX512, __m512i, _mm512, si512)
#undef SUM_FOUR
#endif

/* Exchange rows and columns of 16 x 16 bytes: four times the halves of row i and row i + 8 are
   merged into rows 2 i and 2 i + 1. */
static inline void turn_vectors(const uint8_t *const *from, uint8_t *to, ptrdiff_t to_row)
{
    __m128i rows[16], merged[16];

    for (int i = 0; i < 16; i++)
        rows[i] = _mm_loadu_si128((const __m128i *)from[i]);
    for (int step = 0; step < 4; step++) {
        for (int i = 0; i < 8; i++) {
            merged[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
            merged[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
        }
        for (int i = 0; i < 16; i++)
            rows[i] = merged[i];
    }
    for (int i = 0; i < 16; i++)
        _mm_storeu_si128((__m128i *)(to + i * to_row), rows[i]);
}
