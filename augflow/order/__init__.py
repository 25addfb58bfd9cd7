"""Which sample comes when, and where its random numbers come from.

In: a seed, and the number of samples.
Out: the permutation of an epoch, the places of its batches, their random streams.
Knows: base.
Read: streams, held_generators, find_generators, permutation, shard, schedule, subset, sample_count,
    access_pattern, shuffled_pass, position_set, fingerprint, live_stream.
"""
