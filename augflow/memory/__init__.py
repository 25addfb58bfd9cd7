"""Memory that processes share, and how a batch lies in it.

In: the shapes and dtypes of a batch.
Out: a segment that workers write into, and views of it that consumers keep.
Knows: no other room.
Read: layout, segments, descriptors, heartbeat, free_space.
"""
