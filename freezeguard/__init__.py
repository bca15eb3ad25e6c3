"""Stops the sale of a defective SKU, checks that it stopped, and lets people lift the stop."""

__version__ = "0.1.0"
