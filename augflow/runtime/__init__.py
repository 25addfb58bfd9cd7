"""Workers, and the engine that asks them for batches ahead of time.

In: a plan and requests.
Out: batches, the same for any number of workers, whatever dies meanwhile.
Knows: memory, base, order, cache, batch.
Read: engine, make_engine, worker_engine, pending, waiting, pool, processes, worker,
    imports_of_workers, pickle_plan, flow_memory, keeper, reloads, exit_guard.
"""
