#ifndef LOSSD_SERVER_THREADS_JOB_LANE_H_
#define LOSSD_SERVER_THREADS_JOB_LANE_H_

#include <cstdint>
#include <functional>
#include <map>

namespace lossd {

// Jobs that wait, of which one owner after the other has one taken: its oldest.
class JobLane {
 public:
  struct Taken {
    uint64_t ticket = 0;
    std::function<void()> run;
  };

  bool empty() const { return owners_.empty(); }

  // Adds a job. Its ticket is larger than that of every job that was added before.
  void Add(uint64_t owner, uint64_t ticket, std::function<void()> run);

  // Takes out the job of `owner` with this ticket, which waits here.
  std::function<void()> Remove(uint64_t owner, uint64_t ticket);

  // Takes out the job whose turn it is. The lane is not empty.
  Taken Take();

 private:
  using Jobs = std::map<uint64_t, std::function<void()>>;  // by ticket; never empty

  std::map<uint64_t, Jobs> owners_;
  uint64_t last_owner_ = 0;  // whose job was taken last
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_JOB_LANE_H_
