#!/usr/bin/env bash
# quick-protobuf 0.8.1 with pb-rs 0.10.0 (Rust): of a packed field that comes in two pieces only
# the last is kept, and a field that comes unpacked is taken for an unknown one, so that it is
# empty. No error is returned. Pieces come from concatenating messages, which is protobuf's way of
# merging them.
#
# Expected: protobuf's encoding: parsers "must be prepared to accept multiple key-value pairs. In
# this case, the payloads should be concatenated", and "must be able to parse repeated fields that
# were compiled as packed as if they were not packed". Python's protobuf 7.36.2 does both.
#
# Seen on 2026-11-30, repeated uint32:
#   one piece: [7, 8, 9], Python [7, 8, 9]
#   two pieces: [9], Python [7, 8, 9]
#   unpacked: [], Python [7, 8, 9]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/src"
cd -- "$work"
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"

[dependencies]
quick-protobuf = "=0.8.1"

[build-dependencies]
pb-rs = { version = "=0.10.0", default-features = false }
TOML
cat >labels.proto <<'PROTO'
syntax = "proto3";
message Labels { repeated uint32 value = 1; }
PROTO
cat >build.rs <<'RUST'
fn main() {
    let folder = std::env::var("OUT_DIR").unwrap();
    let config =
        pb_rs::ConfigBuilder::new(&["labels.proto"], None, Some(&folder.as_str()), &["."]);
    let config = config.unwrap().headers(false).build();
    pb_rs::types::FileDescriptor::run(&config).unwrap();
}
RUST
cat >src/main.rs <<'RUST'
mod labels {
    include!(concat!(env!("OUT_DIR"), "/labels.rs"));
}

use quick_protobuf::{BytesReader, MessageRead};

fn main() {
    for hex in std::env::args().skip(1) {
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let mut reader = BytesReader::from_bytes(&bytes);
        println!("{:?}", labels::Labels::from_reader(&mut reader, &bytes).unwrap().value);
    }
}
RUST
python3 -m venv venv
venv/bin/pip install --quiet 'protobuf==7.36.2'
cat >read.py <<'PYTHON'
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

file = descriptor_pb2.FileDescriptorProto(name="labels.proto", syntax="proto3")
field = descriptor_pb2.FieldDescriptorProto
file.message_type.add(name="Labels").field.add(
    name="value", number=1, type=field.TYPE_UINT32, label=field.LABEL_REPEATED)
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
labels = message_factory.GetMessageClass(pool.FindMessageTypeByName("Labels"))
for text in sys.argv[1:]:
    print(list(labels.FromString(bytes.fromhex(text)).value))
PYTHON
messages=(0a03070809 0a0207080a0109 080708080809)
seen=$(paste -d '|' <(printf '%s\n' 'one piece' 'two pieces' unpacked) \
  <(cargo run --quiet --target-dir "$work/target" -- "${messages[@]}" 2>/dev/null) \
  <(venv/bin/python read.py "${messages[@]}") | sed 's/|/: /; s/|/, Python /')
echo "$seen"
[[ $seen == "one piece: [7, 8, 9], Python [7, 8, 9]
two pieces: [9], Python [7, 8, 9]
unpacked: [], Python [7, 8, 9]" ]]
