"""Measurements: each prints what docs/ and README quote."""
