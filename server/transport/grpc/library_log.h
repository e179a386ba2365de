#ifndef LOSSD_SERVER_TRANSPORT_GRPC_LIBRARY_LOG_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_LIBRARY_LOG_H_

#include "server/process/log.h"

namespace lossd::transport {

// While this lives, what gRPC and protobuf have to say becomes entries of a log: stderr has one
// format then, and their threads do not wait for who reads it. One at a time, for the whole
// process.
class LibraryLog {
 public:
  // `log` must outlive this.
  explicit LibraryLog(const Log& log);
  ~LibraryLog();
  LibraryLog(const LibraryLog&) = delete;
  LibraryLog& operator=(const LibraryLog&) = delete;
};

// Returns how many compressed requests gRPC has refused in this process, which it tells to logs
// alone: as far as a LibraryLog was there.
uint64_t RefusedCompressedRequests();

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_LIBRARY_LOG_H_
