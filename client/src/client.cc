#include "lossd/client.h"

#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/src/request_encoding.h"
#include "client/src/response_decoding.h"
#include "client/src/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "lossd/v1/loss_service.grpc.pb.h"

namespace lossd {
namespace {

absl::Status CheckDeadline(absl::Duration deadline) {
  if (deadline <= absl::ZeroDuration() || deadline == absl::InfiniteDuration()) {
    return client::InvalidField("deadline", absl::StrCat("= ", absl::FormatDuration(deadline),
                                                         ", expected above 0 and finite"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const ClientOptions& options) {
  if (options.target.empty()) {
    return client::InvalidField("target", "is empty, expected host:port or unix:/path");
  }
  constexpr int64_t kMostBytes = std::numeric_limits<int>::max();
  if (options.max_message_bytes < 1 || options.max_message_bytes > kMostBytes) {
    return client::InvalidField(
        "max_message_bytes",
        absl::StrCat("= ", options.max_message_bytes, " is not in [1, ", kMostBytes, "]"));
  }
  if (options.tls.has_value() &&
      options.tls->client_certificate.empty() != options.tls->client_key.empty()) {
    return client::InvalidField(
        "tls", "has one of client_certificate and client_key, expected both or neither");
  }
  return CheckDeadline(options.deadline);
}

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  if (!options.tls.has_value()) {
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

}  // namespace

// The channel, and what every call does the same way.
class Client::Connection {
 public:
  using Stub = v1::LossService::Stub;

  explicit Connection(const ClientOptions& options)
      : stub_(v1::LossService::NewStub(MakeChannel(options))),
        deadline_(options.deadline),
        max_message_bytes_(options.max_message_bytes) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, const CallOptions& call) const {
    const absl::Duration deadline = call.deadline.value_or(deadline_);
    if (absl::Status status = CheckDeadline(deadline); !status.ok()) {
      return status;
    }
    // gRPC says the same only after it has serialised the request.
    if (const size_t size = request.ByteSizeLong();
        size > static_cast<size_t>(max_message_bytes_)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the request is ", size, " bytes, over the client's limit of ",
                       max_message_bytes_, " (ClientOptions::max_message_bytes)"));
    }
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) {
      return client::FromGrpcStatus(status);
    }
    return response;
  }

  template <typename T>
  absl::StatusOr<Result<T>> Compute(const ArrayView<T>& logits, const Labels& labels,
                                    const LossSpec& loss, const ComputeOptions& options,
                                    const CallOptions& call) const {
    const auto request = client::EncodeCompute(logits, labels, loss, options);
    if (!request.ok()) {
      return request.status();
    }
    const auto response = Call(&Stub::Compute, *request, call);
    if (!response.ok()) {
      return response.status();
    }
    return client::DecodeCompute<T>(*response, options.outputs);
  }

  template <typename T>
  absl::StatusOr<CompareResult> Compare(const ArrayView<T>& logits, const Labels& labels,
                                        absl::Span<const LossSpec> losses,
                                        const CompareOptions& options,
                                        const CallOptions& call) const {
    const auto request = client::EncodeCompare(logits, labels, losses, options);
    if (!request.ok()) {
      return request.status();
    }
    const auto response = Call(&Stub::Compare, *request, call);
    if (!response.ok()) {
      return response.status();
    }
    return client::DecodeCompare(*response, losses.size(), options);
  }

  absl::StatusOr<ClassWeightsResult> ComputeClassWeights(
      const absl::StatusOr<v1::ComputeClassWeightsRequest>& request,
      const CallOptions& call) const {
    if (!request.ok()) {
      return request.status();
    }
    const auto response = Call(&Stub::ComputeClassWeights, *request, call);
    if (!response.ok()) {
      return response.status();
    }
    return client::DecodeClassWeights(*response);
  }

  absl::StatusOr<Information> MeasureInformation(
      const absl::StatusOr<v1::MeasureInformationRequest>& request, const CallOptions& call) const {
    if (!request.ok()) {
      return request.status();
    }
    const auto response = Call(&Stub::MeasureInformation, *request, call);
    if (!response.ok()) {
      return response.status();
    }
    return client::DecodeInformation(*response);
  }

 private:
  std::unique_ptr<Stub> stub_;
  absl::Duration deadline_;
  int64_t max_message_bytes_;
};

absl::StatusOr<Client> Client::Create(const ClientOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  return Client(std::make_unique<Connection>(options));
}

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

absl::StatusOr<Result<float>> Client::Compute(const ArrayView<float>& logits, const Labels& labels,
                                              const LossSpec& loss, const ComputeOptions& options,
                                              const CallOptions& call) const {
  return connection_->Compute(logits, labels, loss, options, call);
}

absl::StatusOr<Result<double>> Client::Compute(const ArrayView<double>& logits,
                                               const Labels& labels, const LossSpec& loss,
                                               const ComputeOptions& options,
                                               const CallOptions& call) const {
  return connection_->Compute(logits, labels, loss, options, call);
}

absl::StatusOr<CompareResult> Client::Compare(const ArrayView<float>& logits, const Labels& labels,
                                              absl::Span<const LossSpec> losses,
                                              const CompareOptions& options,
                                              const CallOptions& call) const {
  return connection_->Compare(logits, labels, losses, options, call);
}

absl::StatusOr<CompareResult> Client::Compare(const ArrayView<double>& logits, const Labels& labels,
                                              absl::Span<const LossSpec> losses,
                                              const CompareOptions& options,
                                              const CallOptions& call) const {
  return connection_->Compare(logits, labels, losses, options, call);
}

absl::StatusOr<ClassWeightsResult> Client::ComputeClassWeights(const Labels& labels,
                                                               const ClassWeightsOptions& options,
                                                               const CallOptions& call) const {
  return connection_->ComputeClassWeights(client::EncodeClassWeights(labels, options), call);
}

absl::StatusOr<ClassWeightsResult> Client::ComputeClassWeightsFromCounts(
    absl::Span<const double> counts, const ClassWeightsOptions& options,
    const CallOptions& call) const {
  return connection_->ComputeClassWeights(client::EncodeClassWeightsFromCounts(counts, options),
                                          call);
}

absl::StatusOr<Information> Client::MeasureInformation(const ArrayView<double>& p,
                                                       const InformationOptions& options,
                                                       const CallOptions& call) const {
  return connection_->MeasureInformation(client::EncodeInformation(p, nullptr, options), call);
}

absl::StatusOr<Information> Client::MeasureInformation(const ArrayView<double>& p,
                                                       const ArrayView<double>& q,
                                                       const InformationOptions& options,
                                                       const CallOptions& call) const {
  return connection_->MeasureInformation(client::EncodeInformation(p, &q, options), call);
}

absl::StatusOr<std::vector<LossInfo>> Client::ListLosses(const CallOptions& call) const {
  const auto response =
      connection_->Call(&Connection::Stub::ListLosses, v1::ListLossesRequest(), call);
  if (!response.ok()) {
    return response.status();
  }
  return client::DecodeCatalogue(*response);
}

absl::StatusOr<ServerInfo> Client::GetServerInfo(const CallOptions& call) const {
  const auto response =
      connection_->Call(&Connection::Stub::GetServerInfo, v1::GetServerInfoRequest(), call);
  if (!response.ok()) {
    return response.status();
  }
  return client::DecodeServerInfo(*response);
}

}  // namespace lossd
