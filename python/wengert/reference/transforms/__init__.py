"""Derivatives of functions: `linearization` first, then the questions that can be asked of it."""
