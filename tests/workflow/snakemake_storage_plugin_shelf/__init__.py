"""A storage for tests: shelf://<key> is a file or folder below the folder of $SHELF.

Snakemake finds it by its name on the import path. It keeps what a bucket keeps: files with their
times of storing, no empty folders.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from snakemake_interface_storage_plugins.io import IOCacheStorageInterface
from snakemake_interface_storage_plugins.storage_object import (
    StorageObjectGlob,
    StorageObjectRead,
    StorageObjectWrite,
)
from snakemake_interface_storage_plugins.storage_provider import (
    ExampleQuery,
    StorageProviderBase,
    StorageQueryValidationResult,
)

SCHEME = "shelf://"


class StorageProvider(StorageProviderBase):
    """Takes every query that begins with the scheme."""

    @classmethod
    def example_queries(cls) -> list[ExampleQuery]:
        return []

    def use_rate_limiter(self) -> bool:
        return False

    def default_max_requests_per_second(self) -> float:
        return 1000

    def rate_limiter_key(self, query, operation) -> str:
        return SCHEME

    @classmethod
    def is_valid_query(cls, query: str) -> StorageQueryValidationResult:
        reason = f"expected {SCHEME}"
        return StorageQueryValidationResult(query, query.startswith(SCHEME), reason)


class StorageObject(StorageObjectRead, StorageObjectWrite, StorageObjectGlob):
    """A key; a folder is all keys below it."""

    @property
    def key(self) -> str:
        return self.query.removeprefix(SCHEME)

    def files(self) -> list[Path]:
        """The file, or all files of the folder."""
        path = Path(os.environ["SHELF"], self.key)
        return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]

    async def inventory(self, cache: IOCacheStorageInterface) -> None:
        pass

    def get_inventory_parent(self) -> None:
        return None

    def local_suffix(self) -> str:
        return self.key

    def cleanup(self) -> None:
        pass

    def exists(self) -> bool:
        return bool(self.files())

    def mtime(self) -> float:
        return max(file.stat().st_mtime for file in self.files())

    def size(self) -> int:
        return sum(file.stat().st_size for file in self.files())

    def retrieve_object(self) -> None:
        self.copy(Path(os.environ["SHELF"], self.key), self.local_path())

    def store_object(self) -> None:
        self.copy(self.local_path(), Path(os.environ["SHELF"], self.key))

    def copy(self, source: Path, target: Path) -> None:
        for file in [source] if source.is_file() else source.rglob("*"):
            if file.is_file():
                place = target if file == source else target / file.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)

    def remove(self) -> None:
        for file in self.files():
            file.unlink()

    def touch(self) -> None:
        for file in self.files():
            file.touch()

    def list_candidate_matches(self) -> Iterable[str]:
        return []
