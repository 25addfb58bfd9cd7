"""Generators at a point of a stream: NumPy's own, made without the entropy that nobody needs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from augflow.order.streams import open_stream, state_of


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_a_seed_opens_numpys_own_stream(seed):
    ours, numpys = open_stream(seed), np.random.RandomState(seed)
    np.testing.assert_equal(state_of(ours), state_of(numpys))
    assert ours.normal(size=3).tolist() == numpys.normal(size=3).tolist()
    # Half of a pair of normal numbers is part of the state.
    np.testing.assert_equal(state_of(open_stream(state_of(ours))), state_of(numpys))


def test_streams_share_nothing():
    first, second = open_stream(3), open_stream(3)
    first.rand(1000)
    assert second.rand() == np.random.RandomState(3).rand()
    assert pickle.loads(pickle.dumps(first)).rand() == first.rand()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_beyond_numpys_bounds_are_refused(seed):
    with pytest.raises(ValueError):
        open_stream(seed)
