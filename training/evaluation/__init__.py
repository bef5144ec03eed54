"""Judges a linkage against known truth: scores with intervals, errors by kind, calibration, and a report to read."""
