"""Decoded images that stay, in memory or in a folder.

In: paths and ``ReadSettings``.
Out: images in numbered slots, that all workers read and fill.
Knows: memory, base, store, read.
Read: slots, files, table, folder, images, flow_slots.
"""
