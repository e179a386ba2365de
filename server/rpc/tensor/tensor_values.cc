#include "server/rpc/tensor/tensor_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/half_float.h"
#include "server/rpc/wire/piece_owners.h"

// Elements are read as they stand in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lossd runs on little-endian machines");

namespace lossd::rpc {
namespace {

// Elements on their way from the wire, aligned and in one piece; they stay in the L1 cache.
constexpr size_t kStagedElements = 1024;

// Reads unaligned elements of type Stored from the `first` on.
template <typename Stored, typename Out, typename Convert>
void Load(const BytePieces& bytes, size_t first, absl::Span<Out> out, Convert convert) {
  Stored staged[kStagedElements];
  for (size_t begin = 0; begin < out.size(); begin += kStagedElements) {
    const size_t count = std::min(kStagedElements, out.size() - begin);
    bytes.CopyTo((first + begin) * sizeof(Stored),
                 absl::MakeSpan(reinterpret_cast<char*>(staged), count * sizeof(Stored)));
    for (size_t i = 0; i < count; ++i) out[begin + i] = static_cast<Out>(convert(staged[i]));
  }
}

template <typename Stored, typename Out>
void Load(const BytePieces& bytes, size_t first, absl::Span<Out> out) {
  if constexpr (std::is_same_v<Stored, Out>) {
    bytes.CopyTo(first * sizeof(Out),
                 absl::MakeSpan(reinterpret_cast<char*>(out.data()), out.size() * sizeof(Out)));
  } else {
    Load<Stored>(bytes, first, out, [](Stored stored) { return stored; });
  }
}

// `bytes` hold elements of a float type that Out can hold exactly. Reads them from the `first` on.
template <typename Out>
void LoadFloats(v1::DataType type, const BytePieces& bytes, size_t first, absl::Span<Out> out) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
      return Load<uint16_t>(bytes, first, out, Float16ToFloat);
    case v1::DATA_TYPE_BFLOAT16:
      return Load<uint16_t>(bytes, first, out, Bfloat16ToFloat);
    case v1::DATA_TYPE_FLOAT64:
      return Load<double>(bytes, first, out);
    default:
      return Load<float>(bytes, first, out);
  }
}

template <typename Out>
void LoadIntegers(v1::DataType type, const BytePieces& bytes, absl::Span<Out> out) {
  switch (type) {
    case v1::DATA_TYPE_INT32:
      return Load<int32_t>(bytes, 0, out);
    case v1::DATA_TYPE_UINT8:
      return Load<uint8_t>(bytes, 0, out);
    default:
      return Load<int64_t>(bytes, 0, out);
  }
}

template <typename Out>
void RoundValues(v1::DataType type, absl::Span<const double> values, absl::Span<Out> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<Out>(RoundToType(type, values[i]));
}

template <typename Out>
void CopyFloats(const TensorView& tensor, absl::Span<Out> out) {
  if (const auto* bytes = std::get_if<BytePieces>(&tensor.elements)) {
    LoadFloats(tensor.type, *bytes, 0, out);
  } else {
    RoundValues(tensor.type, std::get<absl::Span<const double>>(tensor.elements), out);
  }
}

// The smallest and the largest value of an integer type.
std::pair<int64_t, int64_t> RangeOf(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_INT32:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    case v1::DATA_TYPE_UINT8:
      return {0, std::numeric_limits<uint8_t>::max()};
    default:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  }
}

bool CheckFits(const TensorView& tensor, absl::Span<const int64_t> values, const Field& field) {
  const auto [smallest, largest] = RangeOf(tensor.type);
  ElementViolations elements(field, tensor.shape);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= smallest && values[i] <= largest) continue;
    elements.Add(i, [&, low = smallest, high = largest] {
      return absl::StrCat("= ", values[i], " is not in [", low, ", ", high, "] of ",
                          NameOf(tensor.type));
    });
  }
  return elements.empty();
}

bool CheckFamily(const TensorView& tensor, bool is_of_family, absl::string_view family,
                 const Field& field) {
  if (is_of_family || tensor.type == v1::DATA_TYPE_UNSPECIFIED) return true;
  field["data_type"].Refuse("= ", NameOf(tensor.type), ", expected ", family);
  return false;
}

template <typename T>
FloatArray CopyOfFloats(const TensorView& tensor, BufferPool& pool) {
  AlignedArray<T> array(static_cast<size_t>(tensor.size), pool);
  CopyFloats(tensor, array.span());
  return array;
}

class PieceReader final : public loss::LogitReader {
 public:
  PieceReader(v1::DataType type, BytePieces bytes)
      : type_(type), bytes_(std::move(bytes)), owners_(bytes_.pieces()) {
    // 16-bit types are converted.
    if (type != v1::DATA_TYPE_FLOAT32 && type != v1::DATA_TYPE_FLOAT64) return;
    pieces_.reserve(bytes_.pieces().size());
    for (const BytePieces::Piece& piece : bytes_.pieces()) {
      pieces_.push_back({piece.bytes.data(), static_cast<int64_t>(piece.begin),
                         static_cast<int64_t>(piece.bytes.size())});
    }
  }

  void Read(int64_t begin, absl::Span<float> out) const override {
    LoadFloats(type_, bytes_, static_cast<size_t>(begin), out);
  }
  void Read(int64_t begin, absl::Span<double> out) const override {
    LoadFloats(type_, bytes_, static_cast<size_t>(begin), out);
  }
  absl::Span<const loss::Piece> pieces() const override { return pieces_; }
  void Release(int64_t begin, int64_t end) const override {
    const auto element = static_cast<size_t>(ElementSize(type_));
    owners_.Release(static_cast<size_t>(begin) * element, static_cast<size_t>(end) * element);
  }

 private:
  const v1::DataType type_;
  const BytePieces bytes_;
  std::vector<loss::Piece> pieces_;
  mutable PieceOwners owners_;
};

bool Holds(Bound bound, double value) {
  switch (bound) {
    case Bound::kFinite:
      return std::isfinite(value);
    case Bound::kFiniteAndNotNegative:
      return value >= 0 && std::isfinite(value);
    case Bound::kUnitInterval:
      return value >= 0 && value <= 1;
  }
  return false;
}

absl::string_view TextOf(Bound bound) {
  switch (bound) {
    case Bound::kFinite:
      return ", expected a finite number";
    case Bound::kFiniteAndNotNegative:
      return ", expected a finite number >= 0";
    case Bound::kUnitInterval:
      return " is not in [0, 1]";
  }
  return "";
}

template <typename T, typename Check>
int64_t CountBroken(absl::Span<const T> values, Check holds) {
  int64_t broken = 0;
  for (const T value : values) broken += holds(value) ? 0 : 1;
  return broken;
}

}  // namespace

double RoundToType(v1::DataType type, double value) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
      return Float16ToFloat(ToFloat16(value));
    case v1::DATA_TYPE_BFLOAT16:
      return Bfloat16ToFloat(ToBfloat16(value));
    case v1::DATA_TYPE_FLOAT32:
      return static_cast<float>(value);
    default:
      return value;
  }
}

std::optional<FloatArray> ReadFloats(const TensorView& tensor, const Field& field,
                                     BufferPool& pool) {
  if (!CheckFamily(tensor, IsFloat(tensor.type), "FLOAT16, BFLOAT16, FLOAT32 or FLOAT64", field)) {
    return std::nullopt;
  }
  return tensor.type == v1::DATA_TYPE_FLOAT64 ? CopyOfFloats<double>(tensor, pool)
                                              : CopyOfFloats<float>(tensor, pool);
}

std::unique_ptr<loss::LogitReader> MakeReader(const TensorView& tensor) {
  return std::make_unique<PieceReader>(tensor.type, std::get<BytePieces>(tensor.elements));
}

std::optional<std::vector<int64_t>> ReadIntegers(const TensorView& tensor, const Field& field) {
  if (!CheckFamily(tensor, IsInteger(tensor.type), "INT32, INT64 or UINT8", field)) {
    return std::nullopt;
  }
  if (const auto* values = std::get_if<absl::Span<const int64_t>>(&tensor.elements)) {
    if (!CheckFits(tensor, *values, field)) return std::nullopt;
    return std::vector<int64_t>(values->begin(), values->end());
  }
  std::vector<int64_t> integers(static_cast<size_t>(tensor.size));
  LoadIntegers(tensor.type, std::get<BytePieces>(tensor.elements), absl::MakeSpan(integers));
  return integers;
}

std::optional<std::vector<double>> ReadNumbers(const TensorView& tensor, const Field& field) {
  if (IsInteger(tensor.type)) {
    const auto integers = ReadIntegers(tensor, field);
    if (!integers) return std::nullopt;
    return std::vector<double>(integers->begin(), integers->end());
  }
  std::vector<double> numbers(static_cast<size_t>(tensor.size));
  CopyFloats(tensor, absl::MakeSpan(numbers));
  return numbers;
}

bool CheckBound(loss::FloatView values, absl::Span<const int64_t> shape, Bound bound,
                const Field& tensor) {
  return std::visit(
      [&](auto span) {
        // Nearly always nothing is broken: a pass that only counts finds that out first.
        if (CountBroken(span, [bound](double value) { return Holds(bound, value); }) == 0) {
          return true;
        }
        ElementViolations elements(tensor, shape);
        for (size_t i = 0; i < span.size(); ++i) {
          if (Holds(bound, span[i])) continue;
          elements.Add(i, [&] { return absl::StrCat("= ", NumberText(span[i]), TextOf(bound)); });
        }
        return false;
      },
      values);
}

}  // namespace lossd::rpc
