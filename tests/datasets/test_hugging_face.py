"""Images of Hugging Face's `datasets`: the same batches as those of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import ImageDataGenerator, ImageReadError, flow_from_dataset
from tests.flow_world import SIZE, signature, table_of, write_folder

datasets = pytest.importorskip("datasets", reason="the extra `test` brings `datasets`")

SETTINGS: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 3}
NAMES = ["flower", "cat"]  # not in the order of text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "files")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return table_of(folder)


def made(
    folder: Path,
    table: pd.DataFrame,
    kind: str = "bytes",
    labels: list[int] | None = None,
    **more: list[Any],
) -> Any:
    paths = [folder / name for name in table["filename"]]
    images = [str(path) if kind == "paths" else path.read_bytes() for path in paths]
    features = {
        "image": datasets.Value("binary") if kind == "binary" else datasets.Image(),
        "label": datasets.ClassLabel(names=NAMES),
        **{name: datasets.Value("float32") for name in more},
    }
    numbers = labels or [NAMES.index(name) for name in table["class"]]
    return datasets.Dataset.from_dict(
        {"image": images, "label": numbers, **more}, features=datasets.Features(features)
    )


def generator(workers: int = 0, **more: Any) -> ImageDataGenerator:
    return ImageDataGenerator(rotation_range=20, horizontal_flip=True, workers=workers, **more)


@pytest.mark.parametrize("kind", ["bytes", "paths", "binary"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_files(
    folder: Path, table: pd.DataFrame, kind: str, workers: int
) -> None:
    files = generator().flow_from_dataframe(table, folder, classes=NAMES, **SETTINGS)
    dataset = made(folder, table, kind)
    with flow_from_dataset(dataset, generator=generator(workers), **SETTINGS) as flow:
        assert flow.class_indices == {"flower": 0, "cat": 1}
        assert list(flow.classes) == dataset["label"][:]
        for _ in range(2 * len(files)):
            assert signature(next(flow)) == signature(next(files))
        assert signature(flow[3]) == signature(files[3])


def test_parts_columns_and_missing_labels(folder: Path, table: pd.DataFrame) -> None:
    numbers = table["id"].tolist()
    dataset = made(folder, table, weight=numbers, half=numbers)
    dataset = dataset.select(range(18, -1, -1))
    flow = flow_from_dataset(
        dataset,
        generator=generator(validation_split=0.5),
        subset="validation",
        weight_col="weight",
        extra_cols={"number": "half"},
        shuffle=False,
        augment=False,
        **SETTINGS,
    )
    inputs, _, weights = next(flow)
    assert weights.tolist() == inputs["number"].tolist() == [18, 17, 16, 15]
    rows = [dataset[row]["image"].resize(SIZE[::-1], 0).convert("RGB") for row in range(4)]
    assert np.array_equal(inputs["image"], np.stack([np.asarray(row) for row in rows]))

    numbers = [-1 if row == 2 else 0 for row in range(len(dataset))]
    unlabelled = made(folder, table, labels=numbers)
    with pytest.warns(UserWarning, match="label"):
        assert 2 not in flow_from_dataset(unlabelled, **SETTINGS).dataframe_index


def test_without_labels_and_generator(folder: Path, table: pd.DataFrame) -> None:
    batch = next(flow_from_dataset(made(folder, table), label=None, shuffle=False, **SETTINGS))
    assert batch.shape == (4, *SIZE, 3) and batch.dtype == np.float32


@pytest.mark.parametrize("data", [b"", b"no image", None])
def test_a_broken_image_is_named_by_its_row(
    folder: Path, table: pd.DataFrame, data: bytes | None
) -> None:
    images = [(folder / name).read_bytes() for name in table["filename"]]
    images[1] = data
    features = datasets.Features({"image": datasets.Image()})
    dataset = datasets.Dataset.from_dict({"image": images}, features=features)
    flow = flow_from_dataset(dataset, label=None, shuffle=False, **SETTINGS)
    with pytest.raises(ImageReadError, match=r"cannot read image 'image\[1\]'"):
        next(flow)


def test_what_is_no_split_of_a_data_set_is_refused(folder: Path, table: pd.DataFrame) -> None:
    dataset = made(folder, table)
    with pytest.raises(TypeError, match=r"one split.*dataset\['train'\]"):
        flow_from_dataset(datasets.DatasetDict(train=dataset))
    with pytest.raises(TypeError, match=r"stream.*streaming=True"):
        flow_from_dataset(dataset.to_iterable_dataset())
    with pytest.raises(TypeError, match=r"a datasets.Dataset of Hugging Face. Received: DataFrame"):
        flow_from_dataset(table)
    with pytest.raises(KeyError, match=r"image='pixels' is no column.*\['image', 'label'\]"):
        flow_from_dataset(dataset, image="pixels")
    with pytest.raises(KeyError, match="label='class' is no column"):
        flow_from_dataset(dataset, label="class")
    with pytest.raises(TypeError, match="no argument `directory`"):
        flow_from_dataset(dataset, directory="here")
