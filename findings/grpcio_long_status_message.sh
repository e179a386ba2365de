#!/usr/bin/env bash
# grpcio 1.85.3: the code of a failed call is drawn by lot when the server's message is long. Where
# a server aborts every call with INVALID_ARGUMENT and 12,000 characters, its client sees
# INVALID_ARGUMENT in about half of the calls and RESOURCE_EXHAUSTED in the others, because the
# trailers of 12,190 bytes are over a soft limit of 8,192. 2,000 times "é" do the same: a message
# travels percent-encoded, six bytes for each "é".
#
# Expected: the same code for the same call, or a limit that always refuses. A retry on
# RESOURCE_EXHAUSTED repeats a call that can never succeed, and a test of the code passes now and
# then.
#
# Seen on 2026-11-29, calls of 300:
#    7000 x INVALID_ARGUMENT=300
#   12000 x INVALID_ARGUMENT=143 RESOURCE_EXHAUSTED=157
#    2000 é INVALID_ARGUMENT=152 RESOURCE_EXHAUSTED=148
#   16500 x RESOURCE_EXHAUSTED=300
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'grpcio==1.85.3'

"$work/venv/bin/python" - <<'PYTHON'
import collections
import concurrent.futures
import sys

import grpc


class Refusing(grpc.GenericRpcHandler):
    def service(self, call):
        character, count = call.method.split("/")[1:]
        text = {"x": "x", "e": "é"}[character] * int(count)
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, text))


server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((Refusing(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
seen = {}
with grpc.insecure_channel(f"127.0.0.1:{port}", (("grpc.enable_http_proxy", 0),)) as channel:
    for method in ("x/7000", "x/12000", "e/2000", "x/16500"):
        call, codes = channel.unary_unary(f"/{method}"), collections.Counter()
        for _ in range(300):
            try:
                call(b"")
            except grpc.RpcError as error:
                codes[error.code().name] += 1
        print(method, *(f"{code}={count}" for code, count in sorted(codes.items())))
        seen[method] = set(codes)
server.stop(0)
both = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
sys.exit(seen != {"x/7000": {"INVALID_ARGUMENT"}, "x/12000": both, "e/2000": both,
                  "x/16500": {"RESOURCE_EXHAUSTED"}})
PYTHON
