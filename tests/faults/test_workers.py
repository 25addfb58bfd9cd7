"""Workers that die, raise, or cannot be given their work."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.faults.scripts import run


def test_killed_workers_cost_nothing_but_time(folder: Path) -> None:
    output, _ = run(
        """
        expected = [x for x, y in (next(f) for f in [flow(ImageDataGenerator(
            rotation_range=20, workers=0))] for _ in range(24))]
        def kill_one():
            # The workers of a pool that is just being replaced may be gone already.
            for pid in worker_pids():
                try:
                    return os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        f = flow()
        got = []
        for number in range(24):
            if number in (3, 4, 11):
                kill_one()
            got.append(next(f)[0])
        print("same", all(np.array_equal(a, b) for a, b in zip(expected, got)), len(got))
        """,
        folder,
    )
    assert "same True 24" in output


def test_a_function_that_kills_its_worker_is_reported(folder: Path) -> None:
    output, _ = run(
        """
        from augflow import WorkerDiedError
        parent = os.getpid()
        def deadly(image):
            if os.getpid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)
            return image
        f = flow(ImageDataGenerator(preprocessing_function=deadly, workers=2))
        try:
            next(f)
        except WorkerDiedError as error:
            print("reported:", error)
        """,
        folder,
    )
    assert "reported: worker processes died" in output
    assert ".jpg" in output and "workers=0" in output


def test_a_raising_function_keeps_type_traceback_and_file(folder: Path) -> None:
    output, _ = run(
        """
        import traceback
        class Odd(Exception):
            def __init__(self, first, second):
                super().__init__(f"{first} and {second}")
                self.second = second
        def raising(image):
            raise Odd("one", 2)
        f = flow(ImageDataGenerator(preprocessing_function=raising, workers=2))
        for _ in range(2):
            try:
                next(f)
            except Odd as error:
                print("caught", error.second, "".join(traceback.format_exception(error)))
        """,
        folder,
    )
    assert output.count("caught 2") == 2
    assert "in raising" in output and ".jpg" in output and "one and 2" in output


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unpicklable_function_runs_here_with_one_warning(folder: Path, workers: int) -> None:
    output, _ = run(
        f"""
        lock = threading.Lock()
        def guarded(image):
            with lock:
                return image / 2
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            f = flow(ImageDataGenerator(preprocessing_function=guarded, workers={workers}))
            batches = [next(f)[0] for _ in range(5)]
        print(len(seen), [str(w.message) for w in seen], len(batches), worker_pids())
        """,
        folder,
    )
    if workers:
        assert output.splitlines()[-1].startswith('1 ["augflow: the preprocessing_function')
        assert "guarded" in output
    else:
        assert output.splitlines()[-1].startswith("0 []")
    assert output.rstrip().endswith("5 []")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("fault", ["truncated", "garbage", "vanished"])
def test_a_broken_file_is_named(folder: Path, tmp_path: Path, workers: int, fault: str) -> None:
    copy = tmp_path / "images"
    shutil.copytree(folder, copy)
    broken = copy / "odd" / "031.jpg"
    if fault == "truncated":
        broken.write_bytes(broken.read_bytes()[:900])
    elif fault == "garbage":
        broken.write_bytes(b"no image at all")
    output, _ = run(
        f"""
        f = flow(ImageDataGenerator(workers={workers}), shuffle=False)
        if {fault == "vanished"}:
            os.remove({str(broken)!r})
        good = bad = 0
        for _ in range(8):
            try:
                next(f)
                good += 1
            except OSError as error:
                bad += 1
                print(type(error).__name__, error, getattr(error, "__notes__", ""))
        print(good, bad)
        """,
        copy,
    )
    assert output.rstrip().endswith("7 1")
    assert str(broken) in output
    assert ("FileNotFoundError" if fault == "vanished" else "ImageReadError") in output


def test_a_changed_shape_is_refused(folder: Path) -> None:
    output, _ = run(
        """
        f = flow(ImageDataGenerator(preprocessing_function=lambda image: image[:5], workers=2))
        try:
            next(f)
        except ValueError as error:
            print(error, error.__notes__)
        """,
        folder,
    )
    assert "(5, 96, 3)" in output and "(96, 96, 3)" in output and ".jpg" in output


def test_no_main_guard_and_script_functions(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            print("main runs")
            import numpy as np
            from augflow import ImageDataGenerator
            scale = 3.0
            def scaled(image):
                return image * scale + offset()
            def offset():
                return 1.0
            flow = ImageDataGenerator(preprocessing_function=scaled, workers=2)
            flow = flow.flow_from_directory(sys.argv[1], target_size=(32, 32), shuffle=False)
            plain = ImageDataGenerator(workers=0).flow_from_directory(
                sys.argv[1], target_size=(32, 32), shuffle=False)
            print(np.array_equal(next(flow)[0], next(plain)[0] * 3 + 1))
            """
        )
    )
    result = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=30
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("main runs") == 1 and result.stdout.rstrip().endswith("True")


def test_workers_know_no_framework_and_one_thread(folder: Path) -> None:
    output, _ = run(
        """
        import sys
        def spy(image):
            import sys, cv2
            known = {"tensorflow", "keras", "torch", "jax", "pandas", "scipy", "loky.cloudpickle"}
            image[...] = len(known & set(sys.modules)) * 100 + cv2.getNumThreads()
            return image
        import keras, pandas
        x, y = next(flow(ImageDataGenerator(preprocessing_function=spy, workers=2)))
        print("seen", np.unique(x).tolist())
        """,
        folder,
        seconds=60.0,
    )
    assert output.splitlines()[-1] == "seen [1.0]"


def test_the_pool_is_shared_and_outlives_a_pause(folder: Path) -> None:
    output, _ = run(
        """
        train, test = flow(), flow(ImageDataGenerator(workers=2), shuffle=False)
        next(train), next(test)
        first = sorted(worker_pids())
        train.close()
        train = flow()
        for _ in range(20):
            next(train), next(test)
        print(len(first), sorted(worker_pids()) == first)
        """,
        folder,
    )
    assert output.splitlines()[-1] == "2 True"


def test_two_plans_of_different_users_do_not_mix(folder: Path) -> None:
    output, _ = run(
        """
        flows = [flow(ImageDataGenerator(preprocessing_function=lambda x, k=k: x * 0 + k,
                 workers=2)) for k in range(6)]
        ok = all(np.all(next(f)[0] == k) for _ in range(6) for k, f in enumerate(flows))
        print("apart", ok)
        """,
        folder,
    )
    assert "apart True" in output


def test_an_error_that_is_no_exception_names_its_file(folder: Path) -> None:
    output, _ = run(
        """
        import asyncio
        def cancelled(image):
            raise asyncio.CancelledError("why")
        for workers in (0, 2):
            f = flow(ImageDataGenerator(preprocessing_function=cancelled, workers=workers))
            try:
                next(f)
            except asyncio.CancelledError as error:
                print("caught", error, error.__notes__)
        """,
        folder,
    )
    assert output.count('caught why ["augflow: while preparing file') == 2
    assert output.count("in a worker process") == 1


def test_no_more_workers_start_at_once_than_there_are_cpus(folder: Path) -> None:
    output, _ = run(
        """
        f = flow(ImageDataGenerator(rotation_range=20, workers=24))
        next(f), next(f)
        first = len(worker_pids())
        while len(worker_pids()) < 24:
            next(f)
        print("grown", first <= 4, len(worker_pids()))
        """,
        folder,
        LOKY_MAX_CPU_COUNT="2",
    )
    assert "grown True 24" in output


@pytest.mark.heavy
def test_a_framework_in_the_workers_is_told_of(folder: Path) -> None:
    pytest.importorskip("tensorflow")
    _, errors = run(
        """
        def heavy(image):
            import tensorflow
            return tensorflow.identity(image).numpy()

        with flow(ImageDataGenerator(preprocessing_function=heavy, workers=2)) as f:
            for _ in range(9):
                next(f)
        """,
        folder,
        seconds=100.0,
    )
    assert errors.count("into the worker processes") == 1 and "tensorflow" in errors
    assert "the preprocessing_function 'heavy'" in errors and "in each of 2" in errors


@pytest.mark.heavy
def test_workers_that_need_long_begin_when_the_flow_is_made(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    (tmp_path / "users_heavy.py").write_text(
        "import tensorflow\nimport numpy as np\n"
        "def double(image):\n    return 2 * image\n"
        "def load(number):\n    return np.full(3, number)\n"
        "def lengths(words):\n    return words.str.len()\n"
    )
    (tmp_path / "words.csv").write_text("word,y\n" + "one,1\nthree,3\n" * 30)
    output, _ = run(
        """
        import users_heavy
        from augflow import flow_from_csv, flow_from_loader
        makes = {
            "directory": lambda workers: flow(
                ImageDataGenerator(preprocessing_function=users_heavy.double, workers=workers)
            ),
            "loader": lambda workers: flow_from_loader(
                users_heavy.load, range(60), np.arange(60), batch_size=8, seed=1, workers=workers
            ),
            "csv": lambda workers: flow_from_csv(
                os.environ["WORDS"], "word", "y", preprocess={"word": users_heavy.lengths},
                batch_size=8, seed=1, workers=workers,
            ),
        }
        for name, make in makes.items():
            made = make(2)
            print(name, "begun", shared_pool().is_running)
            expected = make(0)
            same = (np.array_equal(next(made)[0], next(expected)[0]) for _ in range(9))
            print(name, "same", all(same))
            pids = worker_pids()
            del made
            print(name, "gone", gone(pids))
        light = flow(ImageDataGenerator(preprocessing_function=np.negative, workers=2))
        print("light", shared_pool().is_running)
        """,
        folder,
        seconds=110.0,
        PYTHONPATH=str(tmp_path),
        WORDS=str(tmp_path / "words.csv"),
    )
    lines = output.splitlines()
    assert [line for line in lines if not line.startswith("Found")] == [
        *(
            f"{name} {what} True"
            for name in ("directory", "loader", "csv")
            for what in ("begun", "same", "gone")
        ),
        "light False",
    ]
