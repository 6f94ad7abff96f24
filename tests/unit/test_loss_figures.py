"""Promises of the figure of the losses, in each form that an experiment's networks can have."""

import numpy as np
import pytest

from tumorseg.core import registry
from tumorseg.reporting.loss_figures import curve, loss_figure

FORMS = [("binary", 1), ("overlapping", 3), ("exclusive", 1), ("exclusive", 3)]


@pytest.mark.parametrize(("form", "classes"), FORMS)
def test_cross_entropy_is_the_logarithm_of_the_true_class_in_every_form(form, classes):
    drawn = curve("bce", "bce", {}, form, classes)
    np.testing.assert_allclose(drawn.value, -np.log(drawn.p_t), rtol=1e-5)
    np.testing.assert_allclose(drawn.slope, -1 / drawn.p_t, rtol=1e-5)


@pytest.mark.parametrize(("form", "classes"), FORMS)
@pytest.mark.parametrize("name", registry.names("losses"))
def test_the_slope_is_that_of_the_drawn_value(name, form, classes):
    drawn = curve(name, name, {}, form, classes, points=981)  # steps of .001
    inside = slice(100, -100)
    measured = np.gradient(drawn.value.astype(float), drawn.p_t)
    np.testing.assert_allclose(drawn.slope[inside], measured[inside], rtol=0.02, atol=2e-3)


def test_lists_of_class_weights_are_drawn():
    losses = {"focal": ("focal", {"alpha": [0.1, 0.2, 0.7]}), "bce": ("bce", {})}
    figure = loss_figure(losses, "exclusive", 2)
    drawn = [line.get_label() for line in figure.axes[0].get_lines()]
    assert drawn == ["focal", "bce"]
