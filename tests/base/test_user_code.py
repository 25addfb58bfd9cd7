"""Functions of the user's that end the program: an error that names the sample, never silence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from augflow import ImageDataGenerator, flow_from_csv, flow_from_loader
from augflow.base.user_code import UserCode


@pytest.mark.parametrize("raised", [SystemExit(0), GeneratorExit(), StopIteration()])
def test_what_ends_in_silence_becomes_an_error(raised: BaseException) -> None:
    expected = pytest.raises(RuntimeError, match=type(raised).__name__)
    with expected as caught, UserCode("sample {}".format, 3):
        raise raised
    assert caught.value.__cause__ is raised and caught.value.__notes__ == ["sample 3"]


def test_other_errors_keep_their_type() -> None:
    with pytest.raises(KeyError) as caught, UserCode("sample {}".format, 3):
        raise KeyError("x")
    assert caught.value.__notes__ == ["sample 3"]
    with pytest.raises(KeyboardInterrupt) as interrupt, UserCode("sample {}".format, 3):
        raise KeyboardInterrupt
    assert not hasattr(interrupt.value, "__notes__")


def leaves(at: Any, how: type[BaseException]) -> Callable[..., Any]:
    """Ends the program, or pretends to, at a sample."""

    def function(each: Any, *others: Any) -> Any:
        if np.array_equal(np.asarray(each).reshape(-1)[:1], [at]):
            if how is SystemExit:
                sys.exit(0)
            raise how
        return each

    return function


def of_loads(function: Any, workers: int) -> Any:
    return flow_from_loader(function, range(8), batch_size=4, shuffle=False, workers=workers)


def of_augmented(function: Any, workers: int) -> Any:
    return flow_from_loader(
        np.float32, range(8), augment=function, batch_size=4, shuffle=False, workers=workers
    )


def of_images(function: Any, workers: int) -> Any:
    generator = ImageDataGenerator(preprocessing_function=function, workers=workers)
    return image_flow(generator)


def of_augmentation(function: Any, workers: int) -> Any:
    return image_flow(ImageDataGenerator(augmentation=function, workers=workers))


def image_flow(generator: ImageDataGenerator) -> Any:
    photos = Path.cwd() / "photos"
    (photos / "a").mkdir(parents=True)
    for number in range(8):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(photos / "a" / f"{number}.png")
    return generator.flow_from_directory(
        str(photos), target_size=(4, 4), batch_size=4, shuffle=False, class_mode=None
    )


def of_columns(function: Any, workers: int) -> Any:
    file = Path.cwd() / "rows.csv"
    pd.DataFrame({"x": range(4000)}).to_csv(file, index=False)

    def preprocess(column: Any) -> Any:
        function(5 if (column.astype(int) == 3005).any() else 0)
        return column.astype(int)

    return flow_from_csv(
        file,
        "x",
        None,
        preprocess={"x": preprocess},
        batch_size=2000,
        shuffle=False,
        workers=workers,
    )


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", [SystemExit, GeneratorExit])
@pytest.mark.parametrize(
    ("make", "named"),
    [
        (of_loads, "ID 5"),
        (of_augmented, "ID 5"),
        (of_images, "5.png"),
        (of_augmentation, "5.png"),
        (of_columns, "column 'x'"),
    ],
)
def test_every_flow_says_where(
    make: Any,
    named: str,
    how: type[BaseException],
    workers: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    flow = make(leaves(5, how), workers)
    for ask in (lambda: flow[1], lambda: [next(flow) for _ in range(2)]):
        with pytest.raises(RuntimeError, match=f"raised {how.__name__}") as caught:
            ask()
        assert named in caught.value.__notes__[0]
    flow.close()


def test_the_first_sample() -> None:
    with pytest.raises(RuntimeError, match=r"SystemExit.*sys.exit") as caught:
        of_loads(leaves(0, SystemExit), 2)
    assert "ID 0" in caught.value.__notes__[0]
