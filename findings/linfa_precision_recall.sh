#!/usr/bin/env bash
# linfa 0.8.1: precision() is the recall and recall() the precision, for two classes and for more.
# The matrix has the predictions in its rows, where the documentation says "rows correspond to
# target"; both methods go by the documentation. f_score(beta) is exchanged with them: a large
# beta favours precision. linfa's own tests expect the numbers that way round.
#
# Expected: a model that calls four samples positive, one of them rightly, and misses none, has
# precision 1/4, recall 1 and an F2 of 0.625. The call is that of the documentation's example,
# prediction.confusion_matrix(&ground_truth).
#
# Seen on 2026-11-30:
#   precision 1, recall 0.25, F2 0.29411766
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
linfa = { version = "=0.8.1", default-features = false }
ndarray = "=0.16.1"
TOML
cat >src/main.rs <<'RUST'
use linfa::prelude::*;
use ndarray::array;

fn main() {
    let prediction = array![true, true, true, true, false, false];
    let ground_truth = array![true, false, false, false, false, false];
    let matrix = prediction.confusion_matrix(&ground_truth).unwrap();
    println!(
        "precision {}, recall {}, F2 {}",
        matrix.precision(),
        matrix.recall(),
        matrix.f_score(2.0)
    );
}
RUST
seen=$(cargo run --quiet --target-dir "$work/target" 2>/dev/null)
echo "$seen"
[[ $seen == "precision 1, recall 0.25, F2 0.29411766" ]]
