#include "server/config/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/config/yaml_mapping.h"

namespace lossd {
namespace {

std::string NamesOfSettings() {
  return absl::StrJoin(SettingTable(), ", ", [](std::string* text, const Setting& setting) {
    absl::StrAppend(text, setting.name);
  });
}

// Returns what is wrong with an entry but for its value; "" if nothing is.
std::string FaultOf(const YamlEntry& entry, const Setting* setting) {
  if (setting == nullptr) {
    return absl::StrCat("no setting has this name, expected one of ", NamesOfSettings());
  }
  if (entry.shape == YamlEntry::Shape::kList && !setting->IsList()) {
    return absl::StrCat("a list, expected ", setting->Range());
  }
  if (entry.texts.empty()) return absl::StrCat("an empty list, expected ", setting->Range());
  return "";
}

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  const auto failed = [&path](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("the configuration '", path, "' cannot be read: ", why));
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(std::strerror(errno));
  std::string text(kMaxConfigFileBytes + 1, '\0');
  errno = 0;
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return failed(std::strerror(errno));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxConfigFileBytes) {
    return failed(absl::StrCat("it has more than ", kMaxConfigFileBytes, " bytes"));
  }
  return text;
}

absl::StatusOr<std::vector<Assignment>> ParseConfigText(absl::string_view text,
                                                        const std::string& path) {
  const YamlMapping mapping = ParseYamlMapping(text);
  std::vector<Assignment> assignments;
  std::vector<std::string> faults;
  std::map<std::string, int> lines;
  for (const YamlEntry& entry : mapping.entries) {
    const std::string place = absl::StrCat(path, ":", entry.line);
    const Setting* setting = FindSetting(entry.key);
    std::string fault = FaultOf(entry, setting);
    const auto [first, is_first] = lines.emplace(entry.key, entry.line);
    if (!is_first) fault = absl::StrCat("it is in line ", first->second, " already, expected once");
    if (!fault.empty()) {
      faults.push_back(absl::StrCat(place, ": ", entry.key, ": ", fault));
      continue;
    }
    assignments.push_back({setting, absl::StrJoin(entry.texts, ","), {Origin::Kind::kFile, place}});
  }
  if (!mapping.fault.empty()) {
    faults.push_back(absl::StrCat(path, ":", mapping.fault_line, ": ", mapping.fault));
  }
  if (!faults.empty()) return absl::InvalidArgumentError(absl::StrJoin(faults, "\n"));
  return assignments;
}

std::string ConfigLine(const Setting& setting, absl::string_view value) {
  if (!setting.IsList()) return absl::StrCat(setting.name, ": ", YamlScalar(value));
  std::vector<std::string> scalars;
  for (const absl::string_view one : absl::StrSplit(value, ',')) scalars.push_back(YamlScalar(one));
  return absl::StrCat(setting.name, ": [", absl::StrJoin(scalars, ", "), "]");
}

}  // namespace lossd
