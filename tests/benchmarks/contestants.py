"""Everything that can be measured, and how it is set up."""

from __future__ import annotations

from importlib.util import find_spec

from tests.benchmarks.work import Contestant

KERAS = ("keras", "tensorflow")
TORCH = ("torch", "albumentations")
FORKED = (
    "As its own documentation warns, threads of TensorFlow do not survive a fork: it may hang, "
    "and is then left out."
)
IN_MEMORY = "All images decoded and resized into one array before the first epoch."
TF_DATA_NOTE = (
    "`image_dataset_from_directory`, then `map(layers, num_parallel_calls=AUTOTUNE)` and "
    "`prefetch(AUTOTUNE)`, as Keras's guide has it. Four layers interpolate one after the other "
    "where the others warp once; RandomShear shears both ways less than `shear_range`."
)

AUGFLOW_NEXT = Contestant("augflow", "augflow, `next()`", "read_flows", (), 2500, 1.5)
AUGFLOW_FIT = Contestant(
    "augflow-fit",
    "augflow, `fit`",
    "read_flows",
    KERAS,
    2500,
    4,
    {"way": "fit"},
)
AUGFLOW_FIT_THREADS = Contestant(
    "augflow-fit-threads",
    "augflow, `fit`, `flow.workers = 2`",
    "read_flows",
    KERAS,
    2500,
    4,
    {"way": "fit", "keras_workers": 2},
    "Two threads of Keras ask for the batches that augflow's processes build; see "
    "[Reading ahead](reading-ahead.md#why-this-way) for when to set it.",
)
AUGFLOW_CACHED = Contestant(
    "augflow-cached",
    'augflow, `cache="ram"`',
    "read_flows",
    (),
    7000,
    1.5,
    {"flow": {"cache": "ram"}},
    "The first epoch, which fills the cache, is not counted.",
)
AUGFLOW_CACHED_FIT = Contestant(
    "augflow-cached-fit",
    'augflow, `cache="ram"`, `fit`',
    "read_flows",
    KERAS,
    7000,
    4,
    {"way": "fit", "flow": {"cache": "ram"}},
)
AUGFLOW_FAST = Contestant(
    "augflow-fast",
    'augflow, `decode="fast"`',
    "read_flows",
    (),
    2500,
    1.5,
    {"flow": {"decode": "fast"}},
    "Decodes JPEGs at a smaller scale inside libjpeg: not Keras's pixels, but near them.",
)
KERAS_NEXT = Contestant(
    "keras",
    "Keras legacy, `next()`",
    "read_flows",
    KERAS,
    250,
    4,
    {"library": "keras"},
    "One thread: the generator has no workers of its own.",
    has_workers=False,
)


def _keras_fit(key: str, label: str, rate: float, note: str, **options: object) -> Contestant:
    own = {"library": "keras", "way": "fit", **options}
    return Contestant(key, f"Keras legacy, `fit`, {label}", "read_flows", KERAS, rate, 4, own, note)


KERAS_FIT = (
    _keras_fit("keras-fit-1", "`workers=1` (default)", 250, "", keras_workers=1),
    _keras_fit("keras-fit-2", "`workers=2`", 480, "Threads.", keras_workers=2),
    _keras_fit("keras-fit-4", "`workers=4`", 480, "Threads.", keras_workers=4),
    _keras_fit("keras-fit-2p", "2 processes", 350, FORKED, keras_workers=2, processes=True),
)
KERAS_MEMORY = Contestant(
    "keras-memory",
    "Keras legacy, `flow` on arrays in memory",
    "read_flows",
    KERAS,
    300,
    5,
    {"library": "keras", "in_memory": True},
    IN_MEMORY,
)
TF_DATA = Contestant(
    "tf-data", "tf.data with Keras layers", "read_tf_data", KERAS, 330, 4, {}, TF_DATA_NOTE
)
TF_DATA_CACHED = Contestant(
    "tf-data-cached",
    "tf.data with Keras layers, `.cache()`",
    "read_tf_data",
    KERAS,
    390,
    4,
    {"cached": True},
    "`.cache().shuffle(1000)` before the layers, as TensorFlow's tutorial has it; it holds "
    "float32, and the images of a batch stay together.",
)
TORCH_LOADER = Contestant(
    "torch",
    "torch DataLoader with albumentations",
    "read_torch",
    TORCH,
    1000,
    3,
    {},
    "As albumentations' guide to speed has it: `cv2.imread`, one `Affine`, uint8 up to "
    "`Normalize`, `cv2.setNumThreads(0)` in the workers; `persistent_workers=True`. Warps whole "
    "grey levels.",
)
TORCH_MEMORY = Contestant(
    "torch-memory",
    "torch DataLoader with albumentations, arrays in memory",
    "read_torch",
    TORCH,
    1500,
    4,
    {"in_memory": True},
    IN_MEMORY,
)
GRAIN = Contestant(
    "grain",
    "Grain, OpenCV functions",
    "read_grain",
    ("grain",),
    800,
    3,
    {},
    "`MapDataset.random_map().batch().to_iter_dataset().mp_prefetch()`; Grain has no image "
    "functions, so these are OpenCV's: one float32 warp of the same parameters.",
)
GRAIN_MEMORY = Contestant(
    "grain-memory",
    "Grain, OpenCV functions, arrays in memory",
    "read_grain",
    ("grain",),
    900,
    5,
    {"in_memory": True},
    IN_MEMORY,
)
DALI = Contestant(
    "dali",
    "NVIDIA DALI, CPU pipeline",
    "read_dali",
    ("nvidia.dali",),
    840,
    2,
    {},
    "Default settings, as its page on tuning advises; `crop_mirror_normalize` flips and scales. "
    "Warps whole grey levels, and fills the last batch with images of the next epoch.",
)
LIMIT = Contestant(
    "limit",
    "limit: decoding alone, OpenCV",
    "read_limit",
    (),
    5500,
    1,
    {"decoder": "cv2"},
    "As many processes as workers read and decode; no resizing, no batches.",
)
LIMIT_SIMPLEJPEG = Contestant(
    "limit-simplejpeg",
    "limit: decoding alone, simplejpeg",
    "read_limit",
    ("simplejpeg",),
    6000,
    1,
    {"decoder": "simplejpeg"},
    "Likewise.",
)
TRAINING_ALONE = Contestant(
    "training",
    "training alone, one batch again and again",
    "read_flows",
    KERAS,
    5000,
    4,
    {"library": "training"},
    "What the model takes without any input to wait for.",
)

AUGFLOW_CSV = Contestant(
    "augflow-csv", "`flow_from_csv`, in order", "read_csv", (), 3e6, 2, {"flow": {}}
)
AUGFLOW_CSV_SHUFFLED = Contestant(
    "augflow-csv-shuffled",
    "`flow_from_csv(shuffle=True)`",
    "read_csv",
    (),
    2e6,
    2,
    {"flow": {"shuffle": True}},
)
AUGFLOW_CSV_CACHED = Contestant(
    "augflow-csv-cached",
    '`flow_from_csv(shuffle=True, cache="columns")`, filled',
    "read_csv",
    (),
    1e7,
    3,
    {"flow": {"shuffle": True}, "is_cached": True},
    "Picks rows from memory maps, in the calling process.",
)
CSV_GENERATOR = Contestant(
    "csv-generator",
    "generator of lines",
    "read_csv",
    (),
    5e5,
    1,
    {"reader": "generator"},
    "As a tutorial has it: `line.split(',')`, `float`, a list of rows.",
    has_workers=False,
)
CSV_PANDAS = Contestant(
    "csv-pandas",
    "`pandas.read_csv(chunksize=65536)`, cut to size",
    "read_csv",
    (),
    3e6,
    1,
    {"reader": "pandas"},
    has_workers=False,
)
CSV_PYARROW = Contestant(
    "csv-pyarrow",
    "`pyarrow.csv.open_csv`, cut to size",
    "read_csv",
    ("pyarrow",),
    3e6,
    1,
    {"reader": "pyarrow"},
    "Blocks of 4 MB, parsed by threads of its own.",
    has_workers=False,
)
CSV_OFFSETS = Contestant(
    "csv-offsets",
    "`PyDataset` with byte offsets",
    "read_csv",
    KERAS,
    1e6,
    5,
    {"reader": "offsets"},
    "Notes where its batches begin, and parses each by `np.fromstring`; read without threads.",
    has_workers=False,
)
CSV_TF_DATA = Contestant(
    "csv-tf-data",
    "`tf.data`'s `make_csv_dataset`",
    "read_csv",
    KERAS,
    1e6,
    5,
    {"reader": "tf.data"},
    has_workers=False,
)
CSV_TORCH = Contestant(
    "csv-torch",
    "torch DataLoader with byte offsets",
    "read_csv",
    ("torch",),
    1e6,
    3,
    {"reader": "torch"},
    "The same batches by the same offsets, each parsed by one of the loader's processes "
    "(`batch_size=None`, `persistent_workers=True`) and handed over as an array, which was up to "
    "four times as fast as a tensor.",
)
CSV_PEERS = (CSV_GENERATOR, CSV_PANDAS, CSV_PYARROW, CSV_OFFSETS, CSV_TF_DATA, CSV_TORCH)

AUGFLOW_LOADER = Contestant(
    "augflow-loader",
    "`flow_from_loader`, `next()`",
    "read_volumes",
    (),
    3000,
    1.5,
    {"reader": "flow"},
)
LOADER_PYDATASET = tuple(
    Contestant(
        f"loader-pydataset-{threads}",
        f"`PyDataset`, `workers={threads}`",
        "read_volumes",
        KERAS,
        1800,
        4,
        {"reader": "PyDataset", "workers": threads},
        "Threads, through Keras's own reader; the batches are filled in place.",
        has_workers=False,
    )
    for threads in (1, 2)
)
LOADER_TORCH = Contestant(
    "loader-torch",
    "torch DataLoader",
    "read_volumes",
    ("torch",),
    2500,
    3,
    {"reader": "torch"},
    "Its default `collate_fn` stacks the arrays; `persistent_workers=True`.",
)

CONTESTANTS = {
    contestant.key: contestant
    for contestant in (
        AUGFLOW_NEXT,
        AUGFLOW_FIT,
        AUGFLOW_FIT_THREADS,
        AUGFLOW_CACHED,
        AUGFLOW_CACHED_FIT,
        AUGFLOW_FAST,
        KERAS_NEXT,
        *KERAS_FIT,
        KERAS_MEMORY,
        TF_DATA,
        TF_DATA_CACHED,
        TORCH_LOADER,
        TORCH_MEMORY,
        GRAIN,
        GRAIN_MEMORY,
        DALI,
        LIMIT,
        LIMIT_SIMPLEJPEG,
        TRAINING_ALONE,
        AUGFLOW_CSV,
        AUGFLOW_CSV_SHUFFLED,
        AUGFLOW_CSV_CACHED,
        *CSV_PEERS,
        AUGFLOW_LOADER,
        *LOADER_PYDATASET,
        LOADER_TORCH,
    )
}


def missing_module(contestant: Contestant) -> str | None:
    """The first module that is not installed of those that the contestant needs, or None."""
    for name in contestant.requires:
        try:
            found = find_spec(name)
        except ModuleNotFoundError:
            found = None  # the package above it is not installed
        if found is None:
            return name
    return None
