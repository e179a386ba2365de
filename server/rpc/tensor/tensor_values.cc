#include "server/rpc/tensor/tensor_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/kernels/dispatch.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/element_types.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/wire/piece_owners.h"

// Elements are little-endian on the wire and are copied from it byte by byte.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lossd runs on little-endian machines");

namespace lossd::rpc {
namespace {

// Elements on their way from the wire, aligned and in one piece; they stay in the L1 cache.
constexpr size_t kStagedElements = 1024;

// Reads unaligned elements of type Type from the `first` on.
template <typename Type, typename Out>
void Load(const wire::BytePieces& bytes, size_t first, absl::Span<Out> out) {
  using Stored = typename Type::Stored;
  if constexpr (std::is_same_v<Stored, Out>) {
    bytes.CopyTo(first * sizeof(Out),
                 absl::MakeSpan(reinterpret_cast<char*>(out.data()), out.size() * sizeof(Out)));
  } else {
    Stored staged[kStagedElements];
    for (size_t begin = 0; begin < out.size(); begin += kStagedElements) {
      const size_t count = std::min(kStagedElements, out.size() - begin);
      bytes.CopyTo((first + begin) * sizeof(Stored),
                   absl::MakeSpan(reinterpret_cast<char*>(staged), count * sizeof(Stored)));
      if constexpr (Type::kFormat != kernels::FloatFormat::kComputed &&
                    std::is_same_v<Out, float>) {
        kernels::CurrentHalfFloats().widen(Type::kFormat, staged, static_cast<int64_t>(count),
                                           out.data() + begin);
      } else {
        for (size_t i = 0; i < count; ++i) out[begin + i] = static_cast<Out>(Type::Load(staged[i]));
      }
    }
  }
}

// Reads elements of `type`, of the family of Out, from the `first` on. Out holds them exactly.
template <typename Out>
void LoadElements(v1::DataType type, const wire::BytePieces& bytes, size_t first,
                  absl::Span<Out> out) {
  VisitTypeInFamilyOf<Out>(type, [&](auto row) { Load<decltype(row)>(bytes, first, out); });
}

template <typename Out>
void RoundValues(v1::DataType type, absl::Span<const double> values, absl::Span<Out> out) {
  VisitTypeInFamilyOf<Out>(type, [&](auto row) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<Out>(row.Round(values[i]));
  });
}

// Calls use(first, part) for parts of `out`, which begin with its element `first`, as long as the
// request is not cancelled.
template <typename Out, typename Use>
void ForEachPart(absl::Span<Out> out, const Cancellation& cancellation, Use use) {
  ForEachBlock(static_cast<int64_t>(out.size()), 1, cancellation, [&](int64_t begin, int64_t end) {
    const auto first = static_cast<size_t>(begin);
    use(first, out.subspan(first, static_cast<size_t>(end - begin)));
  });
}

template <typename Out>
void CopyFloats(const TensorView& tensor, const Cancellation& cancellation, absl::Span<Out> out) {
  ForEachPart(out, cancellation, [&](size_t first, absl::Span<Out> part) {
    if (const auto* bytes = std::get_if<wire::BytePieces>(&tensor.elements)) {
      LoadElements(tensor.type, *bytes, first, part);
    } else {
      const auto values = std::get<absl::Span<const double>>(tensor.elements);
      RoundValues(tensor.type, values.subspan(first, part.size()), part);
    }
  });
}

struct IntegerRange {
  int64_t smallest = std::numeric_limits<int64_t>::min();
  int64_t largest = std::numeric_limits<int64_t>::max();
};

IntegerRange RangeOf(v1::DataType type) {
  IntegerRange range;
  VisitTypeInFamilyOf<int64_t>(type, [&](auto row) {
    using Limits = std::numeric_limits<typename decltype(row)::Stored>;
    range = {Limits::min(), Limits::max()};
  });
  return range;
}

bool CheckFits(const TensorView& tensor, absl::Span<const int64_t> values, const Field& field) {
  const IntegerRange range = RangeOf(tensor.type);
  ElementViolations elements(field, tensor.shape);
  elements.ForEach(values.size(), [&](size_t i) {
    if (values[i] >= range.smallest && values[i] <= range.largest) return;
    elements.Add(i, [&] {
      return absl::StrCat("= ", values[i], " is not in [", range.smallest, ", ", range.largest,
                          "] of ", NameOf(tensor.type));
    });
  });
  return elements.empty();
}

class PieceReader final : public loss::LogitReader {
 public:
  PieceReader(v1::DataType type, wire::BytePieces bytes)
      : type_(type), bytes_(std::move(bytes)), owners_(bytes_.pieces()) {
    pieces_.reserve(bytes_.pieces().size());
    for (const wire::BytePieces::Piece& piece : bytes_.pieces()) {
      pieces_.push_back({piece.bytes.data(), static_cast<int64_t>(piece.begin),
                         static_cast<int64_t>(piece.bytes.size())});
    }
  }

  void Read(int64_t begin, absl::Span<float> out) const override {
    LoadElements(type_, bytes_, static_cast<size_t>(begin), out);
  }
  void Read(int64_t begin, absl::Span<double> out) const override {
    LoadElements(type_, bytes_, static_cast<size_t>(begin), out);
  }
  absl::Span<const loss::Piece> pieces() const override { return pieces_; }
  loss::FloatFormat format() const override { return FormatOf(type_); }
  void Release(int64_t begin, int64_t end) const override {
    const auto element = static_cast<size_t>(ElementSize(type_));
    owners_.Release(static_cast<size_t>(begin) * element, static_cast<size_t>(end) * element);
  }

 private:
  const v1::DataType type_;
  const wire::BytePieces bytes_;
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
    case Bound::kBelowInfinity:
      return value < std::numeric_limits<double>::infinity();
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
    case Bound::kBelowInfinity:
      return ", expected a finite number or -inf";
  }
  return "";
}

// Returns true when a value does not hold. The flags are as wide as the values, so that the
// compiler compares as many of them at once as a register has.
template <typename T, typename Holds>
bool AnyFails(absl::Span<const T> values, Holds holds) {
  using Flags = std::conditional_t<sizeof(T) == sizeof(int32_t), int32_t, int64_t>;
  Flags broken = 0;
  for (const T value : values) broken |= holds(value) ? 0 : 1;
  return broken != 0;
}

template <typename T>
bool AnyBroken(absl::Span<const T> values, Bound bound) {
  constexpr T kMost = std::numeric_limits<T>::max();
  switch (bound) {
    case Bound::kFinite:
      return AnyFails(values, [](T v) { return (v >= -kMost) & (v <= kMost); });
    case Bound::kFiniteAndNotNegative:
      return AnyFails(values, [](T v) { return (v >= 0) & (v <= kMost); });
    case Bound::kUnitInterval:
      return AnyFails(values, [](T v) { return (v >= 0) & (v <= 1); });
    case Bound::kBelowInfinity:
      return AnyFails(values, [](T v) { return v <= kMost; });
  }
  return false;
}

}  // namespace

std::optional<FloatArray> ReadFloats(const TensorView& tensor, const Field& field,
                                     BufferPool& pool) {
  if (!CheckFamily(tensor.type, TypeFamily::kFloat, field["data_type"])) return std::nullopt;
  FloatArray array = MakeFloatArray(tensor.type, static_cast<size_t>(tensor.size), pool);
  std::visit([&](auto& a) { CopyFloats(tensor, field.cancellation(), a.span()); }, array);
  return array;
}

std::unique_ptr<loss::LogitReader> MakeReader(const TensorView& tensor) {
  return std::make_unique<PieceReader>(tensor.type, std::get<wire::BytePieces>(tensor.elements));
}

std::optional<std::vector<int64_t>> ReadIntegers(const TensorView& tensor, const Field& field) {
  if (!CheckFamily(tensor.type, TypeFamily::kInteger, field["data_type"])) return std::nullopt;
  if (const auto* values = std::get_if<absl::Span<const int64_t>>(&tensor.elements)) {
    if (!CheckFits(tensor, *values, field)) return std::nullopt;
    return std::vector<int64_t>(values->begin(), values->end());
  }
  std::vector<int64_t> integers(static_cast<size_t>(tensor.size));
  const auto& bytes = std::get<wire::BytePieces>(tensor.elements);
  ForEachPart(absl::MakeSpan(integers), field.cancellation(),
              [&](size_t first, absl::Span<int64_t> part) {
                LoadElements(tensor.type, bytes, first, part);
              });
  return integers;
}

std::optional<std::vector<double>> ReadNumbers(const TensorView& tensor, const Field& field) {
  std::vector<double> numbers(static_cast<size_t>(tensor.size));
  const absl::Span<double> out = absl::MakeSpan(numbers);
  if (!IsInteger(tensor.type)) {
    CopyFloats(tensor, field.cancellation(), out);
  } else if (const auto* values = std::get_if<absl::Span<const int64_t>>(&tensor.elements)) {
    if (!CheckFits(tensor, *values, field)) return std::nullopt;
    std::copy(values->begin(), values->end(), numbers.begin());
  } else {
    const auto& bytes = std::get<wire::BytePieces>(tensor.elements);
    std::vector<int64_t> integers(std::min(numbers.size(), static_cast<size_t>(kLoopBlock)));
    ForEachPart(out, field.cancellation(), [&](size_t first, absl::Span<double> part) {
      const auto block = absl::MakeSpan(integers).subspan(0, part.size());
      LoadElements(tensor.type, bytes, first, block);
      std::copy(block.begin(), block.end(), part.begin());
    });
  }
  return numbers;
}

bool CheckBound(loss::FloatView values, absl::Span<const int64_t> shape, Bound bound,
                const Field& tensor) {
  const auto place = [](int64_t i) { return i; };
  const auto is_read = [](int64_t) { return true; };
  return CheckBound(values, {place, is_read}, shape, bound, tensor);
}

bool CheckBound(loss::FloatView values, const ReadValues& read, absl::Span<const int64_t> shape,
                Bound bound, const Field& tensor) {
  return std::visit(
      [&](auto span) {
        // Nearly always nothing is broken: a pass that only asks that finds it out first.
        bool is_any_broken = false;
        ForEachPart(span, tensor.cancellation(),
                    [&](size_t, auto part) { is_any_broken |= AnyBroken(part, bound); });
        if (!is_any_broken) return true;
        const auto is_wrong = [&](int64_t place) {
          return !Holds(bound, span[static_cast<size_t>(place)]) && read.is_read(place);
        };
        if (!AnyOf(span.size(), tensor.cancellation(), is_wrong)) return true;
        ElementViolations elements(tensor, shape);
        elements.ForEach(span.size(), [&](size_t i) {
          const int64_t place = read.place(static_cast<int64_t>(i));
          if (!is_wrong(place)) return;
          const double value = span[static_cast<size_t>(place)];
          elements.Add(i, [&] { return absl::StrCat("= ", NumberText(value), TextOf(bound)); });
        });
        return false;
      },
      values);
}

}  // namespace lossd::rpc
