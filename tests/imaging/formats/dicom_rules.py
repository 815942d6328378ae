"""What in a data set is against PS3.3 and PS3.5, by the tables that highdicom ships.

These list, for each kind of image, the modules that it must have, and for each module the
attributes of types 1 and 2, within sequences, too. Conditions are not among them, hence types
1C and 2C are not looked at.
"""

import json
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydicom import Dataset, config
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import validate_file_meta
from pydicom.valuerep import validate_value

_MUST_BE, _MUST_HAVE_A_VALUE = ("1", "2"), "1"


def violations(dataset: Dataset) -> set[str]:
    """Name each attribute that is missing, empty or of a value that its type does not allow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {*_missing(dataset), *_invalid(dataset), *_of_the_file(dataset)}


@cache
def _table(name: str) -> Any:
    package = find_spec("highdicom")
    assert package is not None
    assert package.origin is not None
    return json.loads((Path(package.origin).parent / "_standard" / name).read_text())


@cache
def _rules(sop_class: str) -> tuple[tuple[tuple[str, ...], str, str], ...]:
    """Path, keyword and type of what must be there: outside of sequences where the module must."""
    kind = _table("sop_class_iod_map.json").get(sop_class)
    modules = _table("iod_module_map.json")[kind] if kind else [{"key": "sop-common", "usage": "M"}]
    return tuple(
        (tuple(each["path"]), each["keyword"], each["type"])
        for module in modules
        for each in _table("module_attribute_map.json")[module["key"]]
        if each["type"] in _MUST_BE and (each["path"] or module["usage"] == "M")
    )


def _missing(dataset: Dataset) -> Iterator[str]:
    for path, keyword, kind in _rules(str(dataset.get("SOPClassUID"))):
        tag = tag_for_keyword(keyword)
        for item in _items(dataset, path):
            name = ".".join((*path, keyword))
            if tag not in item:
                yield f"{name} is missing"
            elif kind == _MUST_HAVE_A_VALUE and item[tag].is_empty:
                yield f"{name} is empty"


def _items(dataset: Dataset, path: tuple[str, ...]) -> Iterator[Dataset]:
    """Every item of the sequence at the end of the path."""
    if not path:
        yield dataset
        return
    for item in dataset.get(path[0]) or ():
        yield from _items(item, path[1:])


def _invalid(dataset: Dataset, path: str = "") -> Iterator[str]:
    """Values that are too long, or of characters that their representation does not allow."""
    for element in dataset:
        name = f"{path}{element.keyword or element.tag}"
        if element.VR == "SQ":
            for item in element.value:
                yield from _invalid(item, f"{name}.")
            continue
        if element.is_empty:
            continue
        values = element.value if element.VM > 1 else [element.value]
        is_in_words = element.VR in ("DS", "IS", "UI")  # but parsed
        for value in map(str, values) if is_in_words else values:
            try:
                validate_value(element.VR, value, config.RAISE)
            except (ValueError, TypeError):
                yield f"{name} is invalid"


def _of_the_file(dataset: Dataset) -> Iterator[str]:
    try:
        validate_file_meta(dataset.file_meta, enforce_standard=False)
    except (ValueError, AttributeError, TypeError) as error:
        yield f"file meta: {error}"
