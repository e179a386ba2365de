#ifndef LOSSD_OPTIONS_H_
#define LOSSD_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace lossd {

// Encryption, and who the two sides are. Everything is PEM text, not a file's name.
struct TlsOptions {
  // The authorities that may have signed the server's certificate. Empty: those of the system.
  std::string root_certificates = {};

  // What the client shows of itself, when the server asks for it: both or neither.
  std::string client_certificate = {};
  std::string client_key = {};

  // The name that the server's certificate is checked against. Empty: the target's host.
  std::string server_name = {};
};

struct ClientOptions {
  // Where the server listens, as gRPC names it: "host:port" or "unix:/path".
  std::string target = "localhost:50051";

  // How long a call may take, from request to answer, unless the call says otherwise. Above 0 and
  // finite: no call waits for ever. Raise it for batches that are slow to send.
  absl::Duration deadline = absl::Seconds(30);

  // Unset: plain text, for loopback, a trusted network or a mesh that encrypts.
  std::optional<TlsOptions> tls = std::nullopt;

  // The largest request sent and the largest answer taken, in bytes, from 1 to 2³¹ − 1. The default
  // is the server's own; raise both (the server's --max-message-bytes) for larger batches.
  int64_t max_message_bytes = int64_t{64} << 20;

  // How long a TCP connection may make no progress while data is to be sent, from 1 ms to 24 hours,
  // before the kernel closes it, which ends its calls. Lower it to have a dead machine or a stopped
  // process noticed sooner, raise it for networks that come and go.
  absl::Duration stall_timeout = absl::Seconds(20);
};

// What one call does differently.
struct CallOptions {
  // Unset: the client's.
  std::optional<absl::Duration> deadline = std::nullopt;
};

}  // namespace lossd

#endif  // LOSSD_OPTIONS_H_
