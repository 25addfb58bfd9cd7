"""From the bytes of a file to pixels of the wanted size.

In: a path and ``ReadSettings``.
Out: an array (height, width, channels).
Knows: base, native.
Read: image_file, decode, pillow, unchanged, tiff, loaders, orientation, placement, resample,
    resize, scaled, image_size, load_and_save.
"""
