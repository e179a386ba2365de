"""Batches of torch tensors as calls of Compute: one, or several when a message would be too large."""

import sys

import torch

from lossd.v1 import compute_pb2, loss_spec_pb2, tensor_pb2

_DATA_TYPES = {
    torch.bfloat16: tensor_pb2.DATA_TYPE_BFLOAT16,
    torch.float16: tensor_pb2.DATA_TYPE_FLOAT16,
    torch.float32: tensor_pb2.DATA_TYPE_FLOAT32,
    torch.float64: tensor_pb2.DATA_TYPE_FLOAT64,
    torch.int64: tensor_pb2.DATA_TYPE_INT64,
}
_TORCH_TYPES = {data_type: dtype for dtype, data_type in _DATA_TYPES.items()}

_WIDTHS = {data_type: torch.empty((), dtype=dtype).element_size() for data_type, dtype in _TORCH_TYPES.items()}

_ENVELOPE_BYTES = 4096  # at most, of a message beside its arrays and what the request itself says


def to_tensor(values):
    """Returns a torch tensor as a lossd.v1.Tensor: floats of 16, 32 and 64 bits in their own type,
    integers and bools as int64."""
    values = values.detach().cpu().contiguous()
    if not values.is_floating_point() and not values.is_complex():
        values = values.to(torch.int64)
    if values.dtype not in _DATA_TYPES:
        raise TypeError(f"lossd takes floats of 16, 32 or 64 bits, and integers, not {values.dtype}")
    if sys.byteorder != "little":
        raise RuntimeError("lossd_torch copies memory unchanged, and the wire is little-endian")
    bits = values.view(torch.int16) if values.dtype is torch.bfloat16 else values  # numpy has none
    return tensor_pb2.Tensor(
        data_type=_DATA_TYPES[values.dtype], shape=values.shape, data=bits.numpy().tobytes()
    )


def from_tensor(tensor, device=None):
    """Returns a lossd.v1.Tensor with raw data as a torch tensor."""
    dtype = _TORCH_TYPES[tensor.data_type]
    if not tensor.data:
        return torch.zeros(list(tensor.shape), dtype=dtype, device=device)
    values = torch.frombuffer(bytearray(tensor.data), dtype=dtype)
    return values.reshape(list(tensor.shape)).to(device)


def compute(server, request, tensors, on_answer):
    """Returns the loss, or the losses, and the gradient, None when it is not asked for. `request` has
    all but the tensors."""
    size = _size(request, tensors)
    room = _room(server, request, tensors["logits"])
    if size > room:
        return _compute_in_chunks(server, request, tensors, on_answer)
    answer = _ask(server, request, tensors, on_answer)
    device = tensors["logits"].device
    gradient = from_tensor(answer.gradient, device) if request.outputs.gradient else None
    if request.reduction == compute_pb2.REDUCTION_NONE:
        return from_tensor(answer.losses, device), gradient
    return _scalar(answer.loss, tensors["logits"]), gradient


def _scalar(loss, logits):
    dtype = torch.float64 if logits.dtype is torch.float64 else torch.float32
    return torch.tensor(loss, dtype=dtype, device=logits.device)


def _ask(server, request, tensors, on_answer, first_row=0):
    for name, values in tensors.items():
        getattr(request, name).CopyFrom(to_tensor(values))
    answer = server.compute(request, first_row)
    if on_answer is not None:
        on_answer(answer)
    return answer


def _is_sigmoid(request):
    return request.loss.activation == loss_spec_pb2.ACTIVATION_SIGMOID


def _size(request, tensors):
    """Returns the bytes of the arrays in the request or in its answer, whichever has more."""
    sent = sum(v.numel() * (v.element_size() if v.is_floating_point() else 8) for v in tensors.values())
    logits, asked = tensors["logits"], request.outputs
    width = logits.element_size()
    wide = max(4, width)
    classes = 1 if _is_sigmoid(request) else max(1, _class_count(request, logits))
    asked_width = _WIDTHS.get(asked.gradient_data_type, width)
    per_logit = asked.gradient * asked_width
    per_logit += (asked.hessian_diagonal + asked.probabilities) * wide
    per_sample = (asked.log_sum_exp + asked.margin + (not asked.omit_losses)) * wide
    return max(sent, logits.numel() * per_logit + logits.numel() // classes * per_sample)


def _class_count(request, logits):
    return logits.shape[request.class_axis or -1] if logits.dim() > 1 else 2


def _room(server, request, logits):
    """Returns how many bytes of a message are left for what _size() counts."""
    asked = request.outputs
    # Statistics have nine numbers for each class, and a difficulty; weights have one.
    arrays = 10 * asked.class_statistics + (not asked.omit_class_weights)
    per_class = 8 * arrays * _class_count(request, logits)
    return server.max_message_bytes - request.ByteSize() - per_class - _ENVELOPE_BYTES


def _compute_in_chunks(server, request, tensors, on_answer):
    logits, axis = tensors["logits"], request.class_axis or -1
    rows = _as_rows(tensors, axis)
    request.ClearField("class_axis")
    _complete(server, request, rows)
    count = len(rows["logits"])
    room = _room(server, request, rows["logits"])
    step = room * count // _size(request, rows)
    if step < 1:
        raise ValueError(f"a row of the batch does not fit {_limit(server)}")
    losses, gradients, loss_sum = [], [], 0.0
    for first in range(0, count, step):
        part = {name: values[first : first + step] for name, values in rows.items()}
        answer = _ask(server, request, part, on_answer, first)
        losses.append(from_tensor(answer.losses, logits.device) if answer.HasField("losses") else None)
        gradients.append(from_tensor(answer.gradient, logits.device) if request.outputs.gradient else None)
        loss_sum += answer.loss_sum
    gradient = _as_batch(torch.cat(gradients), logits, axis) if request.outputs.gradient else None
    if request.reduction == compute_pb2.REDUCTION_NONE:
        return _as_batch(torch.cat(losses), logits, axis), gradient
    if request.HasField("normalizer"):
        loss_sum = loss_sum / request.normalizer if request.normalizer else 0.0
    return _scalar(loss_sum, logits), gradient


def _limit(server):
    return (
        f"a message of {server.max_message_bytes} bytes, the max_message_bytes of connect(); the server's "
        "limit is its --max-message-bytes"
    )


def _as_rows(tensors, axis):
    """Returns the tensors with the class axis last and all others as one, which can be cut anywhere."""
    logits = tensors["logits"]
    outer = logits.dim() - 1 if logits.dim() > 1 else 1
    moved = logits.movedim(axis, -1) if logits.dim() > 1 else logits
    places = moved.shape[:outer]
    rows = {}
    for name, values in tensors.items():
        if name == "sample_weights" and values.shape == places[:1]:
            values = values.reshape(-1, *[1] * (outer - 1)).expand(places)  # one for each of the N
        elif values.dim() > outer:
            values = values.movedim(axis, -1)
        if values.shape not in (moved.shape, places):
            raise ValueError(
                f"{name}.shape = {list(tensors[name].shape)} does not fit logits.shape = {list(logits.shape)}"
            )
        rows[name] = values.flatten(0, outer - 1)
    return rows


def _as_batch(rows, logits, axis):
    """Returns rows of the logits' or the losses' values in the batch's own shape."""
    if logits.dim() == 1:
        return rows
    shape = logits.movedim(axis, -1).shape
    return rows.reshape(shape).movedim(-1, axis) if rows.dim() == 2 else rows.reshape(shape[:-1])


def _complete(server, request, rows):
    """Adds to the request what its chunks must know of the whole batch: class counts and the divisor."""
    spec, logits, labels = request.loss, rows["logits"], rows["labels"].detach().cpu()
    if spec.HasField("mining"):
        raise ValueError(f"loss.mining needs the whole batch, which does not fit {_limit(server)}")
    shape = logits.shape if _is_sigmoid(request) else logits.shape[:1]

    def of_each_sample(values):
        return values.reshape(values.shape + (1,) * (len(shape) - values.dim())).expand(shape)

    weights = rows.get("sample_weights", torch.ones(shape[:1])).detach().cpu()
    weights = of_each_sample(weights).double()
    wrong = weights[~((weights >= 0) & (weights < float("inf")))]
    if len(wrong):
        raise ValueError(f"sample_weights hold {wrong[0].item()}, expected finite numbers >= 0")
    counted = weights != 0
    class_ids = not labels.is_floating_point()
    if class_ids and spec.HasField("ignore_index"):
        counted = counted & (of_each_sample(labels) != spec.ignore_index)
    classes = None
    if class_ids and not _is_sigmoid(request):
        classes = labels[counted].clamp(0, logits.shape[1] - 1)  # the server refuses what is outside
    weighting = spec.class_weighting
    if weighting.WhichOneof("source") == "scheme" and not weighting.scheme.HasField("counts"):
        if classes is None:
            raise ValueError(
                "loss.class_weighting.scheme.counts are needed beside labels other than softmax's "
                f"integers: the batch does not fit {_limit(server)}"
            )
        counts = torch.bincount(classes, minlength=logits.shape[1])
        weighting.scheme.counts.CopyFrom(to_tensor(counts.double()))
    if request.HasField("normalizer"):
        return
    if request.reduction == compute_pb2.REDUCTION_MEAN_VALID:
        request.normalizer = counted.sum().item()
    elif request.reduction == compute_pb2.REDUCTION_MEAN:
        terms = weights[counted]
        if classes is not None and weighting.WhichOneof("source"):
            terms = terms * _class_weights(server, weighting, logits.shape[1])[classes]
        # In the order of the samples, as the server adds them.
        divisor = terms.cumsum(0)[-1].item() if len(terms) else 0.0
        if not 0 <= divisor < float("inf"):
            raise ValueError(f"the weights' sum is {divisor}, and the batch does not fit {_limit(server)}")
        request.normalizer = divisor


def _class_weights(server, weighting, classes):
    """Returns the weight of each class, float64, that the server has for one ignored row."""
    request = compute_pb2.ComputeRequest(
        loss=loss_spec_pb2.LossSpec(class_weighting=weighting),
        logits=to_tensor(torch.zeros(1, classes, dtype=torch.float64)),
        labels=to_tensor(torch.zeros(1, dtype=torch.int64)),
        sample_weights=to_tensor(torch.zeros(1)),
    )
    return from_tensor(server.compute(request).class_weights)
