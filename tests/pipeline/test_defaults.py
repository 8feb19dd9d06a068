"""The values of conf/ are the defaults. Classes that people also use alone repeat theirs, equal."""

from dataclasses import MISSING, fields
from enum import Enum
from importlib import import_module
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

PLUGGED = {
    path.relative_to(ROOT / "conf").with_suffix("").as_posix(): values
    for path in sorted((ROOT / "conf").glob("*/*.yaml"))
    for values in [yaml.safe_load(path.read_text())]
    for values in [values[path.stem] if path.parent.name == "export" else values]
    if "_target_" in values
}


def class_of(values: dict[str, Any]) -> Any:
    module, _, name = values["_target_"].rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("file", PLUGGED)
def test_a_default_of_a_class_is_that_of_its_file(file: str) -> None:
    values = PLUGGED[file]
    for field in fields(class_of(values)):
        value, default = values.get(field.name, "${"), field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if default is MISSING or (isinstance(value, str) and value.startswith(("${", "???"))):
            continue
        assert value == (default.value if isinstance(default, Enum) else default), field.name


def test_there_is_something_to_compare() -> None:
    assert len(PLUGGED) > 15
    assert "detector/blazepose" in PLUGGED
