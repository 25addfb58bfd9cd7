"""What a flow tells about itself: where its time went, which files were bad.

In: times and reasons that come back with each batch.
Out: numbers and sentences.
Knows: base, native, order, batch.
Read: totals, epoch_meter, stats, stats_callback, bad_files, bad_rows, statistics.
"""
