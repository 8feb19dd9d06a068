"""Other web sites cannot use the page, neither from their own address nor by a name of theirs."""

import pytest

from tests.pipeline.app.conftest import Page


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost:x", ""]
)
def test_a_name_that_leads_here_is_refused(page: Page, host: str) -> None:
    answer = page.client.get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "Bodies" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "LOCALHOST:9"])
def test_our_own_names_are_taken(page: Page, host: str) -> None:
    answer = page.client.get("/", headers={"Host": host, "Origin": f"http://{host}"})
    assert answer.status_code == 200
    assert "<h1>Bodies from photos</h1>" in answer.text


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:9000"]
)
def test_a_page_of_another_origin_is_refused(page: Page, origin: str) -> None:
    job = page.open()
    others = {"Origin": origin}
    assert page.client.post("/jobs", headers=others).status_code == 403
    assert page.client.get(f"/jobs/{job}", headers=others).status_code == 403
    assert page.client.delete(f"/jobs/{job}", headers=others).status_code == 403
    assert page.told(job)["state"] == "collecting"


def test_what_changes_something_must_say_where_it_comes_from(page: Page) -> None:
    del page.client.headers["Origin"]
    assert page.client.get("/limits").status_code == 200
    assert page.client.post("/jobs").status_code == 403


def test_every_answer_has_the_headers_that_keep_others_out(page: Page) -> None:
    for path in ("/", "/jobs/none", "/app.js"):
        headers = page.client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
