"""Flows of any samples, that a function of the user's loads.

In: IDs and a function.
Out: batches of what it returns.
Knows: memory, base, order, scan, cache, batch, look, report, runtime, flow.
Read: learn, plan, lengths, targets, flow, moments.
"""
