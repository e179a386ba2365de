#!/usr/bin/env bash
# prometheus-parse 0.2.5 (Rust): what a label's value holds decides over the sample. A comma cuts
# the value off, so that two series become one with two numbers; an equals sign drops the label;
# a closing brace drops the sample, and so does a colon in a metric's name. No error is returned.
#
# Expected: Prometheus's text format: a label's value "can be any sequence of UTF-8 characters",
# of which only backslash, quote and line feed are escaped, and names of recording rules have
# colons. Python's prometheus_client 0.26.0 reads all five.
#
# Seen on 2026-11-30:
#   loss{class="cat"} Gauge(1.0)
#   loss{class="cat"} Gauge(2.0)
#   loss{} Gauge(3.0)
#   Python: 5 samples, 5 series
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/src"
cd -- "$work"
cat >metrics.txt <<'TEXT'
# TYPE loss gauge
loss{class="cat"} 1
loss{class="cat, tabby"} 2
loss{class="k=3"} 3
loss{class="{other}"} 4
train:loss:mean5m 5
TEXT
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"

[dependencies]
prometheus-parse = "=0.2.5"
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let lines = std::io::stdin().lines();
    let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
    for sample in scrape.samples {
        println!("{}{{{}}} {:?}", sample.metric, sample.labels, sample.value);
    }
}
RUST
python3 -m venv venv
venv/bin/pip install --quiet 'prometheus-client==0.26.0'
cat >count.py <<'PYTHON'
import sys

from prometheus_client import parser

samples = [sample for family in parser.text_fd_to_metric_families(sys.stdin)
           for sample in family.samples]
series = {(sample.name, *sample.labels.items()) for sample in samples}
print(f"Python: {len(samples)} samples, {len(series)} series")
PYTHON
seen=$(cargo run --quiet --target-dir "$work/target" <metrics.txt 2>/dev/null
  venv/bin/python count.py <metrics.txt)
echo "$seen"
[[ $seen == 'loss{class="cat"} Gauge(1.0)
loss{class="cat"} Gauge(2.0)
loss{} Gauge(3.0)
Python: 5 samples, 5 series' ]]
