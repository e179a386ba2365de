#include "server/rpc/errors/number_text.h"

#include <array>
#include <charconv>

namespace lossd::rpc {
namespace {

template <typename T>
std::string ShortestText(T value) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace

std::string NumberText(double value) { return ShortestText(value); }

std::string NumberText(float value) { return ShortestText(value); }

}  // namespace lossd::rpc
