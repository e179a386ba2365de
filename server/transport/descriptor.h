#ifndef LOSSD_SERVER_TRANSPORT_DESCRIPTOR_H_
#define LOSSD_SERVER_TRANSPORT_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace lossd::transport {

// A file descriptor that is closed when this goes. -1 is none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = other.Release();
    }
    return *this;
  }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  // Returns it for another owner.
  int Release() { return std::exchange(number_, -1); }
  void Close() {
    if (number_ >= 0) close(Release());
  }

 private:
  int number_ = -1;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_DESCRIPTOR_H_
