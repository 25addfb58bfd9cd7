"""What a flow and its samples look like: in words, in pictures, in a table of predictions.

In: facts that a flow states, and batches that were read beside it.
Out: texts, HTML, figures of matplotlib, tables of pandas.
Knows: base, transform, companions.
Read: facts, words, image_flows, pixels, strip, html, model_outputs,
    predictions, masks_on_disk, confusion, explanation, overlays, grid, extras.
"""
