"""When skull stripping harms a case. Apart from skull_strip.py, which loads SimpleITK."""

KEPT_SHARE = 0.99  # a method harms a case if it keeps a smaller share of the tumour
