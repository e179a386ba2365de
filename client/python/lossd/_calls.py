"""The calls beside Compute: requests from the caller's arguments, results from the answers."""

from __future__ import annotations

from typing import Any, List, Mapping, Tuple

from lossd import _contract, _request
from lossd.results import (
    ClassStatistics,
    ClassWeights,
    Comparison,
    Difficulty,
    Information,
    Loss,
    Parameter,
    PolicyStatistics,
    SchemeWeights,
    ServerInfo,
    array_of,
    as_dict,
    column,
    enum_name,
    optional_columns,
    optional_values,
    short_name,
    value_of,
)


def _bytes(kind: Any, fields: Mapping[str, Any]) -> bytes:
    return _request.serialize(*_request.make(kind, fields, ("deadline",)))


def compare_request(fields: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a CompareRequest with these fields."""
    return _bytes(_contract.CompareRequest, fields)


def read_comparisons(data: bytes) -> List[Comparison]:
    """Returns what a CompareResponse says of each loss."""
    return [
        Comparison(
            as_dict(each.loss_spec), each.loss, each.loss_sum, each.gradient_norm, each.vanishing_count,
            optional_columns(ClassStatistics, each, "class_statistics"),
            optional_columns(Difficulty, each, "difficulty"),
            optional_values(PolicyStatistics, each, "policy_statistics"), each,
        )
        for each in _contract.CompareResponse.FromString(data).comparisons
    ]  # fmt: skip


def class_weights_request(fields: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a ComputeClassWeightsRequest with these fields; a scheme may be its name alone."""
    schemes = fields.get("schemes")
    if schemes is not None:
        named = [{"scheme": scheme} if isinstance(scheme, str) else scheme for scheme in schemes]
        fields = {**fields, "schemes": named}
    return _bytes(_contract.ComputeClassWeightsRequest, fields)


def read_class_weights(data: bytes) -> ClassWeights:
    """Returns what a ComputeClassWeightsResponse says."""
    message = _contract.ComputeClassWeightsResponse.FromString(data)
    weights = {}
    for each in message.weights:
        name = short_name(each, "scheme")
        values = column(each, "values")
        weights[name] = SchemeWeights(name, short_name(each, "normalization"), values, value_of(each, "beta"))
    return ClassWeights(
        column(message, "counts"), column(message, "frequencies"), weights, column(message, "empty_classes"),
        message.imbalance_ratio, value_of(message, "alpha"),
    )  # fmt: skip


def information_request(fields: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a MeasureInformationRequest with these fields."""
    return _bytes(_contract.MeasureInformationRequest, fields)


def read_information(data: bytes) -> Information:
    """Returns what a MeasureInformationResponse says."""
    message = _contract.MeasureInformationResponse.FromString(data)
    names = ("entropy", "self_information", "cross_entropy", "kl_divergence", "jensen_shannon")
    return Information(*(array_of(getattr(message, name)) if message.HasField(name) else None for name in names))


def read_losses(data: bytes) -> List[Loss]:
    """Returns the catalogue that a ListLossesResponse has."""
    return [_read_loss(each) for each in _contract.ListLossesResponse.FromString(data).losses]


def _read_loss(message: Any) -> Loss:
    enum = message.DESCRIPTOR.fields_by_name["activations"].enum_type
    parameters = tuple(
        Parameter(
            each.name, value_of(each, "default_value"), value_of(each, "minimum"), value_of(each, "maximum"),
            each.minimum_exclusive, each.maximum_exclusive, each.description,
        )
        for each in message.parameters
    )  # fmt: skip
    activations: Tuple[str, ...] = tuple(enum_name(enum, number) for number in message.activations)
    return Loss(message.name, message.formula, activations, parameters, message.reference)


def read_server_info(data: bytes) -> ServerInfo:
    """Returns what a GetServerInfoResponse says."""
    message = _contract.GetServerInfoResponse.FromString(data)
    return ServerInfo(
        message.version, message.simd_instruction_set, message.thread_count, message.max_message_bytes,
        message.max_in_flight_bytes, message.max_stream_window, message,
    )  # fmt: skip
