"""Embedding, the index, and search."""
