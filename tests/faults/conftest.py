"""What the tests of this room share."""

from collections.abc import Callable

import pytest

from pipeline import pipeline
from tests.faults.inputs import cheap, write_both


@pytest.fixture(scope="session", autouse=True)
def everything_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A run in this process, so that those forked from it import nothing."""
    folder = tmp_path_factory.mktemp("first")
    write_both(folder / "in", 1)
    assert pipeline.run(cheap(folder / "in", folder))["fitted"] == 2


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says a measured figure on the terminal, for docs/reliability.md."""
    writer = request.config.get_terminal_writer()
    return lambda text: writer.write(f"\n{request.node.name}: {text}\n", flush=True)
