#ifndef LOSSD_SERVER_TRANSPORT_GRPC_COMPLETION_TAG_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_COMPLETION_TAG_H_

namespace lossd::transport {

// The receiver of an event; what a completion queue of this server carries.
class CompletionTag {
 public:
  CompletionTag() = default;
  virtual ~CompletionTag() = default;
  CompletionTag(const CompletionTag&) = delete;
  CompletionTag& operator=(const CompletionTag&) = delete;

  // `ok` is true if the operation did what it was to do.
  virtual void OnEvent(bool ok) = 0;
};

// Hands the event to a member function of `owner`, which may delete itself in it.
template <typename Owner, void (Owner::*kMember)(bool)>
class MemberTag final : public CompletionTag {
 public:
  explicit MemberTag(Owner* owner) : owner_(owner) {}
  void OnEvent(bool ok) override { (owner_->*kMember)(ok); }

 private:
  Owner* owner_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_COMPLETION_TAG_H_
