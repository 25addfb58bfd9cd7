"""One pass over all samples of a flow, which stays where it is: what is broken among them.

In: a flow, or a directory of files.
Out: tables and numbers about its samples.
Knows: base, batch, flow, images, loader, runtime, scan.
Read: verify.
"""
