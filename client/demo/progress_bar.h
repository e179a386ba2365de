#ifndef LOSSD_CLIENT_DEMO_PROGRESS_BAR_H_
#define LOSSD_CLIENT_DEMO_PROGRESS_BAR_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lossd::demo {

// One line that shows how far a training run has come. On a terminal it is drawn again as it grows;
// elsewhere, in a log or a pipe, it is written once, at the end.
class ProgressBar {
 public:
  enum class Style { kTerminal, kLog };

  // The training run has `epochs` epochs of `samples` samples each.
  ProgressBar(std::ostream& out, Style style, absl::string_view name, int epochs, size_t samples);

  // Shows `loss`. `epoch` epochs are done, and `sample` samples of the next one.
  void Update(int epoch, size_t sample, double loss);

  // Draws the whole bar and ends the line.
  void Finish(double loss);

 private:
  std::string Line(int epoch, size_t sample, double loss) const;

  std::ostream& out_;
  Style style_;
  std::string name_;
  int epochs_;
  size_t samples_;
  absl::Time start_ = absl::Now();
  absl::Time last_drawn_ = absl::InfinitePast();
};

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_PROGRESS_BAR_H_
