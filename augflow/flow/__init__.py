"""Epochs, access by ``next()`` and by index, and Keras's face.

In: a source of samples.
Out: batches without end, and ``model.fit`` takes them.
Knows: base, order, scan, cache, batch, report, runtime.
Read: iterator, epochs, own_methods, engine_iterator, counted_later, leaves_out_rows, source,
    from_source, keras_base.
"""
