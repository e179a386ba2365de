#include "server/transport/grpc/library_log.h"

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/threads/mutex.h"

namespace lossd::transport {
namespace {

// The libraries take plain functions, so what those write to must be static.
ABSL_CONST_INIT Mutex mutex(absl::kConstInit);
const Log* current ABSL_GUARDED_BY(mutex) = nullptr;
std::atomic<uint64_t> refused_compressed = 0;

enum class Then { kGoOn, kAbort };

// What a library takes for a fault of its program, and is a client's.
struct ClientFault {
  absl::string_view begin;  // of the library's text
  absl::string_view part;   // what follows somewhere
  absl::string_view entry;  // the text for the operator
};
constexpr ClientFault kNoUtf8 = {"String field", "contains invalid UTF-8 data when parsing",
                                 "a request has a text that is no UTF-8"};
// gRPC tells it to nobody else.
constexpr ClientFault kCompressed = {"Compression algorithm '", " is disabled.",
                                     "a request was refused: it is compressed"};

const ClientFault* FindClientFault(absl::string_view message) {
  for (const ClientFault* fault : {&kNoUtf8, &kCompressed}) {
    if (absl::StartsWith(message, fault->begin) && absl::StrContains(message, fault->part)) {
      return fault;
    }
  }
  return nullptr;
}

// Writes an entry that comes from a line of a library's code. Clients can cause any number of
// errors; less than those is written when somebody has asked for it, and then whole.
void Write(absl::string_view source, absl::string_view file, int line, LogLevel level,
           absl::string_view message, Then then) {
  const MutexLock lock(&mutex);
  if (current == nullptr) return;
  LogFields fields = {{"source", source}};
  if (const ClientFault* fault = FindClientFault(message)) {
    fields.emplace_back("error", message);
    message = fault->entry;
    level = LogLevel::kWarning;
  }
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
  if (FindClientFault(entry->message) == &kCompressed) {
    refused_compressed.fetch_add(1, std::memory_order_relaxed);
  }
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

uint64_t RefusedCompressedRequests() { return refused_compressed.load(std::memory_order_relaxed); }

}  // namespace lossd::transport
