#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_RUN_CALLS_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_RUN_CALLS_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lossd/v1/run_service.pb.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/method_table.h"
#include "server/runs/memory_store.h"
#include "server/threads/executor.h"
#include "tests/server/rpc/wire/received.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd::rpc {

// RunService as transports call it: by its methods' names, in bytes.
class RunCalls : public testing::Test {
 protected:
  void Serve(int64_t max_message_bytes, bool keeps_runs = true) {
    limits_ = MakeLimits(max_message_bytes);
    if (!keeps_runs) store_ = nullptr;
    handlers_ = std::make_unique<Handlers>(
        HandlerOptions{limits_, executor_, BufferPool::Create(0), {}, store_});
    methods_ = MakeMethods(*handlers_, limits_);
  }
  RunCalls() { Serve(int64_t{64} << 20); }

  template <typename M>
  const M& Method(const std::string& name) {
    for (const MethodRow& row : methods_) {
      if (row.name == "lossd.v1.RunService/" + name) return std::get<M>(row.method);
    }
    ADD_FAILURE() << "no method " << name;
    std::abort();
  }

  template <typename Response>
  absl::StatusOr<Response> Call(const std::string& method, const google::protobuf::Message& request,
                                const Caller* caller = nullptr) {
    CallContext context;
    context.caller = caller;
    const auto answer = Method<UnaryMethod>(method)(Received(request.SerializeAsString()), context);
    if (!answer.ok()) return answer.status();
    Response response;
    EXPECT_TRUE(response.ParseFromString(Text(*answer)));
    return response;
  }
  absl::StatusOr<v1::GetRunResponse> Get(const std::string& run, const Caller* caller = nullptr) {
    v1::GetRunRequest request;
    request.set_run(run);
    return Call<v1::GetRunResponse>("GetRun", request, caller);
  }
  absl::StatusOr<std::unique_ptr<AnswerSource>> Open(const std::string& method,
                                                     const google::protobuf::Message& request) {
    return Method<AnswersMethod>(method).open(Received(request.SerializeAsString()), {});
  }

  void Record(const std::string& run, int64_t first, int64_t count, const std::string& owner = "") {
    runs::OwnedBatch batch;
    batch.run = run;
    batch.owner = owner;
    batch.request_id = absl::StrCat(first);
    batch.learning_rate = 0.5;
    for (int64_t i = 0; i < count; ++i) {
      runs::Presentation sample;
      sample.id = first + i;
      sample.class_id = sample.label = (first + i) % 3;
      sample.true_probability = static_cast<double>((first + i) * 37 % 101) / 101;
      sample.loss = 1;
      sample.margin = static_cast<double>((first + i) % 7) - 3;
      sample.correct = sample.margin > 0;
      batch.samples.push_back(sample);
    }
    const absl::Status recorded =
        runs::WithView(batch, [&](const runs::RunBatch& view) { return store_->Record(view); });
    ASSERT_TRUE(recorded.ok()) << recorded;
  }

  Limits limits_;
  Executor executor_{1};
  std::shared_ptr<runs::RunStore> store_ =
      std::make_shared<runs::MemoryStore>(runs::MemoryStoreOptions());
  std::unique_ptr<Handlers> handlers_;
  std::vector<MethodRow> methods_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_RUN_CALLS_H_
