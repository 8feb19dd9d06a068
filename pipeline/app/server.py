"""The routes of the page. Names and paths from the browser are looked up, never opened."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pipeline.app.desk import Command, Desk
from pipeline.app.guard import Guard
from pipeline.app.jobs import FORMATS, Choices, Job, RefusedError, State
from pipeline.app.settings import AppSettings
from pipeline.app.uploads import drop, receive

_WEB = Path(__file__).parent / "web"
_STATIC = {"": "index.html", "app.css": "app.css", "app.js": "app.js", "states.js": "states.js"}
_MOST_JSON = 10_000  # bytes
_VIEW = "frame-ancestors 'self'"  # the page of a run has its own policy in it

Answer = Callable[[Request], Awaitable[Response]]


def create_app(folder: Path, settings: AppSettings, command: Command) -> Starlette:
    """The page as an ASGI application.

    Args:
        folder: where jobs are kept; the caller removes it.
        command: the command line that works on a job.
    """
    desk = Desk(folder, settings, command)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work) for work in (desk.work(), desk.sweep())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(
        routes=_routes(desk, settings),
        middleware=[Middleware(Guard)],
        exception_handlers={RefusedError: _refused, ClientDisconnect: _gone},  # pyright: ignore[reportArgumentType]
        lifespan=lifespan,
    )


def _routes(desk: Desk, settings: AppSettings) -> list[Route]:
    async def limits(_: Request) -> Response:
        names = ("max_files", "max_file_mb", "max_total_mb", "max_frames", "keep_minutes")
        values = {name: getattr(settings, name) for name in names}
        return JSONResponse(values | {"formats": FORMATS})

    async def opened(_: Request) -> Response:
        return JSONResponse({"id": desk.open().id}, 201)

    async def uploaded(request: Request) -> Response:
        job, name = _job(desk, request), request.query_params.get("name", "")
        claimed = request.headers.get("content-length", "")
        size = int(claimed) if claimed.isdecimal() else None
        upload = await receive(job, name, size, request.stream(), settings)
        found = {"number": upload.number, "name": upload.name, "size": upload.size}
        return JSONResponse(found, 201)

    async def dropped(request: Request) -> Response:
        drop(_job(desk, request), request.path_params["number"])
        return Response(status_code=204)

    async def started(request: Request) -> Response:
        job = _job(desk, request)
        desk.start(job, Choices.of(await _json(request)))
        return JSONResponse(_told(desk, job))

    async def told(request: Request) -> Response:
        return JSONResponse(_told(desk, _job(desk, request)))

    async def cancelled(request: Request) -> Response:
        job = _job(desk, request)
        desk.cancel(job)
        return JSONResponse(_told(desk, job))

    async def removed(request: Request) -> Response:
        desk.remove(_job(desk, request))
        return Response(status_code=204)

    async def file(request: Request) -> Response:
        return _file(_job(desk, request), request)

    async def archive(request: Request) -> Response:
        return await _archive(_job(desk, request))

    one = "/jobs/{id}"
    return [
        *(_static(path, name) for path, name in _STATIC.items()),
        Route("/limits", limits),
        Route("/jobs", opened, methods=["POST"]),
        Route(one, told),
        Route(one, removed, methods=["DELETE"]),
        Route(f"{one}/files", uploaded, methods=["PUT"]),
        Route(f"{one}/files/{{number:int}}", dropped, methods=["DELETE"]),
        Route(f"{one}/start", started, methods=["POST"]),
        Route(f"{one}/cancel", cancelled, methods=["POST"]),
        Route(f"{one}/results.zip", archive),
        Route(f"{one}/out/{{key:path}}", file),
    ]


def _static(path: str, name: str) -> Route:
    async def answer(_: Request) -> Response:
        return FileResponse(_WEB / name)

    return Route(f"/{path}", answer)


def _job(desk: Desk, request: Request) -> Job:
    return desk.find(request.path_params["id"])


def _told(desk: Desk, job: Job) -> dict[str, Any]:
    """A job as the page shows it."""
    entries = job.result.entries if job.result else {}
    return {
        "state": job.state.value,
        "before": desk.before(job),
        "message": job.message,
        "progress": [
            {"stage": stage, "done": done, "total": total}
            for stage, (done, total) in job.progress.items()
        ],
        "inputs": [
            {"number": upload.number, "name": upload.name, "size": upload.size}
            | {
                key: _reason(job, upload.name, value) if key == "reason" else value
                for key, value in entries.get(upload.number, {}).items()
            }
            for upload in job.uploads
        ],
    }


def _reason(job: Job, name: str, text: str) -> str:
    """Why a file was not fitted; its name stands above it on the page."""
    said = job.plain(text).removeprefix(f"{name}: ")
    return said[:1].upper() + said[1:]


def _file(job: Job, request: Request) -> Response:
    """A file of the result; with `?save` under the name that the user knows."""
    key = request.path_params["key"]
    path = job.result.files.get(key) if job.result else None
    if path is None:
        raise RefusedError(404, "There is no such file in this result.")
    name = job.result.saved_as.get(key) if job.result and "save" in request.query_params else None
    return FileResponse(path, filename=name, headers={"Content-Security-Policy": _VIEW})


async def _archive(job: Job) -> Response:
    if job.state is not State.done or not job.result:
        raise RefusedError(404, "This job has no results.")
    path = job.folder / "results.zip"
    if not path.is_file():
        await run_in_threadpool(job.result.archive, path)
    return FileResponse(path, filename="bodies.zip")


async def _json(request: Request) -> object:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_JSON:
            raise RefusedError(413, "The settings are too long.")
    with suppress(ValueError):
        return json.loads(body or b"{}")
    raise RefusedError(400, "The settings are no JSON.")


async def _refused(_: Request, error: RefusedError) -> Response:
    return JSONResponse({"error": str(error)}, error.status)


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)
