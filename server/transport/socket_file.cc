#include "server/transport/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lossd::transport {
namespace {

// All may open it: the folder's permissions say who may listen there.
constexpr mode_t kLockMode = 0666;

std::string LockPath(const std::string& path) { return absl::StrCat(path, ".lock"); }

absl::Status Reason(int error) { return absl::UnavailableError(strerror(error)); }

sockaddr_un FileAddress(const std::string& path) {
  sockaddr_un file = {};
  file.sun_family = AF_UNIX;
  path.copy(file.sun_path, sizeof(file.sun_path) - 1);
  return file;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // NOLINT: how the sockets API has it
}

Descriptor NewSocket() {
  return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Returns 0 if the path names no file.
ino_t InodeAt(const std::string& path) {
  struct stat status = {};
  return lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// Returns the lock, held as long as the descriptor is open.
absl::StatusOr<Descriptor> Lock(const std::string& path) {
  while (true) {
    Descriptor lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode));
    if (!lock) return Reason(errno);
    if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
      return Reason(errno == EWOULDBLOCK ? EADDRINUSE : errno);
    }
    struct stat status = {};
    if (fstat(lock.number(), &status) != 0) return Reason(errno);
    // Its owner may have removed it between the two calls; another server locks another file then.
    if (status.st_ino == InodeAt(path)) return lock;
  }
}

// Returns true if somebody listens there, even if no connection is taken at present.
bool IsServed(const sockaddr_un& file) {
  const Descriptor probe = NewSocket();
  if (!probe) return true;
  return connect(probe.number(), Generic(file), sizeof(file)) == 0 || errno == EAGAIN;
}

// Removes a socket that nobody serves.
absl::Status ClearPath(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode)) return Reason(EEXIST);
  if (IsServed(FileAddress(path))) return Reason(EADDRINUSE);
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : Reason(errno);
}

absl::StatusOr<Descriptor> ListenAt(const std::string& path) {
  const sockaddr_un file = FileAddress(path);
  Descriptor socket = NewSocket();
  if (!socket) return Reason(errno);
  if (bind(socket.number(), Generic(file), sizeof(file)) != 0) return Reason(errno);
  if (listen(socket.number(), SOMAXCONN) != 0) {
    const absl::Status failed = Reason(errno);
    unlink(path.c_str());
    return failed;
  }
  return socket;
}

}  // namespace

absl::StatusOr<SocketFile> SocketFile::Listen(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
    return absl::UnavailableError("the file is there and is no socket");
  }
  absl::StatusOr<Descriptor> lock = Lock(LockPath(path));
  if (!lock.ok()) return lock.status();
  absl::Status cleared = ClearPath(path);
  absl::StatusOr<Descriptor> socket = cleared.ok() ? ListenAt(path) : cleared;
  if (socket.ok()) return SocketFile(path, *std::move(lock), *std::move(socket));
  unlink(LockPath(path).c_str());
  return socket.status();
}

SocketFile::SocketFile(std::string path, Descriptor lock, Descriptor socket)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      socket_(std::move(socket)),
      inode_(InodeAt(path_)) {}

SocketFile::~SocketFile() {
  if (!socket_) return;  // It was moved from.
  if (InodeAt(path_) == inode_) unlink(path_.c_str());
  socket_.Close();
  unlink(LockPath(path_).c_str());
}

}  // namespace lossd::transport
