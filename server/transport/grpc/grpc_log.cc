#include "server/transport/grpc/grpc_log.h"

#include <utility>

#include "absl/synchronization/mutex.h"
#include "grpc/support/log.h"

namespace lossd::transport {

void LogGrpcErrors(const Log& log) {
  // gRPC takes a plain function, so what it writes to must be static.
  static absl::Mutex mutex;
  static const Log* errors_log = nullptr;
  const absl::MutexLock lock(&mutex);
  delete std::exchange(errors_log, new Log(log));
  gpr_set_log_function([](gpr_log_func_args* entry) {
    const absl::MutexLock entry_lock(&mutex);
    errors_log->Write(LogLevel::kError, entry->message, {{"source", "grpc"}});
  });
}

}  // namespace lossd::transport
