#include "server/auth/certificate_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "tests/server/auth/certificate_folder.h"
#include "tests/server/auth/issued_certificates.h"

namespace lossd::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::milliseconds kSoon(5);
constexpr std::chrono::hours kNever(1);

// Waits for something that happens soon; returns false after half a minute.
bool Eventually(const std::function<bool()>& happened) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!happened()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// Sends this process's stderr to a file while it lives.
class StderrFile {
 public:
  explicit StderrFile(std::string path) : path_(std::move(path)), before_(dup(STDERR_FILENO)) {
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(file, STDERR_FILENO);
    close(file);
  }
  ~StderrFile() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }
  StderrFile(const StderrFile&) = delete;
  StderrFile& operator=(const StderrFile&) = delete;

  std::string Text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

 private:
  const std::string path_;
  const int before_;
};

class CertificateFilesTest : public ::testing::Test {
 protected:
  // Returns the files of the folder, whose key pair is there.
  std::unique_ptr<CertificateFiles> Read(std::chrono::milliseconds interval,
                                         const Log* log = nullptr) const {
    auto files = CertificateFiles::Read({folder_.certificate(), folder_.key(), ""}, log, interval);
    EXPECT_TRUE(files.ok()) << files.status();
    return files.ok() ? *std::move(files) : nullptr;
  }

  // Returns what is wrong with a pair, and with the authorities of clients where there are some.
  std::string Refusal(const KeyPair& pair, const std::string& authorities = "") const {
    folder_.Write(pair);
    CertificateFolder::Write(folder_.client_authorities(), authorities);
    const std::string client_authorities = authorities.empty() ? "" : folder_.client_authorities();
    const auto files = CertificateFiles::Read(
        {folder_.certificate(), folder_.key(), client_authorities}, nullptr, kNever);
    return files.ok() ? "accepted" : std::string(files.status().message());
  }

  // Returns the log of a server that starts with a certificate of that time.
  std::string LogOf(const Subject& subject) const {
    folder_.Write(authority_.Issue(subject));
    ::testing::internal::CaptureStderr();
    {
      const Log log(LogFormat::kText);
      Read(kNever, &log);
    }
    return ::testing::internal::GetCapturedStderr();
  }

  const CertificateAuthority authority_;
  const CertificateFolder folder_;
};

TEST_F(CertificateFilesTest, ReadsWhatBelongsTogether) {
  const KeyPair pair = authority_.Issue();
  folder_.Write(pair);
  CertificateFolder::Write(folder_.client_authorities(), authority_.certificate());
  const auto files = CertificateFiles::Read(
      {folder_.certificate(), folder_.key(), folder_.client_authorities()}, nullptr, kNever);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ((*files)->current()->chain, pair.certificate);
  EXPECT_EQ((*files)->current()->key, pair.key);
  EXPECT_EQ((*files)->current()->client_authorities, authority_.certificate());
}

TEST_F(CertificateFilesTest, SaysWhatIsWrong) {
  const KeyPair pair = authority_.Issue();
  const KeyPair other = authority_.Issue();
  EXPECT_THAT(Refusal({pair.certificate, other.key}),
              HasSubstr("the key does not belong to the certificate: "));
  EXPECT_THAT(Refusal({"", pair.key}), HasSubstr("the file of the certificate has no certificate"));
  EXPECT_THAT(Refusal({pair.key, pair.key}), HasSubstr("has no certificate in PEM"));
  EXPECT_THAT(Refusal({pair.certificate + pair.certificate.substr(0, 200), pair.key}),
              HasSubstr("has a broken certificate: "));
  EXPECT_THAT(Refusal({pair.certificate, pair.certificate}),
              HasSubstr("the file of the key has no private key in PEM without a password"));
  EXPECT_THAT(Refusal({pair.certificate, KeyWithPassword()}),
              HasSubstr("the file of the key has no private key in PEM without a password"));
  EXPECT_THAT(Refusal(SelfSignedRsa(1024)), HasSubstr("cannot be used: ee key too small"));
  EXPECT_THAT(Refusal({pair.certificate + SelfSignedRsa(1024).certificate, pair.key}),
              HasSubstr("certificate 2 of the file cannot be used: ca key too small"));
  EXPECT_THAT(Refusal(pair, "nobody"),
              HasSubstr("the file of the authorities of clients has no certificate in PEM"));
  EXPECT_THAT(Refusal(pair, std::string((1 << 20) + 1, ' ')),
              HasSubstr("clients.crt' cannot be read: it has more than 1048576 bytes"));
  EXPECT_EQ(Refusal(pair, authority_.certificate()), "accepted");
  EXPECT_EQ(Refusal({pair.certificate + authority_.certificate(), pair.key}), "accepted");
  std::filesystem::remove(folder_.key());
  const auto files = CertificateFiles::Read({folder_.certificate(), folder_.key(), ""}, nullptr);
  EXPECT_THAT(std::string(files.status().message()),
              HasSubstr("server.key' cannot be read: No such file or directory"));
}

TEST_F(CertificateFilesTest, AnEmptyFileOfAuthoritiesDoesNotLetEverybodyIn) {
  folder_.Write(authority_.Issue());
  CertificateFolder::Write(folder_.client_authorities(), "");
  const auto files = CertificateFiles::Read(
      {folder_.certificate(), folder_.key(), folder_.client_authorities()}, nullptr, kNever);
  EXPECT_THAT(std::string(files.status().message()), HasSubstr("clients.crt' is empty"));
}

TEST_F(CertificateFilesTest, APairThatChangesIsTakenOver) {
  folder_.Write(authority_.Issue());
  const auto files = Read(kSoon);
  const KeyPair next = authority_.Issue();
  folder_.Write(next);
  EXPECT_TRUE(Eventually([&] { return files->current()->chain == next.certificate; }));
  EXPECT_EQ(files->current()->key, next.key);
}

TEST_F(CertificateFilesTest, HalfAPairKeepsTheOldOneUntilTheOtherHalfIsThere) {
  folder_.Write(authority_.Issue());
  const StderrFile entries(folder_.path() + "/log");
  {
    const Log log(LogFormat::kText);
    const auto files = Read(kSoon, &log);
    const auto old = files->current();
    const KeyPair next = authority_.Issue();
    CertificateFolder::Write(folder_.certificate(), next.certificate);
    EXPECT_TRUE(Eventually([&] {
      return absl::StrContains(entries.Text(),
                               "error the certificates cannot be reloaded and stay "
                               "error=\"the key does not belong to the certificate: ");
    }));
    EXPECT_EQ(files->current(), old);
    CertificateFolder::Write(folder_.key(), next.key);
    EXPECT_TRUE(Eventually([&] { return files->current()->chain == next.certificate; }));
    EXPECT_EQ(files->current()->key, next.key);
  }
  const std::string log = entries.Text();
  const size_t first = log.find("cannot be reloaded");
  EXPECT_EQ(log.find("cannot be reloaded", first + 1), std::string::npos) << log;
  EXPECT_THAT(log, HasSubstr("info certificates reloaded certificate="));
}

TEST_F(CertificateFilesTest, FilesThatGoAndComeAgainAreNoChange) {
  const KeyPair pair = authority_.Issue();
  folder_.Write(pair);
  const auto files = Read(kSoon);
  const auto old = files->current();
  std::filesystem::remove(folder_.key());
  absl::SleepFor(absl::Milliseconds(100));
  folder_.Write(pair);
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(files->current(), old);
}

TEST_F(CertificateFilesTest, ALinkThatLeadsElsewhereIsAChange) {
  // As Kubernetes exchanges a secret: server.crt is a link through a link to a folder.
  const auto place = [this](const std::string& name, const KeyPair& pair) {
    const std::string folder = folder_.path() + "/" + name;
    std::filesystem::create_directory(folder);
    CertificateFolder::Write(folder + "/server.crt", pair.certificate);
    CertificateFolder::Write(folder + "/server.key", pair.key);
    std::filesystem::create_directory_symlink(folder, folder_.path() + "/next");
    std::filesystem::rename(folder_.path() + "/next", folder_.path() + "/data");
  };
  const KeyPair next = authority_.Issue();
  place("1", authority_.Issue());
  std::filesystem::create_symlink("data/server.crt", folder_.certificate());
  std::filesystem::create_symlink("data/server.key", folder_.key());
  const auto files = Read(kSoon);
  place("2", next);
  EXPECT_TRUE(Eventually([&] { return files->current()->chain == next.certificate; }));
}

TEST_F(CertificateFilesTest, AReloadIsAtOnceAndKeepsWhatThereWasWhereItFails) {
  folder_.Write(authority_.Issue());
  const auto files = Read(kNever);
  const auto old = files->current();
  const KeyPair next = authority_.Issue();
  CertificateFolder::Write(folder_.certificate(), next.certificate);
  EXPECT_THAT(std::string(files->Reload().message()),
              HasSubstr("the key does not belong to the certificate: "));
  EXPECT_EQ(files->current(), old);
  CertificateFolder::Write(folder_.key(), next.key);
  EXPECT_TRUE(files->Reload().ok());
  const auto current = files->current();
  EXPECT_EQ(current->chain, next.certificate);
  EXPECT_TRUE(files->Reload().ok());
  EXPECT_EQ(files->current(), current) << "nothing has changed";
}

TEST_F(CertificateFilesTest, ItsEndIsToldBeforeItComes) {
  Subject subject;
  subject.begin = -absl::Hours(24 * 83);
  subject.end = absl::Hours(24 * 8);
  EXPECT_THAT(LogOf(subject), Not(HasSubstr("certificate expires soon")));
  subject.end = absl::Hours(24 * 6);
  EXPECT_THAT(LogOf(subject), HasSubstr("warning the certificate expires soon certificate="));
  // Of one that is made for a day, a tenth.
  subject.begin = -absl::Hours(20);
  subject.end = absl::Hours(4);
  EXPECT_THAT(LogOf(subject), Not(HasSubstr("certificate expires soon")));
  subject.begin = -absl::Hours(23);
  subject.end = absl::Hours(1);
  EXPECT_THAT(LogOf(subject), HasSubstr("warning the certificate expires soon certificate="));
  subject.end = -absl::Hours(1);
  EXPECT_THAT(LogOf(subject), HasSubstr("error the certificate has expired certificate="));
}

}  // namespace
}  // namespace lossd::auth
