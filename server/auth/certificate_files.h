#ifndef LOSSD_SERVER_AUTH_CERTIFICATE_FILES_H_
#define LOSSD_SERVER_AUTH_CERTIFICATE_FILES_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/certificate_check.h"
#include "server/auth/file_stamp.h"
#include "server/process/log.h"
#include "server/threads/mutex.h"
#include "server/threads/ticker.h"
#include "server/transport/certificates.h"

namespace lossd::auth {

// Names of files in PEM.
struct CertificatePaths {
  std::string chain;
  std::string key;
  std::string client_authorities;  // "" for none
};

// The certificates of a server, read again when their files change.
//
// A change is looked for each second. It is taken over when the files have not changed since the
// look before, are readable, and belong together: while somebody writes one after the other, what
// was there stays. What stays wrong is logged once for each change. That the certificate expires
// within a week, or a tenth of its time where that is less, is logged each day.
class CertificateFiles {
 public:
  // Reads the files. The error names what is wrong. `log` is not owned; null logs nothing.
  static absl::StatusOr<std::unique_ptr<CertificateFiles>> Read(
      CertificatePaths paths, const Log* log,
      std::chrono::milliseconds interval = std::chrono::seconds(1));

  CertificateFiles(const CertificateFiles&) = delete;
  CertificateFiles& operator=(const CertificateFiles&) = delete;

  // Returns what the files had when they were last whole; another pointer once that has changed.
  // Any thread.
  std::shared_ptr<const transport::Certificates> current() const;

  // Reads the files at once, however young they are. Returns what is wrong with them, and keeps
  // what was there then. Any thread.
  absl::Status Reload();

 private:
  using Stamps = std::vector<FileStamp>;

  CertificateFiles(CertificatePaths paths, const Log* log);

  Stamps StampsOfFiles() const;
  // Takes over what the files have if their stamps are these before and after they are read.
  absl::Status Take(const Stamps& stamps) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Looks for a change, and at the time.
  void Look();
  void WarnOfExpiry(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write(LogLevel level, absl::string_view message, LogFields fields) const;

  const CertificatePaths paths_;
  const Log* const log_;
  mutable Mutex mutex_;
  std::shared_ptr<const transport::Certificates> current_ ABSL_GUARDED_BY(mutex_);
  Validity validity_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_warning_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  Stamps seen_ ABSL_GUARDED_BY(mutex_);      // at the last look
  Stamps examined_ ABSL_GUARDED_BY(mutex_);  // of files that were taken over, or found wrong
  std::optional<Ticker> ticker_;             // the last: it uses the others
};

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_CERTIFICATE_FILES_H_
