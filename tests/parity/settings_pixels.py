"""Settings about what happens to pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.parity.setting import (
    AFFINE,
    COLOURS,
    FLIPS,
    UNIT,
    KerasFunction,
    Setting,
    arrays,
    folder,
    half_in_place,
    invert,
    noise,
    sometimes_dark,
    table,
)


def one_transform() -> Iterator[Setting]:
    group = "One transform"
    for name, value in {
        "rotation_range=30": {"rotation_range": 30},
        "rotation_range=180": {"rotation_range": 180},
        "rotation_range=0.5": {"rotation_range": 0.5},
        "shear_range=20": {"shear_range": 20},
        "shear_range=80": {"shear_range": 80.0},
        "zoom_range=0.4": {"zoom_range": 0.4},
        "zoom_range=(0.5, 0.9)": {"zoom_range": (0.5, 0.9)},
        "zoom_range=[1.2, 3]": {"zoom_range": [1.2, 3]},
        "zoom_range=(1, 1)": {"zoom_range": (1, 1)},
        "width_shift_range=0.3 (a fraction)": {"width_shift_range": 0.3},
        "width_shift_range=2.5 (pixels)": {"width_shift_range": 2.5},
        "width_shift_range=6 (an int)": {"width_shift_range": 6},
        "width_shift_range=1 (an int)": {"width_shift_range": 1},
        "width_shift_range=1.0 (a float)": {"width_shift_range": 1.0},
        "width_shift_range=[-5, 0, 9] (a list)": {"width_shift_range": [-5, 0, 9]},
        "width_shift_range=(0.1, 0.25) (fractions)": {"width_shift_range": (0.1, 0.25)},
        "height_shift_range=0.3 (a fraction)": {"height_shift_range": 0.3},
        "height_shift_range=7 (an int)": {"height_shift_range": 7},
        "height_shift_range=[2, 12] (a list)": {"height_shift_range": [2, 12]},
        "both shifts, an int and a list": {"width_shift_range": 5, "height_shift_range": [3, 8]},
        "horizontal_flip": {"horizontal_flip": True},
        "vertical_flip": {"vertical_flip": True},
        "both flips": FLIPS,
        "channel_shift_range=60": {"channel_shift_range": 60.0},
        "brightness_range=(0.4, 1.6)": {"brightness_range": (0.4, 1.6)},
        "brightness_range=[0.2, 0.7]": {"brightness_range": [0.2, 0.7]},
    }.items():
        yield arrays(group, name, generator=value)
    yield arrays(group, "no transform at all")


def together() -> Iterator[Setting]:
    group = "Together"
    yield arrays(group, "all affine", generator=AFFINE)
    yield arrays(group, "all affine, flips", generator={**AFFINE, **FLIPS})
    yield arrays(group, "all affine, odd size", "odd", generator={**AFFINE, **FLIPS})
    yield arrays(group, "all affine, one pixel high", "flat", generator={**AFFINE, **FLIPS})
    yield arrays(
        group, "all affine, channel shift", generator={**AFFINE, "channel_shift_range": 50.0}
    )
    yield arrays(
        group,
        "all affine, brightness",
        levels=1,
        share=0.02,
        generator={**AFFINE, "brightness_range": (0.4, 1.0)},
    )
    yield arrays(
        group, "everything", levels=1, share=0.02, generator={**AFFINE, **FLIPS, **COLOURS}
    )
    yield arrays(
        group,
        "everything, rescale=1/255",
        levels=1,
        share=0.02,
        grey_level=UNIT,
        generator={**AFFINE, **FLIPS, **COLOURS, "rescale": UNIT},
    )
    yield arrays(group, "all affine, one sample", "one", generator=AFFINE, epochs=3)
    for source in ("grey", "rgba", "two channels", "five channels"):
        yield arrays(group, f"all affine, {source}", source, generator={**AFFINE, **FLIPS})
    yield arrays(group, "colours, grey", "grey", generator=COLOURS)
    yield arrays(group, "colours, rgba", "rgba", generator=COLOURS)
    yield arrays(
        group,
        "brightness of values outside 0..255 (stretched)",
        "negative",
        levels=1,
        generator={"brightness_range": (0.5, 0.9)},
    )
    yield folder(group, "all affine, from files, shuffled", generator={**AFFINE, **FLIPS})
    yield folder(
        group,
        "everything, from files",
        levels=1,
        share=0.02,
        generator={**AFFINE, **FLIPS, **COLOURS},
    )
    yield table(group, "all affine, from a dataframe", generator={**AFFINE, **FLIPS})


def fill_modes() -> Iterator[Setting]:
    for order in range(6):
        for mode in ("nearest", "reflect", "constant", "wrap"):
            yield arrays(
                "Fill mode and order",
                f"{mode}, order {order}",
                generator={**AFFINE, "fill_mode": mode, "interpolation_order": order, "cval": 90.0},
                batch_size=6,
            )
    for mode in ("nearest", "reflect", "constant", "wrap"):
        strong = {
            "rotation_range": 180,
            "zoom_range": (1.5, 4),
            "fill_mode": mode,
            "width_shift_range": 0.9,
            "cval": -7.5,
        }
        yield arrays(
            "Fill mode and order", f"{mode}, far outside the image", "odd", generator=strong
        )
        whole = {"width_shift_range": 7, "height_shift_range": 9, "fill_mode": mode, **FLIPS}
        yield arrays("Fill mode and order", f"{mode}, whole pixels", generator=whole)
        thin = {**AFFINE, "fill_mode": mode}
        yield arrays("Fill mode and order", f"{mode}, one pixel high", "flat", generator=thin)


def values() -> Iterator[Setting]:
    group = "Values"
    yield arrays(group, "rescale=1/255", generator={"rescale": UNIT}, grey_level=UNIT)
    yield arrays(group, "rescale=2, all affine", generator={**AFFINE, "rescale": 2}, grey_level=2)
    yield arrays(group, "samplewise_center", generator={"samplewise_center": True, **AFFINE})
    yield arrays(
        group,
        "samplewise_std_normalization",
        grey_level=1 / 60,
        generator={"samplewise_std_normalization": True, **AFFINE},
    )
    yield arrays(
        group,
        "samplewise both, rescale",
        grey_level=1 / 60,
        generator={
            "samplewise_center": True,
            "samplewise_std_normalization": True,
            "rescale": UNIT,
        },
    )
    yield folder(
        group,
        "samplewise both, from files",
        grey_level=1 / 60,
        generator={"samplewise_std_normalization": True, **FLIPS},
    )
    center: dict[str, Any] = {"featurewise_center": True}
    scale: dict[str, Any] = {**center, "featurewise_std_normalization": True}
    yield arrays(
        group, "featurewise_center after fit", generator={**center, **AFFINE}, fit={"x": "rgb"}
    )
    yield arrays(
        group,
        "featurewise both after fit",
        generator={**scale, **AFFINE},
        fit={"x": "rgb"},
        grey_level=1 / 60,
    )
    yield arrays(
        group,
        "featurewise both, rescale, fit with augment, rounds and seed",
        generator={**scale, **AFFINE, "rescale": UNIT},
        grey_level=1 / 60,
        fit={"x": "rgb", "augment": True, "rounds": 2, "seed": 11},
    )
    yield folder(
        group,
        "featurewise both after fit on arrays, from files",
        grey_level=1 / 60,
        generator=scale,
        fit={"x": "rgb"},
    )
    yield arrays(group, "featurewise_center without fit (a warning)", generator=center)
    yield arrays(
        group,
        "featurewise_std_normalization alone, before fit",
        generator={"featurewise_std_normalization": True},
    )
    zca: dict[str, Any] = {"zca_whitening": True}
    yield arrays(
        group,
        "zca_whitening after fit, grey",
        "small grey",
        generator=zca,
        batch_size=50,
        fit={"x": "small grey"},
        grey_level=0.1,
    )
    yield arrays(
        group,
        "zca_whitening after fit, colour, zca_epsilon=0.1",
        "small",
        batch_size=50,
        generator={**zca, "zca_epsilon": 0.1, **FLIPS},
        fit={"x": "small"},
        grey_level=0.1,
    )
    yield arrays(
        group,
        "zca_whitening, rescale, fit with augment",
        "small grey",
        batch_size=50,
        generator={**zca, "rescale": UNIT, "zca_epsilon": 1.0, **AFFINE},
        grey_level=UNIT,
        fit={"x": "small grey", "augment": True, "rounds": 3, "seed": 5},
    )
    yield arrays(group, "zca_whitening without fit (a warning)", "small", generator=zca)


def functions() -> Iterator[Setting]:
    group = "preprocessing_function"
    for name, function in (("255 - x", invert), ("in place", half_in_place)):
        yield arrays(group, name, generator={"preprocessing_function": function, **AFFINE})
    yield arrays(group, "a lambda", generator={"preprocessing_function": lambda image: image + 5})
    yield arrays(
        group,
        "before rescale",
        grey_level=UNIT,
        generator={"preprocessing_function": invert, "rescale": UNIT},
    )
    yield arrays(
        group,
        "before samplewise_center",
        generator={"preprocessing_function": invert, "samplewise_center": True},
    )
    yield arrays(
        group,
        "draws from np.random",
        generator={"preprocessing_function": noise, **AFFINE},
        epochs=2,
    )
    yield arrays(
        group,
        "draws from np.random, not always as often",
        generator={"preprocessing_function": sometimes_dark, **FLIPS},
        epochs=2,
    )
    yield folder(
        group,
        "draws from np.random, from files",
        generator={"preprocessing_function": noise, **AFFINE},
    )
    yield folder(
        group, "from files, with flips", generator={"preprocessing_function": invert, **FLIPS}
    )
    for family, level in {
        "mobilenet_v2": 1 / 127.5,
        "inception_v3": 1 / 127.5,
        "nasnet": 1 / 127.5,
        "resnet": 1.0,
        "vgg16": 1.0,
        "densenet": 1 / 60,
        "efficientnet": 1.0,
        "convnext": 1.0,
    }.items():
        yield arrays(
            group,
            f"keras.applications.{family}.preprocess_input",
            grey_level=level,
            generator={"preprocessing_function": KerasFunction(family), **AFFINE},
        )
    yield folder(
        group,
        "keras.applications.resnet50.preprocess_input, from files",
        class_mode="sparse",
        generator={"preprocessing_function": KerasFunction("resnet50"), **FLIPS},
    )


def types_and_formats() -> Iterator[Setting]:
    group = "dtype"
    for dtype in ("float16", "float32", "float64", "uint8"):
        exact = {} if dtype.startswith("float") else {"levels": 1, "share": 0.02}
        half = {"levels": 0.15, "share": 0.02} if dtype == "float16" else exact
        yield arrays(group, f"{dtype}, arrays, flips", generator={"dtype": dtype, **FLIPS})
        yield folder(
            group, f"{dtype}, files, all affine", generator={"dtype": dtype, **AFFINE}, **half
        )
        yield table(group, f"{dtype}, dataframe", generator={"dtype": dtype})
        if dtype != "float16":
            yield arrays(
                group, f"{dtype}, arrays, all affine", generator={"dtype": dtype, **AFFINE}, **exact
            )
    yield arrays(
        group, "uint8, channel shift", generator={"dtype": "uint8", "channel_shift_range": 30.0}
    )
    yield arrays(
        group, "uint8, brightness", generator={"dtype": "uint8", "brightness_range": (0.5, 1.5)}
    )
    yield arrays(
        group,
        "float64, everything and rescale",
        levels=1,
        share=0.02,
        grey_level=UNIT,
        generator={"dtype": "float64", "rescale": UNIT, **AFFINE, **COLOURS},
    )
    group = "data_format=channels_first"
    first: dict[str, Any] = {"data_format": "channels_first"}
    shift: dict[str, Any] = {"channel_shift_range": 40.0}
    yield arrays(
        group,
        "arrays, all affine, flips",
        generator={**first, **AFFINE, **FLIPS, **shift},
        channels_first=True,
    )
    yield arrays(
        group,
        "arrays, odd size, shift by pixels",
        "odd",
        channels_first=True,
        generator={**first, "width_shift_range": 9, "height_shift_range": 0.3},
    )
    yield arrays(
        group,
        "arrays, featurewise after fit",
        channels_first=True,
        grey_level=1 / 60,
        generator={**first, "featurewise_center": True, "featurewise_std_normalization": True},
        fit={"x": "rgb"},
    )
    yield arrays(
        group,
        "arrays, zca_whitening",
        "small",
        channels_first=True,
        batch_size=50,
        generator={**first, "zca_whitening": True, "zca_epsilon": 0.1},
        fit={"x": "small"},
        grey_level=0.1,
    )
    for mode in ("rgb", "rgba", "grayscale"):
        yield folder(
            group,
            f"files, {mode}, all affine",
            color_mode=mode,
            generator={**first, **AFFINE, **FLIPS, **shift},
        )
    yield table(
        group, "dataframe, class_mode=input", class_mode="input", generator={**first, **AFFINE}
    )
