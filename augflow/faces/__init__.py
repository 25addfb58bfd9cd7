"""What other frameworks take: a flow as torch's loader, as TensorFlow's dataset, and Keras's
callback that goes on where a training was killed.

In: a flow, by ``next()``.
Out: what torch, TensorFlow and Keras iterate over or call; each is imported when asked for.
Knows: base.
Read: passes, tree, for_torch, for_tensorflow, checkpoint, resume_callback.
"""
