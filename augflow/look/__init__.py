"""What a flow and its samples look like: in words, in pictures, in a table of predictions.

In: facts that a flow states, and batches that were read beside it.
Out: texts, HTML, figures of matplotlib, tables of pandas.
Knows: base, transform.
Read: facts, settings_in_words, words_of_flows, image_flows, pixels,
    strip, html, model_outputs, predictions, masks_on_disk, confusion, explanation,
    extras.
"""
