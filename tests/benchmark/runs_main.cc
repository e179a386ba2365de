// What training runs cost. At the server at ADDRESS,
//   run_calls ADDRESS pairs           calls with the same batch without a run and with one, in
//   turn,
//                                     and prints the times of each and their ratio
//   run_calls ADDRESS fill SAMPLES    records so many samples, a batch of 65536×10 after the other
//                                     from four threads, and tries again what is UNAVAILABLE
//   run_calls ADDRESS ask             asks for the run that was filled, and for its first page, and
//                                     prints how long each takes

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "lossd/v1/run_service.grpc.pb.h"
#include "tests/benchmark/compute_request.h"

namespace {

using lossd::benchmark::Batch;
using lossd::benchmark::MakeBatch;

constexpr char kFilled[] = "filled";
constexpr int kFilling = 4;
constexpr int kPairs = 60;
// Of the data set that pairs are drawn from.
constexpr int64_t kIds = 200'000;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

template <typename T>
void SetData(const std::vector<T>& values, lossd::v1::DataType type, lossd::v1::Tensor* tensor) {
  tensor->set_data_type(type);
  tensor->set_data(values.data(), values.size() * sizeof(T));
}

lossd::v1::ComputeRequest RequestOf(const Batch& batch) {
  lossd::v1::ComputeRequest request;
  SetData(batch.logits, lossd::v1::DATA_TYPE_FLOAT32, request.mutable_logits());
  request.mutable_logits()->add_shape(batch.rows);
  request.mutable_logits()->add_shape(batch.classes);
  SetData(batch.labels, lossd::v1::DATA_TYPE_INT64, request.mutable_labels());
  request.mutable_labels()->add_shape(batch.rows);
  request.set_reduction(lossd::v1::REDUCTION_MEAN);
  request.mutable_outputs()->set_gradient(true);
  return request;
}

void SetRun(const std::string& run, const std::string& request_id, const std::vector<int64_t>& ids,
            lossd::v1::ComputeRequest& request) {
  request.set_run(run);
  request.set_request_id(request_id);
  SetData(ids, lossd::v1::DATA_TYPE_INT64, request.mutable_sample_ids());
  request.mutable_sample_ids()->clear_shape();
  request.mutable_sample_ids()->add_shape(static_cast<int64_t>(ids.size()));
}

void ExitUnless(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << status.error_message() << "\n";
  std::exit(1);
}

absl::Duration Call(lossd::v1::LossService::Stub& stub, const lossd::v1::ComputeRequest& request) {
  grpc::ClientContext context;
  lossd::v1::ComputeResponse response;
  const absl::Time start = absl::Now();
  ExitUnless(stub.Compute(&context, request, &response));
  return absl::Now() - start;
}

// Returns the time that this share of the calls does not take longer than.
double Milliseconds(std::vector<absl::Duration>& times, double share) {
  std::sort(times.begin(), times.end());
  return absl::ToDoubleMilliseconds(
      times[static_cast<size_t>(share * static_cast<double>(times.size()))]);
}

void ComparePairs(const std::string& address) {
  const auto stub = lossd::v1::LossService::NewStub(Connect(address));
  std::mt19937_64 random(1);
  for (const auto& [rows, classes] : {std::pair<int64_t, int64_t>{8192, 1000}, {65536, 10}}) {
    const Batch batch = MakeBatch(rows, classes);
    lossd::v1::ComputeRequest without = RequestOf(batch);
    lossd::v1::ComputeRequest with = without;
    std::vector<int64_t> ids(static_cast<size_t>(rows));
    std::vector<absl::Duration> without_times;
    std::vector<absl::Duration> with_times;
    constexpr int kWarm = 5;
    for (int i = 0; i < kPairs + kWarm; ++i) {
      for (int64_t& id : ids) id = static_cast<int64_t>(random() % kIds);
      SetRun(absl::StrCat("pairs-", rows), absl::StrCat(random()), ids, with);
      const absl::Duration before = Call(*stub, without);
      const absl::Duration after = Call(*stub, with);
      if (i < kWarm) continue;
      without_times.push_back(before);
      with_times.push_back(after);
    }
    // The fastest tenth is what a machine that others use says most of.
    for (const double share : {0.1, 0.5}) {
      const double before = Milliseconds(without_times, share);
      const double after = Milliseconds(with_times, share);
      std::cout << rows << "x" << classes << (share < 0.5 ? ", fastest tenth" : ", median")
                << ": without " << before << " ms, with " << after << " ms, ratio "
                << after / before << std::endl;
    }
  }
}

void Fill(const std::string& address, int64_t samples) {
  constexpr int64_t kRows = 65536;
  constexpr int64_t kClasses = 10;
  const lossd::v1::ComputeRequest request = RequestOf(MakeBatch(kRows, kClasses));
  const int64_t batches = (samples + kRows - 1) / kRows;
  std::atomic<int64_t> next = 0;
  std::atomic<int64_t> refused = 0;
  const absl::Time start = absl::Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < kFilling; ++i) {
    threads.emplace_back([&] {
      const auto stub = lossd::v1::LossService::NewStub(Connect(address));
      lossd::v1::ComputeRequest mine = request;
      std::vector<int64_t> ids(static_cast<size_t>(kRows));
      while (true) {
        const int64_t batch = next++;
        if (batch >= batches) return;
        std::iota(ids.begin(), ids.end(), batch * kRows);
        SetRun(kFilled, absl::StrCat(batch), ids, mine);
        while (true) {
          grpc::ClientContext context;
          lossd::v1::ComputeResponse response;
          const grpc::Status status = stub->Compute(&context, mine, &response);
          if (status.ok()) break;
          if (status.error_code() != grpc::StatusCode::UNAVAILABLE) ExitUnless(status);
          ++refused;
          absl::SleepFor(absl::Seconds(1));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::cout << "recorded " << batches * kRows << " samples in "
            << absl::ToDoubleSeconds(absl::Now() - start) << " s, " << refused << " refusals"
            << std::endl;
}

void Ask(const std::string& address) {
  const auto stub = lossd::v1::RunService::NewStub(Connect(address));
  for (const char* const when : {"first", "then"}) {
    lossd::v1::GetRunRequest get;
    get.set_run(kFilled);
    lossd::v1::GetRunResponse run;
    grpc::ClientContext get_context;
    absl::Time start = absl::Now();
    ExitUnless(stub->GetRun(&get_context, get, &run));
    const absl::Duration get_time = absl::Now() - start;
    lossd::v1::ListRunSamplesRequest list;
    list.set_run(kFilled);
    lossd::v1::ListRunSamplesResponse page;
    grpc::ClientContext list_context;
    start = absl::Now();
    ExitUnless(stub->ListRunSamples(&list_context, list, &page));
    const absl::Duration list_time = absl::Now() - start;
    grpc::ClientContext runs_context;
    lossd::v1::ListRunsResponse runs;
    start = absl::Now();
    ExitUnless(stub->ListRuns(&runs_context, {}, &runs));
    std::cout << when << ": GetRun of " << run.run().sample_count() << " samples "
              << absl::ToDoubleMilliseconds(get_time) << " ms, first page of ListRunSamples "
              << absl::ToDoubleMilliseconds(list_time) << " ms, ListRuns "
              << absl::ToDoubleMilliseconds(absl::Now() - start) << " ms" << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[2] : "";
  int64_t samples = 0;
  if (what == "pairs") {
    ComparePairs(argv[1]);
  } else if (what == "fill" && argc > 3 && absl::SimpleAtoi(argv[3], &samples)) {
    Fill(argv[1], samples);
  } else if (what == "ask") {
    Ask(argv[1]);
  } else {
    std::cerr << "usage: run_calls ADDRESS pairs | fill SAMPLES | ask\n";
    return 2;
  }
  return 0;
}
