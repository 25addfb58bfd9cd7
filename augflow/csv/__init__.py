"""Flows of rows of CSV files that do not fit in memory.

In: paths and columns.
Out: batches of numbers, in any order.
Knows: memory, base, order, cache, columnar, batch, look, report, runtime, flow.
Read: records, index, index_file, open_files, table, read, numbers, preprocess, row_order, plan,
    columns, stored_columns, row_flow, flow.
"""
