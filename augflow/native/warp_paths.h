/* How an image is warped once all is checked, for each instruction set; knows nothing of Python. */
#ifndef AUGFLOW_WARP_PATHS_H
#define AUGFLOW_WARP_PATHS_H

#include "paths.h"
#include "warp.h"

#define PATH(name) name##_plain
#define TARGET
#define WIDE 0
#include "rows.h"
#undef PATH
#undef TARGET
#undef WIDE

#if HAS_AVX2
#include "wide.h"
#define WIDE 1
#define PATH(name) name##_avx2
#define TARGET TARGET_AVX2
#include "rows.h"
#undef PATH
#undef TARGET
#endif

/* Coordinates eight at a time; blending gains nothing from wider registers. */
#if HAS_AVX512
#define PATH(name) name##_avx512
#define TARGET TARGET_AVX512
#include "rows.h"
#undef PATH
#undef TARGET
#endif

static void warp_by(enum path path, const struct warp *warp, int in_rows)
{
    switch (path) {
#if HAS_AVX512
    case AVX512: warp_image_avx512(warp, in_rows); break;
#endif
#if HAS_AVX2
    case AVX2: warp_image_avx2(warp, in_rows); break;
#endif
    default: warp_image_plain(warp, in_rows);
    }
}

#endif
