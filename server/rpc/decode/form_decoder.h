#ifndef LOSSD_SERVER_RPC_DECODE_FORM_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_FORM_DECODER_H_

#include "google/protobuf/descriptor.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Returns the field of the oneof `form` that is set, nullptr when none is. Its name is that of the
// form's row in the catalogue, and the fields of its message have the names of the row's
// parameters: a new row is decoded without a line here.
const google::protobuf::FieldDescriptor* FormField(const v1::LossSpec& spec);

// Writes the form and the parameters of the loss at `field` to `decoded`, whose activation is set.
// Adds a violation for a form that is not defined for the activation, and for each parameter
// outside its range. The form is in the catalogue.
void DecodeForm(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_FORM_DECODER_H_
