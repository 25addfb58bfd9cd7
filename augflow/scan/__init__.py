"""Which samples there are, and their labels.

In: a folder, a table, a list of IDs.
Out: file names, class numbers, the rows of a subset, in Keras's order.
Knows: base, store, read.
Read: folders, dataframe, labels, class_order, row_names, file_paths, table_inputs, folder_table,
    label_files, label_rows, sample_values, partition, fair_shares.
"""
