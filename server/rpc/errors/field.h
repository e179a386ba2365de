#ifndef LOSSD_SERVER_RPC_ERRORS_FIELD_H_
#define LOSSD_SERVER_RPC_ERRORS_FIELD_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/rpc/errors/field_path.h"
#include "server/rpc/errors/field_violations.h"
#include "server/threads/cancellation.h"

namespace lossd::rpc {

// A field of a request that is being decoded: its path, the request's violations, to which a
// decoder adds what is wrong with it, and whether the request was cancelled, which its loops over
// elements ask. Cheap to make and to copy. A field outlives those that are made from it
// (FieldPath).
//
//   const Field request(violations);
//   const Field loss = request["loss"];
//   if (gamma < 0) loss["focal"]["gamma"].Refuse("= ", gamma, ", expected a number >= 0");
class Field {
 public:
  // The request itself. Both arguments outlive the field. What is decoded after a cancellation was
  // seen is incomplete.
  Field(FieldViolations& violations, const Cancellation& cancellation)
      : violations_(&violations), cancellation_(&cancellation) {}
  // A request that is never cancelled.
  explicit Field(FieldViolations& violations) : Field(violations, kNeverCancelled) {}

  // Returns the field `name` of this message. The name outlives the field.
  Field operator[](absl::string_view name) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return {path_[name], *this};
  }

  // Returns the entry `index` of this repeated field or axis.
  Field operator[](int64_t index) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return {path_[index], *this};
  }

  // Adds a violation of this field: the description that absl::StrCat makes of `parts`.
  template <typename... Parts>
  void Refuse(const Parts&... parts) const {
    violations_->Add(path_.ToString(), absl::StrCat(parts...));
  }

  const FieldPath& path() const { return path_; }
  FieldViolations& violations() const { return *violations_; }
  const Cancellation& cancellation() const { return *cancellation_; }

 private:
  Field(const FieldPath& path, const Field& request)
      : path_(path), violations_(request.violations_), cancellation_(request.cancellation_) {}

  static const Cancellation kNeverCancelled;

  FieldPath path_;
  FieldViolations* violations_;
  const Cancellation* cancellation_;
};

inline const Cancellation Field::kNeverCancelled;

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_FIELD_H_
