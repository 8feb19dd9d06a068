"""Chooses between the starts of a person: which is best, and what all of them agree on."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.joints import HIPS, N_LSP
from fitting.objective.model import Model
from fitting.starts.starts import Starts

_CONSENSUS_SIGMA = 0.05  # m: of every mean joint


def least_per_person(value: Float[Tensor, " R"], person: Int[Tensor, " R"]) -> Int[Tensor, " P"]:
    """Index of the smallest value among the rows of each person, people in order."""
    order = torch.argsort(value, stable=True)
    order = order[torch.argsort(person[order], stable=True)]
    first = torch.ones(len(order), dtype=torch.bool, device=value.device)
    first[1:] = person[order][1:] != person[order][:-1]
    return order[first]


class Consensus:
    """The mean joints of all starts of a person, weighted by exp(-(value - least) / temperature).

    Args:
        model: in the precision of the states.
        starts: fitted.
        value: of each start, by FitConfig.choice.
    """

    def __init__(
        self, model: Model, starts: Starts, value: Float[Tensor, " R"], temperature: float
    ) -> None:
        person = starts.person
        people = int(person.max()) + 1 if len(person) else 0
        value = torch.where(value.isfinite(), value, torch.inf)  # a lost start has no weight
        least = value.new_full((people,), torch.inf).scatter_reduce(0, person, value, "amin")
        share = torch.exp(-(value - least[person]) / max(temperature, 1e-6)).nan_to_num(0.0)
        total = value.new_zeros(people).index_add(0, person, share)
        share = (share / total[person].clamp_min(1e-30))[:, None, None]
        joints = model.pose(starts.x).points[:, :N_LSP]
        joints = torch.where(share > 0, joints - joints[:, HIPS].mean(1, keepdim=True), 0.0)
        mean = joints.new_zeros(people, N_LSP, 3).index_add(0, person, share * joints)
        apart = share * (joints - mean[person]) ** 2
        self.joints: Float[Tensor, "P 14 3"] = mean
        self.spread: Float[Tensor, "P 14"] = (
            mean.new_zeros(people, N_LSP, 3).index_add(0, person, apart).sum(-1).sqrt()
        )

    def pull(self, chosen: Starts) -> Starts:
        """The chosen starts, with the mean joints as their target."""
        sure = torch.full_like(self.spread, 1 / _CONSENSUS_SIGMA)
        target = torch.cat([self.joints, sure[..., None]], -1).to(chosen.seen.target)
        return replace(chosen, seen=replace(chosen.seen, target=target))
