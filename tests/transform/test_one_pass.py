"""All stages in one pass give what the stages give one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from augflow.base.settings import StandardizeSettings, TransformSettings
from augflow.native import kernel
from augflow.transform.apply import transform_image, transform_matrices
from augflow.transform.draw import draw_parameters
from augflow.transform.one_pass import find_one_pass, moves_of
from augflow.transform.preprocess_input import KerasPreprocessing
from augflow.transform.standardize import standardize

pytestmark = pytest.mark.skipif(not kernel.IS_ON, reason="the compiled kernel is off")

TRANSFORM = TransformSettings(
    rotation_range=40,
    width_shift_range=0.3,
    shear_range=20,
    zoom_range=(0.7, 1.4),
    horizontal_flip=True,
    vertical_flip=True,
    cval=7.0,
)
MEAN = np.array([120.0, 100, 90], np.float32)
STD = np.array([50.0, 60, 70], np.float32)


def by_channel(values, channels_first):
    return values.reshape((3, 1, 1) if channels_first else (1, 1, 3))


def standards(channels_first=False):
    """Settings that are a product and a sum."""
    form = "channels_first" if channels_first else "channels_last"
    mean, std = by_channel(MEAN, channels_first), by_channel(STD, channels_first)
    statistics = StandardizeSettings(
        featurewise_center=True, featurewise_std_normalization=True, mean=mean, std=std
    )
    return [
        None,
        StandardizeSettings(rescale=1 / 255),
        statistics,
        replace(statistics, rescale=0.5),
        replace(statistics, std=None),
        replace(statistics, mean=np.float32(100), std=np.full((1, 1, 1), 50.0)),
        *(
            StandardizeSettings(KerasPreprocessing(mode, form), rescale=rescale)
            for mode in ("tf", "torch", "caffe", "identity")
            for rescale in (None, 2.0)
        ),
        replace(statistics, preprocessing_function=KerasPreprocessing("caffe", form)),
    ]


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("which", range(len(standards())))
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("fill_mode", sorted(kernel.FILL_MODES))
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_one_pass_is_all_stages(dtype, fill_mode, order, which, channels_first):
    settings = standards(channels_first)[which]
    transform = replace(TRANSFORM, fill_mode=fill_mode, interpolation_order=order)
    random = np.random.RandomState(which)
    images = random.uniform(0, 255, (6, 20, 30, 3)).astype(dtype)
    parameters = draw_parameters(transform, 20, 30, 6, random)
    matrices = transform_matrices(parameters, 20, 30)
    one_pass = find_one_pass(transform, settings, 3, channels_first)
    rows = np.empty((6, 3, 20, 30) if channels_first else images.shape, np.float32)
    targets = np.moveaxis(rows, 1, -1) if channels_first else rows
    one_pass.write(images, moves_of(parameters, matrices), targets)
    for place, (image, row, drawn) in enumerate(zip(images, rows, parameters, strict=True)):
        matrix = matrices.of(place)
        expected = transform_image(image.astype(np.float32), drawn, matrix, transform)
        expected = expected.transpose(2, 0, 1) if channels_first else expected
        if settings is not None:
            expected = standardize(np.ascontiguousarray(expected), settings)
        step = np.abs(expected).max() / 255
        np.testing.assert_allclose(row, expected, rtol=0, atol=0.001 * step)


@pytest.mark.parametrize(
    "settings",
    [
        StandardizeSettings(preprocessing_function=np.abs),
        StandardizeSettings(samplewise_center=True),
        StandardizeSettings(samplewise_std_normalization=True),
        StandardizeSettings(zca_whitening=True, zca_whitening_matrix=np.eye(3)),
        StandardizeSettings(KerasPreprocessing("caffe", "channels_first")),
        StandardizeSettings(KerasPreprocessing("torch", "channels_first")),
        StandardizeSettings(featurewise_center=True, mean=np.zeros((20, 30, 3), np.float32)),
        StandardizeSettings(featurewise_center=True, mean=np.zeros((1, 1, 3), np.int64)),
        StandardizeSettings(featurewise_center=True, mean=np.array([np.nan])),
        # Subtracting first, as Keras does, leaves 0 here; a product and a sum leave digits of 1e8.
        StandardizeSettings(
            featurewise_center=True,
            featurewise_std_normalization=True,
            mean=np.full((1, 1, 3), 100.0, np.float32),
            std=np.zeros((1, 1, 3), np.float32),
        ),
    ],
)
def test_what_is_no_product_and_sum(settings):
    assert find_one_pass(TRANSFORM, settings, 3, False) is None


@pytest.mark.parametrize(
    "change",
    [
        {"brightness_range": (0.5, 1.5)},
        {"channel_shift_range": 10.0},
        {"interpolation_order": 2},
        {"fill_mode": "mirror"},
    ],
)
def test_transforms_that_are_no_warp(change):
    assert find_one_pass(replace(TRANSFORM, **change), None, 3, False) is None


def test_four_channels_have_no_mean():
    assert find_one_pass(None, StandardizeSettings(KerasPreprocessing("torch")), 4, False) is None
    assert find_one_pass(None, StandardizeSettings(KerasPreprocessing("tf")), 4, False) is not None
