"""Code of users that reaches into a flow as it could into Keras's: patched methods, own orders,
own seeds, copies of Keras's methods. What it gives is compared with Keras's class."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import augflow
from augflow.preprocessing import image as ours
from tests.flow_world import take

AFFINE: dict[str, Any] = {"rotation_range": 30, "horizontal_flip": True}
IMAGES = np.random.RandomState(3).uniform(0, 255, (20, 8, 8, 3)).astype("float32")
LABELS = np.arange(20)
ROWS = np.array([1, 2, 5])


@pytest.fixture(scope="module")
def both() -> list[Any]:
    """Keras's module, and augflow's."""
    from keras.src.legacy.preprocessing import image

    return [image, ours]


def make(module: Any, kind: Any = None, seed: int | None = 3) -> Any:
    kind = module.NumpyArrayIterator if kind is None else kind
    generator = module.ImageDataGenerator(**AFFINE)
    return kind(IMAGES, LABELS, generator, batch_size=6, shuffle=True, seed=seed)


def check_same(use: Callable[[Any], list[Any]], both: list[Any]) -> list[Any]:
    """Let both modules do the same; what augflow gave."""
    theirs, own = (use(module) for module in both)
    assert len(theirs) == len(own)
    for number, (due, got) in enumerate(zip(theirs, own, strict=True)):
        for expected, value in zip(due, got, strict=True):
            np.testing.assert_allclose(value, expected, atol=0.05, err_msg=f"batch {number}")
    return own


# Methods set on one flow


def test_a_batch_method_set_on_a_flow_is_used(both: list[Any]) -> None:
    def use(module: Any) -> list[Any]:
        flow = make(module)
        batches = [next(flow)]
        flow._get_batches_of_transformed_samples = lambda rows: (rows, np.random.rand(3))
        return [*batches, *take(flow, 6)]

    assert check_same(use, both)[1][0].shape == (6,)


def test_an_order_set_on_a_flow_is_used(both: list[Any]) -> None:
    def use(module: Any) -> list[Any]:
        flow = make(module)
        batches = take(flow, 4)

        def backwards() -> None:
            flow.index_array = np.arange(20)[::-1]

        flow._set_index_array = backwards
        return [*batches, *take(flow, 5)]

    assert check_same(use, both)[4][1].tolist() == [19, 18, 17, 16, 15, 14]


def test_batches_made_ahead_are_not_those_of_the_patched_flow() -> None:
    generator = augflow.ImageDataGenerator(workers=2)
    with generator.flow(IMAGES, LABELS, batch_size=4, seed=1) as flow:
        flow._timings[:] = [1.0, 1.0, 1.0]
        take(flow, 4)

        def backwards() -> None:
            flow.index_array = np.arange(20)[::-1]

        flow._set_index_array = backwards
        next(flow)
        assert next(flow)[1].tolist() == [19, 18, 17, 16]


def test_a_copy_keeps_the_patch() -> None:
    flow = augflow.Iterator(6, 3, False, 1)
    flow._get_batches_of_transformed_samples = _doubled
    assert next(copy.deepcopy(flow)).tolist() == [0, 2, 4]


def _doubled(rows: np.ndarray) -> np.ndarray:
    return 2 * rows


# An order that is taken away


def test_index_array_none_begins_a_fresh_order(both: list[Any]) -> None:
    def use(module: Any) -> list[Any]:
        flow = make(module)
        batches = [flow[0], flow[1]]
        flow.index_array = None
        batches += [flow[0], flow[1]]
        flow.shuffle = False
        flow.index_array = None
        flow.reset()
        return [*batches, *(flow[position] for position in range(4))]

    batches = check_same(use, both)
    assert np.concatenate([labels for _, labels in batches[4:]]).tolist() == list(range(20))


def test_index_array_none_of_a_fresh_flow_changes_nothing() -> None:
    flow, other = make(ours), make(ours)
    flow.index_array = None
    for batch, due in zip(take(flow, 5), take(other, 5), strict=True):
        np.testing.assert_array_equal(batch[1], due[1])


# Seeds of NumPy's generator


@pytest.mark.parametrize("seed", [3, None])
def test_a_direct_call_draws_from_a_seed_that_was_set_for_it(
    seed: int | None, both: list[Any]
) -> None:
    def use(module: Any) -> list[Any]:
        flow = make(module, seed=seed)
        np.random.seed(9)
        batches = [flow._get_batches_of_transformed_samples(ROWS) for _ in range(2)]
        np.random.seed(9)
        np.random.uniform(size=7)
        batches.append(flow._get_batches_of_transformed_samples(ROWS))
        if seed is not None:
            batches.append(next(flow))
        np.random.seed(11)
        return [*batches, flow._get_batches_of_transformed_samples(ROWS)]

    check_same(use, both)


@pytest.mark.parametrize("draws", [1, 700, 200_000])
def test_draws_of_the_script_are_no_seed(draws: int) -> None:
    class OwnNext(augflow.NumpyArrayIterator):
        def next(self) -> Any:
            index_array = next(self.index_generator)
            np.random.uniform(size=draws)
            return self._get_batches_of_transformed_samples(index_array)

    np.random.seed(77)
    due = take(make(ours), 3)
    flow = make(ours, OwnNext)
    for images, labels in due:
        batch = flow.next()
        np.testing.assert_array_equal(batch[0], images)
        np.testing.assert_array_equal(batch[1], labels)


def reading_itself(base: Any) -> Any:
    """A subclass with Keras's steps of ``flow[i]``."""

    class Own(base):
        def __getitem__(self, idx: int) -> Any:
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            self.total_batches_seen += 1
            if self.index_array is None:
                self._set_index_array()
            rows = slice(self.batch_size * idx, self.batch_size * (idx + 1))
            return self._get_batches_of_transformed_samples(self.index_array[rows])

    return Own


@pytest.mark.parametrize("state", [3, 8])
def test_a_subclass_that_seeds_by_itself_is_the_same_as_keras(state: int, both: list[Any]) -> None:
    def use(module: Any) -> list[Any]:
        # 3 is also the seed that the subclass sets first.
        np.random.seed(state)
        flow = make(module, reading_itself(module.NumpyArrayIterator))
        batches = []
        for _ in range(3):
            batches += [flow[position] for position in range(len(flow))]
            flow.on_epoch_end()
        return batches

    check_same(use, both)


# Own index arrays


def test_an_own_flow_index_is_used(both: list[Any]) -> None:
    def use(module: Any) -> list[Any]:
        class Backwards(module.NumpyArrayIterator):
            def _flow_index(self) -> Any:
                for index_array in super()._flow_index():
                    yield index_array[::-1]

        return take(make(module, Backwards), 6)

    check_same(use, both)


def test_an_index_generator_that_is_set_is_used(both: list[Any]) -> None:
    def use(module: Any) -> list[Any]:
        flow = make(module)
        flow.index_generator = iter([np.array([4, 2]), np.array([0])])
        np.random.seed(5)
        return take(flow, 2)

    assert [labels.tolist() for _, labels in check_same(use, both)] == [[4, 2], [0]]


def test_flow_index_steps_through_the_flow() -> None:
    flow, other = make(ours), make(ours)
    indices = flow._flow_index()
    for _ in range(5):
        assert next(indices).tolist() == next(other)[1].tolist()


def test_an_own_order_may_have_rows_of_several_numbers(both: list[Any]) -> None:
    """Places of patches: (image, row, column)."""

    def use(module: Any) -> list[Any]:
        class Patches(module.Iterator):
            def _set_index_array(self) -> None:
                places = np.stack(np.unravel_index(np.arange(self.n), (2, 3, 2)), axis=1)
                self.index_array = np.random.permutation(places)

            def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
                return index_array, np.random.uniform(size=2)

        flow = Patches(12, 5, True, 1)
        return take(flow, 7)

    assert check_same(use, both)[0][0].shape == (5, 3)
