"""Transforms of functions: trees in, trees out. Their public names are those of ``wengert`` itself."""
