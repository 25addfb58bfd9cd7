"""Flows of rows of arrays, picked in the calling process.

In: arrays, or trees of them.
Out: batches of their rows.
Knows: base, order, scan, look, report, flow.
Read: tree, flow.
"""
