"""Epochs, access by ``next()`` and by index, and Keras's face.

In: a source of samples.
Out: batches without end, and ``model.fit`` takes them.
Knows: base, order, scan, cache, batch, look, report, runtime, faces.
Read: iterator, resumable, seen, other_forms, beside, epochs, own_methods, engine_iterator,
    counted_later, source, from_source, whole_pass, keras_base.
"""
