"""What the tests of this room share."""

from collections.abc import Callable

import pytest


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says a measured figure on the terminal, for docs/reliability.md."""
    writer = request.config.get_terminal_writer()
    return lambda text: writer.line(f"\n{request.node.name}: {text}")
