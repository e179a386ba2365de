#include "server/config/yaml_mapping.h"

#include <yaml.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lossd {
namespace {

// An event of libyaml's.
class Event {
 public:
  explicit Event(const yaml_event_t& event) : event_(event) {}
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_type_t type() const { return event_.type; }
  int line() const { return static_cast<int>(event_.start_mark.line) + 1; }
  // Of a scalar.
  std::string text() const {
    const auto& scalar = event_.data.scalar;
    return {reinterpret_cast<const char*>(scalar.value), scalar.length};
  }

 private:
  yaml_event_t event_;
};

absl::string_view NameOf(yaml_event_type_t type) {
  switch (type) {
    case YAML_SCALAR_EVENT:
      return "a text";
    case YAML_SEQUENCE_START_EVENT:
      return "a list";
    case YAML_MAPPING_START_EVENT:
      return "a mapping";
    case YAML_ALIAS_EVENT:
      return "an alias";
    default:
      return "something else";
  }
}

// Takes entries from libyaml's events until it meets a fault. Events come one by one, so that what
// is nested deeply is refused before libyaml has read all of it, which takes long.
class Reader {
 public:
  explicit Reader(absl::string_view document) : document_(document) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(document_.data()),
                                 document_.size());
  }
  ~Reader() { yaml_parser_delete(&parser_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  YamlMapping Read() && {
    if (Next() && Next() && event_->type() != YAML_STREAM_END_EVENT && Next()) ReadDocument();
    return std::move(mapping_);
  }

 private:
  void ReadDocument() {
    if (event_->type() == YAML_MAPPING_START_EVENT) {
      while (Next() && event_->type() != YAML_MAPPING_END_EVENT && ReadEntry()) continue;
    } else if (event_->type() != YAML_SCALAR_EVENT || !event_->text().empty()) {
      Fail(event_->line(), absl::StrCat(NameOf(event_->type()), ", expected lines NAME: VALUE"));
    }
    if (!mapping_.fault.empty()) return;
    // The end of the document, and of the stream.
    if (Next() && Next() && event_->type() != YAML_STREAM_END_EVENT) {
      Fail(event_->line(), "a second document begins, expected one");
    }
  }

  // Reads the key that is the current event, and its value. Returns false after a fault.
  bool ReadEntry() {
    YamlEntry entry;
    entry.line = event_->line();
    if (event_->type() != YAML_SCALAR_EVENT) {
      return Fail(entry.line, absl::StrCat(NameOf(event_->type()), ", expected a name"));
    }
    entry.key = event_->text();
    if (!Next()) return false;
    if (event_->type() == YAML_SCALAR_EVENT) {
      entry.texts.push_back(event_->text());
    } else if (event_->type() == YAML_SEQUENCE_START_EVENT) {
      entry.shape = YamlEntry::Shape::kList;
      while (Next() && event_->type() == YAML_SCALAR_EVENT) entry.texts.push_back(event_->text());
      if (!mapping_.fault.empty()) return false;
      if (event_->type() != YAML_SEQUENCE_END_EVENT) {
        return Fail(event_->line(), absl::StrCat(entry.key, ": ", NameOf(event_->type()),
                                                 " in a list, expected a text"));
      }
    } else {
      return Fail(event_->line(), absl::StrCat(entry.key, ": ", NameOf(event_->type()),
                                               ", expected a text or a list"));
    }
    mapping_.entries.push_back(std::move(entry));
    return true;
  }

  // Makes the next event the current one. Returns false after a fault.
  bool Next() {
    yaml_event_t event;
    if (yaml_parser_parse(&parser_, &event) != 0) {
      event_.emplace(event);
      return true;
    }
    const absl::string_view problem = parser_.problem == nullptr ? "no memory" : parser_.problem;
    size_t line = parser_.problem_mark.line;
    if (parser_.error == YAML_READER_ERROR) {  // It knows bytes alone.
      const size_t before = std::min(parser_.problem_offset, document_.size());
      line = static_cast<size_t>(std::count(document_.begin(), document_.begin() + before, '\n'));
    }
    return Fail(static_cast<int>(line) + 1, absl::StrCat("no YAML: ", problem));
  }

  bool Fail(int line, std::string fault) {
    mapping_.fault_line = line;
    mapping_.fault = std::move(fault);
    return false;
  }

  const absl::string_view document_;
  yaml_parser_t parser_ = {};
  std::optional<Event> event_;
  YamlMapping mapping_;
};

// Returns true for what means the same without quotes wherever it stands.
bool IsPlain(absl::string_view text) {
  constexpr absl::string_view kPlainSigns = "._/:-";
  const auto is_plain = [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           kPlainSigns.find(c) != absl::string_view::npos;
  };
  return !text.empty() && absl::ascii_isalnum(static_cast<unsigned char>(text.front())) &&
         text.back() != ':' && std::all_of(text.begin(), text.end(), is_plain);
}

}  // namespace

YamlMapping ParseYamlMapping(absl::string_view document) { return Reader(document).Read(); }

std::string YamlScalar(absl::string_view text) {
  if (IsPlain(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&quoted, "\\x%02x", c);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace lossd
