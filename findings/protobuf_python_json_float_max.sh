#!/usr/bin/env bash
# protobuf 7.36.2, Python: json_format cannot read the largest float that it writes. It prints
# ±3.4028234663852886e38 as ±3.4028235e+38, which is the shortest text that is the same float, and
# refuses that text, because as a double it is a little over. Masked logits often are that number,
# the minimum of float32.
#
# Expected: Parse(MessageToJson(message)) is the message. The same text in quotes is taken; so is
# "1e39", as infinity, which is refused without quotes.
#
# Seen on 2026-11-29, google.protobuf.FloatValue:
#   written: -3.4028235e+38
#   read: Float value too small
#   read quoted: -3.4028234663852886e+38
#   1e39 read: Float value too large, quoted: inf
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'protobuf==7.36.2'

seen=$("$work/venv/bin/python" - <<'PYTHON'
from google.protobuf import json_format, wrappers_pb2


def read(text):
    try:
        return json_format.Parse(text, wrappers_pb2.FloatValue()).value
    except json_format.ParseError as error:
        return str(error).rpartition(": ")[2].rpartition(" at ")[0] or str(error)


written = json_format.MessageToJson(
    wrappers_pb2.FloatValue(value=-(2.0 - 2.0**-23) * 2.0**127))
print("written:", written)
print("read:", read(written))
print("read quoted:", read(f'"{written}"'))
print(f"1e39 read: {read('1e39')}, quoted:", read('"1e39"'))
PYTHON
)
echo "$seen"
[[ $seen == "written: -3.4028235e+38
read: Float value too small
read quoted: -3.4028234663852886e+38
1e39 read: Float value too large, quoted: inf" ]]
