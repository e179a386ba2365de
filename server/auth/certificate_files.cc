#include "server/auth/certificate_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace lossd::auth {
namespace {

// Authorities of the whole web are a quarter of that.
constexpr size_t kMostBytes = size_t{1} << 20;
constexpr absl::Duration kLongestWarning = absl::Hours(7 * 24);
constexpr int kPartOfTime = 10;
constexpr absl::Duration kBetweenWarnings = absl::Hours(24);

std::string Print(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

bool Same(const transport::Certificates& a, const transport::Certificates& b) {
  return a.chain == b.chain && a.key == b.key && a.client_authorities == b.client_authorities;
}

absl::StatusOr<transport::Certificates> ReadAll(const CertificatePaths& paths) {
  transport::Certificates read;
  for (const auto& [path, text] :
       {std::pair(&paths.chain, &read.chain), std::pair(&paths.key, &read.key),
        std::pair(&paths.client_authorities, &read.client_authorities)}) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> bytes = ReadFile(*path, kMostBytes);
    if (!bytes.ok()) return bytes.status();
    *text = *std::move(bytes);
  }
  // An empty file would ask clients for nothing.
  if (!paths.client_authorities.empty() && read.client_authorities.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("'", paths.client_authorities, "' is empty"));
  }
  return read;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateFiles>> CertificateFiles::Read(
    CertificatePaths paths, const Log* log, std::chrono::milliseconds interval) {
  // The constructor is private.
  std::unique_ptr<CertificateFiles> files(new CertificateFiles(std::move(paths), log));
  absl::Status status = files->Reload();
  if (!status.ok()) return status;
  files->ticker_.emplace(interval, [raw = files.get()] { raw->Look(); });
  return files;
}

CertificateFiles::CertificateFiles(CertificatePaths paths, const Log* log)
    : paths_(std::move(paths)), log_(log) {}

std::shared_ptr<const transport::Certificates> CertificateFiles::current() const {
  const MutexLock lock(&mutex_);
  return current_;
}

absl::Status CertificateFiles::Reload() {
  const MutexLock lock(&mutex_);
  examined_ = seen_ = StampsOfFiles();
  absl::Status taken = Take(examined_);
  WarnOfExpiry(absl::Now());
  return taken;
}

CertificateFiles::Stamps CertificateFiles::StampsOfFiles() const {
  return {StampOf(paths_.chain), StampOf(paths_.key), StampOf(paths_.client_authorities)};
}

absl::Status CertificateFiles::Take(const Stamps& stamps) {
  absl::StatusOr<transport::Certificates> read = ReadAll(paths_);
  if (!read.ok()) return read.status();
  if (StampsOfFiles() != stamps) {
    return absl::AbortedError("the files changed while they were read");
  }
  const absl::StatusOr<Validity> validity = CheckCertificates(*read);
  if (!validity.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        validity.status().message(), " (", paths_.chain, ", ", paths_.key,
        paths_.client_authorities.empty() ? "" : ", ", paths_.client_authorities, ")"));
  }
  if (current_ != nullptr && Same(*current_, *read)) return absl::OkStatus();
  const bool is_first = current_ == nullptr;
  current_ = std::make_shared<const transport::Certificates>(*std::move(read));
  validity_ = *validity;
  next_warning_ = absl::InfinitePast();
  Write(LogLevel::kInfo, is_first ? "certificates read" : "certificates reloaded",
        {{"certificate", paths_.chain}, {"expires", Print(validity_.end)}});
  return absl::OkStatus();
}

void CertificateFiles::Look() {
  const MutexLock lock(&mutex_);
  WarnOfExpiry(absl::Now());
  Stamps stamps = StampsOfFiles();
  if (stamps == examined_) {
    seen_ = std::move(stamps);
    return;
  }
  if (std::exchange(seen_, stamps) != stamps) return;  // It may not be written to its end.
  const absl::Status taken = Take(stamps);
  if (absl::IsAborted(taken)) return;
  examined_ = std::move(stamps);
  if (taken.ok()) return;
  Write(LogLevel::kError, "the certificates cannot be reloaded and stay",
        {{"error", taken.message()}});
}

void CertificateFiles::WarnOfExpiry(absl::Time now) {
  if (current_ == nullptr || now < next_warning_) return;
  const absl::Duration warning =
      std::min(kLongestWarning, (validity_.end - validity_.begin) / kPartOfTime);
  if (now < validity_.end - warning) {
    next_warning_ = validity_.end - warning;
    return;
  }
  const bool is_over = now >= validity_.end;
  // The end itself is told at once.
  next_warning_ =
      is_over ? now + kBetweenWarnings : std::min(now + kBetweenWarnings, validity_.end);
  Write(is_over ? LogLevel::kError : LogLevel::kWarning,
        is_over ? "the certificate has expired" : "the certificate expires soon",
        {{"certificate", paths_.chain}, {"expires", Print(validity_.end)}});
}

void CertificateFiles::Write(LogLevel level, absl::string_view message, LogFields fields) const {
  if (log_ != nullptr) log_->Write(level, message, std::move(fields));
}

}  // namespace lossd::auth
