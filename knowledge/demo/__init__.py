"""The demo's own articles, and how they are loaded."""

from knowledge.demo.loader import load, read

__all__ = ["load", "read"]
