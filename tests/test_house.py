"""The tree keeps its shape: tests mirror the code, and files stay short enough to read."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

LONGEST = 300  # lines of a file
CODE = ("benchmarks", "detectors", "examples", "fitting", "pipeline", "tests", "tools")


def modules(folder: str) -> list[Path]:
    """Modules with code of their own, relative to the folder."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [p.relative_to(ROOT / folder) for p in paths if p.name != "__init__.py"]


@pytest.mark.parametrize("module", modules("fitting"), ids=str)
def test_every_module_of_fitting_has_a_test_file_of_its_name(module: Path) -> None:
    path = ROOT / "tests/fitting" / module.with_name(f"test_{module.name}")
    assert path.is_file(), f"expected tests of fitting/{module} at {path.relative_to(ROOT)}"
    inside = ast.walk(ast.parse(path.read_text()))
    names = [node.name for node in inside if isinstance(node, ast.FunctionDef)]
    assert any(name.startswith("test_") for name in names), f"{path.name} tests nothing"


@pytest.mark.parametrize("folder", CODE)
def test_no_file_is_too_long_to_read(folder: str) -> None:
    lengths = {p: len((ROOT / folder / p).read_text().splitlines()) for p in modules(folder)}
    assert {str(p): n for p, n in lengths.items() if n > LONGEST} == {}


def test_folders_of_tests_are_packages() -> None:
    """Two test files may have the same name only if their folders are packages."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    lacking = [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert lacking == []
