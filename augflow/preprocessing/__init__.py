"""Keras's ``preprocessing`` namespace: ``from augflow.preprocessing import image``."""

from augflow.preprocessing import image

__all__ = ["image"]
