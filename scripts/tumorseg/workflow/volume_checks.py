"""Checks of what the config says of volumes; each error is one line that names the key."""

from typing import Any

from tumorseg.core.errors import UserError


def check_volumes(config: dict[str, Any]) -> None:
    """Raises UserError where dimensions, patch and intensity steps do not fit one another."""
    source, patch = config["source"], config["network"].get("patch")
    volumes = source.get("dimensions", 2) == 3
    if volumes and (patch is None or len(patch) != 3):
        raise UserError(
            "config: network.patch: volumes (source.dimensions: 3) are trained in patches; give "
            "their depth, height and width in voxels, such as [32, 64, 64]"
        )
    if not volumes and patch is not None:
        raise UserError(
            "config: network.patch: slices are trained whole, at network.size_px; remove it, or "
            "set source.dimensions: 3"
        )
    for name in config["use_recipes"] if volumes else ():
        recipe = config["recipes"][name]
        if "volumes" not in recipe:
            raise UserError(
                f"config: recipes.{name}.volumes: say how volumes are prepared, such as "
                "{crop: nonzero, intensities: [zscore]}"
            )
        _check_organ(f"recipes.{name}.volumes", recipe["volumes"], source.get("channels", []))
        from tumorseg.imaging.intensity import check_steps  # loads SimpleITK; slices need none

        try:
            check_steps(recipe["volumes"]["intensities"])
        except UserError as error:
            key = f"recipes.{name}.volumes.intensities"
            raise UserError(f"config: {key}: {error}") from None


def _check_organ(key: str, volumes: dict[str, Any], channels: list[str]) -> None:
    """Raises UserError where a crop to an organ has no mask, or a mask is not cropped to."""
    organ = volumes.get("organ")
    if volumes.get("crop") != "organ":
        if extra := next((name for name in ("organ", "margin_mm") if name in volumes), ""):
            raise UserError(f"config: {key}.{extra}: set crop: organ as well, or remove {extra}")
    elif organ is None or str(organ) not in channels[1:]:
        found = "no organ" if organ is None else f"no {str(organ)!r}"
        known = ", ".join(channels[1:]) or "none"
        raise UserError(
            f"config: {key}.organ: {found} in source.channels after the first ({known}); name the "
            "channel that is the organ's mask"
        )
