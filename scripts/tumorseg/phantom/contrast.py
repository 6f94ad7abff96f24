"""How bright each tissue is in each MRI sequence, by the signal equations of its pulses.

Density, T1 and T2 of healthy tissue are those of BrainWeb at 1.5 T (Collins et al., IEEE Trans Med
Imaging 1998;17:463-468; its table of tissue parameters). Those of a tumour's parts are ours,
not measured: chosen so that the parts look as the annotators of BraTS describe them (Menze et al.,
IEEE Trans Med Imaging 2015;34:1993-2024): oedema bright in T2 and FLAIR, enhancing tumour brighter
in T1-CE than in T1 and than white matter, necrosis dark in T1-CE, both bright in T2.
"""

from math import exp
from typing import NamedTuple

import numpy as np

SPREAD = 0.03  # deviation of a patient's density, T1 and T2 from the table's


class Relaxation(NamedTuple):
    """A tissue: density of protons (water 1), T1 and T2 in ms.

    uptake: what a dose of contrast agent adds to 1/T1, in 1/s.
    """

    density: float
    t1_ms: float
    t2_ms: float
    uptake: float = 0.0


class Pulses(NamedTuple):
    """A spin echo's times in ms. An inversion pulse before it suppresses fluid (FLAIR).

    agent: whether contrast agent was given. flow: the share of its signal that flowing blood keeps.
    """

    repetition_ms: float
    echo_ms: float
    inversion_ms: float | None = None
    agent: bool = False
    flow: float = 1.0


PULSES = {
    "t1": Pulses(450, 10),
    "t1ce": Pulses(450, 10, agent=True),
    "t2": Pulses(4500, 100, flow=0.2),
    "flair": Pulses(9000, 120, inversion_ms=1700, flow=0.2),
}
SEQUENCES = tuple(PULSES)
HEALTHY = {
    "white": Relaxation(0.77, 500, 70),
    "grey": Relaxation(0.86, 833, 83),
    "csf": Relaxation(1.0, 2569, 329),
    "fat": Relaxation(1.0, 350, 70),
    "muscle": Relaxation(1.0, 900, 47, 0.2),
    "vessel": Relaxation(1.0, 1500, 200, 3.0),  # blood
    "gland": Relaxation(0.9, 900, 80, 2.5),  # healthy, but takes up contrast agent
}
TUMOUR = {
    "oedema": Relaxation(0.93, 1100, 170),
    "core": Relaxation(0.93, 1300, 150),  # solid tumour that takes up no contrast agent
    "necrosis": Relaxation(0.95, 1700, 250),
    "enhancing": Relaxation(0.90, 1000, 120, 2.2),
}
TISSUES = HEALTHY | TUMOUR


def signals(
    sequence: str, rng: np.random.Generator | None = None, dose: float = 1.0
) -> dict[str, float]:
    """The brightness of every tissue in one of SEQUENCES; white matter is 1.

    rng: gives the tissues a patient's own values; without it the table's are used. Use a generator
    of the same state for every sequence of a patient. dose: factor of the uptake.
    """
    pulses = PULSES[sequence]
    found = {}
    for name, tissue in TISSUES.items():
        own = np.exp(rng.normal(0, SPREAD, 3)) if rng else np.ones(3)
        density, t1_ms, t2_ms = (float(value) for value in own * tissue[:3])
        if pulses.agent:
            t1_ms = 1 / (1 / t1_ms + dose * tissue.uptake / 1000)
        recovered = 1 - exp(-pulses.repetition_ms / t1_ms)
        if pulses.inversion_ms is not None:
            recovered = abs(2 * exp(-pulses.inversion_ms / t1_ms) + recovered - 2)
        flow = pulses.flow if name == "vessel" else 1.0
        found[name] = flow * density * recovered * exp(-pulses.echo_ms / t2_ms)
    return {name: value / found["white"] for name, value in found.items()}
