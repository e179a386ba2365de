// How a ServedStream makes its answers.
#include <algorithm>
#include <utility>

#include "server/rpc/catch_exceptions.h"
#include "server/transport/byte_budget.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/served_stream.h"

namespace lossd::transport {
namespace {

// More is not told apart.
constexpr int64_t kMostOperations = int64_t{1} << 50;

}  // namespace

void ServedStream::ComputeOnQueue(Batch& batch) {
  batch.on_queue = true;
  if (Compute(batch)) return;
  batch.on_queue = batch.is_much = false;
  ComputeOnWorker(batch, batch.operations);
}

void ServedStream::ComputeOnWorker(Batch& batch, int64_t work) {
  Hold();
  environment().workers.Schedule({owner(), work, [this, &batch] {
                                    Compute(batch);
                                    Advance();
                                    LetGo();
                                  }});
}

bool ServedStream::Compute(Batch& batch) {
  batch.costs.messages = 1;
  batch.costs.request_bytes = static_cast<int64_t>(batch.bytes.Length());
  batch.begin = environment().filters.Now();
  const absl::Status status = Answer(batch);
  if (batch.is_much) return false;
  if (!status.ok() || batch.rest.run == nullptr) {
    NoteAnswer(batch, status);
    return true;
  }
  Hold();
  environment().waiters.Schedule({owner(), std::move(batch.rest.line), [this, &batch] {
                                    ComputeRest(batch);
                                    Advance();
                                    LetGo();
                                  }});
  return true;
}

void ServedStream::ComputeRest(Batch& batch) {
  rpc::StreamAnswer answer;
  // It may have waited for its turn.
  if (Cancelled()) {
    answer.status = absl::CancelledError("the call was cancelled");
  } else {
    answer = batch.rest.run();
  }
  batch.rest.run = nullptr;
  ToByteBuffer(std::move(answer.message)).Swap(&batch.bytes);
  NoteAnswer(batch, answer.status);
}

void ServedStream::NoteAnswer(Batch& batch, const absl::Status& status) {
  const CallFilters& filters = environment().filters;
  rpc::CallCosts& costs = batch.costs;
  costs.queued = batch.begin - batch.arrival;
  costs.computing = filters.Now() - batch.begin;
  costs.response_bytes = static_cast<int64_t>(batch.bytes.Length());
  costs.failed_messages = status.ok() ? 0 : 1;
  environment().budget.Settle(*batch.charge, costs.response_bytes);
  if (!Cancelled()) filters.MessageAnswered(info(), status, costs, batch.notes);
  const MutexLock lock(&mutex_);
  AddCosts(costs);
  AddNotes(std::move(batch.notes));
  batch.answered = true;
  --unanswered_;
}

absl::Status ServedStream::Answer(Batch& batch) {
  absl::Status status;
  absl::Status thrown = rpc::CatchExceptions([&] {
    rpc::StreamAnswer answer = MakeAnswer(batch);
    status = std::move(answer.status);
    if (batch.is_much) return absl::OkStatus();
    grpc::ByteBuffer message = ToByteBuffer(std::move(answer.message));
    batch.bytes.Swap(&message);  // An assignment would copy it.
    return absl::OkStatus();
  });
  if (thrown.ok() || batch.is_much) return status;
  batch.bytes = ToByteBuffer(stream_method().refuse({}, thrown));
  return thrown;
}

rpc::StreamAnswer ServedStream::MakeAnswer(Batch& batch) {
  // On the queue the request is kept, for a worker to answer.
  auto request = batch.on_queue ? ViewReceivedBytes(batch.bytes) : TakeReceivedBytes(batch.bytes);
  if (!request.ok()) return {stream_method().refuse({}, request.status()), request.status()};
  absl::Status refused = batch.refused;
  // It may have waited for a worker.
  if (refused.ok() && Cancelled()) refused = absl::CancelledError("the call was cancelled");
  if (!refused.ok()) return {stream_method().refuse(*request, refused), refused};
  rpc::CallContext context = Context(
      batch.notes, [this, &batch](const rpc::CallWork& work) { return Admit(batch, work); });
  context.rest = &batch.rest;
  return stream_method().answer(*std::move(request), context);
}

absl::Status ServedStream::Admit(Batch& batch, const rpc::CallWork& work) {
  if (batch.on_queue) {
    batch.operations += std::min(work.operations, kMostOperations);
    batch.is_much = batch.operations > kMostOperationsOnQueue;
    if (batch.is_much) return absl::AbortedError("the batch is answered on a worker");
  }
  return environment().budget.Grow(*batch.charge, work.bytes);
}

}  // namespace lossd::transport
