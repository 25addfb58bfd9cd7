"""One batch: the order of the stages.

In: a request: which samples, and the point of the random stream.
Out: the rows of a batch's arrays, written in place.
Knows: memory, base, store, order, read, transform, companions, cache.
Read: plan, request, sample_plan, image_plan, image_settings, targets, image_kind, verify_plan,
    mapped_plan, mixing.
"""
