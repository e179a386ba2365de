#include "server/config/command_line.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/process/version.h"

namespace lossd {
namespace {

std::string HelpOf(const Setting& setting) {
  return absl::StrCat(absl::StrReplaceAll(setting.effect, {{"`", ""}}), "\n(", setting.Variable(),
                      "; ", setting.Range(), "; default: ", setting.Print(Settings()), ")");
}

CLI::Option* AddOption(CLI::App& app, const Setting& setting, std::string& value) {
  CLI::Option* option = app.add_option(setting.Flag(), value, HelpOf(setting))
                            ->type_name(std::string(setting.placeholder));
  if (setting.IsList()) {
    option->multi_option_policy(CLI::MultiOptionPolicy::Join)->delimiter(',');
  } else {
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  return option;
}

// Gives each switch that has no value `on`.
void CompleteSwitches(std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i + 1 < arguments.size() && !absl::StartsWith(arguments[i + 1], "-")) continue;
    for (const Setting& setting : SettingTable()) {
      if (setting.IsSwitch() && arguments[i] == setting.Flag()) arguments[i] += "=on";
    }
  }
}

}  // namespace

ProgramExit UsageError(absl::string_view problems) {
  std::string text;
  for (const absl::string_view problem : absl::StrSplit(problems, '\n')) {
    absl::StrAppend(&text, "lossd: ", problem, "\n");
  }
  return {kUsageExitCode, "", absl::StrCat(text, "Try 'lossd --help'.\n")};
}

CommandLine ReadCommandLine(std::vector<std::string> arguments) {
  CommandLine line;
  CLI::App app("lossd: classification losses, their gradients and statistics over gRPC", "lossd");
  app.set_version_flag("--version", absl::StrCat("lossd ", Version()), "print the version");
  app.set_help_flag("-h,--help", "print this help");
  app.add_option("--config", line.config_file,
                 "a YAML file of settings, which flags and variables beat; read again at SIGHUP\n"
                 "(LOSSD_CONFIG)")
      ->type_name("FILE")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_flag("--print-config", line.print_config,
               "print the settings that result, as --config reads them, and exit");
  app.add_flag("--healthcheck", line.health_check,
               "ask the server with these settings for its health, and exit as grpc_health_probe:\n"
               "0 serving, 1 settings, 2 no connection, 3 no answer, 4 not serving");
  const absl::Span<const Setting> table = SettingTable();
  std::vector<std::string> values(table.size());
  std::vector<CLI::Option*> options;
  for (size_t i = 0; i < table.size(); ++i) {
    options.push_back(AddOption(app, table[i], values[i]));
  }

  CompleteSwitches(arguments);
  // CLI11 takes them from the back.
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      line.exit = UsageError(error.what());
    } else {
      std::ostringstream standard_output;
      app.exit(error, standard_output, standard_output);
      line.exit = ProgramExit{0, standard_output.str(), ""};
    }
    return line;
  }
  for (size_t i = 0; i < table.size(); ++i) {
    if (options[i]->count() == 0) continue;
    line.assignments.push_back({&table[i], values[i], {Origin::Kind::kFlag, ""}});
  }
  return line;
}

}  // namespace lossd
