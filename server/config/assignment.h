#ifndef LOSSD_SERVER_CONFIG_ASSIGNMENT_H_
#define LOSSD_SERVER_CONFIG_ASSIGNMENT_H_

#include <string>

#include "server/config/setting_table.h"

namespace lossd {

// Where a setting's value is from, each beaten by those below it.
struct Origin {
  enum class Kind { kDefault, kFile, kEnvironment, kFlag };

  Kind kind = Kind::kDefault;
  std::string place;  // of kFile: FILE:LINE
};

// A value that one origin has for a setting, as a text for Setting::Read().
struct Assignment {
  const Setting* setting;
  std::string value;
  Origin origin;
};

// Returns the setting's name there, for errors: "--threads", "LOSSD_THREADS",
// "lossd.yaml:3: threads".
std::string NameAt(const Setting& setting, const Origin& origin);

// Returns where it is from, for people who ask: "default", "lossd.yaml:3", "LOSSD_THREADS",
// "--threads".
std::string Whence(const Setting& setting, const Origin& origin);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_ASSIGNMENT_H_
