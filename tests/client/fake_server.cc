#include "tests/client/fake_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <limits>
#include <map>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "lossd/v1/loss_service.grpc.pb.h"

namespace lossd::testing {
namespace {

template <typename T>
std::vector<T> Elements(const v1::Tensor& tensor) {
  std::vector<T> values(tensor.data().size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.data().data(), values.size() * sizeof(T));
  return values;
}

template <typename T>
void SetElements(const std::vector<T>& values, const std::vector<int64_t>& shape,
                 v1::DataType data_type, v1::Tensor* tensor) {
  tensor->set_data_type(data_type);
  tensor->mutable_shape()->Add(shape.begin(), shape.end());
  tensor->set_data(values.data(), values.size() * sizeof(T));
}

// Returns z_t − max z_j, over j ≠ t, of each row.
template <typename T>
std::vector<T> Margins(const std::vector<T>& logits, const std::vector<int64_t>& labels,
                       size_t classes) {
  std::vector<T> margins(labels.size(), std::numeric_limits<T>::infinity());
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<size_t>(labels[i]);
    for (size_t j = 0; j < classes; ++j) {
      const T lead = logits[i * classes + label] - logits[i * classes + j];
      if (j != label) margins[i] = std::min(margins[i], lead);
    }
  }
  return margins;
}

// Softmax cross entropy by its definition.
template <typename T>
void CrossEntropy(const v1::ComputeRequest& request, v1::ComputeResponse* response) {
  const auto logits = Elements<T>(request.logits());
  const auto labels = Elements<int64_t>(request.labels());
  const size_t rows = labels.size();
  const auto classes = static_cast<size_t>(request.logits().shape(1));
  const v1::DataType data_type = request.logits().data_type();
  const bool mean = request.reduction() == v1::REDUCTION_MEAN;
  const double divisor = mean && rows > 0 ? static_cast<double>(rows) : 1.0;

  std::vector<T> losses(rows);
  std::vector<T> gradient(rows * classes);
  std::vector<T> probabilities(rows * classes);
  std::vector<int64_t> counts(classes, 0);
  std::vector<int64_t> correct(classes, 0);
  double loss_sum = 0.0;
  for (size_t i = 0; i < rows; ++i) {
    const auto label = static_cast<size_t>(labels[i]);
    double sum = 0.0;
    size_t best = 0;
    for (size_t j = 0; j < classes; ++j) {
      sum += std::exp(static_cast<double>(logits[i * classes + j]));
      best = logits[i * classes + j] > logits[i * classes + best] ? j : best;
    }
    for (size_t j = 0; j < classes; ++j) {
      const double p = std::exp(static_cast<double>(logits[i * classes + j])) / sum;
      probabilities[i * classes + j] = static_cast<T>(p);
      gradient[i * classes + j] = static_cast<T>((p - (j == label ? 1.0 : 0.0)) / divisor);
    }
    const double loss = std::log(sum) - static_cast<double>(logits[i * classes + label]);
    losses[i] = static_cast<T>(loss);
    loss_sum += loss;
    ++counts[label];
    correct[label] += best == label ? 1 : 0;
  }

  const std::vector<int64_t> shape = {static_cast<int64_t>(rows), static_cast<int64_t>(classes)};
  const v1::OutputOptions& outputs = request.outputs();
  if (!outputs.omit_losses()) {
    SetElements(losses, {shape[0]}, data_type, response->mutable_losses());
  }
  if (outputs.margin()) {
    SetElements(Margins(logits, labels, classes), {shape[0]}, data_type,
                response->mutable_margin());
  }
  if (outputs.gradient()) SetElements(gradient, shape, data_type, response->mutable_gradient());
  if (outputs.probabilities()) {
    SetElements(probabilities, shape, data_type, response->mutable_probabilities());
  }
  if (outputs.class_statistics()) {
    auto* statistics = response->mutable_class_statistics();
    statistics->mutable_count()->Add(counts.begin(), counts.end());
    statistics->mutable_correct_count()->Add(correct.begin(), correct.end());
  }
  response->set_loss(loss_sum / divisor);
  response->set_loss_sum(loss_sum);
  response->set_weight_sum(static_cast<double>(rows));
  response->set_valid_count(static_cast<int64_t>(rows));
  response->set_non_finite_count(0);
}

std::string AuthorizationOf(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

void WaitUntilCancelled(const grpc::ServerContext& context) {
  while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

class FakeServer::Service : public v1::LossService::Service {
 public:
  Service() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      std::cerr << "the fake server cannot listen on 127.0.0.1\n";
      std::abort();
    }
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  ~Service() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Compute(grpc::ServerContext* context, const v1::ComputeRequest* request,
                       v1::ComputeResponse* response) override {
    return Answer(context, response, [&](Call& call) {
      call.compute = *request;
      if (request->logits().data_type() == v1::DATA_TYPE_FLOAT64) {
        CrossEntropy<double>(*request, response);
      } else {
        CrossEntropy<float>(*request, response);
      }
    });
  }

  grpc::Status ComputeStream(grpc::ServerContext* context,
                             grpc::ServerReaderWriter<v1::ComputeStreamResponse,
                                                      v1::ComputeStreamRequest>* stream) override {
    grpc::Status status = AnswerBatches(context, stream);
    const absl::MutexLock lock(&mutex_);
    ++ended_streams_;
    return status;
  }

  grpc::Status Compare(grpc::ServerContext* context, const v1::CompareRequest* request,
                       v1::CompareResponse* response) override {
    return Answer(context, response, [&](Call& call) { call.compare = *request; });
  }

  grpc::Status ComputeClassWeights(grpc::ServerContext* context,
                                   const v1::ComputeClassWeightsRequest* request,
                                   v1::ComputeClassWeightsResponse* response) override {
    return Answer(context, response, [&](Call& call) { call.class_weights = *request; });
  }

  grpc::Status MeasureInformation(grpc::ServerContext* context,
                                  const v1::MeasureInformationRequest* request,
                                  v1::MeasureInformationResponse* response) override {
    return Answer(context, response, [&](Call& call) { call.information = *request; });
  }

  grpc::Status ListLosses(grpc::ServerContext* context, const v1::ListLossesRequest*,
                          v1::ListLossesResponse* response) override {
    return Answer(context, response, [](Call&) {});
  }

  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    return Answer(context, response, [](Call&) {});
  }

  const std::string& address() const { return address_; }

  int ended_streams() const {
    const absl::MutexLock lock(&mutex_);
    return ended_streams_;
  }

  // Called before there is a stream.
  void FailBatch(uint64_t sequence, const grpc::Status& error) { batch_errors_[sequence] = error; }
  void ShiftSequences(uint64_t shift) { sequence_shift_ = shift; }
  void NeverAnswerBatches() { never_answer_batches_ = true; }
  void AnswerBehind(int batches) { behind_ = static_cast<size_t>(batches); }
  void EndStreamAt(uint64_t sequence, const grpc::Status& status) {
    stream_ends_[sequence] = status;
  }

  Call last_call() const {
    const absl::MutexLock lock(&mutex_);
    return call_;
  }

  void AnswerWith(const google::protobuf::Message& response) {
    const absl::MutexLock lock(&mutex_);
    answers_[response.GetTypeName()] = response.SerializeAsString();
  }

  void FailWith(const grpc::Status& status) {
    const absl::MutexLock lock(&mutex_);
    status_ = status;
  }

  void AnswerFirst(int calls) {
    const absl::MutexLock lock(&mutex_);
    calls_left_ = calls;
  }

  void NeverAnswer() {
    const absl::MutexLock lock(&mutex_);
    never_answer_ = true;
  }

 private:
  using BatchStream = grpc::ServerReaderWriter<v1::ComputeStreamResponse, v1::ComputeStreamRequest>;

  grpc::Status AnswerBatches(grpc::ServerContext* context, BatchStream* stream) {
    if (never_answer_batches_) {
      WaitUntilCancelled(*context);
      return grpc::Status::CANCELLED;
    }
    {
      const absl::MutexLock lock(&mutex_);
      call_.authorization = AuthorizationOf(*context);
    }
    std::deque<v1::ComputeStreamRequest> taken;
    v1::ComputeStreamRequest request;
    while (stream->Read(&request)) {
      if (const auto end = stream_ends_.find(request.sequence()); end != stream_ends_.end()) {
        return end->second;
      }
      taken.push_back(request);
      if (taken.size() > behind_) {
        stream->Write(AnswerBatch(context, taken.front()));
        taken.pop_front();
      }
    }
    for (const v1::ComputeStreamRequest& left : taken) stream->Write(AnswerBatch(context, left));
    return grpc::Status::OK;
  }

  v1::ComputeStreamResponse AnswerBatch(grpc::ServerContext* context,
                                        const v1::ComputeStreamRequest& request) {
    v1::ComputeStreamResponse answer;
    answer.set_sequence(request.sequence() + sequence_shift_);
    grpc::Status status;
    if (const auto error = batch_errors_.find(request.sequence()); error != batch_errors_.end()) {
      status = error->second;
    } else {
      status = Compute(context, &request.request(), answer.mutable_response());
    }
    if (!status.ok()) {
      answer.mutable_error()->set_code(status.error_code());
      answer.mutable_error()->set_message(status.error_message());
    }
    return answer;
  }

  template <typename Compute>
  grpc::Status Answer(grpc::ServerContext* context, google::protobuf::Message* response,
                      const Compute& compute) {
    absl::ReleasableMutexLock lock(&mutex_);
    ++call_.count;
    call_.time_left = absl::FromChrono(context->deadline() - std::chrono::system_clock::now());
    call_.authorization = AuthorizationOf(*context);
    if (never_answer_) {
      lock.Release();
      WaitUntilCancelled(*context);
      return grpc::Status::CANCELLED;
    }
    if (!status_.ok()) return status_;
    if (calls_left_ == 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no more calls");
    if (calls_left_ > 0) --calls_left_;
    compute(call_);
    if (const auto answer = answers_.find(response->GetTypeName()); answer != answers_.end()) {
      response->ParseFromString(answer->second);
    }
    return grpc::Status::OK;
  }

  mutable absl::Mutex mutex_;
  Call call_;
  std::map<std::string, std::string> answers_;
  grpc::Status status_;
  bool never_answer_ = false;
  int calls_left_ = -1;  // without end
  std::map<uint64_t, grpc::Status> batch_errors_;
  std::map<uint64_t, grpc::Status> stream_ends_;
  uint64_t sequence_shift_ = 0;
  size_t behind_ = 0;
  std::atomic<bool> never_answer_batches_ = false;
  int ended_streams_ = 0;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

FakeServer::FakeServer() : service_(std::make_unique<Service>()), address_(service_->address()) {}
FakeServer::~FakeServer() = default;

FakeServer::Call FakeServer::last_call() const { return service_->last_call(); }

void FakeServer::AnswerWith(const google::protobuf::Message& response) {
  service_->AnswerWith(response);
}

void FakeServer::FailWith(const grpc::Status& status) { service_->FailWith(status); }

int FakeServer::ended_streams() const { return service_->ended_streams(); }

void FakeServer::FailBatch(uint64_t sequence, const grpc::Status& error) {
  service_->FailBatch(sequence, error);
}

void FakeServer::ShiftSequences(uint64_t shift) { service_->ShiftSequences(shift); }

void FakeServer::AnswerBehind(int batches) { service_->AnswerBehind(batches); }

void FakeServer::NeverAnswerBatches() { service_->NeverAnswerBatches(); }

void FakeServer::EndStreamAt(uint64_t sequence, const grpc::Status& status) {
  service_->EndStreamAt(sequence, status);
}

void FakeServer::AnswerFirst(int calls) { service_->AnswerFirst(calls); }

void FakeServer::NeverAnswer() { service_->NeverAnswer(); }

}  // namespace lossd::testing
