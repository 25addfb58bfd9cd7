import numpy as np

INTERFACE: int

def warp(
    source: np.ndarray,
    target: np.ndarray,
    moves: np.ndarray,
    fill_mode: int,
    order: int,
    fill: np.ndarray,
    multiply: np.ndarray | None,
    add: np.ndarray | None,
    path: int,
) -> None: ...
def best() -> int: ...
