#!/usr/bin/env bash
# CLI11 2.1.2 (Debian 12's libcli11-dev): an option's range is checked up to 32 bits, not at 64.
# For uint64_t −1 is accepted as 2⁶⁴ − 1, and what is too large becomes the largest number,
# silently; for uint32_t and int32_t both are refused.
#
# Expected: a conversion error at each width. A number with a digit too many is taken for another
# one.
#
# Seen on 2026-11-29:
#   uint32_t -1: refused
#   uint64_t -1: 18446744073709551615
#   int32_t 2147483648: refused
#   int64_t 9223372036854775808: 9223372036854775807
#   uint64_t 99999999999999999999: 18446744073709551615
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
apt-get download --quiet --quiet 'libcli11-dev=2.1.2+ds-1' 2>/dev/null
dpkg-deb --extract libcli11-dev_*.deb .
cat >options.cc <<'CPP'
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <string>

template <typename T>
void Print(const std::string& type, const std::string& text) {
  CLI::App app;
  T limit = 0;
  app.add_option("--limit", limit);
  std::cout << type << " " << text << ": ";
  try {
    app.parse("--limit=" + text);
    std::cout << limit << "\n";
  } catch (const CLI::ConversionError&) {
    std::cout << "refused\n";
  }
}

int main() {
  Print<std::uint32_t>("uint32_t", "-1");
  Print<std::uint64_t>("uint64_t", "-1");
  Print<std::int32_t>("int32_t", "2147483648");
  Print<std::int64_t>("int64_t", "9223372036854775808");
  Print<std::uint64_t>("uint64_t", "99999999999999999999");
}
CPP
g++ -std=c++17 -isystem usr/include options.cc -o options
seen=$(./options)
echo "$seen"
[[ $seen == "uint32_t -1: refused
uint64_t -1: 18446744073709551615
int32_t 2147483648: refused
int64_t 9223372036854775808: 9223372036854775807
uint64_t 99999999999999999999: 18446744073709551615" ]]
