"""What an option, or another form, adds to a call: time over that of the plain one, in the same run."""

from suite.rows import Bound, Quantity, Row, fraction_of, median

SECTION = "options and forms, 1 thread: time over the plain loss and gradient"

_SHAPES = ("8192x1000", "65536x10", "2048x32000")
_PLAIN = "softmax/cross_entropy"

# what: (lossd's benchmark, the most times the plain one at each of _SHAPES)
_SOFTMAX = {
    "label smoothing": ("cross_entropy/label_smoothing", (1.25, 1.4, 1.15)),
    "temperature": ("cross_entropy/temperature", (1.25, 1.4, 1.15)),
    "prior adjustment": ("cross_entropy/prior", (1.25, 1.4, 1.15)),
    "z loss": ("cross_entropy/z_loss", (1.25, 1.4, 1.15)),
    "class weights": ("cross_entropy/class_weights", (1.25, 1.4, 1.15)),
    "those five together": ("cross_entropy/five_options", (1.25, 1.4, 1.15)),
    "softcap": ("cross_entropy/softcap", (1.8, 2.2, 1.6)),
    "LDAM": ("cross_entropy/ldam", (1.3, 1.5, 1.2)),
    "seesaw": ("cross_entropy/seesaw", (2, 2.5, 1.8)),
    "symmetric cross entropy": ("symmetric_cross_entropy", (1.2, 1.4, 1.1)),
    "Jensen-Shannon": ("jensen_shannon", (1.2, 1.4, 1.1)),
    "poly1": ("poly1", (1.2, 1.4, 1.1)),
    "generalized cross entropy": ("generalized_cross_entropy", (1.2, 1.4, 1.1)),
    "focal": ("focal", (1.2, 1.4, 1.1)),
    "squared error": ("squared_error", (1.5, 1.6, 1.3)),
    "class statistics, difficulty, top_k 1 and 5": ("cross_entropy/statistics", (1.3, 1.6, 1.2)),
    "hardest mining": ("cross_entropy/hardest_mining", (2, 2.2, 2)),
    "soft targets": ("cross_entropy/soft_targets", (1.9, 2, 1.9)),
    "soft targets, KL": ("kl_divergence/soft_targets", (1.9, 2, 1.9)),
    "soft targets, focal": ("focal/soft_targets", (3, 3, 3)),
    "Hessian too": ("cross_entropy/hessian", (1.7, 1.7, 1.7)),
}

_SIGMOID_SHAPE = "65536x80"
_SIGMOID_PLAIN = "sigmoid/cross_entropy"
_SIGMOID_FORMS = (
    "focal",
    "squared_error",
    "kl_divergence",
    "poly1",
    "generalized_cross_entropy",
    "symmetric_cross_entropy",
    "asymmetric",
    "asymmetric_detached",
    "quality_focal",
    "varifocal",
    "focal_star",
    "jensen_shannon",
    "focal_blended",
    "hinge",
    "squared_margin",
)
_MOST = {"jensen_shannon": 3}  # times the plain one, where that is not 2.2

_BOOSTING = ("1000000x1", "1000000x7", "7x1000000")


class _Measured:
    """The kernels of one shape: what each takes, and the memory beside its arrays."""

    def __init__(self, context, shape, names):
        names = [f"{name}/{shape}/threads:1" for name in names]
        pattern = "|".join([f"memcpy/{shape}", *names])
        self._shape = shape
        self._seconds = context.kernels(
            pattern, "cpu_time", context.count(3), min_time=0.02, processes=context.count(3)
        )
        self._peaks = context.kernel_peaks(pattern)

    def seconds(self, name, label=""):
        samples = self._seconds.get(self._full(name))
        return median(samples, label=label) if samples else None

    def _full(self, name):
        return f"{name}/{self._shape}" + ("" if name == "memcpy" else "/threads:1")

    def row(self, what, name, baseline, limit, label):
        full = self._full(name)
        ours, theirs = self.seconds(name), self.seconds(baseline, label)
        bound = Bound("<=", limit) if limit else None
        what = f"{what} {self._shape}"
        if ours is None or theirs is None:
            return Row(SECTION, what, bound=bound, note=f"kernels_benchmark has no {full}")
        peak = Quantity(self._peaks[full], "B")
        return fraction_of(SECTION, what, ours, theirs, bound, peak=peak)


def _softmax_rows(context, column, shape):
    kernels = {what: f"softmax/{name}" for what, (name, _) in _SOFTMAX.items()}
    measured = _Measured(context, shape, [_PLAIN, *kernels.values()])
    return [
        measured.row(f"softmax {what}", kernels[what], _PLAIN, limits[column], "cross entropy")
        for what, (_, limits) in _SOFTMAX.items()
    ]


def _sigmoid_rows(context):
    kinds = {"class ids": "", "binary labels": "/binary_labels", "soft targets": "/soft_targets"}
    names = [
        f"sigmoid/{form}{kind}"
        for form in ("cross_entropy", *_SIGMOID_FORMS)
        for kind in kinds.values()
    ]
    weighted = {
        "sample weights": f"{_SIGMOID_PLAIN}/binary_labels/sample_weights",
        "a fourth of weight 0": f"{_SIGMOID_PLAIN}/binary_labels/weights_of_0",
    }
    measured = _Measured(context, _SIGMOID_SHAPE, [*names, *weighted.values()])
    rows = [measured.row("sigmoid CE, class ids, over memcpy", _SIGMOID_PLAIN, "memcpy", 3, "memcpy")]
    for kind, suffix in kinds.items():
        for form in ("cross_entropy", *_SIGMOID_FORMS):
            if form == "cross_entropy" and not suffix:
                continue
            what = f"sigmoid {form}, {kind}"
            limit = None if suffix == "/binary_labels" else _MOST.get(form, 2.2)
            kernel = f"sigmoid/{form}{suffix}"
            rows.append(measured.row(what, kernel, _SIGMOID_PLAIN, limit, "sigmoid CE, class ids"))
    plain = f"{_SIGMOID_PLAIN}/binary_labels"
    for what, kernel in weighted.items():
        rows.append(measured.row(f"sigmoid CE, {what},", kernel, plain, None, "without weights"))
    return rows


def _boosting_rows(context, shape):
    kernels = {"sigmoid": f"{_SIGMOID_PLAIN}/binary_labels"}
    if shape != _BOOSTING[0]:
        kernels["softmax"] = _PLAIN
    names = [f"{kernel}{setting}" for kernel in kernels.values() for setting in ("", "/hessian")]
    measured = _Measured(context, shape, names)
    return [
        measured.row(f"{name} Hessian too", f"{kernel}/hessian", kernel, 1.7, "gradient")
        for name, kernel in kernels.items()
    ]


def measure(context):
    shapes = _SHAPES if not context.quick else _SHAPES[:1]
    rows = []
    for column, shape in enumerate(shapes):
        rows += _softmax_rows(context, column, shape)
    rows += _sigmoid_rows(context)
    for shape in _BOOSTING:
        rows += _boosting_rows(context, shape)
    return rows
