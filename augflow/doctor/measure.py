"""How fast a flow reads these images here, and with which settings it does best."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from augflow.images.dataframe import DataFrameIterator
from augflow.images.transformer import ImageTransformer
from augflow.memory.free_space import free_memory

_MOST_IMAGES = 512
_ENOUGH = 0.95  # of the best: fewer workers and smaller batches are as good
_GAIN = 1.1  # that a setting has to bring
_FREE_MEMORY = 0.5  # of what is free, for the cache
_BYTES_A_PIXEL = 3


@dataclass
class Recommendation:
    """What was measured, and what follows.

    Attributes:
        images_per_second: by setting, e.g. {"workers=2": 1500.0}.
        workers, batch_size: recommended.
        decode, cache: recommended, None for the default.
        target_size: that images were resized to, (height, width).
        cache_bytes: that cache="ram" takes for all images.
    """

    target_size: tuple[int, int]
    workers: int = 0
    batch_size: int = 32
    decode: str | None = None
    cache: str | None = None
    cache_bytes: int = 0
    images_per_second: dict[str, float] = field(default_factory=dict)

    def code(self) -> str:
        """The settings as they are typed."""
        more = f', decode="{self.decode}"' if self.decode else ""
        more += f', cache="{self.cache}"' if self.cache else ""
        return (
            f"ImageDataGenerator(..., workers={self.workers})"
            f".flow_from_directory(..., batch_size={self.batch_size}{more})"
        )

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "code": self.code()}


def recommend(
    paths: list[str], target_size: tuple[int, int] = (224, 224), seconds: float = 0.7
) -> Recommendation:
    """Measure flows over images, one setting after the other.

    Args:
        paths: of images that can be read; the first 512, evenly chosen, are.
        target_size: (height, width) that they are resized to. Defaults to (224, 224).
        seconds: for each setting. Defaults to 0.7.
    """
    from augflow.runtime.processes import cpu_count

    step = max(1, len(paths) // _MOST_IMAGES)
    chosen = paths[::step][:_MOST_IMAGES]
    found = Recommendation(target_size)
    measured = found.images_per_second

    def measure(label: str, **settings: Any) -> float:
        measured[label] = _speed(chosen, target_size, seconds, **settings)
        return measured[label]

    cpus = cpu_count()
    counts = sorted({0, 1, 2, cpus // 2, cpus} & set(range(cpus + 1)))
    speeds = {count: measure(f"workers={count}", workers=count) for count in counts}
    enough = _ENOUGH * max(speeds.values())
    found.workers = min(count for count, speed in speeds.items() if speed >= enough)
    plain, workers = speeds[found.workers], found.workers
    if measure('decode="fast"', workers=workers, decode="fast") > _GAIN * plain:
        found.decode = "fast"
    height, width = target_size
    found.cache_bytes = len(paths) * height * width * _BYTES_A_PIXEL
    free = free_memory()
    cached = measure('cache="ram", from the second epoch on', workers=workers, cache="ram")
    if found.cache_bytes < _FREE_MEMORY * (free.usable if free else 0) and cached > _GAIN * plain:
        found.cache = "ram"
    sizes = {32: plain}
    for size in (16, 64):
        sizes[size] = measure(f"batch_size={size}", workers=workers, batch_size=size)
    enough = _ENOUGH * max(sizes.values())
    # Keras's default, unless another one gains: the model decides more than the reading does.
    found.batch_size = 32 if plain >= enough / _GAIN else max(sizes, key=lambda size: sizes[size])
    return found


def _speed(
    paths: list[str],
    target_size: tuple[int, int],
    seconds: float,
    workers: int,
    batch_size: int = 32,
    **settings: Any,
) -> float:
    """Images a second of a flow with rotation, shifts, zoom, flip and rescale."""
    import pandas

    transformer = ImageTransformer(
        rotation_range=20,
        width_shift_range=0.1,
        height_shift_range=0.1,
        zoom_range=0.1,
        horizontal_flip=True,
        rescale=1 / 255,
        workers=workers,
    )
    flow = DataFrameIterator(
        pandas.DataFrame({"filename": paths}),
        image_data_generator=transformer,
        class_mode=None,
        target_size=target_size,
        batch_size=min(batch_size, len(paths)),
        seed=0,
        validate_filenames=False,
        on_error="skip",
        verbose=False,
        **settings,
    )
    with flow:
        # Workers begin, and the cache is filled.
        for _ in range(len(flow) if "cache" in settings else 2):
            next(flow)
        images, begin = 0, time.perf_counter()
        while (taken := time.perf_counter() - begin) < seconds:
            images += len(next(flow))
    return images / taken
