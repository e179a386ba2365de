#!/usr/bin/env bash
# Apache Arrow for Go 18.8.0: float16 numbers below 2⁻¹⁴ are read as float32's subnormals. The
# bits 0x0001, 5.96e-08, become 1.15e-41, a factor of 2¹¹² less. Written, such numbers become 0,
# and all others are cut off instead of rounded: 1.9999 becomes 1.9990, 65520 the largest finite
# number.
#
# Expected: IEEE 754's binary16, which Arrow's format names: what other Arrow libraries write into
# a half-float column, small gradients and probabilities among them, is read back. x448/float16
# 0.8.4 converts every one of them right.
#
# Seen on 2026-11-29:
#   bits 0x0001: arrow 1.148e-41, x448 5.9604645e-08
#   bits 0x0200: arrow 5.877472e-39, x448 3.0517578e-05
#   number 5e-05: arrow 0x0000, x448 0x0347
#   number 1.9999: arrow 0x3fff, x448 0x4000
#   number 65520: arrow 0x7bff, x448 0x7c00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
export GOMODCACHE=$work/modules GOCACHE=$work/cache GOFLAGS=-modcacherw GOTOOLCHAIN=local
mkdir "$work/finding"
cd -- "$work/finding"
cat >main.go <<'GO'
package main

import (
	"fmt"

	arrow "github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/x448/float16"
)

func main() {
	for _, bits := range []uint16{0x0001, 0x0200} {
		fmt.Printf("bits %#04x: arrow %v, x448 %v\n",
			bits, arrow.FromBits(bits).Float32(), float16.Frombits(bits).Float32())
	}
	for _, number := range []float32{5e-5, 1.9999, 65520} {
		fmt.Printf("number %v: arrow %#04x, x448 %#04x\n",
			number, arrow.New(number).Uint16(), float16.Fromfloat32(number).Bits())
	}
}
GO
go mod init finding 2>/dev/null
go get github.com/apache/arrow-go/v18/arrow/float16@v18.8.0 \
  github.com/x448/float16@v0.8.4 2>/dev/null
seen=$(go run .)
echo "$seen"
[[ $seen == "bits 0x0001: arrow 1.148e-41, x448 5.9604645e-08
bits 0x0200: arrow 5.877472e-39, x448 3.0517578e-05
number 5e-05: arrow 0x0000, x448 0x0347
number 1.9999: arrow 0x3fff, x448 0x4000
number 65520: arrow 0x7bff, x448 0x7c00" ]]
