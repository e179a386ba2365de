#include "server/rpc/wire/parsed_size.h"

#include <algorithm>
#include <limits>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/message.h"
#include "google/protobuf/wire_format_lite.h"
#include "server/rpc/wire/pieces_stream.h"

namespace lossd::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Lists grow by doubling, and are copied then: for a moment, one and two are there for one in use.
constexpr double kGrowth = 3;
constexpr double kBytesOfUnknownField = 16 * kGrowth;
constexpr double kBytesOfNumber = 8 * kGrowth;
// What malloc and the list of pointers take beside an object.
constexpr double kBytesAround = 32;

// Returns the memory of an empty message.
double SizeOfEmpty(const Descriptor& type) {
  const auto* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type);
  return kBytesAround + static_cast<double>(prototype->SpaceUsedLong());
}

// Returns how many times as much memory a packed list takes as on the wire.
double PackedFactor(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return kBytesOfNumber;
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return kGrowth;
    default:
      return kBytesOfNumber / 2;
  }
}

class Sizer {
 public:
  explicit Sizer(CodedInputStream& input) : input_(input) {}

  // Returns the size of what is left up to the input's limit, fields of a message of `type`.
  double SizeOfFields(const Descriptor& type) {
    double size = 0;
    const FieldDescriptor* field = nullptr;
    while (const uint32_t tag = input_.ReadTag()) {
      const int number = WireFormatLite::GetTagFieldNumber(tag);
      // Fields of a list follow one another.
      if (field == nullptr || field->number() != number) field = type.FindFieldByNumber(number);
      if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        size += SizeOfBytes(field);
        continue;
      }
      const int begin = input_.CurrentPosition();
      if (!WireFormatLite::SkipField(&input_, tag)) break;
      // A group is unknown, and may be full of fields of two bytes.
      const int skipped = input_.CurrentPosition() - begin;
      size += kBytesOfUnknownField * std::max(1, skipped / 2);
    }
    return size;
  }

 private:
  double SizeOfBytes(const FieldDescriptor* field) {
    uint32_t length = 0;
    if (!input_.ReadVarint32(&length)) return 0;
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return SizeOfMessage(*field->message_type(), length);
    }
    input_.Skip(static_cast<int>(length));
    if (field == nullptr || field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      return kBytesOfUnknownField + kBytesAround + length;
    }
    return kBytesAround + PackedFactor(*field) * length;
  }

  double SizeOfMessage(const Descriptor& type, uint32_t length) {
    if (&type != last_type_) {
      last_type_ = &type;
      last_empty_ = SizeOfEmpty(type);
    }
    const double empty = last_empty_;
    if (length == 0) return empty;
    if (!input_.IncrementRecursionDepth()) return empty;
    const auto limit = input_.PushLimit(static_cast<int>(length));
    const double fields = SizeOfFields(type);
    // Bytes that are no fields are where protobuf stops, too.
    input_.Skip(input_.BytesUntilLimit());
    input_.PopLimit(limit);
    input_.DecrementRecursionDepth();
    return empty + fields;
  }

  CodedInputStream& input_;
  const Descriptor* last_type_ = nullptr;
  double last_empty_ = 0;
};

}  // namespace

double ParsedSize(const wire::BytePieces& bytes, const Descriptor& type) {
  PiecesStream stream(bytes);
  CodedInputStream input(&stream);
  input.SetTotalBytesLimit(std::numeric_limits<int>::max());
  return Sizer(input).SizeOfFields(type);
}

}  // namespace lossd::rpc
