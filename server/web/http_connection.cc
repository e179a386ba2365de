#include "server/web/http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "server/transport/connection_table.h"
#include "server/web/page.h"

namespace lossd::web {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBadRequest = 400;
constexpr int kRequestTimeout = 408;
constexpr int kHeadTooLarge = 431;

// A connection looks so often whether it is to end.
constexpr std::chrono::milliseconds kLook{50};

// After the response, for the client to take it and to close its side.
constexpr std::chrono::seconds kLast{1};
constexpr size_t kMostDropped = size_t{64} << 10;

// A page that goes on is asked so often what follows.
constexpr std::chrono::milliseconds kFollow{250};

constexpr absl::string_view kEndOfHead = "\r\n\r\n";

// Reads and writes a socket until a time.
class TimedSocket {
 public:
  TimedSocket(int socket, const std::atomic<bool>& stopping)
      : socket_(socket), stopping_(stopping) {}

  void SetDeadline(Clock::duration from_now) { deadline_ = Clock::now() + from_now; }
  bool DeadlinePassed() const { return Left().count() <= 0; }

  // Returns 0 when nothing comes any more: the client has closed its side, an error, or the time is
  // over.
  size_t Read(char* to, size_t size) {
    while (WaitFor(POLLIN)) {
      const ssize_t count = recv(socket_, to, size, 0);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EAGAIN && errno != EINTR) return 0;
    }
    return 0;
  }

  // Returns true if the system has taken all of it.
  bool Write(absl::string_view bytes) {
    while (!bytes.empty() && WaitFor(POLLOUT)) {
      const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count >= 0) {
        bytes.remove_prefix(static_cast<size_t>(count));
      } else if (errno != EAGAIN && errno != EINTR) {
        return false;
      }
    }
    return bytes.empty();
  }

  // Drops what comes until the deadline. Returns false if the client goes before.
  bool StaysUntilDeadline() {
    std::array<char, 256> dropped;
    while (Read(dropped.data(), dropped.size()) > 0) continue;
    return DeadlinePassed();
  }

  // Returns true if the client has closed the connection.
  bool HasGone() const {
    pollfd polled = {socket_, POLLRDHUP, 0};
    return poll(&polled, 1, 0) > 0;
  }

  // Says that no more is written, and waits for the client to close its side: a socket that is
  // closed with something unread drops what is on its way to the client.
  void Finish() {
    shutdown(socket_, SHUT_WR);
    std::array<char, 4096> dropped;
    for (size_t count = 0; count < kMostDropped;) {
      const size_t more = Read(dropped.data(), dropped.size());
      if (more == 0) return;
      count += more;
    }
  }

 private:
  std::chrono::milliseconds Left() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  }

  // Returns false when the time is over.
  bool WaitFor(short event) const {
    for (auto left = Left(); left.count() > 0 && !stopping_; left = Left()) {
      pollfd polled = {socket_, event, 0};
      if (poll(&polled, 1, static_cast<int>(std::min(left, kLook).count())) > 0) return true;
    }
    return false;
  }

  const int socket_;
  const std::atomic<bool>& stopping_;
  Clock::time_point deadline_;
};

// Returns true if a line of `head` ends with a newline alone, from its byte `from` on.
bool HasBareNewline(absl::string_view head, size_t from) {
  for (size_t at = head.find('\n', from); at != head.npos; at = head.find('\n', at + 1)) {
    if (at == 0 || head[at - 1] != '\r') return true;
  }
  return false;
}

// Returns the head of a request, or the status to answer instead; "" if the client has gone.
std::variant<std::string, int> ReadHead(TimedSocket& socket, size_t most) {
  std::string head;
  std::array<char, 1024> buffer;
  while (true) {
    const size_t count = socket.Read(buffer.data(), std::min(buffer.size(), most - head.size()));
    if (count == 0) {
      if (socket.DeadlinePassed() && !head.empty()) return kRequestTimeout;
      return "";
    }
    const size_t searched = head.size() - std::min(head.size(), kEndOfHead.size());
    head.append(buffer.data(), count);
    const size_t end = absl::string_view(head).find(kEndOfHead, searched);
    // Its end would never come: it has an empty line already, for those who write such lines.
    if (HasBareNewline(absl::string_view(head).substr(0, end), searched)) return kBadRequest;
    if (end != std::string::npos) return head.substr(0, end + kEndOfHead.size());
    if (head.size() >= most) return kHeadTooLarge;
  }
}

// Writes what follows of a page for as long as the client takes it.
void Follow(TimedSocket& socket, const std::function<std::optional<std::string>()>& more,
            std::chrono::milliseconds patience) {
  while (true) {
    const std::optional<std::string> text = more();
    if (!text) return;
    socket.SetDeadline(patience);
    if (!socket.Write(*text)) return;
    socket.SetDeadline(kFollow);
    if (!socket.StaysUntilDeadline()) return;
  }
}

}  // namespace

void ServeConnection(transport::Descriptor socket, const HttpResponder& responder,
                     const HttpBounds& bounds, const std::atomic<bool>& stopping) {
  TimedSocket timed(socket.number(), stopping);
  timed.SetDeadline(bounds.patience);
  const auto head = ReadHead(timed, bounds.max_head_bytes);
  if (head == std::variant<std::string, int>("")) return;
  HttpResponse response;
  if (std::holds_alternative<int>(head)) {
    response.text = HttpResponder::StatusAlone(std::get<int>(head));
  } else {
    PageRequest connection;
    connection.peer = transport::RemoteAddress(socket.number());
    connection.cancelled = [&timed, &stopping] { return stopping || timed.HasGone(); };
    response = responder.Respond(std::get<std::string>(head), std::move(connection));
  }
  timed.SetDeadline(bounds.patience);
  if (timed.Write(response.text) && response.more) Follow(timed, response.more, bounds.patience);
  timed.SetDeadline(kLast);
  timed.Finish();
}

}  // namespace lossd::web
