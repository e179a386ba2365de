#ifndef LOSSD_SERVER_THREADS_JOB_LANE_H_
#define LOSSD_SERVER_THREADS_JOB_LANE_H_

#include <cstdint>
#include <functional>
#include <map>

namespace lossd {

// Who takes turns with others: first the groups do, then the members of a group.
struct JobOwner {
  uint64_t group = 0;   // such as a token
  uint64_t member = 0;  // such as a connection
};

// Jobs that wait. The groups take turns, and in each turn of a group the next of its members has
// its oldest job taken.
class JobLane {
 public:
  struct Taken {
    uint64_t ticket = 0;
    std::function<void()> run;
  };

  bool empty() const { return groups_.empty(); }

  // Adds a job. Its ticket is larger than that of every job that was added before.
  void Add(const JobOwner& owner, uint64_t ticket, std::function<void()> run);

  // Takes out the job of `owner` with this ticket, which waits here.
  std::function<void()> Remove(const JobOwner& owner, uint64_t ticket);

  // Takes out the job whose turn it is. The lane is not empty.
  Taken Take();

 private:
  using Jobs = std::map<uint64_t, std::function<void()>>;  // by ticket; never empty
  struct Group {
    std::map<uint64_t, Jobs> members;  // never empty
    uint64_t last_member = 0;          // whose job was taken last
  };

  std::map<uint64_t, Group> groups_;
  uint64_t last_group_ = 0;  // whose turn it was last
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_JOB_LANE_H_
