#include "server/runs/patience.h"

#include <utility>

namespace lossd::runs {
namespace {

thread_local const Patience* of_this_thread = nullptr;

}  // namespace

Patience::Patience(std::function<bool()> over) : over_(std::move(over)), before_(of_this_thread) {
  of_this_thread = this;
}

Patience::~Patience() { of_this_thread = before_; }

bool Patience::IsOver() {
  return of_this_thread != nullptr && of_this_thread->over_ && of_this_thread->over_();
}

}  // namespace lossd::runs
