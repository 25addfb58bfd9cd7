"""Flows of rows of CSV files that do not fit in memory.

In: paths and columns.
Out: batches of numbers, in any order.
Knows: memory, base, order, cache, batch, report, runtime, flow.
Read: records, index, index_file, open_files, table, read, numbers, preprocess, row_order, plan,
    columns, flow.
"""
