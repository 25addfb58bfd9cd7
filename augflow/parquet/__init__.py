"""Flows of rows of Parquet and Arrow files.

In: paths and columns.
Out: batches of numbers, in any order, as of CSV files.
Knows: base, order, csv.
Read: table, values, plan, flow.
"""
