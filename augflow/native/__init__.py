"""Own machine code: warp, flip and scale images in one pass over their pixels, and resize them.

In: images in memory, uint8 or float32, an affine matrix and flips for each, factors a channel;
    or a size and a filter of Pillow's.
Out: rows of a batch, float32, or the same pixels picked; or a resized image.
Knows: no other room.
Read: kernel, resample.
"""
