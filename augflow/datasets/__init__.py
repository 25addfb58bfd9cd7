"""Flows of images in the data sets of other libraries.

In: a data set of Hugging Face's `datasets`.
Out: flows like those of a table, whose images are read where the data set has them.
Knows: store, images.
Read: hugging_face.
"""
