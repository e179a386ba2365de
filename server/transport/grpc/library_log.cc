#include "server/transport/grpc/library_log.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/threads/mutex.h"

namespace lossd::transport {
namespace {

// The libraries take plain functions, so what those write to must be static.
ABSL_CONST_INIT Mutex mutex(absl::kConstInit);
const Log* current ABSL_GUARDED_BY(mutex) = nullptr;

enum class Then { kGoOn, kAbort };

// Writes an entry that comes from a line of a library's code. Clients can cause any number of
// errors; less than those is written when somebody has asked for it, and then whole.
void Write(absl::string_view source, absl::string_view file, int line, LogLevel level,
           absl::string_view message, Then then) {
  const MutexLock lock(&mutex);
  if (current == nullptr) return;
  const LogFields fields = {{"source", source}};
  if (level < LogLevel::kWarning) {
    current->Write(level, message, fields);
  } else {
    current->WriteRepeated(absl::StrCat(file, ":", line), level, message, fields);
  }
  if (then == Then::kAbort) current->Flush(absl::Seconds(1));
}

LogLevel LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      return LogLevel::kError;
  }
  return LogLevel::kError;
}

LogLevel LevelOf(google::protobuf::LogLevel level) {
  switch (level) {
    case google::protobuf::LOGLEVEL_INFO:
      return LogLevel::kInfo;
    case google::protobuf::LOGLEVEL_WARNING:
      return LogLevel::kWarning;
    case google::protobuf::LOGLEVEL_ERROR:
    case google::protobuf::LOGLEVEL_FATAL:
      return LogLevel::kError;
  }
  return LogLevel::kError;
}

void WriteOfGrpc(gpr_log_func_args* entry) {
  const Then then =
      absl::StartsWith(entry->message, "assertion failed") ? Then::kAbort : Then::kGoOn;
  Write("grpc", entry->file, entry->line, LevelOf(entry->severity), entry->message, then);
}

void WriteOfProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                     const std::string& message) {
  const Then then = level == google::protobuf::LOGLEVEL_FATAL ? Then::kAbort : Then::kGoOn;
  Write("protobuf", file, line, LevelOf(level), message, then);
}

}  // namespace

LibraryLog::LibraryLog(const Log& log) {
  {
    const MutexLock lock(&mutex);
    current = &log;
  }
  gpr_set_log_function(WriteOfGrpc);
  google::protobuf::SetLogHandler(WriteOfProtobuf);
}

LibraryLog::~LibraryLog() {
  const MutexLock lock(&mutex);
  current = nullptr;
}

}  // namespace lossd::transport
