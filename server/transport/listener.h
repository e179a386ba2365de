#ifndef LOSSD_SERVER_TRANSPORT_LISTENER_H_
#define LOSSD_SERVER_TRANSPORT_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/transport/descriptor.h"
#include "server/transport/socket_file.h"

namespace lossd::transport {

// The sockets that listen at one address of --listen: one, or one for each address that a host's
// name has.
class Listener {
 public:
  // Listens at `address`, as ParseListenAddress() takes it. 0.0.0.0 and [::] are all addresses of
  // IPv4 and IPv6. No other process can listen there as well. What is sent on a connection and not
  // acknowledged for `send_timeout` ends it. The error names the address and says why.
  static absl::StatusOr<Listener> Listen(absl::string_view address, absl::Duration send_timeout);

  // The address, with the real port in place of 0.
  const std::string& address() const { return address_; }
  // Returns true if other machines may reach it: it is no Unix socket, and not only at addresses
  // that this machine has for itself.
  bool IsOnNetwork() const;
  // Do not block.
  std::vector<int> descriptors() const;

 private:
  Listener() = default;

  std::string address_;
  std::vector<Descriptor> sockets_;
  std::unique_ptr<SocketFile> file_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_LISTENER_H_
