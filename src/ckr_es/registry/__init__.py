"""Registers outside the house: their files, their answers, and what of them becomes a record."""
