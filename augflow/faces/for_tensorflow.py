"""A flow as a ``tf.data.Dataset``."""

from __future__ import annotations

from typing import Any

import numpy as np

from augflow.faces.passes import Passes
from augflow.faces.tree import map_batch


def to_tf_dataset(flow: Any) -> Any:
    """What ``flow.to_tf_dataset()`` gives; see there."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "flow.to_tf_dataset() needs TensorFlow, which is not installed: pip install tensorflow"
        ) from error

    passes = Passes(flow)
    rows, is_ragged = _rows_of_all(flow), flow._shapes_vary()

    def spec_of(array: Any) -> Any:
        array = np.asarray(array)
        kind = tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype)
        shape = [None] * (array.ndim - 1) if is_ragged else array.shape[1:]
        return tf.TensorSpec((rows, *shape), kind)

    # A look at the batch that comes next; ``next()`` still gives it.
    signature = map_batch(flow[flow.batch_index], spec_of)
    dataset = tf.data.Dataset.from_generator(
        lambda: (map_batch(batch, np.asarray) for batch in passes.begin()),
        output_signature=signature,
    )
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(flow)))
    options = tf.data.Options()
    if flow.shard is not None:
        # The flow has its part already.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _rows_of_all(flow: Any) -> int | None:
    """The rows of each batch; None where some may have fewer."""
    shards = flow.shard[1] if flow.shard else 1
    is_even = flow.drop_remainder or flow.n == len(flow) * flow.batch_size * shards
    may_skip = getattr(flow, "on_error", "raise") == "skip"
    return flow.batch_size if is_even and not may_skip else None
