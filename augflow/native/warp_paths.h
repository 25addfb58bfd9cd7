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
#define BLEND_LEVELS blend_wide_uint8
#define PATH(name) name##_avx2
#define TARGET TARGET_AVX2
#include "rows.h"
#undef PATH
#undef TARGET
#undef WIDE
#undef BLEND_LEVELS
#endif

#if HAS_AVX512
#include "wider.h"
#define WIDE 1
#define BLEND_LEVELS blend_wider_uint8
#define PATH(name) name##_avx512
#define TARGET TARGET_AVX512
#include "rows.h"
#undef PATH
#undef TARGET
#undef WIDE
#undef BLEND_LEVELS
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
