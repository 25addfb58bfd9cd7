"""Scripts and notebooks, read and not run: their code, and what they do wrong with flows.

In: the path of a script or a notebook.
Out: its code; generators, flows and calls of a model in it; faults, each with its line.
Knows: base.
Read: source_code, calls, faults.
"""
