#include "server/runs/journal/batch_coding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/types/span.h"
#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"

namespace lossd::runs {
namespace {

constexpr uint8_t kFormat = 1;

// What a batch takes, and each of its presentations.
constexpr size_t kMostHeader = 64;
constexpr size_t kMostBytes = 46;

constexpr uint8_t kHasStep = 1;
constexpr uint8_t kHasEpoch = 2;
constexpr uint8_t kHasLearningRate = 4;

// The bits of what is true or false of a presentation, and its label if that is not the class.
constexpr uint8_t kCorrect = 1;
constexpr uint8_t kLabelIsClass = 2;
constexpr uint8_t kLabelIsOne = 4;

// The presentations of a batch as columns.
struct Columns {
  std::vector<int64_t> ids;
  std::vector<int64_t> classes;
  std::vector<double> true_probabilities;
  std::vector<double> losses;
  std::vector<double> margins;
  std::vector<double> gradients;
  std::vector<uint8_t> bits;

  void Reserve(size_t count) {
    ids.reserve(count);
    classes.reserve(count);
    true_probabilities.reserve(count);
    losses.reserve(count);
    margins.reserve(count);
    gradients.reserve(count);
    bits.reserve(count);
  }

  void Add(const Presentation& one) {
    ids.push_back(one.id);
    classes.push_back(one.class_id);
    true_probabilities.push_back(one.true_probability);
    losses.push_back(one.loss);
    margins.push_back(one.margin);
    gradients.push_back(one.gradient_l1);
    int bit = one.correct ? kCorrect : 0;
    if (one.label == one.class_id) {
      bit |= kLabelIsClass;
    } else if (one.label == 1) {
      bit |= kLabelIsOne;
    }
    bits.push_back(static_cast<uint8_t>(bit));
  }
};

bool IsFloat(double value) {
  if (std::isnan(value)) return true;
  constexpr double kMost = std::numeric_limits<float>::max();
  if (std::isinf(value)) return true;
  return std::abs(value) <= kMost && static_cast<double>(static_cast<float>(value)) == value;
}

// Writes the column as numbers of type Narrow, each of which is what it was.
template <typename Narrow, typename T>
void AddAs(const std::vector<T>& column, ByteWriter& writer) {
  writer.Add(static_cast<uint8_t>(sizeof(Narrow)));
  char* out = writer.Extend(column.size() * sizeof(Narrow));
  for (const T value : column) {
    const auto narrow = static_cast<Narrow>(value);
    std::memcpy(out, &narrow, sizeof(Narrow));
    out += sizeof(Narrow);
  }
}

void AddColumn(const std::vector<double>& column, ByteWriter& writer) {
  if (std::all_of(column.begin(), column.end(), IsFloat)) {
    AddAs<float>(column, writer);
  } else {
    AddAs<double>(column, writer);
  }
}

void AddColumn(const std::vector<int64_t>& column, ByteWriter& writer) {
  const auto [least, largest] = std::minmax_element(column.begin(), column.end());
  const auto fit = [&, first = least, last = largest](auto type) {
    using Limits = std::numeric_limits<decltype(type)>;
    return column.empty() || (*first >= Limits::min() && *last <= Limits::max());
  };
  if (fit(int8_t{})) {
    AddAs<int8_t>(column, writer);
  } else if (fit(int16_t{})) {
    AddAs<int16_t>(column, writer);
  } else if (fit(int32_t{})) {
    AddAs<int32_t>(column, writer);
  } else {
    AddAs<int64_t>(column, writer);
  }
}

// A column of coded bytes.
struct CodedColumn {
  size_t width = 0;  // of a number
  absl::string_view bytes;
};

CodedColumn ReadColumn(ByteReader& reader, size_t count) {
  CodedColumn column;
  column.width = reader.Read<uint8_t>();
  column.bytes = reader.ReadBytes(count * column.width);
  return column;
}

bool HasDoubles(const CodedColumn& column) {
  return column.width == sizeof(float) || column.width == sizeof(double);
}

bool HasIntegers(const CodedColumn& column) {
  return HasDoubles(column) || column.width == sizeof(int8_t) || column.width == sizeof(int16_t);
}

// Writes numbers of type Narrow, from the `begin`th on, to a member of each.
template <typename Narrow, typename T>
void DecodeAs(const CodedColumn& column, size_t begin, T Presentation::*member,
              absl::Span<Presentation> out) {
  const char* in = column.bytes.data() + begin * sizeof(Narrow);
  for (Presentation& one : out) {
    Narrow narrow = 0;
    std::memcpy(&narrow, in, sizeof(Narrow));
    in += sizeof(Narrow);
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): a small number, no character.
    one.*member = static_cast<T>(narrow);
  }
}

void Decode(const CodedColumn& column, size_t begin, double Presentation::*member,
            absl::Span<Presentation> out) {
  if (column.width == sizeof(float)) {
    DecodeAs<float>(column, begin, member, out);
  } else {
    DecodeAs<double>(column, begin, member, out);
  }
}

void Decode(const CodedColumn& column, size_t begin, int64_t Presentation::*member,
            absl::Span<Presentation> out) {
  switch (column.width) {
    case sizeof(int8_t):
      DecodeAs<int8_t>(column, begin, member, out);
      break;
    case sizeof(int16_t):
      DecodeAs<int16_t>(column, begin, member, out);
      break;
    case sizeof(int32_t):
      DecodeAs<int32_t>(column, begin, member, out);
      break;
    default:
      DecodeAs<int64_t>(column, begin, member, out);
  }
}

// Writes what is true or false of presentations whose classes are decoded.
void DecodeBits(absl::string_view bytes, absl::Span<Presentation> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const auto bits = static_cast<uint8_t>(bytes[i]);
    Presentation& one = out[i];
    one.correct = (bits & kCorrect) != 0;
    one.label = (bits & kLabelIsOne) != 0 ? 1 : 0;
    if ((bits & kLabelIsClass) != 0) one.label = one.class_id;
  }
}

// Reads all columns, which end with the bytes. Returns false where they do not.
bool ReadPresentations(ByteReader& reader, size_t count, std::vector<Presentation>& out) {
  const CodedColumn ids = ReadColumn(reader, count);
  const CodedColumn classes = ReadColumn(reader, count);
  std::array<CodedColumn, 4> doubles;
  for (CodedColumn& column : doubles) column = ReadColumn(reader, count);
  const absl::string_view bits = reader.ReadBytes(count);
  const bool fit = HasIntegers(ids) && HasIntegers(classes) &&
                   std::all_of(doubles.begin(), doubles.end(), HasDoubles);
  if (!fit || !reader.ok() || !reader.AtEnd()) return false;
  out.resize(count);
  // A block at a time, which stays in a cache from column to column.
  constexpr size_t kBlock = 256;
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const absl::Span<Presentation> block = absl::MakeSpan(out).subspan(begin, kBlock);
    Decode(ids, begin, &Presentation::id, block);
    Decode(classes, begin, &Presentation::class_id, block);
    Decode(doubles[0], begin, &Presentation::true_probability, block);
    Decode(doubles[1], begin, &Presentation::loss, block);
    Decode(doubles[2], begin, &Presentation::margin, block);
    Decode(doubles[3], begin, &Presentation::gradient_l1, block);
    DecodeBits(bits.substr(begin, kBlock), block);
  }
  return true;
}

// Returns the columns of what is finite, and counts what is not.
Columns ReadPresentations(const RunBatch& batch, int64_t& non_finite) {
  constexpr int64_t kBlock = 64;
  std::array<Presentation, kBlock> read;
  Columns columns;
  columns.Reserve(static_cast<size_t>(batch.sample_count));
  for (int64_t begin = 0; begin < batch.sample_count; begin += kBlock) {
    const auto size = static_cast<size_t>(std::min(kBlock, batch.sample_count - begin));
    const absl::Span<Presentation> block(read.data(), size);
    batch.read(begin, block);
    for (const Presentation& one : block) {
      if (one.ignored) continue;
      if (one.finite()) {
        columns.Add(one);
      } else {
        ++non_finite;
      }
    }
  }
  return columns;
}

}  // namespace

std::string EncodeBatch(const RunBatch& batch) {
  int64_t non_finite = 0;
  const Columns columns = ReadPresentations(batch, non_finite);
  std::string bytes;
  bytes.reserve(kMostHeader + kMostBytes * columns.ids.size());
  ByteWriter writer(bytes);
  writer.Add(kFormat);
  const int has = (batch.step ? kHasStep : 0) | (batch.epoch ? kHasEpoch : 0) |
                  (batch.learning_rate ? kHasLearningRate : 0);
  writer.Add(static_cast<uint8_t>(has));
  writer.Add(batch.step.value_or(0));
  writer.Add(batch.epoch.value_or(0));
  writer.Add(batch.learning_rate.value_or(0));
  writer.Add(non_finite);
  writer.Add(static_cast<uint64_t>(columns.ids.size()));
  AddColumn(columns.ids, writer);
  AddColumn(columns.classes, writer);
  for (const auto* column :
       {&columns.true_probabilities, &columns.losses, &columns.margins, &columns.gradients}) {
    AddColumn(*column, writer);
  }
  writer.AddBytes({reinterpret_cast<const char*>(columns.bits.data()), columns.bits.size()});
  return bytes;
}

int64_t BytesOfCoding(int64_t sample_count) {
  // Beside the bytes there are the columns, a journal's copy of the bytes, or what is decoded.
  constexpr size_t kColumns = 6 * sizeof(int64_t) + 1;
  constexpr size_t kBeside = std::max({kColumns, kMostBytes, sizeof(Presentation)});
  return 2 * static_cast<int64_t>(kMostHeader) +
         sample_count * static_cast<int64_t>(kMostBytes + kBeside);
}

absl::StatusOr<CodedBatch> DecodeBatch(absl::string_view bytes) {
  ByteReader reader(bytes);
  CodedBatch batch;
  const absl::Status damaged = absl::DataLossError("a batch of the journal is damaged");
  if (reader.Read<uint8_t>() != kFormat) return damaged;
  const auto has = reader.Read<uint8_t>();
  const auto step = reader.Read<int64_t>();
  const auto epoch = reader.Read<int64_t>();
  const auto learning_rate = reader.Read<double>();
  if ((has & kHasStep) != 0) batch.step = step;
  if ((has & kHasEpoch) != 0) batch.epoch = epoch;
  if ((has & kHasLearningRate) != 0) batch.learning_rate = learning_rate;
  batch.non_finite = reader.Read<int64_t>();
  const auto count = reader.Read<uint64_t>();
  if (!reader.ok() || count > bytes.size() || step < 0) return damaged;
  if (!ReadPresentations(reader, static_cast<size_t>(count), batch.presentations)) return damaged;
  return batch;
}

}  // namespace lossd::runs
