#ifndef LOSSD_SERVER_CONFIG_YAML_MAPPING_H_
#define LOSSD_SERVER_CONFIG_YAML_MAPPING_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lossd {

// A key of a YAML mapping, and the text or the texts that it stands for.
struct YamlEntry {
  enum class Shape { kText, kList };

  int line = 0;  // of the key, from 1
  std::string key;
  Shape shape = Shape::kText;
  std::vector<std::string> texts;  // of kText: one
};

// The entries of a mapping in their order, in which a key may come twice, up to the first fault.
struct YamlMapping {
  std::vector<YamlEntry> entries;
  std::string fault;  // "" if there is none
  int fault_line = 0;
};

// Reads a YAML document that is a mapping of texts to texts and lists of texts, or nothing.
// Whatever else YAML has is a fault: deeper nesting, aliases, further documents. A text is what
// stands there: no word is a number, a truth value or null.
YamlMapping ParseYamlMapping(absl::string_view document);

// Returns a text as a YAML scalar, in quotes where it must be. It may stand in a list, too.
std::string YamlScalar(absl::string_view text);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_YAML_MAPPING_H_
