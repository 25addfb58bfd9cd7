/* Bilinear blending of grey levels by AVX-512: what wide.h does, for two output pixels at once.
   (Of floats it would be slower: bringing four of them together costs more than it saves.)

   Lanes 0 to 7 belong to the first of them, 8 to 15 to the second: a pixel, then its neighbour. */

#define INLINE_AVX512 TARGET_AVX512 static inline __attribute__((always_inline))

/* The eight levels at two places, as floats. */
INLINE_AVX512 __m512 load_two(const char *one, const char *other)
{
    const __m128i levels = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)one),
                                              _mm_loadl_epi64((const __m128i *)other));

    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(levels));
}

/* One number for the first pixel's lanes, the next for the second's. */
INLINE_AVX512 __m512 spread_two(const float *numbers)
{
    return _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(numbers[0]), _mm512_set1_ps(numbers[1]));
}

/* Blend an even number of pixels, all of them far from the image's end. The last store writes
   beyond them: the caller leaves some that follow. */
INLINE_AVX512 void blend_twos(const struct warp *warp, const struct places *places,
                              const int32_t *at, const int32_t *below, int count, float *out,
                              const int channels)
{
    const __m512i neighbours =
        channels == 3 ? _mm512_setr_epi32(3, 4, 5, 0, 0, 0, 0, 0, 11, 12, 13, 0, 0, 0, 0, 0)
                      : _mm512_setr_epi32(4, 5, 6, 7, 0, 0, 0, 0, 12, 13, 14, 15, 0, 0, 0, 0);
    const __m512i together =
        channels == 3 ? _mm512_setr_epi32(0, 1, 2, 8, 9, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                      : _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512 multiply = _mm512_broadcast_f32x4(load_factors(warp->multiply, channels));
    const __m512 add = _mm512_broadcast_f32x4(load_factors(warp->add, channels));
    const char *source = warp->source;

    for (int i = 0; i < count; i += 2, out += 2 * channels) {
        __m512 pair = load_two(source + at[i], source + at[i + 1]);
        __m512 lower = load_two(source + below[i], source + below[i + 1]);
        lower = _mm512_mul_ps(spread_two(places->down + i), _mm512_sub_ps(lower, pair));
        pair = _mm512_add_ps(pair, lower);
        __m512 right = _mm512_sub_ps(_mm512_permutexvar_ps(neighbours, pair), pair);
        right = _mm512_add_ps(pair, _mm512_mul_ps(spread_two(places->right + i), right));
        right = _mm512_add_ps(_mm512_mul_ps(right, multiply), add);
        right = _mm512_permutexvar_ps(together, right);
        _mm256_storeu_ps(out, _mm512_castps512_ps256(right));
    }
}

TARGET_AVX512 static void blend_wider_uint8(const struct warp *warp, const struct places *places,
                                            int count, float *out)
{
    _Alignas(64) int32_t at[CHUNK], below[CHUNK];
    const ptrdiff_t largest = count_bytes(warp, places, count, at, below);
    const int far = largest + warp->pixel_bytes + LOAD <= warp->source_end - warp->source;
    const int twos = far && count > 2 ? (count - 1) / 2 * 2 : 0;

    if (twos > 0 && warp->channels == 3)
        blend_twos(warp, places, at, below, twos, out, 3);
    else if (twos > 0)
        blend_twos(warp, places, at, below, twos, out, 4);
    blend_rest_uint8(warp, places, at, below, twos, count, out, far);
}
