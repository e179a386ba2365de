#ifndef LOSSD_SERVER_TRANSPORT_CALL_IDS_H_
#define LOSSD_SERVER_TRANSPORT_CALL_IDS_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace lossd::transport {

// Names calls, so that what a client saw can be found in a log: 16 hexadecimal digits, which look
// random, never twice in one process and hardly ever in two. Thread-safe.
class CallIds {
 public:
  CallIds();

  std::string Next();

 private:
  std::atomic<uint64_t> next_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CALL_IDS_H_
