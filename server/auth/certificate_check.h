#ifndef LOSSD_SERVER_AUTH_CERTIFICATE_CHECK_H_
#define LOSSD_SERVER_AUTH_CERTIFICATE_CHECK_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/transport/certificates.h"

namespace lossd::auth {

// How long the certificates of a server and its issuers are valid.
struct Validity {
  absl::Time begin;  // of the server's own
  absl::Time end;    // the first of all
};

// Returns INVALID_ARGUMENT that says what is wrong when a server could not speak TLS with them: no
// PEM, a key that is another certificate's or has a password, keys that OpenSSL takes for too weak.
// A certificate that is not valid now is not wrong.
absl::StatusOr<Validity> CheckCertificates(const transport::Certificates& certificates);

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_CERTIFICATE_CHECK_H_
