"""A count of samples whose quotient by the batch size counts steps.

Scripts write ``steps_per_epoch=flow.samples / flow.batch_size``. Keras 2 took the float and ran
the last, partial step; Keras 3 gives it to ``range``, which refuses floats. So the quotient of
``flow.samples`` and ``flow.n`` is a float that ``range`` takes, rounded up as in Keras 2.
"""

from __future__ import annotations

import math
from typing import Any


class StepCount(float):
    """A float that also serves where an int is needed, rounded up."""

    def __index__(self) -> int:
        return math.ceil(self)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """So ``np.ceil(flow.samples / flow.batch_size)`` stays a step count."""
        plain = [float(one) if isinstance(one, StepCount) else one for one in inputs]
        result = getattr(function, method)(*plain, **options)
        return StepCount(result) if isinstance(result, float) else result


class SampleCount(int):
    """An int whose true quotient is a ``StepCount``."""

    def __truediv__(self, other: Any) -> Any:
        quotient = int(self) / other
        return StepCount(quotient) if isinstance(quotient, float) else quotient
