"""Imports of Keras's image classes become imports of augflow."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst
from libcst.metadata import PositionProvider

from augflow.rewrite.outcome import Left, dotted, name_node

IMAGE_MODULE = re.compile(
    r"(?:keras|tf_keras|tensorflow)(?:\.\w+)*\.preprocessing\.image|keras_preprocessing\.image"
)
_PREPROCESSING = re.compile(
    r"(?:keras|tf_keras|tensorflow)(?:\.\w+)*\.preprocessing|keras_preprocessing"
)
_ATTRIBUTE = re.compile(r"(\w+)(?:\.\w+)*\.preprocessing\.image\.(\w+)")
_CLASSES = frozenset(
    {
        "DataFrameIterator",
        "DirectoryIterator",
        "ImageDataGenerator",
        "Iterator",
        "NumpyArrayIterator",
    }
)
_NEW_MODULE = "augflow.preprocessing.image"


class RewriteImports(cst.CSTTransformer):
    """Changes the imports of one module.

    Args:
        ours: names that ``augflow.preprocessing.image`` has.
        uses: for each name of the script the attributes that are asked of it.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, ours: frozenset[str], uses: dict[str, set[str]]) -> None:
        super().__init__()
        self._ours = ours
        self._uses = uses
        self.changes = 0
        self.left: list[Left] = []
        self.needs_augflow = False
        self.has_augflow = False

    def tell(self, node: Any, why: str) -> None:
        """Take note of a place that is left alone."""
        line = self.get_metadata(PositionProvider, node).start.line
        self.left.append(Left(line, cst.Module([]).code_for_node(node).strip(), why))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        """Change the imports in a line; one that has to be parted becomes two."""
        new: list[Any] = []
        before: list[Any] = []
        for old, statement in zip(original_node.body, updated_node.body, strict=True):
            if isinstance(old, cst.ImportFrom):
                parts = self._import_from(old)
                before += parts[:-1]
                new.append(parts[-1])
            elif isinstance(old, cst.Import):
                new.append(self._import(old))
            else:
                new.append(statement)
        changed = updated_node.with_changes(body=new)
        if not before:
            return changed
        lines = [cst.SimpleStatementLine([one]) for one in before]
        first = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel([first, *lines[1:], changed.with_changes(leading_lines=[])])

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> Any:
        """``tf.keras.preprocessing.image.ImageDataGenerator`` is ``augflow.ImageDataGenerator``."""
        match = _ATTRIBUTE.fullmatch(dotted(original_node))
        if match is None or match[1] == "augflow" or match[2] not in _CLASSES:
            return updated_node
        self.changes += 1
        self.needs_augflow = True
        return updated_node.with_changes(value=cst.Name("augflow"))

    def _import_from(self, node: cst.ImportFrom) -> list[cst.ImportFrom]:
        module = "" if node.module is None or node.relative else dotted(node.module)
        if IMAGE_MODULE.fullmatch(module):
            return self._of_image(node)
        if _PREPROCESSING.fullmatch(module) and not isinstance(node.names, cst.ImportStar):
            return self._of_preprocessing(node)
        return [node]

    def _of_image(self, node: cst.ImportFrom) -> list[cst.ImportFrom]:
        """``from keras.preprocessing.image import ...``."""
        if isinstance(node.names, cst.ImportStar):
            self.tell(node, "import the names that are used, so that they can be looked at")
            return [node]
        names = [str(alias.name.value) for alias in node.names]
        ours = [alias for alias in node.names if alias.name.value in self._ours]
        if len(ours) < len(names):
            missing = [name for name in names if name not in self._ours]
            self.tell(node, f"augflow has no {', '.join(missing)}, which stays Keras's")
        if not ours:
            return [node]
        self.changes += 1
        only_classes = all(alias.name.value in _CLASSES for alias in ours)
        module = name_node("augflow" if only_classes else _NEW_MODULE)
        return self._parted(node, ours, module)

    def _of_preprocessing(self, node: cst.ImportFrom) -> list[cst.ImportFrom]:
        """``from keras.preprocessing import image``."""
        assert not isinstance(node.names, cst.ImportStar)
        ours = []
        for alias in node.names:
            if alias.name.value != "image":
                continue
            name = alias.evaluated_alias or "image"
            missing = sorted(self._uses.get(name, set()) - self._ours)
            if missing:
                self.tell(node, f"augflow has no {', '.join(missing)}, which `{name}` is asked for")
            else:
                ours.append(alias)
        if not ours:
            return [node]
        self.changes += 1
        return self._parted(node, ours, name_node("augflow.preprocessing"))

    def _parted(self, node: cst.ImportFrom, ours: list[Any], module: Any) -> list[cst.ImportFrom]:
        """The import of ours, behind that of what stays Keras's."""
        assert not isinstance(node.names, cst.ImportStar)
        others = [alias for alias in node.names if alias not in ours]
        if not others:
            return [node.with_changes(module=module)]
        return [
            node.with_changes(names=_without_comma(others), lpar=None, rpar=None),
            node.with_changes(module=module, names=_without_comma(ours), lpar=None, rpar=None),
        ]

    def _import(self, node: cst.Import) -> cst.Import:
        names = []
        for alias in node.names:
            module = dotted(alias.name)
            if module == "augflow" and alias.asname is None:
                self.has_augflow = True
            if IMAGE_MODULE.fullmatch(module):
                name = alias.evaluated_alias
                missing = sorted(self._uses.get(name or "", set()) - self._ours)
                if name is None:
                    self.tell(node, "its uses by the whole name were changed where they have to be")
                elif missing:
                    self.tell(node, f"augflow has no {', '.join(missing)}, which `{name}` is asked")
                else:
                    self.changes += 1
                    alias = alias.with_changes(name=name_node(_NEW_MODULE))
            names.append(alias)
        return node.with_changes(names=names)


def _without_comma(aliases: list[Any]) -> list[Any]:
    plain = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    inner = [alias.with_changes(comma=plain) for alias in aliases[:-1]]
    return [*inner, aliases[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]


class Uses(cst.CSTVisitor):
    """Which attributes are asked of which names."""

    def __init__(self) -> None:
        self.found: dict[str, set[str]] = {}

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if isinstance(node.value, cst.Name):
            self.found.setdefault(node.value.value, set()).add(node.attr.value)
