#ifndef LOSSD_SERVER_AUTH_TOKEN_WATCH_H_
#define LOSSD_SERVER_AUTH_TOKEN_WATCH_H_

#include "server/auth/tokens.h"
#include "server/process/log.h"
#include "server/threads/ticker.h"

namespace lossd::auth {

// Reads the file of tokens again when it has changed, about two seconds later, and logs that.
class TokenWatch {
 public:
  // Both outlive this; a null log logs nothing.
  TokenWatch(Tokens& tokens, const Log* log);

 private:
  void Look();

  Tokens& tokens_;
  const Log* const log_;
  Ticker ticker_;  // last
};

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_TOKEN_WATCH_H_
