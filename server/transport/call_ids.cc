#include "server/transport/call_ids.h"

#include <random>

#include "absl/strings/str_cat.h"

namespace lossd::transport {
namespace {

// From one number to the next. Odd, so that every number has its turn before one comes again.
constexpr uint64_t kStep = 0x9E3779B97F4A7C15;

// Returns a number that looks unlike its neighbours; each from one number alone. (The finalizer of
// Stafford's mix 13, as in SplitMix64.)
uint64_t Mix(uint64_t number) {
  number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
  number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
  return number ^ (number >> 31);
}

uint64_t RandomNumber() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

CallIds::CallIds() : next_(RandomNumber()) {}

std::string CallIds::Next() {
  const uint64_t number = next_.fetch_add(kStep, std::memory_order_relaxed);
  return absl::StrCat(absl::Hex(Mix(number), absl::kZeroPad16));
}

}  // namespace lossd::transport
