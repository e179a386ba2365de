#include "server/config/configuration.h"

#include <cstdlib>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/config_file.h"
#include "server/config/duration.h"
#include "server/process/version.h"

namespace lossd {
namespace {

constexpr char kConfigVariable[] = "LOSSD_CONFIG";

size_t IndexOf(const Setting& setting) {
  return static_cast<size_t>(&setting - SettingTable().data());
}

// Sets what is assigned, and adds what cannot be to `faults`.
void Assign(const std::vector<Assignment>& assignments, Configuration& configuration,
            std::vector<std::string>& faults) {
  for (const auto& [setting, value, origin] : assignments) {
    const absl::Status status = setting->Read(value, configuration.settings);
    if (!status.ok())
      faults.push_back(absl::StrCat(NameAt(*setting, origin), ": ", status.message()));
    configuration.origins[IndexOf(*setting)] = origin;
  }
}

// Returns what is wrong with settings that are right each by itself; "" when nothing is.
std::string WhyNotTogether(const Configuration& configuration) {
  const Settings& settings = configuration.settings;
  const auto name_of = [&configuration](absl::string_view name) {
    const Setting& setting = *FindSetting(name);
    return NameAt(setting, configuration.origins[IndexOf(setting)]);
  };
  if (settings.max_in_flight_bytes != 0 &&
      settings.max_in_flight_bytes < settings.max_message_bytes) {
    return absl::StrCat(name_of("max-in-flight-bytes"), ": ", settings.max_in_flight_bytes,
                        " bytes are less than the ", settings.max_message_bytes, " of ",
                        name_of("max-message-bytes"));
  }
  if (settings.drain_delay > settings.drain_timeout) {
    return absl::StrCat(name_of("drain-delay"), ": ", PrintTime(settings.drain_delay),
                        " are longer than the ", PrintTime(settings.drain_timeout), " of ",
                        name_of("drain-timeout"), ", of which they are a part");
  }
  if (settings.tls_cert.empty() != settings.tls_key.empty()) {
    const bool has_cert = !settings.tls_cert.empty();
    return absl::StrCat(name_of(has_cert ? "tls-cert" : "tls-key"), ": is set without ",
                        name_of(has_cert ? "tls-key" : "tls-cert"), ", expected both or neither");
  }
  if (!settings.tls_client_ca.empty() && settings.tls_cert.empty()) {
    return absl::StrCat(name_of("tls-client-ca"), ": is set without ", name_of("tls-cert"), " and ",
                        name_of("tls-key"), ", which it needs");
  }
  return "";
}

// Returns the settings' variables, but for those whose flag is there.
std::vector<Assignment> ReadEnvironment(const Environment& environment,
                                        const std::vector<Assignment>& flags) {
  std::vector<Assignment> variables;
  for (const Setting& setting : SettingTable()) {
    bool is_beaten = false;
    for (const Assignment& flag : flags) is_beaten |= flag.setting == &setting;
    const std::string value = environment(setting.Variable()).value_or("");
    if (is_beaten || value.empty()) continue;
    variables.push_back({&setting, value, {Origin::Kind::kEnvironment, ""}});
  }
  return variables;
}

}  // namespace

absl::StatusOr<Configuration> ConfigurationSources::Read() const {
  Configuration configuration;
  configuration.origins.resize(SettingTable().size());
  std::vector<std::string> faults;
  if (!file.empty()) {
    const absl::StatusOr<std::string> text = ReadConfigFile(file);
    if (!text.ok()) return text.status();
    const auto assignments = ParseConfigText(*text, file);
    if (!assignments.ok()) {
      faults.emplace_back(assignments.status().message());
    } else {
      Assign(*assignments, configuration, faults);
    }
  }
  Assign(variables, configuration, faults);
  Assign(flags, configuration, faults);
  if (faults.empty()) {
    std::string problem = WhyNotTogether(configuration);
    if (!problem.empty()) faults.push_back(std::move(problem));
  }
  if (!faults.empty()) return absl::InvalidArgumentError(absl::StrJoin(faults, "\n"));
  return configuration;
}

std::string PrintConfiguration(const Configuration& configuration) {
  std::string text = absl::StrCat("# lossd ", Version(), "\n");
  for (const Setting& setting : SettingTable()) {
    absl::StrAppend(
        &text, ConfigLine(setting, setting.Print(configuration.settings)), "  # ",
        absl::Utf8SafeCHexEscape(Whence(setting, configuration.origins[IndexOf(setting)])), "\n");
  }
  return text;
}

std::optional<std::string> ProcessEnvironment(absl::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

namespace {

ConfigurationOutcome ConfigureAll(std::vector<std::string> arguments,
                                  const Environment& environment) {
  CommandLine line = ReadCommandLine(std::move(arguments));
  ConfigurationOutcome outcome;
  outcome.exit = std::move(line.exit);
  // Who asks for the health looks at the exit status alone.
  if (!outcome.exit && line.health_check && line.print_config) {
    outcome.exit = UsageError("--healthcheck and --print-config exclude each other");
  }
  if (outcome.exit) return outcome;
  outcome.sources.variables = ReadEnvironment(environment, line.assignments);
  outcome.sources.flags = std::move(line.assignments);
  outcome.sources.file = line.config_file.empty() ? environment(kConfigVariable).value_or("")
                                                  : std::move(line.config_file);
  absl::StatusOr<Configuration> configuration = outcome.sources.Read();
  if (!configuration.ok()) {
    outcome.exit = UsageError(configuration.status().message());
    return outcome;
  }
  outcome.configuration = *std::move(configuration);
  if (line.health_check) outcome.command = Command::kCheckHealth;
  if (line.print_config) {
    outcome.exit = ProgramExit{0, PrintConfiguration(outcome.configuration), ""};
  }
  return outcome;
}

}  // namespace

ConfigurationOutcome Configure(std::vector<std::string> arguments, const Environment& environment) {
  constexpr int kBadFlagsOfAProbe = 1;
  const bool probes = absl::c_linear_search(arguments, "--healthcheck");
  ConfigurationOutcome outcome = ConfigureAll(std::move(arguments), environment);
  if (probes && outcome.exit && outcome.exit->code != 0) outcome.exit->code = kBadFlagsOfAProbe;
  return outcome;
}

}  // namespace lossd
