"""What is wrong with images and with a script that trains on them: ``augflow doctor``.

In: a folder or a table, and maybe a script.
Out: findings, the most harmful first, each with its cure; and how fast a flow reads the images.
Knows: memory, base, order, read, scan, cache, batch, runtime, images, script.
Read: finding, samples, table, look, survey, check_files, check_pixels, copies, check_copies,
check_classes, check_masks, check_script, measure, examine.
"""
