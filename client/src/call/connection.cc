#include "client/src/call/connection.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/src/call/proxy.h"
#include "client/src/status.h"
#include "client/src/wire/loan.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "lossd/v1/loss_service.grpc.pb.h"

namespace lossd::client {
namespace {

absl::Status CheckTime(absl::string_view field, absl::Duration time) {
  if (time <= absl::ZeroDuration() || time == absl::InfiniteDuration()) {
    return InvalidField(
        field, absl::StrCat("= ", absl::FormatDuration(time), ", expected above 0 and finite"));
  }
  return absl::OkStatus();
}

// Makes the kernel close a TCP connection whose other end takes no more data. gRPC ends no call
// while bytes of it are being written to the socket, not even at its deadline.
void LimitStalls(absl::Duration timeout, grpc::ChannelArguments& arguments) {
  // With keepalive on, gRPC sets TCP_USER_TIMEOUT to the keepalive's timeout. The ping itself is
  // never sent: servers turn away clients that ping often.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, std::numeric_limits<int>::max() - 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(timeout)));
}

// The limits that a message may be over, and the way out.
constexpr char kMessageLimits[] =
    "ClientOptions::max_message_bytes (the server's own limit is its flag --max-message-bytes); "
    "ComputeChunked sends a batch in smaller messages";

// Returns how much of a call is kept: the largest message, and the headers before it, which gRPC
// counts with it.
int64_t KeptOfCall(int64_t max_message_bytes) {
  constexpr int64_t kMostHeaders = int64_t{32} << 10;
  return std::min<int64_t>(max_message_bytes + kMostHeaders, std::numeric_limits<int>::max());
}

// Returns a channel that connects with its first call. It keeps `kept_bytes` of what a call sends,
// so that gRPC can send it again where the server had begun to close the connection.
std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options,
                                           const std::optional<std::string>& proxy,
                                           int64_t kept_bytes) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, static_cast<int>(kept_bytes));
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, proxy ? 1 : 0);
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  LimitStalls(options.stall_timeout, arguments);
  if (!options.tls) {
    return grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(), arguments);
  }
  if (!options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.tls->root_certificates;
  tls.pem_cert_chain = options.tls->client_certificate;
  tls.pem_private_key = options.tls->client_key;
  return grpc::CreateCustomChannel(options.target, grpc::SslCredentials(tls), arguments);
}

// Finds the name of a file where its text belongs, which gRPC would not say.
absl::Status CheckPem(absl::string_view field, absl::string_view text) {
  if (text.empty() || absl::StrContains(text, "-----BEGIN ")) return absl::OkStatus();
  return InvalidField(field, "has no PEM, expected the text of a file, which has -----BEGIN lines");
}

absl::Status CheckTls(const TlsOptions& tls) {
  if (tls.client_certificate.empty() != tls.client_key.empty()) {
    return InvalidField("tls",
                        "has one of client_certificate and client_key, expected both or neither");
  }
  for (const auto& [field, text] : {std::pair("tls.root_certificates", &tls.root_certificates),
                                    std::pair("tls.client_certificate", &tls.client_certificate),
                                    std::pair("tls.client_key", &tls.client_key)}) {
    if (absl::Status status = CheckPem(field, *text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Errors do not repeat the token.
absl::Status CheckToken(const ClientOptions& options) {
  const auto is_visible = [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); };
  if (!std::all_of(options.token.begin(), options.token.end(), is_visible)) {
    return InvalidField("token",
                        "has a space, a line's end or no ASCII, expected visible characters");
  }
  if (options.token.empty() || options.tls || IsThisMachine(options.target) ||
      options.plain_text_tokens == PlainTextTokens::kEverywhere) {
    return absl::OkStatus();
  }
  return InvalidField("token", absl::StrCat("would go to ", options.target,
                                            " in plain text, expected tls, or plain_text_tokens = "
                                            "PlainTextTokens::kEverywhere"));
}

}  // namespace

absl::Status CheckOptions(const ClientOptions& options) {
  if (options.target.empty()) {
    return InvalidField("target", "is empty, expected host:port or unix:/path");
  }
  constexpr int64_t kMostBytes = std::numeric_limits<int>::max();
  if (options.max_message_bytes < 1 || options.max_message_bytes > kMostBytes) {
    return InvalidField("max_message_bytes", absl::StrCat("= ", options.max_message_bytes,
                                                          " is not in [1, ", kMostBytes, "]"));
  }
  if (options.tls) {
    if (absl::Status status = CheckTls(*options.tls); !status.ok()) return status;
  }
  if (options.stall_timeout < absl::Milliseconds(1) || options.stall_timeout > absl::Hours(24)) {
    return InvalidField(
        "stall_timeout",
        absl::StrCat("= ", absl::FormatDuration(options.stall_timeout), " is not in [1ms, 24h]"));
  }
  if (absl::Status status = CheckToken(options); !status.ok()) return status;
  return CheckTime("deadline", options.deadline);
}

std::string MethodPath(const char* method) {
  if (absl::StrContains(method, '/')) return absl::StrCat("/lossd.v1.", method);
  return absl::StrCat("/", v1::LossService::service_full_name(), "/", method);
}

void DrainQueue(grpc::CompletionQueue& queue) {
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

Connection::Connection(const ClientOptions& options)
    : proxy_(ProxyFor(options.target)),
      authorization_(options.token.empty() ? "" : absl::StrCat("Bearer ", options.token)),
      stub_(std::make_unique<grpc::GenericStub>(
          MakeChannel(options, proxy_, KeptOfCall(options.max_message_bytes)))),
      stream_stub_(
          std::make_unique<grpc::GenericStub>(MakeChannel(options, proxy_, kKeptOfStream))),
      deadline_(options.deadline),
      max_message_bytes_(options.max_message_bytes) {}

absl::StatusOr<absl::Duration> Connection::DeadlineOf(const CallOptions& call) const {
  const absl::Duration deadline = call.deadline.value_or(deadline_);
  if (absl::Status status = CheckTime("deadline", deadline); !status.ok()) return status;
  return deadline;
}

absl::Status Connection::CheckSize(const MessagePieces& request) const {
  // gRPC has the same limit, with a text of its own.
  if (request.size() > static_cast<size_t>(max_message_bytes_)) {
    return absl::ResourceExhaustedError(absl::StrCat("the request is ", request.size(),
                                                     " bytes, over the client's limit of ",
                                                     max_message_bytes_, ", ", kMessageLimits));
  }
  return absl::OkStatus();
}

void Connection::AddMetadata(grpc::ClientContext& context) const {
  if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
}

absl::Status Connection::EndOf(const grpc::Status& status) const {
  absl::Status end = FromGrpcStatus(status);
  if (!status.error_details().empty()) return end;
  std::string advice;
  if (absl::IsResourceExhausted(end) &&
      absl::StrContains(end.message(), "message larger than max")) {
    advice = absl::StrCat("the client's limit is ", kMessageLimits);
  } else if (proxy_ && (absl::IsUnavailable(end) || absl::IsDeadlineExceeded(end))) {
    advice = absl::StrCat("the call went through the proxy ", *proxy_,
                          "; no_proxy lists hosts that go without");
  }
  return advice.empty() ? end : absl::Status(end.code(), absl::StrCat(end.message(), "; ", advice));
}

absl::StatusOr<grpc::ByteBuffer> Connection::Call(const char* method, const MessagePieces& request,
                                                  const CallOptions& call) const {
  const absl::StatusOr<absl::Duration> deadline = DeadlineOf(call);
  if (!deadline.ok()) return deadline.status();
  if (absl::Status status = CheckSize(request); !status.ok()) return status;
  Loan loan;
  grpc::CompletionQueue queue;
  grpc::ByteBuffer answer;
  grpc::Status status;
  {  // The context and the reader hold the loan.
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + *deadline));
    AddMetadata(context);
    const auto reader =
        stub_->PrepareUnaryCall(&context, MethodPath(method), request.Lend(loan), &queue);
    reader->StartCall();
    reader->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
  }
  loan.WaitUntilReturned([&queue](absl::Duration turn) {
    void* tag = nullptr;
    bool ok = false;
    queue.AsyncNext(&tag, &ok, absl::ToChronoTime(absl::Now() + turn));
  });
  DrainQueue(queue);
  if (!status.ok()) return EndOf(status);
  return answer;
}

}  // namespace lossd::client
