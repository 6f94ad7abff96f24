"""Lets Snakemake see folders that a job elsewhere has put into an S3 bucket."""

from importlib import import_module
from typing import Any


def see_new_folders() -> None:
    """Makes the objects of the S3 plug-in look again for a folder that was missing.

    In version 0.3.6 an object remembers that it is no folder, which it was asked before the job. So
    a folder that a pod has made stays "missing in storage", unless the bucket was new as well.
    Nothing happens where the plug-in is not installed.
    """
    try:
        plugin: Any = import_module("snakemake_storage_plugin_s3")
    except ImportError:
        return

    def is_dir(self: Any) -> bool:
        self._is_dir = bool(self._is_dir) or any(self.get_subkeys())
        return self._is_dir

    plugin.StorageObject.is_dir = is_dir
