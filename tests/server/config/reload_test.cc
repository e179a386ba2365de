#include "server/config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A reload of a file that the test writes.
class ReloadTest : public ::testing::Test {
 protected:
  ~ReloadTest() override { std::remove(path_.c_str()); }

  // Starts with `text` in the file, and `arguments`.
  void Start(const std::string& text, std::vector<std::string> arguments = {}) {
    Write(text);
    arguments.insert(arguments.end(), {"--config", path_});
    const ConfigurationOutcome outcome =
        Configure(arguments, [](absl::string_view) { return std::nullopt; });
    ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
    sources_ = outcome.sources;
    started_ = outcome.configuration.settings;
  }

  void Write(const std::string& text) const { std::ofstream(path_, std::ios::trunc) << text; }

  // Reloads after each text has been written. Returns the log.
  std::string LogOf(const std::vector<std::string>& texts) {
    ::testing::internal::CaptureStderr();
    {
      const Log log(LogFormat::kText);
      Reload reload(sources_, started_, log);
      reload.Add({"the log level", [this](const Settings& settings) {
                    told_.push_back(settings.log_level);
                    return status_;
                  }});
      for (const std::string& text : texts) {
        Write(text);
        reload.Run();
      }
      running_ = reload.running();
    }
    return ::testing::internal::GetCapturedStderr();
  }

  const std::string path_ = ::testing::TempDir() + "lossd-reload-" + std::to_string(getpid());
  ConfigurationSources sources_;
  Settings started_;
  absl::Status status_;
  std::vector<LogLevel> told_;
  Settings running_;
};

TEST_F(ReloadTest, TakesOverWhatMayChangeAndTellsWhoNeedsIt) {
  Start("log-level: info\n");
  const std::string log = LogOf({"log-level: warning\ndrain-delay: 1s\n"});
  EXPECT_EQ(running_.log_level, LogLevel::kWarning);
  EXPECT_EQ(running_.drain_delay, absl::Seconds(1));
  EXPECT_THAT(told_, ::testing::ElementsAre(LogLevel::kWarning));
  EXPECT_THAT(log, HasSubstr("info setting changed setting=\"log-level\" running=\"info\" "
                             "configured=\"warning\" source=\"" +
                             path_ + ":1\"\n"));
  EXPECT_THAT(log, HasSubstr("info reloaded\n"));
}

TEST_F(ReloadTest, SaysEachTimeWhatNeedsARestartUntilItIsAsItWas) {
  Start("threads: 2\n");
  const std::string needs =
      R"(warning setting needs a restart to change setting="threads" running="2" configured=)";
  const std::string log = LogOf({"threads: 3\n", "threads: 4\n"});
  EXPECT_THAT(log, AllOf(HasSubstr(needs + "\"3\""), HasSubstr(needs + "\"4\"")));
  EXPECT_EQ(running_.threads, 2);
  EXPECT_THAT(LogOf({""}), HasSubstr(needs + "\"0\" source=\"default\""));
  EXPECT_THAT(LogOf({"threads: 2\n"}), Not(HasSubstr("restart")));
}

TEST_F(ReloadTest, AFlagBeatsTheFileStill) {
  Start("", {"--drain-delay", "3s"});
  EXPECT_THAT(LogOf({"drain-delay: 4s\n"}), Not(HasSubstr("changed")));
  EXPECT_EQ(running_.drain_delay, absl::Seconds(3));
}

TEST_F(ReloadTest, AFileThatIsWrongChangesNoSettingAndTheOthersAreToldAllTheSame) {
  Start("log-level: info\n");
  const std::string log = LogOf({"log-level: error\nthreads: many\nno-such: 1\n"});
  EXPECT_EQ(running_.log_level, LogLevel::kInfo);
  EXPECT_THAT(told_, ::testing::ElementsAre(LogLevel::kInfo));
  EXPECT_THAT(log, HasSubstr("error the configuration is wrong, no setting changes error=\"" +
                             path_ + ":3: no-such: no setting has this name"));
  EXPECT_THAT(log, Not(HasSubstr("reloaded\n")));
}

TEST_F(ReloadTest, SaysWhoCouldNot) {
  Start("");
  status_ = absl::NotFoundError("it is gone");
  EXPECT_THAT(
      LogOf({""}),
      AllOf(HasSubstr("error the log level cannot be reloaded and stay error=\"it is gone\""),
            Not(HasSubstr("reloaded\n"))));
}

// Who opened it would wait for its writer, and hear no signal.
TEST_F(ReloadTest, DoesNotReadAPipeAgain) {
  Start("drain-delay: 2s\n");
  std::remove(path_.c_str());
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  ::testing::internal::CaptureStderr();
  {
    const Log log(LogFormat::kText);
    Reload reload(sources_, started_, log);
    reload.Run();
    EXPECT_EQ(reload.running().drain_delay, absl::Seconds(2));
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("is no regular file"));
}

TEST_F(ReloadTest, WithoutAFileTheOthersAreTold) {
  EXPECT_THAT(LogOf({""}), HasSubstr("info reloaded\n"));
  EXPECT_EQ(told_.size(), 1);
}

TEST(SettingsFieldsTest, HaveEverySettingByItsName) {
  const LogFields fields = SettingsFields(Settings());
  ASSERT_EQ(fields.size(), SettingTable().size());
  EXPECT_EQ(LogText("settings", {fields[1]}), "settings max-message-bytes=\"64MiB\"");
}

}  // namespace
}  // namespace lossd
