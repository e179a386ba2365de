#ifndef LOSSD_OPTIONS_H_
#define LOSSD_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace lossd {

// Encryption, and the certificates of the two sides. All of them are PEM text, not names of files.
struct TlsOptions {
  // The authorities that may have signed the server's certificate. Empty: those of the system.
  std::string root_certificates = {};

  // The client's own certificate and its key, without a password, for servers that ask for them:
  // both or neither.
  std::string client_certificate = {};
  std::string client_key = {};

  // The name that the server's certificate is checked against. Empty: the target's host.
  std::string server_name = {};
};

// Over which connections without TLS a token may go. Whoever sees it there can call as its owner.
enum class PlainTextTokens {
  kToThisMachine,  // localhost, loopback addresses, unix:
  kEverywhere,     // also over a network, where something else must keep it secret
};

struct ClientOptions {
  // The server's address as gRPC writes it: "host:port" or "unix:/path".
  //
  // No proxy is used for this machine (localhost, loopback addresses, unix:), nor for hosts whose
  // names end in an entry of no_grpc_proxy, no_proxy or NO_PROXY, the first that is set. Others are
  // called through the proxy that grpc_proxy, https_proxy or http_proxy names, as gRPC does.
  std::string target = "localhost:50051";

  // How long a call may take, from request to answer, unless CallOptions sets another time. Above 0
  // and finite: every call ends. Raise it for batches that are slow to send.
  absl::Duration deadline = absl::Seconds(30);

  // Unset: plain text, for loopback, a trusted network or a mesh that encrypts.
  std::optional<TlsOptions> tls = std::nullopt;

  // A bearer token, for servers that ask for one (--token-file): "authorization: Bearer TOKEN" goes
  // with every call. Visible ASCII characters; empty for none. A server that does not know it
  // answers UNAUTHENTICATED.
  std::string token = {};

  // Without TLS, Client::Create refuses a token for a target that this does not allow.
  PlainTextTokens plain_text_tokens = PlainTextTokens::kToThisMachine;

  // The largest request sent and the largest answer taken, in bytes, from 1 to 2³¹ − 1. The server
  // has the same default. Raise both (the server's --max-message-bytes) for larger batches, or send
  // them by Client::ComputeChunked.
  int64_t max_message_bytes = int64_t{64} << 20;

  // How long a TCP connection may make no progress while data is to be sent, from 1 ms to 24 hours,
  // before the kernel closes it, which ends its calls. Lower it to notice a dead machine or a
  // stopped process sooner, raise it for networks that come and go.
  absl::Duration stall_timeout = absl::Seconds(20);
};

// Settings of one call.
struct CallOptions {
  // Unset: ClientOptions::deadline.
  std::optional<absl::Duration> deadline = std::nullopt;
};

}  // namespace lossd

#endif  // LOSSD_OPTIONS_H_
