#include "server/transport/call_filters.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lossd::transport {
namespace {

class SomeCall final : public rpc::CallInfo {
 public:
  absl::string_view method() const override { return "lossd.v1.LossService/Compute"; }
  std::string Peer() const override { return "nowhere"; }
  std::optional<absl::string_view> Metadata(absl::string_view) const override {
    return std::nullopt;
  }
};

// Appends its name to a list when it is asked or told.
class NamedFilter final : public rpc::CallFilter {
 public:
  NamedFilter(std::string name, absl::Status answer, std::vector<std::string>& list)
      : name_(std::move(name)), answer_(std::move(answer)), list_(list) {}

  absl::Status Arrived(const rpc::CallInfo&) override {
    list_.push_back(name_ + " arrived");
    return answer_;
  }
  void MessageAnswered(const rpc::CallInfo&, const absl::Status& status, const rpc::CallCosts&,
                       const rpc::CallNotes&) override {
    list_.push_back(name_ + " message " + std::string(status.message()));
  }
  void Ended(const rpc::CallInfo&, const absl::Status& status, const rpc::CallCosts&) override {
    list_.push_back(name_ + " ended " + std::string(status.message()));
  }

 private:
  const std::string name_;
  const absl::Status answer_;
  std::vector<std::string>& list_;
};

class ThrowingFilter final : public rpc::CallFilter {
 public:
  absl::Status Arrived(const rpc::CallInfo&) override { throw std::runtime_error("no room"); }
  void MessageAnswered(const rpc::CallInfo&, const absl::Status&, const rpc::CallCosts&,
                       const rpc::CallNotes&) override {
    throw std::runtime_error("no room");
  }
  void Ended(const rpc::CallInfo&, const absl::Status&, const rpc::CallCosts&) override {
    throw std::runtime_error("no room");
  }
};

class FilterOfTimes final : public rpc::CallFilter {
 public:
  bool WantsTimes() const override { return true; }
};

TEST(CallFiltersTest, AsksAndTellsAllInTheirOrderAndTakesTheFirstError) {
  std::vector<std::string> list;
  NamedFilter a("a", absl::OkStatus(), list);
  NamedFilter b("b", absl::CancelledError("b's"), list);
  NamedFilter c("c", absl::CancelledError("c's"), list);
  const CallFilters filters({&a, &b, &c});
  const SomeCall call;
  EXPECT_EQ(filters.Arrived(call), absl::CancelledError("b's"));
  filters.MessageAnswered(call, absl::CancelledError("x"), {}, {});
  filters.Ended(call, absl::CancelledError("y"), {});
  EXPECT_EQ(list, (std::vector<std::string>{"a arrived", "b arrived", "c arrived", "a message x",
                                            "b message x", "c message x", "a ended y", "b ended y",
                                            "c ended y"}));
}

TEST(CallFiltersTest, AFilterThatThrowsRefusesTheCallAndKeepsNothingFromOthers) {
  std::vector<std::string> list;
  ThrowingFilter throwing;
  NamedFilter other("a", absl::OkStatus(), list);
  const CallFilters filters({&throwing, &other});
  const SomeCall call;
  EXPECT_EQ(filters.Arrived(call), absl::InternalError("no room"));
  filters.MessageAnswered(call, absl::OkStatus(), {}, {});
  filters.Ended(call, absl::OkStatus(), {});
  EXPECT_EQ(list, (std::vector<std::string>{"a arrived", "a message ", "a ended "}));
}

TEST(CallFiltersTest, WithoutFiltersEveryCallIsTaken) {
  EXPECT_TRUE(CallFilters({}).Arrived(SomeCall()).ok());
}

TEST(CallFiltersTest, ReadsTheClockForAFilterThatWantsTimesOnly) {
  std::vector<std::string> list;
  NamedFilter other("a", absl::OkStatus(), list);
  FilterOfTimes times;
  EXPECT_EQ(CallFilters({&other}).Now(), CallFilters::Moment());
  EXPECT_NE(CallFilters({&other, &times}).Now(), CallFilters::Moment());
}

}  // namespace
}  // namespace lossd::transport
