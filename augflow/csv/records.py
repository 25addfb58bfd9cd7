"""Where the records of CSV text begin and end, by pandas's rules, for many megabytes at once.

What pandas's C parser reads as one record is not always one line, and this module draws the
same borders, vectorised:

- A record ends at ``\\n``, ``\\r\\n`` or a lone ``\\r`` outside quotes.
- A quote opens a quoted field only where a field begins; two of them within one are a quote that
  belongs to the text; any other quote is an ordinary character.
- Lines that are empty or hold only blanks are no records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_NEWLINE, _RETURN, _QUOTE, _SPACE, _TAB = b'\n\r" \t'


@dataclass(frozen=True)
class Records:
    """The whole records at the beginning of some text.

    Attributes:
        starts, ends: int64 arrays of shape (records,): the bytes of a record, what ends its
            line included.
        line_ends: positions of all ends of lines, those within quotes as well.
        rest: where the text begins that may be part of a record.
        separators: positions of the separators outside quotes, None where not asked for.
        inside: whether the text ends within a quoted field.
    """

    starts: np.ndarray
    ends: np.ndarray
    line_ends: np.ndarray
    rest: int
    separators: np.ndarray | None
    inside: bool


def find_records(
    text: bytes, separator: str, *, is_last: bool, with_separators: bool = False
) -> Records:
    """The records of text that begins where a record may begin.

    Args:
        text: bytes in an encoding that leaves ASCII as it is, such as UTF-8.
        separator: one ASCII character.
        is_last: whether the file ends here, so that a last line needs no end.
        with_separators: whether to find the separators as well.
    """
    data = np.frombuffer(text, np.uint8)
    quotes = _true_quotes(text, data, separator)
    line_ends = _line_ends(text, data, is_last)
    ends = line_ends[_are_outside(line_ends, quotes)]
    inside = len(quotes) % 2 == 1
    rest = int(ends[-1]) + 1 if len(ends) else 0
    if is_last and rest < len(data) and not inside:
        ends = np.append(ends, len(data) - 1)
        rest = len(data)
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    kept = _are_records(text, data, starts, ends, separator)
    separators = None
    if with_separators:
        separators = np.flatnonzero(data[:rest] == ord(separator))
        separators = separators[_are_outside(separators, quotes)]
    return Records(starts[kept], ends[kept] + 1, line_ends, rest, separators, inside)


def field_counts(records: Records) -> np.ndarray:
    """The number of fields of each record; the separators must have been asked for."""
    assert records.separators is not None
    first = np.searchsorted(records.separators, records.starts)
    last = np.searchsorted(records.separators, records.ends)
    return last - first + 1


def all_have_fields(records: Records, fields: int) -> bool:
    """Whether every record has so many fields: as ``field_counts``, but fast."""
    separators = records.separators
    assert separators is not None
    count = len(records.starts)
    if len(separators) != count * (fields - 1):
        # Blanks can be separators, and stand in lines that are no records.
        return bool((field_counts(records) == fields).all())
    if not len(separators):
        return True
    rows = separators.reshape(count, fields - 1)
    return bool((rows[:, 0] >= records.starts).all() and (rows[:, -1] < records.ends).all())


def last_quote(text: bytes, separator: str) -> int:
    """Where the last quoted field begins in text that ends within it."""
    return int(_true_quotes(text, np.frombuffer(text, np.uint8), separator)[-1])


def lines_before(records: Records, position: int | np.ndarray) -> np.ndarray:
    """How many lines end before a position of the text, as an editor counts them."""
    return np.searchsorted(records.line_ends, position)


def _line_ends(text: bytes, data: np.ndarray, is_last: bool) -> np.ndarray:
    if b"\r" not in text:
        return np.flatnonzero(data == _NEWLINE)
    ends = data == _NEWLINE
    lone = data == _RETURN
    lone[:-1] &= ~ends[1:]
    # Of a return at the very end nobody knows yet whether a newline follows.
    lone[-1] &= is_last
    return np.flatnonzero(ends | lone)


def _true_quotes(text: bytes, data: np.ndarray, separator: str) -> np.ndarray:
    """Where quoted fields begin and end, in turn."""
    if b'"' not in text:
        return np.empty(0, np.int64)
    quotes = np.flatnonzero(data == _QUOTE)
    opening = quotes[::2]
    before = data[opening - 1]
    may_open = (before == ord(separator)) | (before == _NEWLINE) | (before == _RETURN)
    # The third quote of "a""b" opens nothing, but neither has the second one closed anything.
    may_open[1:] |= opening[1:] - 1 == quotes[1 : 2 * len(opening) - 1 : 2]
    may_open[0] |= opening[0] == 0
    if may_open.all():
        return quotes
    return _walk(quotes, data, separator)


def _walk(quotes: np.ndarray, data: np.ndarray, separator: str) -> np.ndarray:
    """The quotes that count, one by one, where some of them are ordinary characters."""
    before_field = {ord(separator), _NEWLINE, _RETURN}
    positions = quotes.tolist()
    found = []
    inside = False
    number = 0
    while number < len(positions):
        position = positions[number]
        if not inside:
            if position == 0 or int(data[position - 1]) in before_field:
                inside = True
                found.append(position)
        elif positions[number + 1 : number + 2] == [position + 1]:
            number += 1
        else:
            inside = False
            found.append(position)
        number += 1
    return np.asarray(found, np.int64)


def _are_outside(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray | slice:
    if not len(quotes):
        return slice(None)
    outside: np.ndarray = np.searchsorted(quotes, positions) % 2 == 0
    return outside


def _are_records(
    text: bytes, data: np.ndarray, starts: np.ndarray, ends: np.ndarray, separator: str
) -> np.ndarray | slice:
    """Which lines are records: not those that are empty or blank."""
    if not len(starts):
        return slice(None)
    # Most lines that begin with a blank end with something else. What else is as small as a
    # blank is looked at, too.
    unclear = data[starts] <= _SPACE
    unclear &= (ends <= starts + 1) | (data[ends - 1] <= _SPACE)
    if not unclear.any():
        return slice(None)
    blank = bytes(byte for byte in (_SPACE, _TAB, _NEWLINE, _RETURN) if byte != ord(separator))
    kept = ~unclear
    for number in np.flatnonzero(unclear).tolist():
        kept[number] = bool(text[starts[number] : ends[number] + 1].strip(blank))
    return kept
