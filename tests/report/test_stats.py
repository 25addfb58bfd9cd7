"""``flow.stats()``: the counts are right, the shares add up, and the advice fits."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augflow
from augflow import ImageDataGenerator, Iterator
from augflow.base.stage_times import STAGES, Work, total
from augflow.report.epoch_meter import EpochMeter
from augflow.report.stats import EpochStats, advise, make_stats
from augflow.runtime.pool import shared_pool
from tests.flow_world import SAMPLES, SIZE, force_workers, numbered_images, signatures, write_folder

BATCH = 4
BATCHES = 5  # of 19 samples, the last one of 3
BOTH = pytest.mark.parametrize("workers", [0, 2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("stats") / "all")


def flow_over(folder: Path, workers: int = 0, **settings: Any) -> Any:
    function = settings.pop("preprocessing_function", None)
    generator = ImageDataGenerator(
        rotation_range=20, rescale=0.5, workers=workers, preprocessing_function=function
    )
    settings = {"target_size": SIZE, "batch_size": BATCH, "seed": 3, **settings}
    return generator.flow_from_directory(str(folder), **settings)


def slowly(image: np.ndarray) -> np.ndarray:
    time.sleep(0.004)
    return image


def very_slowly(image: np.ndarray) -> np.ndarray:
    time.sleep(0.015)
    return image


def check_epoch(epoch: EpochStats, images: int, batches: int, workers: int) -> None:
    assert (epoch.images, epoch.batches, epoch.workers) == (images, batches, workers)
    assert epoch.work.samples == images
    assert epoch.seconds == pytest.approx(epoch.wait_for_worker + epoch.wait_for_consumer)
    shares = epoch.stage_shares
    assert list(shares) == [*STAGES, "other"]
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    assert sum(epoch.work.seconds) <= epoch.work.busy
    assert 0 < epoch.busy_share <= 1
    assert epoch.images_per_second == pytest.approx(images / epoch.seconds)


@BOTH
def test_by_next(folder: Path, workers: int) -> None:
    # Long enough that a busy machine's pauses outside of the epoch do not matter.
    flow = flow_over(folder, workers, preprocessing_function=very_slowly)
    assert flow.stats().last is None
    assert flow.stats().current is None
    assert "No batch" in flow.stats().advice
    begin = time.perf_counter()
    for _ in range(2):
        next(flow)
    current = flow.stats().current
    assert not current.complete
    assert (current.images, current.batches) == (2 * BATCH, 2)
    for _ in range(BATCHES - 2):
        next(flow)
    stats = flow.stats()
    elapsed = time.perf_counter() - begin
    assert stats.current is None
    assert stats.last.complete
    check_epoch(stats.last, SAMPLES, BATCHES, workers)
    assert 0.8 * elapsed < stats.last.seconds <= elapsed
    next(flow)
    assert flow.stats().current.images == BATCH
    assert flow.stats().last == stats.last


@BOTH
def test_by_index(folder: Path, workers: int) -> None:
    flow = flow_over(folder, workers)
    for index in (3, 0, 4, 1, 2):
        flow[index]
    check_epoch(flow.stats().last, SAMPLES, BATCHES, workers)
    flow[2]
    assert flow.stats().current.images == BATCH


def test_announced_epochs_are_those_of_keras(folder: Path) -> None:
    flow = flow_over(folder)
    # Keras looks at two batches before it begins.
    flow[0], flow[1]
    flow.on_epoch_begin()
    assert flow.stats().current is None
    flow[0], flow[1], flow[2]
    flow.on_epoch_end()
    time.sleep(0.5)
    stats = flow.stats()
    check_epoch(stats.last, 3 * BATCH, 3, 0)
    assert stats.current is None
    flow.on_epoch_begin()
    for index in range(BATCHES):
        flow[index]
    flow.on_epoch_end()
    assert flow.stats().last.images == SAMPLES
    # What lies between the epochs belongs to none.
    assert flow.stats().last.wait_for_consumer < 0.5


@BOTH
def test_arrays(workers: int) -> None:
    images = np.repeat(numbered_images(12, 16), 3, axis=3)
    flow = ImageDataGenerator(rotation_range=9, rescale=2.0, workers=workers).flow(
        images, batch_size=4, seed=1
    )
    if workers:
        force_workers(flow)
    for _ in range(3):
        next(flow)
    epoch = flow.stats().last
    assert (epoch.images, epoch.batches, epoch.workers) == (12, 3, workers)
    seconds = dict(zip(STAGES, epoch.work.seconds, strict=True))
    assert seconds["read"] == seconds["decode"] == seconds["resize"] == 0
    assert seconds["augment"] > 0 < seconds["standardize"]


def test_stages_get_their_own_time(folder: Path) -> None:
    flow = flow_over(folder, preprocessing_function=slowly)
    for _ in range(BATCHES):
        next(flow)
    epoch = flow.stats().last
    assert epoch.work.seconds[STAGES.index("standardize")] >= SAMPLES * 0.004
    assert epoch.stage_shares["standardize"] > 0.5


def test_a_generator_with_methods_of_its_own(folder: Path) -> None:
    class Slow(ImageDataGenerator):
        def apply_transform(self, x: Any, transform_parameters: Any) -> Any:
            return slowly(super().apply_transform(x, transform_parameters))

    generator = Slow(rotation_range=20, workers=0)
    flow = generator.flow_from_directory(str(folder), target_size=SIZE, batch_size=BATCH)
    for _ in range(BATCHES):
        next(flow)
    epoch = flow.stats().last
    check_epoch(epoch, SAMPLES, BATCHES, 0)
    assert epoch.stage_shares["augment"] > 0.5


def test_a_flow_of_the_users_own() -> None:
    class Own(Iterator):
        def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> np.ndarray:
            time.sleep(0.01)
            return index_array

    flow = Own(6, 2, False, 0)
    for _ in range(3):
        next(flow)
    last = flow.stats().last
    assert (last.images, last.batches, last.work) == (6, 3, Work())
    assert last.wait_for_worker >= 0.03
    assert "6 images" in str(flow.stats())


def test_a_slow_consumer(folder: Path) -> None:
    flow = flow_over(folder, workers=2)
    next(flow)
    for _ in range(2 * BATCHES - 1):
        time.sleep(0.1)
        next(flow)
    stats = flow.stats()
    assert stats.last.waiting_share < 0.3
    assert stats.last.wait_for_consumer >= (BATCHES - 1) * 0.1
    assert stats.last.busy_share < 0.5


def test_a_slow_producer(folder: Path) -> None:
    flow = flow_over(folder, workers=1, preprocessing_function=very_slowly)
    for _ in range(2 * BATCHES):
        next(flow)
    stats = flow.stats()
    assert stats.last.waiting_share > 0.9
    assert stats.last.busy_share > 0.7
    assert "1 worker is busy" in stats.advice


def test_after_the_death_of_a_worker(folder: Path) -> None:
    flow = flow_over(folder, workers=2)
    wanted = signatures(next(flow) for _ in range(BATCHES))
    flow = flow_over(folder, workers=2)
    got = [next(flow)]
    os.kill(shared_pool().pids()[0], signal.SIGKILL)
    got += [next(flow) for _ in range(BATCHES - 1)]
    assert signatures(got) == wanted
    check_epoch(flow.stats().last, SAMPLES, BATCHES, 2)


def test_a_failed_batch_does_not_count(folder: Path) -> None:
    flow = flow_over(folder)
    next(flow)
    name, flow.filenames[0] = flow.filenames[0], "missing.jpg"
    with pytest.raises(FileNotFoundError):
        for _ in range(BATCHES):
            next(flow)
    failed = flow.stats().current
    assert failed.images == failed.work.samples < SAMPLES
    flow.filenames[0] = name


def test_pickled_flows_begin_anew(folder: Path) -> None:
    flow = flow_over(folder)
    for _ in range(BATCHES + 1):
        next(flow)
    copy = pickle.loads(pickle.dumps(flow))
    assert (copy.stats().last, copy.stats().current) == (None, None)
    # The copy goes on in the middle of an epoch, of which it has not seen the beginning.
    for _ in range(2 * BATCHES - 1):
        next(copy)
    assert copy.stats().last.images == SAMPLES
    stats = flow.stats()
    assert pickle.loads(pickle.dumps(stats)) == stats
    with pytest.raises(AttributeError):
        stats.advice = "other"


def test_readers_in_several_threads(folder: Path) -> None:
    flow = flow_over(folder, preprocessing_function=slowly)
    epochs = 6

    def read() -> None:
        for _ in range(epochs * BATCHES // 3):
            next(flow)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = flow.stats().last
    assert (last.images, last.batches) == (SAMPLES, BATCHES)
    assert flow.stats().current is None


def test_an_epoch_that_was_given_up_is_forgotten(folder: Path) -> None:
    flow = flow_over(folder)
    next(flow)
    flow.reset()
    for _ in range(BATCHES):
        next(flow)
    assert flow.stats().last.images == SAMPLES
    assert flow.stats().current is None


def test_the_text(folder: Path) -> None:
    flow = flow_over(folder)
    for _ in range(BATCHES + 1):
        next(flow)
    text = str(flow.stats())
    for part in ("epoch: 19 images in 5 batches", "epoch so far: 4 images", "images/s", "no work"):
        assert part in text
    for stage in STAGES:
        assert f"{stage} " in text
    assert text.endswith(flow.stats().advice)
    assert "wait for worker" in text


# The meter and the advice, by numbers


def test_the_meter_cuts_time_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 11.0, 13.0, 113.0, 117.0])
    monkeypatch.setattr("augflow.report.epoch_meter.perf_counter", lambda: next(clock))
    meter = EpochMeter()
    for position, epoch in ((0, 0), (1, 0), (0, 2)):
        with meter.visit(2) as visit:
            visit.batch_is((epoch, position, 0), 8)
            meter.add(Work(8, (1.0,) * len(STAGES), 6.0), 2)
    last, current = meter.read()
    assert last is not None and current is not None
    assert (last.wait_for_worker, last.wait_for_consumer) == (3.0, 10.0)
    # The 100 seconds between the epochs belong to neither.
    assert (current.wait_for_worker, current.wait_for_consumer) == (4.0, 0.0)
    assert last.work == Work(16, (2.0,) * len(STAGES), 12.0)
    assert last.busy_share == pytest.approx(12 / 26)


def test_readers_whom_another_overtakes() -> None:
    meter = EpochMeter()
    with meter.visit(2) as slowest:
        slowest.batch_is((0, 1, 0), 4)
        with meter.visit(2) as slow:
            slow.batch_is((1, 1, 0), 2)
            for epoch, position in ((0, 0), (1, 0), (2, 0), (2, 1)):
                with meter.visit(2) as visit:
                    visit.batch_is((epoch, position, 0), 1)
        last, current = meter.read()
        assert last is not None and (last.images, last.complete) == (3, True)
        assert current is not None and (current.images, current.complete) == (1, False)
    last, current = meter.read()
    assert last is not None and (last.images, last.complete) == (5, True)
    assert current is None


def test_works_add_up() -> None:
    ones = Work(1, (1.0, 2.0, 3.0, 4.0, 5.0), 16.0)
    assert total([ones, ones]) == Work(2, (2.0, 4.0, 6.0, 8.0, 10.0), 32.0)
    assert total([]) == Work()


def epoch_of(
    waited: float, workers: int, busy: float, seconds: tuple[float, ...], images: int = 1000
) -> EpochStats:
    """An epoch of 10 seconds."""
    work = Work(images, seconds, busy)
    return EpochStats(images, 10, 10.0, waited, 10.0 - waited, workers, work, True)


DECODING = (1.0, 9.0, 5.0, 3.0, 1.0)
AUGMENTING = (0.0, 0.0, 0.0, 15.0, 4.0)


@pytest.mark.parametrize(
    ("epoch", "cpus", "decode", "advice"),
    [
        (
            epoch_of(6.3, 2, 19.5, DECODING),
            8,
            "exact",
            "Training waits 63% of the time for input: 2 workers are busy; "
            "add workers (8 CPUs), cache='ram' or decode='fast'.",
        ),
        (
            epoch_of(6.3, 2, 19.5, DECODING),
            2,
            "fast",
            "Training waits 63% of the time for input: 2 workers are busy; use cache='ram'.",
        ),
        # Small images gain nothing from the fast decode.
        (
            epoch_of(6.3, 2, 19.5, DECODING, images=10_000),
            4,
            "exact",
            "Training waits 63% of the time for input: 2 workers are busy; "
            "add workers (4 CPUs) or cache='ram'.",
        ),
        (
            epoch_of(9.0, 1, 9.0, AUGMENTING),
            4,
            None,
            "Training waits 90% of the time for input: 1 worker is busy; add workers (4 CPUs).",
        ),
        (
            epoch_of(9.0, 2, 19.5, AUGMENTING),
            2,
            "exact",
            "Training waits 90% of the time for input: 2 workers are busy; most of their time is "
            "augment, and every CPU has a worker.",
        ),
        (
            epoch_of(0.2, 2, 3.0, DECODING),
            2,
            "exact",
            "Training hardly waits for input (2% of the time): the flow keeps up.",
        ),
    ],
)
def test_advice(epoch: EpochStats, cpus: int, decode: str | None, advice: str) -> None:
    assert advise(epoch, cpus, decode) == advice


def test_advice_without_workers_or_with_idle_ones() -> None:
    assert "workers=None" in advise(epoch_of(5.0, 0, 5.0, AUGMENTING), 2, None)
    idle = advise(epoch_of(5.0, 4, 10.0, DECODING), 4, "exact")
    assert "only 25% busy" in idle
    assert "cache" not in idle


def test_advice_without_the_compiled_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = epoch_of(9.0, 2, 19.5, AUGMENTING)
    off = "augflow's compiled kernel, which is off (a reason)."
    assert advise(busy, 2, None, no_kernel="a reason").endswith(f"are busy; use {off}")
    assert advise(busy, 4, None, no_kernel="a reason").endswith(f"(4 CPUs) or {off}")
    # What it does not do, it would not shorten.
    assert "kernel" not in advise(epoch_of(6.3, 2, 19.5, DECODING), 2, None, no_kernel="a reason")
    monkeypatch.setattr("augflow.native.kernel.why_off", lambda: "a reason")
    assert make_stats(busy, None, 2, None).advice.endswith(off)
    assert "kernel" not in make_stats(busy, None, 2, None, unit="samples").advice


def test_advice_where_there_is_a_cache(folder: Path) -> None:
    filling = epoch_of(6.3, 2, 19.5, DECODING)
    assert "for the cache" in advise(filling, 8, "exact", is_cached=True)
    filled = advise(epoch_of(6.3, 2, 19.5, AUGMENTING), 8, "exact", is_cached=True)
    assert filled.endswith("2 workers are busy; add workers (8 CPUs).")
    # A flow with a cache is not told to use one.
    generator = ImageDataGenerator(workers=0)
    flow = generator.flow_from_directory(folder, target_size=SIZE, batch_size=4, cache="ram")
    for _ in range(BATCHES):
        next(flow)
    assert "use cache" not in flow.stats().advice
    flow.close()


# Keras


@pytest.fixture(scope="module")
def model() -> Any:
    keras = pytest.importorskip("keras")
    inputs = keras.Input((*SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))
    model.compile(loss="categorical_crossentropy")
    return model


@BOTH
def test_under_fit(folder: Path, model: Any, workers: int) -> None:
    flow = flow_over(folder, workers)
    validation = flow_over(folder, workers)
    texts: list[str] = []
    callback = augflow.StatsCallback(flow, texts.append)
    model.fit(flow, validation_data=validation, epochs=2, verbose=0, callbacks=[callback])
    assert len(texts) == 2
    for text in texts:
        assert "epoch: 19 images in 5 batches" in text
    check_epoch(flow.stats().last, SAMPLES, BATCHES, workers)
    assert validation.stats().last.images == SAMPLES


def test_under_fit_with_fewer_steps(folder: Path, model: Any, capsys: Any) -> None:
    flow = flow_over(folder)
    # Keras goes on with the same pass in its second epoch.
    callback = augflow.StatsCallback(flow)
    model.fit(flow, steps_per_epoch=2, epochs=2, verbose=0, callbacks=[callback])
    assert capsys.readouterr().out.count("images/s") == 2
