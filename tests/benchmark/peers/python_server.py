"""The server that a user of PyTorch and gRPC would write in an afternoon; python_client.py calls it.

Prints "listening on ADDRESS" and serves until it is killed. OMP_NUM_THREADS says how many threads
PyTorch computes on.
"""

import warnings
from concurrent import futures

import grpc
import torch
import torch.nn.functional as F

import loss_pb2
import loss_pb2_grpc

# The bytes of a message are read and never written.
warnings.filterwarnings("ignore", message="The given buffer is not writable")


class PythonLoss(loss_pb2_grpc.PythonLossServicer):
    def CrossEntropy(self, request, context):
        logits = torch.frombuffer(request.logits, dtype=torch.float32)
        logits = logits.reshape(request.rows, request.classes).requires_grad_()
        labels = torch.frombuffer(request.labels, dtype=torch.int64)
        losses = F.cross_entropy(logits, labels, reduction="none")
        loss = losses.mean()
        loss.backward()
        return loss_pb2.CrossEntropyResponse(
            loss=loss.item(),
            losses=losses.detach().numpy().tobytes(),
            gradient=logits.grad.numpy().tobytes(),
        )


def main():
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=2),
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    )
    loss_pb2_grpc.add_PythonLossServicer_to_server(PythonLoss(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
