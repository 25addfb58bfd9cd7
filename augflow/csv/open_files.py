"""From the paths that a user gives to one table of indexed files, or to the beginning of one."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

from augflow.base.regular_file import NotRegularFileError, regular_file
from augflow.base.shorten import shortened
from augflow.base.telling import tell
from augflow.csv.index import CsvFormat, portions
from augflow.csv.index_file import kept_index, load_index
from augflow.csv.table import CsvTable, make_table
from augflow.errors import CsvReadError

# What a separator may be that is guessed, and from how much text.
_SEPARATORS_GUESSED = ",;\t|: "
_BYTES_GUESSED_FROM = 64 << 10
# A file of so many bytes takes a tenth of a second to be indexed.
_LARGE_BYTES = 64 << 20
# Every encoding has one of them, or none but ASCII.
_OTHER_LETTERS = "é€яΩاאあ汉한"


@dataclass(frozen=True)
class CsvFiles:
    """Files of one table, and how they are read.

    Attributes:
        paths: absolute, in the order of their rows.
        layout: of their text.
        index_dir: a folder for the indexes; None for beside the files.
        forgives: whether rows of more or fewer fields than columns are noted, not raised.
    """

    paths: list[str]
    layout: CsvFormat
    index_dir: str | None
    forgives: bool

    def table(self, stop: Event | None = None) -> CsvTable:
        """Index the files, as far as that has not been done before, and put them together.

        Args:
            stop: see ``load_index``.

        Raises:
            CsvReadError: a file that cannot be used; it names the file, and the line if it is one.
            OSError: a file cannot be read.
            IndexStoppedError: see ``load_index``.
        """
        how = (self.layout, self.index_dir, self.forgives, stop)
        table = make_table(self.paths, [load_index(path, *how) for path in self.paths], self.layout)
        if not table.rows:
            raise CsvReadError(self.paths[0], None, None, "there are no rows besides the header")
        return table

    def beginnings(self) -> Iterator[CsvTable]:
        """Tables of one part of the first file after the other; see ``index.portions``."""
        path = self.paths[0]
        for index in portions(path, self.layout):
            yield make_table([path], [index], self.layout)

    def take_long(self) -> bool:
        """Whether it is worth while to begin before the files are indexed.

        Of several files the columns are compared first, and rows that are left out are counted.
        """
        if len(self.paths) > 1 or self.forgives or os.path.getsize(self.paths[0]) < _LARGE_BYTES:
            return False
        return kept_index(self.paths[0], self.layout, self.index_dir) is None


def checked_files(
    paths: Any,
    sep: str | None,
    header: Any,
    index_dir: Any,
    encoding: str = "utf-8",
    forgives: bool = False,
    verbose: bool = True,
) -> CsvFiles:
    """What a user says of files, checked as far as that needs no look through them.

    Args:
        paths: a path, or several in the order of their rows; "~" is the home directory.
        sep: the separator of fields; None to guess it from the first file.
        header: "infer" or 0 where the first record names the columns, None where it does not.
        index_dir: a folder for the indexes; None for beside the files.
        encoding: of the text.
        forgives: whether rows of more or fewer fields than columns are noted, not raised.
        verbose: whether to print a separator that was guessed, rather than to log it.

    Raises:
        TypeError, ValueError: an argument that cannot be used.
        CsvReadError, OSError: a file cannot be read.
    """
    if sep is not None and (
        not isinstance(sep, str) or len(sep) != 1 or not sep.isascii() or sep in '"\n\r'
    ):
        raise ValueError(
            f"`sep` must be one ASCII character, other than a quote or an end of line, or None: "
            f"it is guessed. Received: {sep!r}"
        )
    if header not in ("infer", 0, None) or header is False:
        raise ValueError(
            "`header` must be 'infer' or 0 (the first record names the columns) or None (there "
            f"are no names). Received: {header!r}"
        )
    codec = _checked_encoding(encoding)
    files = checked_paths(paths)
    if sep is None:
        sep = _guessed_separator(files[0], codec)
        tell(f"{files[0]}: fields separated by {sep!r}, as guessed (sep={sep!r})", verbose)
    _check_separator_in(codec, sep)
    folder = None if index_dir is None else _absolute(index_dir)
    return CsvFiles(files, CsvFormat(sep, header is not None, codec), folder, forgives)


def _checked_encoding(encoding: Any) -> str:
    """The name by which Python knows an encoding that leaves ASCII as it is."""
    try:
        name = codecs.lookup(encoding).name
        fits = bytes(range(128)).decode(name) == bytes(range(128)).decode("ascii")
        others = [letter.encode(name, "ignore") for letter in _OTHER_LETTERS]
    except (LookupError, TypeError, ValueError):
        fits, others = False, []
    # Some change the meaning of ASCII characters by a sequence of them, as ISO-2022 does.
    if not fits or any(text[:1].isascii() for text in others if text):
        raise ValueError(
            "`encoding` must be the name of an encoding in which ASCII characters are single "
            "bytes, e.g. 'utf-8', 'latin-1' or 'cp1252'; convert files of another one, as UTF-16: "
            f"iconv -f UTF-16 -t UTF-8. Received: {encoding!r}"
        )
    # The mark that it allows for is skipped in any case.
    return "utf-8" if name == "utf-8-sig" else name


def _check_separator_in(encoding: str, separator: str) -> None:
    """Refuse a separator that is the second half of other characters, as "|" is in GBK."""
    for first in range(128, 256):
        text = bytes([first, ord(separator)]).decode(encoding, "replace")
        if len(text) == 1:
            raise ValueError(
                f"`sep` cannot be {separator!r} where `encoding` is {encoding!r}: that byte is "
                "also a part of other characters. Convert the file to UTF-8."
            )


def _guessed_separator(path: str, encoding: str) -> str:
    try:
        with regular_file(path) as file:
            text = file.read(_BYTES_GUESSED_FROM).decode(encoding, "replace")
    except NotRegularFileError as error:
        raise CsvReadError(path, None, None, error.cause) from error
    # Whole lines, if there is one.
    text = text[: text.rfind("\n") + 1] or text
    try:
        return csv.Sniffer().sniff(text, _SEPARATORS_GUESSED).delimiter
    except csv.Error as error:
        raise ValueError(
            f"`sep` cannot be guessed from the beginning of {path} ({error}); give it, e.g. sep=','"
        ) from None


def checked_paths(paths: Any, pattern: str = "*.csv") -> list[str]:
    """The absolute paths of files that are there, from one or several.

    Args:
        paths: as given by a user.
        pattern: names of such files, for advice.

    Raises:
        TypeError, ValueError: no path, or none at all.
        OSError: there is no such file.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        found = [_absolute(paths)]
    elif hasattr(paths, "read"):
        # It would give its lines.
        raise TypeError(
            "`path_or_paths` must be a path or a list of paths, not an open file. Received: "
            f"{paths!r}"
        )
    else:
        try:
            found = [_absolute(path) for path in paths]
        except TypeError:
            raise TypeError(
                f"`path_or_paths` must be a path or a list of paths. Received: {shortened(paths)}"
            ) from None
    if not found:
        raise ValueError("`path_or_paths` is an empty list; give at least one file")
    for path in found:
        _check_file(path, pattern)
    return found


def _absolute(path: Any) -> str:
    """A path that stays right where the program changes its directory."""
    return os.path.abspath(os.path.expanduser(os.fsdecode(path)))


def _check_file(path: str, pattern: str) -> None:
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{path} is a directory; give the files in it, e.g. "
            f"sorted(glob.glob({os.path.join(path, pattern)!r}))"
        )
    if os.path.exists(path):
        return
    hint = ""
    if any(sign in path for sign in "*?["):
        hint = f"; names with wildcards have to be looked up: sorted(glob.glob({path!r}))"
    raise FileNotFoundError(f"there is no file {path}{hint}")
