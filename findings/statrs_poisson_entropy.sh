#!/usr/bin/env bash
# statrs 0.19.1 (Rust): Poisson's entropy() is the expansion for large means at any mean. The
# smaller the mean, the more negative it is, where the entropy goes to 0; no entropy of a discrete
# distribution is negative. Geometric's is exact.
#
# Expected: -sum p ln p of the pmf that the same object gives, as entropy() does for the other
# discrete distributions.
#
# Seen on 2026-11-30 (entropy(), then the sum):
#   Geometric(0.3): 2.0362 for 2.0362
#   Poisson(10): 2.5614 for 2.5614
#   Poisson(1): 1.2412 for 1.3048
#   Poisson(0.2): -7.4413 for 0.5354
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
statrs = { version = "=0.19.1", default-features = false }
TOML
cat >src/main.rs <<'RUST'
use statrs::distribution::{Discrete, Geometric, Poisson};
use statrs::statistics::Distribution;

fn show<D: Discrete<u64, f64> + Distribution<f64>>(name: &str, distribution: D) {
    let sum: f64 = (0..400)
        .map(|k| distribution.pmf(k))
        .filter(|&p| p > 0.0)
        .map(|p| -p * p.ln())
        .sum();
    println!("{name}: {:.4} for {sum:.4}", distribution.entropy().unwrap());
}

fn main() {
    show("Geometric(0.3)", Geometric::new(0.3).unwrap());
    for mean in [10.0, 1.0, 0.2] {
        show(&format!("Poisson({mean})"), Poisson::new(mean).unwrap());
    }
}
RUST
seen=$(cargo run --quiet)
printf '%s\n' "$seen"
[[ $seen == "Geometric(0.3): 2.0362 for 2.0362
Poisson(10): 2.5614 for 2.5614
Poisson(1): 1.2412 for 1.3048
Poisson(0.2): -7.4413 for 0.5354" ]]
