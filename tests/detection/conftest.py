"""These tests need no fixtures: the core is pure."""

from tests.profiles import load_profile

load_profile()
