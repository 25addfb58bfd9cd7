"""The doctor finds each planted fault, and nothing where there is none."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from augflow import verify
from augflow.doctor.check_script import check_script
from augflow.doctor.copies import exact_groups, near_groups
from augflow.doctor.examine import Report, examine
from augflow.doctor.finding import LEVELS
from augflow.doctor.samples import samples_of_folder
from augflow.doctor.survey import survey
from tests.doctor import clinic

EXAMPLES = Path(__file__).parents[2] / "examples"


def look(target: Path, **settings: object) -> Report:
    return examine(str(target), measure=False, workers=0, **settings)  # type: ignore[arg-type]


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_all_planted_faults_are_found(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(clinic.BAD_SCRIPT)
    report = look(clinic.bad_folder(tmp_path / "data"), script=str(script))
    assert codes(report) == clinic.BAD_FOLDER_CODES | clinic.BAD_SCRIPT_CODES
    assert not report.is_well
    by_code = {finding.code: finding for finding in report.findings}
    for code, name in (
        ("leak", "train/cat/0.jpg = val/cat/leak.jpg"),
        ("near-leak", "train/cat/1.jpg = val/cat/near.jpg"),
        ("two-labels", "train/cat/2.jpg = train/dog/cat.jpg"),
        ("duplicate", "train/cat/3.jpg = train/cat/again.jpg"),
        ("near-duplicate", "train/cat/4.jpg = train/cat/anew.jpg"),
        ("empty", "train/cat/empty.jpg"),
        ("empty-class", "train/nothing"),
        ("one-image-class", "rare"),
        ("sixteen-bits", "train/dog/deep.png"),
        ("orientation", "train/dog/turned.jpg"),
        ("transparent", "train/dog/glass.png"),
        ("ending-ignored", "train/dog/new.webp"),
        ("ending-lies", "train/dog/lies.jpg: PNG"),
        ("tiny", "train/dog/icon.png"),
    ):
        assert by_code[code].where == (name,), code
    assert by_code["truncated"].where[0].startswith("train/cat/cut.jpg: ")
    assert by_code["no-image"].where[0].startswith("train/cat/text.jpg: ")
    ranks = [list(LEVELS).index(finding.code) for finding in report.findings]
    assert ranks == sorted(ranks)


def test_a_clean_folder_and_script(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(clinic.CLEAN_SCRIPT)
    report = look(clinic.clean_folder(tmp_path / "data"), script=str(script))
    assert report.findings == []
    assert report.is_well
    assert report.about == "48 images of 3 classes, for training and validation"


def test_masks(tmp_path: Path) -> None:
    assert look(clinic.clean_masks(tmp_path / "clean")).findings == []
    assert codes(look(clinic.bad_masks(tmp_path / "bad"))) == clinic.BAD_MASK_CODES
    # The same by two folders that are named.
    images, masks = tmp_path / "clean/images", tmp_path / "clean/masks"
    report = look(images, masks=str(masks))
    assert report.findings == [] and report.about == "4 images, 4 masks"


def test_a_table(tmp_path: Path) -> None:
    clinic.clean_folder(tmp_path / "data")
    names = [f"train/{label}/{number}.jpg" for label in ("cat", "dog") for number in range(8)]
    table = pd.DataFrame({"file": names, "label": [name.split("/")[1] for name in names]})
    table.to_csv(tmp_path / "data/clean.csv", index=False)
    assert look(tmp_path / "data/clean.csv").findings == []
    table.loc[len(table)] = ["gone.jpg", "cat"]
    table.loc[len(table)] = ["train/cat/0.jpg", "dog"]
    table.to_csv(tmp_path / "bad.csv", index=False)
    report = look(tmp_path / "bad.csv", directory=str(tmp_path / "data"))
    assert codes(report) == {"missing", "two-labels"}
    with pytest.raises(ValueError, match=r"no column 'picture'\. It has: file, label"):
        look(tmp_path / "bad.csv", x_col="picture")
    with pytest.raises(ValueError, match="are for folders"):
        look(tmp_path / "bad.csv", masks=str(tmp_path))


def test_a_validation_folder_elsewhere(tmp_path: Path) -> None:
    data = clinic.clean_folder(tmp_path / "data")
    shutil.copy(data / "train/owl/0.jpg", data / "val/owl/x.jpg")
    report = look(data / "train", validation=str(data / "val"))
    assert codes(report) == {"leak"}
    with pytest.raises(ValueError, match="are for tables"):
        look(data, x_col="file")
    with pytest.raises(FileNotFoundError):
        look(data / "train", validation=str(data / "nowhere"))


def test_nothing_but_broken_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.jpg").write_text("no image")
    (tmp_path / "a/2.png").touch()
    os.mkfifo(tmp_path / "a/3.png")
    report = examine(str(tmp_path))
    assert codes(report) == {"empty", "no-image"}
    assert report.recommendation is None
    assert "named pipe" in str(report.findings)


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (3000, 2), (64, 64), (65, 129)])
def test_images_of_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    clinic.save(tmp_path / "1.png", clinic.picture(1, size))
    clinic.save(tmp_path / "2.png", clinic.picture(2, size))
    assert look(tmp_path).findings == []


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no images"):
        look(tmp_path)


@pytest.mark.parametrize("change", ["resized", "compressed", "brighter by 2", "other format"])
def test_what_is_nearly_the_same(tmp_path: Path, change: str) -> None:
    for number in range(40):
        clinic.save(tmp_path / f"{number}.jpg", clinic.picture(number), quality=92)
    with Image.open(tmp_path / "7.jpg") as image:
        copy = {
            "resized": image.resize((150, 112)),
            "brighter by 2": image.point(lambda level: min(255, level + 2)),
        }.get(change, image)
        ending = "png" if change == "other format" else "jpg"
        clinic.save(
            tmp_path / f"copy.{ending}", copy, **({} if ending == "png" else {"quality": 50})
        )
    seen = survey(samples_of_folder(str(tmp_path)), 0)
    names = seen.samples.names
    groups = near_groups(seen.images, seen.good)
    assert [[names[row] for row in group] for group in groups] == [["7.jpg", f"copy.{ending}"]]
    assert exact_groups(seen.images, seen.good) == []


def test_workers_see_the_same(tmp_path: Path) -> None:
    samples = samples_of_folder(str(clinic.bad_masks(tmp_path)))
    here, there = survey(samples, 0), survey(samples, 2)
    for one, other in ((here.images, there.images), (here.masks, there.masks)):
        assert one.reasons == other.reasons
        good = [row for row in range(len(one.notes)) if row not in one.reasons]
        for name in ("notes", "digests", "thumbnails", "hashes"):
            assert (getattr(one, name)[good] == getattr(other, name)[good]).all()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("model.predict(val)", "shuffled-predict"),
        ("self.model.predict(g.flow_from_directory('x'))", "shuffled-predict"),
        ("model.predict(g.flow_from_directory('x', shuffle=False))", None),
        ("model.predict(g.flow_from_directory('x', **options))", None),
        ("model.predict_generator(val, val.n // 32)", "steps-drop-data"),
        ("model.fit(val, steps_per_epoch=-(-val.n // 32))", None),
        ("model.fit(val, steps_per_epoch=(val.n + 31) // 32)", None),
        ("model.fit(val, steps_per_epoch=2000 // 32)", "steps-drop-data"),
        ("model.fit(val, steps_per_epoch=2000 // 20)", None),
        ("model.fit(val, steps_per_epoch=math.ceil(val.n / 32))", None),
        ("ImageDataGenerator(rescale=1.0/255, preprocessing_function=own)", None),
        (
            "def f(): return g2.flow_from_directory('v', subset='validation')",
            "augmented-validation",
        ),
        ("g2.flow_from_directory('v', subset='validation', augment=False)", None),
        ("if True:\n    model.evaluate(g2.flow(x, y))", "augmented-validation"),
        ("print(", "unreadable-script"),
    ],
)
def test_lines_of_scripts(tmp_path: Path, line: str, code: str | None) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "g = ImageDataGenerator(rescale=1/255)\ng2 = ImageDataGenerator(zoom_range=0.1)\n"
        f"val = g.flow_from_directory('v')\n{line}\n"
    )
    found = {finding.code for finding in check_script(str(script))}
    assert (code in found) if code else not found


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_examples_are_well(path: Path) -> None:
    assert check_script(str(path)) == []


def test_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "train.ipynb"
    source = '["%matplotlib inline\\n", "g = ImageDataGenerator(rescale=255)\\n", "!ls\\n"]'
    cells = (
        f'{{"cell_type": "code", "source": {source}}}, {{"cell_type": "markdown", "source": "#"}}'
    )
    path.write_text(f'{{"nbformat": 4, "cells": [{cells}]}}')
    assert [finding.code for finding in check_script(str(path))] == ["rescale-above-one"]
    path.write_text("[]")
    with pytest.raises(ValueError, match="it has no cells"):
        check_script(str(path))


@pytest.mark.heavy
def test_looking_takes_at_most_twice_as_long_as_reading(tmp_path: Path) -> None:
    for number in range(400):
        clinic.save(tmp_path / f"{number}.jpg", clinic.picture(number, (320, 240)), quality=90)
    samples = samples_of_folder(str(tmp_path))
    ratios = []
    for _ in range(5):
        begin = time.perf_counter()
        verify(tmp_path)
        middle = time.perf_counter()
        survey(samples)
        ratios.append((middle - begin) / (time.perf_counter() - middle))
    assert statistics.median(ratios) >= 0.5, ratios


@pytest.mark.heavy
def test_a_recommendation_is_measured(tmp_path: Path) -> None:
    report = examine(str(clinic.clean_folder(tmp_path)), target_size=(64, 64))
    measured = report.recommendation
    assert measured is not None
    assert "workers=0" in measured.images_per_second
    assert all(speed > 0 for speed in measured.images_per_second.values())
    assert f"workers={measured.workers}" in measured.code()
