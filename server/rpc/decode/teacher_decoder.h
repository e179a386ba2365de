#ifndef LOSSD_SERVER_RPC_DECODE_TEACHER_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_TEACHER_DECODER_H_

#include <optional>

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/batch_decoder.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Returns the targets of `fields.teacher_logits`, which is set, for one activation, or nullopt
// after adding a violation. Values are checked by CheckTeacherLogits.
std::optional<OwnedLabels> DecodeTeacherLogits(const BatchFields& fields,
                                               const LogitsLayout& layout,
                                               loss::Activation activation, BufferPool& pool,
                                               const Field& request);

// Adds to the violations the places of NaN and +∞, and the rows that are all −∞, but for rows that
// weigh 0.
void CheckTeacherLogits(const OwnedTargets& teacher, const LogitsLayout& layout,
                        const Weightless& weightless, const Field& field);

// Returns the options of the loss at `field`.
loss::TeacherOptions DecodeTeacherOptions(const v1::TeacherOptions& options, const Field& field);

// Adds to the violations the options of a teacher that cannot act. `labels` is null where it could
// not be decoded.
void CheckTeacherActs(const loss::LossSpec& spec, const BatchFields& fields,
                      const OwnedLabels* labels, const Field& loss_field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_TEACHER_DECODER_H_
