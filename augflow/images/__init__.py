"""Flows of images: from folders, tables and arrays.

In: the arguments of Keras's ``ImageDataGenerator`` and its flows.
Out: flows with Keras's names and attributes.
Knows: memory, base, store, order, read, scan, transform, companions, cache, batch, look, report,
    runtime, flow.
Read: arguments, files, reading, make_plan, outputs, balance, saving, directory, dataframe, array,
    transformer, fit, unlikely.
"""
