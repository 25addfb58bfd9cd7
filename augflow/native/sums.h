/* Weighted sums of bytes. resize.h includes this file once for each instruction set, with
     PATH(name)  the name of a function of that set,
     TARGET      the attribute that makes the compiler use it,
     VECTORS     0: plain C, 1: wide_sums.h with two taps at once, 2: with four.
   Sums are exact integers modulo 2^32 (the result itself fits), so all sets give the same bits. */

#if VECTORS == 2
enum { PATH(TAPS) = 4, PATH(WORDS) = 3, PATH(BLOCK) = 64 };
#elif VECTORS == 1
enum { PATH(TAPS) = 2, PATH(WORDS) = 2, PATH(BLOCK) = 32 };
#else
enum { PATH(TAPS) = 1, PATH(WORDS) = 1, PATH(BLOCK) = 16 };
#endif

/* Bring the weights of one output pixel into the form that the sums are made with. */
TARGET static void PATH(split_weights)(const int32_t *weights, int32_t taps, uint32_t *words)
{
#if VECTORS == 2
    /* Three signed bytes for each, four weights side by side. */
    for (int32_t t = 0; t < taps; t += 4, words += 3) {
        words[0] = words[1] = words[2] = 0;
        for (int32_t i = 0; i < 4 && t + i < taps; i++) {
            const int32_t weight = weights[t + i];
            const int32_t lowest = (int8_t)(weight & 255), rest = (weight - lowest) / 256;
            const int32_t middle = (int8_t)(rest & 255), highest = (rest - middle) / 256;
            words[0] |= (uint32_t)(lowest & 255) << 8 * i;
            words[1] |= (uint32_t)(middle & 255) << 8 * i;
            words[2] |= (uint32_t)(highest & 255) << 8 * i;
        }
    }
#elif VECTORS == 1
    /* 15 bits and what is above them, two weights side by side. */
    for (int32_t t = 0; t < taps; t += 2, words += 2) {
        const uint32_t one = (uint32_t)weights[t];
        const uint32_t other = t + 1 < taps ? (uint32_t)weights[t + 1] : 0;
        words[0] = (one & 0x7fff) | (other & 0x7fff) << 16;
        words[1] = (one >> 15 & 0xffff) | other >> 15 << 16;
    }
#else
    for (int32_t t = 0; t < taps; t++)
        words[t] = (uint32_t)weights[t];
#endif
}

/* Some sums, side by side, of bytes that lie `stride` apart. */
TARGET static inline __attribute__((always_inline)) void PATH(sum_some)(
    const uint8_t *source, ptrdiff_t stride, int32_t taps, const uint32_t *words, uint8_t *out,
    const ptrdiff_t count)
{
    uint32_t sums[32];

    for (ptrdiff_t i = 0; i < count; i++)
        sums[i] = 1u << (WEIGHT_BITS - 1);
    for (int32_t t = 0; t < taps; t++)
        for (ptrdiff_t i = 0; i < count; i++)
            sums[i] += source[t * stride + i] * words[t];
    for (ptrdiff_t i = 0; i < count; i++) {
        const int32_t level = (int32_t)sums[i] >> WEIGHT_BITS;
        out[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

/* `count` sums, side by side, as levels of 0 to 255. */
TARGET static void PATH(sum_bytes)(const uint8_t *source, ptrdiff_t stride, int32_t taps,
                                   const int32_t *weights, const uint32_t *words, uint8_t *out,
                                   ptrdiff_t count)
{
    ptrdiff_t done = 0;

#if VECTORS == 2
    for (; done + 64 <= count; done += 64)
        sum_64_four(source + done, stride, taps, words, out + done);
    for (; done + 32 <= count; done += 32)
        sum_32_four(source + done, stride, taps, words, out + done);
    for (; done + 16 <= count; done += 16)
        sum_16_four(source + done, stride, taps, words, out + done);
    if (done < count && count >= 16) {
        sum_16_four(source + count - 16, stride, taps, words, out + count - 16);
        done = count;
    }
#elif VECTORS == 1
    for (; done + 32 <= count; done += 32)
        sum_32_two(source + done, stride, taps, words, out + done);
    for (; done + 16 <= count; done += 16)
        sum_16_two(source + done, stride, taps, words, out + done);
    if (done < count && count >= 16) {
        sum_16_two(source + count - 16, stride, taps, words, out + count - 16);
        done = count;
    }
#else
    for (; done + 32 <= count; done += 32)
        PATH(sum_some)(source + done, stride, taps, words, out + done, 32);
    for (; done + 16 <= count; done += 16)
        PATH(sum_some)(source + done, stride, taps, words, out + done, 16);
#endif
    for (; done < count; done++)
        PATH(sum_some)(source + done, stride, taps, (const uint32_t *)weights, out + done, 1);
}

/* Exchange rows and columns of 16 x 16 bytes; rows lie `from_row` and `to_row` bytes apart. */
TARGET static inline void PATH(turn)(const uint8_t *const *from, uint8_t *to, ptrdiff_t to_row)
{
#if VECTORS
    turn_vectors(from, to, to_row);
#else
    for (int column = 0; column < 16; column++)
        for (int row = 0; row < 16; row++)
            to[column * to_row + row] = from[row][column];
#endif
}
