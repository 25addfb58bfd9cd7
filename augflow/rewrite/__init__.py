"""Rewrites scripts for augflow and Keras 3, and leaves every other byte as it is.

In: the bytes of a script or a notebook.
Out: those of the changed one, and what was left alone and why.
Knows: script.
Read: outcome, imports, calls, python_code, notebook.
"""
