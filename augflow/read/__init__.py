"""From the bytes of a file to pixels of the wanted size.

In: a path or a stored file, and ``ReadSettings``.
Out: an array (height, width, channels).
Knows: base, native, store.
Read: image_file, decode, pillow, unchanged, tiff, loaders, orientation, placement, resample,
    resize, scaled, image_size, load_and_save.
"""
