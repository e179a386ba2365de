#include "client/demo/progress_bar.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_format.h"

namespace lossd::demo {
namespace {

constexpr size_t kBarWidth = 24;
// Drawing at every batch would slow a terminal down.
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);

}  // namespace

ProgressBar::ProgressBar(std::ostream& out, Style style, absl::string_view name, int epochs,
                         size_t samples)
    : out_(out), style_(style), name_(name), epochs_(epochs), samples_(samples) {}

void ProgressBar::Update(int epoch, size_t sample, double loss) {
  if (style_ == Style::kLog || absl::Now() - last_drawn_ < kRedrawInterval) return;
  last_drawn_ = absl::Now();
  out_ << '\r' << Line(epoch, sample, loss) << std::flush;
}

void ProgressBar::Finish(double loss) {
  out_ << (style_ == Style::kTerminal ? "\r" : "") << Line(epochs_, 0, loss) << std::endl;
}

std::string ProgressBar::Line(int epoch, size_t sample, double loss) const {
  const double done =
      static_cast<double>(epoch) * static_cast<double>(samples_) + static_cast<double>(sample);
  const double total = static_cast<double>(epochs_) * static_cast<double>(samples_);
  const auto filled = static_cast<size_t>(static_cast<double>(kBarWidth) * done / total);
  const double seconds = std::max(absl::ToDoubleSeconds(absl::Now() - start_), 1e-9);
  return absl::StrFormat("%-24s [%s%s] epoch %2d/%d  loss %.6f  %7.0f samples/s ", name_,
                         std::string(filled, '#'), std::string(kBarWidth - filled, '-'), epoch,
                         epochs_, loss, done / seconds);
}

}  // namespace lossd::demo
