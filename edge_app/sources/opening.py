"""Opens files and folders by what is in them, whatever they are called."""

from collections.abc import Sequence
from pathlib import Path

from edge_app.sources.base import OnUnreadable, Source, log_unreadable


def open_path(
    path: Path | Sequence[Path],
    *,
    on_error: OnUnreadable = log_unreadable,
    step: int = 1,
    max_rate_hz: float | None = None,
) -> Source:
    """A source for a file, a folder with everything below it, or several of them, in natural order.

    Args:
        path: Images, video, DICOM, or folders of them in any mix.
        on_error: Told of each file that cannot be read, also if it is the only one; the source goes on.
        step: Give every ``step``-th picture of a clip.
        max_rate_hz: Give at most so many pictures of each second of a clip, by the clip's own clock.

    Raises:
        SourceError: There is nothing at the path, or nothing in the folder.
    """
    raise NotImplementedError
