"""One pass over all samples of a flow, beside it: which are broken, and what they are like.

In: a flow, or a directory of files.
Out: tables and numbers about its samples.
Knows: base, store, batch, flow, images, loader, report, runtime, scan.
Read: verify, statistics.
"""
