#ifndef LOSSD_SERVER_TRANSPORT_CERTIFICATES_H_
#define LOSSD_SERVER_TRANSPORT_CERTIFICATES_H_

#include <functional>
#include <memory>
#include <string>

namespace lossd::transport {

// What a server shows to its clients over TLS, and what it asks of them. All are PEM.
struct Certificates {
  std::string chain;  // the server's certificate, then those between it and its root
  std::string key;
  // The authorities that may have signed a client's certificate, which clients must have then; ""
  // asks for none.
  std::string client_authorities;
};

// Returns the certificates for the next connection, which belong together; another pointer when
// they are others. Whether clients need one is the same each time. Any thread.
using CertificateSource = std::function<std::shared_ptr<const Certificates>()>;

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CERTIFICATES_H_
