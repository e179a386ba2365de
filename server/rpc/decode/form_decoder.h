#ifndef LOSSD_SERVER_RPC_DECODE_FORM_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_FORM_DECODER_H_

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

// Returns the field of the oneof `form` that is set; nullptr when none is. Its name is that of the
// form's row in the catalogue, and the fields of its message are named as the row's parameters: a
// new row is decoded without a line here.
const google::protobuf::FieldDescriptor* FormField(const v1::LossSpec& spec);

// Reads the form of `spec`, the field `path` of the request, and its parameters into `decoded`,
// whose activation is set. Adds to `violations` a form that is not defined for the activation and
// parameters out of their ranges.
void DecodeForm(const v1::LossSpec& spec, absl::string_view path, loss::LossSpec& decoded,
                FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_FORM_DECODER_H_
