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
def weigh(size: int, low: float, high: float, count: int, filter: int) -> bytes: ...
def resample(
    source: np.ndarray,
    target: np.ndarray,
    columns: bytes | None,
    rows: bytes | None,
    rows_first: bool,
    path: int,
) -> None: ...
def pick(source: np.ndarray, target: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None: ...
def best() -> int: ...
