"""Columns of numbers that stay in a folder, and are read by the numbers of their rows.

In: which files the columns come from, and the values of blocks of rows.
Out: any rows of them, from memory maps.
Knows: memory, base, cache.
Read: fingerprint, stored, store, open_store.
"""
