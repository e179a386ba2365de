#ifndef LOSSD_SERVER_LOSS_BLOCKS_READ_AGAIN_H_
#define LOSSD_SERVER_LOSS_BLOCKS_READ_AGAIN_H_

#include "server/loss/batch.h"

namespace lossd::loss {

// A reader whose logits are read once more after those who read here.
class ReadAgain final : public LogitReader {
 public:
  explicit ReadAgain(const LogitReader& reader) : reader_(reader) {}

  void Read(int64_t begin, absl::Span<float> out) const override { reader_.Read(begin, out); }
  void Read(int64_t begin, absl::Span<double> out) const override { reader_.Read(begin, out); }
  absl::Span<const Piece> pieces() const override { return reader_.pieces(); }
  FloatFormat format() const override { return reader_.format(); }

 private:
  const LogitReader& reader_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_READ_AGAIN_H_
