"""A user's program, for mypy --strict; it is not run."""

import asyncio

import numpy as np

import lossd
import lossd.xgboost


def train(client: lossd.Client) -> float:
    logits, labels = np.zeros((4, 3), np.float32), np.zeros(4, np.int64)
    result = client.compute(logits, labels, loss={"focal": {"gamma": 2}}, outputs={"gradient": True})
    for each in client.compute_stream([(logits, labels)], reduction="mean"):
        print(each.loss)
    weights = client.class_weights(labels, schemes=["balanced"]).weights["balanced"].values
    print(weights, result.gradient, lossd.xgboost.Objective("focal"))
    return result.loss


async def overlap() -> None:
    async with lossd.AsyncClient("localhost:50051", token="secret", tls=lossd.Tls(ca="ca.pem")) as client:
        print((await client.server_info()).version)


try:
    train(lossd.Client())
except lossd.InvalidArgument as error:
    print(error.violations[0].field)
except lossd.Unavailable as error:
    print((error.retry_after or 0) + 1)
asyncio.run(overlap())
