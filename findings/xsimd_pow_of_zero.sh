#!/usr/bin/env bash
# xsimd 8.1.0 (Debian 12's libxsimd-dev): pow of a zero base is 0, whatever the exponent: 0⁰ is 0
# and 0⁻¹ is 0. A focal factor (1 − p)^γ with γ = 0, in theory 1 and so no factor at all, wipes
# out what it multiplies where p is 1.
#
# Expected: IEEE 754 and std::pow: 1 and infinity.
#
# Seen on 2026-11-29, float and double:
#   pow(0, 0): xsimd 0, std 1
#   pow(0, -1): xsimd 0, std inf
#   pow(0, 2): xsimd 0, std 0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
apt-get download --quiet --quiet libxsimd-dev=8.1.0-7 2>/dev/null
dpkg-deb --extract libxsimd-dev_*.deb .
cat >pow.cc <<'CPP'
#include <cmath>
#include <iostream>

#include "xsimd/xsimd.hpp"

template <typename T>
void Print() {
  for (T exponent : {T(0), T(-1), T(2)}) {
    std::cout << "pow(0, " << exponent << "): xsimd "
              << xsimd::pow(xsimd::batch<T>(T(0)), xsimd::batch<T>(exponent)).get(0) << ", std "
              << std::pow(T(0), exponent) << "\n";
  }
}

int main() {
  Print<float>();
  Print<double>();
}
CPP
g++ -std=c++17 -O1 -isystem usr/include pow.cc -o pow
seen=$(./pow)
echo "$seen"
one=$'pow(0, 0): xsimd 0, std 1\npow(0, -1): xsimd 0, std inf\npow(0, 2): xsimd 0, std 0'
[[ $seen == "$one"$'\n'"$one" ]]
