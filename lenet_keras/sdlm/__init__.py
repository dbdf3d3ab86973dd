"""Stochastic diagonal Levenberg-Marquardt, the training method of the 1998 paper."""

from lenet_keras.sdlm.curvature import CurvatureEstimation, diagonal_curvature
from lenet_keras.sdlm.optimizer import SDLM, paper_schedule
from lenet_keras.sdlm.rules import Rule, register_rule
from lenet_keras.sdlm.trainer import DivergenceError, fit

__all__ = [
    "SDLM",
    "CurvatureEstimation",
    "DivergenceError",
    "Rule",
    "diagonal_curvature",
    "fit",
    "paper_schedule",
    "register_rule",
]
