#include "server/transport/acceptor.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/threads/mutex.h"

namespace lossd::transport {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

// Keeps the connections that are accepted.
class Hall {
 public:
  void Take(int descriptor) {
    const MutexLock lock(&mutex_);
    connections_.emplace_back(descriptor);
  }

  // Returns false if fewer have come in time.
  bool WaitFor(size_t count) {
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return connections_.size() >= count;
    };
    const MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }

  size_t count() {
    const MutexLock lock(&mutex_);
    return connections_.size();
  }

  void CloseAll() {
    const MutexLock lock(&mutex_);
    connections_.clear();
  }

 private:
  Mutex mutex_;
  std::vector<Descriptor> connections_ ABSL_GUARDED_BY(mutex_);
};

// An acceptor at a free port of the loopback interface.
class AcceptorTest : public ::testing::Test {
 protected:
  AcceptorTest() {
    auto listener = Listener::Listen("127.0.0.1:0", absl::Seconds(20));
    EXPECT_TRUE(listener.ok()) << listener.status();
    address_ = listener->address();
    socket_ = listener->descriptors().front();
    listeners_.push_back(*std::move(listener));
  }

  void Start(int max_connections) {
    AcceptorOptions options;
    options.max_connections = max_connections;
    options.take = [this](int descriptor) { hall_.Take(descriptor); };
    options.on_deaf = [this] { deaf_.Notify(); };
    acceptor_ = std::make_unique<Acceptor>(std::move(listeners_), std::move(options));
    acceptor_->Start();
  }

  // Returns a client's end of a connection; none if it is refused at once.
  Descriptor Connect() const {
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address_.substr(address_.rfind(':') + 1), &port));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the API's way
    if (connect(client.number(), generic, sizeof(address)) != 0) return {};
    return client;
  }

  std::string address_;
  int socket_ = -1;  // that listens
  std::vector<Listener> listeners_;
  Hall hall_;
  absl::Notification deaf_;
  std::unique_ptr<Acceptor> acceptor_;
};

// Returns true when the other side has closed the connection.
bool IsClosed(const Descriptor& client) {
  char byte = 0;
  return recv(client.number(), &byte, 1, 0) <= 0;
}

TEST_F(AcceptorTest, ClosesConnectionsBeyondTheBoundAndTakesOthersWhenSomeHaveEnded) {
  Start(3);
  std::vector<Descriptor> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(Connect());
  EXPECT_TRUE(hall_.WaitFor(3));
  EXPECT_TRUE(IsClosed(Connect()));
  EXPECT_EQ(acceptor_->refused(), 1);
  EXPECT_EQ(hall_.count(), 3);
  EXPECT_EQ(acceptor_->connections()->Count(), 3);

  hall_.CloseAll();
  // It looks for those that have ended a few times a second at most.
  while (hall_.count() == 0) clients.push_back(Connect());
  EXPECT_TRUE(hall_.WaitFor(1));
}

// Where gRPC's listener gives up for good.
TEST_F(AcceptorTest, AcceptsAgainWhenThereAreDescriptorsAgain) {
  Start(100);
  const Descriptor first = Connect();
  EXPECT_TRUE(hall_.WaitFor(1));
  // The client's end is there before; the acceptor finds none for its own.
  Descriptor last(dup(0));
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(last.number()) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  last.Close();
  const Descriptor second = Connect();
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_TRUE(second);
  EXPECT_EQ(hall_.count(), 1);
  EXPECT_FALSE(deaf_.HasBeenNotified());

  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(hall_.WaitFor(2));
}

TEST_F(AcceptorTest, TellsWhenASocketHasFallenDeaf) {
  Start(100);
  EXPECT_FALSE(deaf_.HasBeenNotified());
  shutdown(socket_, SHUT_RDWR);
  EXPECT_TRUE(deaf_.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(AcceptorTest, StopTakesThoseThatHaveConnectedAndThenRefuses) {
  std::vector<Descriptor> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Connect());
  Start(100);
  acceptor_->Stop();
  EXPECT_EQ(hall_.count(), 5);
  EXPECT_FALSE(Connect());
  EXPECT_FALSE(deaf_.HasBeenNotified());
}

}  // namespace
}  // namespace lossd::transport
