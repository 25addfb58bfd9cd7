"""Paths of files, joined quickly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augflow.scan.file_paths import join_all

parts = st.text(st.sampled_from("ab./\\ é"), max_size=6)


@given(parts, st.lists(parts, max_size=5))
def test_names_are_joined_as_python_joins_them(root, names):
    assert join_all(root, names) == [os.path.join(root, name) for name in names]


def test_names_may_be_paths():
    assert join_all("root", [Path("a/b"), Path("/c")]) == ["root/a/b", "/c"]


def test_other_names_are_refused_as_python_refuses_them():
    with pytest.raises(TypeError):
        join_all("root", [3])
