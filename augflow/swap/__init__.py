"""Runs a script with Keras's image classes replaced, under all names they are imported by.

In: the path of a script or a notebook, and what stands in for Keras's module.
Out: what the script does, and the sums of what its flows gave.
Knows: report, script.
Read: finder, run_code.
"""
