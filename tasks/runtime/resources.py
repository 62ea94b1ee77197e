"""What a run may use of a machine or cluster."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """actors: worker processes at most (None: as many as there are CPUs for, with `threads` each). gpu_share: of a GPU
    per actor, 0 where there is none. threads: of each job's arithmetic. Sums of several threads are rounded otherwise,
    so they decide numbers and are part of every product's key, as nothing else here is. cache_gib: memory per actor for
    what the frozen part of a network computes. job_hours: a job that takes longer is taken to hang.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    actors: Annotated[int, Ge(1)] | None = None
    gpu_share: Annotated[float, Ge(0)] = 0.5
    threads: Annotated[int, Ge(1)] = 1
    cache_gib: Annotated[float, Gt(0)] = 2.0
    job_hours: Annotated[float, Gt(0)] = 12.0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @property
    def key(self) -> int:
        """What of it decides numbers."""
        return self.threads

    @property
    def cache_bytes(self) -> int:
        return int(self.cache_gib * 2**30)

    def torch_device(self) -> torch.device:
        if self.device != "auto":
            return torch.device(self.device)
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
