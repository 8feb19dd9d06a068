"""Bodies that tests of several rooms are run on."""

import pytest

from tests.toy_body import toy_body


@pytest.fixture(params=["toy", "neutral"])
def any_body(request, body):
    return toy_body() if request.param == "toy" else body
