"""The losses of several classes, from their formulas in plain NumPy, one case at a time.

Arrays are (..., channels). Those of exclusive classes are one-hot, channel 0 the background. As
numpy_losses.py, this shares nothing with scripts/tumorseg/losses.
"""

import math

import numpy_losses as of_one


def overlapping(name, y, p, **constants):
    """The mean over the channels of the binary loss of each; a list has a number for each."""
    total = 0.0
    for k in range(y.shape[-1]):
        own = {key: v[k] if isinstance(v, list) else v for key, v in constants.items()}
        total += getattr(of_one, name)(y[..., k], p[..., k], **own)
    return total / y.shape[-1]


def exclusive(name, y, p, **constants):
    """The formula of this module or, where it has none, each class against the rest."""
    if name in globals():
        return globals()[name](y, p, **constants)
    return each(getattr(of_one, name), y, p, **constants)


def each(function, y, p, background=True, class_sum=False, **constants):
    """A binary loss of each channel, averaged or summed."""
    channels = range(0 if background else 1, y.shape[-1])
    values = [function(y[..., c], p[..., c], **constants) for c in channels]
    return sum(values) if class_sum else sum(values) / len(values)


def entropy(y, p, weights, powers):
    """mean[-w_t (1 - p_t)^power_t ln p_t], t the true class of a pixel."""
    channels, total, pixels = y.shape[-1], 0.0, 0
    rows = zip(y.reshape(-1, channels), p.reshape(-1, channels), strict=True)
    for truth, probability in rows:
        t = list(truth).index(1)
        total -= weights[t] * (1 - probability[t]) ** powers[t] * math.log(probability[t])
        pixels += 1
    return total / pixels


def bce(y, p):
    channels = y.shape[-1]
    return entropy(y, p, [1] * channels, [0] * channels)


def wbce(y, p, weight=3.0):
    channels = y.shape[-1]
    weights = weight if isinstance(weight, list) else [1] + [weight] * (channels - 1)
    return entropy(y, p, weights, [0] * channels)


def focal(y, p, alpha=0.25, gamma=2.0):
    channels = y.shape[-1]
    weights = alpha if isinstance(alpha, list) else [alpha] * channels
    return entropy(y, p, weights, [gamma] * channels)


def combo(y, p, alpha=0.5, beta=0.5, background=True):
    channels = y.shape[-1]
    first = entropy(y, p, [1 - beta] + [beta] * (channels - 1), [0] * channels)
    return alpha * first - (1 - alpha) * (1 - each(of_one.dice, y, p, background))


def combo_simple(y, p, background=True, class_sum=False):
    return bce(y, p) - each(lambda a, b: of_one.index(a, b, 0.5, 0.5), y, p, background, class_sum)


def dice_ce(y, p, background=True, class_sum=False):
    return each(of_one.dice, y, p, background, class_sum) + bce(y, p)


def dice_focal(y, p, alpha=0.25, gamma=2.0, background=True, class_sum=False):
    return each(of_one.dice, y, p, background, class_sum) + focal(y, p, alpha, gamma)


def mixed_focal(y, p, lamda=0.5, alpha=0.25, beta=0.5, background=True, class_sum=False):
    channels = y.shape[-1]
    weights = [alpha * (1 - beta)] + [alpha * beta] * (channels - 1)
    second = each(of_one.focal_tversky, y, p, background, class_sum)
    return lamda * entropy(y, p, weights, [2.0] * channels) + (1 - lamda) * second


def mixed_focal_simple(y, p, alpha=0.25, background=True, class_sum=False):
    return each(of_one.focal_tversky, y, p, background, class_sum) + focal(y, p, alpha)


def unified_focal(
    y, p, lamda=0.5, delta=0.6, gamma=0.5, asymmetric=False, background=True, class_sum=False
):
    channels = y.shape[-1]
    powers = [gamma] + [0 if asymmetric else gamma] * (channels - 1)
    first = entropy(y, p, [1 - delta] + [delta] * (channels - 1), powers)
    gaps = [of_one.tversky(y[..., c], p[..., c], delta) for c in range(channels)]
    terms = [gap ** (1 - gamma) for gap in gaps]
    if asymmetric:
        terms[0] = gaps[0]
    terms = terms if background else terms[1:]
    second = sum(terms) if class_sum else sum(terms) / len(terms)
    return lamda * first + (1 - lamda) * second
