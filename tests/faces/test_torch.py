"""``flow.to_torch()`` in the place of torch's DataLoader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow import ImageDataGenerator, flow_from_arrays, flow_from_loader
from tests.faults.batches import difference
from tests.faults.kinds import KINDS, write_world
from tests.flow_world import write_folder

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("torch"))


def image_flow(folder: Path, workers: int = 0, **settings: Any) -> Any:
    return ImageDataGenerator(rotation_range=20, workers=workers).flow_from_directory(
        folder, **{"target_size": (8, 9), "batch_size": 4, "seed": 1, **settings}
    )


def arrays_of(batch: Any) -> Any:
    """The batch of tensors as one of arrays, with tuples where lists may have been."""
    if isinstance(batch, dict):
        return {name: arrays_of(part) for name, part in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(arrays_of(part) for part in batch)
    return batch.numpy() if isinstance(batch, torch.Tensor) else batch


# The others are for the heavy part.
QUICK = {"directory", "loader", "csv words", "boxes", "class_mode input", "rows of arrays"}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else [pytest.mark.heavy]) for kind in KINDS],
)
def test_tensors_are_the_arrays(kind: str, world: Path) -> None:
    with KINDS[kind](world, 0, 3) as flow, KINDS[kind](world, 0, 3) as other:
        loader = other.to_torch()
        assert len(loader) == len(flow)
        for batch in loader:
            assert not difference(arrays_of(batch), arrays_of(next(flow)))
        first = next(iter(loader))
        assert not difference(arrays_of(first), arrays_of(next(flow)))


def test_nothing_is_copied() -> None:
    """A tensor of the flow's own memory: what is written into one is in the other."""
    given = []

    class Noting(type(flow_from_arrays(np.zeros(1)))):  # type: ignore[misc]
        def __next__(self) -> Any:
            given.append(super().__next__())
            return given[-1]

    flow = Noting(np.zeros((8, 5, 6, 3), "float32"), np.arange(8), batch_size=4, seed=1)
    for channels_first, shape in ((False, (4, 5, 6, 3)), (True, (4, 3, 5, 6))):
        images, labels = next(iter(flow.to_torch(channels_first=channels_first)))
        assert images.shape == shape and labels.shape == (4,)
        assert images.data_ptr() == given[-1][0].ctypes.data
        assert labels.data_ptr() == given[-1][1].ctypes.data
        assert images.is_contiguous(memory_format=torch.channels_last) == channels_first


def test_channels_first_of_flows_that_have_them(folder: Path) -> None:
    generator = ImageDataGenerator(data_format="channels_first", workers=0)
    flow = generator.flow_from_directory(folder, target_size=(8, 9), batch_size=4)
    assert next(iter(flow.to_torch(channels_first=True)))[0].shape == (4, 3, 8, 9)


@pytest.mark.parametrize("workers", [0, 2])
def test_tensors_that_are_held_are_not_written_again(workers: int, folder: Path) -> None:
    with image_flow(folder, workers) as flow:
        held = []
        for _ in range(3):
            held += [(tensor, tensor.clone()) for tensor, _ in flow.to_torch(channels_first=True)]
        assert len(held) == 15
        assert all(torch.equal(tensor, copy) for tensor, copy in held)
        assert len({tensor.data_ptr() for tensor, _ in held}) == len(held)
    assert all(torch.equal(tensor, copy) for tensor, copy in held)


def test_text_stays_an_array() -> None:
    flow = flow_from_arrays({"word": np.array(["a", "b"]), "number": np.arange(2)}, batch_size=2)
    batch = next(iter(flow.to_torch()))
    assert isinstance(batch["word"], np.ndarray) and isinstance(batch["number"], torch.Tensor)


def test_it_goes_on_in_the_middle_of_an_epoch(folder: Path) -> None:
    loader = image_flow(folder).to_torch()
    whole = [[images.clone() for images, _ in loader] for _ in range(3)]

    stopped = image_flow(folder).to_torch()
    list(stopped)
    for number, _ in enumerate(stopped):
        if number == 1:
            state = json.loads(json.dumps(stopped.state_dict()))
            break
    for epochs in ((None, None), (1, 2)):
        loader = image_flow(folder).to_torch()
        loader.load_state_dict(state)
        for epoch, due in zip(epochs, (whole[1][2:], whole[2]), strict=True):
            if epoch is not None:
                loader.set_epoch(epoch)
            got = [images for images, _ in loader]
            assert len(got) == len(due)
            assert all(torch.equal(one, other) for one, other in zip(got, due, strict=True))
    with pytest.raises(ValueError, match="of other data or settings"):
        image_flow(folder, seed=2).to_torch().load_state_dict(state)


def test_bad_arguments() -> None:
    flow = flow_from_arrays(np.arange(4))
    with pytest.raises(TypeError, match="`channels_first` must be a bool"):
        flow.to_torch(channels_first="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`pin_memory` must be a bool"):
        flow.to_torch(pin_memory="yes")  # type: ignore[arg-type]
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="needs a GPU"):
            flow.to_torch(pin_memory=True)
    loader = flow.to_torch()
    for epoch, error in ((-1, ValueError), (1.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="`epoch` must be"):
            loader.set_epoch(epoch)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_pinned_where_there_is_a_gpu(folder: Path) -> None:
    images, labels = next(iter(image_flow(folder).to_torch(channels_first=True)))
    assert images.is_pinned() and labels.is_pinned()
    assert torch.equal(images.cuda(non_blocking=True).cpu(), images)
    assert not next(iter(image_flow(folder).to_torch(pin_memory=False)))[0].is_pinned()


def test_a_loop_learns(folder: Path) -> None:
    """A plain loop of torch, from samples that a function loads."""

    def load(number: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full(3, number % 2, "float32"), np.float32(number % 2)

    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = flow_from_loader(load, range(40), batch_size=8, seed=1, workers=0).to_torch()
    losses = []
    for epoch in range(10):
        loader.set_epoch(epoch)
        for inputs, targets in loader:
            loss = ((model(inputs)[:, 0] - targets) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
