"""The agents of peers/ that compute losses in Python: their configurations, and which is the fastest."""

import dataclasses
import itertools
import json

from suite.machine import has_cpu_flag
from suite.processes import RAISED_MALLOC, Agent, Refused
from suite.rows import median

_MALLOCS = {"malloc default": {}, "malloc raised": RAISED_MALLOC}
_STARTED = 180  # seconds; a first import may compile
_ANSWERED = 600  # seconds; a loss may be compiled first


@dataclasses.dataclass(frozen=True)
class Configuration:
    """A program of peers/, and the tuning that may make it faster."""

    interpreter: str
    script: tuple  # and its arguments
    tuning: str
    environment: tuple  # of pairs

    def command(self, context):
        name, *arguments = self.script
        return [*context.peer(name, self.interpreter), *arguments]


def _configurations(interpreters, script, tunings):
    return [
        Configuration(
            interpreter,
            script,
            ", ".join(filter(None, [malloc, *names])),
            tuple({**_MALLOCS[malloc], "OMP_NUM_THREADS": "1", **environment}.items()),
        )
        for interpreter, malloc, (names, environment) in itertools.product(
            interpreters, _MALLOCS, tunings
        )
    ]


def pytorch_configurations(interpreters, mode):
    """Of PyTorch in `mode`, "eager" or "compile": with each instruction set, which matters to eager code."""
    flags = {"avx2": "avx2", "avx512": "avx512f"}
    capabilities = ["default", *(name for name, flag in flags.items() if has_cpu_flag(flag))]
    tunings = [([name], {"ATEN_CPU_CAPABILITY": name}) for name in capabilities]
    if mode == "compile":
        tunings = [([], {})]
    return _configurations(interpreters, ("pytorch_losses.py", mode), tunings)


def jax_configurations(interpreters):
    return _configurations(interpreters, ("jax_losses.py",), [([], {})])


class LossAgent(Agent):
    """One configuration, running."""

    def __init__(self, context, configuration):
        super().__init__(
            configuration.command(context), dict(configuration.environment), context.log
        )
        try:
            version = json.loads(self.read_line(_STARTED))["version"]
        except BaseException:
            self.__exit__()
            raise
        self.label = f"{version}, {configuration.tuning}"

    def ask(self, *words, timeout=_ANSWERED):
        return super().ask(*words, timeout=timeout)


def best_configurations(context, configurations, losses):
    """Loss -> the configuration that computes it fastest, each tried once by itself."""
    best = {}
    for configuration in configurations:
        with LossAgent(context, configuration) as agent:
            for loss in losses:
                try:
                    seconds = median(agent.ask(loss, context.count(3))["calls"]).value
                except Refused:
                    continue
                if loss not in best or seconds < best[loss][0]:
                    best[loss] = (seconds, configuration)
    return {loss: configuration for loss, (_, configuration) in best.items()}
