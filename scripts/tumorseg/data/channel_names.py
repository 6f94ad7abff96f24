"""Files of one case, one for each channel: they have one name that ends in that of the channel."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path


def by_channel(
    names: Mapping[Path, str], channels: Sequence[str]
) -> tuple[dict[str, dict[str, Path]], list[Path]]:
    """Case -> channel -> file, and the files whose names end in no channel.

    The channel stands after one of - _ . / or a space, in small or capital letters. The later of
    two files of the same channel of a case counts as one of no channel.

    names: file -> its name without suffix, with folders.
    """
    found: dict[str, dict[str, Path]] = {}
    others = []
    for path, name in names.items():
        ends = [c for c in channels if re.search(rf"[-_. /]{re.escape(c)}$", name, re.IGNORECASE)]
        channel = max(ends, key=len, default="")  # t1_ce before ce
        of_case = found.setdefault(name[: -len(channel) - 1], {}) if ends else {}
        if not ends or of_case.setdefault(channel, path) is not path:
            others.append(path)
    return found, others
