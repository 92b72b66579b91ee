"""What the sections of the configuration are made of."""

import logging
import os
import stat
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

logger = logging.getLogger(__name__)


def _in_config_folder(path: Path, info: ValidationInfo) -> Path:
    """A relative path counts from the folder of the configuration file."""
    folder = (info.context or {}).get("folder")
    return path.expanduser() if folder is None else folder / path.expanduser()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}: create it, or correct the path")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path} cannot be read by this user: give it read permission")
    return path


def _secret(path: Path) -> Path:
    if path.stat().st_mode & stat.S_IROTH:
        logger.warning("%s holds a secret and everybody on this machine can read it: chmod 600 %s", path, path)
    return path


ConfigPath: TypeAlias = Annotated[Path, AfterValidator(_in_config_folder)]
ExistingFile: TypeAlias = Annotated[ConfigPath, AfterValidator(_existing)]
SecretFile: TypeAlias = Annotated[ExistingFile, AfterValidator(_secret)]


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
