"""Draw, then move and colour pixels, then standardize them.

In: an image, ``TransformSettings``, ``StandardizeSettings`` and a random stream.
Out: the image as the model gets it.
Knows: base, native, read.
Read: draw, affine_matrix, coordinates, warp, colour, apply, standardize, preprocess_input,
    one_pass, pixel_moments, point_matrix.
"""
