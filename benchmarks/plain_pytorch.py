"""Both networks and their training in PyTorch without Keras."""

import numpy as np
import torch
from torch import nn

from lenet_keras import rbf_codes
from lenet_keras.layers import C3_CONNECTIONS


class ScaledTanh(nn.Module):
    """The squashing function of 1998."""

    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """Sums of 2x2 windows with a coefficient and a bias per map."""

    def __init__(self, maps):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x):
        total = 4 * nn.functional.avg_pool2d(x, 2)
        return self.coefficient * total + self.bias


class Table(nn.Conv2d):
    """C3 as a full kernel that is multiplied by a mask at each step."""

    def __init__(self):
        super().__init__(6, 16, 5)
        mask = np.zeros((16, 6, 1, 1), "float32")
        for output_map, entry in enumerate(C3_CONNECTIONS):
            mask[output_map, list(entry)] = 1
        self.register_buffer("mask", torch.from_numpy(mask))

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight * self.mask, self.bias)


class Distances(nn.Module):
    """Squared distances to the codes of the digits."""

    def __init__(self):
        super().__init__()
        codes = torch.from_numpy(np.array(rbf_codes("0123456789"), "float32"))
        self.register_buffer("codes", codes)

    def forward(self, x):
        return ((x[:, None] - self.codes) ** 2).sum(-1)


def network(faithful):
    """The faithful or the modern network, without a softmax."""
    if faithful:
        f = ScaledTanh
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5), f(), Subsampling(6), f()),
            *(Table(), f(), Subsampling(16), f()),
            *(nn.Conv2d(16, 120, 5), f(), nn.Flatten(), nn.Linear(120, 84), f()),
            Distances(),
        )
    f = nn.SiLU
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), f(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), f(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), f(), nn.Linear(120, 84), f(), nn.Linear(84, 10)),
    )


def map_loss(distances, labels):
    """Loss (9) of the paper."""
    right = distances.gather(1, labels[:, None])[:, 0]
    rubbish = torch.full((len(distances), 1), -10.0)
    all_classes = torch.cat([-distances, rubbish], 1)
    return (right + torch.logsumexp(all_classes, 1)).mean()


def epoch(faithful, x, y, batch_size):
    """A function that trains a network for one epoch."""
    model = network(faithful)
    loss = map_loss if faithful else nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    y = torch.from_numpy(y)

    def train():
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch_size):
            taken = order[start : start + batch_size]
            optimizer.zero_grad()
            loss(model(x[taken]), y[taken]).backward()
            optimizer.step()

    return train
