#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_ASKED_WORK_CALLS_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_ASKED_WORK_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/rpc/method_table.h"
#include "server/threads/executor.h"
#include "tests/server/rpc/handlers/counted_memory.h"
#include "tests/server/rpc/wire/received.h"

namespace lossd::rpc {

// A call as a transport makes it: serialized both ways.
class AskedWorkTest : public ::testing::Test {
 protected:
  struct Called {
    absl::Status status;
    int64_t operations = 0;  // as asked for
    int64_t bytes = 0;
    int64_t memory = 0;  // as taken at most, the request aside
    int64_t answer_bytes = 0;
  };

  // Runs the method with this name twice, for threads keep some memory from the first time.
  Called Call(const std::string& method, const std::string& request) {
    CallOnce(method, request);
    return CallOnce(method, request);
  }

  Called CallOnce(const std::string& method, const std::string& request) {
    Called called;
    CallContext context;
    context.admit = [&](const CallWork& work) {
      called.operations += work.operations;
      called.bytes += work.bytes;
      return refusal_;
    };
    const Handlers handlers({limits_, executor_, BufferPool::Create(0), {"1.2.3"}});
    const UnaryMethod answer_to = MethodNamed(method, MakeMethods(handlers, limits_));
    ReceivedBytes received = Received(request);
    const int64_t before = MemoryInUse();
    ResetPeak();
    const auto answer = answer_to(std::move(received), context);
    called.memory = PeakOfMemory() - before;
    called.status = answer.status();
    if (answer.ok()) called.answer_bytes = static_cast<int64_t>(answer->size());
    return called;
  }

  // Expects that a call asked for what it took, and not for much more.
  void ExpectAskedForWhatItTakes(const std::string& method, const std::string& request) {
    constexpr int64_t kUncounted = int64_t{1} << 20;
    constexpr int64_t kFactor = 4;
    const Called called = Call(method, request);
    ASSERT_TRUE(called.status.ok()) << called.status;
    EXPECT_GT(called.memory, 3 * kUncounted) << "too little to see a difference";
    EXPECT_LE(called.memory, called.bytes + kUncounted);
    EXPECT_LE(called.bytes, kFactor * called.memory);
    EXPECT_GT(called.operations, 0);
  }

  Limits limits_;
  absl::Status refusal_;

 private:
  static UnaryMethod MethodNamed(const std::string& name, const std::vector<MethodRow>& methods) {
    for (const MethodRow& row : methods) {
      if (row.name == "lossd.v1.LossService/" + name) return std::get<UnaryMethod>(row.method);
    }
    ADD_FAILURE() << "no method " << name;
    return nullptr;
  }

  const Executor executor_{1};
};

// Sets a tensor of `shape` to so many bytes, each of which is `byte`.
inline void SetData(v1::DataType type, const std::vector<int64_t>& shape, size_t bytes, char byte,
                    v1::Tensor& tensor) {
  tensor.set_data_type(type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data(std::string(bytes, byte));
}

inline constexpr int64_t kRows = 2000;
inline constexpr int64_t kClasses = 500;
inline constexpr size_t kLogits = size_t{kRows} * kClasses;

// A batch of FLOAT32 zeros, labelled by class.
template <typename Request>
Request LabelledBatch() {
  Request request;
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kLogits, 0, *request.mutable_logits());
  SetData(v1::DATA_TYPE_UINT8, {kRows}, kRows, 7, *request.mutable_labels());
  return request;
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_ASKED_WORK_CALLS_H_
