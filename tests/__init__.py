"""Shapes are checked in all that the tests import (tests/shapes.py)."""

from tests.shapes import check_shapes

check_shapes("fitting", "pipeline", "detectors")
