"""Samples that take for ever: what is said, what goes on meanwhile, and ``timeout=``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augflow import ImageDataGenerator, SampleTimeoutError, flow_from_loader
from tests.faults.scripts import run

pytestmark = pytest.mark.heavy

# Flows whose own functions hang, by the name of what hangs.
HANGING = """
from pathlib import Path
import pandas as pd
import augflow.runtime.pool, augflow.runtime.waiting
from augflow import flow_from_csv, flow_from_loader
augflow.runtime.waiting._SAY_AFTER_SECONDS = augflow.runtime.pool._GRACE_SECONDS = 1.0

def hang(value, *others):
    time.sleep(1000)

class Own(ImageDataGenerator):
    def standardize(self, x):
        return hang(x)

def hanging(what, **more):
    if what == "load":
        # The first sample is loaded here.
        def load(number):
            return np.zeros(3) if number == 0 else hang(number)
        return flow_from_loader(load, range(40), batch_size=8, workers=2, **more)
    if what == "preprocess":
        parent = os.getpid()
        def values(column):
            return column.str.len().to_numpy() if os.getpid() == parent else hang(column)
        path = Path(sys.argv[1]).parent / "rows.csv"
        path.write_text("a,b\\n" + "x,1\\n" * 900)
        return flow_from_csv(path, "a", "b", preprocess={"a": values}, batch_size=500, workers=2)
    generators = {
        "preprocessing_function": lambda: ImageDataGenerator(
            preprocessing_function=hang, workers=2, **more),
        "augmentation": lambda: ImageDataGenerator(augmentation=hang, workers=2, **more),
        "methods": lambda: Own(workers=2, **more),
        "arrays": lambda: ImageDataGenerator(preprocessing_function=hang, workers=2, **more),
    }
    generator = generators[what]()
    if what == "arrays":
        f = generator.flow(np.zeros((40, 8, 8, 3)), batch_size=8)
        f._timings[:] = [1.0] * 3
        return f
    return flow(generator)
"""
WHAT_HANGS = ["load", "preprocess", "preprocessing_function", "augmentation", "methods", "arrays"]


@pytest.mark.parametrize("what", WHAT_HANGS)
def test_other_flows_go_on(folder: Path, tmp_path: Path, what: str) -> None:
    """Somebody waits, is told for what, presses Ctrl-C, and uses another flow."""
    output, errors = run(
        HANGING
        + f"""
first, other = hanging({what!r}), flow()
threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    next(first)
except KeyboardInterrupt:
    begin = time.monotonic()
    next(other), next(other)
    print("went on after", time.monotonic() - begin)
first.close()
again = hanging({what!r})
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    next(again)
except KeyboardInterrupt:
    del again
    begin = time.monotonic()
    for _ in range(8):
        next(other)
    print("went on after", time.monotonic() - begin)
""",
        folder,
        seconds=60.0,
    )
    seconds = [float(line.split()[-1]) for line in output.splitlines() if "went on" in line]
    assert len(seconds) == 2 and max(seconds) < 6
    assert "augflow: a batch has been waited for for" in errors
    named = {"load": "ID", "preprocess": "row", "arrays": "sample"}.get(what, ".jpg")
    assert f"{named}" in errors and "Worker process" in errors


def test_a_flow_that_gets_no_worker_goes_on_without(folder: Path) -> None:
    """The flow that hangs is alive, and waits: nobody has given its samples up."""
    output, _ = run(
        HANGING
        + """
augflow.runtime.waiting._HANGING_SECONDS = 1.0
first = hanging("preprocessing_function")
threading.Thread(target=next, args=(first,), daemon=True).start()
while len(worker_pids()) < 2 or sum(len(p.beats()) for p in shared_pool().at_work()) < 2:
    time.sleep(0.1)
time.sleep(1)
other, expected = flow(), flow(ImageDataGenerator(rotation_range=20, workers=0))
begin = time.monotonic()
same = all(np.array_equal(next(other)[0], next(expected)[0]) for _ in range(6))
print("same", same, time.monotonic() - begin)
""",
        folder,
    )
    same, seconds = output.split()[-2:]
    assert same == "True" and float(seconds) < 10


@pytest.mark.parametrize("what", [each for each in WHAT_HANGS if each != "preprocess"])
def test_a_timeout_names_the_sample(folder: Path, what: str) -> None:
    output, _ = run(
        HANGING
        + f"""
f, other = hanging({what!r}, timeout=0.5), flow()
for number in range(2):
    begin = time.monotonic()
    try:
        f[number]
    except augflow.SampleTimeoutError as error:
        print("late", time.monotonic() - begin, error, "|", error.name)
next(other)
""",
        folder,
    )
    lines = [line for line in output.splitlines() if line.startswith("late")]
    assert len(lines) == 2
    assert all(float(line.split()[1]) < 4 for line in lines)
    named = {"load": "the sample of ID", "arrays": "sample"}.get(what, ".jpg")
    assert all(named in line and "0.5 s (timeout=)" in line for line in lines)


def hangs_on(value: int):
    """A function that hangs on images whose first pixel has a value; in a worker alone."""

    def function(image):
        import time

        if int(image[0, 0, 0]) == value:
            time.sleep(1000)
        return image

    return function


def test_late_samples_are_left_out(folder: Path) -> None:
    plain = ImageDataGenerator(workers=0).flow_from_directory(
        folder, target_size=(24, 24), batch_size=8, shuffle=False
    )
    images = np.concatenate([plain[number][0] for number in range(len(plain))])
    value = int(images[13, 0, 0, 0])
    late = images[:, 0, 0, 0].astype(int) == value
    generator = ImageDataGenerator(preprocessing_function=hangs_on(value), workers=2, timeout=0.5)
    with generator.flow_from_directory(
        folder, target_size=(24, 24), batch_size=8, shuffle=False, on_error="skip"
    ) as flow:
        with pytest.warns(UserWarning, match="left out"):
            found = np.concatenate([next(flow)[0] for _ in range(len(flow))])
        assert np.array_equal(found, images[~late]) and 0 < late.sum() < 8
        names = np.array(flow.filepaths)[late]
    assert sorted(flow.bad_files) == sorted(names)
    assert all("not ready within 0.5 s" in reason for reason in flow.bad_files.values())


def test_a_stopped_worker_is_told(folder: Path) -> None:
    _, errors = run(
        """
        f = flow()
        next(f), next(f)
        f._engine._patience.seconds = 0.5
        pids = worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        def go_on():
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        threading.Timer(2.5, go_on).start()
        for _ in range(13):
            next(f)
        print(f.stats())
        """,
        folder,
    )
    assert "is stopped, by a debugger or a signal" in errors and "kill -CONT" in errors


def test_a_stopped_worker_is_replaced_where_there_is_a_timeout(folder: Path) -> None:
    output, _ = run(
        """
        f = flow(ImageDataGenerator(rotation_range=20, workers=2, timeout=0.5))
        expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
        same = []
        for number in range(24):
            if number in (3, 9):
                for pid in worker_pids():
                    os.kill(pid, signal.SIGSTOP)
            same.append(np.array_equal(next(f)[0], next(expected)[0]))
        print("same", all(same))
        """,
        folder,
    )
    assert "same True" in output


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True, [3]])
def test_what_is_no_timeout(timeout: object) -> None:
    for make in (
        lambda: ImageDataGenerator(timeout=timeout),
        lambda: flow_from_loader(np.array, [1, 2], timeout=timeout),
    ):
        with pytest.raises((TypeError, ValueError), match="`timeout` must be a number of seconds"):
            make()


def test_a_timeout_without_workers_is_told(folder: Path) -> None:
    generator = ImageDataGenerator(workers=0, timeout=3)
    flow = generator.flow_from_directory(folder, target_size=(24, 24))
    with pytest.warns(UserWarning, match="timeout=3 has no effect without worker processes"):
        next(flow)


def test_the_error_can_be_pickled() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(SampleTimeoutError("too late", "a.jpg")))
    assert isinstance(error, TimeoutError) and error.name == "a.jpg" and str(error) == "too late"
