/* The instruction sets that functions are compiled for, and which of them the processor has. */
#ifndef AUGFLOW_PATHS_H
#define AUGFLOW_PATHS_H

/* As the Python side numbers them. All give the same bits. */
enum path { PLAIN, AVX2, AVX512 };

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX2 1
#define TARGET_AVX2 __attribute__((target("avx2")))
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAS_AVX512 1
#define TARGET_AVX512                                                                              \
    __attribute__((                                                                                \
        target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,prefer-vector-width=512")))
#endif

static inline enum path best_path(void)
{
#if HAS_AVX512
    /* VBMI2 tells the processors apart that lower their clock for such instructions (the first
       ones that had them) from those that do not. */
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vnni"))
        return AVX512;
#endif
#if HAS_AVX2
    if (__builtin_cpu_supports("avx2"))
        return AVX2;
#endif
    return PLAIN;
}

#endif
