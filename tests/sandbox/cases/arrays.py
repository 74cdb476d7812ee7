"""numpy's arithmetic passes through; its entropy and its files do not."""
import numpy as np


def case_arithmetic():  # works
    a = np.arange(6).reshape(2, 3)
    return (a @ a.T).tolist(), float(a.mean()), np.sort(np.array([3, 1, 2])).tolist()


def case_random():
    np.random.rand(2)  # refused: numpy.random.rand


def case_default_rng():
    np.random.default_rng()  # refused: numpy.random.default_rng


def case_from_import():
    from numpy.random import default_rng
    default_rng(1)  # refused: numpy.random.default_rng


def case_load():
    np.load("/nowhere.npy")  # refused: numpy.load
