"""Whole training steps with PyTorch's own loss and with lossd's, so that a user can tell when a
remote call pays. No bounds."""

from suite.network import THERE_ADDRESS, Network, NetworkRefused
from suite.processes import Refused
from suite.rows import Row, fraction_of, interleave, median

SECTION = "training step (PyTorch: forward, loss, backward), time over that with PyTorch's own loss"

_SHAPES = [
    # rows, features, classes, steps a round
    (4096, 256, 1000, 2),
    (256, 256, 32000, 2),
    (32, 256, 10, 50),
]
_TYPES = ("float32", "bfloat16")


def _rows(context, agent, places, shape, dtype):
    *extents, steps = shape

    def measure(where):
        return lambda: agent.ask(*extents, dtype, where, steps)["calls"]

    targets = {"local": "local", **places}
    samples = interleave(
        context.count(3), {place: measure(where) for place, where in targets.items()}
    )
    local = median(samples["local"], label="PyTorch's loss")
    name = f"{extents[0]}x{extents[2]} {dtype.upper()}"
    return [
        fraction_of(SECTION, f"{name}, {place}", median(samples[place]), local) for place in places
    ]


def _measure_all(context, places):
    rows = []
    with context.start_python_agent("training.py") as agent:
        for shape in _SHAPES if not context.quick else _SHAPES[2:]:
            for dtype in _TYPES:
                try:
                    rows += _rows(context, agent, places, shape, dtype)
                except Refused as refused:
                    rows.append(Row(SECTION, f"{shape} {dtype}", note=str(refused)))
    return rows


def measure(context):
    loopback = {"lossd over loopback": context.lossd.address}
    try:
        with Network() as network:
            with context.start_lossd(network.inside, f"{THERE_ADDRESS}:0") as there:
                link = f"lossd over a link ({network.description})"
                return _measure_all(context, {**loopback, link: there.address})
    except NetworkRefused as refused:
        rows = _measure_all(context, loopback)
        return [*rows, Row(SECTION, "over a link of 10 Gbit/s", note=str(refused))]
