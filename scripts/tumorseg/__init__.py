"""Compares segmentation losses on medical images; docs/architecture.md is the map."""

__version__ = "0.2.0"
