#ifndef LOSSD_SERVER_TRANSPORT_SOCKET_FILE_H_
#define LOSSD_SERVER_TRANSPORT_SOCKET_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "server/transport/descriptor.h"

namespace lossd::transport {

// The file of a socket that listens, and of the lock beside it, PATH.lock, which keeps two servers
// that start at once from taking the path from each other. Both files go with this.
class SocketFile {
 public:
  // Returns a socket that listens at `path`. A socket that nobody serves is replaced. The error is
  // the reason alone, such as "Address already in use".
  static absl::StatusOr<SocketFile> Listen(const std::string& path);

  ~SocketFile();
  SocketFile(SocketFile&& other) noexcept = default;
  SocketFile& operator=(SocketFile&& other) noexcept = delete;

  int descriptor() const { return socket_.number(); }

 private:
  SocketFile(std::string path, Descriptor lock, Descriptor socket);

  std::string path_;
  Descriptor lock_;
  Descriptor socket_;
  ino_t inode_ = 0;  // of the socket's file
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_SOCKET_FILE_H_
