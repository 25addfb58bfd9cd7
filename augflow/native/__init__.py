"""Own machine code: warp, flip and scale images in one pass over their pixels.

In: images in memory, uint8 or float32, an affine matrix and flips for each, factors a channel.
Out: rows of a batch, float32, or the same pixels picked.
Knows: no other room.
Read: kernel.
"""
