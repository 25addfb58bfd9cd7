"""steps_per_epoch as scripts write it: a quotient that range takes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from augflow.order.sample_count import SampleCount, StepCount


@pytest.mark.parametrize(("samples", "steps"), [(1399, 44), (64, 2), (65, 3), (1, 1), (0, 0)])
def test_the_quotient_counts_steps(samples: int, steps: int) -> None:
    quotient = SampleCount(samples) / 32
    assert quotient == samples / 32
    assert len(range(quotient)) == steps
    assert len(range(0, np.ceil(quotient), 1)) == steps


def test_a_sample_count_is_an_int_otherwise() -> None:
    count = SampleCount(10)
    assert count == 10 and count // 4 == 2 and count % 4 == 2 and list(range(count))[-1] == 9
    assert type(count // 4) is int
    assert np.arange(count).shape == (10,)
    assert pickle.loads(pickle.dumps(count)) == 10


def test_a_step_count_is_a_float_otherwise() -> None:
    steps = StepCount(2.5)
    assert steps * 2 == 5.0 and f"{steps:.1f}" == "2.5" and int(steps) == 2
    assert np.add(steps, 1.0) == 3.5
    assert np.isnan(np.array([steps, np.nan])).tolist() == [False, True]
