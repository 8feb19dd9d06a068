"""In place of `run.py`: tells steps and writes results at once, or behaves badly.

python fake_run.py MODE OUTPUT_DIR INPUT ...: MODE is well, slow, stubborn, wrong, nobody, garbled
or crash.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    mode, out, paths = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    print("a library that talks on stdout", flush=True)  # noqa: T201
    for done in range(len(paths) + 1):
        step = {"stage": "detect", "done": done, "total": len(paths)}
        print(json.dumps(step), flush=True)  # noqa: T201
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode in ("slow", "stubborn"):
        out.mkdir()
        (out / "pid").write_text(str(os.getpid()))
        time.sleep(60)
    if mode == "wrong":
        sys.exit(f"error: data.focal_length: {paths[0]} has none")
    if mode == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    inputs: list[object] = [entry(path, out, mode) for path in paths]
    if mode == "garbled":
        inputs = [1]
    (out / "summary.json").write_text(json.dumps({"inputs": inputs}))
    sys.exit(2 if mode == "nobody" else 0)


def entry(path: str, out: Path, mode: str) -> dict[str, object]:
    (out / "page").mkdir(parents=True, exist_ok=True)
    name = Path(path).stem
    if mode == "nobody":
        return {
            "name": Path(path).name,
            "source": path,
            "status": "skipped",
            "reason": f"{path}: nobody was found",
        }
    files = {"parameters": f"{name}.npz", "picture": f"{name}.jpg", "view": f"page/{name}.js"}
    for file in (*files.values(), "index.html"):
        (out / file).write_text(f"content of {file}")
    person = {"track": 0, "frames": 1, "expected_error_mm": 45.2}
    return {
        "name": name,
        "source": path,
        "status": "fitted",
        "people": [person],
        "files": files | {"obj": [f"{name}.npz"] * 1},
    }


if __name__ == "__main__":
    main()
