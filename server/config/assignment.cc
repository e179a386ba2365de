#include "server/config/assignment.h"

#include "absl/strings/str_cat.h"

namespace lossd {

std::string NameAt(const Setting& setting, const Origin& origin) {
  switch (origin.kind) {
    case Origin::Kind::kFile:
      return absl::StrCat(origin.place, ": ", setting.name);
    case Origin::Kind::kEnvironment:
      return setting.Variable();
    case Origin::Kind::kDefault:
    case Origin::Kind::kFlag:
      break;
  }
  return setting.Flag();
}

std::string Whence(const Setting& setting, const Origin& origin) {
  if (origin.kind == Origin::Kind::kDefault) return "default";
  if (origin.kind == Origin::Kind::kFile) return origin.place;
  return NameAt(setting, origin);
}

}  // namespace lossd
