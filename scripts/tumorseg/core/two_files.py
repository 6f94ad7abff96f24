"""Images in two files of the same name in one folder: a header, and its pixels beside it."""

from pathlib import Path

# Ending of the header -> endings that the file of its pixels may have.
PIXELS = {".mhd": (".raw", ".zraw"), ".nhdr": (".raw", ".raw.gz"), ".hdr": (".img",)}
COMPRESSED_PAIR = (".hdr.gz", ".img.gz")  # not read, since a .nii.gz holds both
UNPACK = "unpack both files (gunzip), or convert the pair to .nii.gz"
ALWAYS_SECOND = (".raw", ".raw.gz", ".zraw")


def beside(path: Path, ending: str) -> Path | None:
    """The file of the same name with this ending, or with it in capitals; None for no file."""
    for suffix in (ending, ending.upper()):
        other = path.with_suffix(suffix)
        if other.is_file() and not other.is_symlink():
            return other
    return None


def others_of(path: Path) -> list[Path]:
    """The other files of an image in two files that exist, whichever of its files is given."""
    ending = path.suffix.lower()
    endings = [*PIXELS.get(ending, ()), *([".hdr"] if ending == ".img" else [])]
    return [other for one in endings if (other := beside(path, one))]


def is_second(path: Path) -> bool:
    """Whether a file only belongs to an image, whose header stands for both.

    .img and .mat (of SPM) may be images where no .hdr is beside them; the headers of other pixels
    can have any name.
    """
    name = path.name.lower()
    with_header = name.endswith((".img", ".mat")) and beside(path, ".hdr") is not None
    return with_header or name.endswith(ALWAYS_SECOND)
