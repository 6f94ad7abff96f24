"""The losses again, from their formulas in plain NumPy, one case at a time, in float64.

They share nothing with scripts/tumorseg/losses: no helpers, other sums, no numerical safeguards.
"""

import math

import numpy as np

SMOOTH = 1e-6


def counts(y, p):
    """TP, FP, FN of a case."""
    return float((y * p).sum()), float(((1 - y) * p).sum()), float((y * (1 - p)).sum())


def index(y, p, miss, false):
    tp, fp, fn = counts(y, p)
    return (tp + SMOOTH) / (tp + miss * fn + false * fp + SMOOTH)


def cross_entropy(y, p, on=1.0, off=1.0, power=0.0):
    """mean[-(on y (1-p)^g ln p + off (1-y) p^g ln(1-p))]."""
    total = 0.0
    for truth, probability in zip(y.ravel(), p.ravel(), strict=True):
        if truth:
            total -= on * (1 - probability) ** power * math.log(probability)
        else:
            total -= off * probability**power * math.log(1 - probability)
    return total / y.size


def gradient_size(y):
    """Mean length of the mask's gradient, by numpy.gradient."""
    return float(np.sqrt(sum(part**2 for part in np.gradient(y))).mean())


def bce(y, p):
    return cross_entropy(y, p)


def focal(y, p, alpha=0.25, gamma=2.0):
    return cross_entropy(y, p, alpha, 1 - alpha, gamma)


def wbce(y, p, weight=3.0):
    return cross_entropy(y, p, weight, 1.0)


def dice(y, p):
    return 1 - index(y, p, 0.5, 0.5)


def iou(y, p):
    return 1 - index(y, p, 1.0, 1.0)


def tversky(y, p, delta=0.7):
    return 1 - index(y, p, delta, 1 - delta)


def focal_tversky(y, p, delta=0.7, gamma=4 / 3):
    return tversky(y, p, delta) ** (1 / gamma)


def cosine_tversky(y, p, delta=0.7, gamma=1.0):
    return math.cos(math.pi / 2 * index(y, p, delta, 1 - delta)) ** gamma


def combo(y, p, alpha=0.5, beta=0.5):
    return alpha * cross_entropy(y, p, beta, 1 - beta) - (1 - alpha) * (1 - dice(y, p))


def combo_simple(y, p):
    return bce(y, p) - (1 - dice(y, p))


def dice_ce(y, p):
    return dice(y, p) + bce(y, p)


def dice_focal(y, p):
    return dice(y, p) + focal(y, p)


def mixed_focal(
    y, p, lamda=0.5, alpha=0.25, beta=0.5, delta=0.7, gamma_focal=2.0, gamma_dice=4 / 3
):
    first = cross_entropy(y, p, alpha * beta, alpha * (1 - beta), gamma_focal)
    return lamda * first + (1 - lamda) * focal_tversky(y, p, delta, gamma_dice)


def mixed_focal_simple(y, p):
    return focal_tversky(y, p) + focal(y, p)


def unified_focal(y, p, lamda=0.5, delta=0.6, gamma=0.5, asymmetric=False):
    tumour, rest = tversky(y, p, delta), tversky(1 - y, 1 - p, delta)
    if asymmetric:
        on = cross_entropy(y, p, delta, 0, 0)
        first = on + cross_entropy(y, p, 0, 1 - delta, gamma)
        second = (tumour ** (1 - gamma) + rest) / 2
    else:
        first = cross_entropy(y, p, delta, 1 - delta, gamma)
        second = (tumour ** (1 - gamma) + rest ** (1 - gamma)) / 2
    return lamda * first + (1 - lamda) * second


def afl_paper(y, p, class_balance=True, volume=True, smoothness=True):
    gamma = volume * y.mean() + smoothness * gradient_size(y)
    alpha = 1 - y.mean() if class_balance else 1.0
    return cross_entropy(y, p, alpha, alpha, gamma)


def afl_code(y, p, class_balance=True, volume=True, smoothness=True):
    gamma = volume * y.mean() + smoothness * gradient_size(y)
    on, off = (y.mean(), 1 - y.mean()) if class_balance else (1.0, 1.0)
    return cross_entropy(y, p, on, off, gamma)


def afl_balanced(y, p, class_balance=True, volume=True, smoothness=True):
    gamma = volume * y.mean() + smoothness * gradient_size(y)
    share = min(max(y.mean(), 1 / y.size), 1 - 1 / y.size)
    on, off = (1 - share, share) if class_balance else (1.0, 1.0)
    return cross_entropy(y, p, on, off, gamma)


def border_distance(y):
    """Signed distance of every pixel to the border pixels, by comparison with all of them."""
    padded = np.pad(y, 1)
    pixels = np.argwhere(y == 1)
    border = [
        tuple(pixel)
        for pixel in pixels
        if any(
            padded[tuple(pixel + 1 + sign * step)] == 0
            for step in np.eye(y.ndim, dtype=int)
            for sign in (-1, 1)
        )
    ]
    background = np.argwhere(padded == 0) - 1
    distances = np.zeros(y.shape)
    for place in np.ndindex(y.shape):
        if y[place]:
            distances[place] = 1 - min(np.linalg.norm(background - np.array(place), axis=1))
        elif border:
            distances[place] = min(np.linalg.norm(np.array(border) - np.array(place), axis=1))
    return distances


def boundary(y, p, weight=0.01):
    return dice(y, p) + weight * float((p * border_distance(y)).mean())
