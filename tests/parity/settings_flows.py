"""Settings about files, labels and the order of batches."""

from __future__ import annotations

from collections.abc import Iterator

from tests.parity.setting import (
    AFFINE,
    COLOURS,
    FLIPS,
    Setting,
    arrays,
    folder,
    make,
    table,
)


def reading() -> Iterator[Setting]:
    group = "Reading files"
    for method in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"):
        yield folder(group, f"interpolation={method}", interpolation=method)
        yield folder(
            group,
            f"interpolation={method}, keep_aspect_ratio",
            interpolation=method,
            keep_aspect_ratio=True,
            target_size=(37, 51),
        )
    for mode in ("rgba", "grayscale"):
        yield folder(group, f"color_mode={mode}", color_mode=mode)
        yield folder(
            group,
            f"color_mode={mode}, bilinear, all affine",
            color_mode=mode,
            interpolation="bilinear",
            generator={**AFFINE, **FLIPS},
        )
    yield folder(
        group,
        "color_mode=grayscale, keep_aspect_ratio",
        color_mode="grayscale",
        keep_aspect_ratio=True,
    )
    yield folder(group, "16-bit grey as grayscale", "deep_grey", color_mode="grayscale")
    yield folder(
        group,
        "16-bit grey as grayscale, bilinear, all affine",
        "deep_grey",
        color_mode="grayscale",
        interpolation="bilinear",
        generator=AFFINE,
        grey_level=257,
    )
    yield folder(
        group,
        "16-bit grey as grayscale, lanczos",
        "deep_grey",
        color_mode="grayscale",
        interpolation="lanczos",
    )
    for mode in ("rgb", "rgba"):
        yield folder(group, f"16-bit grey as {mode}", "deep_grey", color_mode=mode)
    yield folder(
        group, "target_size=(64, 33), bicubic", target_size=(64, 33), interpolation="bicubic"
    )
    yield folder(group, "target_size=[9, 7] (a list)", target_size=[9, 7], interpolation="box")
    yield folder(group, "target_size=(1, 1)", target_size=(1, 1))
    yield folder(group, "target_size of 256 pixels, enlarged", "one", target_size=(256, 256))


def directories() -> Iterator[Setting]:
    group = "flow_from_directory"
    for mode in ("categorical", "sparse", "input", None):
        yield folder(group, f"class_mode={mode}", class_mode=mode, generator=FLIPS)
    yield folder(group, "class_mode=binary", "two", class_mode="binary", generator=FLIPS)
    yield folder(
        group,
        "class_mode=input, everything",
        class_mode="input",
        levels=1,
        share=0.02,
        generator={**AFFINE, **COLOURS},
    )
    yield folder(group, "classes given, in another order", classes=["space", "chelsea"])
    yield folder(group, "classes given as a tuple, one of them", classes=("flower",))
    yield folder(group, "class names 1, 10, 2, and an empty class", "numbered", class_mode="sparse")
    yield folder(group, "shuffle=False", shuffle=False)
    yield folder(group, "shuffle=False, no seed", shuffle=False, seed=None)
    yield folder(group, "follow_links=False", "linked")
    yield folder(group, "follow_links=True", "linked", follow_links=True)
    yield folder(group, "one file", "one", epochs=3)
    yield folder(group, "path with a trailing slash", "two/")
    for subset in ("training", "validation"):
        yield folder(group, f"subset={subset}", subset=subset, generator={"validation_split": 0.3})
        yield folder(
            group,
            f"subset={subset}, transforms, not shuffled",
            subset=subset,
            shuffle=False,
            generator={"validation_split": 0.45, **AFFINE},
        )
    yield folder(group, "validation_split without subset", generator={"validation_split": 0.3})
    yield make("DirectoryIterator", group, "DirectoryIterator without a generator", "classes", None)
    yield make(
        "DirectoryIterator",
        group,
        "DirectoryIterator with a dtype of its own",
        "classes",
        AFFINE,
        dtype="float64",
        data_format=None,
    )


def dataframes() -> Iterator[Setting]:
    group = "flow_from_dataframe"
    for mode in ("categorical", "sparse", "input", None):
        yield table(group, f"class_mode={mode}", class_mode=mode, generator=FLIPS)
    yield table(group, "class_mode=binary", class_mode="binary", y_col="kind", generator=FLIPS)
    yield table(
        group, "class_mode=binary, classes given", class_mode="binary", classes=["space", "flower"]
    )
    for column in ("word", "category"):
        yield table(group, f"labels in a column of type {column}", y_col=column)
    for column in ("tags", "pair"):
        yield table(group, f"labels are lists ({column})", y_col=column)
    yield table(group, "labels are lists, classes given", y_col="tags", classes=["red", "night"])
    yield table(group, "labels are lists or strings", "mixed tags", y_col="tags")
    yield table(
        group, "classes given, rows of others dropped", classes=["space", "flower", "space"]
    )
    yield table(
        group, "class_mode=sparse, classes given", classes=["space", "chelsea"], class_mode="sparse"
    )
    yield table(group, "class_mode=raw, numbers", class_mode="raw", y_col="size")
    yield table(group, "class_mode=raw, ints", class_mode="raw", y_col="age")
    yield table(group, "class_mode=raw, two columns", class_mode="raw", y_col=["size", "age"])
    yield table(group, "class_mode=raw, words", class_mode="raw", y_col="word")
    yield table(group, "class_mode=other (the old name)", class_mode="other", y_col="size")
    yield table(group, "class_mode=multi_output", class_mode="multi_output", y_col=["size", "age"])
    yield table(
        group,
        "class_mode=multi_output, vectors",
        class_mode="multi_output",
        y_col=["vector", "word"],
        weight_col="weight",
    )
    yield table(group, "y_col=None", class_mode=None, y_col=None)
    yield table(group, "y_col=None, class_mode=input", class_mode="input", y_col=None)
    yield table(group, "another x_col, no directory", class_mode=None, x_col="path")
    yield table(group, "weight_col", weight_col="weight")
    yield table(
        group,
        "weight_col of ints, class_mode=raw",
        weight_col="whole_weight",
        class_mode="raw",
        y_col="size",
    )
    yield table(group, "weight_col, class_mode=None", weight_col="weight", class_mode=None)
    yield table(group, "absolute paths, directory=None", "absolute")
    yield table(group, "missing and other files dropped", "broken", weight_col="weight")
    yield table(group, "validate_filenames=False", validate_filenames=False)
    yield table(group, "rows that repeat a file", "repeated")
    yield table(
        group,
        "has_ext, sort, drop_duplicates (ignored)",
        "repeated",
        has_ext=True,
        sort=True,
        drop_duplicates=True,
    )
    yield table(group, "one row, sparse", "one", class_mode="sparse", epochs=2)
    yield table(group, "one row", "one", epochs=2)
    yield table(group, "shuffle=False, no seed", shuffle=False, seed=None)
    yield table(group, "grayscale, lanczos", color_mode="grayscale", interpolation="lanczos")
    for subset in ("training", "validation"):
        yield table(
            group,
            f"subset={subset}",
            subset=subset,
            weight_col="weight",
            generator={"validation_split": 0.25, **FLIPS},
        )
        yield table(
            group,
            f"subset={subset}, raw",
            subset=subset,
            class_mode="raw",
            y_col="size",
            generator={"validation_split": 0.5},
        )
        yield table(
            group,
            f"subset={subset}, missing files",
            "broken",
            subset=subset,
            generator={"validation_split": 0.3},
            shuffle=False,
        )
    yield make(
        "DataFrameIterator",
        group,
        "DataFrameIterator without a generator",
        "table",
        None,
        weight_col="weight",
    )
    yield make(
        "DataFrameIterator",
        group,
        "DataFrameIterator, keep_aspect_ratio",
        "table",
        FLIPS,
        keep_aspect_ratio=True,
        dtype="float64",
    )


def array_flows() -> Iterator[Setting]:
    group = "flow"
    yield arrays(group, "x alone")
    for labels in ("labels", "one hot", "targets", "words"):
        yield arrays(group, f"y: {labels}", y=f"={labels}", generator=FLIPS)
    yield arrays(group, "y a list", y=list(range(11)))
    yield arrays(group, "sample_weight", y="=labels", sample_weight="=weights")
    yield arrays(group, "sample_weight without y", sample_weight="=weights")
    yield arrays(group, "x with one other array", misc=["misc"], y="=labels", generator=FLIPS)
    yield arrays(
        group,
        "x with two other arrays, and weights",
        misc=["misc", "more misc"],
        y="=labels",
        sample_weight="=weights",
        generator=AFFINE,
    )
    yield arrays(group, "x with other arrays, no y", misc=["more misc"])
    yield arrays(group, "shuffle=False", shuffle=False, generator=AFFINE, y="=labels")
    yield arrays(group, "shuffle=False, no seed", shuffle=False, seed=None)
    for subset in ("training", "validation"):
        yield arrays(
            group,
            f"subset={subset}",
            subset=subset,
            y="=labels",
            sample_weight=None,
            generator={"validation_split": 0.4, **AFFINE},
        )
        yield arrays(
            group,
            f"subset={subset}, other arrays",
            subset=subset,
            misc=["misc"],
            generator={"validation_split": 0.4},
        )
        yield arrays(
            group,
            f"subset={subset}, ignore_class_split",
            subset=subset,
            y="=sorted labels",
            ignore_class_split=True,
            generator={"validation_split": 0.3},
        )
    yield arrays(group, "grey values above 255", "deep", generator=AFFINE, grey_level=257)
    yield arrays(
        group, "values below 0", "negative", generator={**AFFINE, "channel_shift_range": 30.0}
    )
    yield make(
        "NumpyArrayIterator",
        group,
        "NumpyArrayIterator with a dtype of its own",
        "rgb",
        FLIPS,
        dtype="float64",
        y="=labels",
        subset=None,
    )
