#include "server/config/setting_table.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace lossd {
namespace {

constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kMaxMessageBytes = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxInFlightBytes = int64_t{1} << 50;
// gRPC takes its times as milliseconds in an int.
constexpr absl::Duration kMaxTime = absl::Hours(24 * 20);

constexpr ChoiceKind<LogFormat>::Word kLogFormats[] = {{"text", LogFormat::kText},
                                                       {"json", LogFormat::kJson}};
constexpr ChoiceKind<LogLevel>::Word kLogLevels[] = {{"debug", LogLevel::kDebug},
                                                     {"info", LogLevel::kInfo},
                                                     {"warning", LogLevel::kWarning},
                                                     {"error", LogLevel::kError}};

constexpr absl::Duration kMaxAge = absl::Hours(24 * 3650);
constexpr ChoiceKind<RunsSync>::Word kRunsSync[] = {{"normal", RunsSync::kNormal},
                                                    {"full", RunsSync::kFull}};
constexpr ChoiceKind<RunsOnFailure>::Word kRunsOnFailure[] = {{"refuse", RunsOnFailure::kRefuse},
                                                              {"answer", RunsOnFailure::kAnswer}};

constexpr Setting kTable[] = {
    {"listen", "ADDRESS", AddressesKind{&Settings::listen}, TakesEffect::kAtRestart,
     "listens at `host:port` or `unix:path`; repeatable, or split by commas; port 0 takes a free "
     "one",
     "keep to `127.0.0.1` or a socket where clients are on the same host"},
    {"max-message-bytes", "SIZE", SizeKind{&Settings::max_message_bytes, kKiB, kMaxMessageBytes},
     TakesEffect::kAtRestart,
     "refuses a larger request, and a request with a larger answer, before it computes",
     "raise it, on client and server, for larger batches; memory in flight grows with it"},
    {"max-in-flight-bytes", "SIZE",
     SizeKind{&Settings::max_in_flight_bytes, kKiB, kMaxInFlightBytes, "auto"},
     TakesEffect::kAtRestart,
     "bounds the memory of requests that arrive or wait, and of their answers; `auto` is the "
     "larger of `1GiB` and 16 × `--max-message-bytes`",
     "half of what the container has"},
    {"max-connections", "COUNT", CountKind{&Settings::max_connections, 1, 1'000'000},
     TakesEffect::kAtRestart, "closes further connections at once", "with the limit of open files"},
    {"max-streams-per-connection", "COUNT",
     CountKind{&Settings::max_streams_per_connection, 1, 100'000}, TakesEffect::kAtRestart,
     "makes a client wait with further calls", "raise it for a proxy that has few connections"},
    {"max-connection-age", "TIME",
     TimeKind{&Settings::max_connection_age, absl::Milliseconds(100), kMaxTime},
     TakesEffect::kAtRestart,
     "asks a client to connect anew after that time, within 10 %; its calls go on",
     "keep 1.1 × it below the drain's timeout less its delay; longer where connecting is dear"},
    {"stall-timeout", "TIME", TimeKind{&Settings::stall_timeout, absl::Milliseconds(100), kMaxTime},
     TakesEffect::kAtRestart,
     "ends a request that does not finish arriving, an answer that is not read, a wait for room, "
     "and the connection of a silent client",
     "raise it for slow networks"},
    {"min-ping-interval", "TIME",
     TimeKind{&Settings::min_ping_interval, absl::Milliseconds(1), kMaxTime},
     TakesEffect::kAtRestart, "closes the connection of a client that pings more often", "–"},
    {"accept-compressed", "SWITCH", SwitchKind{&Settings::accept_compressed},
     TakesEffect::kAtRestart,
     "takes requests with a `grpc-encoding`, which are unpacked whatever they hold",
     "where all clients are trusted, and a slow network has time for it"},
    {"tls-cert", "FILE", FileKind{&Settings::tls_cert}, TakesEffect::kAtRestart,
     "speaks [TLS](#tls-and-tokens) at all TCP addresses, with this certificate and those between "
     "it and its root, in PEM; the file is read again when it changes",
     "wherever the network is not private; with `--tls-key`"},
    {"tls-key", "FILE", FileKind{&Settings::tls_key}, TakesEffect::kAtRestart,
     "has the certificate's key, in PEM and without a password; is read again with it",
     "with `--tls-cert`"},
    {"tls-client-ca", "FILE", FileKind{&Settings::tls_client_ca}, TakesEffect::kAtRestart,
     "takes only clients whose certificate one of the authorities in this file has signed, in PEM; "
     "is read again with the certificate",
     "where the network's clients have certificates of their own"},
    {"token-file", "FILE", FileKind{&Settings::token_file}, TakesEffect::kAtRestart,
     "answers only calls that have one of the [tokens](#tls-and-tokens) in this file; it is read "
     "again when it changes",
     "wherever not everybody who reaches the port may call"},
    {"no-reflection", "SWITCH", SwitchKind{&Settings::no_reflection}, TakesEffect::kAtRestart,
     "answers no server reflection", "where nobody is to explore the service with tools"},
    {"drain-delay", "TIME", TimeKind{&Settings::drain_delay, absl::ZeroDuration(), kMaxTime},
     TakesEffect::kAtReload,
     "answers as before for so long after the signal to stop, while health says NOT_SERVING",
     "`0s` where no load balancer looks at health"},
    {"drain-timeout", "TIME", TimeKind{&Settings::drain_timeout, absl::ZeroDuration(), kMaxTime},
     TakesEffect::kAtReload, "cancels what is left so long after the signal; the delay counts",
     "below the grace of what stops it"},
    {"threads", "COUNT", CountKind{&Settings::threads, 0, 1024}, TakesEffect::kAtRestart,
     "computes on so many threads; 0 is one for each CPU of the affinity mask and the cgroup's "
     "quota",
     "lower it where a trainer shares the CPUs"},
    {"log-format", "FORMAT", ChoiceKind<LogFormat>{&Settings::log_format, kLogFormats},
     TakesEffect::kAtRestart, "writes `text` or `json` to stderr, one line an entry",
     "`json` for log collectors"},
    {"log-level", "LEVEL", ChoiceKind<LogLevel>{&Settings::log_level, kLogLevels},
     TakesEffect::kAtReload, "writes entries of this level and above", "`warning` for a quiet log"},
    {"access-log", "SWITCH", SwitchKind{&Settings::access_log}, TakesEffect::kAtRestart,
     "writes an entry for each call, at level info", "to see who calls what"},
    {"metrics-listen", "ADDRESS", AddressKind{&Settings::metrics_listen}, TakesEffect::kAtRestart,
     "shows [metrics](#metrics) and health over HTTP at `host:port` or `unix:path`; port 0 takes a "
     "free one",
     "for Prometheus; keep it in the private network: it asks for no token"},
    {"runs", "STORE", RunStoreKind{&Settings::runs}, TakesEffect::kAtRestart,
     "keeps [training runs](#training-runs) in memory, until the server stops, in a file of "
     "SQLite, "
     "or in Redis: `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`; or none",
     "a file where runs are to outlive the server, Redis where several share them; `none` where "
     "nobody is to make the server keep anything"},
    {"runs-sync", "MODE", ChoiceKind<RunsSync>{&Settings::runs_sync, kRunsSync},
     TakesEffect::kAtRestart,
     "with `sqlite:`, answers when the system has the batch, which outlives lossd, or with `full` "
     "when the disk has it",
     "`full` where batches are to outlive a power cut; each then waits for the disk"},
    {"runs-on-failure", "ACTION",
     ChoiceKind<RunsOnFailure>{&Settings::runs_on_failure, kRunsOnFailure}, TakesEffect::kAtRestart,
     "refuses a batch that its run could not take, or answers it without the run",
     "`answer` where training is to go on whatever becomes of its statistics"},
    {"runs-max-bytes", "SIZE", SizeKind{&Settings::runs_max_bytes, kKiB* kKiB, kMaxInFlightBytes},
     TakesEffect::kAtRestart,
     "bounds what all runs take together, in memory about 95 bytes a sample; the run that was not "
     "updated for longest goes first",
     "for more samples than ten million"},
    {"runs-max-age", "TIME", TimeKind{&Settings::runs_max_age, absl::Seconds(1), kMaxAge},
     TakesEffect::kAtRestart, "lets a run go that was not updated for so long", "–"},
    {"runs-request-ids", "COUNT", CountKind{&Settings::runs_request_ids, 1, 1'000'000'000},
     TakesEffect::kAtRestart,
     "remembers so many requests of a run, in 24 bytes each: the newest, which are not counted "
     "again",
     "more than the requests that a client may still send again"},
    {"web-listen", "ADDRESS", AddressKind{&Settings::web_listen}, TakesEffect::kAtRestart,
     "shows the [live page](#the-live-page) of training runs over HTTP at `host:port` or "
     "`unix:path`; port 0 takes a free one",
     "to watch a training; plain text: `127.0.0.1`, or a proxy with TLS before it"},
};

}  // namespace

std::string Setting::Flag() const { return absl::StrCat("--", name); }

std::string Setting::Variable() const {
  return absl::StrCat("LOSSD_", absl::StrReplaceAll(absl::AsciiStrToUpper(name), {{"-", "_"}}));
}

std::string Setting::Range() const {
  return std::visit([](const auto& one) { return one.Range(); }, kind);
}

absl::Status Setting::Read(absl::string_view value, Settings& settings) const {
  return std::visit([&](const auto& one) { return one.Read(value, settings); }, kind);
}

std::string Setting::Print(const Settings& settings) const {
  return std::visit([&](const auto& one) { return one.Print(settings); }, kind);
}

absl::Span<const Setting> SettingTable() { return kTable; }

const Setting* FindSetting(absl::string_view name) {
  for (const Setting& setting : kTable) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

}  // namespace lossd
