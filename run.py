"""python run.py key=value ...: fit bodies to photos, videos or LSP. conf/ has every key."""

import gc
import logging
import os
import sys

if __name__ == "__main__":
    gc.disable()  # until the settings are read: imports make no garbage, looking for it costs 1 s

import hydra
from omegaconf import DictConfig

NOTHING_FITTED = 2
INTERRUPTED = 130  # as shells say it: 128 + SIGINT


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    from pipeline.clips import NoClipsError
    from pipeline.config import ConfigError, to_config
    from pipeline.images import ClipError
    from pipeline.pipeline import run
    from pipeline.report import log_to_console

    log_to_console()
    try:
        config = to_config(cfg)
        gc.enable()
        summary = run(config)
    except (ConfigError, NoClipsError, ClipError, OSError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        logging.getLogger(__name__).error(
            "interrupted: what was finished is kept, the same command goes on from there"
        )
        sys.exit(INTERRUPTED)
    if not summary["fitted"]:
        logging.getLogger(__name__).error("nothing was fitted")
        sys.exit(NOTHING_FITTED)


if __name__ == "__main__":
    main()
