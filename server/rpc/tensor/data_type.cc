#include "server/rpc/tensor/data_type.h"

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "server/rpc/tensor/element_types.h"

namespace lossd::rpc {
namespace {

bool IsOfFamily(v1::DataType type, TypeFamily family) {
  bool is_of_family = false;
  VisitElementType(type, [&](auto row) { is_of_family = decltype(row)::kFamily == family; });
  return is_of_family;
}

}  // namespace

bool IsFloat(v1::DataType type) { return IsOfFamily(type, TypeFamily::kFloat); }

bool IsInteger(v1::DataType type) { return IsOfFamily(type, TypeFamily::kInteger); }

int64_t ElementSize(v1::DataType type) {
  int64_t size = 0;
  VisitElementType(type, [&](auto row) { size = sizeof(typename decltype(row)::Stored); });
  return size;
}

double SmallestPositive(v1::DataType type) {
  double smallest = 0;
  VisitElementType(type, [&](auto row) {
    using Row = decltype(row);
    // Numbers above 0 are in the order of their bits, floats too.
    const uint64_t bits = 1;
    typename Row::Stored stored;
    std::memcpy(&stored, &bits, sizeof(stored));
    smallest = static_cast<double>(Row::Load(stored));
  });
  return smallest;
}

absl::string_view NameOf(v1::DataType type) {
  return absl::StripPrefix(v1::DataType_Name(type), "DATA_TYPE_");
}

std::vector<std::string> TypeNames(TypeFamily family) {
  std::vector<std::string> names;
  ForEachElementType([&](auto row) {
    using Row = decltype(row);
    if (Row::kFamily == family) names.emplace_back(NameOf(Row::kType));
  });
  return names;
}

std::string NamesOf(TypeFamily family) {
  const std::vector<std::string> names = TypeNames(family);
  const auto all_but_last = absl::MakeConstSpan(names).first(names.size() - 1);
  return absl::StrCat(absl::StrJoin(all_but_last, ", "), " or ", names.back());
}

v1::DataType ComputedType(v1::DataType type) {
  v1::DataType computed = v1::DATA_TYPE_FLOAT32;
  VisitElementType(type, [&](auto row) {
    const bool in_double = std::is_same_v<typename decltype(row)::Computed, double>;
    if (in_double) computed = v1::DATA_TYPE_FLOAT64;
  });
  return computed;
}

bool CheckFamily(v1::DataType type, TypeFamily family, const Field& field) {
  if (type == v1::DATA_TYPE_UNSPECIFIED || IsOfFamily(type, family)) return true;
  field.Refuse("= ", NameOf(type), ", expected ", NamesOf(family));
  return false;
}

}  // namespace lossd::rpc
