"""What moves with an image: masks, boxes, keypoints; and the user's own augmentation.

In: columns of a table or folders of masks, and how the image was moved.
Out: arrays beside the image.
Knows: memory, base, store, order, read, scan, transform.
Read: annotations, masks, run_length, arguments, pair_masks, level_masks, columns,
    unlikely_boxes, arrange, moving, pipeline, pipeline_settings, check_pipeline.
"""
