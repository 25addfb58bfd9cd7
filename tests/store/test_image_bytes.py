"""Images that lie in a table: the same batches as the files that they were."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow import ImageDataGenerator, ImageReadError
from augflow.base.settings import ReadSettings
from augflow.read.image_file import read_image
from augflow.read.image_size import image_size
from augflow.store.image_bytes import ImageBytes
from tests.flow_world import SIZE, signature, table_of, write_folder

SETTINGS: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "files")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return table_of(folder)


def generator(workers: int = 0) -> ImageDataGenerator:
    return ImageDataGenerator(
        rotation_range=20, horizontal_flip=True, rescale=1 / 255, workers=workers
    )


def as_bytes(folder: Path, table: pd.DataFrame, kind: str) -> list[Any]:
    data = [(folder / name).read_bytes() for name in table["filename"]]
    if kind == "bytes":
        return data
    if kind == "memoryview":
        return [memoryview(one) for one in data]
    if kind == "dict":
        return [{"bytes": one, "path": None} for one in data]
    # As Hugging Face's data sets have them: the bytes, or where they are.
    return [
        {"bytes": one, "path": f"{row}.jpg"}
        if row % 2
        else {"bytes": None, "path": str(folder / name)}
        for row, (one, name) in enumerate(zip(data, table["filename"], strict=True))
    ]


@pytest.mark.parametrize("kind", ["bytes", "memoryview", "dict", "mixed"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_files(
    folder: Path, table: pd.DataFrame, kind: str, workers: int
) -> None:
    cells = table.assign(filename=as_bytes(folder, table, kind))
    files = generator().flow_from_dataframe(table, folder, **SETTINGS)
    flow = generator(workers).flow_from_dataframe(cells, **SETTINGS)
    with flow:
        for _ in range(2 * len(files)):
            assert signature(next(flow)) == signature(next(files))
        assert signature(flow[2]) == signature(files[2])


@pytest.mark.parametrize("kind", ["bytes", "dict"])
def test_columns_of_arrow(folder: Path, table: pd.DataFrame, kind: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    of_images = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    dtype = pd.ArrowDtype(arrow.binary() if kind == "bytes" else of_images)
    images = pd.Series(as_bytes(folder, table, kind), dtype=dtype)
    cells = pd.DataFrame({"image": images, "class": table["class"]})
    files = generator().flow_from_dataframe(table, folder, **SETTINGS)
    flow = generator().flow_from_dataframe(cells, x_col="image", **SETTINGS)
    assert signature(next(flow)) == signature(next(files))


def test_subsets_and_rows_without_labels(folder: Path, table: pd.DataFrame) -> None:
    shuffled = table.sample(frac=1, random_state=0)
    shuffled.loc[3, "class"] = None
    cells = shuffled.assign(filename=as_bytes(folder, shuffled, "bytes"))
    datagen = ImageDataGenerator(validation_split=0.3, workers=0)
    for subset in ("training", "validation"):
        with pytest.warns(UserWarning, match="label"):
            files = datagen.flow_from_dataframe(shuffled, folder, subset=subset, **SETTINGS)
        with pytest.warns(UserWarning, match="label"):
            flow = datagen.flow_from_dataframe(cells, subset=subset, **SETTINGS)
        assert [*flow.dataframe_index] == [*files.dataframe_index]
        assert flow.filenames == [f"filename[{row}]" for row in files.dataframe_index]
        assert signature(flow[1]) == signature(files[1])


def test_the_table_is_not_changed(folder: Path, table: pd.DataFrame) -> None:
    cells = table.assign(filename=as_bytes(folder, table, "dict"))
    before = cells.copy()
    generator().flow_from_dataframe(cells, **SETTINGS)
    assert cells["filename"].tolist() == before["filename"].tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_bytes_are_named(folder: Path, table: pd.DataFrame, workers: int) -> None:
    data = as_bytes(folder, table, "bytes")
    data[5] = data[5][:100]
    cells = table.assign(filename=data)
    with generator(workers).flow_from_dataframe(cells, shuffle=False, **SETTINGS) as flow:
        next(flow)
        with pytest.raises(ImageReadError, match=r"cannot read image 'filename\[5\]'"):
            next(flow)
    settings = {**SETTINGS, "shuffle": False, "on_error": "skip"}
    with generator(workers).flow_from_dataframe(cells, **settings) as flow:
        assert [len(flow[number][0]) for number in range(2)] == [4, 3]
        assert [*flow.bad_files] == ["filename[5]"]
        assert augflow.verify(flow, workers=0)["filename"].tolist() == ["filename[5]"]


@pytest.mark.parametrize("where", ["ram", "folder"])
def test_a_cache_knows_images_by_what_they_hold(
    folder: Path, table: pd.DataFrame, tmp_path: Path, where: str
) -> None:
    cache = where if where == "ram" else str(tmp_path / "cache")
    data = as_bytes(folder, table, "bytes")
    files = generator().flow_from_dataframe(table, folder, **SETTINGS)
    # In the second table the same names of rows stand for other images.
    for turned in (data, data[::-1]):
        cells = table.assign(filename=turned)
        flow = generator().flow_from_dataframe(cells, cache=cache, **SETTINGS)
        for _ in range(2 * len(flow)):
            batch, expected = next(flow), next(files)
            if turned is data:
                assert signature(batch) == signature(expected)
        info = flow.cache_info()
        assert info is not None and info.cached == info.images == 19
    plain = generator().flow_from_dataframe(cells, **SETTINGS)
    plain.reset()
    again = generator().flow_from_dataframe(cells, cache=cache, **SETTINGS)
    assert signature(again[1]) == signature(plain[1])


def test_a_reader_of_the_users_gets_an_open_file(folder: Path, table: pd.DataFrame) -> None:
    def load(file: Any) -> np.ndarray:
        assert isinstance(file, io.BytesIO) and file.name.startswith("filename[")
        return np.load(file)

    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8) for _ in range(4)]
    files = []
    for array in arrays:
        file = io.BytesIO()
        np.save(file, array)
        files.append(file.getvalue())
    cells = pd.DataFrame({"filename": files})
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        cells, class_mode=None, shuffle=False, formats={"": load}, **SETTINGS
    )
    assert np.array_equal(next(flow), np.stack(arrays).astype("float32"))


@pytest.mark.parametrize("wrong", [3, {"data": b""}, {"bytes": None, "path": None}, [b"x"]])
def test_other_cells_are_refused_with_their_row(
    folder: Path, table: pd.DataFrame, wrong: Any
) -> None:
    data = as_bytes(folder, table, "bytes")
    data[7] = wrong
    with pytest.raises(TypeError, match=r"bytes of images.*in row 7"):
        generator().flow_from_dataframe(table.assign(filename=data), **SETTINGS)


def test_bytes_are_read_as_their_file(folder: Path, table: pd.DataFrame) -> None:
    path = folder / table["filename"][0]
    stored = pickle.loads(pickle.dumps(ImageBytes("a name", path.read_bytes())))
    settings = ReadSettings(target_size=SIZE, exif=True)
    assert np.array_equal(read_image(stored, settings), read_image(str(path), settings))
    assert image_size(stored, settings) == image_size(path, settings)
    assert repr(stored) == "'a name'"


def test_a_state_of_other_images_is_refused(folder: Path, table: pd.DataFrame) -> None:
    data = as_bytes(folder, table, "bytes")
    flow = generator().flow_from_dataframe(table.assign(filename=data), **SETTINGS)
    state = flow.state_dict()
    data[0] = data[1]
    other = generator().flow_from_dataframe(table.assign(filename=data), **SETTINGS)
    with pytest.raises(ValueError, match="sizes of the images in the table"):
        other.load_state_dict(state)
