"""Boundary loss: Dice plus the distance of the predicted tumour from the true border."""

import numpy as np
from keras import KerasTensor
from scipy.ndimage import distance_transform_edt

from tumorseg.loss_kit.constants import Switch, Weight
from tumorseg.loss_kit.parts import case_loss, case_mean
from tumorseg.losses.dice import dice


def targets(masks: np.ndarray) -> np.ndarray:
    """Masks (n, ..., 1) to the y_true of this loss, (n, ..., 2): each mask and its distances.

    Of several classes this is done for each, the background included.
    """
    distances = [signed_distance(mask[..., 0])[..., None] for mask in masks]
    return np.concatenate([masks, np.stack(distances)], axis=-1).astype(np.float32)


@case_loss(targets=1)
def boundary(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    weight: Weight = 0.01,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """dice + w mean(p sd), sd the signed distance to the true border in px; may be negative.

    sd is negative inside the tumour. w stays the same during the training. Several classes: each
    against all others.

    Args:
        y_true: (batch, ..., 2), 2-D or 3-D: the mask of 0 and 1, and sd; targets() makes it of
            masks. Several classes: first all masks (one-hot), then all sd.
        y_pred: probabilities, (batch, ..., 1); several classes: one channel each.
        weight: w.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed instead of averaged.

    Returns:
        One value per case, (batch,).

    Source: Kervadec et al. 2019, eq. 5, with the Dice loss as its regional part; several classes as
    in their code (SurfaceLoss), whose `idc` lists the classes that count.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(boundary(targets(truth), prediction)[0]), 4)
    0.3656
    """
    mask, distance = y_true[..., :1], y_true[..., 1:]
    return dice(mask, y_pred) + weight * case_mean(y_pred * distance)


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the mask's border in px, negative inside; 2-D or 3-D, float32.

    Border pixels are 0; what lies outside the image counts as background. An empty mask has no
    border: 0 everywhere. Source: Kervadec et al. 2019, section 3 (their level set function).

    >>> signed_distance(np.array([0, 1, 1, 1, 0, 0])).tolist()
    [1.0, 0.0, -1.0, 0.0, 1.0, 2.0]
    """
    mask = mask != 0
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    inside = distance_transform_edt(np.pad(mask, 1))[(slice(1, -1),) * mask.ndim]
    outside = distance_transform_edt(~mask)
    return np.where(mask, 1.0 - inside, outside).astype(np.float32)
