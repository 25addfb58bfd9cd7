"""Where the rows of CSV files are: against pandas, row by row, and the index kept on disk."""

from __future__ import annotations

import gc
import io
import os
import re
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augflow.csv import index as csv_index
from augflow.csv import index_file as csv_index_file
from augflow.csv.index import CsvFormat, index_file
from augflow.csv.index_file import index_path, load_index
from augflow.csv.read import line_of, read_text
from augflow.csv.records import all_have_fields, field_counts, find_records
from augflow.csv.table import make_table, spans_of
from augflow.errors import CsvReadError

AS_TEXT = {"header": None, "dtype": str, "keep_default_na": False, "index_col": False}
# What pandas may meet: quotes, doubled quotes, ends of lines, blanks, separators.
text_pieces = st.lists(
    st.sampled_from(["a", "b7", ",", ",", ";", "\t", '"', '""', '","', "\n", "\n", "\r\n", " "]),
    max_size=40,
)
separators = st.sampled_from([",", ";", "\t"])
fields = st.one_of(
    st.integers(-99, 99).map(str),
    st.text('ab ,;"\n', max_size=5).map(lambda text: '"' + text.replace('"', '""') + '"'),
    # A quote within a field that did not begin with one is an ordinary character.
    st.sampled_from(["", "x", '5" pipe', "é", " y "]),
)


class Silent:
    """Takes the place of a progress line."""

    def update(self, steps: int) -> None:
        """Not shown."""


def parsed(text: bytes, separator: str, width: int) -> list[list[str]]:
    """The records of text as pandas reads them, all as strings."""
    try:
        frame = pd.read_csv(io.BytesIO(text), sep=separator, names=range(width), **AS_TEXT)
    except pd.errors.EmptyDataError:
        return []
    return frame.fillna("").to_numpy().tolist()


@given(text_pieces, separators)
@settings(max_examples=500)
@example(['"', "a", '""', "\n", '"', "\n", "b7"], ",")
@example(["a", '"', "\n", "b7", '"', "\n"], ",")
@example([" ", "\n", "\t", "\n", "a"], "\t")
def test_records_are_those_of_pandas(pieces: list[str], separator: str) -> None:
    text = "".join(pieces).encode()
    records = find_records(text, separator, is_last=True, with_separators=True)
    if records.inside:
        with pytest.raises(pd.errors.ParserError, match="EOF inside string"):
            parsed(text, separator, 50)
        return
    counts = field_counts(records)
    width = max(counts, default=1) + 1
    single = [text[a:b] for a, b in zip(records.starts, records.ends, strict=True)]
    # The text of a record, parsed by itself, is the row that pandas finds in the whole.
    assert [parsed(record, separator, width)[0] for record in single] == parsed(
        text, separator, width
    )
    for record, count in zip(single, counts, strict=True):
        # Without names pandas takes the number of fields from the record itself.
        frame = pd.read_csv(io.BytesIO(record), sep=separator, **AS_TEXT)
        assert frame.shape[1] == count
        assert all_have_fields(records, int(count)) == (len(set(counts)) == 1)


@given(text_pieces, st.integers(0, 60))
@settings(max_examples=200)
def test_a_cut_anywhere_changes_no_record(pieces: list[str], cut: int) -> None:
    text = "".join(pieces).encode()
    whole = find_records(text, ",", is_last=True)
    first = find_records(text[:cut], ",", is_last=False)
    rest = find_records(text[first.rest :], ",", is_last=True)
    starts = np.concatenate([first.starts, rest.starts + first.rest])
    assert starts.tolist() == whole.starts.tolist()


@given(
    st.lists(st.lists(fields, min_size=3, max_size=3), min_size=1, max_size=30),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n \t\n"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.booleans(),
    st.integers(1, 40),
    st.integers(3, 30),
)
@settings(max_examples=200)
def test_every_row_is_found_by_its_number(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    end: str,
    mark: bytes,
    is_ended: bool,
    block_bytes: int,
    piece: int,
) -> None:
    lines = ["p,q,r"] + [",".join(row) for row in rows]
    body = (end.join(lines) + end * is_ended).encode()
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_bytes(mark + body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_index, "_BLOCK_BYTES", block_bytes)
        patch.setattr(csv_index, "_PIECE_BYTES", piece)
        index = index_file(str(path), CsvFormat(), Silent())
        patch.setattr(csv_index, "_PIECE_BYTES", 1 << 20)
        at_once = index_file(str(path), CsvFormat(), Silent())
    # Where blocks begin does not depend on the pieces that are read.
    for name in ("first_rows", "offsets", "lines"):
        assert getattr(index, name).tolist() == getattr(at_once, name).tolist()
    assert (np.diff(index.offsets)[:-1] >= block_bytes).all()
    table = make_table([str(path)], [index], CsvFormat())
    reference = parsed(body, ",", 3)[1:]
    assert (table.columns, table.rows) == (["p", "q", "r"], len(reference))
    chosen = np.arange(len(reference))
    for wanted in (chosen, chosen[::2], chosen[-1:]):
        got = parsed(read_text(table, spans_of(wanted)), ",", 3)
        assert got == [reference[row] for row in wanted]
    ends = re.compile(r"\r\n|\r|\n")
    position = len("p,q,r" + end)
    for number, row in enumerate(rows):
        line = len(ends.findall(body[:position].decode(errors="replace"))) + 1
        assert line_of(table, number) == (str(path), line)
        position += len((",".join(row) + end).encode())


def test_an_index_never_grows_beyond_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_index, "MOST_BLOCKS", 16)
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 64)
    monkeypatch.setattr(csv_index, "_PIECE_BYTES", 100)
    path = tmp_path / "many.csv"
    path.write_text("a,b\n" + "".join(f"{row},{row}\n" for row in range(5000)))
    index = index_file(str(path), CsvFormat(), Silent())
    assert len(index.offsets) <= 18
    table = make_table([str(path)], [index], CsvFormat())
    assert read_text(table, spans_of(np.asarray([0, 777, 4999]))) == b"0,0\n777,777\n4999,4999\n"


@pytest.mark.parametrize("order", [1, -1])
def test_no_block_is_large_because_rows_elsewhere_are_short(tmp_path: Path, order: int) -> None:
    path = tmp_path / "skewed.csv"
    path.write_text("a,b\n" + "".join(["1,\n" * 100_000, f"2,{'x' * 50_000}\n" * 50][::order]))
    index = index_file(str(path), CsvFormat(), Silent())
    assert np.diff(index.offsets).max() < 83_000
    assert index.rows == 100_050
    # Short rows lie many in a block, long rows one by one.
    assert {1, 10_923} <= set(np.diff(index.first_rows).tolist())


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a,b\n1,2\n\n3\n4,5\n", 4, "1 fields where 2 are expected"),
        (b"a,b\n1,2\n3,4,5\n", 3, "3 fields where 2 are expected"),
        (b'a,b\n"x\ny",2\n3,4,5\n', 4, "3 fields where 2 are expected"),
        (b'a,b\n1,2\n3,"4\n5,6\n', 3, "a quote is opened here and not closed"),
        (b"", None, "is empty"),
        (b"\n\n", None, "is empty"),
        (b"a,b\xe9\n1,2\n", 1, "no UTF-8"),
        (b"\x1f\x8b\x08rest", None, "compressed by gzip"),
        ("a,b\n1,2\n".encode("utf-16"), None, "is UTF-16"),
    ],
)
def test_what_cannot_be_indexed(
    tmp_path: Path, content: bytes, line: int | None, message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(CsvReadError, match=message) as caught:
        index_file(str(path), CsvFormat(), Silent())
    assert (caught.value.path, caught.value.line) == (str(path), line)
    assert str(path) in str(caught.value)


def test_a_record_without_end_takes_no_endless_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_index, "_LONGEST_RECORD_BYTES", 1000)
    monkeypatch.setattr(csv_index, "_PIECE_BYTES", 100)
    path = tmp_path / "long.csv"
    path.write_text("a\n1\n" + "2" * 5000)
    with pytest.raises(CsvReadError, match=r"line 3: no end of the record"):
        index_file(str(path), CsvFormat(), Silent())


# The index on disk


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "".join(f"{row},{row}\n" for row in range(100)))
    return path


def refuse_to_index(*arguments: object) -> None:
    raise AssertionError("the file is gone through again")


def test_a_kept_index_serves_until_the_file_changes(
    table_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = load_index(str(table_file), CsvFormat(), None)
    assert index_path(str(table_file), None).is_file()
    with monkeypatch.context() as patch:
        patch.setattr(csv_index_file, "index_file", refuse_to_index)
        kept = load_index(str(table_file), CsvFormat(), None)
        with pytest.raises(AssertionError, match="again"):
            load_index(str(table_file), CsvFormat(header=False), None)
    for name in ("rows", "columns", "size", "changed"):
        assert getattr(made, name) == getattr(kept, name)
    for name in ("first_rows", "offsets", "lines"):
        assert getattr(made, name).tolist() == getattr(kept, name).tolist()
    status = table_file.stat()
    os.utime(table_file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert load_index(str(table_file), CsvFormat(), None).changed == status.st_mtime_ns + 1
    with table_file.open("a") as file:
        file.write("100,100\n")
    assert load_index(str(table_file), CsvFormat(), None).rows == 101


@pytest.mark.parametrize("damage", [b"", b"no index", b"PK\x03\x04torn"])
def test_a_damaged_index_is_made_anew(table_file: Path, damage: bytes) -> None:
    load_index(str(table_file), CsvFormat(), None)
    place = index_path(str(table_file), None)
    whole = place.read_bytes()
    place.write_bytes(damage or whole[: len(whole) // 2])
    with warnings.catch_warnings(record=True) as caught:
        # Of a file that stays open.
        warnings.simplefilter("always", ResourceWarning)
        assert load_index(str(table_file), CsvFormat(), None).rows == 100
        gc.collect()
    assert not caught
    assert place.read_bytes() == whole


def test_any_damaged_byte_is_an_index_made_anew(table_file: Path) -> None:
    load_index(str(table_file), CsvFormat(), None)
    place = index_path(str(table_file), None)
    whole = place.read_bytes()
    for position in range(0, len(whole), 7):
        # Among them flags and methods of an archive that nobody knows.
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        place.write_bytes(damaged)
        assert load_index(str(table_file), CsvFormat(), None).rows == 100


def test_names_of_columns_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    names = ["x" * 20_000, "end\0", "é", "a", "a.1", "Unnamed: 5", *map(str, range(500))]
    header = ",".join(names).replace("a.1", "a").replace("Unnamed: 5", "")
    path.write_text(header + "\n" + "1" + ",1" * (len(names) - 1) + "\n")
    assert load_index(str(path), CsvFormat(), None).columns == names
    assert load_index(str(path), CsvFormat(), None).columns == names
    assert index_path(str(path), None).stat().st_size < 60_000


def test_files_of_one_name_share_an_index_folder(table_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "data.csv"
    other.parent.mkdir()
    other.write_text("c\n1\n")
    folder = tmp_path / "indexes"
    assert load_index(str(table_file), CsvFormat(), str(folder)).rows == 100
    assert load_index(str(other), CsvFormat(), str(folder)).rows == 1
    assert len(list(folder.iterdir())) == 2
    assert not index_path(str(table_file), None).exists()


def test_many_may_index_at_once(table_file: Path) -> None:
    script = (
        "import sys; from augflow.csv.index import CsvFormat\n"
        "from augflow.csv.index_file import load_index\n"
        "print(load_index(sys.argv[1], CsvFormat(), None).rows)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(csv_index.__file__).parents[2])}
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, str(table_file)],
            env=environment,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0] for process in running] == [b"100\n"] * 4
    assert len(list(table_file.parent.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_one_warning(table_file: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    with pytest.warns(UserWarning, match="cannot be kept") as caught:
        index = load_index(str(table_file), CsvFormat(), str(blocked))
    assert (index.rows, len(caught)) == (100, 1)
    assert "index_dir=" in str(caught[0].message)


def test_an_index_is_as_readable_as_its_folder(table_file: Path) -> None:
    table_file.parent.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_index(str(table_file), CsvFormat(), None)
    assert stat.S_IMODE(index_path(str(table_file), None).stat().st_mode) == 0o644
    names = sorted(path.name for path in table_file.parent.iterdir())
    assert names == ["data.csv", "data.csv.augflow-index.npz"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("folder", [None, "indexes"])
def test_a_pipe_in_the_place_of_an_index_is_not_waited_for(
    table_file: Path, tmp_path: Path, folder: str | None
) -> None:
    index_dir = None if folder is None else str(tmp_path / folder)
    place = index_path(str(table_file), index_dir)
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    with pytest.warns(UserWarning, match="cannot be kept .*it is a named pipe") as caught:
        index = load_index(str(table_file), CsvFormat(), index_dir)
    assert (index.rows, len(caught)) == (100, 1)
    # Somebody has put it there. It stays, and nothing beside it.
    assert place.is_fifo() and len(list(place.parent.iterdir())) == (2 if folder is None else 1)


@pytest.mark.parametrize("target", ["a text", "an index of another file", "nothing"])
def test_what_a_link_in_the_place_of_an_index_leads_to_stays(
    table_file: Path, tmp_path: Path, target: str
) -> None:
    precious = tmp_path / "precious"
    if target == "a text":
        precious.write_text("precious")
    elif target == "an index of another file":
        other = tmp_path / "other.csv"
        other.write_text("c\n1\n")
        load_index(str(other), CsvFormat(), None)
        index_path(str(other), None).rename(precious)
    before = (precious.read_bytes(), precious.stat().st_mode) if precious.exists() else None
    place = index_path(str(table_file), None)
    place.symlink_to(precious)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_index(str(table_file), CsvFormat(), None).rows == 100
    assert place.is_file() and not place.is_symlink()
    after = (precious.read_bytes(), precious.stat().st_mode) if precious.exists() else None
    assert after == before


def test_rights_are_given_to_the_index_alone(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write to the folder could lay a link in the place of the file being written."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    original = np.savez

    def lay_link(file: object, **arrays: object) -> None:
        original(file, **arrays)  # type: ignore[arg-type]
        (temporary,) = table_file.parent.glob(".augflow-index-*")
        temporary.unlink()
        temporary.symlink_to(secret)

    monkeypatch.setattr(np, "savez", lay_link)
    table_file.parent.chmod(0o755)
    load_index(str(table_file), CsvFormat(), None)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
