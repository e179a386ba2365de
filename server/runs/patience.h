#ifndef LOSSD_SERVER_RUNS_PATIENCE_H_
#define LOSSD_SERVER_RUNS_PATIENCE_H_

#include <functional>

namespace lossd::runs {

// Bounds what a store waits for on this thread while it lives: once `over` says true, nobody wants
// the answer any more. Of several the last counts. What waits asks it, wherever it is called from.
class Patience {
 public:
  // `over` may be null, which never says true.
  explicit Patience(std::function<bool()> over);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  // Returns whether that of this thread is over; false where there is none. Cheap.
  static bool IsOver();

 private:
  const std::function<bool()> over_;
  const Patience* const before_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_PATIENCE_H_
