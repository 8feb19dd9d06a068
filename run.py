"""python run.py key=value ...: fit bodies to photos, videos or LSP. conf/ has every key."""

import logging
import sys

import hydra
from omegaconf import DictConfig

NOTHING_FITTED = 2


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    from pipeline.clips import NoClipsError
    from pipeline.config import ConfigError, to_config
    from pipeline.pipeline import run
    from pipeline.report import log_to_console

    log_to_console()
    try:
        summary = run(to_config(cfg))
    except (ConfigError, NoClipsError) as error:
        sys.exit(f"error: {error}")
    if not summary["fitted"]:
        logging.getLogger(__name__).error("nothing was fitted")
        sys.exit(NOTHING_FITTED)


if __name__ == "__main__":
    main()
