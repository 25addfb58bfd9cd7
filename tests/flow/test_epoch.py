"""``flow.epoch()``: one pass, for every kind of flow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.faults.batches import difference
from tests.faults.kinds import KINDS, write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("epoch"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_is_what_next_gives(kind: str, world: Path) -> None:
    with KINDS[kind](world, 0, 3) as flow, KINDS[kind](world, 0, 3) as other:
        for _ in range(2):
            batches = list(flow.epoch())
            assert len(batches) == len(flow)
            assert not any(difference(batch, next(other)) for batch in batches)


def test_a_pass_that_is_left_off_is_over(world: Path) -> None:
    with KINDS["directory"](world, 0, 3) as flow:
        for _ in flow.epoch():
            break
        second = [batch[1] for batch in flow.epoch()]
        assert len(second) == len(flow)
        assert len(np.concatenate(second)) == flow.n
